import assert from 'node:assert/strict';
import fc from 'fast-check';
import { test } from 'vitest';
import { Quantile } from '../../src/algorithms/quantile.ts';

const sample = fc.oneof(
  fc.double({ min: 0.05, max: 20_000_000, noNaN: true }),
  fc.constantFrom(0.05, 1, 1.04, 100, 100, 100, 5_000),
);

/** The slow and obvious way: the samples in order, each with what it weighs now. */
function exact(samples: readonly number[], share: number, memory: number): number {
  const weighed = samples.map((value, i) => ({ value, weight: (1 - 1 / memory) ** (samples.length - 1 - i) }));
  weighed.sort((a, b) => a.value - b.value);
  const total = weighed.reduce((sum, { weight }) => sum + weight, 0);
  let below = 0;
  for (const { value, weight } of weighed) if ((below += weight) >= share * total) return value;
  return weighed.at(-1)?.value ?? 0;
}

test('is at least the exact quantile of the fading samples, and at most 4 % above it, after each sample', () => {
  fc.assert(
    fc.property(
      fc.array(sample, { minLength: 1, maxLength: 120 }),
      fc.double({ min: 0.01, max: 0.999, noNaN: true }),
      // Short memories make the weights grow so fast that they are scaled back many times.
      fc.constantFrom(1.5, 2, 10, 100, 1_000),
      (samples, share, memory) => {
        const quantile = new Quantile(share, memory);
        for (const [i, each] of samples.entries()) {
          quantile.add(each);
          const seen = samples.slice(0, i + 1);
          // Where the share falls between two samples to the last bit, either will do.
          const [least, most] = [exact(seen, share - 1e-9, memory), exact(seen, share + 1e-9, memory)];
          const { estimate } = quantile;
          assert.ok(
            estimate >= least * (1 - 1e-9) && estimate <= most * 1.04 * (1 + 1e-9),
            `${estimate}, not ${least}`,
          );
        }
        assert.equal(quantile.count, samples.length);
      },
    ),
  );
});
