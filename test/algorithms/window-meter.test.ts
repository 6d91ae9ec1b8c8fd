import assert from 'node:assert/strict';
import { describe, test } from 'vitest';
import { fixedWindow } from '../../src/algorithms/fixed-window.ts';
import type { Meter } from '../../src/algorithms/meter.ts';
import { slidingLog } from '../../src/algorithms/sliding-log.ts';
import { slidingWindow } from '../../src/algorithms/sliding-window.ts';

const year = 365 * 86_400_000;

/** How many calls of cost 1 get through at once. */
function admittedAt(meter: Meter, now: number): number {
  let admitted = 0;
  while (meter.tryAcquire(now)) admitted++;
  return admitted;
}

/** [time, cost, whether it is admitted, what is left then, retryAfter of the same cost then] */
type Row = [number, number, boolean, number, number];

function check(meter: Meter, rows: Row[]): void {
  for (const [now, cost, admitted, left, wait] of rows) {
    const label = `cost ${cost} at ${now}`;
    assert.equal(meter.tryAcquire(now, cost), admitted, label);
    assert.equal(meter.available(now), left, label);
    assert.equal(meter.retryAfter(now, cost), wait, label);
  }
}

test('fixedWindow admits its limit in each window, and twice that round a boundary [86, 89]', () => {
  check(fixedWindow({ limit: 3, interval: 100 }), [
    [60, 2, true, 1, 40],
    [60, 2, false, 1, 40],
    [99, 1, true, 0, 1],
    [99.5, 1, false, 0, 0.5],
    [100, 3, true, 0, 100],
    [199, 1, false, 0, 1],
    [350, 1, true, 2, 0],
  ]);
  const meter = fixedWindow({ limit: 10, interval: 1_000 });
  assert.equal(admittedAt(meter, 999) + admittedAt(meter, 1_000), 20);
});

test('slidingWindow counts the window before as far as it overlaps, had it been even [86, 89]', () => {
  check(slidingWindow({ limit: 10, interval: 100 }), [
    [90, 10, true, 0, 110],
    [100, 1, false, 0, 10],
    [110, 1, true, 0, 10],
    [150, 4, true, 0, 40],
    [200, 1, true, 4, 0],
    [200, 5, false, 4, 20],
    [300, 4, true, 5, 0],
  ]);
  const meter = slidingWindow({ limit: 10, interval: 1_000 });
  let admitted = admittedAt(meter, 999);
  // The worst case: one less than twice the limit, all within an interval.
  for (let now = 1_000; now < 1_999; now++) admitted += admittedAt(meter, now);
  assert.equal(admitted, 19);
});

test('slidingLog admits its limit in any interval, and forgets to the millisecond [86, 89]', () => {
  check(slidingLog({ limit: 3, interval: 100 }), [
    [0, 1, true, 2, 0],
    [60, 2, true, 0, 100],
    [99, 1, false, 0, 1],
    [100, 1, true, 0, 60],
    [159, 2, false, 0, 1],
    [160, 2, true, 0, 100],
    [199, 1, false, 0, 1],
    [200, 1, true, 0, 60],
  ]);
});

test('slidingLog keeps its order while its memory grows round the end of the ring [86]', () => {
  const meter = slidingLog({ limit: 100, interval: 1_000 });
  for (let now = 0; now < 5; now++) assert.equal(meter.tryAcquire(now), true);
  for (let now = 1_000; now < 1_100; now++) assert.equal(meter.tryAcquire(now), true);
  assert.equal(meter.available(1_100), 0);
  assert.equal(meter.retryAfter(1_999), 1);
  for (let now = 2_000; now < 2_100; now++) assert.equal(meter.available(now), now - 1_999);
});

test('three costs of a tenth fit into a limit of three tenths [86]', () => {
  for (const make of [fixedWindow, slidingLog, slidingWindow]) {
    const meter = make({ limit: 0.3, interval: 100 });
    for (const admitted of [true, true, true, false]) assert.equal(meter.tryAcquire(0, 0.1), admitted);
  }
});

