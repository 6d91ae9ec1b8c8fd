import assert from 'node:assert/strict';
import { test } from 'vitest';
import { constant } from '../../src/algorithms/backoff.ts';
import { tokenBucket } from '../../src/algorithms/token-bucket.ts';
import { consecutiveFailures } from '../../src/algorithms/trip-rules.ts';
import { lint } from '../../src/compositions/lint.ts';
import { type StandardEvent, standardHedging, standardPipeline } from '../../src/compositions/standard.ts';
import { CircuitOpenError, RateLimitedError, TimeoutError } from '../../src/core/errors.ts';
import { rowOf } from '../../src/core/pipeline.ts';
import type { Policy } from '../../src/core/policy.ts';
import { bulkhead } from '../../src/policies/bulkhead.ts';
import { retry } from '../../src/policies/retry.ts';
import { timeout } from '../../src/policies/timeout.ts';
import { ManualClock } from '../../src/testing/manual-clock.ts';

function kinds(policy: Policy<unknown>): unknown[] {
  return rowOf(policy).map((part) => ('layer' in part ? part.layer : (part.around as { kind?: string })).kind);
}

const meter = () => tokenBucket({ limit: 1, interval: 1_000 });
const hang = () => new Promise<never>(() => {});

test('stands in the order in which each part sees what it should', () => {
  assert.deepEqual(kinds(standardPipeline()), ['timeout', 'retry', 'circuitBreaker', 'bulkhead', 'timeout']);
  assert.deepEqual(kinds(standardPipeline({ fallback: { value: 0 }, rateLimit: { meter: meter() } })), [
    'fallback',
    'timeout',
    'retry',
    'circuitBreaker',
    'rateLimit',
    'bulkhead',
    'timeout',
  ]);
  assert.deepEqual(kinds(standardHedging({ fallback: { value: 0 } })), [
    'fallback',
    'timeout',
    'hedge',
    'circuitBreaker',
    'bulkhead',
    'timeout',
  ]);
});

test('lint finds nothing against either, whatever is left out', () => {
  const parts = ['timeout', 'retry', 'circuitBreaker', 'bulkhead', 'tryTimeout'] as const;
  const all = { fallback: { value: 0 }, rateLimit: { meter: meter() } };
  assert.deepEqual(lint(standardPipeline(all)), []);
  assert.deepEqual(lint(standardHedging(all)), []);
  for (const left of parts) {
    // Without the timeout of a try the breaker hears of no timeout, and that is said.
    const expected = left === 'tryTimeout' ? ['timeout-outside-breaker'] : [];
    assert.deepEqual(
      lint(standardPipeline({ ...all, [left]: false })).map(({ rule }) => rule),
      expected,
    );
  }
});

test('retries, and opens its circuit', async () => {
  const clock = new ManualClock();
  const events: string[] = [];
  const guarded = standardPipeline({
    retry: { backoff: constant({ delay: 100 }) },
    circuitBreaker: { trip: consecutiveFailures({ count: 3 }) },
    clock,
    name: 'users',
    onEvent: ({ name, type }: StandardEvent) => events.push(`${name} ${type}`),
  });
  let calls = 0;
  const failing = guarded.execute(() => {
    calls++;
    throw new Error('down');
  });
  const caught = assert.rejects(failing, /down/);
  await clock.advance(200);
  await caught;
  assert.equal(calls, 3);
  assert.deepEqual(events, [
    'users.retry retry',
    'users.retry retry',
    'users.circuitBreaker open',
    'users.retry exhausted',
  ]);
  await assert.rejects(
    guarded.execute(() => 1),
    (error) => error instanceof CircuitOpenError && error.name === 'users.circuitBreaker',
  );
});

test('ends a try after 10 s, and the call after 30 s', async () => {
  const clock = new ManualClock();
  const ended = assert.rejects(
    standardPipeline({ retry: { maxAttempts: 10, backoff: constant({ delay: 0 }) }, clock }).execute(hang),
    (error) => error instanceof TimeoutError && error.name === 'standardPipeline.timeout' && error.duration === 30_000,
  );
  await clock.advance(30_000);
  await ended;
});

