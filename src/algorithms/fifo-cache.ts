import type { CacheOptions } from './cache.ts';
import { ListCache } from './list-cache.ts';

/**
 * A cache that lets go of what has been there for longest: first in, first out.
 *
 * A hit moves nothing and a newer value keeps its key's place, so that no cache finds faster, and few hold less of what
 * is asked for again: what is asked for most leaves as soon as anything else. It is right where all entries have the same
 * short life, or for comparison.
 *
 * ```text
 *   new ──→ front ⇄ … ⇄ … ⇄ end ──→ evicted
 * ```
 *
 * A request sequence never costs more than `k ÷ (k − h + 1)` times the misses of the best cache of `h` entries that knows
 * the future, `k` being this one's entries (Sleator and Tarjan, "Amortized efficiency of list update and paging rules",
 * 1985): the same bound as for `LruCache`, which does better on most traces.
 *
 * @throws {TypeError | RangeError} for an option that is unknown, missing or out of range
 */
export class FifoCache<K, V> extends ListCache<K, V> {
  constructor(options: CacheOptions<K, V>) {
    super('FifoCache', options);
  }

  get(key: K): V | undefined {
    let slot = this.slots.get(key);
    if (this.watched) slot = this.heed(key, slot);
    return slot === undefined ? undefined : this.values[slot];
  }

  protected touch(): void {}
}