describe.for([
  ['fixedWindow', fixedWindow],
  ['slidingWindow', slidingWindow],
  ['slidingLog', slidingLog],
] as const)('%s', ([name, make]) => {
  test('a reservation waits for the first window that has it whole, and is not overtaken', () => {
    const meter = make({ limit: 10, interval: 100 });
    assert.equal(meter.reserve(0, 7)?.at, 0);
    const late = meter.reserve(0, 5);
    assert.ok(late && late.at >= 100);
    assert.equal(meter.tryAcquire(0), false);
    assert.ok(meter.available(0) < 0);
    assert.equal(meter.reserve(0, 1, 50), undefined);
    assert.equal(late.cancel(50), 5);
    assert.equal(late.cancel(50), 0);
    assert.equal(meter.available(50), 3);
    assert.equal(meter.tryAcquire(50, 3), true);
  });

  test('gives back nothing once its time is past, at its very time still all [87]', () => {
    const meter = make({ limit: 10, interval: 100 });
    const [soon, late] = [meter.reserve(0, 4), meter.reserve(0, 4)];
    assert.equal(soon?.cancel(0), 4);
    assert.equal(late?.cancel(0.001), 0);
    assert.equal(meter.available(0.001), 6);
  });

  test('a thousand reservations ahead are cancelled from the last to the first, and leave nothing behind [87]', () => {
    const meter = make({ limit: 7, interval: 100 });
    const reservations = Array.from({ length: 1_000 }, () => meter.reserve(0, 3));
    assert.equal(meter.available(0) < 0, true);
    for (const reservation of reservations.reverse()) assert.equal(reservation?.cancel(0), 3);
    assert.equal(meter.available(0), 7);
    assert.equal(meter.retryAfter(0, 7), 0);
  });

  test('is full after a year and no fuller, and a clock that steps back a year does not make it stall [90]', () => {
    const meter = make({ limit: 10, interval: 1_000 });
    assert.equal(admittedAt(meter, 0.5), 10);
    assert.equal(meter.available(year), 10);
    assert.equal(admittedAt(meter, year), 10);
    assert.equal(admittedAt(meter, 7), 0);
    assert.ok(meter.retryAfter(7) <= 2_000);
    assert.equal(admittedAt(meter, 2_007), 10);
  });

  test('a higher limit counts at once, a lower one lets nobody in until it holds', () => {
    const meter = make({ limit: 10, interval: 100 });
    assert.equal(meter.tryAcquire(0, 10), true);
    meter.update(0, { limit: 12 });
    assert.equal(admittedAt(meter, 0), 2);
    meter.update(0, { limit: 3, interval: undefined });
    assert.equal(meter.available(0), -9);
    assert.equal(admittedAt(meter, 300), 3);
    assert.equal(meter.retryAfter(300, 4), Infinity);
  });

  test('another interval judges what was admitted before by its own measure', () => {
    const meter = make({ limit: 10, interval: 100 });
    assert.equal(admittedAt(meter, 250), 10);
    meter.update(250, { interval: 1_000 });
    assert.equal(admittedAt(meter, 999), 0);
    assert.equal(admittedAt(meter, 2_250), 10);
    meter.update(2_250, { interval: 10 });
    assert.equal(admittedAt(meter, 2_270), 10);
  });

  test('refuses limits out of range, unknown and missing ones [7]', () => {
    for (const limit of [0, -1, NaN, Infinity])
      assert.throws(() => make({ limit, interval: 1_000 }), {
        name: 'RangeError',
        message: `${name}: limit must be a number above 0, up to 9007199254740991, got ${limit}`,
      });
    for (const interval of [0, -1, NaN, Infinity, 0.0001])
      assert.throws(() => make({ limit: 1, interval }), {
        name: 'RangeError',
        message: /interval must be a number from 0.001 to/,
      });
    assert.throws(() => make({ limit: 1 } as never), { name: 'TypeError', message: /interval/ });
    assert.throws(() => make({ limit: 1, interval: 1, burst: 1 } as never), { name: 'TypeError', message: /burst/ });
    const meter = make({ limit: 1, interval: 1_000 });
    assert.throws(() => meter.update(0, { limit: 0 }), { name: 'RangeError' });
    assert.throws(() => meter.update(0, { burst: 2 }), { name: 'TypeError', message: /burst/ });
    assert.equal(admittedAt(meter, 0), 1);
  });
});

test.for([
  ['fixedWindow', fixedWindow],
  ['slidingWindow', slidingWindow],
] as const)('%s hangs nobody where its windows are shorter than the steps of the clock', ([, make]) => {
  const meter = make({ limit: 2, interval: 0.001 });
  assert.equal(meter.tryAcquire(1e15, 2), true);
  assert.ok(meter.retryAfter(1e15, 2) < 1);
  assert.ok(meter.reserve(1e15, 2));
});
