import { checked, number, positive, typed } from '../core/options.ts';
import type { Milliseconds } from '../core/policy.ts';
import { systemRandom } from '../core/random.ts';
import { bounds, type Limit, type MeasuredLimitOptions, measuredChecks, SteppedLimit } from './limit.ts';

export interface GradientOptions extends MeasuredLimitOptions {
  /** The most it becomes, `min` or more. Default 1_000. */
  max?: number | undefined;
  /** How many times longer than without load calls may take before the limit shrinks, 1 to 10. Default 1.2. */
  tolerance?: number | undefined;
  /** Calls that may queue, for a limit: what it grows by where calls take no longer. Default its square root. */
  queue?: ((limit: number) => number) | undefined;
  /** How far each step goes towards what the rule says, above 0, up to 1. Default 0.2. */
  smoothing?: number | undefined;
}

/** How far back the average goes that stands for the time without load where it is not measured, in steps. */
const longWindow = 600;
/** Steps of which that average is the plain mean. */
const warmup = 10;

/**
 * A limit that shrinks in proportion as calls take longer than without load, and that leaves room for a queue:
 *
 * ```text
 * gradient = tolerance · unloaded ÷ rtt      at least ½, at most 1
 * limit    ← limit · gradient + queue(limit), smoothed
 * ```
 *
 * It grows only while at least half of it is in use. Calls that are dropped count as if calls took longer. With as many
 * places for calls as c, it comes to rest near tolerance · c + √c, if calls take alike long.
 *
 * Gradient2Limit of Netflix's concurrency-limits, 2018. There `unloaded` is an average of the last 600 calls, which under
 * lasting load becomes the time with it, so that the limit grows to its maximum. Here it is measured, see `remeasure`,
 * which Envoy's adaptive concurrency filter does too. With `rounds: false`, `headroom: Infinity`, `remeasure: Infinity`,
 * `min: 20`, `max: 200`, `tolerance: 1.5` and `queue: () => 4` it is Netflix's, but that there drops go uncounted.
 *
 * @example
 * const search = concurrencyLimit({ limit: gradient({ initial: 10, max: 200 }) });
 *
 * @throws {TypeError | RangeError} for an option that is unknown or out of range
 */
export function gradient(options: GradientOptions = {}): Limit {
  const {
    max = 1_000,
    rounds = true,
    headroom = 5,
    remeasure = 30,
    random = systemRandom,
    tolerance = 1.2,
    queue = Math.sqrt,
    smoothing = 0.2,
  } = checked('gradient', options, {
    ...measuredChecks(),
    tolerance: number(1, 10),
    queue: typed('function'),
    smoothing: positive(1),
  });
  let average: Milliseconds = 0;
  let steps = 0;
  return new SteppedLimit({
    ...bounds('gradient', { ...options, max }),
    rounds,
    headroom,
    remeasure,
    random,
    step(limit, { rtt, inFlight }, measured) {
      const bearable = tolerance * (measured >= 0 ? measured : averaged(rtt));
      if (inFlight < limit / 2) return limit;
      const slope = bearable >= rtt ? 1 : rtt < Infinity ? Math.max(0.5, bearable / rtt) : 0.5;
      return limit * (1 - smoothing) + (limit * slope + queue(Math.floor(limit))) * smoothing;
    },
  });

  /** The long average, from before it is lowered where it has been left far behind. */
  function averaged(rtt: Milliseconds): Milliseconds {
    if (rtt === Infinity) return average;
    steps++;
    average += (rtt - average) * (steps <= warmup ? 1 / steps : 2 / (longWindow + 1));
    const unloaded = average;
    if (average > rtt * 2) average *= 0.95;
    return unloaded;
  }
}
