import { checked, positive } from '../core/options.ts';
import type { Milliseconds } from '../core/policy.ts';

/** The time in which a cost falls to 1/e of what it was. */
const decayOf = { decay: /* @__PURE__ */ positive(Number.MAX_VALUE) };

/**
 * An exponentially weighted moving average that follows a peak at once, and forgets it slowly: samples above it replace
 * it, the others count the more the longer ago the one before was.
 *
 *     cost = sample                              if sample > cost
 *     cost = cost · e^(-Δt/decay) + sample · (1 - e^(-Δt/decay))   otherwise
 *
 * Finagle, PeakEwma.scala, 2015. A clock that steps back lets nothing decay.
 */
export class Ewma {
  private readonly decay: Milliseconds;
  private cost = 0;
  private at: Milliseconds = -Infinity;

  constructor(decay: Milliseconds) {
    this.decay = decay;
  }

  /** Whether there was a sample. */
  get known(): boolean {
    return this.at !== -Infinity;
  }

  /** @returns the cost with this sample in it */
  update(now: Milliseconds, sample: number): number {
    const kept = this.kept(now);
    this.at = Math.max(this.at, now);
    this.cost = sample > this.cost ? sample : this.cost * kept + sample * (1 - kept);
    return this.cost;
  }

  /** The cost as it has decayed by now: what nobody asks for must not stay dear for ever. 0 before the first sample. */
  value(now: Milliseconds): number {
    return this.cost * this.kept(now);
  }

  private kept(now: Milliseconds): number {
    return now > this.at ? Math.exp((this.at - now) / this.decay) : 1;
  }
}

/**
 * A peak-sensitive moving average: `decay` is the time in which a cost falls to 1/e, in milliseconds, above 0.
 *
 * @throws {RangeError | TypeError} for options out of range, or unknown
 */
export function ewma(options: { decay: Milliseconds }): Ewma {
  const { decay } = checked('ewma', options, decayOf);
  decayOf.decay('ewma: decay', decay);
  return new Ewma(decay);
}
