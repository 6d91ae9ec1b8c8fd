import { typed } from '../core/options.ts';
import type { CacheOptions, RemovalReason } from './cache.ts';
import { ListCache } from './list-cache.ts';
import { firstLength, longerFloats, longerLinks } from './slot-arrays.ts';

export interface LfuCacheOptions<K, V> extends CacheOptions<K, V> {
  /**
   * Whether a new entry begins at the count of the last one that was evicted, as if it had been used as often. Default
   * true. Without, what was used much once never leaves.
   */
  ageing?: boolean | undefined;
}

/**
 * A cache that lets go of what has been used least often; of those used as often, of the one unused for longest.
 *
 * One list of all entries, in which those of one count stand together; who is used goes to the front of the next group up.
 * Each operation takes constant time, whatever the counts. It is right where the same things are asked for again and
 * again, for long; it is slow to learn of new ones.
 *
 * ```text
 *   uses   7      3          2      1
 *          a  ⇄  b  ⇄  c  ⇄  d  ⇄  e  ⇄  f ──→ evicted
 *                 ↑__________╯
 *             d is used
 * ```
 *
 * The list is that of Shah, Mitra and Matani, "An O(1) algorithm for implementing the LFU cache eviction scheme", 2010.
 * Ageing is that of LFU-DA: Arlitt, Cherkasova, Dilley, Friedrich and Jin, "Evaluating Content Management Techniques for Web
 * Proxy Caches", 2000; a hit adds one to what an entry has, wherever it began.
 *
 * @throws {TypeError | RangeError} for an option that is unknown, missing or out of range
 */
export class LfuCache<K, V> extends ListCache<K, V> {
  private readonly ageing: boolean;
  /** Of each slot. 0 is no group. */
  private groups: Uint32Array = new Uint32Array(firstLength);
  /** Of each group: its count, and the slot at its front. */
  private uses: Float64Array = new Float64Array(firstLength);
  private fronts: Uint32Array = new Uint32Array(firstLength);
  private made: number = 0;
  private spare: number[] = [];
  /** The count of the last one evicted, if there is ageing: none has less. */
  private age: number = 0;

  constructor(options: LfuCacheOptions<K, V>) {
    super('LfuCache', options, { ageing: typed('boolean') });
    this.ageing = options.ageing ?? true;
  }

  get(key: K): V | undefined {
    let slot = this.slots.get(key);
    if (this.watched) slot = this.heed(key, slot);
    if (slot === undefined) return undefined;
    this.touch(slot);
    return this.values[slot] as V;
  }

  protected touch(slot: number): void {
    const { groups, uses, fronts, links } = this;
    const group = groups[slot] as number;
    const front = fronts[group] as number;
    const count = (uses[group] as number) + 1;
    const up = groups[links[(front << 1) | 1] as number] as number;
    const behind = links[slot << 1] as number;
    if (uses[up] === count) {
      this.unlink(slot);
      this.join(slot, up);
    } else if (front !== slot) {
      super.unlink(slot);
      this.found(slot, count, front);
    } else if (groups[behind] === group) {
      // It is in its place already, and parts from those behind.
      fronts[group] = behind;
      this.name(slot, count);
    } else uses[group] = count;
  }

  /** Its group is that of the next count above the age. */
  protected override link(slot: number): void {
    const { groups, uses, fronts, links } = this;
    const count = this.age + 1;
    const lowest = groups[links[1] as number] as number;
    const below = lowest !== 0 && (uses[lowest] as number) < count ? (fronts[lowest] as number) : 0;
    const group = groups[links[(below << 1) | 1] as number] as number;
    if (uses[group] === count) this.join(slot, group);
    else this.found(slot, count, below);
  }

  protected override unlink(slot: number, reason?: RemovalReason): void {
    const { groups, fronts, links } = this;
    const group = groups[slot] as number;
    if (this.ageing && (reason === 'evicted' || reason === 'resized')) this.age = this.uses[group] as number;
    if (fronts[group] === slot) {
      const behind = links[slot << 1] as number;
      if (groups[behind] === group) fronts[group] = behind;
      else this.spare.push(group);
    }
    super.unlink(slot);
  }

  private join(slot: number, group: number): void {
    this.insertBefore(slot, this.fronts[group] as number);
    this.groups[slot] = group;
    this.fronts[group] = slot;
  }

  private found(slot: number, count: number, before: number): void {
    this.insertBefore(slot, before);
    this.name(slot, count);
  }

  private name(slot: number, count: number): void {
    const group = this.spare.pop() ?? ++this.made;
    this.uses[group] = count;
    this.groups[slot] = group;
    this.fronts[group] = slot;
  }

  private insertBefore(slot: number, after: number): void {
    const { links } = this;
    const before = links[(after << 1) | 1] as number;
    links[before << 1] = slot;
    links[(slot << 1) | 1] = before;
    links[slot << 1] = after;
    links[(after << 1) | 1] = slot;
  }

  protected override grow(length: number): void {
    super.grow(length);
    this.groups = longerLinks(this.groups, length);
    this.uses = longerFloats(this.uses, length);
    this.fronts = longerLinks(this.fronts, length);
  }

  protected override reset(): void {
    super.reset();
    this.groups = new Uint32Array(firstLength);
    this.uses = new Float64Array(firstLength);
    this.fronts = new Uint32Array(firstLength);
    this.made = 0;
    this.spare = [];
    this.age = 0;
  }
}
