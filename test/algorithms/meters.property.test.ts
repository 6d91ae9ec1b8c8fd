import assert from 'node:assert/strict';
import fc from 'fast-check';
import { describe, test } from 'vitest';
import { allOf } from '../../src/algorithms/all-of.ts';
import { fixedWindow } from '../../src/algorithms/fixed-window.ts';
import { gcra } from '../../src/algorithms/gcra.ts';
import { leakyBucket } from '../../src/algorithms/leaky-bucket.ts';
import type { Meter } from '../../src/algorithms/meter.ts';
import { slidingLog } from '../../src/algorithms/sliding-log.ts';
import { slidingWindow } from '../../src/algorithms/sliding-window.ts';
import { tokenBucket } from '../../src/algorithms/token-bucket.ts';
import { warmUp } from '../../src/algorithms/warm-up.ts';
import { excess, type Limits, play, type Step } from './histories.ts';

interface Row {
  readonly name: string;
  make(limits: Limits): Meter;
  /** As in x/time/rate, a late cancel may exceed the bound. */
  readonly lateExceed?: boolean;
  /** What the meter's page states: the most that is admitted in a stretch of time, both ends included. */
  bound(limits: Limits, stretch: number): number;
  /** The highest cost that can be had. */
  capacity(limits: Limits): number;
  /** The longest that one may have to wait for a cost while no reservation is out, wherever the clock has been. */
  longest(limits: Limits, cost: number): number;
}

const bucket = {
  lateExceed: true,
  bound: ({ limit, interval, burst }: Limits, stretch: number) => burst + (limit * stretch) / interval,
  capacity: ({ burst }: Limits) => burst,
  longest: ({ limit, interval }: Limits, cost: number) => (cost * interval) / limit,
};

/** Costs are parts of the burst, so that is what a window admits. */
const perWindow = ({ burst, interval }: Limits) => ({ limit: burst, interval });

/** Windows begun in a stretch of time, after its first moment; where it ends at the very beginning of one, that counts. */
const windowsIn = ({ interval }: Limits, stretch: number) => Math.floor((stretch * (1 + 1e-9) + 1e-6) / interval);

const aligned = {
  capacity: ({ burst }: Limits) => burst,
  bound: (limits: Limits, stretch: number) => limits.burst * (stretch > 0 ? 2 + windowsIn(limits, stretch) : 1),
};

const spaced = {
  bound: (limits: Limits, stretch: number) => (limits.limit * stretch) / limits.interval + spaced.capacity(limits),
  capacity: ({ limit }: Limits) => Math.max(1, limit),
  longest: (limits: Limits) => (spaced.capacity(limits) * limits.interval) / limits.limit,
};

/** Its burst is one more than that of the limits, which may be below 1. */
const withSlack = {
  bound: ({ limit, interval, burst }: Limits, stretch: number) =>
    burst + (limit * stretch) / interval + Math.max(limit, 1 + burst),
  capacity: ({ limit, burst }: Limits) => Math.max(limit, 1 + burst),
  longest: ({ limit, interval, burst }: Limits) => (Math.max(limit, 1 + burst) * interval) / limit,
};

const rows: readonly Row[] = [
  { name: 'tokenBucket', make: tokenBucket, ...bucket },
  { name: 'gcra', make: gcra, ...bucket },
  {
    ...bucket,
    name: 'allOf',
    // The second is the stricter one for a while, and then the first.
    make: (limits) => allOf(tokenBucket(limits), gcra({ ...limits, limit: limits.limit * 2, burst: limits.burst / 2 })),
    bound: (limits, stretch) =>
      Math.min(
        bucket.bound(limits, stretch),
        bucket.bound({ ...limits, limit: limits.limit * 2, burst: limits.burst / 2 }, stretch),
      ),
    capacity: ({ burst }) => burst / 2,
  },
  {
    ...aligned,
    name: 'fixedWindow',
    make: (limits) => fixedWindow(perWindow(limits)),
    longest: ({ interval }) => interval,
  },
  {
    ...aligned,
    name: 'slidingWindow',
    make: (limits) => slidingWindow(perWindow(limits)),
    longest: ({ interval }) => 2 * interval,
  },
  {
    name: 'slidingLog',
    make: (limits) => slidingLog(perWindow(limits)),
    bound: (limits, stretch) => limits.burst * (1 + windowsIn(limits, stretch)),
    capacity: ({ burst }) => burst,
    longest: ({ interval }) => interval,
  },
  { ...spaced, name: 'leakyBucket', make: ({ limit, interval }) => leakyBucket({ limit, interval }) },
  {
    ...withSlack,
    name: 'leakyBucket with slack',
    make: (limits) => leakyBucket({ ...limits, burst: 1 + limits.burst }),
  },
  {
    ...spaced,
    name: 'warmUp',
    make: ({ limit, interval, burst }) => warmUp({ limit, interval, duration: burst * interval }),
    longest: (limits) => 3 * spaced.longest(limits),
  },
];

