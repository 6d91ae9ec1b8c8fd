import assert from 'node:assert/strict';
import fc from 'fast-check';
import { test } from 'vitest';
import { Throttling } from '../../src/algorithms/throttling.ts';
import { throttle } from '../../src/policies/throttle.ts';
import { policyLaws } from '../../src/testing/policy-laws.ts';

for (const [law, property] of policyLaws({ fc, policy: (clock, random) => throttle({ clock, random }) })) {
  test(`a throttle ${law} [1, 2, 3, 4, 5, 8, 13, 48]`, () => fc.assert(property));
}

const step = fc.oneof(
  fc.record({ priority: fc.constantFrom(0, 0, 1, -1), accepted: fc.boolean() }),
  fc.record({ pass: fc.integer({ min: 0, max: 60 }) }),
);

test('lies in any history between what calls of nine tenths of the window give, and of all of it', () => {
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 150 }),
      fc.constantFrom(1, 1.5, 2),
      fc.constantFrom(1, 5),
      (steps, k, minCalls) => {
        const window = 100;
        const calls = new Throttling({ k, window, minCalls });
        let seen: { priority: number; accepted: boolean; at: number }[] = [];
        let now = 0;
        for (const each of steps) {
          if ('pass' in each) now += each.pass;
          else {
            calls.record(each.accepted, now, each.priority);
            seen.push({ ...each, at: now });
          }
          seen = seen.filter(({ at }) => now - at < window);
          for (const priority of [-1, 0, 1]) {
            const own = seen.filter((one) => one.priority === priority);
            const young = own.filter(({ at }) => now - at < 0.9 * window).length;
            // Some of the oldest may have left with the tenth they are in.
            const possible = [...own.keys(), own.length]
              .filter((gone) => own.length - gone >= young)
              .map((gone) => own.slice(gone))
              .map((counted) => {
                const accepts = counted.filter(({ accepted }) => accepted).length;
                if (counted.length < minCalls) return 0;
                return Math.max(0, (counted.length - k * accepts) / (counted.length + 1));
              });
            const probability = calls.rejectionProbability(now, priority);
            assert.ok(probability >= 0 && probability < 1);
            assert.ok(possible.includes(probability), `${probability} is none of ${possible}`);
          }
        }
      },
    ),
  );
});
