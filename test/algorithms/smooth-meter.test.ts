import assert from 'node:assert/strict';
import { describe, test } from 'vitest';
import { leakyBucket } from '../../src/algorithms/leaky-bucket.ts';
import { warmUp } from '../../src/algorithms/warm-up.ts';

const year = 365 * 86_400_000;

test('leakyBucket lets one call through at a time, and the next when it is paid for [89]', () => {
  const meter = leakyBucket({ limit: 10, interval: 1_000 });
  assert.equal(meter.available(0), 10);
  assert.equal(meter.tryAcquire(0), true);
  assert.equal(meter.tryAcquire(0), false);
  assert.equal(meter.available(0), 0);
  assert.equal(meter.retryAfter(40), 60);
  assert.equal(meter.tryAcquire(99.999), false);
  assert.equal(meter.tryAcquire(100, 5), true);
  assert.equal(meter.retryAfter(100), 500);
  assert.equal(meter.retryAfter(100, 11), Infinity);
});

test('leakyBucket lets calls catch up with what they have missed, up to its burst', () => {
  const meter = leakyBucket({ limit: 10, interval: 1_000, burst: 3 });
  const taken = (now: number): number => {
    let count = 0;
    while (meter.tryAcquire(now)) count++;
    return count;
  };
  assert.deepEqual(
    [0, 100, 150, 200, 300, 500, 800, 10_000, 10_050, 10_100].map(taken),
    [1, 1, 0, 1, 1, 2, 3, 3, 0, 1],
  );
});

test('leakyBucket keeps what is not yet paid for when its limit changes, as a cost', () => {
  const meter = leakyBucket({ limit: 1, interval: 1_000 });
  assert.equal(meter.tryAcquire(0), true);
  meter.update(500, { limit: 10 });
  assert.equal(meter.retryAfter(500), 50);
  assert.equal(meter.reserve(500, 2)?.at, 550);
  assert.equal(meter.available(500), -2.5);
  const late = meter.reserve(500, 2);
  assert.equal(late?.at, 750);
  meter.update(500, { interval: 2_000 });
  assert.equal(late?.cancel(500), 2);
  assert.equal(meter.retryAfter(500), 500);
});

test('warmUp is slow at first, at its limit after its duration, and cold again after as long without calls', () => {
  const meter = warmUp({ limit: 10, interval: 1_000, duration: 4_000 });
  const begun = (from: number): number[] => {
    const times: number[] = [];
    for (let now = from; now < from + 6_000; now = meter.reserve(now)?.at ?? NaN) times.push(now - from);
    return times.filter((time) => time < 6_000);
  };
  meter.tryAcquire(0);
  assert.equal(Math.round(meter.retryAfter(0)), 295);
  const [cold, warm] = [begun(0).filter((time) => time < 4_000).length, begun(6_000).length];
  assert.equal(cold, 20);
  assert.equal(warm, 60);
  const rested = meter.retryAfter(12_000) + 12_000 + 4_000;
  meter.tryAcquire(rested);
  assert.equal(Math.round(meter.retryAfter(rested)), 295);
});

test('warmUp keeps how warm it is when its limit changes', () => {
  const meter = warmUp({ limit: 10, interval: 1_000, duration: 4_000 });
  for (let now = 0; now < 8_000; now += meter.retryAfter(now)) meter.tryAcquire(now);
  meter.update(8_000, { limit: 20, interval: undefined });
  const now = 8_000 + meter.retryAfter(8_000);
  assert.equal(meter.tryAcquire(now), true);
  assert.ok(Math.abs(meter.retryAfter(now) - 50) < 1e-6);
});

describe.for([
  ['leakyBucket', (options: object) => leakyBucket({ limit: 10, interval: 1_000, ...options })],
  ['warmUp', (options: object) => warmUp({ limit: 10, interval: 1_000, duration: 2_000, ...options })],
] as const)('%s', ([name, make]) => {
  test('gives back to a cancel its cost where none begins after it, and nothing once its time is past [87]', () => {
    const meter = make({});
    assert.equal(meter.tryAcquire(0), true);
    const [first, second, third] = [meter.reserve(0, 5), meter.reserve(0, 2), meter.reserve(0, 1)];
    assert.ok(first && second && third);
    assert.ok(meter.available(0) < 0);
    assert.equal(meter.tryAcquire(0, 0), false);
    assert.equal(second.cancel(first.at), 0, 'the third keeps its time');
    assert.equal(second.cancel(first.at), 0);
    assert.equal(first.cancel(first.at + 0.001), 0);
    assert.equal(third.cancel(third.at), 1);
    assert.equal(meter.available(third.at), 10);
  });

  test('refuses a reservation that would have to wait for too long, and charges nothing', () => {
    const meter = make({});
    meter.tryAcquire(0);
    const wait = meter.retryAfter(0);
    assert.equal(meter.reserve(0, 1, wait - 0.001), undefined);
    assert.equal(meter.retryAfter(0), wait);
    assert.equal(meter.reserve(0, 1, wait)?.at, wait);
  });

  test('after a year a single call is let through, and a clock that steps back does not make it stall [90]', () => {
    const meter = make({});
    for (const now of [0, year]) {
      assert.equal(meter.tryAcquire(now), true);
      assert.equal(meter.tryAcquire(now), false);
    }
    const wait = meter.retryAfter(7);
    assert.ok(wait <= 300);
    assert.equal(meter.tryAcquire(7 + wait), true);
  });

  test('refuses options out of range, unknown and missing ones [7]', () => {
    for (const option of ['limit', 'interval']) {
      for (const value of [0, -1, NaN, Infinity])
        assert.throws(() => make({ [option]: value }), {
          name: 'RangeError',
          message: new RegExp(`^${name}: ${option} must be`),
        });
      assert.throws(() => make({ [option]: undefined }), { name: 'TypeError' });
    }
    assert.throws(() => make({ slack: 1 }), { name: 'TypeError', message: /unknown option "slack"/ });
    const meter = make({});
    assert.throws(() => meter.update(0, { limit: -1 }), { name: 'RangeError' });
    assert.equal(meter.tryAcquire(0), true);
  });
});

test('refuses a burst below 1, a duration that is none, and a cold factor below 1 [7]', () => {
  assert.throws(() => leakyBucket({ limit: 1, interval: 1, burst: 0.5 }), { name: 'RangeError', message: /burst/ });
  const options = { limit: 1, interval: 1, duration: 1 };
  assert.throws(() => warmUp({ ...options, duration: 0 }), { name: 'RangeError', message: /duration/ });
  assert.throws(() => warmUp({ ...options, coldFactor: 0.9 }), { name: 'RangeError', message: /coldFactor/ });
  assert.throws(() => warmUp(options).update(0, { burst: 1 }), { name: 'TypeError', message: /burst/ });
});