const limits: fc.Arbitrary<Limits> = fc.oneof(
  fc.record({
    limit: fc.integer({ min: 1, max: 20 }),
    interval: fc.constantFrom(1, 7, 100, 1_000, 3_600_000),
    burst: fc.integer({ min: 1, max: 30 }),
  }),
  fc.record({
    limit: fc.double({ min: 0.01, max: 1e4, noNaN: true }),
    interval: fc.double({ min: 0.1, max: 1e6, noNaN: true }),
    burst: fc.double({ min: 0.1, max: 1e4, noNaN: true }),
  }),
);

const start = fc.constantFrom(0, 1, -5_000, 123.456, 1e9, 1e12);

/** Moves come as parts of an interval, and costs as parts of a burst, so that a history is seldom idle or all refusals. */
function stepsFor({ limit, interval, burst }: Limits): fc.Arbitrary<Step[]> {
  const part = fc.oneof(fc.constantFrom(0, 0, 0.01, 1 / limit, 0.5, 1, 3), fc.double({ min: 0, max: 2, noNaN: true }));
  const share = fc.oneof(fc.constantFrom(0, 0.1, 0.5, 1, 1.5), fc.double({ min: 0, max: 1.2, noNaN: true }));
  return fc.array(
    fc.record({
      move: fc.oneof(
        { weight: 8, arbitrary: part.map((part) => part * interval) },
        { weight: 2, arbitrary: part.map((part) => -part * interval) },
        { weight: 1, arbitrary: fc.constantFrom(-1e9, 1e9, -365 * 86_400_000, 365 * 86_400_000) },
      ),
      act: fc.constantFrom('acquire', 'acquire', 'acquire', 'reserve', 'reserve', 'abort', 'ask'),
      cost: fc.oneof(
        fc.constantFrom(1, 1, 2),
        share.map((share) => share * burst),
      ),
      maxWait: fc.oneof(
        fc.constant(Infinity),
        part.map((part) => part * interval),
      ),
      which: fc.nat(),
    }),
    { maxLength: 60 },
  );
}

const history = fc.record({ limits, start }).chain(({ limits, start }) => {
  return fc.record({ limits: fc.constant(limits), start: fc.constant(start), steps: stepsFor(limits) });
});

