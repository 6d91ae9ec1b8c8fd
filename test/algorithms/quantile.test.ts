import assert from 'node:assert/strict';
import { test } from 'vitest';
import { Quantile } from '../../src/algorithms/quantile.ts';
import { seededRandom } from '../../src/testing/seeded-random.ts';

/** At least the exact one, and at most 4 % above it. */
function near(estimate: number, exact: number): void {
  assert.ok(estimate >= exact * 0.999_999 && estimate <= exact * 1.040_001, `${estimate} for ${exact}`);
}

test('is 0 before the first sample, and then about that', () => {
  for (const sample of [0.05, 1, 7.3, 1_000, 3_600_000, 25_000_000]) {
    const quantile = new Quantile(0.95);
    assert.deepEqual([quantile.estimate, quantile.count], [0, 0]);
    quantile.add(sample);
    near(quantile.estimate, sample);
    assert.equal(quantile.count, 1);
  }
});

test('counts what is out of range, or no time at all, as the nearest that is not', () => {
  for (const [sample, counted] of [
    [0, 0.05],
    [-5, 0.05],
    [Number.NaN, 0.05],
    [1e-9, 0.05],
  ] as const) {
    const quantile = new Quantile(0.5);
    quantile.add(sample);
    assert.equal(quantile.estimate, counted);
  }
  const quantile = new Quantile(0.5);
  quantile.add(Infinity);
  assert.ok(quantile.estimate > 25_000_000 && quantile.estimate < 30_000_000);
});

test('follows a change of scene within some times its memory', () => {
  const quantile = new Quantile(0.95, 1_000);
  for (let i = 0; i < 10_000; i++) quantile.add(i % 10 === 0 ? 100 : 10);
  near(quantile.estimate, 100);
  for (let i = 0; i < 1_000; i++) quantile.add(10);
  near(quantile.estimate, 10);
  // Slower all at once: a twentieth of what counts is enough.
  for (let i = 0; i < 100; i++) quantile.add(500);
  near(quantile.estimate, 500);
});

test('stays within its bound and 1 % of rank over 300,000 exponential samples', () => {
  const random = seededRandom(5);
  for (const share of [0.5, 0.95, 0.99]) {
    const quantile = new Quantile(share, 10_000);
    let below = 0;
    for (let i = 1; i <= 300_000; i++) {
      const sample = -100 * Math.log(1 - random());
      if (i > 200_000 && sample <= quantile.estimate) below++;
      quantile.add(sample);
    }
    // Of later samples this share is below the estimate; it is a bucket too high at most.
    const rank = below / 100_000;
    const highest = 1 - (1 - share) ** 1.04;
    assert.ok(rank > share - 0.01 && rank < highest + 0.01, `${share}: ${rank}`);
  }
});
