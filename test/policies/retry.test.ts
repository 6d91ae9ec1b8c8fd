import assert from 'node:assert/strict';
import { test } from 'vitest';
import { type Backoff, constant, decorrelated, exponential, noJitter } from '../../src/algorithms/backoff.ts';
import { attemptsOf } from '../../src/core/attempts.ts';
import { RejectedError } from '../../src/core/errors.ts';
import { onListenerError } from '../../src/core/events.ts';
import type { Outcome } from '../../src/core/outcome.ts';
import { pipeline } from '../../src/core/pipeline.ts';
import type { CallOptions, Context, Task } from '../../src/core/policy.ts';
import { type RetryEvent, type RetryOptions, retry } from '../../src/policies/retry.ts';
import { ManualClock } from '../../src/testing/manual-clock.ts';
import { seededRandom } from '../../src/testing/seeded-random.ts';

const failure = (message: string, more: object = {}): Error => Object.assign(new Error(message), more);

/** A task that throws, or returns, each of these in turn, the last one for ever; `calls` has when and which try. */
function script(clock: ManualClock, ...steps: unknown[]) {
  const calls: [at: number, attempt: number][] = [];
  const task: Task<unknown> = async ({ attempt }) => {
    const step = steps[Math.min(calls.length, steps.length - 1)];
    calls.push([clock.now(), attempt]);
    if (step instanceof Error) throw step;
    return step;
  };
  return { task, calls };
}

/** A call under way, and what became of it. */
function start(options: RetryOptions & { clock: ManualClock }, task: Task<unknown>, call?: CallOptions) {
  const state: { value?: unknown; error?: unknown; settled: boolean } = { settled: false };
  retry(options)
    .execute(task, call)
    .then(
      (value) => Object.assign(state, { value, settled: true }),
      (error) => Object.assign(state, { error, settled: true }),
    );
  return state;
}

const at50 = constant({ delay: 50 });
const boom = failure('boom');

test('calls the task at once, and no more if it succeeds [1, 11]', async () => {
  const clock = new ManualClock();
  let calls = 0;
  const promise = retry({ clock }).execute(() => ++calls);
  assert.equal(calls, 1);
  assert.equal(await promise, 1);
  assert.equal(clock.pending, 0);
});

test('tries three times by default, and gives the last error by identity [11, 19]', async () => {
  const clock = new ManualClock();
  const last = failure('last');
  const { task, calls } = script(clock, failure('first'), failure('second'), last);
  const state = start({ clock, random: () => 0.5 }, task);
  await clock.advance(1_000);
  // Half of 100, then half of 200.
  assert.deepEqual(calls, [
    [0, 1],
    [50, 2],
    [150, 3],
  ]);
  assert.equal(state.error, last);
  assert.equal(clock.pending, 0);
});

test('counts the first try too, whatever the limit [11]', async () => {
  for (const maxAttempts of [1, 2, 5]) {
    const clock = new ManualClock();
    const { task, calls } = script(clock, boom);
    const state = start({ clock, maxAttempts, backoff: at50 }, task);
    await clock.advance(1_000);
    assert.equal(calls.length, maxAttempts);
    assert.equal(state.error, boom);
  }
});

test('with a single try there is nothing to wait for, and no timer [11]', async () => {
  const clock = new ManualClock();
  const state = start({ clock, maxAttempts: 1 }, script(clock, boom).task);
  await clock.advance(0);
  assert.equal(state.error, boom);
  assert.equal(clock.pending, 0);
});

test('gives the same number to task, classify, backoff and events [12]', async () => {
  const clock = new ManualClock();
  const seen: [who: string, attempt: number][] = [];
  const state = start(
    {
      clock,
      classify: (outcome, context) => {
        seen.push(['classify', context.attempt]);
        return outcome.ok ? 'success' : 'failure';
      },
      backoff: (attempt) => {
        seen.push(['backoff', attempt]);
        return 10;
      },
      onEvent: (event) => seen.push([event.type, event.attempt]),
    },
    async ({ attempt }) => {
      seen.push(['task', attempt]);
      throw boom;
    },
  );
  await clock.advance(100);
  assert.equal(state.settled, true);
  assert.deepEqual(seen, [
    ...[1, 2].flatMap((n) => ['task', 'classify', 'backoff', 'retry'].map((who) => [who, n] as [string, number])),
    ['task', 3],
    ['classify', 3],
    ['exhausted', 3],
  ]);
});

