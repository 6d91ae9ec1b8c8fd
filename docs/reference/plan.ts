import type { Milliseconds } from '../../src/core/policy.ts';
import { seededRandom } from '../../src/testing/seeded-random.ts';

/** What the upstream does with one request, after `delay`; a slow body takes `bodyDelay` between its halves. */
export interface Fate {
  readonly kind: 'answer' | 'slow body' | 'error' | 'busy' | 'reset' | 'hang';
  readonly delay: Milliseconds;
}

/** Everything about a run that is decided before it starts. */
export interface Plan {
  readonly seed: number;
  /** How many calls each client makes, and how far apart at least. */
  readonly calls: number;
  readonly interval: Milliseconds;
  readonly duration: Milliseconds;
  /** A caller who has waited this long goes away. */
  readonly patience: Milliseconds;
  /** Between these times nothing gets an answer. */
  readonly outage: { readonly from: Milliseconds; readonly to: Milliseconds };
  /** The same for both clients: the first try of a call meets the same weather, whoever makes it. Calls below 0 meet none. */
  fate(call: number, attempt: number, inOutage: boolean): Fate;
}

type Weather = readonly (readonly [share: number, kind: Fate['kind']])[];

/** What becomes of a request when there is no outage. */
export const ordinary: Weather = [
  [0.84, 'answer'],
  [0.06, 'error'],
  [0.04, 'reset'],
  [0.02, 'slow body'],
  [0.02, 'hang'],
  [0.02, 'busy'],
];

const outage: Weather = [
  [0.4, 'hang'],
  [0.4, 'error'],
  [0.2, 'reset'],
];

/** The waits a busy upstream asks for, in the whole seconds of `Retry-After`. */
export const busyFor = 1;

/** Between the two halves of a slow body. */
export const bodyDelay: Milliseconds = 600;

const interval: Milliseconds = 20;
const triesPlanned = 8;

/** Draws the whole schedule from the seed: 50 calls a second of each client, with an outage in their middle fifth. */
export function makePlan(seed: number, duration: Milliseconds): Plan {
  const random = seededRandom(seed);
  const calls = Math.floor(duration / interval);
  const draws = Array.from({ length: calls * triesPlanned }, () => ({ weather: random(), delay: latency(random()) }));
  return {
    seed,
    calls,
    interval,
    duration,
    patience: 3_000,
    outage: { from: 0.4 * duration, to: 0.6 * duration },
    fate(call, attempt, inOutage) {
      if (call < 0) return { kind: 'answer', delay: 0 };
      const draw = draws[call * triesPlanned + (attempt % triesPlanned)];
      if (draw === undefined) throw new RangeError(`call ${call} was never planned`);
      return { kind: pick(inOutage ? outage : ordinary, draw.weather), delay: draw.delay };
    },
  };
}

/** An exponential tail over a floor of 5 ms: most answers take about 15 ms, one in a hundred more than 50. */
function latency(chance: number): Milliseconds {
  return 5 - 10 * Math.log(1 - chance);
}

function pick(weather: Weather, chance: number): Fate['kind'] {
  let passed = 0;
  for (const [share, kind] of weather) {
    passed += share;
    if (chance < passed) return kind;
  }
  return 'answer';
}
