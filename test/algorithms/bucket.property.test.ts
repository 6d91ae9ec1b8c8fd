import assert from 'node:assert/strict';
import fc from 'fast-check';
import { test } from 'vitest';
import { gcra } from '../../src/algorithms/gcra.ts';
import type { Reservation } from '../../src/algorithms/meter.ts';
import { tokenBucket } from '../../src/algorithms/token-bucket.ts';

interface Taken {
  readonly cost: number;
  /** In the unit of the model's times. */
  readonly at: number;
  open: boolean;
}

/**
 * The rules of golang.org/x/time/rate, step by step, in numbers that are never rounded: times are in ms × limit and tokens
 * in tokens × interval, so that what comes back in a time is that time. Two things differ. One reservation gives back once;
 * and a clock that steps back is seen by who is refused too, who there would be refused until it has caught up.
 */
class XTimeRate {
  tokens: number;
  last = 0;
  lastEvent = 0;
  readonly limit: number;
  readonly interval: number;
  readonly burst: number;

  constructor({ limit, interval, burst }: { limit: number; interval: number; burst: number }) {
    this.limit = limit;
    this.interval = interval;
    this.burst = burst;
    this.tokens = burst * interval;
  }

  advance(t: number): number {
    if (t < this.last) this.last = t;
    return Math.min(this.burst * this.interval, this.tokens + (t - this.last));
  }

  reserve(now: number, cost: number, maxWait: number): Taken | undefined {
    const t = now * this.limit;
    const tokens = this.advance(t) - cost * this.interval;
    const wait = Math.max(0, -tokens);
    if (cost > this.burst || wait > maxWait * this.limit) return undefined;
    this.last = t;
    this.tokens = tokens;
    this.lastEvent = t + wait;
    return { cost, at: this.lastEvent, open: true };
  }

  cancel(taken: Taken, now: number): number {
    const t = now * this.limit;
    if (!taken.open) return 0;
    taken.open = false;
    if (taken.cost === 0 || taken.at < t) return 0;
    const price = taken.cost * this.interval;
    // What has been charged since is taken to be what lies between the two times; it may be below 0.
    const restored = price - (this.lastEvent - taken.at);
    if (restored <= 0) return 0;
    const tokens = this.advance(t);
    this.last = t;
    this.tokens = Math.min(this.burst * this.interval, tokens + restored);
    const previous = taken.at - price;
    if (taken.at === this.lastEvent && previous >= t) this.lastEvent = previous;
    return (this.tokens - tokens) / this.interval;
  }
}

const limits = fc.record({
  limit: fc.integer({ min: 1, max: 20 }),
  interval: fc.constantFrom(1, 7, 100, 1_000),
  burst: fc.integer({ min: 1, max: 30 }),
});

const step = fc.record({
  move: fc.oneof(
    { weight: 8, arbitrary: fc.constantFrom(0, 0, 0, 1, 2, 10, 100, 500, 3_000) },
    { weight: 1, arbitrary: fc.integer({ min: -1_000, max: -1 }) },
  ),
  act: fc.constantFrom('acquire', 'reserve', 'reserve', 'cancel', 'cancel', 'ask'),
  /** Quarters, which are never rounded. */
  cost: fc.integer({ min: 0, max: 48 }).map((quarters) => quarters / 4),
  maxWait: fc.constantFrom(Infinity, Infinity, 0, 10, 500),
  which: fc.nat(),
});

for (const make of [tokenBucket, gcra]) {
  test(`${make.name} does in every history what x/time/rate does, to the last token [87, 88]`, () => {
    fc.assert(
      fc.property(limits, fc.array(step, { maxLength: 120 }), (limits, steps) => {
        const meter = make(limits);
        const model = new XTimeRate(limits);
        const reserved: [Reservation, Taken][] = [];
        let now = 0;
        for (const { move, act, cost, maxWait, which } of steps) {
          now += move;
          if (act === 'acquire') {
            assert.equal(meter.tryAcquire(now, cost), model.reserve(now, cost, 0) !== undefined);
          } else if (act === 'reserve') {
            const reservation = meter.reserve(now, cost, maxWait);
            const taken = model.reserve(now, cost, maxWait);
            assert.equal(reservation === undefined, taken === undefined);
            if (reservation === undefined || taken === undefined) continue;
            assert.ok(Math.abs(reservation.at - taken.at / limits.limit) < 1e-9);
            reserved.push([reservation, taken]);
          } else if (act === 'cancel' && reserved.length > 0) {
            const [reservation, taken] = reserved[which % reserved.length]!;
            // A time that is no whole number is one that x/time/rate rounds too.
            if (Math.abs(taken.at / limits.limit - now) < 1e-9 && taken.at !== now * limits.limit) continue;
            assert.equal(reservation.cancel(now), model.cancel(taken, now));
          }
          assert.equal(meter.available(now), model.advance(now * limits.limit) / limits.interval);
          assert.ok(meter.available(now) <= limits.burst);
        }
      }),
    );
  });

  test(`${make.name} has tokens below 0 only while reservations are out [88]`, () => {
    fc.assert(
      fc.property(limits, fc.array(step, { maxLength: 120 }), (limits, steps) => {
        const meter = make(limits);
        let now = 0;
        let latest = -Infinity;
        for (const { move, act, cost } of steps) {
          now += Math.abs(move);
          if (act === 'acquire') meter.tryAcquire(now, cost);
          else latest = Math.max(latest, meter.reserve(now, cost)?.at ?? latest);
          assert.equal(meter.available(now) < 0, latest > now);
        }
      }),
    );
  });
}

test('what is reserved with limits and costs of any fraction comes back whole, the latest first [87]', () => {
  const number = fc.double({ min: 0.01, max: 1_000, noNaN: true });
  const costs = fc.array(fc.double({ min: 0.001, max: 1, noNaN: true }), { minLength: 1, maxLength: 30 });
  fc.assert(
    fc.property(number, number, fc.constantFrom(0, 0.3, 1e6, 1e12), costs, (limit, interval, now, costs) => {
      const meter = tokenBucket({ limit, interval, burst: 1 });
      meter.tryAcquire(now);
      const reservations = costs.map((cost) => meter.reserve(now, cost));
      for (const [i, cost] of [...costs.entries()].reverse()) {
        const given = reservations[i]?.cancel(now) ?? NaN;
        assert.ok(Math.abs(given - cost) <= 1e-9, `${given} of ${cost}`);
      }
      assert.ok(Math.abs(meter.available(now)) <= 1e-9);
    }),
  );
});
