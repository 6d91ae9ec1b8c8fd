import { type Random, systemRandom } from '../core/random.ts';
import type { CacheOptions, RemovalReason } from './cache.ts';
import { FrequencySketch } from './frequency-sketch.ts';
import { KeyHash } from './key-hash.ts';
import { ageingPeriod, MiniSimulation, usualTactic } from './mini-simulation.ts';
import { SlotCache } from './slot-cache.ts';
import { ownMark, usesMask, WindowOrder } from './window-order.ts';

/**
 * A cache that keeps what is used often, and learns from the traffic how far that is worth it: the one to take unless
 * something speaks for another.
 *
 * W-TinyLFU: what comes in has to prove itself in a window, and stays if it has been used more often than what would have
 * to leave for it, even while it was not here (`WindowOrder`, `FrequencySketch`). How large the window is, and how hard it
 * is to leave it, is tried on small copies without values (`MiniSimulation`): from a main part that is all but frozen, for
 * loops larger than the cache and scans, to none, which is an LRU in all but name. There is nothing to set.
 *
 * A hit counts a use of its entry, in one byte, and nothing else. Copies cost up to 60 KiB a cache, the sketch 8 to 32 bytes an
 * entry. A hit is never worse than the best of five fixed tactics but for what it takes to tell which that is: some times as
 * many accesses as there are entries.
 *
 * Einziger, Friedman and Manes, "TinyLFU: a highly efficient cache admission policy", 2017; Einziger, Eytan, Friedman and
 * Manes, "Adaptive software cache management", 2018; Waldspurger and others, "Cache modeling and optimization using
 * miniature simulations", 2017. No bound is known against the best cache that knows the future.
 *
 * @throws {TypeError | RangeError} for an option that is unknown, missing or out of range
 */
export class TinyLfuCache<K, V> extends SlotCache<K, V> {
  private readonly random: Random;
  private readonly keyHash: KeyHash;
  private hashes: Int32Array;
  private sketch: FrequencySketch;
  private additions: number = 0;
  private order: WindowOrder;
  /** The order's own: what a hit touches. */
  private marks: Uint8Array;
  /** Where weights are bounded, not there before it is known how many entries there is room for. */
  private simulation: MiniSimulation | undefined;
  /** Of the key that comes in. */
  private arrived: number = 0;
  private fresh: boolean = false;

  constructor(options: CacheOptions<K, V>) {
    super('TinyLfuCache', options);
    this.random = options.random ?? systemRandom;
    this.keyHash = new KeyHash(this.random);
    const { length } = this.keys;
    this.hashes = new Int32Array(length);
    this.sketch = new FrequencySketch();
    this.sketch.fit(length);
    this.simulation =
      this.weigh === undefined ? new MiniSimulation(this.maxEntries, this.random, usualTactic) : undefined;
    this.order = this.ordered(length);
    this.marks = this.order.marks;
  }

  get(key: K): V | undefined {
    let slot = this.slots.get(key);
    if (this.watched) slot = this.heed(key, slot);
    if (slot === undefined) return undefined;
    const mark = this.marks[slot] as number;
    if ((mark & usesMask) !== usesMask) {
      this.marks[slot] = mark + 1;
      if (mark >= ownMark) this.simulate(this.hashes[slot] as number);
    }
    return this.values[slot];
  }

  protected touch(slot: number): void {
    const mark = this.marks[slot] as number;
    // What is used all the time is not sampled at each use: one hot key would be most of the sample.
    if ((mark & usesMask) === usesMask) return;
    this.marks[slot] = mark + 1;
    if (mark >= ownMark) this.simulate(this.hashes[slot] as number);
  }

  protected override arriving(key: K): void {
    const hash = this.keyHash.of(key);
    this.arrived = hash;
    this.fresh = true;
    this.count(hash, 1);
    if (this.simulation?.samples(hash)) this.simulate(hash);
  }

  protected link(slot: number): void {
    if (this.fresh) this.hashes[slot] = this.arrived;
    this.fresh = false;
    this.order.add(slot, this.simulation?.samples(this.hashes[slot] as number) ? ownMark : 0);
  }

  protected unlink(slot: number, _reason: RemovalReason): void {
    this.order.remove(slot);
  }

  protected victim(): number {
    if (this.simulation === undefined) this.learn();
    return this.order.victim();
  }

  protected ranked(): Uint32Array {
    return this.order.ranked(this.slots.size);
  }

  protected override reweighed(slot: number, by: number): void {
    this.order.reweighed(slot, by);
  }

  protected override bounded(): void {
    this.learn();
  }

  protected override grow(length: number): void {
    super.grow(length);
    const hashes = new Int32Array(length);
    hashes.set(this.hashes);
    this.hashes = hashes;
    this.sketch.fit(length);
    this.order.grow(length);
    this.order.weights = this.weigh && this.weights;
    this.marks = this.order.marks;
    // So many more of them fit: they have become lighter.
    if (this.weigh !== undefined && this.simulation !== undefined) this.learn();
  }

  protected override reset(): void {
    super.reset();
    const { length } = this.keys;
    this.hashes = new Int32Array(length);
    this.sketch = new FrequencySketch();
    this.sketch.fit(length);
    this.additions = 0;
    this.simulation =
      this.weigh === undefined ? new MiniSimulation(this.maxEntries, this.random, usualTactic) : undefined;
    this.order = this.ordered(length);
    this.marks = this.order.marks;
  }

  private ordered(length: number): WindowOrder {
    const frequencies = {
      of: (slot: number): number => this.sketch.estimate(this.hashes[slot] as number),
      used: (slot: number, times: number): void => this.count(this.hashes[slot] as number, times),
    };
    const order = new WindowOrder(frequencies, this.random, usualTactic, this.bound, length);
    order.weights = this.weigh && this.weights;
    order.divide(usualTactic, this.bound);
    return order;
  }

  private get bound(): number {
    return this.weigh === undefined ? this.maxEntries : this.maxWeight;
  }

  private get capacity(): number {
    return this.weigh === undefined ? this.maxEntries : Math.max(this.slots.size, 1);
  }

  /** Begins to try tactics anew, for as many entries as there is room for now. */
  private learn(): void {
    const simulation = new MiniSimulation(this.capacity, this.random, this.simulation?.tactic ?? usualTactic);
    this.simulation = simulation;
    for (const slot of this.slots.values()) {
      const mark = (this.marks[slot] as number) & ~ownMark;
      this.marks[slot] = simulation.samples(this.hashes[slot] as number) ? mark | ownMark : mark;
    }
    this.order.divide(simulation.tactic, this.bound);
  }

  private simulate(hash: number): void {
    const { simulation } = this;
    if (simulation?.access(hash)) this.order.divide(simulation.tactic, this.bound);
  }

  private count(hash: number, times: number): void {
    this.additions += this.sketch.add(hash, times);
    if (this.additions < ageingPeriod * this.capacity) return;
    this.additions = 0;
    this.sketch.age();
    this.order.age();
  }
}
