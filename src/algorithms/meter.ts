import { shown } from '../core/options.ts';
import type { Milliseconds } from '../core/policy.ts';

/**
 * Counts what is admitted over time. Time is an argument, in milliseconds with fractions, on any monotonic scale; one that
 * is NaN is refused. A cost defaults to 1, and one of 0 asks and charges nothing. Each meter states its bound: the most it
 * admits in any stretch of time, counted over the clock's forward steps, without `update` and late cancels.
 */
export interface Meter {
  /**
   * Charges `cost` if that is free now. A cost above capacity is refused and changes nothing.
   *
   * @throws {RangeError} for a cost that is negative or NaN
   */
  tryAcquire(now: Milliseconds, cost?: number): boolean;
  /** How long until `tryAcquire` would succeed if nobody else came: 0 for now, `Infinity` for never; exact to 1 µs. */
  retryAfter(now: Milliseconds, cost?: number): Milliseconds;
  /** Charges `cost` at the first moment it can be had; `undefined`, and nothing charged, if that is after `maxWait`. */
  reserve(now: Milliseconds, cost?: number, maxWait?: Milliseconds): Reservation | undefined;
  /** What could be had now; negative while reservations are out. */
  available(now: Milliseconds): number;
  /** Changes limits; what was earned and what was charged stays. */
  update(now: Milliseconds, limits: MeterLimits): void;
}

/** Where a meter that stands for several keeps them. */
export const parts: unique symbol = /* @__PURE__ */ Symbol('holdfast.parts');

/** What `update` changes; what is left out stays. */
export interface MeterLimits {
  limit?: number | undefined;
  interval?: Milliseconds | undefined;
  burst?: number | undefined;
}

/** What `reserve` charged. */
export interface Reservation {
  /** When the work may begin. */
  readonly at: Milliseconds;
  /**
   * Gives back what nobody behind it has built upon, as x/time/rate does, and says how much: 0 once now is after `at`, and
   * the second time.
   */
  cancel(now: Milliseconds): number;
}

/** A meter for each key. */
export interface KeyedMeter<Key> {
  /** Keys that are remembered. */
  readonly size: number;
  tryAcquire(key: Key, now: Milliseconds, cost?: number): boolean;
  retryAfter(key: Key, now: Milliseconds, cost?: number): Milliseconds;
}

/**
 * A text would pass as a number, and be put at the end of a sum instead of added.
 *
 * @throws {RangeError} for a cost that is negative or NaN; TypeError for one that is no number
 */
export function checkCost(cost: number): void {
  if (cost >= 0 && typeof cost === 'number') return;
  const wrong = typeof cost === 'number' ? RangeError : TypeError;
  throw new wrong(`cost must be a number, 0 or more, got ${shown(cost)}`);
}
