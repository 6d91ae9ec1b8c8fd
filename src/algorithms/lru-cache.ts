import type { CacheOptions } from './cache.ts';
import { firstLength, longerLinks } from './slot-arrays.ts';
import { SlotCache } from './slot-cache.ts';

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
export class LruCache<K, V> extends SlotCache<K, V> {
  /** From slot to slot in a ring: 0 is both ends, `next[0]` the one used last. */
  private next: Uint32Array = new Uint32Array(firstLength);
  private prev: Uint32Array = new Uint32Array(firstLength);

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
    const { next, prev } = this;
    const before = prev[slot] as number;
    if (before === 0) return;
    const after = next[slot] as number;
    const first = next[0] as number;
    next[before] = after;
    prev[after] = before;
    next[slot] = first;
    prev[first] = slot;
    prev[slot] = 0;
    next[0] = slot;
  }

  protected link(slot: number): void {
    const { next, prev } = this;
    const first = next[0] as number;
    next[slot] = first;
    prev[slot] = 0;
    prev[first] = slot;
    next[0] = slot;
  }

  protected unlink(slot: number): void {
    const { next, prev } = this;
    const before = prev[slot] as number;
    const after = next[slot] as number;
    next[before] = after;
    prev[after] = before;
  }

  protected victim(): number {
    return this.prev[0] as number;
  }

  protected ranked(): Uint32Array {
    const order = new Uint32Array(this.slots.size);
    let slot = 0;
    for (let i = 0; i < order.length; i++) order[i] = slot = this.next[slot] as number;
    return order;
  }

  protected override grow(length: number): void {
    super.grow(length);
    this.next = longerLinks(this.next, length);
    this.prev = longerLinks(this.prev, length);
  }

  protected override reset(): void {
    super.reset();
    this.next = new Uint32Array(firstLength);
    this.prev = new Uint32Array(firstLength);
  }
}
