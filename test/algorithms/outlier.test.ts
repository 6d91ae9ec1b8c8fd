import assert from 'node:assert/strict';
import { test } from 'vitest';
import {
  type OutlierEjectionEvent,
  type OutlierEjectionOptions,
  outlierEjection,
} from '../../src/algorithms/outlier.ts';
import type { Verdict } from '../../src/core/outcome.ts';

const hosts = (count: number) => Array.from({ length: count }, (_, i) => ({ name: `h${i}` }));

function ejection(options: OutlierEjectionOptions, count: number) {
  const health = outlierEjection(options);
  const all = hosts(count);
  const out = (now: number) => all.filter(({ name }) => health.state(name, now) === 'ejected').map(({ name }) => name);
  out(0);
  return {
    health,
    out,
    record(host: number, verdict: Verdict, times: number, now: number) {
      for (let i = 0; i < times; i++) health.record?.(all[host] as { name: string }, verdict, 1, now);
    },
  };
}

test('ejects a target after five failures in a row, and takes it back when its time is over', () => {
  const { record, out } = ejection({}, 3);
  record(0, 'failure', 4, 100);
  record(0, 'success', 1, 100);
  record(0, 'failure', 4, 100);
  record(0, 'ignore', 9, 100);
  assert.deepEqual(out(100), []);
  record(0, 'failure', 1, 200);
  assert.deepEqual(out(200), ['h0']);
  assert.deepEqual(out(30_199), ['h0']);
  assert.deepEqual(out(30_200), []);
});

test('ejects for longer each time, up to a maximum, and for less again after intervals without', () => {
  const { record, out } = ejection({ consecutiveFailures: 1, maxEjection: 70_000 }, 3);
  let now = 0;
  const lasts = (): number => {
    record(0, 'failure', 1, now);
    const begun = now;
    while (out(now).length > 0) now += 1_000;
    return now - begun;
  };
  assert.deepEqual([lasts(), lasts(), lasts(), lasts()], [30_000, 60_000, 70_000, 70_000]);
  now += 30_000;
  assert.equal(lasts(), 60_000);
  now += 1_000_000;
  assert.equal(lasts(), 30_000);
});

test('ejects no more than its share, one all the same, and never the last', () => {
  const fails = (count: number, options: OutlierEjectionOptions): number => {
    const { record, out } = ejection({ consecutiveFailures: 1, ...options }, count);
    for (let host = 0; host < count; host++) record(host, 'failure', 1, 0);
    return out(0).length;
  };
  assert.equal(fails(1, { maxEjectedRatio: 1 }), 0);
  assert.equal(fails(2, {}), 1);
  assert.equal(fails(3, { maxEjectedRatio: 1 }), 2);
  assert.equal(fails(10, { maxEjectedRatio: 0 }), 1);
  assert.equal(fails(10, { maxEjectedRatio: 0.35 }), 3);
  assert.equal(fails(40, {}), 4);
});

test('ejects at the end of an interval whose success rate is far below the mean', () => {
  const { record, out } = ejection({ consecutiveFailures: Infinity, failureRatio: Infinity }, 5);
  for (let host = 0; host < 5; host++) {
    record(host, 'success', host === 0 ? 50 : 100, 5_000);
    record(host, 'failure', host === 0 ? 50 : 0, 5_000);
  }
  assert.deepEqual(out(9_999), []);
  // Mean 90 %, deviation 20 %: 50 % is below 52 %.
  assert.deepEqual(out(10_000), ['h0']);
});

test('ejects at the end of an interval in which nearly all calls failed', () => {
  const { record, out } = ejection(
    { consecutiveFailures: Infinity, successRateFactor: Infinity, maxEjectedRatio: 1 },
    5,
  );
  for (let host = 0; host < 5; host++) {
    record(host, 'failure', host < 2 ? 85 + host : 84, 0);
    record(host, 'success', host < 2 ? 15 - host : 16, 0);
  }
  assert.deepEqual(out(10_000), ['h0', 'h1']);
});

test('compares only where enough targets have got enough calls', () => {
  for (const [count, calls, ejected] of [
    [5, 100, 1],
    [4, 100, 0],
    [5, 99, 0],
  ] as const) {
    const { record, out } = ejection({ consecutiveFailures: Infinity }, count);
    record(0, 'failure', calls, 0);
    for (let host = 1; host < count; host++) record(host, 'success', calls, 0);
    assert.equal(out(10_000).length, ejected);
  }
});

test('begins each interval anew', () => {
  const { record, out } = ejection({ consecutiveFailures: Infinity, minCalls: 10 }, 5);
  record(0, 'failure', 9, 0);
  for (let host = 1; host < 5; host++) record(host, 'success', 9, 0);
  out(10_000);
  record(0, 'failure', 9, 10_000);
  for (let host = 1; host < 5; host++) record(host, 'success', 9, 10_000);
  assert.deepEqual(out(20_000), []);
});