test('with a signal aborted before, nothing runs, and the reason comes back [13, 17, K2]', async () => {
  const clock = new ManualClock();
  const { task, calls } = script(clock, 'value');
  const reason = failure('changed my mind');
  const state = start({ clock }, task, { signal: AbortSignal.abort(reason) });
  await clock.advance(0);
  assert.equal(state.error, reason);
  assert.equal(calls.length, 0);
});

test('an abort while it waits ends the call within a turn, clears the timer, and calls nothing more [14, 17, K1]', async () => {
  const clock = new ManualClock();
  const controller = new AbortController();
  const { task, calls } = script(clock, failure('x', { retryAfter: 100 }));
  const state = start({ clock, maxAttempts: Infinity, classify: () => 'failure' }, task, { signal: controller.signal });
  await clock.advance(50);
  controller.abort('enough');
  await clock.advance(0);
  assert.equal(state.error, 'enough');
  assert.equal(clock.pending, 0);
  await clock.advance(10_000);
  assert.equal(calls.length, 1);
});

test('an abort during a try ends the call at once and is never tried again; what comes late is let go of [15, 17]', async () => {
  const clock = new ManualClock();
  const controller = new AbortController();
  const reason = failure('enough');
  let context: Context | undefined;
  let finish: (value: unknown) => void = () => {};
  const state = start(
    { clock, classify: () => 'failure' },
    (given) => {
      context = given;
      return new Promise((resolve) => (finish = resolve));
    },
    { signal: controller.signal },
  );
  await clock.advance(0);
  const signal = context?.signal;
  controller.abort(reason);
  await clock.advance(0);
  assert.equal(state.error, reason);
  assert.equal(signal?.reason, reason);
  let disposed = 0;
  finish({ [Symbol.dispose]: () => disposed++ });
  await clock.advance(10_000);
  assert.equal(disposed, 1);
  assert.equal(clock.pending, 0);
});

test('the late rejection of an aborted try is silent [15]', async () => {
  const clock = new ManualClock();
  const controller = new AbortController();
  let fail: (error: unknown) => void = () => {};
  const state = start({ clock }, () => new Promise((_, reject) => (fail = reject)), { signal: controller.signal });
  await clock.advance(0);
  controller.abort();
  await clock.advance(0);
  fail(boom);
  await clock.advance(0);
  assert.equal((state.error as Error).name, 'AbortError');
});

test('an AbortError of the task itself is not tried again, unless classify says so [16]', async () => {
  const clock = new ManualClock();
  const gone = failure('gone', { name: 'AbortError' });
  const { task, calls } = script(clock, gone);
  const state = start({ clock, backoff: at50 }, task);
  await clock.advance(1_000);
  assert.equal(state.error, gone);
  assert.equal(calls.length, 1);

  const again = script(clock, gone, 'value');
  const other = start({ clock, backoff: at50, classify: ({ ok }) => (ok ? 'success' : 'failure') }, again.task);
  await clock.advance(1_000);
  assert.equal(other.value, 'value');
});

test('a value that had arrived before the abort is the answer; one that arrives after is not [18]', async () => {
  for (const order of ['value first', 'abort first'] as const) {
    const clock = new ManualClock();
    const controller = new AbortController();
    let finish: (value: unknown) => void = () => {};
    const state = start({ clock }, () => new Promise((resolve) => (finish = resolve)), { signal: controller.signal });
    await clock.advance(0);
    if (order === 'value first') finish('done');
    controller.abort('enough');
    if (order === 'abort first') finish('done');
    await clock.advance(0);
    assert.equal(order === 'value first' ? state.value : state.error, order === 'value first' ? 'done' : 'enough');
  }
});

