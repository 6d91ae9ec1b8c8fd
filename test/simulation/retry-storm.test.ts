import assert from 'node:assert/strict';
import { test } from 'vitest';
import { calmAfter, outage, type Strategy, storm } from '../../bench/simulation/retry-storm.ts';

/** A twenty-fifth of the storm in bench/simulation. */
const rate = 40;

async function play(seed: number, strategy: Strategy) {
  const result = await storm({ clients: 4_000, rate, strategy, seed, duration: 90_000 });
  const lastSeconds = result.series.slice(-20);
  const served = lastSeconds.reduce((sum, second) => sum + second.served, 0) / lastSeconds.length;
  return { calm: calmAfter(result, rate), served };
}

test('with immediate retries the load stays above capacity long after the outage, and nothing is served', async () => {
  const { calm, served } = await play(1, 'immediate retries');
  assert.equal(calm, Infinity);
  assert.ok(served < 0.05 * rate, `seed 1: ${served} a second`);
});

test('with full jitter and a budget it is below capacity within 10 s, and all is served again', async () => {
  const { calm, served } = await play(1, 'full jitter and a budget');
  assert.ok(calm <= 10_000, `seed 1: ${calm} ms after ${outage.to}`);
  assert.ok(served > 0.8 * rate, `seed 1: ${served} a second`);
});

test('full jitter alone does not help: it spreads the load, and takes none away', async () => {
  const { calm } = await play(1, 'full jitter');
  assert.equal(calm, Infinity);
});
