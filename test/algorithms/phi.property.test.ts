import assert from 'node:assert/strict';
import fc from 'fast-check';
import { test } from 'vitest';
import { phiAccrual } from '../../src/algorithms/phi.ts';

/** From a tenth of a millisecond to ten seconds. */
const gap = fc.integer({ min: -10, max: 40 }).map((tenths) => 10 ** (tenths / 10));

test('silence is suspected in the end, however it is asked about: what recurs is no pause of its own process', () => {
  fc.assert(
    fc.property(
      gap,
      fc.integer({ min: 1, max: 60 }),
      fc.array(gap, { minLength: 1, maxLength: 6 }),
      (at, times, turn) => {
        const monitor = phiAccrual();
        let now = 0;
        monitor.heartbeat(now);
        for (let i = 0; i < times; i++) monitor.available((now += at));
        monitor.heartbeat(now);
        const end = now + 6_000 + 4 * turn.reduce((sum, each) => sum + each);
        while (now < end) for (const each of turn) monitor.available((now += each));
        assert.equal(monitor.available(now), false);
      },
    ),
  );
});
