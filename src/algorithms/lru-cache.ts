import type { CacheOptions } from './cache.ts';
import { ListCache } from './list-cache.ts';

/**
 * A cache that lets go of what has gone unused for longest: least recently used.
 *
 * A list of all entries, the one used last in front; who is at its end leaves when there is no room. Plain, fast, and
 * right where what was used lately is used again soon. A single pass over many keys flushes all of it: `TinyLfuCache`
 * withstands that.
 *
 * ```text
 *   a hit ──→ front ⇄ … ⇄ … ⇄ end ──→ evicted
 *                  ↑_______╯
 * ```
 *
 * A request sequence never costs more than `k ÷ (k − h + 1)` times the misses of the best cache of `h` entries that knows
 * the future, `k` being this one's entries (Sleator and Tarjan, "Amortized efficiency of list update and paging rules",
 * 1985).
 *
 * @throws {TypeError | RangeError} for an option that is unknown, missing or out of range
 */
export class LruCache<K, V> extends ListCache<K, V> {
  constructor(options: CacheOptions<K, V>) {
    super('LruCache', options);
  }

  get(key: K): V | undefined {
    let slot = this.slots.get(key);
    if (this.watched) slot = this.heed(key, slot);
    if (slot === undefined) return undefined;
    this.touch(slot);
    return this.values[slot] as V;
  }

  protected touch(slot: number): void {
    const { links } = this;
    const before = links[(slot << 1) | 1] as number;
    if (before === 0) return;
    const after = links[slot << 1] as number;
    const first = links[0] as number;
    links[before << 1] = after;
    links[(after << 1) | 1] = before;
    links[slot << 1] = first;
    links[(slot << 1) | 1] = 0;
    links[(first << 1) | 1] = slot;
    links[0] = slot;
  }
}
