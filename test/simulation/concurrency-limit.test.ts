import assert from 'node:assert/strict';
import { test } from 'vitest';
import { aimd } from '../../src/algorithms/aimd.ts';
import { gradient } from '../../src/algorithms/gradient.ts';
import type { Limit } from '../../src/algorithms/limit.ts';
import { vegas } from '../../src/algorithms/vegas.ts';
import type { Clock } from '../../src/core/clock.ts';
import type { Random } from '../../src/core/random.ts';
import { concurrencyLimit } from '../../src/policies/concurrency-limit.ts';
import { simulate } from '../../src/testing/simulate.ts';
import type { SimulationOptions, SimulationResult } from '../../src/testing/simulation.ts';

/** Times between events that know nothing of each other. */
const exponential =
  (mean: number) =>
  (random: Random): number =>
    -Math.log(1 - random()) * mean;

type Make = (random: Random) => Limit;

const limits: Record<string, Make> = {
  aimd: () => aimd(),
  vegas: (random) => vegas({ random }),
  gradient: (random) => gradient({ random }),
};
const fixed = (limit: number): Limit => ({ limit, sample: () => limit });
const seeds = [1, 2, 3];

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] as number;
}

/** Ten workers who can do a thousand calls a second, each worth something for 200 ms, with half as many again coming. */
function play(seed: number, seconds: number, make: Make, options: Partial<SimulationOptions> = {}) {
  return simulate({
    seed,
    duration: seconds * 1_000,
    servers: [{ name: 'service', workers: 10, service: exponential(10) }],
    clients: [
      {
        name: 'all',
        arrivals: exponential(1_000 / 1_500),
        deadline: 200,
        policy: (clock, random) => concurrencyLimit({ limit: make(random), clock }),
      },
    ],
    ...options,
  });
}

function servedIn({ series }: SimulationResult, from: number, to: number): number {
  return series.slice(from, to).reduce((sum, { served }) => sum + served, 0) / (to - from);
}

const change = 5;
for (const slower of [2, 0.5]) {
  const events = [{ at: change * 1_000, server: 'service', set: { slower } }] as const;
  const done = slower > 1 ? 'halves' : 'doubles';
  test(`soon after capacity ${done}, each limit does nearly what the best fixed limit does`, async () => {
    const rate = async (make: Make): Promise<number> => {
      const results = await Promise.all(seeds.map((seed) => play(seed, 13, make, { events })));
      // Four seconds after a change already, not thirty.
      return median(results.map((result) => servedIn(result, change + 4, 13)));
    };
    const best = Math.max(await rate(() => fixed(20)), await rate(() => fixed(40)));
    for (const [name, make] of Object.entries(limits)) {
      const share = (await rate(make)) / best;
      assert.ok(share >= (name === 'aimd' ? 0.8 : 0.9), `${name}: ${share} of ${best}, seeds ${seeds}`);
    }
  });
}

test('asked for half as much again as it can do, a service does 95 % of what it can, and half of the calls take less than 25 ms', async () => {
  for (const name of ['vegas', 'gradient']) {
    const results = await Promise.all(seeds.map((seed) => play(seed, 8, limits[name] as Make)));
    const goodput = median(results.map((result) => servedIn(result, 2, 8)));
    assert.ok(goodput >= 950, `${name}: ${goodput}`);
    const usual = median(results.map(({ quantile }) => quantile(0.5)));
    assert.ok(usual <= 25, `${name}: ${usual}`);
  }
});

test('two clients, each with a limit of its own, share a service about evenly', async () => {
  const arrivals = exponential(1_000 / 750);
  const client = (name: string) => ({
    name,
    arrivals,
    deadline: 200,
    policy: (clock: Clock, random: Random) => concurrencyLimit({ limit: gradient({ random }), clock }),
  });
  for (const seed of seeds) {
    const { perClient } = await play(seed, 20, limits.gradient as Make, { clients: [client('a'), client('b')] });
    const [a, b] = [perClient.a?.served ?? 0, perClient.b?.served ?? 0];
    assert.ok(a + b >= 0.93 * 20_000 && Math.abs(a - b) <= 0.3 * (a + b), `seed ${seed}: ${a} and ${b}`);
  }
});

test('in two hours of overload the mean limit of an hour hardly moves', async () => {
  const hours = 2;
  for (const name of ['vegas', 'gradient']) {
    const means = new Array<number>(hours).fill(0);
    await simulate({
      seed: 1,
      duration: hours * 3_600_000,
      servers: [{ name: 'service', workers: 10, service: exponential(300) }],
      clients: [
        {
          name: 'all',
          arrivals: exponential(20),
          policy(clock, random) {
            const limit = (limits[name] as Make)(random);
            const look = (): void => {
              const hour = Math.min(hours - 1, Math.floor(clock.now() / 3_600_000));
              means[hour] = (means[hour] as number) + limit.limit / 360;
              clock.schedule(10_000, look);
            };
            look();
            return concurrencyLimit({ limit, clock });
          },
        },
      ],
    });
    for (const mean of means) {
      assert.ok(Math.abs(mean / (means[0] as number) - 1) < 0.15, `${name}, seed 1: ${means}`);
      assert.ok(mean > 10 && mean < 30, `${name}, seed 1: ${means}`);
    }
  }
});
