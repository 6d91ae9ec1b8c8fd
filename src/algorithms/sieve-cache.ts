import type { CacheOptions, RemovalReason } from './cache.ts';
import { firstLength, longerBytes } from './slot-arrays.ts';
import { SlotCache } from './slot-cache.ts';

/**
 * A cache that sieves: a hit marks an entry, and a hand goes from the oldest to the newest, round and round, when room is
 * needed. Whom it finds marked stays where it is, without its mark; the first one without leaves, and there the hand
 * waits.
 *
 * A hit moves nothing, and what is asked for once goes soon. It is right for skewed demand, as that of the web. Where what
 * is new is asked for again just once or twice, and soon, it does far worse than `LruCache`: the hand stays among the
 * newest, and what got its mark long ago is never looked at again.
 *
 * ```text
 *   new ──→ newest · ○ · ● · ○ · ● · oldest      ○ unmarked   ● marked
 *                        ↖ hand                   ○ ──→ evicted, ● ──→ ○
 * ```
 *
 * Zhang, Yang, Yue, Vigfusson and Rashmi, "SIEVE is Simpler than LRU: an Efficient Turn-Key Eviction Algorithm for Web
 * Caches", NSDI 2024.
 *
 * @throws {TypeError | RangeError} for an option that is unknown, missing or out of range
 */
export class SieveCache<K, V> extends SlotCache<K, V> {
  /** 1 for who has been used since the hand came by. */
  private visited: Uint8Array = new Uint8Array(firstLength);
  /** Where it waits. 0: before the oldest. */
  private hand: number = 0;
  /** Those after the hand. The order of entries is that of the `Map`, where the oldest key comes first. */
  private ahead: Iterator<number> = [].values();
  private otherRemovals: number = 0;

  constructor(options: CacheOptions<K, V>) {
    super('SieveCache', options);
  }

  get(key: K): V | undefined {
    let slot = this.slots.get(key);
    if (this.watched) slot = this.heed(key, slot);
    if (slot === undefined) return undefined;
    this.touch(slot);
    return this.values[slot] as V;
  }

  protected touch(slot: number): void {
    // Most have their mark, and to look costs less than to write.
    if (this.visited[slot] === 0) this.visited[slot] = 1;
  }

  protected link(_slot: number): void {}

  protected unlink(slot: number, reason: RemovalReason): void {
    this.visited[slot] = 0;
    if (slot === this.hand) this.hand = this.next();
    if (reason !== 'evicted' && ++this.otherRemovals > this.slots.size) this.renew();
  }

  protected victim(): number {
    const { visited } = this;
    let slot = this.hand || this.oldest();
    while (visited[slot] === 1) {
      visited[slot] = 0;
      slot = this.next() || this.oldest();
    }
    this.hand = slot;
    return slot;
  }

  /** At the end the hand waits before the oldest, and not for what is new. */
  private next(): number {
    const { value, done } = this.ahead.next();
    return done ? 0 : value;
  }

  private oldest(): number {
    this.ahead = this.slots.values();
    return this.next();
  }

  /** An iterator holds on to each table that its `Map` has had since it was last moved: here those are let go of. */
  private renew(): void {
    this.otherRemovals = 0;
    if (this.hand === 0) return;
    let slot = this.oldest();
    while (slot !== this.hand) slot = this.next();
  }

  protected ranked(): Uint32Array {
    const { visited } = this;
    const circle = Uint32Array.from(this.slots.values());
    const from = Math.max(circle.indexOf(this.hand), 0);
    const order = new Uint32Array(circle.length);
    let left = circle.length;
    for (const round of [0, 1]) {
      for (let i = 0; i < circle.length; i++) {
        const slot = circle[(from + i) % circle.length] as number;
        if (visited[slot] === round) order[--left] = slot;
      }
    }
    return order;
  }

  protected override grow(length: number): void {
    super.grow(length);
    this.visited = longerBytes(this.visited, length);
  }

  protected override reset(): void {
    super.reset();
    this.visited = new Uint8Array(firstLength);
    this.hand = 0;
    this.ahead = [].values();
  }
}
