import { type Check, integer, number, typed } from '../core/options.ts';
import type { Milliseconds } from '../core/policy.ts';
import type { Random } from '../core/random.ts';

/** How many calls may be in flight at once, learnt from how those that ended went. */
export interface Limit {
  /** A whole number, from `min` to `max`. */
  readonly limit: number;
  /**
   * Learns from a call that has ended, and returns the limit from now on.
   *
   * @param rtt how long the call took
   * @param inFlight calls in flight when it ended, itself included
   * @param dropped whether it was refused or came too late, which says that there is too much
   * @throws {RangeError} for an `rtt` or `inFlight` that is negative, infinite or NaN
   */
  sample(rtt: Milliseconds, inFlight: number, dropped: boolean): number;
}

export interface LimitOptions {
  /** The limit to begin with, from `min` to `max`. Default 20, or what of `min` and `max` is nearest. */
  initial?: number | undefined;
  /** The least it becomes, 1 or more. Default 1. */
  min?: number | undefined;
  /** The most it becomes, `min` or more. */
  max?: number | undefined;
  /**
   * Learns once a round: of as many calls as are in flight, and at least 10, from all of them together. `false`: after
   * every call, from that one alone, so that chance moves the limit and a burst of drops cuts it many times. Default true.
   */
  rounds?: boolean | undefined;
  /**
   * Keeps the limit at or below so many times the most calls in flight in a round, though not below `initial`: what a
   * load long gone has taught is no licence for the next. 1 or more; `Infinity`: no such bound. Default 5.
   */
  headroom?: number | undefined;
}

export interface MeasuredLimitOptions extends LimitOptions {
  /**
   * Measures what a call takes without load at the latest after so many rounds, by halving the limit for
   * two of them. 1 or more; `Infinity`: never; then the rule goes by what it sees under load, and drifts. Default 30.
   */
  remeasure?: number | undefined;
  /** Chance, which spreads the measurements: each comes after half of `remeasure` to all of it. */
  random?: Random | undefined;
}

/** What a round of calls has shown. */
export class Round {
  calls = 0;
  /** The most calls in flight. */
  inFlight = 0;
  private drops = 0;
  private sum: Milliseconds = 0;

  /** Counts a time above `most` as that: a single call that hung should not outweigh the rest. */
  add(rtt: Milliseconds, inFlight: number, dropped: boolean, most: Milliseconds): void {
    this.calls++;
    if (inFlight > this.inFlight) this.inFlight = inFlight;
    // It may have come at once, or as late as a timeout: how long a drop took says nothing.
    if (dropped) this.drops++;
    else this.sum += Math.min(rtt, most);
  }

  /**
   * The mean time of calls that were not dropped, divided by their share: drops weigh as slowness does, and those there
   * are without load as well cancel out. `Infinity` if all were dropped.
   */
  get rtt(): Milliseconds {
    const done = this.calls - this.drops;
    return done === 0 ? Infinity : (this.sum / done) * (this.calls / done);
  }

  /** The share of calls that were dropped, 0 to 1. */
  get dropped(): number {
    return this.drops / this.calls;
  }
}

/** A rule, and what it learns by. */
export interface Learning {
  readonly initial: number;
  readonly min: number;
  readonly max: number;
  readonly rounds: boolean;
  readonly headroom: number;
  readonly remeasure: number;
  readonly random: Random;
  /** The limit after a round. It may have fractions and be out of range. `unloaded` is NaN where nothing is measured. */
  step(limit: number, round: Round, unloaded: Milliseconds): number;
}

/** How many times the mean of the round before a single time may count. */
const outlier = 5;
/** Calls in a round at least. */
const fewest = 10;

/**
 * Moves by rounds, within bounds, and knows what a call takes without load: from rounds with at most half of the limit in
 * flight; where these do not come by themselves, it halves the limit, lets as many calls end as were in flight, and
 * takes those that follow. A limit that keeps more calls in flight than there are places for them holds too many even
 * then, and what it measures is too long, but by half: the next limit is lower, and so on.
 *
 * ```text
 *   limit ──────┐         ┌───────────
 *               └─────────┘
 *          open  drain measure refill  open
 * ```
 */
