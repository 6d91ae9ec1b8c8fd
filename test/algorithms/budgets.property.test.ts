import assert from 'node:assert/strict';
import fc from 'fast-check';
import { test } from 'vitest';
import { concurrentRetryBudget, retryBudget, retryThrottle } from '../../src/algorithms/budgets.ts';
import type { Verdict } from '../../src/core/outcome.ts';

const verdict = fc.constantFrom<Verdict>('success', 'failure', 'ignore');

test('in any window that ends with a retry, retries are within the bound, and are denied only near it [34]', () => {
  const step = fc.record({
    wait: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 50 }), fc.integer({ min: 0, max: 3_000 })),
    back: fc.boolean(),
    retry: fc.boolean(),
    times: fc.integer({ min: 1, max: 8 }),
  });
  const options = fc.record({
    ratio: fc.constantFrom(0, 0.1, 0.2, 0.5, 1, 2),
    minPerSecond: fc.constantFrom(0, 1, 2.5, 10),
    window: fc.integer({ min: 1, max: 5_000 }),
  });
  fc.assert(
    fc.property(options, fc.array(step, { maxLength: 80 }), (options, steps) => {
      const { ratio, minPerSecond, window } = options;
      const budget = retryBudget(options);
      const begun: number[] = [];
      const retried: number[] = [];
      let now = 1_000;
      // Time as the sum of steps forward: a clock that steps back stands still.
      let elapsed = 0;
      const allowed = (span: number) =>
        ratio * begun.filter((at) => at > elapsed - span).length + (minPerSecond * window) / 1_000;
      const recent = (span: number) => retried.filter((at) => at >= elapsed - span).length;
      for (const { wait, back, retry, times } of steps) {
        now += back ? -wait : wait;
        if (!back) elapsed += wait;
        for (let i = 0; i < times; i++) {
          if (!retry) {
            budget.begin(now);
            begun.push(elapsed);
          } else if (budget.tryRetry(now)) {
            retried.push(elapsed);
            assert.ok(recent(window) <= allowed(window), `${recent(window)} in the window, ${allowed(window)} allowed`);
          } else {
            // A fiftieth of the window either way is all it may be too strict by.
            assert.ok(recent(1.02 * window) + 1 > allowed(0.98 * window), 'denied for nothing');
          }
        }
      }
    }),
  );
});

test('a concurrent budget lends what the obvious model lends, and never loses count [34, 36]', () => {
  const step = fc.record({ act: fc.constantFrom('begin', 'retry', 'retry', 'end'), which: fc.nat(), verdict });
  const options = fc.record({ share: fc.double({ min: 0, max: 1, noNaN: true }), min: fc.integer({ min: 0, max: 4 }) });
  fc.assert(
    fc.property(options, fc.array(step, { maxLength: 120 }), (options, steps) => {
      const budget = concurrentRetryBudget(options);
      const calls: { retries: number }[] = [];
      const limit = () => Math.max(options.min, Math.floor(options.share * calls.length));
      const lent = () => calls.reduce((sum, { retries }) => sum + retries, 0);
      const end = (i: number, verdict: Verdict): void => {
        const [call] = calls.splice(i, 1);
        budget.end(call?.retries ?? 0, verdict, 0);
      };
      for (const { act, which, verdict } of steps) {
        const call = calls[which % Math.max(1, calls.length)];
        if (act === 'begin' || call === undefined) {
          budget.begin(0);
          calls.push({ retries: 0 });
        } else if (act === 'retry') {
          const expected = lent() < limit();
          assert.equal(budget.tryRetry(0), expected);
          if (expected) call.retries++;
        } else end(which % calls.length, verdict);
      }
      while (calls.length > 0) end(0, 'ignore');
      for (let i = 0; i < options.min; i++) assert.equal(budget.tryRetry(0), true);
      assert.equal(budget.tryRetry(0), false);
    }),
  );
});

test('a throttle counts every failure once, and every success, in thousandths [35, 36]', () => {
  const options = fc.record({
    maxTokens: fc.integer({ min: 1, max: 50 }),
    tokenRatio: fc.constantFrom(0.001, 0.1, 0.25, 1, 3),
  });
  // A call fails a number of times, asks after each but the last, and ends with a verdict.
  const call = fc.record({ failures: fc.integer({ min: 0, max: 6 }), verdict });
  fc.assert(
    fc.property(options, fc.array(call, { maxLength: 100 }), ({ maxTokens, tokenRatio }, calls) => {
      const budget = retryThrottle({ maxTokens, tokenRatio });
      let tokens = maxTokens * 1_000;
      for (const { failures, verdict } of calls) {
        budget.begin(0);
        let retries = 0;
        let denied = false;
        while (!denied && retries < failures) {
          const failed = Math.max(0, tokens - 1_000);
          denied = !budget.tryRetry(0);
          assert.equal(denied, failed <= maxTokens * 500);
          tokens = failed;
          if (!denied) retries++;
        }
        budget.end(retries, denied ? 'failure' : verdict, 0);
        if (!denied && verdict === 'failure') tokens = Math.max(0, tokens - 1_000);
        if (!denied && verdict === 'success') tokens = Math.min(maxTokens * 1_000, tokens + tokenRatio * 1_000);
      }
    }),
  );
});
