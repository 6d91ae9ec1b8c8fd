import { firstLength, longerLinks } from './slot-arrays.ts';
import { SlotCache } from './slot-cache.ts';

/** A cache whose entries stand in one list: what is new comes to the front, and who is at the end leaves next. */
export abstract class ListCache<K, V> extends SlotCache<K, V> {
  /** From slot to slot in a ring: 0 is both ends, `next[0]` the first and `prev[0]` the last. */
  protected next: Uint32Array = new Uint32Array(firstLength);
  protected prev: Uint32Array = new Uint32Array(firstLength);

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
