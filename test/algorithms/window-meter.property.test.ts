import assert from 'node:assert/strict';
import fc from 'fast-check';
import { describe, test } from 'vitest';
import { fixedWindow } from '../../src/algorithms/fixed-window.ts';
import type { Meter, Reservation } from '../../src/algorithms/meter.ts';
import { slidingLog } from '../../src/algorithms/sliding-log.ts';
import { slidingWindow } from '../../src/algorithms/sliding-window.ts';

interface Charge {
  readonly at: number;
  cost: number;
}

/** What a meter has charged, in the order of the calls. */
type Model = (charges: readonly Charge[], time: number, limit: number, interval: number) => number;

const sum = (charges: readonly Charge[]): number => charges.reduce((total, { cost }) => total + cost, 0);

/** What counts against the limit at a time, as one would explain it. */
const models: Record<string, { make: (options: { limit: number; interval: number }) => Meter; counted: Model }> = {
  slidingLog: {
    make: slidingLog,
    counted: (charges, time, _limit, interval) => sum(charges.filter(({ at }) => at > time - interval)),
  },
  fixedWindow: {
    make: fixedWindow,
    counted(charges, time, _limit, interval) {
      const window = Math.floor(time / interval);
      return sum(charges.filter(({ at }) => Math.floor(at / interval) >= window));
    },
  },
  slidingWindow: {
    make: slidingWindow,
    counted(charges, time, _limit, interval) {
      const window = Math.floor(time / interval);
      const before = charges.filter(({ at }) => Math.floor(at / interval) === window - 1);
      const since = charges.filter(({ at }) => Math.floor(at / interval) >= window);
      return sum(before) * (window + 1 - time / interval) + sum(since);
    },
  },
};

const interval = 64;
/** Quarters, so that no sum is rounded. */
const step = fc.record({
  move: fc.oneof(fc.constantFrom(0, 0, 1, 8, 63, 64, 65), fc.integer({ min: -100, max: 200 })),
  act: fc.constantFrom('acquire', 'acquire', 'acquire', 'reserve', 'reserve', 'cancel'),
  cost: fc.integer({ min: 0, max: 24 }).map((quarters) => quarters / 4),
  which: fc.nat(),
});

describe.for(Object.entries(models))('%s', ([name, { make, counted }]) => {
  test('admits what a plain list of all that was charged lets in, whatever the clock does [86, 87]', () => {
    fc.assert(
      fc.property(fc.constantFrom(1, 2.5, 5, 12), fc.array(step, { maxLength: 80 }), (limit, steps) => {
        const meter = make({ limit, interval });
        const charges: Charge[] = [];
        const reserved = new Set<Charge>();
        const out: { charge: Charge; reservation: Reservation }[] = [];
        let now = 0;
        let time = 0;
        meter.available(now);
        const ahead = (): Charge[] => charges.filter(({ at }) => at > time);
        for (const { move, act, cost, which } of steps) {
          now += move;
          time += Math.max(0, move);
          // A step back that nobody has seen is no step.
          meter.available(now);
          if (act === 'acquire') {
            // Who has been promised something is not overtaken; in the sliding window the estimate alone says so.
            const waits = name === 'slidingWindow' ? ahead().some(({ at }) => at >= next(time)) : ahead().length > 0;
            const expected = !waits && counted(charges, time, limit, interval) + cost <= limit;
            assert.equal(meter.tryAcquire(now, cost), expected);
            if (expected && cost > 0) charges.push({ at: time, cost });
          } else if (act === 'reserve') {
            const reservation = meter.reserve(now, cost);
            assert.equal(reservation !== undefined, cost <= limit);
            if (reservation === undefined) continue;
            const at = time + reservation.at - now;
            const behind = [...charges];
            assert.ok(counted(behind, at, limit, interval) + cost <= limit + 1e-9, 'too early');
            const last = Math.max(time, ...charges.map((charge) => charge.at));
            // A thousandth earlier there would not have been enough, or somebody else came first.
            if (at > time + 1e-3 && at > last)
              assert.ok(counted(behind, at - 1e-3, limit, interval) + cost > limit - 1e-9, 'too late');
            const charge = { at, cost };
            if (cost > 0) charges.push(charge);
            reserved.add(charge);
            out.push({ charge, reservation });
          } else if (out.length > 0) {
            const [{ charge, reservation }] = out.splice(which % out.length, 1) as [(typeof out)[0]];
            const after = charges.slice(charges.indexOf(charge) + 1).filter((each) => reserved.has(each));
            const given = reservation.cancel(now);
            if (charge.at < time || charge.cost === 0) assert.equal(given, 0);
            else if (!after.some(({ at }) => at > charge.at)) assert.equal(given, charge.cost);
            else assert.equal(given, Math.max(0, charge.cost - sum(after)));
            charge.cost -= given;
            for (let i = charges.length - 1; i >= 0; i--) if (charges[i]?.cost === 0) charges.splice(i, 1);
          }
        }
      }),
    );
  });

  /** When the next window begins. */
  function next(time: number): number {
    return (Math.floor(time / interval) + 1) * interval;
  }
});

test('slidingWindow admits less than twice its limit in any stretch of one interval, however it is asked [86]', () => {
  const ask = fc.record({ wait: fc.constantFrom(0, 0, 0, 1, 16, 31, 32, 63), cost: fc.integer({ min: 1, max: 4 }) });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 12 }), fc.array(ask, { maxLength: 150 }), (limit, asks) => {
      const meter = slidingWindow({ limit, interval });
      const admitted: Charge[] = [];
      let now = 0;
      for (const { wait, cost } of asks) {
        now += wait;
        if (meter.tryAcquire(now, cost)) admitted.push({ at: now, cost });
      }
      for (const { at: from } of admitted) {
        const stretch = admitted.filter(({ at }) => at >= from && at < from + interval);
        assert.ok(sum(stretch) < 2 * limit);
        // As the page derives it: what one window admits from a share of it on, and the next up to that share.
        const window = (Math.floor(from / interval) + 1) * interval;
        const tail = sum(stretch.filter(({ at }) => at < window));
        assert.ok(sum(stretch) <= limit + tail * (1 - (window - from) / interval));
      }
    }),
  );
});

test('slidingLog admits all that its bound allows under constant demand, over 1,000 windows [86]', () => {
  const few = fc.integer({ min: 1, max: 25 });
  fc.assert(
    fc.property(few, few, fc.integer({ min: 1, max: 4 }), (limit, calls, cost) => {
      // A call of this cost each millisecond, and that many for each that can be had.
      const interval = limit * calls;
      const windows = 1_000;
      const meter = slidingLog({ limit: limit * cost, interval });
      let admitted = 0;
      for (let now = 0; now < windows * interval; now++) if (meter.tryAcquire(now, cost)) admitted++;
      assert.equal(admitted, windows * limit);
    }),
    { numRuns: 10 },
  );
});

test('slidingLog wastes no time on who waits as long as he is told, over 1,000 windows [86, 89]', () => {
  fc.assert(
    fc.property(fc.double({ min: 0.5, max: 9, noNaN: true }), fc.integer({ min: 1, max: 9 }), (interval, limit) => {
      const meter = slidingLog({ limit, interval });
      let now = 0;
      let admitted = 0;
      for (; now < 1_000 * interval; now += meter.retryAfter(now)) if (meter.tryAcquire(now)) admitted++;
      assert.ok(admitted >= 0.999 * 1_000 * limit && admitted <= 1_001 * limit);
    }),
  );
});