test('the history of an exhausted retry has every try, its delay and why [19]', async () => {
  const clock = new ManualClock();
  const errors = [failure('1'), failure('2', { retryAfter: 300 }), Object.freeze(failure('3'))];
  const state = start({ clock, backoff: at50 }, script(clock, ...errors).task);
  await clock.advance(1_000);
  assert.equal(state.error, errors[2]);
  assert.deepEqual(attemptsOf(state.error), [
    {
      attempt: 1,
      outcome: { ok: false, error: errors[0], abandoned: false },
      delay: 50,
      reason: 'backoff',
      at: undefined,
    },
    {
      attempt: 2,
      outcome: { ok: false, error: errors[1], abandoned: false },
      delay: 300,
      reason: 'retry-after',
      at: undefined,
    },
    {
      attempt: 3,
      outcome: { ok: false, error: errors[2], abandoned: false },
      delay: undefined,
      reason: 'exhausted',
      at: undefined,
    },
  ]);
});

test('an error object shared by calls tells of the latest one, and is not touched [19]', async () => {
  const clock = new ManualClock();
  const keys = Reflect.ownKeys(boom);
  start({ clock, backoff: at50, maxAttempts: 4 }, script(clock, boom).task);
  await clock.advance(1_000);
  assert.equal(attemptsOf(boom).length, 4);
  start({ clock, backoff: at50, maxAttempts: 2 }, script(clock, boom).task);
  await clock.advance(1_000);
  assert.equal(attemptsOf(boom).length, 2);
  assert.deepEqual(Reflect.ownKeys(boom), keys);
});

test('throws that are no errors come through by identity, tried as often [5]', async () => {
  for (const thrown of [undefined, null, 0, '', false, 'text']) {
    const clock = new ManualClock();
    let calls = 0;
    const state = start({ clock, backoff: at50 }, () => {
      calls++;
      throw thrown;
    });
    await clock.advance(1_000);
    assert.ok(state.settled && 'error' in state);
    assert.equal(state.error, thrown);
    assert.equal(calls, 3);
  }
});

test('empty values are values [4]', async () => {
  for (const value of [undefined, null, 0, '', false]) {
    const clock = new ManualClock();
    const { task, calls } = script(clock, value);
    const state = start({ clock }, task);
    await clock.advance(0);
    assert.equal(state.value, value);
    assert.equal(calls.length, 1);
  }
});

test('classify is asked about values, and the last one is given when tries are used up [20]', async () => {
  const clock = new ManualClock();
  const { task, calls } = script(clock, 1, 2, 3);
  const classify = (outcome: Outcome) => (outcome.ok && (outcome.value as number) < 5 ? 'failure' : 'success');
  const state = start({ clock, backoff: at50, classify }, task);
  await clock.advance(1_000);
  assert.equal(calls.length, 3);
  assert.equal(state.value, 3);
});

test('an ignored outcome goes through as it is, tried once [105]', async () => {
  const clock = new ManualClock();
  for (const step of ['value', boom]) {
    const { task, calls } = script(clock, step);
    const state = start({ clock, classify: () => 'ignore' }, task);
    await clock.advance(1_000);
    assert.equal(calls.length, 1);
    assert.equal(state.value ?? state.error, step);
  }
});

test('a classify that throws ends the call with its error, and the failure stays reachable [21]', async () => {
  const clock = new ManualClock();
  const wrong = failure('wrong');
  const classify = () => {
    throw wrong;
  };
  const { task, calls } = script(clock, boom);
  const state = start({ clock, classify }, task);
  await clock.advance(1_000);
  assert.equal(state.error, wrong);
  assert.equal(calls.length, 1);
  assert.equal(
    attemptsOf(wrong).some(({ outcome }) => !outcome.ok && outcome.error === boom),
    true,
  );
});

test('a backoff that throws ends the call with its error, and the failure stays reachable [21]', async () => {
  const clock = new ManualClock();
  const wrong = failure('wrong');
  const backoff: Backoff = () => {
    throw wrong;
  };
  const state = start({ clock, backoff }, script(clock, boom).task);
  await clock.advance(1_000);
  assert.equal(state.error, wrong);
  assert.equal(
    attemptsOf(wrong).some(({ outcome }) => !outcome.ok && outcome.error === boom),
    true,
  );
});

