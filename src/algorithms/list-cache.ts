import { firstLength, longerLinks } from './slot-arrays.ts';
import { SlotCache } from './slot-cache.ts';

/** A cache whose entries stand in one list: what is new comes to the front, and who is at the end leaves next. */
export abstract class ListCache<K, V> extends SlotCache<K, V> {
  /** A ring. At `2 * slot` the next one, nearer to the end, and behind it the one before; slot 0 is both ends. */
  protected links: Uint32Array = new Uint32Array(2 * firstLength);

  protected link(slot: number): void {
    const { links } = this;
    const first = links[0] as number;
    links[slot << 1] = first;
    links[(slot << 1) | 1] = 0;
    links[(first << 1) | 1] = slot;
    links[0] = slot;
  }

  protected unlink(slot: number): void {
    const { links } = this;
    const after = links[slot << 1] as number;
    const before = links[(slot << 1) | 1] as number;
    links[before << 1] = after;
    links[(after << 1) | 1] = before;
  }

  protected victim(): number {
    return this.links[1] as number;
  }

  protected ranked(): Uint32Array {
    const order = new Uint32Array(this.slots.size);
    let slot = 0;
    for (let i = 0; i < order.length; i++) order[i] = slot = this.links[slot << 1] as number;
    return order;
  }

  protected override grow(length: number): void {
    super.grow(length);
    this.links = longerLinks(this.links, 2 * length);
  }

  protected override reset(): void {
    super.reset();
    this.links = new Uint32Array(2 * firstLength);
  }
}
