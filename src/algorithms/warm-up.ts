import { checked, number, positive } from '../core/options.ts';
import type { Milliseconds } from '../core/policy.ts';
import type { Meter, MeterLimits } from './meter.ts';
import { SmoothMeter } from './smooth-meter.ts';
import { changed } from './window-meter.ts';

export interface WarmUpOptions {
  /** What passes in each interval, one by one, once it is warm: above 0, up to 2 ** 53. */
  limit: number;
  /** Above 0, up to 2 ** 53. */
  interval: Milliseconds;
  /** How long it takes to warm up under full demand, and to cool down without any: above 0, up to 2 ** 53. */
  duration: Milliseconds;
  /** How many times as far apart calls are while it is cold: 1 up to 1_000_000. Default 3. */
  coldFactor?: number | undefined;
}

/**
 * Spaces calls out, far at first and closer as it warms up, for a service that is slow until its caches are full. Idleness
 * stores permits, and stored permits take longer the more there are of them:
 *
 * ```text
 *   gap between calls
 *   coldFactor × g ┤                 ╱
 *                  │              ╱        g = interval ÷ limit
 *                  │           ╱           the area under the slope is `duration`,
 *                g ┼────────╱  ┊           that of the flat part a half of it
 *                  └────────┴──────┴─→  stored permits
 *                 warm   threshold  cold
 * ```
 *
 * It is cold at first. From there calls of cost 1 begin after 0, almost `coldFactor × g`, and ever shorter gaps; after
 * `duration` all are `g`, by when `2 × duration ÷ ((1 + coldFactor) × g)` have been admitted.
 *
 * In any stretch of time less than `1 + limit × stretch ÷ interval` is admitted if calls cost 1 each; of higher costs, at
 * most `limit × stretch ÷ interval` and what the last of them costs. A single call may cost as much as `limit`, and at
 * least 1. O(1) in time and memory.
 *
 * A cancelled reservation gives back its cost, but where another begins after it: that one keeps its time, and what is
 * free before it stays free.
 * A clock that steps back cools nothing. `update` keeps how warm it is; what was charged before takes as long as it did.
 *
 * (SmoothWarmingUp of Guava's RateLimiter, Google, 2012.)
 *
 * @example
 * const gently = rateLimit({ meter: warmUp({ limit: 100, interval: 1_000, duration: 10_000 }), maxWait: 200 });
 *
 * @throws {TypeError | RangeError} for an option that is unknown, missing or out of range
 */
export function warmUp(options: WarmUpOptions): Meter {
  return new WarmUp(options);
}

interface Limits {
  readonly limit: number;
  readonly interval: Milliseconds;
  readonly duration: Milliseconds;
  readonly coldFactor: number;
}

class WarmUp extends SmoothMeter {
  private limits: Limits;
  private gap = 0;
  /** What is stored when it is cold. */
  private most = 0;
  /** With more stored than this, calls are further apart. */
  private threshold = 0;
  /** By how much further apart, for each of them. */
  private slope = 0;
  /** What a millisecond of idleness stores. */
  private cooling = 0;

  constructor(options: WarmUpOptions) {
    super();
    this.limits = this.set(options);
    this.stored = this.most;
  }

  override update(now: Milliseconds, limits: MeterLimits): void {
    this.catchUp(now);
    const before = this.most;
    this.limits = this.set(changed(this.limits, limits) as WarmUpOptions);
    this.stored *= this.most / before;
  }

  protected override store(amount: number): void {
    this.stored = Math.min(amount, this.most);
  }

  protected override spend(idle: Milliseconds, cost: number): Milliseconds {
    const stored = Math.min(this.stored + idle * this.cooling, this.most);
    this.stored = Math.max(0, stored - cost);
    const fresh = this.gap * cost;
    if (stored <= this.threshold) return fresh;
    // And the triangle or trapezoid above that.
    const before = stored - this.threshold;
    const after = Math.max(0, this.stored - this.threshold);
    return fresh + (this.slope * (before - after) * (before + after)) / 2;
  }

  protected override worth(span: Milliseconds): number {
    return span / this.gap;
  }

  private set(options: WarmUpOptions): Limits {
    const check = positive(Number.MAX_SAFE_INTEGER);
    const {
      limit,
      interval,
      duration,
      coldFactor = 3,
    } = checked('warmUp', options, {
      limit: check,
      interval: check,
      duration: check,
      coldFactor: number(1, 1_000_000),
    });
    check('warmUp: limit', limit);
    check('warmUp: interval', interval);
    check('warmUp: duration', duration);
    this.gap = interval / limit;
    this.threshold = duration / (2 * this.gap);
    this.most = this.threshold + (2 * duration) / (this.gap * (1 + coldFactor));
    this.slope = (this.gap * (coldFactor - 1)) / (this.most - this.threshold);
    this.cooling = this.most / duration;
    this.capacity = Math.max(limit, 1);
    return { limit, interval, duration, coldFactor };
  }
}
