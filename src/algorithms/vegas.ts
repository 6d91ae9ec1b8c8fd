import { checked, positive, typed } from '../core/options.ts';
import type { Milliseconds } from '../core/policy.ts';
import { systemRandom } from '../core/random.ts';
import { bounds, type Limit, type MeasuredLimitOptions, measuredChecks, SteppedLimit } from './limit.ts';

export interface VegasOptions extends MeasuredLimitOptions {
  /** The most it becomes, `min` or more. Default 1_000. */
  max?: number | undefined;
  /** Calls that may queue before the limit stops growing, for a limit. Default 3 · log10(limit), the logarithm whole and at least 1. */
  alpha?: ((limit: number) => number) | undefined;
  /** Calls that may queue before the limit is lowered, for a limit. Default 6 · log10(limit). */
  beta?: ((limit: number) => number) | undefined;
  /** The limit after one that was too high. Default limit − log10(limit). */
  decrease?: ((limit: number) => number) | undefined;
  /** How far each step goes towards what the rule says, above 0, up to 1. Default 0.5. */
  smoothing?: number | undefined;
}

/**
 * A limit that keeps a few calls queueing, and no more. How many do follows from how much longer calls take than
 * without load:
 *
 * ```text
 * queue = ⌈limit · (1 − unloaded ÷ rtt)⌉
 *
 *      0     log10       alpha         beta
 *      ├───────┼───────────┼─────────────┼───────────
 *        + beta   + log10       stays      − log10
 * ```
 *
 * It grows only while at least half of it is in use. A round of which every call was dropped lowers it; where a part was,
 * that counts as if calls took longer.
 *
 * L. S. Brakmo, S. W. O'Malley and L. L. Peterson, *TCP Vegas*, 1994; steps as in VegasLimit of Netflix's
 * concurrency-limits, 2018. There `unloaded` is the shortest time seen, or, now and then, whatever a call takes just
 * then: under lasting load it grows without end. Here it is measured, see `remeasure`. With `rounds: false`,
 * `headroom: Infinity`, `remeasure: Infinity` and `smoothing: 1` the rule is Netflix's, with the shortest time ever seen.
 *
 * @example
 * const search = concurrencyLimit({ limit: vegas({ initial: 10, max: 200 }) });
 *
 * @throws {TypeError | RangeError} for an option that is unknown or out of range
 */
export function vegas(options: VegasOptions = {}): Limit {
  const {
    max = 1_000,
    rounds = true,
    headroom = 5,
    remeasure = 30,
    random = systemRandom,
    alpha = (limit: number) => 3 * log10(limit),
    beta = (limit: number) => 6 * log10(limit),
    decrease = (limit: number) => limit - log10(limit),
    smoothing = 0.5,
  } = checked('vegas', options, {
    ...measuredChecks(),
    alpha: typed('function'),
    beta: typed('function'),
    decrease: typed('function'),
    smoothing: positive(1),
  });
  let shortest: Milliseconds = Infinity;
  return new SteppedLimit({
    ...bounds('vegas', { ...options, max }),
    rounds,
    headroom,
    remeasure,
    random,
    step(limit, { rtt, inFlight }, unloaded) {
      if (rtt < shortest) {
        shortest = rtt;
        if (remeasure === Infinity) return limit;
      }
      const next = target(limit, rtt, inFlight, unloaded >= 0 ? unloaded : shortest);
      return limit * (1 - smoothing) + next * smoothing;
    },
  });

  function target(limit: number, rtt: Milliseconds, inFlight: number, unloaded: Milliseconds): number {
    if (rtt === Infinity) return decrease(limit);
    if (inFlight * 2 < limit) return limit;
    const queue = Math.ceil(limit * (1 - unloaded / rtt));
    if (queue <= log10(limit)) return limit + beta(limit);
    if (queue < alpha(limit)) return limit + log10(limit);
    return queue > beta(limit) ? decrease(limit) : limit;
  }
}

function log10(limit: number): number {
  return Math.max(1, Math.floor(Math.log10(limit)));
}
