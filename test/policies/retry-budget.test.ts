import assert from 'node:assert/strict';
import { test } from 'vitest';
import { constant } from '../../src/algorithms/backoff.ts';
import { type Budget, concurrentRetryBudget, retryBudget, retryThrottle } from '../../src/algorithms/budgets.ts';
import { attemptsOf } from '../../src/core/attempts.ts';
import { RejectedError } from '../../src/core/errors.ts';
import { pipeline } from '../../src/core/pipeline.ts';
import type { CallOptions, Task } from '../../src/core/policy.ts';
import { type RetryEvent, type RetryOptions, retry } from '../../src/policies/retry.ts';
import { ManualClock } from '../../src/testing/manual-clock.ts';

const at50 = constant({ delay: 50 });
const boom = new Error('boom');
const fail = () => Promise.reject(boom);
/** Fails this often, then gives a value. */
const failing = (times: number): Task<string> => {
  return async ({ attempt }) => {
    if (attempt <= times) throw boom;
    return 'value';
  };
};

/** A task that fails, and how often it was called. */
function counted() {
  let calls = 0;
  const task = () => {
    calls++;
    return fail();
  };
  return { task, calls: () => calls };
}

/** A budget that writes down what it is asked, and grants so many. */
function ledger(grants = Infinity) {
  const log: string[] = [];
  let left = grants;
  const budget: Budget = {
    begin: (now) => log.push(`begin at ${now}`),
    tryRetry(now) {
      log.push(`retry at ${now}`);
      return left-- > 0;
    },
    end: (retries, verdict, now) => log.push(`end ${retries} ${verdict} at ${now}`),
  };
  return { budget, log };
}

async function settle(
  clock: ManualClock,
  options: RetryOptions,
  task: Task<unknown>,
  call?: CallOptions,
): Promise<unknown> {
  const settled = retry({ clock, backoff: at50, ...options })
    .execute(task, call)
    .catch((error: unknown) => error);
  await clock.advance(10_000);
  return settled;
}

test('a call begins once, asks before each further try, and ends once, with what it took [34, 36, R1]', async () => {
  for (const [times, log] of [
    [0, ['begin at 0', 'end 0 success at 0']],
    [1, ['begin at 0', 'retry at 0', 'end 1 success at 50']],
    [2, ['begin at 0', 'retry at 0', 'retry at 50', 'end 2 success at 100']],
    [3, ['begin at 0', 'retry at 0', 'retry at 50', 'end 2 failure at 100']],
  ] as const) {
    const spent = ledger();
    await settle(new ManualClock(), { budget: spent.budget }, failing(times));
    assert.deepEqual(spent.log, log);
  }
});

test('a denied retry gives the failure itself, marked in its history, and ends what was begun [34, 36]', async () => {
  const { budget, log } = ledger(1);
  const events: RetryEvent[] = [];
  const error = await settle(
    new ManualClock(),
    { budget, maxAttempts: 9, onEvent: (event) => events.push(event) },
    fail,
  );
  assert.equal(error, boom);
  assert.deepEqual(
    attemptsOf(boom).map(({ reason }) => reason),
    ['backoff', 'budget'],
  );
  assert.deepEqual(log, ['begin at 0', 'retry at 0', 'retry at 50', 'end 1 failure at 50']);
  assert.equal(events.at(-1)?.reason, 'budget');
});

test('a budget is not asked for a try that there will not be anyway [34]', async () => {
  for (const [options, call] of [
    [{ maxAttempts: 1 }, {}],
    [{ backoff: () => -1 }, {}],
    [{ maxElapsed: 49 }, {}],
    [{}, { deadline: 49 }],
  ] as [RetryOptions, CallOptions][]) {
    const { budget, log } = ledger();
    await settle(new ManualClock(), { budget, ...options }, fail, call);
    assert.deepEqual(log, ['begin at 0', 'end 0 failure at 0']);
  }
});

test('an aborted call ends as ignored, and gives back what it took: while it waits, and during a try [36]', async () => {
  for (const during of ['wait', 'try'] as const) {
    const clock = new ManualClock();
    const { budget, log } = ledger();
    const controller = new AbortController();
    const task: Task<unknown> = ({ attempt }) => (attempt === 1 ? fail() : new Promise(() => {}));
    const settled = retry({ clock, backoff: at50, budget })
      .execute(task, { signal: controller.signal })
      .catch((error: unknown) => error);
    await clock.advance(during === 'wait' ? 20 : 60);
    controller.abort('enough');
    assert.equal(await settled, 'enough');
    assert.deepEqual(log, ['begin at 0', 'retry at 0', `end 1 ignore at ${clock.now()}`]);
  }
});

