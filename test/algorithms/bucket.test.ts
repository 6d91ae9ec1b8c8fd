import assert from 'node:assert/strict';
import { test } from 'vitest';
import { gcra } from '../../src/algorithms/gcra.ts';
import { tokenBucket } from '../../src/algorithms/token-bucket.ts';

for (const make of [tokenBucket, gcra]) {
  test(`${make.name}: a full burst at once, and then as much as comes back [86, 88, 89]`, () => {
    const meter = make({ limit: 10, interval: 1_000, burst: 3 });
    const table: [now: number, cost: number, admitted: boolean, retryAfter: number, available: number][] = [
      [0, 2, true, 100, 1],
      [0, 2, false, 100, 1],
      [50, 1, true, 50, 0.5],
      [200, 2, true, 200, 0],
      [299.5, 1, false, 0.5, 0.995],
      [300, 1, true, 100, 0],
      [10_000, 4, false, Infinity, 3],
      [10_000, 3, true, 300, 0],
    ];
    for (const [now, cost, admitted, retryAfter, available] of table) {
      assert.equal(meter.tryAcquire(now, cost), admitted);
      assert.equal(meter.retryAfter(now, cost), retryAfter);
      assert.equal(meter.available(now), available);
    }
  });

  test(`${make.name}: a million steps at exactly its pace lose and gain nothing, at any time of any clock [88, 89]`, () => {
    for (const [limit, interval] of [
      [3, 1_000],
      [7, 100],
      [1_000, 1_000],
    ] as const) {
      for (const start of [0, 1e12]) {
        const meter = make({ limit, interval });
        assert.equal(meter.tryAcquire(start, limit), true);
        for (let i = 1; i <= 1_000_000; i++) {
          const now = start + Math.ceil((i * interval) / limit);
          if (!meter.tryAcquire(now)) assert.fail(`refused at step ${i}`);
        }
        const now = start + (1_000_000 * interval) / limit;
        assert.equal(meter.tryAcquire(Math.floor(now)), false);
        assert.ok(Math.abs(meter.available(Math.ceil(now)) * interval) <= 2 * limit);
      }
    }
  });

  test(`${make.name}: a million waits of exactly retryAfter are each enough [88, 89]`, () => {
    for (const start of [0, 1e12]) {
      const meter = make({ limit: 3, interval: 1_000, burst: 5 });
      let now = start;
      let admitted = 0;
      for (let i = 0; i < 1_000_000; i++) {
        now += meter.retryAfter(now);
        if (meter.tryAcquire(now)) admitted++;
      }
      assert.equal(admitted, 1_000_000);
      const expected = ((1_000_000 - 5) * 1_000) / 3;
      // Each wait ends on a number of the clock, and what it ends too late comes off the next.
      assert.ok(Math.abs(now - start - expected) < 1e-3, `${now - start - expected} ms off`);
    }
  });

  test(`${make.name}: after a year it is full and no fuller, and after a step back it goes on from there [90]`, () => {
    const year = 365 * 86_400_000;
    const meter = make({ limit: 10, interval: 1_000, burst: 5 });
    assert.equal(meter.tryAcquire(0, 5), true);
    assert.equal(meter.available(year), 5);
    assert.equal(meter.tryAcquire(year, 5), true);
    assert.equal(meter.available(0), 0, 'a year back');
    assert.equal(meter.retryAfter(0, 2), 200);
    assert.equal(meter.tryAcquire(200, 2), true);
  });

  test(`${make.name}: a time that is NaN is refused and changes nothing`, () => {
    const meter = make({ limit: 1, interval: 1_000 });
    assert.equal(meter.tryAcquire(NaN), false);
    assert.equal(meter.reserve(NaN), undefined);
    assert.equal(meter.available(0), 1);
  });

  test(`${make.name}: a cancel works once, up to the reservation's own time [87]`, () => {
    const meter = make({ limit: 10, interval: 1_000, burst: 2 });
    meter.tryAcquire(0, 2);
    const early = meter.reserve(0, 2);
    assert.equal(early?.at, 200);
    assert.equal(meter.available(0), -2);
    assert.equal(early.cancel(200), 2);
    assert.equal(early.cancel(200), 0);
    assert.equal(meter.available(200), 2);

    const late = meter.reserve(200, 2);
    assert.equal(late?.cancel(201), 0);
    assert.equal(late?.cancel(200), 0, 'it is over');
    assert.equal(meter.available(201), 0.01);
  });

  test(`${make.name}: a wait that is too long is refused and charges nothing [87]`, () => {
    const meter = make({ limit: 10, interval: 1_000, burst: 2 });
    assert.equal(meter.reserve(0, 2, 0)?.at, 0);
    for (const maxWait of [99.999, 0, -1, NaN]) assert.equal(meter.reserve(0, 1, maxWait), undefined);
    assert.equal(meter.available(0), 0);
    assert.equal(meter.reserve(0, 1, 100)?.at, 100);
  });

  test(`${make.name}: update keeps what was earned and what was charged, and its reservations their times [87, 88]`, () => {
    const meter = make({ limit: 10, interval: 1_000, burst: 4 });
    meter.tryAcquire(0, 3);
    meter.update(0, { limit: 1 });
    assert.equal(meter.available(0), 1);
    assert.equal(meter.retryAfter(0, 2), 1_000);
    meter.update(0, { interval: 500 });
    assert.equal(meter.available(0), 1);
    assert.equal(meter.retryAfter(0, 2), 500);
    meter.update(0, { burst: 8 });
    assert.equal(meter.available(0), 1, 'more room is not more tokens');
    assert.equal(meter.available(1e9), 8);
    meter.update(1e9, { burst: 2, limit: undefined });
    assert.equal(meter.available(1e9), 2);

    const reservation = meter.reserve(1e9, 2);
    const next = meter.reserve(1e9, 2);
    assert.equal(next?.at, 1e9 + 1_000);
    meter.update(1e9, { limit: 4, interval: 1_000 });
    assert.equal(meter.available(1e9), -2);
    assert.equal(next.cancel(1e9), 2);
    assert.equal(meter.available(1e9), 0);
    assert.equal(reservation?.cancel(1e9), 2);
  });

  test(`${make.name}: limits out of range are refused by name, with their range and value [7]`, () => {
    const good = { limit: 1, interval: 1_000 };
    const meter = make(good);
    for (const name of ['limit', 'interval', 'burst']) {
      for (const value of [0, -1, NaN, Infinity, -Infinity]) {
        const refused = {
          name: 'RangeError',
          message: `${make.name}: ${name} must be a number above 0, up to 9007199254740991, got ${value}`,
        };
        assert.throws(() => make({ ...good, [name]: value }), refused);
        assert.throws(() => meter.update(0, { [name]: value }), refused);
      }
      assert.throws(() => make({ ...good, [name]: '1' } as never), { name: 'TypeError' });
    }
    assert.throws(() => make({ interval: 1_000 } as never), {
      name: 'TypeError',
      message: /: limit must be .* undefined/,
    });
    assert.throws(() => make({ limit: 1 } as never), { name: 'TypeError', message: /: interval must be .* undefined/ });
    assert.throws(() => make({ ...good, limits: 1 } as never), {
      name: 'TypeError',
      message: /"limits"; did you mean "limit"/,
    });
    assert.throws(() => meter.update(0, { rate: 1 } as never), { name: 'TypeError', message: /unknown option "rate"/ });
    assert.equal(meter.available(0), 1, 'what is refused changes nothing');
  });
}

