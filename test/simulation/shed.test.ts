import assert from 'node:assert/strict';
import { test } from 'vitest';
import type { Random } from '../../src/core/random.ts';
import { type Shed, type ShedOptions, shed } from '../../src/policies/shed.ts';
import { simulate } from '../../src/testing/simulate.ts';
import type { SimulationClient, SimulationResult } from '../../src/testing/simulation.ts';

/** Times between events that know nothing of each other. */
const exponential =
  (mean: number) =>
  (random: Random): number =>
    -Math.log(1 - random()) * mean;

/** A thousand calls a second are all that ten workers can do, and each is worth something for 200 ms. */
const capacity = 1_000;
const seeds = [1, 2, 3];

function play(seed: number, duration: number, clients: readonly Omit<SimulationClient, 'deadline'>[]) {
  return simulate({
    seed,
    duration,
    servers: [{ name: 'service', workers: 10, service: exponential(10) }],
    clients: clients.map((client) => ({ ...client, deadline: 200 })),
  });
}

/** A policy that all clients of one run share. */
function shared(options: Partial<ShedOptions> = {}): NonNullable<SimulationClient['policy']> {
  let gate: Shed | undefined;
  return (clock) => (gate ??= shed({ maxConcurrent: 10, clock, ...options }));
}

/** Times capacity. */
const demand = (load: number) => ({ arrivals: exponential(1_000 / (load * capacity)) });

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] as number;
}

function goodput({ served }: SimulationResult, duration: number): number {
  return (served / (capacity * duration)) * 1_000;
}

for (const [load, duration] of [
  [1.5, 20_000],
  [2, 20_000],
  [10, 5_000],
] as const) {
  test(`asked for ${load} times what it can do, a service does 97 % of what it can`, async () => {
    const shares: number[] = [];
    for (const seed of seeds) {
      const result = await play(seed, duration, [{ name: 'all', ...demand(load), policy: shared() }]);
      // Nobody is started in vain: hardly any work is late.
      assert.ok(result.late <= result.served / 100, `seed ${seed}: ${result.late} late`);
      shares.push(goodput(result, duration));
    }
    assert.ok(median(shares) >= 0.97, `seeds ${seeds}: ${shares}`);
  });
}

test('with a line that has no end and no shedding, it does nearly nothing that is worth something', async () => {
  const result = await play(1, 60_000, [{ name: 'all', ...demand(1.5) }]);
  assert.ok(goodput(result, 60_000) < 0.05, `seed 1: ${goodput(result, 60_000)}`);
});

for (const load of [1.5, 10]) {
  test(`asked for ${load} times what it can do, it serves 99 % of the critical calls that alone would be 79 %`, async () => {
    for (const seed of seeds) {
      const policy = shared();
      const { perClient, served } = await play(seed, 5_000, [
        { name: 'critical', ...demand(0.79), priority: 1, policy },
        { name: 'others', ...demand(load - 0.79), policy },
      ]);
      const { offered, served: critical } = perClient.critical!;
      assert.ok(critical >= 0.99 * offered, `seed ${seed}: ${critical} of ${offered}`);
      assert.ok(served >= 0.96 * capacity * 5, `seed ${seed}: ${served}`);
    }
  });
}

test('below capacity it hardly sheds at all', async () => {
  for (const seed of seeds) {
    const { offered, served } = await play(seed, 20_000, [{ name: 'all', ...demand(0.8), policy: shared() }]);
    assert.ok(served >= 0.995 * offered, `seed ${seed}: ${served} of ${offered}`);
  }
});
