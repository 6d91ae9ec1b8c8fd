import type { Meter } from './meter.ts';
import { WindowMeter, type WindowMeterOptions } from './window-meter.ts';

/**
 * Admits `limit` in the last `interval`, by an estimate from two counts: what this window has admitted, and that share of
 * the one before which would still be in the last `interval` had it come evenly.
 *
 * ```text
 *   previous × (1 − elapsed ÷ interval) + current + cost ≤ limit
 * ```
 *
 * Where demand is even, that is at most `limit` in any stretch of one `interval`. In the worst case it is less than
 * `2 × limit`: if `a` is admitted at the end of one window, from a share `f` of it on, the next admits up to that share no
 * more than `limit − a × (1 − f)`, together `limit + a × f`, where `a ≤ limit` and `f < 1`. In each window, from multiples
 * of `interval` on the clock, it is at most `limit`. O(1) in time and memory; reservations take a number for each window
 * they reach ahead. For a bound of `limit` there is `slidingLog`.
 *
 * A cancelled reservation gives back its cost, less all that was reserved after it if any of that has to wait for longer.
 * A clock that steps back takes the windows with it. `update` keeps the counts.
 *
 * (J. Desgats, How we built rate limiting capable of scaling to millions of domains, Cloudflare, 2017.)
 *
 * @example
 * const visitors = rateLimit({ meter: slidingWindow({ limit: 100_000, interval: 60_000 }) });
 *
 * @throws {TypeError | RangeError} for an option that is unknown, missing or out of range
 */
export function slidingWindow(options: WindowMeterOptions): Meter {
  return new WindowMeter('slidingWindow', true, options);
}