test('counts nothing that comes from an ejected target, nor one as a target that nobody asks about any more', () => {
  const { record, out, health } = ejection({ consecutiveFailures: 1, maxEjectedRatio: 0.5 }, 4);
  record(0, 'failure', 3, 0);
  record(1, 'failure', 1, 0);
  record(2, 'failure', 1, 0);
  assert.deepEqual(out(0), ['h0', 'h1']);
  for (let now = 40_000; now <= 80_000; now += 10_000) health.state('h0', now);
  // It has become the only one.
  record(0, 'failure', 1, 80_000);
  assert.equal(health.state('h0', 80_000), 'up');
});

test('takes a target back in time also where the clock steps back', () => {
  const { record, out } = ejection({ consecutiveFailures: 1 }, 3);
  record(0, 'failure', 1, 1e9);
  assert.deepEqual([out(0), out(29_999), out(30_000)], [['h0'], ['h0'], []]);
});

test('tells who is ejected, why and for how long, and who returns', () => {
  const tells = (options: OutlierEjectionOptions) => {
    const events: OutlierEjectionEvent[] = [];
    return { events, ...ejection({ name: 'pool', onEvent: (event) => void events.push(event), ...options }, 6) };
  };
  const { events, record, out } = tells({});
  record(0, 'failure', 5, 0);
  const ejected = { type: 'ejected', name: 'pool', target: 'h0', duration: 30_000 } as const;
  assert.deepEqual(events.splice(0), [{ ...ejected, why: 'consecutive-failures' }]);
  out(30_000);
  out(30_000);
  assert.deepEqual(events, [{ type: 'returned', name: 'pool', target: 'h0' }]);
  for (const [failureRatio, why] of [
    [0.5, 'failure-ratio'],
    [Infinity, 'success-rate'],
  ] as const) {
    const compared = tells({ failureRatio, consecutiveFailures: Infinity });
    for (let host = 0; host < 6; host++) {
      compared.record(host, host === 0 ? 'failure' : 'success', 50, 0);
      compared.record(host, 'success', 50, 0);
    }
    compared.out(10_000);
    assert.deepEqual(compared.events, [{ ...ejected, why }]);
  }
});

test('refuses options of an ejection that make no sense [7]', () => {
  for (const options of [
    { consecutiveFailures: 0 },
    { interval: 0 },
    { successRateFactor: -1 },
    { successRateFactor: NaN },
    { failureRatio: 0 },
    { failureRatio: 85 },
    { minHosts: 0 },
    { minCalls: 0 },
    { ejection: 0 },
    { maxEjection: -1 },
    { maxEjectedRatio: 1.1 },
  ]) {
    assert.throws(() => outlierEjection(options), { name: 'RangeError', message: /^outlierEjection: / });
  }
  assert.throws(() => outlierEjection({ ratio: 1 } as OutlierEjectionOptions), TypeError);
});

test('one that has returned stays in where the clock then steps back, so that it is not out beside another', () => {
  const { record, out } = ejection({ consecutiveFailures: 1, ejection: 100 }, 2);
  record(0, 'failure', 1, 1_000);
  assert.deepEqual(out(1_100), []);
  record(1, 'failure', 1, 1_110);
  assert.deepEqual(out(1_050), ['h1']);
});

test('as many are out as the share says, also where its product is a little less', () => {
  for (const [ratio, count, most] of [
    [0.57, 100, 57],
    [0.29, 100, 29],
    [0.1, 19, 1],
    [0.3, 10, 3],
    [0, 10, 1],
  ] as const) {
    const { record, out } = ejection({ consecutiveFailures: 1, maxEjectedRatio: ratio }, count);
    for (let host = 0; host < count; host++) record(host, 'failure', 1, 1);
    assert.equal(out(1).length, most);
  }
});

test("one that was removed while it was out takes nobody else's place, and is still out if it comes back", () => {
  const { record, health } = ejection({ consecutiveFailures: 2, ejection: 200_000 }, 4);
  const ask = (names: string[], now: number): string[] => names.filter((name) => health.state(name, now) !== 'up');
  record(0, 'failure', 2, 0);
  record(1, 'failure', 2, 0);
  assert.deepEqual(ask(['h0', 'h1', 'h2', 'h3'], 0), ['h0']);
  for (let now = 10_000; now <= 40_000; now += 10_000) assert.deepEqual(ask(['h1', 'h2', 'h3'], now), []);
  record(1, 'failure', 2, 40_000);
  assert.deepEqual(ask(['h1', 'h2', 'h3'], 40_000), ['h1']);
  assert.deepEqual(ask(['h0', 'h1', 'h2', 'h3'], 50_000), ['h0', 'h1']);
  // As always: no more than may be out, and never the last.
  record(2, 'failure', 2, 50_000);
  assert.deepEqual(ask(['h0', 'h1', 'h2', 'h3'], 50_000), ['h0', 'h1']);
});

test('a call that is told of a little later than others ask leaves its target out, also for the longest time', () => {
  // As with a coarse clock, which others read earlier in the same turn.
  const { record, out } = ejection({ consecutiveFailures: 1, ejection: 1_000, maxEjection: 1_000 }, 3);
  record(0, 'failure', 1, 100.5);
  assert.deepEqual([out(100), out(1_000), out(1_100)], [['h0'], ['h0'], []]);
  // Nor is it out for longer than that after a step back.
  record(0, 'failure', 1, 50_000);
  assert.deepEqual([out(2_000), out(2_999), out(3_000)], [['h0'], ['h0'], []]);
});
