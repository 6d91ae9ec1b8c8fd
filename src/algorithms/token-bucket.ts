import { Bucket, type BucketOptions } from './bucket.ts';
import type { Meter } from './meter.ts';

/**
 * A bucket of `burst` tokens, into which `limit` come back in each interval, steadily and not all at its end. A cost
 * takes as many tokens; where some are missing, `reserve` takes them from those to come.
 *
 * In any stretch of time at most `burst + limit × stretch ÷ interval` are admitted. So it starts full, and so much may
 * come at once after a pause. O(1) in time and memory.
 *
 * A cancelled reservation gives back its cost less what was charged behind it, which is taken to be what comes back between
 * its own time and that of the latest charge; nothing once its time is over. So all comes back where the latest is cancelled
 * first. After a cancel out of turn, or a clock that has stepped back, what was reserved before may give back more than it
 * took, if there is room, and the bound be exceeded.
 *
 * A clock that steps back gives nothing for the time it repeats; reservations keep their times. `update` keeps the tokens,
 * but for those above a lower `burst`; reservations keep their times, so that the bound may be exceeded once.
 *
 * (As golang.org/x/time/rate does, but that one reservation is cancelled once. J. S. Turner, New directions in
 * communications, IEEE Communications 24 (10), 1986.)
 *
 * @example
 * const meter = tokenBucket({ limit: 100, interval: 1_000, burst: 20 }); // 100 a second, 20 of them at once
 * const polite = rateLimit({ meter, maxWait: 200 });
 *
 * @throws {TypeError | RangeError} for an option that is unknown, missing or out of range
 */
export function tokenBucket(options: BucketOptions): Meter {
  return new Bucket('tokenBucket', options);
}
