import assert from 'node:assert/strict';
import { test } from 'vitest';
import { concurrentRetryBudget, retryBudget, retryThrottle } from '../../src/algorithms/budgets.ts';
import published from '../vectors/budgets.json' with { type: 'json' };

type Figures = [number, number, number, number, number];

test('as many retries as Finagle allows, in turns with first tries [34]', () => {
  for (const [window, minPerSecond, ratio, firstTries, retries] of published.finagle.rows as Figures[]) {
    const budget = retryBudget({ window, minPerSecond, ratio });
    let granted = 0;
    for (let i = 0; i < firstTries; i++) {
      budget.begin(0);
      if (budget.tryRetry(0)) granted++;
    }
    assert.ok(Math.abs(granted - retries) <= 1, `ratio ${ratio}: ${granted}, not ${retries}`);
  }
});

test('as many retries as Finagle allows, after first tries [34]', () => {
  for (const [window, minPerSecond, ratio, firstTries, retries] of published.finagleBalance.rows as Figures[]) {
    const budget = retryBudget({ window, minPerSecond, ratio });
    for (let i = 0; i < firstTries; i++) budget.begin(0);
    let granted = 0;
    while (budget.tryRetry(0)) granted++;
    assert.equal(granted, retries);
  }
});

test('a retry is granted where Envoy’s budget grants it [34]', () => {
  for (const row of published.envoy.rows as [number, number, number, number, boolean][]) {
    const [share, min, calls, lent, granted] = row;
    const budget = concurrentRetryBudget({ share, min });
    for (let i = 0; i < calls; i++) budget.begin(0);
    for (let i = 0; i < lent; i++) assert.equal(budget.tryRetry(0), true);
    assert.equal(budget.tryRetry(0), granted, JSON.stringify(row));
  }
});

test('a retry is granted where gRPC’s throttle grants it [35]', () => {
  const { maxTokens, tokenRatio, rows } = published.grpc;
  for (const [before, tokens, granted] of rows as [string, number, boolean][]) {
    const budget = retryThrottle({ maxTokens, tokenRatio });
    for (const end of before) budget.end(0, end === 'F' ? 'failure' : 'success', 0);
    assert.equal(tokens > maxTokens / 2, granted);
    assert.equal(budget.tryRetry(0), granted, `after ${before}`);
  }
});

test('settings that gRPC refuses are refused [7]', () => {
  for (const [maxTokens, tokenRatio, valid] of published.grpcOptions.rows as [number, number, boolean][]) {
    const make = () => retryThrottle({ maxTokens, tokenRatio });
    if (valid) make();
    else assert.throws(make, { name: 'RangeError', message: /^retryThrottle: / });
  }
});
