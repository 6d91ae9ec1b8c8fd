import { checked, number, positive } from '../core/options.ts';
import type { Milliseconds } from '../core/policy.ts';
import { bounds, type Limit, type LimitOptions, limitChecks, SteppedLimit } from './limit.ts';

export interface AimdOptions extends LimitOptions {
  /** The most it becomes, `min` or more. Default 200. Nothing else holds it where nothing is dropped. */
  max?: number | undefined;
  /** What drops multiply the limit by, 0 to 1: once three in ten of a round are dropped; fewer do less. Default 0.9. */
  backoff?: number | undefined;
  /** A call that took longer counts as dropped: above 0. Default 5_000. */
  timeout?: Milliseconds | undefined;
}

/** The share of a round that cuts all of the way when it is dropped. */
const many = 0.3;

/**
 * A limit that one more call at once is added to while nothing is dropped, and that drops multiply by `backoff`:
 * additive increase, multiplicative decrease. It finds the load at which calls are dropped, so it needs drops, such as
 * those of a timeout or of callers' deadlines, and keeps latency just below them. It grows only while at least half of
 * it is in use.
 *
 * Every drop counts for too much load: where calls fail for other reasons as well, one in fifty of them holds the limit
 * near 140, one in ten near 20.
 *
 * Dah-Ming Chiu and Raj Jain, *Analysis of the Increase and Decrease Algorithms for Congestion Avoidance in Computer
 * Networks*, 1989; numbers as in AIMDLimit of Netflix's concurrency-limits, 2018. There each call is a step. Here each
 * round of calls is, as in TCP, and a part of it that was dropped cuts in part, as in DCTCP (Alizadeh and others, 2010).
 * With `rounds: false`, `headroom: Infinity` and `min: 20` the rule is Netflix's.
 *
 * @example
 * const jobs = pipeline(concurrencyLimit({ limit: aimd({ max: 50 }) }), timeout({ duration: 2_000 }));
 *
 * @throws {TypeError | RangeError} for an option that is unknown or out of range
 */
export function aimd(options: AimdOptions = {}): Limit {
  const {
    max = 200,
    rounds = true,
    headroom = 5,
    backoff = 0.9,
    timeout = 5_000,
  } = checked('aimd', options, { ...limitChecks(), backoff: number(0, 1), timeout: positive(Infinity) });
  const stepped = new SteppedLimit({
    ...bounds('aimd', { ...options, max }),
    rounds,
    headroom,
    remeasure: Infinity,
    random: () => 0,
    step(limit, { dropped, inFlight }) {
      const grown = inFlight * 2 >= limit ? limit + 1 : limit;
      const next = grown + (limit * backoff - grown) * Math.min(1, dropped / many);
      return rounds ? next : Math.floor(next);
    },
  });
  return {
    get limit() {
      return stepped.limit;
    },
    sample: (rtt, inFlight, dropped) => stepped.sample(rtt, inFlight, dropped || rtt > timeout),
  };
}
