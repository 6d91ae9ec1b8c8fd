import type { Milliseconds } from '../core/policy.ts';
import { type CodelOptions, codelOptions } from './codel.ts';
import type { OverloadDetector } from './shed-queue.ts';

/**
 * Sheds, while overloaded, each call that has waited more than twice `target`: the simpler law of folly, which shares
 * its name and its aim with CoDel. It answers a step in load within two intervals, where `codel` takes seconds.
 *
 * Overloaded is an `interval` after one in which no wait was as short as `target`. The first call of an interval is
 * never shed. Give each `shed` one of its own: it remembers.
 *
 * (folly/executors/Codel, after Ben Maurer, *Fail at Scale*, ACM Queue 13 (8), 2015.)
 *
 * @example
 * const service = shed({ maxConcurrent: 10, order: 'fifo', detector: follyCodel() });
 *
 * @throws {TypeError | RangeError} for an option that is unknown or out of range
 */
export function follyCodel(options: CodelOptions = {}): OverloadDetector {
  return new FollyCodel(codelOptions('follyCodel', options));
}

class FollyCodel implements OverloadDetector {
  overloaded = false;
  readonly #target: Milliseconds;
  readonly #interval: Milliseconds;
  /** When the interval at hand is over. */
  #until: Milliseconds = -Infinity;
  /** The shortest wait of the interval at hand; none yet. */
  #shortest: Milliseconds | undefined = undefined;

  constructor(options: { readonly target: Milliseconds; readonly interval: Milliseconds }) {
    this.#target = options.target;
    this.#interval = options.interval;
  }

  shouldShed(now: Milliseconds, delay: Milliseconds): boolean {
    // No later than ever, for a clock that has stepped back.
    this.#until = Math.min(this.#until, now + this.#interval);
    const shortest = this.#shortest;
    if (shortest === undefined || now > this.#until) {
      if (shortest !== undefined) {
        this.overloaded = shortest > this.#target;
        this.#until = now + this.#interval;
      }
      this.#shortest = delay;
      return false;
    }
    if (delay < shortest) this.#shortest = delay;
    return this.overloaded && delay > 2 * this.#target;
  }

  /** What is older than an interval says nothing about the next. */
  idle(now: Milliseconds): boolean {
    return now - this.#until > this.#interval;
  }
}
