/** Bounds of the buckets: `least × growth^i` milliseconds, from a twentieth of one to seven hours. */
const least = 0.05;
const growth = 1.04;
const buckets = 513;

/** Weights grow with each sample; beyond this they are scaled back, which takes a while. */
const heavy = 1e9;

/**
 * A quantile of the latest samples, such as the 95th percentile of latencies, in 4 KB and constant time.
 *
 * Samples are counted in buckets whose bounds grow by 4 % each (a logarithmic histogram, after Masson, Rim, Lee,
 * *DDSketch*, VLDB 2019); each counts `memory / (memory − 1)` times as much as the one before (forward decay, Cormode,
 * Shkapenyuk, Srivastava, Xu, ICDE 2009), so that old ones fade: what is `memory` samples ago weighs 1/e.
 *
 * ```text
 *             below < q × total         at
 *   ▁▂▅█▇▅▃▃▂▂▁▂▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁│▁▁▁▁ ▁    ▁      buckets
 * ```
 *
 * Bound: the estimate is at least the exact weighted quantile, and at most 4 % above it, for samples between 0.05 ms and
 * seven hours; others count as the nearest of these.
 */
export class Quantile {
  /** Samples seen. */
  count = 0;
  readonly #quantile: number;
  readonly #fading: number;
  readonly #weights: Float64Array = new Float64Array(buckets);
  #weight = 1;
  #total = 0;
  /** The bucket the quantile is in: it moves as samples come, and is not looked for. */
  #at = 0;
  /** The weight of the buckets before it. */
  #below = 0;

  /** `quantile` is above 0 and below 1, `memory` above 1. */
  constructor(quantile: number, memory = 1_000) {
    this.#quantile = quantile;
    this.#fading = memory / (memory - 1);
  }

  /** 0 before the first sample. */
  get estimate(): number {
    return this.count === 0 ? 0 : least * growth ** this.#at;
  }

  add(sample: number): void {
    const weights = this.#weights;
    // A clock that stepped back counts as no time at all.
    const i = sample > least ? Math.min(Math.ceil(Math.log(sample / least) / Math.log(growth)), buckets - 1) : 0;
    this.count++;
    this.#weight *= this.#fading;
    weights[i] = (weights[i] as number) + this.#weight;
    this.#total += this.#weight;
    if (i < this.#at) this.#below += this.#weight;
    if (this.#weight > heavy) this.#lighten();
    const sought = this.#quantile * this.#total;
    while (this.#at > 0 && this.#below >= sought) this.#below -= weights[--this.#at] as number;
    while (this.#at < buckets - 1 && this.#below + (weights[this.#at] as number) < sought) {
      this.#below += weights[this.#at++] as number;
    }
  }

  /** Adds up anew as well, so that rounding does not pile up. */
  #lighten(): void {
    this.#total = this.#below = 0;
    for (const [i, weight] of this.#weights.entries()) {
      this.#weights[i] = weight / this.#weight;
      this.#total += this.#weights[i] as number;
      if (i < this.#at) this.#below += this.#weights[i] as number;
    }
    this.#weight = 1;
  }
}
