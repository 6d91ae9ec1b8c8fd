import { type Check, checked, positive } from '../core/options.ts';
import type { Milliseconds } from '../core/policy.ts';
import { checkCost, type Meter, type MeterLimits, type Reservation } from './meter.ts';

export interface BucketOptions {
  /** What comes back in each interval: above 0, up to 2 ** 53. */
  limit: number;
  /** Above 0, up to 2 ** 53. */
  interval: Milliseconds;
  /** The most that can be had at once, and so the highest cost there may be: above 0, up to 2 ** 53. Default `limit`. */
  burst?: number | undefined;
}

export interface BucketLimits {
  readonly limit: number;
  readonly interval: Milliseconds;
  readonly burst: number;
}

export function bucketChecks(): { [Name in keyof BucketLimits]: Check } {
  const check = positive(Number.MAX_SAFE_INTEGER);
  return { limit: check, interval: check, burst: check };
}

/** The limits of a bucket, all of them, once it is sure that they may be so. */
export function bucketLimits(factory: string, options: BucketOptions): BucketLimits {
  const checks = bucketChecks();
  const { limit, interval, burst = limit } = checked(factory, options, checks);
  checks.limit(`${factory}: limit`, limit);
  checks.interval(`${factory}: interval`, interval);
  return { limit, interval, burst };
}

/** As near as x/time/rate can tell two times apart: sums of fractions are rounded. */
const nanosecond: Milliseconds = 1e-6;

/**
 * The wait from `now` on after which what was `level` at `last`, and gains `limit` a millisecond, has come to `price`.
 * Rounded up, and by the very sum that `now + wait` will be judged by: who waits that long and not longer gets it.
 */
export function waitFor(price: number, level: number, limit: number, last: Milliseconds, now: Milliseconds): number {
  let wait = (price - level) / limit - (now - last);
  let step = Number.EPSILON * Math.max(1, Math.abs(now), wait);
  for (; level + (now + wait - last) * limit < price; step *= 2) wait += step;
  return wait;
}

/**
 * A level that rises steadily up to a capacity, and that charges lower. It is kept in tokens × milliseconds: a
 * millisecond adds `limit` to it, a token takes `interval`. While those are whole numbers nothing is ever rounded.
 *
 * ```text
 *   capacity ┬──╮    ╭───        capacity = burst × interval
 *            │  │   ╱
 *            │  ╰──╯  charged
 *          0 ┴───────────────→   below 0 only while reservations are out
 * ```
 *
 * Of reservations it is known, as in x/time/rate, for when the latest charge was: what lies between that and a reservation's
 * own time is taken to have been charged behind it.
 */
export class Bucket implements Meter {
  readonly #factory: string;
  #limits: BucketLimits;
  #limit: number;
  #interval: Milliseconds;
  #capacity: number;
  /** As it was at `#last`. */
  #level: number;
  /** Goes back with the clock: what a clock repeats, it has to pass again. */
  #last: Milliseconds = 0;
  /** When the latest charge was; what it is for comes as much later as `#missing` takes to come back. */
  #charged: Milliseconds = 0;
  /** What was missing then, in the unit of the level; a time would be rounded. */
  #missing = 0;

  constructor(factory: string, options: BucketOptions) {
    this.#factory = factory;
    this.#limits = bucketLimits(factory, options);
    this.#limit = this.#limits.limit;
    this.#interval = this.#limits.interval;
    this.#capacity = this.#limits.burst * this.#interval;
    this.#level = this.#capacity;
  }

  tryAcquire(now: Milliseconds, cost: number = 1): boolean {
    checkCost(cost);
    const left = this.#levelAt(now) - cost * this.#interval;
    // Not `left < 0`: a time that is NaN is refused, and changes nothing.
    if (!(left >= 0)) return false;
    this.#charge(now, left);
    return true;
  }

  retryAfter(now: Milliseconds, cost: number = 1): Milliseconds {
    checkCost(cost);
    const price = cost * this.#interval;
    if (this.#levelAt(now) >= price) return 0;
    return price > this.#capacity ? Infinity : waitFor(price, this.#level, this.#limit, this.#last, now);
  }

  reserve(now: Milliseconds, cost: number = 1, maxWait: Milliseconds = Infinity): Reservation | undefined {
    const wait = this.retryAfter(now, cost);
    if (!(wait <= maxWait && wait < Infinity)) return undefined;
    const price = cost * this.#interval;
    this.#charge(now, this.#levelAt(now) - price);
    const charge: Charge = {
      at: now + wait,
      now,
      price,
      missing: this.#missing,
      limit: this.#limit,
      interval: this.#interval,
    };
    let open = true;
    return {
      at: charge.at,
      cancel: (now) => {
        const given = open ? this.#giveBack(charge, now) : 0;
        open = false;
        return given;
      },
    };
  }

  available(now: Milliseconds): number {
    return this.#levelAt(now) / this.#interval;
  }

  update(now: Milliseconds, limits: MeterLimits): void {
    const defined = Object.entries(limits).filter(([, value]) => value !== undefined);
    const next = bucketLimits(this.#factory, { ...this.#limits, ...Object.fromEntries(defined) });
    // A time that is NaN moves nothing.
    const time = now <= Infinity ? now : this.#last;
    const level = this.#levelAt(time) * (next.interval / this.#interval);
    // By the new limit it would be another time.
    this.#charged += this.#missing / this.#limit;
    this.#missing = 0;
    this.#limits = next;
    this.#limit = next.limit;
    this.#interval = next.interval;
    this.#capacity = next.burst * next.interval;
    this.#level = Math.min(level, this.#capacity);
    this.#last = time;
  }

  #levelAt(now: Milliseconds): number {
    if (now < this.#last) this.#last = now;
    const level = this.#level + (now - this.#last) * this.#limit;
    return level > this.#capacity ? this.#capacity : level;
  }

  #charge(now: Milliseconds, left: number): void {
    this.#level = left;
    this.#last = now;
    this.#charged = now;
    this.#missing = left < 0 ? -left : 0;
  }

  /** All but what was charged behind it: that is counted on for later times, and they have been told. */
  #giveBack({ at, now: since, price, missing, limit, interval }: Charge, now: Milliseconds): number {
    if (!(now <= at) || price === 0) return 0;
    // From its own time to that of the latest charge, in what its limit gains. Below 0, so that more comes back than was
    // taken, where the latest is for an earlier time: others were cancelled meanwhile, or the clock has stepped back.
    const behind = (this.#charged - since) * limit + this.#missing * (limit / this.#limit) - missing;
    const left = (price - behind) * (this.#interval / interval);
    if (!(left > 0)) return 0;
    const level = this.#levelAt(now);
    const given = Math.min(left, this.#capacity - level);
    this.#level = level + given;
    this.#last = now;
    // It was the latest: now the one before it is, unless that one's time has come.
    if (Math.abs(behind) <= nanosecond * limit && missing - price >= (now - since) * limit) {
      this.#charged = since;
      this.#missing = (missing - price) * (this.#limit / limit);
    }
    return given / this.#interval;
  }
}

/** What a reservation took, when, and by which limits. */
interface Charge {
  readonly at: Milliseconds;
  readonly now: Milliseconds;
  readonly price: number;
  readonly missing: number;
  readonly limit: number;
  readonly interval: Milliseconds;
}
