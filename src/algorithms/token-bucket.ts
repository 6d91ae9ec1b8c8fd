import { Bucket, type BucketOptions } from './bucket.ts';
import type { Meter } from './meter.ts';

/**
 * A bucket of `burst` tokens, into which `limit` come back in each interval, steadily and not all at its end. A cost
 * takes as many tokens; where some are missing, `reserve` takes them from those to come.
 *
 * In any stretch of time at most `burst + limit × stretch ÷ interval` are admitted. So it starts full, and so much may
 * come at once after a pause. O(1) in time and memory.
 *
 * A cancelled reservation gives back its cost less what was charged after it, and never more than its cost. A clock that
 * steps back gives nothing for the time it repeats. `update` keeps the tokens, those above a lower `burst` apart.
 *
 * (As golang.org/x/time/rate does; J. S. Turner, New directions in communications, IEEE Communications 24 (10), 1986.)
 *
 * @throws {TypeError | RangeError} for an option that is unknown, missing or out of range
 */
export function tokenBucket(options: BucketOptions): Meter {
  return new Bucket('tokenBucket', options);
}
