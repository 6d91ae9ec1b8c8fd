import assert from 'node:assert/strict';
import { test } from 'vitest';
import { seededRandom } from '../../src/testing/seeded-random.ts';

const draw = (seed: number, count: number): number[] => Array.from({ length: count }, seededRandom(seed));

test('gives the same numbers for the same seed, and others for another [27]', () => {
  const seeds = [0, 1, 2, -1, 42, 2 ** 32, 2 ** 32 + 1, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER];
  const sequences = seeds.map((seed) => draw(seed, 8).join());
  assert.deepEqual(
    seeds.map((seed) => draw(seed, 8).join()),
    sequences,
  );
  assert.equal(new Set(sequences).size, seeds.length);
});

test('follows sfc32 to the letter', () => {
  for (const seed of [0n, 1n, -1n, 123_456_789n, 2n ** 40n + 5n, -(2n ** 52n) + 7n]) {
    const mask = 2n ** 32n - 1n;
    let [a, b, c, counter] = [0n, seed & mask, (seed >> 32n) & mask, 1n];
    const word = (): bigint => {
      const result = (a + b + counter++) & mask;
      a = b ^ (b >> 9n);
      b = (c + (c << 3n)) & mask;
      c = (((c << 21n) | (c >> 11n)) + result) & mask;
      return result;
    };
    for (let round = 0; round < 12; round++) word();
    const expected = Array.from({ length: 100 }, () => Number(((word() >> 5n) << 26n) | (word() >> 6n)) / 2 ** 53);
    assert.deepEqual(draw(Number(seed), 100), expected);
  }
});

test('is spread evenly from 0 up to, not including, 1', () => {
  const numbers = draw(7, 100_000);
  assert.ok(numbers.every((n) => n >= 0 && n < 1));
  const tenths = Array.from({ length: 10 }, () => 0);
  for (const n of numbers) tenths[Math.floor(n * 10)]!++;
  // Chi-squared with 9 degrees of freedom: above 27.9 once in a thousand seeds, and this is one seed.
  const chi = tenths.reduce((sum, count) => sum + (count - 10_000) ** 2 / 10_000, 0);
  assert.ok(chi < 27.9, `chi-squared ${chi}`);
  const mean = numbers.reduce((sum, n) => sum + n) / numbers.length;
  assert.ok(Math.abs(mean - 0.5) < 0.005, `mean ${mean}`);
});

test('takes safe integers alone for a seed', () => {
  for (const wrong of [0.5, Number.NaN, Infinity, 2 ** 53]) assert.throws(() => seededRandom(wrong), RangeError);
});