test('classify may answer by a promise; a rejection of it ends the call [21, 22]', async () => {
  const clock = new ManualClock();
  const { task, calls } = script(clock, boom, 'value');
  const state = start({ clock, backoff: at50, classify: async ({ ok }) => (ok ? 'success' : 'failure') }, task);
  await clock.advance(1_000);
  assert.equal(state.value, 'value');
  assert.equal(calls.length, 2);

  const wrong = failure('wrong');
  const other = start({ clock, classify: () => Promise.reject(wrong) }, script(clock, boom).task);
  await clock.advance(1_000);
  assert.equal(other.error, wrong);
});

test('an abort while classify is being waited for ends the call, and its verdict no longer matters [22]', async () => {
  const clock = new ManualClock();
  const controller = new AbortController();
  let judge: (verdict: 'failure') => void = () => {};
  const { task, calls } = script(clock, boom);
  const classify = () => new Promise<'failure'>((resolve) => (judge = resolve));
  const state = start({ clock, classify }, task, { signal: controller.signal });
  await clock.advance(0);
  controller.abort('enough');
  await clock.advance(0);
  assert.equal(state.error, 'enough');
  judge('failure');
  await clock.advance(10_000);
  assert.equal(calls.length, 1);
});

test('time spent in classify counts against the deadline [22]', async () => {
  const clock = new ManualClock();
  const classify = () => new Promise<'failure'>((resolve) => void clock.schedule(80, () => resolve('failure')));
  const { task, calls } = script(clock, boom);
  const state = start({ clock, classify, backoff: at50 }, task, { deadline: 100 });
  await clock.advance(80);
  assert.equal(state.error, boom);
  assert.equal(calls.length, 1);
});

test('a negative delay, and one without end, mean stop [23]', async () => {
  for (const delay of [-1, -Infinity, Infinity]) {
    const clock = new ManualClock();
    const { task, calls } = script(clock, boom);
    const state = start({ clock, backoff: () => delay }, task);
    await clock.advance(0);
    assert.equal(state.error, boom);
    assert.equal(calls.length, 1);
    assert.equal(clock.pending, 0);
    assert.equal(attemptsOf(boom).at(-1)?.reason, 'stopped');
  }
});

test('a delay of NaN is a RangeError when it is used, and the failure stays reachable [23]', async () => {
  const clock = new ManualClock();
  const state = start({ clock, backoff: () => NaN }, script(clock, boom).task);
  await clock.advance(0);
  assert.ok(state.error instanceof RangeError);
  assert.match(state.error.message, /^retry: the delay given by backoff must be .*got NaN$/);
  assert.equal(
    attemptsOf(state.error).some(({ outcome }) => !outcome.ok && outcome.error === boom),
    true,
  );
});

test('where a backoff gives undefined, the default delay is taken [23]', async () => {
  const clock = new ManualClock();
  const { task, calls } = script(clock, boom);
  start({ clock, random: () => 0.5, backoff: (() => undefined) as unknown as Backoff }, task);
  await clock.advance(1_000);
  assert.deepEqual(
    calls.map(([at]) => at),
    [0, 50, 150],
  );
});

test('a delay of zero waits for no timer [23]', async () => {
  const clock = new ManualClock();
  let calls = 0;
  const value = await retry({ clock, maxAttempts: 500, backoff: () => 0 }).execute(() => {
    if (++calls < 500) throw boom;
    return 'value';
  });
  assert.equal(value, 'value');
  assert.equal(clock.pending, 0);
});

