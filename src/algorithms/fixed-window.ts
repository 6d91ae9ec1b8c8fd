import type { Meter } from './meter.ts';
import { WindowMeter, type WindowMeterOptions } from './window-meter.ts';

/**
 * Admits `limit` in each window of `interval`, the windows one after the other, from multiples of `interval` on the clock.
 * For quotas of a calendar kind; nothing keeps callers from spending all of it at once.
 *
 * At most `limit` in each window, and so at most `2 × limit` in any stretch of one `interval`: all that one window admits
 * at its end, and all of the next at its beginning. O(1) in time and memory; reservations take a number for each window
 * they reach ahead.
 *
 * A reservation goes whole into the first window that has room for it, and nothing before it is admitted until then. A
 * cancelled one gives back its cost, less all that was reserved after it if any of that goes into a later window. A clock
 * that steps back takes the windows with it. `update` keeps what has been admitted in the window at hand; a new `interval`
 * puts its end at a multiple of that.
 *
 * @example
 * const quota = rateLimit({ meter: fixedWindow({ limit: 10_000, interval: 3_600_000 }) }); // in each hour since the process began
 *
 * @throws {TypeError | RangeError} for an option that is unknown, missing or out of range
 */
export function fixedWindow(options: WindowMeterOptions): Meter {
  return new WindowMeter('fixedWindow', false, options);
}
