import type { Milliseconds } from '../core/policy.ts';

/** What calls for a level, and when it does. */
export interface Threshold {
  /** Counted from 0, the best. */
  readonly level: number;
  /** The reading that calls for it, or any above. */
  readonly raise: number;
  /** The least reading that still calls for it once it does. */
  readonly lower: number;
}

/**
 * The level that readings call for: the worst that any of them does. It gets worse at once, as far as it must, and
 * better step by step, when it has been what it is for `minStay`; so it does not flutter, and what was given up does not
 * come back all at the same moment.
 *
 * ```text
 *   reading     raise ┄┄┄┄┄┄╭─╮┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄
 *                     ╭─────╯ ╰──╮
 *               lower ┄┄┄┄┄┄┄┄┄┄┄╰──╮┄┄┄┄┄┄┄┄┄
 *   called for  no          yes     no
 * ```
 *
 * (Two thresholds as in O. H. Schmitt's trigger, 1938; levels of optional work as in Klein et al., Brownout, ICSE 2014.)
 */
export class Levels {
  level = 0;
  readonly #thresholds: readonly Threshold[];
  readonly #minStay: Milliseconds;
  readonly #called: boolean[] = [];
  /** When the level became what it is. */
  #since: Milliseconds;

  constructor(thresholds: readonly Threshold[], minStay: Milliseconds, now: Milliseconds) {
    this.#thresholds = thresholds;
    this.#minStay = minStay;
    this.#since = now;
  }

  /** Takes the readings of now, one for each threshold; NaN says nothing, and calls for nothing. */
  update(readings: readonly number[], now: Milliseconds): void {
    let wanted = 0;
    for (const [i, { level, raise, lower }] of this.#thresholds.entries()) {
      const called = (readings[i] as number) >= (this.#called[i] ? lower : raise);
      this.#called[i] = called;
      if (called) wanted = Math.max(wanted, level);
    }
    // After a step back of the clock nothing stays for longer than its full time from now.
    this.#since = Math.min(this.#since, now);
    if (wanted > this.level) this.set(wanted, now);
    else if (wanted < this.level && now - this.#since >= this.#minStay) this.set(this.level - 1, now);
  }

  set(level: number, now: Milliseconds): void {
    if (level === this.level) return;
    this.level = level;
    this.#since = now;
  }
}
