import type { Random } from '../core/random.ts';
import { Contest } from './contest.ts';
import { Fall } from './fall.ts';
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
/** The first that lets in whoever was used more often, by however little. */
const freest = 2;
/** Entries of each copy, if the cache has as many. */
const copySize = 256;
/** Hits are compared so many times in as many accesses as a copy has entries. */
const epochs = 4;
/** How many accesses there are from one ageing to the next, in entries. */
const ageingPeriod = 10;
/** How many deviations hits have to fall, and uses of old keys, which bursts make fall as well. */
const hitDeviations = 3;
const oldDeviations = 3.5;
/** After the ends of so many rounds a key is an old one. */
const oldRounds = 2;
/** Uses of old keys a hit, below which keys are new: while hits do not fall, and when they do. */
const fewOld = 0.2;
const lessOld = 1 / 3;
/** Hits an access that half of a copy's may be ahead for ever, and hits an entry by which they must not be. */
const leastDeceit = 0.025;
const mostDeceit = 1;

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
 * All copies see the same, so what one has before another is not noise of the traffic. At the end of each epoch another
 * tactic is taken if it is surely better (`Contest`).
 *
 * Hits that fall by more than they vary (`Fall`) say that what was learned is of no use any more: all is to begin anew, the
 * copies empty, so that none is ahead for having been the first to take in what is new. So do uses of old keys that fall, if
 * few of the hits are left to them: then others have taken their place, and even what was the best tactic was so for those.
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
  /** The ends of how many rounds a slot's key has seen, up to those after which it is old. */
  private ages: Uint8Array = new Uint8Array(firstLength);
  private used: number = 0;
  private readonly free: number[] = [];
  private readonly copies: readonly WindowOrder[];
  private readonly counts: Float64Array = new Float64Array(tactics.length);

  private readonly hits: Float64Array = new Float64Array(tactics.length);
  private readonly contest: Contest = new Contest(tactics.length);
  /** What the cache itself has hit of the sample, and by how much that is too little for its tactic to be what it seems. */
  private ownHits: number = 0;
  private deceit: number = 0;
  private accesses: number = 0;
  /** Of the current tactic, in as many accesses as a copy has entries. */
  private roundHits: number = 0;
  private roundAccesses: number = 0;
  private roundOld: number = 0;
  private roundsSinceNew: number = 0;
  private sinceAgeing: number = 0;
  private readonly simulated: Simulated;
  /** Of the current tactic's hits, and of old keys, per access. */
  private fallOfHits: Fall = new Fall(hitDeviations);
  private readonly fallOfOld: Fall = new Fall(oldDeviations);

  /** @param tactic the best so far */
  constructor(entries: number, random: Random, tactic: Tactic, simulated: Simulated) {
    this.simulated = simulated;
    this.tactic = tactic;
    const ratio = Math.max(1, entries / copySize);
    this.size = Math.max(1, Math.round(entries / ratio));
    this.limit = 2 ** 32 / ratio;
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
    if (this.ages[slot] === oldRounds) this.roundOld++;
    for (let i = 0; i < tactics.length; i++) this.ask(i, slot);
    if (++this.accesses * epochs >= this.size) this.judge();
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
      this.ages = longerBytes(this.ages, 2 * slot);
      for (const copy of this.copies) copy.grow(2 * slot);
    }
    this.frequencies.hashes[slot] = hash;
    this.ages[slot] = 0;
    this.slots.set(hash, slot);
    return slot;
  }

  private forget(slot: number): void {
    this.slots.delete(this.frequencies.hashes[slot] as number);
    this.free.push(slot);
  }

  /** An epoch has ended. */
  private judge(): void {
    const current = tactics.indexOf(this.tactic);
    const hits = this.hits[current] as number;
    this.contest.add(this.hits, current, this.accesses);
    // Before there is no room left, all are the same.
    if ((this.counts[0] as number) === this.size) this.decide(current, hits);
    this.ownHits = 0;
    this.hits.fill(0);
    this.accesses = 0;
  }

  private decide(current: number, hits: number): void {
    this.roundHits += hits;
    this.roundAccesses += this.accesses;
    const deceived = this.deceives(hits);
    const first = this.roundAccesses < this.size ? undefined : this.roundEnded(current);
    if (first !== undefined) this.beginAnew(first);
    else if (deceived) this.adopt(this.contest.next(current));
    else {
      const winner = this.contest.winner(current);
      if (winner !== current) this.adopt(winner);
    }
  }

  /**
   * Whether the copy goes on hitting what the cache itself goes on missing. A queue may have two steady states: one that lets
   * go of each key a moment before it is asked for again takes it in again, lets go of the next for want of that room, and
   * never hits, while one that began otherwise always does. Nothing but the cache's own hits tells which it is in.
   */
  private deceives(hits: number): boolean {
    this.deceit = Math.max(this.deceit + hits / 2 - this.ownHits - leastDeceit * this.accesses, 0);
    return this.deceit > mostDeceit * this.size;
  }

  /** @returns with which tactic to begin anew, if there is reason to */
  private roundEnded(current: number): number | undefined {
    const hits = this.roundHits / this.roundAccesses;
    const old = this.roundOld / this.roundAccesses;
    this.roundHits = 0;
    this.roundAccesses = 0;
    this.roundOld = 0;
    const { ages } = this;
    for (let slot = 1; slot <= this.used; slot++) ages[slot] = Math.min((ages[slot] as number) + 1, oldRounds);
    // Until then none can be old. What was before is kept: old keys that come and go all the time are no change.
    const oldFell = ++this.roundsSinceNew > oldRounds && this.fallOfOld.add(old);
    const fell = this.fallOfHits.add(hits);
    // Nothing has proved itself yet: whoever was used more often than another may take its place.
    if (oldFell && old < (fell ? lessOld : fewOld) * hits) return freest;
    return fell ? Math.max(current, freest) : undefined;
  }

  private beginAnew(first: number): void {
    for (const slot of this.slots.values()) {
      for (const copy of this.copies) if (copy.holds(slot)) copy.remove(slot);
      this.holders[slot] = 0;
      this.free.push(slot);
    }
    this.slots.clear();
    this.counts.fill(0);
    this.frequencies.sketch.forget();
    this.sinceAgeing = 0;
    this.fallOfHits = new Fall(hitDeviations);
    this.roundsSinceNew = 0;
    this.simulated.forget();
    this.adopt(first);
  }

  private adopt(tactic: number): void {
    this.tactic = tactics[tactic] as Tactic;
    this.contest.clear();
    this.deceit = 0;
    this.simulated.change(this.tactic);
  }
}
