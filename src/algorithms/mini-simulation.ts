import type { Random } from '../core/random.ts';
import { Contest } from './contest.ts';
import { SlotFrequencies } from './frequency-sketch.ts';
import { firstLength, longerBytes } from './slot-arrays.ts';
import { type Tactic, usesMask, WindowOrder } from './window-order.ts';

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
/** What of the past still counts an epoch later. */
const fading = 0.9;
/** How many accesses there are from one ageing to the next, in entries. */
const ageingPeriod = 10;
/** Small leads over a long time are as good as large ones now: the latter overrule what was before. */
const longContest = { fading, deviations: 1.2, least: 0.002 };
const shortContest = { fading: 0.7, deviations: 1.3, least: 0.01 };
/** How far hits have to fall for another phase to have begun, and after how many epochs that can be told. */
const fallDeviations = 3;
const leastFall = 0.05;
const leastEpochs = 4;
/** Epochs before a tactic is judged by what the cache itself hits, and hits an access by which its copy must be ahead. */
const leastTrial = 10;
const leastDeceit = 0.05;

/** Who is told what a simulation finds out. */
export interface Simulated {
  /** Another tactic is better. */
  change(tactic: Tactic): void;
  /** What was counted long ago is to count less. */
  age(): void;
  /** Nothing of what was counted holds any more. */
  forget(): void;
}

/**
 * Tries several tactics at once, each on a copy without values that sees a sample of the keys, and says which is best.
 *
 * A copy of 1/r of the entries that is asked for 1/r of the keys, chosen by their hashes, hits about as often as the whole.
 * All copies see the same, so what one has before another is not noise of the traffic. At the end of each epoch, about as
 * many accesses as a copy has entries, another tactic is taken if it is surely better (`Contest`). The first epochs are
 * shorter.
 *
 * Hits that fall by more than three deviations say that what was learned is of no use any more: all is to begin anew.
 *
 * Waldspurger, Saemundsson, Ahmad and Park, "Cache modeling and optimization using miniature simulations", 2017.
 */
export class MiniSimulation {
  tactic: Tactic;
  private readonly size: number;
  private readonly limit: number;
  /** Each access is counted once for all copies, as it comes. */
  private readonly frequencies: SlotFrequencies = new SlotFrequencies(firstLength, false);
  /** Keys that some copy holds, by hash, each a slot that is the same in all copies. */
  private readonly slots: Map<number, number> = new Map();
  /** How many copies hold a slot. */
  private holders: Uint8Array = new Uint8Array(firstLength);
  private used: number = 0;
  private readonly free: number[] = [];
  private readonly copies: readonly WindowOrder[];
  private readonly counts: Float64Array = new Float64Array(tactics.length);

  private readonly hits: Float64Array = new Float64Array(tactics.length);
  private readonly long: Contest = new Contest(tactics.length, longContest);
  private readonly short: Contest = new Contest(tactics.length, shortContest);
  /** What the cache itself has hit of the sample, faded as in the long contest, and for how many epochs by this tactic. */
  private ownHits: number = 0;
  private ownScore: number = 0;
  private tried: number = 0;
  private accesses: number = 0;
  private sinceAgeing: number = 0;
  private readonly simulated: Simulated;
  private epoch: number;
  /** Faded sums of the current tactic's hits per access in an epoch: how many, of them, of their squares. */
  private rates: [count: number, sum: number, squares: number] = [0, 0, 0];

  /** @param tactic the best so far */
  constructor(entries: number, random: Random, tactic: Tactic, simulated: Simulated) {
    this.simulated = simulated;
    this.tactic = tactic;
    const ratio = Math.max(1, entries / copySize);
    this.size = Math.max(1, Math.round(entries / ratio));
    this.limit = 2 ** 32 / ratio;
    this.epoch = this.size / 4;
    this.frequencies.sketch.fit(this.size);
    this.copies = tactics.map((tactic) => new WindowOrder(this.frequencies, random, tactic, this.size, firstLength));
  }

