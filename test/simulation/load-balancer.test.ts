import assert from 'node:assert/strict';
import { test } from 'vitest';
import { type Balance, balance, columns } from '../../bench/simulation/balancing.ts';
import { leastConnections, powerOfTwoChoices, roundRobin } from '../../src/algorithms/pick.ts';
import { leastLoaded, peakEwma } from '../../src/algorithms/pick-latency.ts';
import type { Picker } from '../../src/core/router.ts';

type Runs = Omit<Balance, 'seed' | 'pick'>;

/** The quantile's mean over some seeds, to that of another picker: of short runs a median swings more. */
async function ratio(pick: () => Picker, other: () => Picker, q: number, runs: Runs): Promise<number> {
  const sums = [0, 0];
  for (const seed of [1, 2, 3]) {
    for (const [i, each] of [pick, other].entries())
      sums[i] = (sums[i] as number) + (await balance({ seed, pick: each, ...runs })).quantile(q);
  }
  return (sums[0] as number) / (sums[1] as number);
}

test('two choices cut the p99 of round robin by a fifth at 70 % load, and by half at 90 %', async () => {
  const even = await ratio(powerOfTwoChoices, roundRobin, 0.99, { duration: 15_000, ...columns.even });
  assert.ok(even <= 0.8, `${even} at 70 %`);
  const heavy = await ratio(powerOfTwoChoices, roundRobin, 0.99, { duration: 15_000, ...columns.heavy });
  assert.ok(heavy <= 0.5, `${heavy} at 90 %`);
});

test('with one server five times slower, peak EWMA halves the p99.9 of two choices', async () => {
  const uneven = await ratio(peakEwma, powerOfTwoChoices, 0.999, { duration: 15_000, ...columns.uneven });
  assert.ok(uneven <= 0.5, `${uneven}`);
});

test('the least loaded is within a tenth of the best of them, however even or uneven servers are', async () => {
  for (const [name, column] of Object.entries(columns)) {
    const play = (pick: () => Picker) =>
      Promise.all([1, 2, 3].map((seed) => balance({ seed, duration: 15_000, pick, ...column })));
    const at = (plays: Awaited<ReturnType<typeof play>>, q: number): number =>
      plays.reduce((sum, { quantile }) => sum + quantile(q), 0);
    const own = await play(leastLoaded);
    for (const pick of [powerOfTwoChoices, peakEwma, leastConnections]) {
      const other = await play(pick);
      for (const q of [0.5, 0.99, 0.999]) {
        const share = at(own, q) / at(other, q);
        assert.ok(share <= 1.1, `${name}: ${share} of ${pick.name} at ${q}`);
      }
    }
  }
});
