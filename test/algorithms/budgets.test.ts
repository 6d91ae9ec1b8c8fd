import assert from 'node:assert/strict';
import { test } from 'vitest';
import { type Budget, concurrentRetryBudget, retryBudget, retryThrottle } from '../../src/algorithms/budgets.ts';

/** How many retries in a row a budget grants, at most `most`. */
function granted(budget: Budget, now: number, most = 10_000): number {
  let count = 0;
  while (count < most && budget.tryRetry(now)) count++;
  return count;
}

function begin(budget: Budget, count: number, now: number): void {
  for (let i = 0; i < count; i++) budget.begin(now);
}

test('a retry budget has its reserve from the start, and a share of first tries besides [34]', () => {
  const budget = retryBudget();
  begin(budget, 500, 0);
  assert.equal(granted(budget, 0), 0.2 * 500 + 10 * 10);
  assert.equal(granted(retryBudget({ minPerSecond: 0 }), 0), 0);
  assert.equal(granted(retryBudget({ ratio: 0, minPerSecond: 0.5, window: 4_000 }), 0), 2);
});

test('what was spent is back after the window and a fiftieth of it, not sooner than the window [34]', () => {
  const budget = retryBudget({ ratio: 0, minPerSecond: 5, window: 1_000 });
  assert.equal(granted(budget, 40), 5);
  for (const now of [41, 500, 1_039, 1_040]) assert.equal(granted(budget, now), 0, `${now}`);
  assert.equal(granted(budget, 1_060), 5);
});

test('first tries count for the window, and not at its very end [34]', () => {
  const given = (later: number) => {
    const budget = retryBudget({ ratio: 1, minPerSecond: 0, window: 1_000 });
    begin(budget, 3, 0);
    return granted(budget, later);
  };
  assert.deepEqual([0, 500, 999, 1_000, 1_001, 1e9].map(given), [3, 3, 3, 0, 0, 0]);
});

test('a denied retry costs nothing [34]', () => {
  const budget = retryBudget({ ratio: 1, minPerSecond: 0 });
  for (let i = 0; i < 100; i++) assert.equal(budget.tryRetry(0), false);
  begin(budget, 2, 0);
  assert.equal(granted(budget, 0), 2);
});

test('a clock that steps back, or far ahead, neither blocks a budget nor fills it [34]', () => {
  const budget = retryBudget({ ratio: 0, minPerSecond: 1, window: 2_000 });
  assert.equal(granted(budget, 1e12), 2);
  // An hour back: the two are still in the window, and are so for no longer than it lasts.
  assert.equal(granted(budget, 1e12 - 3_600_000), 0);
  assert.equal(granted(budget, 1e12 - 3_600_000 + 1_999), 0);
  assert.equal(granted(budget, 1e12 - 3_600_000 + 2_040), 2);
  assert.equal(granted(budget, 1e15), 2);
});

test('a concurrent budget lends a share of the calls under way, and at least its minimum [34]', () => {
  const budget = concurrentRetryBudget();
  assert.equal(granted(budget, 0), 3);
  begin(budget, 19, 0);
  assert.equal(budget.tryRetry(0), false);
  begin(budget, 1, 0);
  assert.equal(granted(budget, 0), 1);
  begin(budget, 80, 0);
  assert.equal(granted(budget, 0), 16);
});

test('what a concurrent budget lent is back when the call that took it is over, whatever its end [36]', () => {
  for (const verdict of ['success', 'failure', 'ignore'] as const) {
    const budget = concurrentRetryBudget({ share: 0, min: 2 });
    begin(budget, 2, 0);
    assert.equal(granted(budget, 0), 2);
    budget.end(0, verdict, 0);
    assert.equal(budget.tryRetry(0), false);
    budget.end(2, verdict, 0);
    assert.equal(granted(budget, 0), 2);
  }
});

test('a throttle allows retries while more than half of its tokens are left [35]', () => {
  const budget = retryThrottle({ maxTokens: 10, tokenRatio: 0.1 });
  // 9, 8, 7, 6 and, with the failure that asks, 5.
  assert.equal(granted(budget, 0), 4);
});

