import { Bucket, type BucketOptions } from './bucket.ts';
import type { Meter } from './meter.ts';

/**
 * A bucket of `burst` tokens, into which `limit` come back in each interval, steadily and not all at its end. A cost
 * takes as many tokens; where some are missing, `reserve` takes them from those to come.
 *
 * In any stretch of time at most `burst + limit × stretch ÷ interval` are admitted. So it starts full, and so much may
 * come at once after a pause. O(1) in time and memory.
 *
 * A cancelled reservation gives back its cost less what was charged after it, and nothing once its time is over. A clock
 * that steps back gives nothing for the time it repeats, and all that was is as long ago as before. `update` keeps the
 * tokens, but for those above a lower `burst`; reservations keep their times, so that the bound may be exceeded once.
 *
 * (As golang.org/x/time/rate does. There a cancel may give back more than its cost, once others behind it have been
 * cancelled, and so exceed the bound; here it never does. J. S. Turner, New directions in communications, IEEE
 * Communications 24 (10), 1986.)
 *
 * @throws {TypeError | RangeError} for an option that is unknown, missing or out of range
 */
export function tokenBucket(options: BucketOptions): Meter {
  return new Bucket('tokenBucket', options);
}