describe.for(rows)('$name', ({ name, make, lateExceed = false, bound, capacity, longest }) => {
  test('admits no more than its bound in any stretch of time, whatever is aborted, wherever the clock jumps [86]', () => {
    fc.assert(
      fc.property(history, ({ limits, start, steps }) => {
        // What `allOf` has reserved is charged in time, and begins with the slowest part.
        const kept = name === 'allOf' ? steps.filter(({ act }) => act !== 'reserve') : steps;
        const played = play(make(limits), start, kept, !lateExceed);
        const most = excess(played, (stretch) => bound(limits, stretch));
        assert.ok(most <= 0, `${most} too many`);
      }),
    );
  });

  test('retryAfter is exact: it succeeds then, and not a microsecond earlier [89]', () => {
    fc.assert(
      fc.property(history, fc.double({ min: 0, max: 1, noNaN: true }), ({ limits, start, steps }, share) => {
        const cost = share * capacity(limits);
        const twin = make(limits);
        const { now } = play(twin, start, steps);
        const meter = make(limits);
        play(meter, start, steps);
        const wait = meter.retryAfter(now, cost);
        assert.ok(wait >= 0 && wait < Infinity);
        // Nobody can tell moments apart that are closer than the numbers of their clock.
        const early = now + wait - Math.max(1e-3, 8 * Number.EPSILON * Math.abs(now + wait), 1e-12 * wait);
        if (early >= now) assert.equal(twin.tryAcquire(early, cost), false);
        assert.equal(meter.tryAcquire(now + wait, cost), true);
      }),
    );
  });

  test('grants a reservation where it would let wait, for the time it would say [89]', () => {
    fc.assert(
      fc.property(history, ({ limits, start, steps }) => {
        const meter = make(limits);
        let { now } = play(meter, start, steps);
        for (const { cost, maxWait, move } of steps) {
          now += Math.abs(move);
          const wait = meter.retryAfter(now, cost);
          const reservation = meter.reserve(now, cost, maxWait);
          assert.equal(reservation !== undefined, wait <= maxWait && wait < Infinity);
          if (reservation !== undefined) assert.equal(reservation.at, now + wait);
        }
      }),
    );
  });

  test('refuses a cost above capacity, charges nothing for 0, and throws for one that is none [91]', () => {
    fc.assert(
      fc.property(history, ({ limits, start, steps }) => {
        const meter = make(limits);
        const { now } = play(meter, start, steps);
        const available = meter.available(now);
        for (const cost of [Infinity, capacity(limits) * 1.001]) {
          assert.equal(meter.tryAcquire(now, cost), false);
          assert.equal(meter.retryAfter(now, cost), Infinity);
          assert.equal(meter.reserve(now, cost), undefined);
        }
        for (const cost of [-1, -Infinity, NaN]) {
          for (const act of ['tryAcquire', 'retryAfter', 'reserve'] as const) {
            assert.throws(() => meter[act](now, cost), { name: 'RangeError', message: /cost must be .*, got / });
          }
        }
        for (const act of ['tryAcquire', 'retryAfter', 'reserve'] as const) {
          const text = '1' as never;
          assert.throws(() => meter[act](now, text), { name: 'TypeError', message: /cost must be .*, got "1"/ });
        }
        assert.equal(meter.tryAcquire(now, 0), meter.retryAfter(now, 0) === 0);
        assert.equal(meter.available(now), available);
      }),
    );
  });

  test('refuses a time that is NaN, and lets no time that is none change what it does later', () => {
    fc.assert(
      fc.property(history, fc.constantFrom(NaN, Infinity, -Infinity), ({ limits, start, steps }, none) => {
        const all = capacity(limits);
        const fresh = make(limits);
        const meter = make(limits);
        for (const one of [fresh, meter]) {
          assert.equal(one.tryAcquire(NaN, all), false);
          assert.equal(one.reserve(NaN, all), undefined);
          assert.ok(Number.isNaN(one.retryAfter(NaN, all)));
          if (name !== 'allOf') one.update(NaN, { limit: undefined });
        }
        const { now } = play(meter, start, steps);
        const available = meter.available(now);
        assert.equal(meter.tryAcquire(NaN, all), false);
        assert.equal(meter.available(now), available);
        for (const act of ['available', 'retryAfter', 'tryAcquire', 'reserve'] as const) meter[act](none);
        meter.available(now);
        const later = now + Math.max(365 * 86_400_000, 2 * longest(limits, all));
        assert.equal(meter.tryAcquire(later + meter.retryAfter(later, all), all), true);
        assert.equal(fresh.tryAcquire(now, all), true);
      }),
    );
  });

  test('is full after a year of idleness and no fuller, and steps back of the clock do not make it stall [90]', () => {
    fc.assert(
      fc.property(history, fc.double({ min: 0, max: 1e12, noNaN: true }), ({ limits, start, steps }, back) => {
        const all = capacity(limits);
        const kept = steps.filter(({ act }) => act !== 'reserve');
        const meter = make(limits);
        const { now } = play(meter, start, kept);
        // A step back that nobody has seen is no step.
        meter.available(now);
        const idle = Math.max(365 * 86_400_000, 2 * longest(limits, all));
        assert.equal(meter.available(now + idle), make(limits).available(now));
        assert.equal(meter.tryAcquire(now + idle, all), true);
        const wait = meter.retryAfter(now + idle - back, all);
        assert.ok(wait <= longest(limits, all) * (1 + 1e-9) + 1e-3, `${wait} is too long`);
      }),
    );
  });
});
