import { pipeline } from '../../src/core/pipeline.ts';
import type { Milliseconds, Policy } from '../../src/core/policy.ts';
import type { Random } from '../../src/core/random.ts';

/** Times without memory: of arrivals that know nothing of each other. */
export function exponentially(mean: Milliseconds): (random: Random) => Milliseconds {
  return (random) => -mean * Math.log(1 - random());
}

/**
 * Hides the caller's signal from what is inside: a service that does not notice when its caller hangs up. One for each
 * simulation: what is under way at the end stays on its list.
 */
export function unheard(): Policy {
  const identity = pipeline();
  const { signal } = new AbortController();
  return { execute: (task) => identity.execute(task, { signal }) };
}