test('calls at once do not share the state of their jitter [28]', async () => {
  const clock = new ManualClock();
  const previous: Record<string, (number | undefined)[]> = { a: [], b: [] };
  const grown = decorrelated({ initial: 10, max: 10_000 });
  const random = seededRandom(3);
  let name = '';
  const policy = retry({
    clock,
    maxAttempts: 4,
    classify: ({ ok }, context) => {
      name = context.cost === 2 ? 'b' : 'a';
      return ok ? 'success' : 'failure';
    },
    backoff: (attempt, before) => {
      previous[name]?.push(before);
      const delay = grown(attempt, before, random);
      given[name]?.push(delay);
      return delay;
    },
  });
  const given: Record<string, number[]> = { a: [], b: [] };
  const fail = () => Promise.reject(boom);
  const both = Promise.allSettled([policy.execute(fail), policy.execute(fail, { cost: 2 })]);
  await clock.advance(100_000);
  await both;
  for (const call of ['a', 'b']) assert.deepEqual(previous[call], [undefined, ...(given[call] ?? []).slice(0, -1)]);
  assert.notDeepEqual(given.a, given.b);
});

test('the same seed gives the same sequence of tries [27]', async () => {
  const run = async () => {
    const clock = new ManualClock();
    const { task, calls } = script(clock, boom);
    start({ clock, maxAttempts: 8, random: seededRandom(8) }, task);
    await clock.advance(1e6);
    return calls;
  };
  const first = await run();
  assert.equal(first.length, 8);
  assert.deepEqual(await run(), first);
});

test('a delay longer than a timer of the run time takes is waited out in full [29]', async () => {
  const clock = new ManualClock();
  const month = 2 ** 31 + 1_000;
  const { task, calls } = script(clock, boom, 'value');
  const state = start({ clock, backoff: constant({ delay: month }) }, task);
  await clock.advance(month - 1);
  assert.equal(calls.length, 1);
  await clock.advance(1);
  assert.equal(state.value, 'value');
});

test('no wait starts that would end after maxElapsed, and what ends just then does [30]', async () => {
  const clock = new ManualClock({ start: 7_000 });
  const { task, calls } = script(clock, boom);
  const state = start({ clock, maxAttempts: Infinity, backoff: at50, maxElapsed: 100 }, task);
  await clock.advance(100);
  assert.deepEqual(
    calls.map(([at]) => at - 7_000),
    [0, 50, 100],
  );
  assert.equal(state.error, boom);
  assert.deepEqual(
    attemptsOf(boom).map(({ reason, at }) => [reason, at]),
    [
      ['backoff', 7_000],
      ['backoff', 7_050],
      ['max-elapsed', 7_100],
    ],
  );
});

test('maxElapsed counts from the start of the first try, the time of the tries included [30]', async () => {
  const clock = new ManualClock();
  let calls = 0;
  const slow = () =>
    new Promise<never>((_, reject) => {
      calls++;
      clock.schedule(70, () => reject(boom));
    });
  const state = start({ clock, maxAttempts: Infinity, backoff: () => 0, maxElapsed: 100 }, slow);
  await clock.advance(1_000);
  assert.equal(calls, 2);
  assert.equal(state.error, boom);
});

test('no wait starts that would end after the deadline of the caller [30, 32]', async () => {
  const clock = new ManualClock({ start: 500 });
  const { task, calls } = script(clock, boom);
  const state = start({ clock, maxAttempts: Infinity, backoff: at50 }, task, { deadline: 549 });
  await clock.advance(0);
  assert.equal(state.error, boom);
  assert.equal(calls.length, 1);
  assert.deepEqual(
    attemptsOf(boom).map(({ reason, at }) => [reason, at]),
    [['deadline', 500]],
  );
});

test('a hint on the error is the least to wait [33]', async () => {
  const clock = new ManualClock();
  const { task, calls } = script(
    clock,
    failure('busy', { retryAfter: 1_000 }),
    failure('busy', { retryAfter: 1_000 }),
    'value',
  );
  start({ clock, backoff: (attempt) => (attempt === 1 ? 10 : 1_500) }, task);
  await clock.advance(999);
  assert.equal(calls.length, 1);
  await clock.advance(5_000);
  assert.deepEqual(
    calls.map(([at]) => at),
    [0, 1_000, 2_500],
  );
});

