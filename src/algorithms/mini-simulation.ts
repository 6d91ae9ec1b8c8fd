import type { Random } from '../core/random.ts';
import { FrequencySketch } from './frequency-sketch.ts';
import { firstLength } from './slot-arrays.ts';
import { longerBytes, type Tactic, usesMask, WindowOrder } from './window-order.ts';

/** Frozen, for loops and scans; the usual; two for mixtures; and no main at all, for what is used again soon or never. */
const tactics: readonly Tactic[] = [
  { window: 0.01, margin: 2 },
  { window: 0.01, margin: 1 },
  { window: 0.1, margin: 0 },
  { window: 0.4, margin: 0 },
  { window: 1, margin: 0 },
];
/** Where nothing is known yet. */
export const usualTactic: Tactic = tactics[1] as Tactic;
/** Entries of each copy, if the cache has as many. */
const copySize = 256;
/** Additions to the sketch between two ageings, in entries. */
export const ageingPeriod = 10;
const decay = 0.9;
const confidence = 1.1;
const leastLead = 0.006;

/**
 * Tries several tactics at once, each on a copy without values that sees a sample of the keys, and says which is best.
 *
 * A copy of 1/r of the entries that is asked for 1/r of the keys, chosen by their hashes, hits about as often as the whole.
 * All copies see the same, so what one has before another is not noise of the traffic. At the end of each epoch, about as
 * many accesses as a copy has entries, hits of the past fade by a tenth; another tactic is taken if its lead is more than
 * the differences of single epochs, added as if by chance, would make: `lead > 1.1 · √Σd²`. So a lead in each of a few
 * epochs is enough however small it is, and one that comes and goes with bursts never is. The first epochs are shorter.
 *
 * Waldspurger, Saemundsson, Ahmad and Park, "Cache modeling and optimization using miniature simulations", 2017.
 */
export class MiniSimulation {
  tactic: Tactic;
  private readonly size: number;
  private readonly limit: number;
  private readonly sketch: FrequencySketch = new FrequencySketch();
  private additions: number = 0;
  /** Keys that some copy holds, by hash, each a slot that is the same in all copies. */
  private readonly slots: Map<number, number> = new Map();
  private hashes: Int32Array = new Int32Array(firstLength);
  /** How many copies hold a slot. */
  private holders: Uint8Array = new Uint8Array(firstLength);
  private used: number = 0;
  private readonly free: number[] = [];
  private readonly copies: readonly WindowOrder[];
  private readonly counts: Float64Array = new Float64Array(tactics.length);

  private readonly hits: Float64Array = new Float64Array(tactics.length);
  private readonly scores: Float64Array = new Float64Array(tactics.length);
  /** Faded sums of the squared differences of two tactics' hits in an epoch. */
  private readonly spread: Float64Array = new Float64Array(tactics.length ** 2);
  private accesses: number = 0;
  private seen: number = 0;
  private epoch: number;

  /** @param tactic the best so far */
  constructor(entries: number, random: Random, tactic: Tactic) {
    this.tactic = tactic;
    const ratio = Math.max(1, entries / copySize);
    this.size = Math.max(1, Math.round(entries / ratio));
    this.limit = 2 ** 32 / ratio;
    this.epoch = this.size / 4;
    this.sketch.fit(this.size);
    const frequencies = {
      of: (slot: number): number => this.sketch.estimate(this.hashes[slot] as number),
      // Each access is counted once for all copies, as it comes.
      used: (): void => {},
    };
    this.copies = tactics.map((tactic) => new WindowOrder(frequencies, random, tactic, this.size, firstLength));
  }

  /** Whether a key of this hash is in the sample. Not by the bits of which the sketch makes use. */
  samples(hash: number): boolean {
    return Math.imul(hash, 0x9e37_79b1) >>> 0 < this.limit;
  }

  /** A key of the sample is asked for. @returns whether there is another tactic now */
  access(hash: number): boolean {
    this.additions += this.sketch.add(hash, 1);
    if (this.additions >= ageingPeriod * this.size) {
      this.additions = 0;
      this.sketch.age();
    }
    const slot = this.slots.get(hash) ?? this.take(hash);
    for (let i = 0; i < tactics.length; i++) this.ask(i, slot);
    return ++this.accesses >= this.epoch && this.judge();
  }

  private ask(i: number, slot: number): void {
    const copy = this.copies[i] as WindowOrder;
    const mark = copy.marks[slot] as number;
    if (mark !== 0) {
      this.hits[i] = (this.hits[i] as number) + 1;
      if ((mark & usesMask) < usesMask) copy.marks[slot] = mark + 1;
      return;
    }
    if ((this.counts[i] as number) < this.size) this.counts[i] = (this.counts[i] as number) + 1;
    else {
      const victim = copy.victim();
      copy.remove(victim);
      const holders = (this.holders[victim] as number) - 1;
      this.holders[victim] = holders;
      if (holders === 0) this.forget(victim);
    }
    copy.add(slot, 0);
    this.holders[slot] = (this.holders[slot] as number) + 1;
  }

  private take(hash: number): number {
    const slot = this.free.pop() ?? ++this.used;
    if (slot === this.hashes.length) {
      const hashes = new Int32Array(2 * slot);
      hashes.set(this.hashes);
      this.hashes = hashes;
      this.holders = longerBytes(this.holders, 2 * slot);
      for (const copy of this.copies) copy.grow(2 * slot);
    }
    this.hashes[slot] = hash;
    this.slots.set(hash, slot);
    return slot;
  }

  private forget(slot: number): void {
    this.slots.delete(this.hashes[slot] as number);
    this.free.push(slot);
  }

  private judge(): boolean {
    const { hits, scores, spread } = this;
    const count = tactics.length;
    for (let i = 0; i < count; i++) {
      scores[i] = (scores[i] as number) * decay + (hits[i] as number);
      for (let j = 0; j < count; j++) {
        const difference = (hits[i] as number) - (hits[j] as number);
        spread[i * count + j] = (spread[i * count + j] as number) * decay + difference ** 2;
      }
    }
    this.seen = this.seen * decay + this.accesses;
    hits.fill(0);
    this.accesses = 0;
    // Before there is no room left, all are the same.
    if ((this.counts[0] as number) === this.size) this.epoch = Math.min(1.5 * this.epoch, this.size);
    const best = scores.indexOf(Math.max(...scores));
    const current = tactics.indexOf(this.tactic);
    const lead = (scores[best] as number) - (scores[current] as number);
    const chance = confidence * Math.sqrt(spread[best * count + current] as number) + leastLead * this.seen;
    if (lead <= chance) return false;
    this.tactic = tactics[best] as Tactic;
    return true;
  }
}
