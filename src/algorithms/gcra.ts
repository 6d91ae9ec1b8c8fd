import { Bucket, type BucketOptions } from './bucket.ts';
import type { Meter } from './meter.ts';

/**
 * Admits whoever is not too early: each unit of cost puts the theoretical arrival time `interval ÷ limit` later, from
 * now on if it had passed, and it may be at most `burst` of these steps ahead.
 *
 * ```text
 *   TAT′ = max(TAT, now) + cost × interval ÷ limit      admitted if TAT′ − now ≤ burst × interval ÷ limit
 * ```
 *
 * In any stretch of time at most `burst + limit × stretch ÷ interval` are admitted. O(1) in time and memory.
 *
 * It is the `tokenBucket` seen from the other end, the TAT being when that is full again: both admit the same calls, in
 * every history, and `reserve`, `cancel`, `update` and clocks that step back are as there. `retryAfter(now, burst)` is
 * how far the TAT is ahead, which others call the reset time. For one each by key, see `keyedGcra`.
 *
 * (ATM Forum, Traffic Management Specification 4.0, 1996; ITU-T I.371. As in throttled, redis-cell and governor, with
 * `burst` counted as what is admitted at once.)
 *
 * @example
 * const polite = rateLimit({ meter: gcra({ limit: 100, interval: 1_000, burst: 20 }), maxWait: 200 });
 *
 * @throws {TypeError | RangeError} for an option that is unknown, missing or out of range
 */
export function gcra(options: BucketOptions): Meter {
  return new Bucket('gcra', options);
}
