import assert from 'node:assert/strict';
import fc from 'fast-check';
import { test } from 'vitest';
import {
  decorrelated,
  equalJitter,
  exponential,
  fibonacci,
  fullJitter,
  type Jitter,
  jitter,
  linear,
  noJitter,
} from '../../src/algorithms/backoff.ts';

const delay = fc.double({ min: 0, max: 1e9, noNaN: true });
const chance = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
const factor = fc.oneof(fc.double({ min: 1, max: 10, noNaN: true }), fc.constantFrom(1, 2, 1e308));
const attempt = fc.oneof(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 1_000_000 }));
const spread: fc.Arbitrary<Jitter> = fc.oneof(
  fc.constantFrom(noJitter, fullJitter, equalJitter),
  fc.double({ min: 0, max: 1, noNaN: true }).map(jitter),
);
const growing = fc
  .record({ initial: delay, increment: delay, factor, max: delay, jitter: spread })
  .chain(({ initial, increment, factor, max, jitter }) =>
    fc.constantFrom(
      { backoff: linear({ initial, increment, max, jitter }), max },
      { backoff: exponential({ initial, factor, max, jitter }), max },
      { backoff: fibonacci({ initial, max, jitter }), max },
      { backoff: decorrelated({ initial, max }), max },
    ),
  );

test('every generator gives at least 0, at most its cap, and never NaN [24]', () => {
  fc.assert(
    fc.property(
      growing,
      attempt,
      fc.option(delay, { nil: undefined }),
      chance,
      ({ backoff, max }, attempt, previous, r) => {
        const given = backoff(attempt, previous, () => r);
        assert.ok(given >= 0 && given <= max, `${given}`);
      },
    ),
  );
});

test('without jitter delays never fall until the cap, and stay there [25]', () => {
  const plain = fc.record({ initial: delay, increment: delay, factor, max: delay });
  fc.assert(
    fc.property(plain, attempt, ({ initial, increment, factor, max }, attempt) => {
      for (const backoff of [
        linear({ initial, increment, max }),
        exponential({ initial, factor, max, jitter: noJitter }),
        fibonacci({ initial, max, jitter: noJitter }),
      ]) {
        const here = backoff(attempt, undefined, () => 0.5);
        const next = backoff(attempt + 1, here, () => 0.5);
        assert.ok(next >= here);
        if (here === max) assert.equal(next, max);
      }
    }),
  );
});

test('jitters stay in their ranges: full below the delay, equal above half of it, a ratio around it [26]', () => {
  // From 1e-300 on: below that a number has too few digits for half of it to differ.
  const positive = fc.double({ min: 1e-300, max: 1e9, noNaN: true });
  fc.assert(
    fc.property(positive, chance, fc.double({ min: 0, max: 1, noNaN: true }), (d, r, ratio) => {
      const random = () => r;
      const full = fullJitter(d, random);
      assert.ok(full >= 0 && full < d);
      const equal = equalJitter(d, random);
      assert.ok(equal >= d / 2 && equal < d, `${equal} of ${d}`);
      const around = jitter(ratio)(d, random);
      assert.ok(around >= d * (1 - ratio) && around <= d * (1 + ratio));
    }),
  );
});

test('decorrelated jitter stays between its beginning and three times the delay before [26]', () => {
  fc.assert(
    fc.property(delay, delay, delay, chance, (initial, more, max, r) => {
      const previous = initial + more;
      const given = decorrelated({ initial, max })(2, previous, () => r);
      assert.ok(given >= Math.min(initial, max) && given <= Math.min(max, 3 * previous));
    }),
  );
});
