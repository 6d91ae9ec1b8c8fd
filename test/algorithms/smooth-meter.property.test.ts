import assert from 'node:assert/strict';
import fc from 'fast-check';
import { test } from 'vitest';
import { leakyBucket } from '../../src/algorithms/leaky-bucket.ts';
import type { Meter } from '../../src/algorithms/meter.ts';
import { warmUp } from '../../src/algorithms/warm-up.ts';

const step = fc.record({
  move: fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom(0, 0, 0, 1, 10, 100) },
    { weight: 1, arbitrary: fc.integer({ min: -50, max: 300 }) },
  ),
  act: fc.constantFrom('acquire', 'acquire', 'reserve', 'reserve', 'cancel'),
  cost: fc.integer({ min: 1, max: 5 }),
});

interface Begun {
  readonly at: number;
  readonly cost: number;
}

/** What began when, by the sum of the clock's forward steps. */
function play(meter: Meter, steps: readonly { move: number; act: string; cost: number }[]): Begun[] {
  const begun: (Begun & { cancel?(now: number): number })[] = [];
  let now = 0;
  let time = 0;
  meter.available(now);
  for (const { move, act, cost } of steps) {
    now += move;
    time += Math.max(0, move);
    if (act === 'reserve') {
      const reservation = meter.reserve(now, cost);
      assert.ok(reservation);
      begun.push({ at: time + reservation.at - now, cost, cancel: reservation.cancel });
    } else if (act === 'cancel') {
      meter.available(now);
      const waiting = begun.filter(({ at, cancel }) => cancel && at > time);
      const one = waiting[cost % Math.max(1, waiting.length)];
      if (one?.cancel?.(now) !== undefined) begun.splice(begun.indexOf(one), 1);
    } else if (meter.tryAcquire(now, cost)) begun.push({ at: time, cost });
    // A step back that nobody has seen is no step.
    else meter.available(now);
  }
  return begun;
}

test('leakyBucket without slack leaves after each call the time that it costs, whoever is cancelled [86]', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const begun = play(leakyBucket({ limit: 10, interval: 100 }), steps);
      for (const [i, { at, cost }] of begun.entries()) {
        const next = begun[i + 1];
        if (next) assert.ok(next.at - at >= 10 * cost - 1e-9, `${next.at - at} ms after a cost of ${cost}`);
      }
    }),
  );
});

test('leakyBucket with slack begins each call when uber-go/ratelimit does [86]', () => {
  const burst = fc.integer({ min: 1, max: 20 });
  fc.assert(
    fc.property(burst, fc.array(fc.integer({ min: 0, max: 400 }), { maxLength: 100 }), (burst, waits) => {
      const gap = 10;
      const meter = leakyBucket({ limit: 100, interval: 1_000, burst });
      // The rule there: no earlier than a gap after the last permission, which lags behind by no more than the slack.
      let permission: number | undefined;
      let now = 0;
      for (const wait of waits) {
        now += wait;
        permission = permission === undefined ? now : Math.max(permission + gap, now - (burst - 1) * gap);
        const reservation = meter.reserve(now);
        assert.ok(Math.abs((reservation?.at ?? NaN) - Math.max(now, permission)) < 1e-6);
      }
    }),
  );
});

test('warmUp leaves after each call at least the gap of the warm limit, and at most that of the cold one [86]', () => {
  fc.assert(
    fc.property(fc.constantFrom(1, 3, 10), fc.array(step, { maxLength: 60 }), (coldFactor, steps) => {
      const meter = warmUp({ limit: 10, interval: 100, duration: 400, coldFactor });
      const begun = play(
        meter,
        steps.map((each) => ({ ...each, act: 'reserve' })),
      );
      let asked = 0;
      for (const [i, { at, cost }] of begun.entries()) {
        asked += Math.max(0, steps[i]?.move ?? 0);
        const next = begun[i + 1];
        if (!next) return;
        assert.ok(next.at - at >= 10 * cost - 1e-9, `${next.at - at} ms after a cost of ${cost}`);
        const came = asked + Math.max(0, steps[i + 1]?.move ?? 0);
        assert.ok(next.at <= Math.max(came, at + 10 * coldFactor * cost) + 1e-9, 'later than it has to');
      }
    }),
  );
});

test('a reservation that is cancelled while it is the last leaves nothing behind [87]', () => {
  const make = [
    () => leakyBucket({ limit: 10, interval: 100 }),
    () => leakyBucket({ limit: 10, interval: 100, burst: 8 }),
    () => warmUp({ limit: 10, interval: 100, duration: 400 }),
  ];
  fc.assert(
    fc.property(fc.constantFrom(...make), fc.array(step, { maxLength: 40 }), fc.array(step), (make, steps, more) => {
      const meter = make();
      const twin = make();
      play(twin, steps);
      play(meter, steps);
      const now = steps.reduce((sum, { move }) => sum + move, 0);
      const costs = more.map(({ cost }) => cost);
      const reservations = costs.map((cost) => meter.reserve(now, cost));
      for (const [i, reservation] of [...reservations.entries()].reverse())
        assert.equal(reservation?.cancel(now), costs[i]);
      for (const cost of [0, 1, 5])
        assert.ok(Math.abs(meter.retryAfter(now, cost) - twin.retryAfter(now, cost)) < 1e-6);
      assert.ok(Math.abs(meter.available(now) - twin.available(now)) < 1e-6);
    }),
  );
});
