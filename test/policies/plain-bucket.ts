import { checkCost, type Meter, type MeterLimits, type Reservation } from '../../src/algorithms/meter.ts';

/** A token bucket as one would explain it, for tests that must not depend on the clever ones. */
export class PlainBucket implements Meter {
  #tokens: number;
  #at = 0;
  #limit: number;
  #interval: number;
  #burst: number;

  constructor(limit: number, interval: number, burst: number = limit) {
    this.#tokens = burst;
    this.#limit = limit;
    this.#interval = interval;
    this.#burst = burst;
  }

  tryAcquire(now: number, cost = 1): boolean {
    checkCost(cost);
    const free = this.available(now);
    // A nanosecond's worth of rounding.
    if (cost > free + 1e-9 && cost > 0) return false;
    this.#tokens = free - cost;
    this.#at = now;
    return true;
  }

  retryAfter(now: number, cost = 1): number {
    checkCost(cost);
    if (cost > this.#burst) return Infinity;
    const missing = cost - this.available(now);
    return missing > 1e-9 && cost > 0 ? (missing * this.#interval) / this.#limit : 0;
  }

  available(now: number): number {
    return Math.min(this.#burst, this.#tokens + (Math.max(now - this.#at, 0) * this.#limit) / this.#interval);
  }

  update(now: number, { limit = this.#limit, interval = this.#interval, burst = this.#burst }: MeterLimits): void {
    this.#tokens = Math.min(this.available(now), burst);
    this.#at = now;
    this.#limit = limit;
    this.#interval = interval;
    this.#burst = burst;
  }

  reserve(): Reservation | undefined {
    throw new Error('not used');
  }
}