export class SteppedLimit implements Limit {
  private readonly learning: Learning;
  private current: number;
  private phase: 'open' | 'draining' | 'measuring' | 'refilling' = 'open';
  private round: Round = new Round();
  private size = 1;
  private usual: Milliseconds = Infinity;
  private unloaded: Milliseconds = NaN;
  /** Calls to go until it is measured again. */
  private due = 0;
  /** The limit while it was last measured. */
  private level = 0;

  constructor(learning: Learning) {
    this.learning = learning;
    this.current = learning.initial;
    this.begin('open', this.current);
  }

  get limit(): number {
    const low = this.phase === 'draining' || this.phase === 'measuring';
    return Math.floor(low ? this.level : this.current);
  }

  sample(rtt: Milliseconds, inFlight: number, dropped: boolean): number {
    if (!(rtt >= 0 && rtt < Infinity)) throw new RangeError(`rtt must be a number of milliseconds, got ${rtt}`);
    if (!(inFlight >= 0 && inFlight < Infinity)) throw new RangeError(`inFlight must be 0 or more, got ${inFlight}`);
    this.round.add(rtt, inFlight, dropped, this.usual);
    this.due--;
    if (this.round.calls >= this.size) this.next();
    return this.limit;
  }

  /** A round is over. */
  private next(): void {
    const { round, level, phase } = this;
    const { min, remeasure, rounds } = this.learning;
    const { rtt, inFlight } = round;
    if (rounds && rtt > 0) this.usual = rtt * outlier;
    if (phase === 'draining') return this.begin('measuring', level);
    if (phase === 'measuring') {
      this.measured(rtt);
      return this.begin('refilling', level);
    }
    if (phase === 'refilling') return this.begin('open', this.current);
    const measures = remeasure < Infinity && rtt < Infinity;
    if (measures && inFlight <= this.current / 2) this.measured(rtt);
    const known = this.unloaded >= 0;
    if (known || !measures) this.step(round);
    // Below what it was measured at, it has fallen by half: perhaps for no queue, but because calls take longer now.
    if (measures && (this.due <= 0 || this.current < level || !known)) {
      this.level = Math.max(min, this.current / 2);
      this.begin('draining', inFlight);
    } else this.begin('open', Math.min(this.current, inFlight));
  }

  private begin(phase: SteppedLimit['phase'], calls: number): void {
    this.phase = phase;
    this.round = new Round();
    this.size = phase === 'open' && !this.learning.rounds ? 1 : Math.max(fewest, Math.ceil(calls));
  }

  private measured(rtt: Milliseconds): void {
    if (rtt === Infinity) return;
    const { unloaded } = this;
    const { remeasure, random } = this.learning;
    // Half as much again is more than chance: then it is another service now than it was.
    const anew = !(rtt <= unloaded * 1.5 && unloaded <= rtt * 1.5);
    this.unloaded = anew ? rtt : (unloaded + rtt) / 2;
    this.due = remeasure * Math.max(fewest, this.current) * (0.5 + 0.5 * random());
  }

  private step(round: Round): void {
    const { min, max, initial, headroom, step } = this.learning;
    const next = step(this.current, round, this.unloaded);
    if (Number.isNaN(next)) throw new RangeError('a limit cannot become NaN: see the functions given to its rule');
    const most = Math.max(initial, headroom * Math.max(1, round.inFlight));
    this.current = Math.max(min, Math.min(max, most, next));
  }
}

/** Fills in where to begin, and sees that bounds are in order. */
export function bounds(
  factory: string,
  { initial, min = 1, max }: LimitOptions & { max: number },
): { initial: number; min: number; max: number } {
  if (min > max) throw new RangeError(`${factory}: min must be at most max, ${max}, got ${min}`);
  if (initial !== undefined && !(initial >= min && initial <= max))
    throw new RangeError(`${factory}: initial must be a number from ${min} to ${max}, got ${initial}`);
  return { initial: initial ?? Math.max(min, Math.min(max, 20)), min, max };
}

/** What the options of all limits may be. Made when asked for: importing runs nothing. */
export function limitChecks(): { readonly [Name in keyof LimitOptions]-?: Check } {
  const bound = integer(1, 2 ** 31);
  return { initial: bound, min: bound, max: bound, rounds: typed('boolean'), headroom: number(1, Infinity) };
}

/** What those may be that measure. */
export function measuredChecks(): { readonly [Name in keyof MeasuredLimitOptions]-?: Check } {
  return { ...limitChecks(), remeasure: number(1, Infinity), random: typed('function') };
}