test('a throttle takes one for a failure, gives back its ratio for a success, and leaves what is ignored [35]', () => {
  const budget = retryThrottle({ maxTokens: 4, tokenRatio: 0.5 });
  budget.end(0, 'failure', 0);
  // 3 left, and 2 with the failure that asks.
  assert.equal(budget.tryRetry(0), false);
  budget.end(0, 'ignore', 0);
  assert.equal(budget.tryRetry(0), false);
  budget.end(0, 'success', 0);
  assert.equal(budget.tryRetry(0), true);
});

test('tokens stay between none and all of them [35, 36]', () => {
  const budget = retryThrottle({ maxTokens: 10, tokenRatio: 1 });
  for (let i = 0; i < 100; i++) budget.end(0, 'success', 0);
  assert.equal(granted(budget, 0), 4);
  for (let i = 0; i < 100; i++) budget.end(0, 'failure', 0);
  for (let i = 0; i < 6; i++) budget.end(0, 'success', 0);
  assert.equal(budget.tryRetry(0), false);
  budget.end(0, 'success', 0);
  assert.equal(budget.tryRetry(0), true);
});

test('ten successes at 0.1 are exactly one token [35]', () => {
  const budget = retryThrottle({ maxTokens: 10, tokenRatio: 0.1 });
  for (let i = 0; i < 5; i++) budget.end(0, 'failure', 0);
  for (let i = 0; i < 10; i++) budget.end(0, 'success', 0);
  // 6, and 5 with the failure that asks: not more than half.
  assert.equal(budget.tryRetry(0), false);
  budget.end(0, 'success', 0);
  assert.equal(budget.tryRetry(0), true);
});

test('options out of range are refused by name, range and value [7]', () => {
  const bad: [make: () => unknown, error: string, message: RegExp][] = [
    [
      () => retryBudget({ ratio: -0.1 }),
      'RangeError',
      /^retryBudget: ratio must be a number from 0 to 1000, got -0.1$/,
    ],
    [() => retryBudget({ ratio: NaN }), 'RangeError', /^retryBudget: ratio .*got NaN$/],
    [() => retryBudget({ minPerSecond: -1 }), 'RangeError', /^retryBudget: minPerSecond .*got -1$/],
    [() => retryBudget({ window: 0 }), 'RangeError', /^retryBudget: window .*got 0$/],
    [() => retryBudget({ window: Infinity }), 'RangeError', /^retryBudget: window .*got Infinity$/],
    [() => retryBudget({ window: '1s' as never }), 'TypeError', /^retryBudget: window .*got "1s"$/],
    [() => retryBudget({ ttl: 1 } as never), 'TypeError', /^retryBudget: unknown option "ttl"/],
    [() => concurrentRetryBudget({ share: 20 }), 'RangeError', /^concurrentRetryBudget: share .*from 0 to 1, got 20$/],
    [() => concurrentRetryBudget({ min: -1 }), 'RangeError', /^concurrentRetryBudget: min .*got -1$/],
    [() => concurrentRetryBudget({ min: 1.5 }), 'RangeError', /^concurrentRetryBudget: min .*got 1.5$/],
    [() => concurrentRetryBudget({ max: 1 } as never), 'TypeError', /^concurrentRetryBudget: unknown option "max"/],
    [() => retryThrottle({ maxTokens: NaN }), 'RangeError', /^retryThrottle: maxTokens .*got NaN$/],
    [() => retryThrottle({ tokenRatio: NaN }), 'RangeError', /^retryThrottle: tokenRatio .*got NaN$/],
    [() => retryThrottle({ tokens: 1 } as never), 'TypeError', /^retryThrottle: unknown option "tokens"/],
  ];
  for (const [make, name, message] of bad) assert.throws(make, { name, message });
});

test('an option that is undefined means its default [7]', () => {
  const budget = retryBudget({ ratio: undefined, minPerSecond: undefined, window: undefined });
  assert.equal(granted(budget, 0), 100);
  assert.equal(granted(concurrentRetryBudget({ share: undefined, min: undefined }), 0), 3);
  assert.equal(granted(retryThrottle({ maxTokens: undefined, tokenRatio: undefined }), 0), 49);
});
