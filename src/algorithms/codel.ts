import { checked, positive } from '../core/options.ts';
import type { Milliseconds } from '../core/policy.ts';
import type { OverloadDetector } from './shed-queue.ts';

export interface CodelOptions {
  /** A wait that is all right. Above 0, up to `interval`. Default 5. */
  target?: Milliseconds | undefined;
  /** How long waits may stay above it: about as long as a burst may take to pass. Above 0. Default 100. */
  interval?: Milliseconds | undefined;
}

/**
 * Tells a queue that stands from one that takes up a burst, by how long its calls wait: CoDel, the control of delay.
 *
 * While the wait is below `target` now and then, all is well. Once it has been at or above it for a whole `interval`, one
 * call is shed, and then one more after each `interval / √n`, where n counts them, until a wait is below `target`. If
 * that has to begin again within 16 intervals, it goes on at about the rate that worked. Both may be read as: never on
 * a wait below target, and never two in less than `interval / √n`.
 *
 * Give each `shed` one of its own: it remembers. (Nichols, Jacobson, McGregor, Iyengar, *Controlled Delay Active Queue
 * Management*, RFC 8289, 2018; without the rule that spares the last packet.)
 *
 * @example
 * const service = shed({ maxConcurrent: 10, detector: codel({ target: 10, interval: 200 }) });
 *
 * @throws {TypeError | RangeError} for an option that is unknown or out of range
 */
export function codel(options: CodelOptions = {}): OverloadDetector {
  return new Codel(codelOptions('codel', options));
}

/** The options of CoDel and of its variant. */
export function codelOptions(
  factory: string,
  options: CodelOptions,
): { readonly target: Milliseconds; readonly interval: Milliseconds } {
  const { target = 5, interval = 100 } = checked(factory, options, {
    target: positive(Infinity),
    interval: positive(Infinity),
  });
  positive(interval)(`${factory}: target`, target);
  return { target, interval };
}

class Codel implements OverloadDetector {
  overloaded = false;
  readonly #target: Milliseconds;
  readonly #interval: Milliseconds;
  /** From when on waits will have been too long for too long; `Infinity` while the last one was all right. */
  #over: Milliseconds = Infinity;
  /** When the next call is to go. */
  #next: Milliseconds = -Infinity;
  /** One has gone since that was set. */
  #gone = false;
  #count = 0;
  /** What the count began with this time. */
  #start = 0;

  constructor(options: { readonly target: Milliseconds; readonly interval: Milliseconds }) {
    this.#target = options.target;
    this.#interval = options.interval;
  }

  shouldShed(now: Milliseconds, delay: Milliseconds): boolean {
    const stands = this.#stands(now, delay);
    if (!this.overloaded) return stands && this.#begin(now);
    if (!stands) return (this.overloaded = false);
    // Not when it went: the RFC sets it only if the queue still stands.
    if (this.#gone) this.#next += this.#interval / Math.sqrt(this.#count);
    this.#gone = false;
    // No later than ever, for a clock that has stepped back.
    this.#next = Math.min(this.#next, now + this.#interval);
    if (now < this.#next) return false;
    this.#count++;
    return (this.#gone = true);
  }

  idle(now: Milliseconds): boolean {
    return !(now - this.#next < 16 * this.#interval);
  }

  #stands(now: Milliseconds, delay: Milliseconds): boolean {
    this.#over = delay >= this.#target ? Math.min(this.#over, now + this.#interval) : Infinity;
    return now >= this.#over;
  }

  #begin(now: Milliseconds): true {
    const shed = this.#count - this.#start;
    this.#count = this.#start = shed > 1 && now - this.#next < 16 * this.#interval ? shed : 1;
    this.#next = now + this.#interval / Math.sqrt(this.#count);
    this.#gone = false;
    return (this.overloaded = true);
  }
}
