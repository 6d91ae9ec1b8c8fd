import type { Milliseconds } from '../core/policy.ts';
import type { Reservation } from './meter.ts';

/**
 * What meters keep besides their counts: a time that only goes forward, and who was promised what.
 *
 * `time` is the sum of the clock's steps forward, counted from what the clock said first. A clock that steps back stands
 * still, so that nothing is forgotten early, and goes on from there, so that nobody waits for what it repeats.
 */
export class Ledger {
  /** Before the first call `-Infinity`. */
  time: Milliseconds = -Infinity;
  /** The time of the latest reservation that was not cancelled; who comes while it is ahead comes behind it. */
  latest: Milliseconds = -Infinity;
  /** What the clock said at time 0; goes back with it. */
  private origin: Milliseconds = 0;
  private reserved = 0;
  private readonly spaced: boolean;

  /** Spaced: where a later one keeps its time, nothing that was before it can be used by another. */
  constructor(spaced: boolean = false) {
    this.spaced = spaced;
  }

  /** The time, now that the clock says so. What is no time, NaN or infinite, moves nothing. */
  advance(now: Milliseconds): Milliseconds {
    const time = now - this.origin;
    if (!(Math.abs(time) < Infinity)) return this.time;
    if (time > this.time) this.time = time;
    else if (time < this.time) this.stepBack(now);
    return this.time;
  }

  private stepBack(now: Milliseconds): void {
    this.origin = now - this.time;
    // As that may be rounded, and must say the same the next time.
    this.time = Math.max(this.time, now - this.origin);
  }

  /** How long after `now`, to which it was just advanced, it is `time`: rounded up, so that it will really be by then. */
  wait(now: Milliseconds, time: Milliseconds): Milliseconds {
    if (!Number.isFinite(now)) return NaN;
    let wait = time - this.time;
    if (!(wait > 0)) return 0;
    let step = Number.EPSILON * Math.max(Math.abs(now), Math.abs(time), wait);
    for (; now + wait - this.origin < time; step *= 2) wait += step;
    return wait;
  }

  /**
   * Notes what has just been charged for `time`. To cancel it gives back, as in x/time/rate, what nobody has built upon:
   * its cost less all that was reserved after it, if any of that has to wait for longer than it; of what is spaced, nothing
   * then.
   */
  reserve(now: Milliseconds, time: Milliseconds, cost: number, giveBack: (given: number) => void): Reservation {
    const before = this.latest;
    if (cost > 0) this.latest = Math.max(before, time);
    this.reserved += cost;
    const reserved = this.reserved;
    let charged = cost;
    return {
      at: now + this.wait(now, time),
      cancel: (now) => {
        if (this.advance(now) > time || charged === 0) return 0;
        const after = this.spaced ? charged : Math.max(this.reserved - reserved, 0);
        const given = this.latest > time ? Math.max(charged - after, 0) : charged;
        charged = 0;
        if (this.reserved === reserved) {
          this.reserved -= cost;
          this.latest = before;
        }
        if (given > 0) giveBack(given);
        return given;
      },
    };
  }
}