test('gives a try a third of a shorter time, so that one that hangs is tried again', async () => {
  const clock = new ManualClock();
  let calls = 0;
  const guarded = standardPipeline({ timeout: 600, retry: { backoff: constant({ delay: 0 }) }, clock });
  const answered = guarded.execute(() => (++calls === 1 ? hang() : calls));
  await clock.advance(199);
  assert.equal(calls, 1);
  await clock.advance(1);
  assert.equal(await answered, 2);
});

test('a budget bounds its retries unless told otherwise [34]', async () => {
  const clock = new ManualClock();
  let calls = 0;
  const guarded = standardPipeline({ retry: { backoff: constant({ delay: 0 }) }, circuitBreaker: false, clock });
  for (let i = 0; i < 1_000; i++) {
    await guarded
      .execute(() => {
        calls++;
        throw new Error('down');
      })
      .catch(() => {});
  }
  // A fifth of the calls, and ten a second for ten seconds.
  assert.ok(calls <= 1_000 + 200 + 100, `${calls} calls`);
  assert.ok(calls > 1_200, `${calls} calls`);
});

test('takes a policy in the place of a part, and hears of the others', async () => {
  const own = timeout({ duration: 5 });
  const slots = bulkhead({ maxConcurrent: 1 });
  const again = retry({ maxAttempts: 1 });
  const guarded = standardPipeline({
    timeout: own,
    retry: again,
    bulkhead: slots,
    tryTimeout: false,
    circuitBreaker: false,
  });
  const hearts = rowOf(guarded).map((part) => 'layer' in part && part.layer);
  assert.deepEqual(
    hearts,
    [own, again, slots].flatMap((policy) => rowOf(policy).map((part) => 'layer' in part && part.layer)),
  );
});

test('gives what the fallback gives, and the types know it', async () => {
  const guarded = standardPipeline({ fallback: { value: 'none' }, retry: false });
  const value: number | string = await guarded.execute((): number => {
    throw new Error('down');
  });
  assert.equal(value, 'none');
});

test('limits the rate if asked', async () => {
  const guarded = standardPipeline({ rateLimit: { meter: meter() }, retry: false, clock: new ManualClock() });
  assert.equal(await guarded.execute(() => 1), 1);
  await assert.rejects(
    guarded.execute(() => 1),
    RateLimitedError,
  );
});

test('hedges a call that has failed, at once', async () => {
  const clock = new ManualClock();
  let calls = 0;
  const value = await standardHedging({ clock }).execute(() => {
    if (++calls === 1) throw new Error('down');
    return calls;
  });
  assert.equal(value, 2);
});

test('hedges a call that is slow, after two seconds', async () => {
  const clock = new ManualClock();
  let calls = 0;
  const answered = standardHedging({ clock }).execute(() => (++calls === 1 ? hang() : calls));
  await clock.advance(1_999);
  assert.equal(calls, 1);
  await clock.advance(1);
  assert.equal(await answered, 2);
});

test('says which option of which part is wrong [7]', () => {
  const wrong = (options: object, error: RegExp | RangeErrorConstructor) =>
    assert.throws(() => standardPipeline(options as never), error);
  wrong({ retry: 3 }, /standardPipeline: retry must be options, a policy or false, got 3/);
  wrong({ timeout: '5s' }, /standardPipeline: timeout must be milliseconds, a policy or false, got "5s"/);
  wrong({ timeout: -1 }, /standardPipeline: timeout must be a number of milliseconds, 0 or more, got -1/);
  wrong({ tryTimeout: Number.NaN }, RangeError);
  wrong({ retry: { maxAttempts: 0 } }, /retry: maxAttempts must be a positive integer/);
  wrong({ hedge: {} }, /standardPipeline: unknown option "hedge"/);
  wrong({ rateLimit: {} }, /rateLimit: meter must be/);
  wrong({ breaker: {} }, /unknown option "breaker"/);
});
