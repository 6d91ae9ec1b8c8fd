import assert from 'node:assert/strict';
import { test } from 'vitest';
import {
  anyOf,
  consecutiveFailures,
  failureRatio,
  slowCallRatio,
  type TripMemory,
  type TripRule,
} from '../../src/algorithms/trip-rules.ts';
import { CallWindow } from '../../src/algorithms/windows.ts';
import published from '../vectors/circuit-breaker.json' with { type: 'json' };

/** After which of the calls, F or S, the rule first holds; 0 for none. */
function opensAfter(rule: TripRule, calls: string, now = 0): number {
  const memory = rule();
  return [...calls].map((call) => memory.record(call === 'F', now, Number.NaN)).indexOf(true) + 1;
}

test('opens after so many failures in a row, and a success begins a new row [54]', () => {
  for (const [count, calls, expected] of [
    [1, 'F', 1],
    [3, 'FF', 0],
    [3, 'FFF', 3],
    [3, 'FFSFFSFFF', 9],
    [5, 'FFFFSFFFF', 0],
    [Infinity, 'FFFFFFFFFFFF', 0],
  ] as const) {
    assert.equal(opensAfter(consecutiveFailures({ count }), calls), expected, `${count} of ${calls}`);
  }
  assert.equal(opensAfter(consecutiveFailures(), 'FFFFF'), 5);
});

test('opens where the share of failures is reached, and not below [67]', () => {
  for (const [ratio, calls, minCalls, history, expected] of [
    [0.5, 4, 4, 'SSFF', 4],
    [0.5, 4, 4, 'FFSS', 4],
    [0.5, 4, 4, 'SSSF', 0],
    [0.51, 4, 4, 'SSFF', 0],
    [0.25, 4, 1, 'SSSF', 4],
    [1, 3, 3, 'FFS', 0],
    [1, 3, 3, 'SFFF', 4],
    [1, 3, 3, 'FFF', 3],
    [0.3, 10, 10, 'FFFSSSSSSS', 10],
    [0.0001, 10, 1, 'SSSSSSSSSS', 0],
  ] as const) {
    const rule = failureRatio({ ratio, window: { calls }, minCalls });
    assert.equal(opensAfter(rule, history), expected, `${ratio} of ${calls} in ${history}`);
  }
});

test('a share of so many hundredths is reached by exactly as many calls of a hundred [67]', () => {
  for (let hundredths = 1; hundredths <= 100; hundredths++) {
    const rule = failureRatio({ ratio: hundredths / 100, window: { calls: 100 }, minCalls: 100 });
    assert.equal(opensAfter(rule, 'F'.repeat(hundredths) + 'S'.repeat(100 - hundredths)), 100);
    assert.equal(opensAfter(rule, 'F'.repeat(hundredths - 1) + 'S'.repeat(101 - hundredths)), 0);
  }
});

test('never opens on fewer calls than the least, however many fail [67, O8]', () => {
  assert.equal(opensAfter(failureRatio(), 'F'.repeat(19)), 0);
  assert.equal(opensAfter(failureRatio(), 'F'.repeat(20)), 20);
  assert.equal(opensAfter(failureRatio({ window: { calls: 7 } }), 'F'.repeat(10)), 7);
});

test('a failure that has left the window counts no more [63, K16]', () => {
  const memory = failureRatio({ window: { duration: 5_000 }, minCalls: 3 })();
  assert.equal(memory.record(true, 0, Number.NaN), false);
  assert.equal(memory.record(true, 0, Number.NaN), false);
  assert.equal(memory.record(true, 3_600_000, Number.NaN), false);
});

test('slow and failed calls are counted apart [74]', () => {
  const slow = slowCallRatio({ slowerThan: 100, ratio: 0.5, window: { calls: 4 }, minCalls: 4 })();
  // Failing does not make it slow, succeeding does not make it fast; as long as the limit is not longer.
  for (const [failed, took, expected] of [
    [true, 100, false],
    [true, 0, false],
    [false, 101, false],
    [false, 100, false],
    [false, 100, false],
    [true, 100.001, true],
  ] as const) {
    assert.equal(slow.record(failed, 0, took), expected);
  }
});

test('any of several rules opens, and each has counted all calls [74]', () => {
  const memory = anyOf(
    consecutiveFailures({ count: 2 }),
    consecutiveFailures({ count: 3 }),
    slowCallRatio({ slowerThan: 9, window: { calls: 2 } }),
  )();
  assert.equal(memory.slowerThan, 9);
  assert.equal(memory.record(true, 0, 1), false);
  assert.equal(memory.record(true, 0, 1), true);
  assert.equal(memory.record(false, 0, 10), true);
  assert.equal(anyOf(consecutiveFailures())().slowerThan, undefined);
  assert.equal(anyOf(slowCallRatio({ slowerThan: 9 }), slowCallRatio({ slowerThan: 5 }))().slowerThan, 5);
});

test('one rule given to two circuits keeps two memories [9, K20]', () => {
  for (const rule of [
    consecutiveFailures({ count: 2 }),
    failureRatio({ window: { calls: 2 } }),
    anyOf(consecutiveFailures({ count: 2 })),
  ]) {
    const [one, other] = [rule(), rule()];
    assert.equal(one.record(true, 0, Number.NaN), false);
    assert.equal(other.record(true, 0, Number.NaN), false);
    assert.equal(one.record(true, 0, Number.NaN), true);
  }
});

