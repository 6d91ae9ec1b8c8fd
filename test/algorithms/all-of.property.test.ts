import assert from 'node:assert/strict';
import fc from 'fast-check';
import { test } from 'vitest';
import { allOf } from '../../src/algorithms/all-of.ts';
import { gcra } from '../../src/algorithms/gcra.ts';
import { tokenBucket } from '../../src/algorithms/token-bucket.ts';

test('charges all or none in every history [86, 87]', () => {
  const costs = fc.integer({ min: 0, max: 6 });
  const step = fc.record({
    move: fc.constantFrom(0, 0, 10, 100, 700, -50),
    act: fc.constantFrom('acquire', 'reserve', 'cancel', 'one'),
    cost: costs,
    maxWait: fc.constantFrom(Infinity, 0, 300),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const make = () => [
        tokenBucket({ limit: 10, interval: 1_000, burst: 5 }),
        gcra({ limit: 3, interval: 500, burst: 4 }),
        tokenBucket({ limit: 100, interval: 10_000, burst: 6 }),
      ];
      const parts = make();
      // Asked one by one, by somebody who knows beforehand what all will say.
      const twins = make();
      const all = allOf(...parts);
      const open: { cancel(now: number): number }[][] = [];
      let now = 0;
      for (const { move, act, cost, maxWait } of steps) {
        now += move;
        const waits = twins.map((twin) => twin.retryAfter(now, cost));
        const wait = Math.max(...waits);
        assert.equal(all.retryAfter(now, cost), wait);
        if (act === 'acquire') {
          assert.equal(all.tryAcquire(now, cost), wait === 0);
          if (wait === 0) for (const twin of twins) assert.equal(twin.tryAcquire(now, cost), true);
        } else if (act === 'reserve') {
          const reservation = all.reserve(now, cost, maxWait);
          assert.equal(reservation !== undefined, wait <= maxWait && wait < Infinity);
          if (reservation === undefined) continue;
          assert.equal(reservation.at, now + wait);
          open.push([reservation, ...twins.map((twin) => twin.reserve(now, cost)!)]);
        } else if (act === 'cancel') {
          const [whole, ...ones] = open.pop() ?? [];
          assert.equal(whole?.cancel(now), whole && Math.min(...ones.map((one) => one.cancel(now))));
        } else {
          // Parts may have callers of their own.
          assert.equal(parts[0]!.tryAcquire(now, cost), twins[0]!.tryAcquire(now, cost));
        }
        for (const [i, part] of parts.entries()) assert.equal(part.available(now), twins[i]!.available(now));
      }
    }),
  );
});