test('a hint on a value is the least to wait, too [33]', async () => {
  const clock = new ManualClock();
  const { task, calls } = script(clock, { status: 503, retryAfter: 700 }, { status: 200 });
  const classify = (outcome: Outcome) =>
    outcome.ok && (outcome.value as { status: number }).status === 503 ? 'failure' : 'success';
  const state = start({ clock, backoff: at50, classify }, task);
  await clock.advance(700);
  assert.deepEqual(state.value, { status: 200 });
  assert.equal(calls[1]?.[0], 700);
});

test('what is no number of milliseconds is no hint [31]', async () => {
  for (const retryAfter of [-1, NaN, '5', null, {}]) {
    const clock = new ManualClock();
    const { task, calls } = script(clock, failure('busy', { retryAfter }));
    start({ clock, backoff: at50 }, task);
    await clock.advance(50);
    assert.equal(calls.length, 2);
  }
});

test('a hint longer than the allowance fails the call at once, with the hint on the error [32]', async () => {
  const clock = new ManualClock();
  for (const [retryAfter, options, call, reason] of [
    [60_001, {}, {}, 'retry-after-too-long'],
    [501, { maxRetryAfter: 500 }, {}, 'retry-after-too-long'],
    [Infinity, { maxRetryAfter: Infinity }, {}, 'stopped'],
    [501, {}, { deadline: 500 }, 'deadline'],
    [501, { maxElapsed: 500 }, {}, 'max-elapsed'],
  ] as const) {
    const busy = failure('busy', { retryAfter });
    const state = start({ clock, ...options }, async () => Promise.reject(busy), call);
    await clock.advance(0);
    assert.equal(state.error, busy);
    assert.equal((state.error as { retryAfter?: unknown }).retryAfter, retryAfter);
    assert.equal(attemptsOf(busy).at(-1)?.reason, reason);
    assert.equal(clock.pending, 0);
  }
});

test('an error that says it is not retryable is not tried again, whatever classify says [16, 32]', async () => {
  const clock = new ManualClock();
  const final = failure('final', { retryable: false });
  const { task, calls } = script(clock, boom, final);
  const state = start({ clock, backoff: at50, maxAttempts: 9, classify: () => 'failure' }, task);
  await clock.advance(1_000);
  assert.equal(calls.length, 2);
  assert.equal(state.error, final);
  assert.deepEqual(
    attemptsOf(final).map(({ reason }) => reason),
    ['backoff', 'not-retryable'],
  );
});

test('a rejection of an inner policy is not tried again, and shows the failures before it [105, K21]', async () => {
  const clock = new ManualClock();
  const turnedAway = new RejectedError({ name: 'inner', message: 'open', retryAfter: 5_000 });
  const { task, calls } = script(clock, boom, turnedAway);
  const events: RetryEvent[] = [];
  const state = start({ clock, backoff: at50, maxAttempts: 9, onEvent: (event) => events.push(event) }, task);
  await clock.advance(100_000);
  assert.equal(calls.length, 2);
  assert.equal(state.error, turnedAway);
  assert.deepEqual(
    attemptsOf(turnedAway).map(({ reason, outcome }) => [reason, !outcome.ok && outcome.error]),
    [
      ['backoff', boom],
      ['ignored', turnedAway],
    ],
  );
  assert.deepEqual(
    events.map(({ type, reason }) => [type, reason]),
    [
      ['retry', 'backoff'],
      ['exhausted', 'ignored'],
    ],
  );
});

test('a rejection waits for as long as it says, where classify asks for that [105]', async () => {
  const clock = new ManualClock();
  const { task, calls } = script(
    clock,
    new RejectedError({ name: 'inner', message: 'open', retryAfter: 5_000 }),
    'value',
  );
  const state = start({ clock, classify: ({ ok }) => (ok ? 'success' : 'failure') }, task, { deadline: 5_000 });
  await clock.advance(5_000);
  assert.equal(state.value, 'value');
  assert.equal(calls[1]?.[0], 5_000);
});

test('values that are tried again are let go of, and the one that is given is not [K22]', async () => {
  const clock = new ManualClock();
  const cancelled: number[] = [];
  let n = 0;
  const task = async () => {
    const id = ++n;
    return new Response(new ReadableStream({ cancel: () => void cancelled.push(id) }), { status: 503 });
  };
  const state = start({ clock, backoff: at50, classify: () => 'failure' }, task);
  await clock.advance(1_000);
  assert.deepEqual(cancelled, [1, 2]);
  assert.equal((state.value as Response).bodyUsed, false);
});

