import type { Milliseconds } from '../core/policy.ts';
import { Ledger } from './ledger.ts';
import { checkCost, type Meter, type MeterLimits, type Reservation } from './meter.ts';
import { changed, rounding, type WindowMeterOptions, windowLimits } from './window-meter.ts';

/**
 * Admits `limit` in the last `interval`, and never more: it remembers when each of them was.
 *
 * At most `limit` in any stretch of one `interval`, its end not included; the strictest of the meters. It wastes nothing:
 * under constant demand it admits all that such a bound allows. To admit is O(1) in time; to say how long a wait will be
 * takes as long as it takes to count what must be forgotten first. 16 bytes for each admission of the last `interval`,
 * those of one instant being one, so at most `16 × limit` where costs are 1 or more. Memory is kept once it is taken.
 *
 * A reservation comes behind those before it. A cancelled one gives back its cost, less all that was reserved after it if
 * any of that has to wait for longer. A clock that steps back gives nothing for the time it repeats. `update` keeps what
 * is remembered, and judges its age by the new `interval`.
 *
 * @example
 * const partner = rateLimit({ meter: slidingLog({ limit: 100, interval: 60_000 }), maxWait: 5_000 });
 *
 * @throws {TypeError | RangeError} for an option that is unknown, missing or out of range
 */
export function slidingLog(options: WindowMeterOptions): Meter {
  return new SlidingLog(options);
}

class SlidingLog implements Meter {
  private readonly ledger = new Ledger();
  private limit: number;
  private interval: Milliseconds;
  /** Times and costs side by side, the oldest at `first`, in order of time; a power of two of them. */
  private ring = new Float64Array(2 * 8);
  private first = 0;
  private length = 0;
  private used = 0;
  /** The time of the newest. */
  private newest: Milliseconds = -Infinity;

  constructor(options: WindowMeterOptions) {
    const { limit, interval } = windowLimits('slidingLog', options);
    this.limit = limit;
    this.interval = interval;
  }

  tryAcquire(now: Milliseconds, cost: number = 1): boolean {
    checkCost(cost);
    const time = this.advance(now);
    // While reservations are out, the newest is ahead.
    if (this.used + cost > this.limit + rounding || this.newest > time || !Number.isFinite(now)) return false;
    if (cost > 0) this.push(time, cost);
    return true;
  }

  retryAfter(now: Milliseconds, cost: number = 1): Milliseconds {
    checkCost(cost);
    this.advance(now);
    return cost > this.limit ? Infinity : this.ledger.wait(now, this.freeAt(cost));
  }

  reserve(now: Milliseconds, cost: number = 1, maxWait: Milliseconds = Infinity): Reservation | undefined {
    checkCost(cost);
    this.advance(now);
    if (cost > this.limit) return undefined;
    const time = this.freeAt(cost);
    if (!(this.ledger.wait(now, time) <= maxWait)) return undefined;
    if (cost > 0) this.push(time, cost);
    return this.ledger.reserve(now, time, cost, (given) => this.giveBack(time, given));
  }

  available(now: Milliseconds): number {
    const time = this.advance(now);
    const left = this.limit - this.used;
    return this.newest > time ? Math.min(left, -(this.ring[this.at(this.length - 1) + 1] as number)) : left;
  }

  update(now: Milliseconds, limits: MeterLimits): void {
    const before = { limit: this.limit, interval: this.interval };
    const { limit, interval } = windowLimits('slidingLog', changed(before, limits));
    this.advance(now);
    this.limit = limit;
    this.interval = interval;
  }

  /** Forgets what is an interval old. */
  private advance(now: Milliseconds): Milliseconds {
    const time = this.ledger.advance(now);
    const ring = this.ring;
    while (this.length > 0 && (ring[this.first] as number) + this.interval <= time) {
      this.used -= ring[this.first + 1] as number;
      this.first = this.at(1);
      if (--this.length === 0) this.used = 0;
    }
    return time;
  }

  /** When enough of it has gone, and not before anybody's who was promised something. */
  private freeAt(cost: number): Milliseconds {
    let time = Math.max(this.ledger.time, this.newest);
    let used = this.used;
    for (let nth = 0; used + cost > this.limit + rounding && nth < this.length; nth++) {
      const at = this.at(nth);
      used -= this.ring[at + 1] as number;
      time = Math.max(time, (this.ring[at] as number) + this.interval);
    }
    return time;
  }

  private push(time: Milliseconds, cost: number): void {
    this.used += cost;
    if (this.length === 0 || time > this.newest) {
      if (2 * this.length === this.ring.length) this.grow();
      const at = this.at(this.length++);
      this.ring[at] = time;
      this.ring[at + 1] = cost;
      this.newest = time;
    } else {
      const at = this.at(this.length - 1);
      this.ring[at + 1] = (this.ring[at + 1] as number) + cost;
    }
  }

  private giveBack(time: Milliseconds, given: number): void {
    const ring = this.ring;
    let nth = this.length - 1;
    while (nth > 0 && (ring[this.at(nth)] as number) > time) nth--;
    const at = this.at(nth);
    ring[at + 1] = (ring[at + 1] as number) - given;
    this.used -= given;
    while (this.length > 0 && (ring[this.at(this.length - 1) + 1] as number) < rounding) this.length--;
    this.newest = this.length > 0 ? (ring[this.at(this.length - 1)] as number) : -Infinity;
    if (this.length === 0) this.used = 0;
  }

  /** Where the nth oldest is. */
  private at(nth: number): number {
    return (this.first + 2 * nth) & (this.ring.length - 1);
  }

  private grow(): void {
    const ring = new Float64Array(2 * this.ring.length);
    ring.set(this.ring.subarray(this.first));
    ring.set(this.ring.subarray(0, this.first), this.ring.length - this.first);
    this.ring = ring;
    this.first = 0;
  }
}