  /** Whether a key of this hash is in the sample. Not by the bits of which the sketch makes use. */
  samples(hash: number): boolean {
    return Math.imul(hash, 0x9e37_79b1) >>> 0 < this.limit;
  }

  /** A key of the sample is asked for, which the cache itself had or not. */
  access(hash: number, had: boolean): void {
    if (had) this.ownHits++;
    this.frequencies.sketch.add(hash, 1);
    if (++this.sinceAgeing >= ageingPeriod * this.size) this.age();
    const slot = this.slots.get(hash) ?? this.take(hash);
    for (let i = 0; i < tactics.length; i++) this.ask(i, slot);
    if (++this.accesses >= this.epoch) this.judge();
  }

  private age(): void {
    this.sinceAgeing = 0;
    this.frequencies.sketch.age();
    this.simulated.age();
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
    if (slot === this.holders.length) {
      this.frequencies.grow(2 * slot);
      this.holders = longerBytes(this.holders, 2 * slot);
      for (const copy of this.copies) copy.grow(2 * slot);
    }
    this.frequencies.hashes[slot] = hash;
    this.slots.set(hash, slot);
    return slot;
  }

  private forget(slot: number): void {
    this.slots.delete(this.frequencies.hashes[slot] as number);
    this.free.push(slot);
  }

  /** An epoch has ended. */
  private judge(): void {
    // Before there is no room left, all are the same.
    const full = (this.counts[0] as number) === this.size;
    if (full && this.fell((this.hits[tactics.indexOf(this.tactic)] as number) / this.accesses)) {
      this.beginAnew();
      return;
    }
    this.long.add(this.hits, this.accesses);
    this.short.add(this.hits, this.accesses);
    this.ownScore = this.ownScore * fading + this.ownHits;
    this.ownHits = 0;
    this.tried++;
    this.hits.fill(0);
    this.accesses = 0;
    if (full) this.epoch = Math.min(1.5 * this.epoch, this.size);
    const current = tactics.indexOf(this.tactic);
    if (full && this.deceives(current)) return this.change(this.long.bestBut(current));
    let winner = this.long.winner(current);
    if (winner === current) {
      winner = this.short.winner(current);
      if (winner === current) return;
      this.long.become(this.short);
    }
    this.change(winner);
  }

  private change(winner: number): void {
    this.tactic = tactics[winner] as Tactic;
    this.ownScore = 0;
    this.tried = 0;
    this.simulated.change(this.tactic);
  }

  /**
   * Whether the copy goes on hitting what the cache itself goes on missing. A queue may have two steady states: one that lets
   * go of each key a moment before it is asked for again takes it in again, lets go of the next for want of that room, and
   * never hits, while one that began otherwise always does. Nothing but the cache's own hits tells which it is in.
   */
  private deceives(current: number): boolean {
    const claimed = this.long.score(current);
    if (this.tried < leastTrial || this.ownScore > claimed / 2) return false;
    return claimed - this.ownScore > leastDeceit * this.long.accesses;
  }

  private fell(rate: number): boolean {
    const [count, sum, squares] = this.rates;
    const mean = sum / count;
    const deviation = Math.sqrt(Math.max(squares / count - mean ** 2, 0));
    this.rates = [count * fading + 1, sum * fading + rate, squares * fading + rate ** 2];
    return count > leastEpochs && rate < mean - fallDeviations * deviation - leastFall;
  }

  private beginAnew(): void {
    this.sinceAgeing = 0;
    this.frequencies.sketch.forget();
    this.simulated.forget();
    for (const copy of this.copies) copy.renew(this.size);
    this.hits.fill(0);
    this.long.clear();
    this.short.clear();
    this.rates = [0, 0, 0];
    this.ownHits = 0;
    this.ownScore = 0;
    this.tried = 0;
    this.accesses = 0;
    this.epoch = this.size / 4;
  }
}
