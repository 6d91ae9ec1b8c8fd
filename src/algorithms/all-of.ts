import { objectWith } from '../core/options.ts';
import type { Milliseconds } from '../core/policy.ts';
import { type Meter, parts, type Reservation } from './meter.ts';

/**
 * A meter that admits what all of several admit, and otherwise charges none of them: ten a second, and a hundred a
 * minute. What it admits is within the bound of each.
 *
 * `retryAfter` is the longest of theirs, `available` the least. A reservation is for the time when the last of them is
 * ready; each is charged at its own time, so that what waits for a slow one may come together by a fast one's bound.
 * Cancelled, it gives back to each what that one gives, and says the least of it. Limits are changed by the `update` of
 * each; that of the whole is a TypeError.
 *
 * An `allOf` among them stands for its own. No meter may be there twice: the second time it might refuse what it had
 * admitted the first time.
 *
 * @example
 * const meter = allOf(tokenBucket({ limit: 10, interval: 1_000 }), slidingLog({ limit: 100, interval: 60_000 }));
 * const polite = rateLimit({ meter, maxWait: 200 });
 *
 * @throws {TypeError} for no meters, for what is no meter, and for one given twice
 */
export function allOf(...meters: readonly Meter[]): Meter {
  const all = meters.flatMap((meter) => (meter instanceof AllOf ? meter[parts] : [meter]));
  if (all.length === 0) throw new TypeError('allOf: meters must be one or more, got none');
  const meter = objectWith('tryAcquire', 'retryAfter', 'reserve', 'available', 'update');
  for (const [i, part] of all.entries()) {
    meter('allOf: each meter', part);
    if (all.indexOf(part) !== i) throw new TypeError('allOf: each meter must be another, got one twice');
  }
  return new AllOf(all);
}

/** All are asked before any is charged, and nobody comes in between: nothing is ever taken back. */
class AllOf implements Meter {
  readonly [parts]: readonly Meter[];

  constructor(all: readonly Meter[]) {
    this[parts] = all;
  }

  tryAcquire(now: Milliseconds, cost: number = 1): boolean {
    for (const part of this[parts]) if (!(part.retryAfter(now, cost) <= 0)) return false;
    for (const part of this[parts]) part.tryAcquire(now, cost);
    return true;
  }

  retryAfter(now: Milliseconds, cost: number = 1): Milliseconds {
    let longest = 0;
    for (const part of this[parts]) longest = Math.max(longest, part.retryAfter(now, cost));
    return longest;
  }

  reserve(now: Milliseconds, cost: number = 1, maxWait: Milliseconds = Infinity): Reservation | undefined {
    const wait = this.retryAfter(now, cost);
    if (!(wait <= maxWait && wait < Infinity)) return undefined;
    const reservations = this[parts].map((part) => part.reserve(now, cost) as Reservation);
    return {
      at: Math.max(...reservations.map(({ at }) => at)),
      cancel: (now) => Math.min(...reservations.map((reservation) => reservation.cancel(now))),
    };
  }

  available(now: Milliseconds): number {
    return Math.min(...this[parts].map((part) => part.available(now)));
  }

  update(): never {
    throw new TypeError('allOf: update its meters, each by its own limits');
  }
}
