import { checked, number, positive } from '../core/options.ts';
import type { Milliseconds } from '../core/policy.ts';
import type { Meter, MeterLimits } from './meter.ts';
import { SmoothMeter } from './smooth-meter.ts';
import { changed } from './window-meter.ts';

export interface LeakyBucketOptions {
  /** What passes in each interval, one by one: above 0, up to 2 ** 53. */
  limit: number;
  /** Above 0, up to 2 ** 53. */
  interval: Milliseconds;
  /** What may pass at once after a pause: 1 up to 2 ** 53. Default 1: calls are spaced out, whatever was before. */
  burst?: number | undefined;
}

/**
 * Spaces calls out, as a bucket with a hole lets water drip: after a call of cost `n` the next begins
 * `n × interval ÷ limit` later. For what must not be hit by two calls at once; where bursts do no harm, `tokenBucket` lets
 * more through. A single call may cost as much as `limit`, or as `burst` if that is more.
 *
 * In any stretch of time less than `burst + limit × stretch ÷ interval` is admitted if calls cost 1 each; of higher costs,
 * at most `burst − 1 + limit × stretch ÷ interval` and what the last of them costs. A `burst` above 1 is slack: as long as
 * less than that has been missed, calls may catch up. It is earned, a new bucket has none. O(1) in time and memory.
 *
 * A cancelled reservation gives back its cost, but where another begins after it: that one keeps its time, and what is
 * free before it stays free.
 * A clock that steps back earns nothing for the time it repeats. `update` keeps what is not yet paid for as a cost, so that
 * under a higher limit it takes less time; reservations stay where they are.
 *
 * (As uber-go/ratelimit does, with a slack of `burst − 1`; J. S. Turner, New directions in communications, IEEE
 * Communications 24 (10), 1986.)
 *
 * @example
 * const spaced = rateLimit({ meter: leakyBucket({ limit: 10, interval: 1_000 }), maxQueued: 100 }); // one each 100 ms
 *
 * @throws {TypeError | RangeError} for an option that is unknown, missing or out of range
 */
export function leakyBucket(options: LeakyBucketOptions): Meter {
  return new LeakyBucket(options);
}

type Limits = { readonly limit: number; readonly interval: Milliseconds; readonly burst: number };

class LeakyBucket extends SmoothMeter {
  private limits: Limits;
  private gap = 0;
  private slack = 0;
  /** What a millisecond of idleness earns. */
  private earning = 0;

  constructor(options: LeakyBucketOptions) {
    super();
    this.limits = this.set(options);
  }

  override update(now: Milliseconds, limits: MeterLimits): void {
    this.catchUp(now);
    const before = this.gap;
    this.limits = this.set(changed(this.limits, limits));
    this.stretch(this.gap / before);
    this.store(this.stored);
  }

  protected override store(amount: number): void {
    this.stored = Math.min(amount, this.slack);
  }

  protected override spend(idle: Milliseconds, cost: number): Milliseconds {
    if (this.slack === 0) return cost * this.gap;
    const stored = Math.min(this.stored + idle * this.earning, this.slack);
    const spent = Math.min(stored, cost);
    this.stored = stored - spent;
    return (cost - spent) * this.gap;
  }

  protected override worth(span: Milliseconds): number {
    return span / this.gap;
  }

  private set(options: LeakyBucketOptions): Limits {
    const check = positive(Number.MAX_SAFE_INTEGER);
    const {
      limit,
      interval,
      burst = 1,
    } = checked('leakyBucket', options, {
      limit: check,
      interval: check,
      burst: number(1, Number.MAX_SAFE_INTEGER),
    });
    check('leakyBucket: limit', limit);
    check('leakyBucket: interval', interval);
    this.gap = interval / limit;
    this.slack = burst - 1;
    this.earning = limit / interval;
    this.capacity = Math.max(limit, burst);
    return { limit, interval, burst };
  }
}
