import assert from 'node:assert/strict';
import { test } from 'vitest';
import { exponential, noJitter } from '../../src/algorithms/backoff.ts';
import type { Budget } from '../../src/algorithms/budgets.ts';
import { type RetryEvent, retry } from '../../src/policies/retry.ts';
import { ManualClock } from '../../src/testing/manual-clock.ts';
import published from '../vectors/retry.json' with { type: 'json' };

interface Given {
  readonly maxAttempts?: number;
  readonly quota?: number;
  readonly throttling?: boolean;
}

type Step = [status: number, outcome: string, quota: number, delay: number | null];

/** The quota of the AWS clients, as a budget of one's own: tokens for each retry, the last ones back with a success. */
function quotaBudget(tokens: number, cost: number) {
  const quota = { tokens };
  const budget: Budget = {
    begin() {},
    tryRetry() {
      if (quota.tokens < cost) return false;
      quota.tokens -= cost;
      return true;
    },
    end(retries, verdict) {
      if (verdict === 'success') quota.tokens = Math.min(500, quota.tokens + (retries > 0 ? cost : 1));
    },
  };
  return { budget, quota };
}

const outcomes: Partial<Record<RetryEvent['reason'], string>> = {
  backoff: 'retry_request',
  exhausted: 'max_attempts_exceeded',
  budget: 'retry_quota_exceeded',
};

for (const row of published.smithy.rows as unknown as [string, Given, Step[]][]) {
  const [name, { maxAttempts, quota: tokens = 500, throttling = false }, steps] = row;
  test(`AWS clients, step by step: ${name} [11, 34, 36]`, async () => {
    const clock = new ManualClock();
    const { budget, quota } = quotaBudget(tokens, throttling ? 5 : 14);
    const given: Step[] = [];
    let status = 0;
    const policy = retry({
      clock,
      maxAttempts,
      budget,
      backoff: exponential({ initial: throttling ? 1_000 : 50, max: 20_000, jitter: noJitter }),
      onEvent(event) {
        given.push([
          status,
          outcomes[event.reason] ?? event.reason,
          quota.tokens,
          event.type === 'retry' ? event.delay : null,
        ]);
      },
    });
    const next = async () => {
      status = (steps[given.length] as Step)[0];
      if (status !== 200) throw new Error(`status ${status}`);
    };
    while (given.length < steps.length) {
      const settled = policy.execute(next).then(
        () => given.push([status, 'success', quota.tokens, null]),
        () => {},
      );
      await clock.advance(60_000);
      await settled;
    }
    assert.deepEqual(given, steps);
  });
}

test('the caller gets what gRPC’s caller gets: the value, or the failure of the last retry [11, 19]', async () => {
  for (const row of published.grpc.rows as [number, number, boolean, number | null][]) {
    const [maxAttempts, succeedOnRetry, fatal, failedOn] = row;
    const clock = new ManualClock();
    const policy = retry({ clock, maxAttempts, backoff: exponential({ initial: 100, factor: 1.2, max: 10_000 }) });
    const task = async ({ attempt }: { attempt: number }) => {
      const number = attempt - 1;
      if (number !== succeedOnRetry)
        throw Object.assign(new Error('failed'), { number, ...(fatal && { retryable: false }) });
      return null;
    };
    const settled = policy.execute(task).catch((error: { number: number }) => error.number);
    await clock.advance(60_000);
    assert.equal(await settled, failedOn, JSON.stringify(row));
  }
});
