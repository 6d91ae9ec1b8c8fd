import assert from 'node:assert/strict';
import fc from 'fast-check';
import { test } from 'vitest';
import { gcra } from '../../src/algorithms/gcra.ts';
import { keyedGcra } from '../../src/algorithms/keyed-gcra.ts';
import type { Meter } from '../../src/algorithms/meter.ts';
import { type Admission, excess } from './histories.ts';

const limits = fc.record({
  limit: fc.integer({ min: 1, max: 20 }),
  interval: fc.constantFrom(1, 7, 100, 1_000),
  burst: fc.integer({ min: 1, max: 30 }),
});

const call = fc.record({
  /** In parts of an interval. */
  move: fc.oneof(fc.constantFrom(0, 0, 0, 0.01, 0.1, 0.5, 1, 2, 3, 50), fc.double({ min: 0, max: 2, noNaN: true })),
  key: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
  cost: fc.integer({ min: 0, max: 12 }),
});

test('does for each key what a gcra of its own does, and forgets only who is full [86, 89, 104]', () => {
  fc.assert(
    fc.property(limits, fc.array(call, { maxLength: 200 }), (limits, calls) => {
      const keyed = keyedGcra(limits);
      const own = new Map<string, Meter>();
      let now = 0;
      for (const { move, key, cost } of calls) {
        now += Math.round(move * limits.interval);
        const meter = own.get(key) ?? gcra(limits);
        own.set(key, meter);
        const wait = meter.retryAfter(now, cost);
        assert.ok(wait === Infinity || Math.abs(keyed.retryAfter(key, now, cost) - wait) < 1e-9);
        assert.equal(keyed.tryAcquire(key, now, cost), meter.tryAcquire(now, cost));
        const used = [...own.values()].filter((one) => one.available(now) < limits.burst).length;
        assert.ok(keyed.size >= used && keyed.size <= own.size);
      }
    }),
  );
});

test('admits of each key no more than its bound, wherever the clock jumps and whoever finds no room [86]', () => {
  const back = fc.oneof({ weight: 4, arbitrary: fc.constant(1) }, { weight: 1, arbitrary: fc.constantFrom(-1, -1e6) });
  const jump = fc.tuple(call, back);
  const start = fc.constantFrom(0, 123.456, 1e12);
  fc.assert(
    fc.property(limits, start, fc.array(jump, { maxLength: 120 }), (limits, start, calls) => {
      const { limit, interval, burst } = limits;
      const keyed = keyedGcra({ ...limits, maxKeys: 3 });
      const admitted = new Map<string, Admission[]>();
      let now = start;
      let elapsed = 0;
      for (const [{ move, key, cost }, back] of calls) {
        const before = now;
        now += move * interval * back;
        elapsed += Math.max(0, now - before);
        if (!keyed.tryAcquire(key, now, cost)) continue;
        admitted.set(key, [...(admitted.get(key) ?? []), { cost, at: elapsed }]);
        assert.ok(keyed.size <= 3);
      }
      const tick = Number.EPSILON * Math.max(1, Math.abs(start) + elapsed);
      for (const each of admitted.values()) {
        const most = excess({ now, admitted: each, tick }, (stretch) => burst + (limit * stretch) / interval);
        assert.ok(most <= 0, `${most} too many`);
      }
    }),
  );
});

test('retryAfter is exact: it succeeds then, and not a microsecond earlier, also for want of room [89]', () => {
  fc.assert(
    fc.property(
      limits,
      fc.array(call, { maxLength: 60 }),
      call,
      fc.constantFrom(0, 1e12),
      (limits, calls, last, start) => {
        const cost = Math.min(last.cost, limits.burst);
        const ends = [0, 1].map(() => {
          const keyed = keyedGcra({ ...limits, maxKeys: 3 });
          let now = start;
          for (const { move, key, cost } of calls) keyed.tryAcquire(key, (now += move * limits.interval), cost);
          return { keyed, now };
        });
        const [{ keyed, now }, { keyed: twin }] = ends as [(typeof ends)[number], (typeof ends)[number]];
        const wait = keyed.retryAfter(last.key, now, cost);
        assert.ok(wait >= 0 && wait < Infinity);
        if (wait > 1e-3) assert.equal(twin.tryAcquire(last.key, now + wait - 1e-3, cost), false);
        assert.equal(keyed.tryAcquire(last.key, now + wait, cost), true);
      },
    ),
  );
});
