import type { Milliseconds } from '../core/policy.ts';
import { CallWindow } from './windows.ts';

export interface ThrottlingOptions {
  k: number;
  window: Milliseconds;
  minCalls: number;
}

/**
 * Turns calls away at their source in proportion to how many the other side does not accept:
 *
 * ```text
 * p = max(0, (requests - k × accepts) / (requests + 1))
 * ```
 *
 * over the latest `window`, for each priority by itself. Calls turned away here count as requests; did they not, p would
 * swing between all and nothing. So as many calls are sent as are accepted, times k: at k = 2, one refused for each
 * accepted. (Beyer, Jones, Petoff, Murphy, *Site Reliability Engineering*, O'Reilly, 2016, chapter 21.)
 */
export class Throttling {
  readonly #options: ThrottlingOptions;
  /** Requests, those accepted marked; for each priority seen in the window. */
  readonly #windows = new Map<number, CallWindow>();
  /** When there are so many, those that are empty are looked for: rarely, as there may be many priorities. */
  #enough = 16;

  constructor(options: ThrottlingOptions) {
    this.#options = options;
  }

  /** How likely a call of this priority is to be turned away now: 0 up to, not including, 1. */
  rejectionProbability(now: Milliseconds, priority = 0): number {
    const window = this.#windows.get(priority);
    if (window === undefined) return 0;
    window.advance(now);
    const { calls, marked } = window;
    const { k, minCalls } = this.#options;
    return calls < minCalls ? 0 : Math.max(0, (calls - k * marked) / (calls + 1));
  }

  record(accepted: boolean, now: Milliseconds, priority = 0): void {
    let window = this.#windows.get(priority);
    if (window === undefined) {
      // However many priorities there are, only those of the window take room, and as many again.
      if (this.#windows.size >= this.#enough) {
        this.#forget(now);
        this.#enough = Math.max(16, 2 * this.#windows.size);
      }
      window = new CallWindow({ duration: this.#options.window });
      this.#windows.set(priority, window);
    }
    window.record(accepted, now);
  }

  /** Whether nothing is counted. */
  idle(now: Milliseconds): boolean {
    this.#forget(now);
    return this.#windows.size === 0;
  }

  #forget(now: Milliseconds): void {
    for (const [priority, window] of this.#windows) {
      window.advance(now);
      if (window.calls === 0) this.#windows.delete(priority);
    }
  }
}
