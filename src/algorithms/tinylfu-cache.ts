import type { Milliseconds } from '../core/policy.ts';
import { type Random, systemRandom } from '../core/random.ts';
import type { CacheOptions, RemovalReason } from './cache.ts';
import { SlotFrequencies } from './frequency-sketch.ts';
import { KeyHash } from './key-hash.ts';
import { MiniSimulation, usualTactic } from './mini-simulation.ts';
import { SlotCache } from './slot-cache.ts';
import { ownMark, type Tactic, usesMask, WindowOrder } from './window-order.ts';

/**
 * A cache that keeps what is used often, and learns from the traffic how far that is worth it: the one to take unless
 * something speaks for another.
 *
 * W-TinyLFU: what comes in has to prove itself in a window, and stays if it has been used more often than what would have
 * to leave for it, even while it was not here (`WindowOrder`, `FrequencySketch`). How large the window is, and how hard it
 * is to leave it, is tried on small copies without values (`MiniSimulation`): from a main part that is all but frozen, for
 * loops larger than the cache and scans, to none, which is an LRU in all but name. There is nothing to set.
 *
 * A hit counts a use of its entry, in one byte, and nothing else. The copies cost up to 60 KiB a cache, the sketch 8 to 32
 * bytes an entry. Which tactic is best takes a few times as many accesses as there are entries to tell; when hits fall,
 * or all keys are others, what was learned is dropped. Of a bound by weights, the sample is chosen for as many entries as
 * fit of those that came lately. An eviction takes constant time in the mean, but one may look at all entries that were
 * used since the last.
 *
 * Of text keys with more than 1,024 characters the sketch sees the first 512 and the last 512: of those that differ between
 * it knows one frequency, and only chance lets one of them in instead of another.
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
  private frequencies: SlotFrequencies;
  private order: WindowOrder;
  /** The order's own: what a hit touches. */
  private marks: Uint8Array;
  /** Where weights are bounded, not there before it is known how many entries there is room for. */
  private simulation: MiniSimulation | undefined;
  /** Of the key that comes in. */
  private arrived: number = 0;
  private fresh: boolean = false;
  /** What those that came lately weigh in the mean. 0: none has come. */
  private usualWeight: number = 0;
  /** The entries for which the simulation is made. */
  private simulatedEntries: number = 0;

  constructor(options: CacheOptions<K, V>) {
    super('TinyLfuCache', options);
    this.random = options.random ?? systemRandom;
    this.keyHash = new KeyHash(this.random);
    const { length } = this.keys;
    this.frequencies = new SlotFrequencies(length, true);
    this.frequencies.sketch.fit(length);
    this.simulation = this.weigh === undefined ? this.simulated(this.maxEntries, usualTactic) : undefined;
    this.order = this.ordered(length);
    this.marks = this.order.marks;
  }

  get(key: K): V | undefined {
    let slot = this.slots.get(key);
    if (this.watched) slot = this.heed(key, slot);
    if (slot === undefined) return undefined;
    const mark = this.marks[slot] as number;
    if ((mark & usesMask) !== usesMask) this.use(slot, mark);
    return this.values[slot] as V;
  }

  /** Nothing is known of what comes: it takes the place of what came before, which has less worth, without being compared. */
  override restore(entries: Iterable<[key: K, value: V, age: Milliseconds, ttl: Milliseconds]>): void {
    const all = [...entries];
    this.order.stale = this.slots.size + all.length;
    try {
      super.restore(all);
    } finally {
      this.order.stale = 0;
    }
  }

  protected touch(slot: number): void {
    const mark = this.marks[slot] as number;
    // What is used all the time is not sampled at each use: one hot key would be most of the sample.
    if ((mark & usesMask) !== usesMask) this.use(slot, mark);
  }

  private use(slot: number, mark: number): void {
    this.marks[slot] = mark + 1;
    if ((mark & ownMark) !== 0) this.simulation?.access(this.frequencies.hashes[slot] as number, true);
  }

  protected override arriving(key: K): void {
    const hash = this.keyHash.of(key);
    this.arrived = hash;
    this.fresh = true;
    this.frequencies.sketch.add(hash, 1);
    if (this.simulation?.samples(hash)) this.simulation.access(hash, false);
  }

  protected link(slot: number): void {
    if (this.fresh) {
      this.frequencies.hashes[slot] = this.arrived;
      if (this.weigh !== undefined) this.weighedIn(this.weightOf(slot));
    }
    this.fresh = false;
    this.order.add(slot, this.simulation?.samples(this.frequencies.hashes[slot] as number) ? ownMark : 0);
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
    this.frequencies.grow(length);
    this.frequencies.sketch.fit(length);
    this.order.grow(length);
    this.order.weights = this.weigh && this.weights;
    this.marks = this.order.marks;
  }

  protected override reset(): void {
    super.reset();
    const { length } = this.keys;
    this.frequencies = new SlotFrequencies(length, true);
    this.frequencies.sketch.fit(length);
    this.simulation = this.weigh === undefined ? this.simulated(this.maxEntries, usualTactic) : undefined;
    this.order = this.ordered(length);
    this.marks = this.order.marks;
  }

  private ordered(length: number): WindowOrder {
    const order = new WindowOrder(this.frequencies, this.random, usualTactic, this.bound, length);
    order.weights = this.weigh && this.weights;
    order.divide(usualTactic, this.bound);
    return order;
  }

  private simulated(entries: number, tactic: Tactic): MiniSimulation {
    this.simulatedEntries = entries;
    return new MiniSimulation(entries, this.random, tactic, {
      change: (tactic) => this.order.divide(tactic, this.bound),
      age: () => {
        this.frequencies.shrink(entries, this.slots.values());
        this.frequencies.sketch.age();
        this.order.age(this.slots.values());
      },
      forget: () => {
        this.frequencies.sketch.forget();
        this.order.renew(this.slots.values(), this.slots.size);
      },
    });
  }

  private get bound(): number {
    return this.weigh === undefined ? this.maxEntries : this.maxWeight;
  }

  private get capacity(): number {
    if (this.weigh === undefined) return this.maxEntries;
    return Math.min(Math.max(Math.round(this.maxWeight / this.usualWeight), 1), this.maxEntries);
  }

  private weighedIn(weight: number): void {
    // Of as many as are there: of a few, a heavy one now and then would have all begin anew.
    const many = Math.max(32, this.slots.size);
    this.usualWeight = this.usualWeight === 0 ? weight : this.usualWeight + (weight - this.usualWeight) / many;
    if (this.simulation === undefined) return;
    const { capacity, simulatedEntries } = this;
    if (capacity > 2 * simulatedEntries || 2 * capacity < simulatedEntries) this.learn();
  }

  /** Begins to try tactics anew, for as many entries as there is room for now. */
  private learn(): void {
    const simulation = this.simulated(this.capacity, this.simulation?.tactic ?? usualTactic);
    this.simulation = simulation;
    this.frequencies.sketch.fit(Math.min(this.simulatedEntries, this.keys.length));
    for (const slot of this.slots.values()) {
      const mark = (this.marks[slot] as number) & ~ownMark;
      this.marks[slot] = simulation.samples(this.frequencies.hashes[slot] as number) ? mark | ownMark : mark;
    }
    this.order.divide(simulation.tactic, this.bound);
  }
}