test('what classify ignores is ignored by the budget too, rejections of inner policies among it [35, 62]', async () => {
  const turnedAway = new RejectedError({ name: 'inner', message: 'full' });
  for (const [options, task] of [
    [{}, () => Promise.reject(turnedAway)],
    [{ classify: () => 'ignore' }, fail],
    [{ classify: async () => 'ignore' }, () => 'value'],
  ] as [RetryOptions, Task<unknown>][]) {
    const { budget, log } = ledger();
    await settle(new ManualClock(), { budget, ...options }, task);
    assert.deepEqual(log, ['begin at 0', 'end 0 ignore at 0']);
  }
});

test('a value that classify calls a failure ends as one, though the caller gets it [20, 35]', async () => {
  const { budget, log } = ledger(0);
  assert.equal(
    await settle(new ManualClock(), { budget, classify: async () => 'failure' as const }, () => 'bad'),
    'bad',
  );
  assert.deepEqual(log, ['begin at 0', 'retry at 0', 'end 0 failure at 0']);
});

test('a classify or backoff that throws still ends what was begun [21, 36]', async () => {
  const wrong = () => {
    throw new Error('wrong');
  };
  for (const options of [{ classify: wrong }, { backoff: wrong }]) {
    const { budget, log } = ledger();
    await settle(new ManualClock(), { budget, ...options }, fail);
    assert.deepEqual(log, ['begin at 0', 'end 0 failure at 0']);
  }
});

test('calls that share a retry budget have no more retries than it allows, all together [34]', async () => {
  const clock = new ManualClock();
  const budget = retryBudget({ ratio: 0.5, minPerSecond: 1, window: 2_000 });
  const { task, calls } = counted();
  const policies = [1, 2, 3, 4].map((maxAttempts) => retry({ clock, maxAttempts, backoff: at50, budget }));
  const settled = policies.map((policy) => policy.execute(task).catch(() => {}));
  await clock.advance(1_000);
  await Promise.all(settled);
  // Half of the first four, and one a second.
  assert.equal(calls(), 4 + 4);
});

test('one budget given to two retries, one inside the other, bounds their sum [38]', async () => {
  const clock = new ManualClock();
  const budget = retryBudget({ ratio: 0, minPerSecond: 1, window: 5_000 });
  const { task, calls } = counted();
  const each = { clock, maxAttempts: 10, backoff: at50, budget };
  const settled = pipeline(retry(each), retry(each))
    .execute(task)
    .catch((error: unknown) => error);
  await clock.advance(100_000);
  assert.equal(await settled, boom);
  assert.equal(calls(), 1 + 5);
});

test('a concurrent budget has everything back when all calls are over, aborted ones too [36]', async () => {
  const clock = new ManualClock();
  const budget = concurrentRetryBudget({ share: 0, min: 2 });
  const controller = new AbortController();
  const policy = retry({ clock, backoff: at50, budget });
  const settled = [1, 2, 3, 4].map((n) =>
    policy.execute(fail, n === 1 ? { signal: controller.signal } : {}).catch(() => {}),
  );
  await clock.advance(20);
  controller.abort();
  await clock.advance(1_000);
  await Promise.all(settled);
  assert.deepEqual([budget.tryRetry(0), budget.tryRetry(0), budget.tryRetry(0)], [true, true, false]);
});

test('a throttle stops retries once half of its tokens are gone, and lets them go on after successes [35]', async () => {
  const clock = new ManualClock();
  const budget = retryThrottle({ maxTokens: 10, tokenRatio: 0.5 });
  const policy = retry({ clock, maxAttempts: Infinity, backoff: () => 0, budget });
  const { task, calls } = counted();
  await policy.execute(task).catch(() => {});
  // 9, 8, 7, 6 are more than half; the fifth failure leaves 5.
  assert.equal(calls(), 5);
  await policy.execute(task).catch(() => {});
  assert.equal(calls(), 6);
  for (let i = 0; i < 6; i++) await policy.execute(() => 'value');
  await policy.execute(task).catch(() => {});
  // 4 and 6 × 0.5 are 7: the failure leaves 6, the next one 5.
  assert.equal(calls(), 8);
});

test('a verdict that comes after the call was aborted takes nothing from the budget, and tells nobody [22, 36]', async () => {
  const clock = new ManualClock();
  const { budget, log } = ledger();
  const events: RetryEvent[] = [];
  const controller = new AbortController();
  let judge: (verdict: 'failure') => void = () => {};
  const classify = () => new Promise<'failure'>((resolve) => (judge = resolve));
  const options = { clock, budget, classify, onEvent: (event: RetryEvent) => events.push(event) };
  const call = assert.rejects(retry(options).execute(fail, { signal: controller.signal }), (error) => error === 'gone');
  await clock.advance(0);
  controller.abort('gone');
  await call;
  judge('failure');
  await clock.advance(10_000);
  assert.deepEqual(log, ['begin at 0', 'end 0 ignore at 0']);
  assert.deepEqual(events, []);
});
