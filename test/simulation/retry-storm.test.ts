import assert from 'node:assert/strict';
import { test } from 'vitest';
import { calmAfter, outage, type Strategy, storm } from '../../bench/simulation/retry-storm.ts';

/** A twenty-fifth of the storm in bench/simulation. */
const rate = 40;
const seeds = [1, 2, 3];

async function play(seed: number, strategy: Strategy) {
  const result = await storm({ clients: 4_000, rate, strategy, seed });
  const lastSeconds = result.series.slice(-20);
  const served = lastSeconds.reduce((sum, second) => sum + second.served, 0) / lastSeconds.length;
  return { calm: calmAfter(result, rate), served };
}

test('with immediate retries the load stays above capacity long after the outage, and nothing is served', async () => {
  for (const seed of seeds) {
    const { calm, served } = await play(seed, 'immediate retries');
    assert.equal(calm, Infinity, `seed ${seed}`);
    assert.ok(served < 0.05 * rate, `seed ${seed}: ${served} a second`);
  }
});

test('with full jitter and a budget it is below capacity within 10 s, and all is served again', async () => {
  for (const seed of seeds) {
    const { calm, served } = await play(seed, 'full jitter and a budget');
    assert.ok(calm <= 10_000, `seed ${seed}: ${calm} ms after ${outage.to}`);
    assert.ok(served > 0.8 * rate, `seed ${seed}: ${served} a second`);
  }
});

test('full jitter alone does not help: it spreads the load, and takes none away', async () => {
  const { calm } = await play(1, 'full jitter');
  assert.equal(calm, Infinity);
});