test('a cancel gives back what its time is ahead of the latest charge, as in x/time/rate [87]', () => {
  const meter = tokenBucket({ limit: 10, interval: 1_000, burst: 2 });
  meter.tryAcquire(0, 2);
  const [first, second] = [meter.reserve(0, 2), meter.reserve(0, 1)];
  assert.equal(first?.cancel(0), 1, 'one token is counted on by the second');
  const third = meter.reserve(0, 1);
  assert.equal(third?.cancel(0), 1, 'with it the latest charge is for 200 ms');
  assert.equal(second?.cancel(0), 2, 'its own, and the one that the first left to it');
  assert.equal(meter.available(0), 0, 'nobody is left');
});

test('a cancel gives back more than was taken where another was charged for an earlier time, never above burst [87]', () => {
  const meter = tokenBucket({ limit: 10, interval: 1_000, burst: 3 });
  meter.tryAcquire(1_000, 3);
  const reservation = meter.reserve(1_000, 1);
  assert.equal(reservation?.at, 1_100);
  // A clock that steps back leaves the times of reservations where they are.
  assert.equal(meter.reserve(500, 2)?.at, 800);
  assert.equal(meter.available(900), 1);
  assert.equal(reservation.cancel(900), 2, 'its own and three for the 300 ms, as far as there is room');
  assert.equal(meter.available(900), 3);
  assert.equal(reservation.cancel(900), 0, 'once');
});

test('a time that is NaN lets update change the limits, and moves nothing else', () => {
  const meter = tokenBucket({ limit: 1, interval: 1_000, burst: 2 });
  meter.tryAcquire(0);
  meter.update(NaN, { limit: 2 });
  assert.equal(meter.available(0), 1);
  assert.equal(meter.retryAfter(0, 2), 500);
});