test('goes on from what was saved, by way of JSON [72]', () => {
  const rules = [
    consecutiveFailures({ count: 3 }),
    failureRatio({ window: { calls: 4 }, minCalls: 3 }),
    failureRatio({ window: { duration: 100 }, minCalls: 3 }),
    anyOf(() => ({ record: () => false }), consecutiveFailures({ count: 3 })),
  ];
  for (const rule of rules) {
    const [before, after]: TripMemory[] = [rule(), rule()];
    assert.equal(before?.snapshot?.(0), undefined);
    before?.record(true, 0, Number.NaN);
    before?.record(true, 50, Number.NaN);
    after?.restore?.(JSON.parse(JSON.stringify(before?.snapshot?.(60))), 5_060);
    assert.equal(after?.record(true, 5_099, Number.NaN), true);
  }
});

test('what another rule has saved changes nothing [72]', () => {
  const rules = [
    consecutiveFailures({ count: 2 }),
    failureRatio({ window: { calls: 2 } }),
    anyOf(consecutiveFailures({ count: 2 })),
  ];
  for (const saved of [undefined, null, 'x', -1e9, {}, [], [null], ['x']]) {
    for (const rule of rules) {
      const memory = rule();
      memory.restore?.(saved, 0);
      assert.equal(memory.record(true, 0, Number.NaN), false);
      assert.equal(memory.record(true, 0, Number.NaN), true);
    }
  }
});

test('says which option of which rule is out of range [7]', () => {
  for (const [make, expected] of [
    [
      () => consecutiveFailures({ count: 0 }),
      'RangeError: consecutiveFailures: count must be a positive integer or Infinity, got 0',
    ],
    [() => consecutiveFailures({ count: 1.5 }), /^RangeError: consecutiveFailures: count/],
    [
      () => consecutiveFailures({ cuont: 2 } as object),
      /^TypeError: consecutiveFailures: unknown option "cuont"; did you mean "count"/,
    ],
    [() => failureRatio({ ratio: 0 }), /^RangeError: failureRatio: ratio must be a number above 0, up to 1, got 0/],
    [
      () => failureRatio({ ratio: 1.01 }),
      /^RangeError: failureRatio: ratio must be a number above 0, up to 1, got 1.01/,
    ],
    [() => failureRatio({ ratio: Number.NaN }), /^RangeError: failureRatio: ratio/],
    [() => failureRatio({ ratio: '0.5' as unknown as number }), /^TypeError: failureRatio: ratio/],
    [() => failureRatio({ minCalls: 0 }), /^RangeError: failureRatio: minCalls must be a positive integer/],
    [
      () => failureRatio({ window: { calls: 5 }, minCalls: 6 }),
      'RangeError: failureRatio: minCalls must be a positive integer up to 5, got 6',
    ],
    [() => failureRatio({ window: { calls: Infinity } }), /^RangeError: failureRatio: window: calls/],
    [() => failureRatio({ window: { calls: 0.5 } }), /^RangeError: failureRatio: window: calls/],
    [() => failureRatio({ window: { duration: 0 } }), /^RangeError: failureRatio: window: duration/],
    [
      () => failureRatio({ window: {} as { calls: number } }),
      /^TypeError: failureRatio: window must have either duration or calls/,
    ],
    [
      () => failureRatio({ window: { calls: 5, duration: 5 } as unknown as { calls: number } }),
      /^TypeError: failureRatio: window must have either/,
    ],
    [
      () => failureRatio({ window: 5 as unknown as { calls: number } }),
      /^TypeError: failureRatio: window: options must be an object, got 5/,
    ],
    [
      () => failureRatio({ window: { call: 5 } as unknown as { calls: number } }),
      /^TypeError: failureRatio: window: unknown option "call"/,
    ],
    [() => slowCallRatio({} as { slowerThan: number }), /^TypeError: slowCallRatio: slowerThan/],
    [() => slowCallRatio({ slowerThan: -1 }), /^RangeError: slowCallRatio: slowerThan/],
    [() => anyOf(), /^TypeError: anyOf/],
    [() => anyOf(consecutiveFailures(), undefined as unknown as TripRule), /^TypeError: anyOf/],
  ] as const) {
    assert.throws(make, (error) =>
      typeof expected === 'string' ? String(error) === expected : expected.test(String(error)),
    );
  }
});

test('trips as published for other breakers: shares of failures [67]', () => {
  for (const [calls, minCalls, rate, ratio, opens] of published.ratios.rows as [
    number,
    number,
    number,
    number,
    boolean,
  ][]) {
    const failures = Math.round(rate * calls);
    const history = 'F'.repeat(failures) + 'S'.repeat(calls - failures);
    assert.equal(opensAfter(failureRatio({ ratio, minCalls }), history) > 0, opens, `${failures} of ${calls}`);
  }
});

test('trips as published for other breakers: failed and slow calls [74]', () => {
  const { ratio, minCalls, slowerThan, failing, slowing } = published.slow;
  const window = { duration: 5_000 };
  const rule = anyOf(failureRatio({ ratio, window, minCalls }), slowCallRatio({ slowerThan, ratio, window, minCalls }));
  for (const rows of [failing, slowing] as [boolean, number, boolean][][]) {
    const memory = rule();
    for (const [failed, took, opens] of rows) assert.equal(memory.record(failed, 0, took), opens);
  }
});

test('counts as published for other breakers: a rolling window [63, 65]', () => {
  const { duration, rows } = published.window;
  const window = new CallWindow({ duration: duration });
  let now = 1_000;
  for (const [passes, calls, counted, failures] of rows as [number, string, number, number][]) {
    now += passes;
    for (const call of calls) window.record(call === 'F', now);
    assert.deepEqual([window.calls, window.marked], [counted, failures]);
  }
});