test('a way of letting go can be given [K22]', async () => {
  const clock = new ManualClock();
  const gone: unknown[] = [];
  const { task } = script(clock, 'a', 'b', 'c');
  start({ clock, backoff: at50, classify: () => 'failure', dispose: (value) => gone.push(value) }, task);
  await clock.advance(1_000);
  assert.deepEqual(gone, ['a', 'b']);
});

test('a retry without end keeps only the end of its history [37]', async () => {
  const clock = new ManualClock();
  const last = failure('last', { retryable: false });
  let calls = 0;
  const state = start({ clock, maxAttempts: Infinity, backoff: () => 0 }, () => {
    throw ++calls < 2_000 ? boom : last;
  });
  await clock.advance(0);
  for (let turns = 0; turns < 500 && !state.settled; turns++) await clock.advance(0);
  assert.equal(calls, 2_000);
  assert.equal(state.error, last);
  assert.equal(attemptsOf(last).length, 100);
  assert.equal(attemptsOf(last).at(-1)?.attempt, 2_000);
});

test('of two retries one inside the other, both try, each counting from one [38]', async () => {
  const clock = new ManualClock();
  const { task, calls } = script(clock, boom);
  const outer: number[] = [];
  const policy = pipeline(
    retry({ clock, maxAttempts: 3, backoff: at50, onEvent: ({ attempt }) => outer.push(attempt) }),
    retry({ clock, maxAttempts: 2, backoff: at50 }),
  );
  const settled = policy.execute(task).catch((error: unknown) => error);
  await clock.advance(1_000);
  assert.equal(await settled, boom);
  assert.deepEqual(
    calls.map(([, attempt]) => attempt),
    [1, 2, 1, 2, 1, 2],
  );
  assert.deepEqual(outer, [1, 2, 3]);
});

test('events say what is decided and why, before the wait [102]', async () => {
  const clock = new ManualClock();
  const events: RetryEvent[] = [];
  const { task } = script(clock, boom);
  start({ clock, name: 'users', maxAttempts: 2, backoff: at50, onEvent: (event) => events.push(event) }, task);
  await clock.advance(0);
  const outcome = { ok: false, error: boom, abandoned: false };
  assert.deepEqual(events, [
    { type: 'retry', name: 'users', attempt: 1, outcome, reason: 'backoff', delay: 50, at: undefined },
  ]);
  await clock.advance(50);
  assert.deepEqual(events[1], {
    type: 'exhausted',
    name: 'users',
    attempt: 2,
    outcome,
    reason: 'exhausted',
    delay: undefined,
    at: undefined,
  });
});

test('a listener that throws changes nothing [101, K3]', async () => {
  const clock = new ManualClock();
  const reported: unknown[] = [];
  const before = onListenerError((error) => reported.push(error));
  const bad = failure('listener');
  const { task, calls } = script(clock, boom, 'value');
  const onEvent = () => {
    throw bad;
  };
  const state = start({ clock, backoff: at50, onEvent }, task);
  await clock.advance(50);
  onListenerError(before);
  assert.equal(state.value, 'value');
  assert.equal(calls.length, 2);
  assert.deepEqual(reported, [bad]);
});

test('a success reads no clock, takes no timer and asks nobody [102, 103]', async () => {
  const clock = new ManualClock();
  const asked: string[] = [];
  const watched = {
    now: () => asked.push('now'),
    coarse: () => asked.push('coarse'),
    wall: () => asked.push('wall'),
    schedule: () => {
      asked.push('schedule');
      return { cancel() {} };
    },
  };
  const policy = retry({ clock: watched, backoff: () => asked.push('backoff'), onEvent: () => asked.push('event') });
  assert.equal(await policy.execute(() => 'value'), 'value');
  assert.equal(await policy.execute(async () => 'value'), 'value');
  assert.deepEqual(asked, []);
  assert.equal(clock.pending, 0);
});

