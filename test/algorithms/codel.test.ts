import assert from 'node:assert/strict';
import { test } from 'vitest';
import { type CodelOptions, codel } from '../../src/algorithms/codel.ts';
import { follyCodel } from '../../src/algorithms/folly-codel.ts';
import type { OverloadDetector } from '../../src/algorithms/shed-queue.ts';
import folly from '../vectors/traffic-codel-folly.json' with { type: 'json' };

/** Asks every millisecond, as if the wait were always the same, and says when something was shed. */
function shedding(detector: OverloadDetector, from: number, to: number, delay: number): number[] {
  const at: number[] = [];
  for (let now = from; now < to; now++) if (detector.shouldShed(now, delay)) at.push(now);
  return at;
}

test('folly’s variant sheds where folly’s own tests say', () => {
  const detector = follyCodel({ target: folly.params.targetMs, interval: folly.params.intervalMs });
  assert.ok(folly.cases.length > 0);
  for (const { nowMs, delayMs, shed } of folly.cases) {
    assert.equal(detector.shouldShed(nowMs, delayMs), shed, `${delayMs} ms at ${nowMs}`);
  }
});

test('CoDel leaves a burst alone that is gone within an interval', () => {
  const detector = codel();
  assert.deepEqual(shedding(detector, 0, 99, 50), []);
  assert.equal(detector.shouldShed(99, 4.9), false);
  assert.deepEqual(shedding(detector, 100, 200, 50), []);
  assert.equal(detector.overloaded, false);
});

test('CoDel sheds one after an interval, and then one after each interval / √n', () => {
  const expected: number[] = [];
  for (let next = 100, count = 1; next < 1_000; next += 100 / Math.sqrt(count), count++) expected.push(Math.ceil(next));
  const detector = codel();
  const at = shedding(detector, 0, 1_000, 5);
  assert.deepEqual(at.slice(0, 4), [100, 200, 271, 329]);
  assert.deepEqual(at, expected);
  assert.equal(detector.overloaded, true);
  assert.equal(detector.shouldShed(1_000, 4.9), false);
  assert.equal(detector.overloaded, false);
});

test('CoDel goes on at about its last rate when it has to begin again soon, and anew after 16 intervals', () => {
  for (const [pause, gap] of [
    [1_000, 100 / Math.sqrt(26)],
    [2_000, 100],
  ] as const) {
    const detector = codel();
    shedding(detector, 0, 1_000, 50);
    detector.shouldShed(1_000, 0);
    const [first = 0, second = 0] = shedding(detector, 1_000 + pause, 3_500, 50);
    assert.equal(first, 1_100 + pause);
    assert.equal(second, first + Math.ceil(gap));
  }
});

test('remembers nothing when new, and nothing once it is long ago', () => {
  for (const [factory, long] of [
    [codel, 1_700],
    [follyCodel, 201],
  ] as const) {
    const detector = factory();
    assert.equal(detector.idle?.(0), true);
    shedding(detector, 0, 201, 50);
    assert.equal(detector.idle?.(201), false);
    detector.shouldShed(201, 0);
    assert.equal(detector.idle?.(201), false);
    assert.equal(detector.idle?.(202 + long), true);
  }
});

test('a clock that steps back delays an answer by an interval at most, and one that sleeps for a year sheds but once', () => {
  for (const factory of [codel, follyCodel]) {
    const detector = factory();
    shedding(detector, 1e9, 1e9 + 150, 50);
    assert.notDeepEqual(shedding(detector, 1e6, 1e6 + 250, 50), [], factory.name);
    const year = 3.2e10;
    assert.ok(shedding(detector, year, year + 1, 50).length <= 1);
    assert.equal(detector.shouldShed(year + 1, 0), false);
  }
});

test('refuses options that make no sense', () => {
  for (const factory of [codel, follyCodel]) {
    for (const [options, error] of [
      [{ target: 0 }, RangeError],
      [{ target: NaN }, RangeError],
      [{ target: -1 }, RangeError],
      [{ target: 101 }, RangeError],
      [{ interval: 4 }, RangeError],
      [{ interval: 0 }, RangeError],
      [{ interval: NaN }, RangeError],
      [{ target: '5' }, TypeError],
      [{ targets: 5 }, TypeError],
      [null, TypeError],
    ] as const) {
      assert.throws(() => factory(options as CodelOptions), error, JSON.stringify(options));
    }
    assert.throws(() => factory({ target: 101 }), new RegExp(`${factory.name}: target must be .* up to 100, got 101`));
  }
});
