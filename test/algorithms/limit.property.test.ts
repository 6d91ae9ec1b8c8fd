import assert from 'node:assert/strict';
import fc from 'fast-check';
import { test } from 'vitest';
import { aimd } from '../../src/algorithms/aimd.ts';
import { gradient } from '../../src/algorithms/gradient.ts';
import { vegas } from '../../src/algorithms/vegas.ts';
import { seededRandom } from '../../src/testing/seeded-random.ts';

const rtt = fc.oneof(
  fc.double({ min: 0, max: 1e9, noNaN: true }),
  fc.constantFrom(0, Number.MIN_VALUE, 1, 10, Number.MAX_VALUE),
);
/** Calls alike, so that rounds come to an end. */
const stretch = fc.record({
  calls: fc.integer({ min: 1, max: 60 }),
  rtt,
  inFlight: fc.oneof(fc.constant('limit' as const), fc.integer({ min: 0, max: 2_000 })),
  dropped: fc.oneof({ arbitrary: fc.constant(false), weight: 3 }, { arbitrary: fc.constant(true), weight: 1 }),
});
const options = fc
  .record({
    bounds: fc.tuple(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: 300 }), fc.nat(300)),
    rounds: fc.boolean(),
    headroom: fc.constantFrom(1, 2.5, 5, Infinity),
    remeasure: fc.constantFrom(1, 3, 30, Infinity),
    seed: fc.nat(),
  })
  .map(({ bounds: [a, b, c], seed, ...rest }) => {
    const [min, initial, max] = [a, b, c + 1].sort((x, y) => x - y) as [number, number, number];
    return { ...rest, min, initial, max, random: seededRandom(seed) };
  });

test('a limit is a whole number within its bounds, whatever it is told', () => {
  fc.assert(
    fc.property(options, fc.array(stretch, { maxLength: 30 }), ({ remeasure, random, ...common }, history) => {
      const limits = [
        aimd(common),
        vegas({ ...common, remeasure, random }),
        gradient({ ...common, remeasure, random }),
      ];
      for (const limit of limits) {
        for (const { calls, rtt, inFlight, dropped } of history) {
          for (let i = 0; i < calls; i++) {
            const given = limit.sample(rtt, inFlight === 'limit' ? limit.limit : inFlight, dropped);
            assert.ok(Number.isInteger(given) && given >= common.min && given <= common.max, `${given}`);
            assert.equal(given, limit.limit);
          }
        }
      }
    }),
  );
});

test('a limit never grows while fewer than half of it are in flight, nor by drops alone', () => {
  fc.assert(
    fc.property(fc.integer({ min: 2, max: 200 }), fc.boolean(), rtt, (initial, dropped, time) => {
      for (const limit of [aimd({ initial }), vegas({ initial }), gradient({ initial })]) {
        for (let i = 0; i < 500; i++) {
          const before = limit.limit;
          const inFlight = dropped ? before : Math.ceil(before / 2) - 1;
          assert.ok(limit.sample(time, inFlight, dropped) <= Math.max(before, initial));
        }
      }
    }),
  );
});