test('a factor is obeyed without jitter, too [K5]', async () => {
  const clock = new ManualClock();
  const { task, calls } = script(clock, boom);
  start({ clock, maxAttempts: 5, backoff: exponential({ factor: 3, jitter: noJitter }) }, task);
  await clock.advance(10_000);
  assert.deepEqual(
    calls.map(([at]) => at),
    [0, 100, 400, 1_300, 4_000],
  );
});

test('options out of range, of the wrong kind, or unknown are refused by name and value [7]', () => {
  const bad: [options: object, error: string, message: RegExp][] = [
    [{ maxAttempts: 0 }, 'RangeError', /^retry: maxAttempts must be a positive integer or Infinity, got 0$/],
    [{ maxAttempts: 1.5 }, 'RangeError', /^retry: maxAttempts .*got 1.5$/],
    [{ maxAttempts: NaN }, 'RangeError', /^retry: maxAttempts .*got NaN$/],
    [{ maxAttempts: '3' }, 'TypeError', /^retry: maxAttempts .*got "3"$/],
    [{ maxElapsed: -1 }, 'RangeError', /^retry: maxElapsed .*got -1$/],
    [{ maxElapsed: NaN }, 'RangeError', /^retry: maxElapsed .*got NaN$/],
    [{ maxRetryAfter: -1 }, 'RangeError', /^retry: maxRetryAfter .*got -1$/],
    [{ backoff: 100 }, 'TypeError', /^retry: backoff must be a function, got 100$/],
    [{ classify: true }, 'TypeError', /^retry: classify .*got true$/],
    [{ dispose: {} }, 'TypeError', /^retry: dispose .*got an object$/],
    [{ random: 0.5 }, 'TypeError', /^retry: random .*got 0.5$/],
    [{ onEvent: [] }, 'TypeError', /^retry: onEvent .*got an array$/],
    [
      { budget: 0.2 },
      'TypeError',
      /^retry: budget must be retryBudget\(\), or an object with begin, tryRetry, end, got 0.2$/,
    ],
    [{ clock: Date }, 'TypeError', /^retry: clock must be an object with now, coarse, schedule/],
    [{ name: 1 }, 'TypeError', /^retry: name must be a string, got 1$/],
    [{ retries: 3 }, 'TypeError', /^retry: unknown option "retries"/],
    [{ maxAttempt: 3 }, 'TypeError', /did you mean "maxAttempts"/],
  ];
  for (const [options, name, message] of bad) assert.throws(() => retry(options), { name, message });
  assert.throws(() => retry(null as never), {
    name: 'TypeError',
    message: /^retry: options must be an object, got null$/,
  });
});

test('undefined means default, and zero means zero [7]', async () => {
  const clock = new ManualClock();
  const { task, calls } = script(clock, boom);
  start({ clock, maxAttempts: undefined, backoff: undefined, maxElapsed: undefined, onEvent: undefined }, task);
  await clock.advance(1_000_000);
  assert.equal(calls.length, 3);

  const zero = script(clock, failure('busy', { retryAfter: 1 }));
  start({ clock, maxRetryAfter: 0 }, zero.task);
  await clock.advance(1_000_000);
  assert.equal(zero.calls.length, 1);
});

test('options are not changed, and what is changed in them later has no effect [7, O2]', async () => {
  const clock = new ManualClock();
  const gone: string[] = [];
  const options: RetryOptions = Object.freeze({
    clock,
    maxAttempts: 2,
    backoff: at50,
    classify: () => 'failure' as const,
  });
  const changing: RetryOptions = { ...options, dispose: () => gone.push('before') };
  const policies = [retry(options), retry(changing)];
  Object.assign(changing, { maxAttempts: 9, dispose: () => gone.push('after'), backoff: () => -1 });
  const settled = Promise.all(policies.map((policy) => policy.execute(script(clock, 'value').task)));
  await clock.advance(1_000);
  assert.deepEqual(await settled, ['value', 'value']);
  assert.deepEqual(gone, ['before']);
});
