import assert from 'node:assert/strict';
import { test } from 'vitest';
import { allOf } from '../../src/algorithms/all-of.ts';
import { gcra } from '../../src/algorithms/gcra.ts';
import type { Meter } from '../../src/algorithms/meter.ts';
import { tokenBucket } from '../../src/algorithms/token-bucket.ts';

test('admits what all admit: ten a second, and fifteen a minute [86, 89]', () => {
  const second = tokenBucket({ limit: 10, interval: 1_000 });
  const minute = gcra({ limit: 15, interval: 60_000 });
  const both = allOf(second, minute);
  assert.equal(both.available(0), 10);
  assert.equal(both.tryAcquire(0, 10), true);
  assert.equal(both.available(0), 0);
  assert.equal(both.retryAfter(0, 5), 500);
  assert.equal(both.tryAcquire(500, 5), true);
  assert.equal(both.tryAcquire(1_500), false);
  assert.equal(both.retryAfter(1_500), 2_500, 'the minute has 15, and gets one back every 4 seconds');
  assert.equal(second.available(1_500), 10, 'who is refused by one is charged by none');
});

test('a cost above the capacity of one is never admitted and never charged [91]', () => {
  const small = gcra({ limit: 1, interval: 1_000 });
  const large = tokenBucket({ limit: 10, interval: 1_000 });
  for (const both of [allOf(small, large), allOf(large, small)]) {
    assert.equal(both.tryAcquire(0, 2), false);
    assert.equal(both.retryAfter(0, 2), Infinity);
    assert.equal(both.reserve(0, 2), undefined);
    for (const cost of [-1, NaN]) assert.throws(() => both.tryAcquire(0, cost), RangeError);
  }
  assert.equal(small.available(0), 1);
  assert.equal(large.available(0), 10);
});

test('a reservation is for when the last of them is ready, and a cancel gives back to each [87]', () => {
  const fast = tokenBucket({ limit: 10, interval: 1_000, burst: 2 });
  const slow = tokenBucket({ limit: 1, interval: 1_000, burst: 2 });
  const both = allOf(fast, slow);
  assert.equal(both.reserve(0, 2)?.at, 0);
  assert.equal(both.reserve(0, 1, 999), undefined);
  assert.deepEqual([fast.available(0), slow.available(0)], [0, 0]);
  const reservation = both.reserve(0, 1, 1_000);
  assert.equal(reservation?.at, 1_000);
  assert.deepEqual([fast.available(0), slow.available(0)], [-1, -1]);
  assert.equal(reservation.cancel(50), 1);
  assert.deepEqual([fast.available(50), slow.available(50)], [0.5, 0.05]);
  assert.equal(reservation.cancel(50), 0);
});

test('several of several are all of them', () => {
  const [a, b, c] = [1, 2, 3].map((limit) => tokenBucket({ limit, interval: 1_000 })) as [Meter, Meter, Meter];
  const all = allOf(allOf(a, b), c);
  assert.equal(all.tryAcquire(0), true);
  assert.deepEqual(
    [a, b, c].map((meter) => meter.available(0)),
    [0, 1, 2],
  );
  assert.throws(() => allOf(all, b), { name: 'TypeError', message: /got one twice/ });
});

test('what could not work is refused [7]', () => {
  const meter = tokenBucket({ limit: 1, interval: 1_000 });
  assert.throws(() => allOf(), { name: 'TypeError', message: 'allOf: meters must be one or more, got none' });
  assert.throws(() => allOf(meter, meter), { name: 'TypeError', message: /^allOf: each meter must be another/ });
  assert.throws(() => allOf(meter, {} as never), {
    name: 'TypeError',
    message: /^allOf: each meter must be an object/,
  });
  assert.throws(() => allOf(undefined as never), { name: 'TypeError', message: /got undefined$/ });
  assert.throws(() => allOf(meter).update(0, { limit: 2 }), { name: 'TypeError', message: /update its meters/ });
});
