import { pipeline } from '../../src/core/pipeline.ts';
import type { Milliseconds, Policy } from '../../src/core/policy.ts';
import type { Random } from '../../src/core/random.ts';

/** Times without memory: of arrivals that know nothing of each other. */
export function exponentially(mean: Milliseconds): (random: Random) => Milliseconds {
  return (random) => -mean * Math.log(1 - random());
}

const identity = pipeline();
const never = new AbortController().signal;

/** Hides the caller's signal from what is inside: a service that does not notice when its caller hangs up. */
export const unheard: Policy = { execute: (task) => identity.execute(task, { signal: never }) };
