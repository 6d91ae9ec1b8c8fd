import assert from 'node:assert/strict';
import { test } from 'vitest';
import { constant } from '../../src/algorithms/backoff.ts';
import { consecutiveFailures } from '../../src/algorithms/trip-rules.ts';
import type { Clock } from '../../src/core/clock.ts';
import { TimeoutError } from '../../src/core/errors.ts';
import { onListenerError } from '../../src/core/events.ts';
import type { Outcome } from '../../src/core/outcome.ts';
import { pipeline } from '../../src/core/pipeline.ts';
import type { Context } from '../../src/core/policy.ts';
import { circuitBreaker } from '../../src/policies/circuit-breaker.ts';
import { retry } from '../../src/policies/retry.ts';
import { type TimeoutEvent, type TimeoutOptions, timeout } from '../../src/policies/timeout.ts';
import { ManualClock } from '../../src/testing/manual-clock.ts';

type Settled = { value: unknown; at: number } | { error: unknown; at: number };

/** A task that settles when told to, under a timeout of 1_000 ms unless told otherwise. */
function setUp(options: Partial<TimeoutOptions> = {}) {
  const clock = new ManualClock();
  const events: TimeoutEvent[] = [];
  const late: Outcome[] = [];
  const policy = timeout({
    duration: 1_000,
    clock,
    onEvent: (event) => events.push(event),
    onLate: (outcome) => late.push(outcome),
    ...options,
  });
  let resolve!: (value: unknown) => void;
  let reject!: (error: unknown) => void;
  let context!: Context;
  const task = (given: Context): Promise<unknown> => {
    context = given;
    return new Promise((ok, bad) => {
      resolve = ok;
      reject = bad;
    });
  };
  let settled: Settled | undefined;
  const call = (given?: Parameters<typeof policy.execute>[1]): void => {
    policy.execute(task, given).then(
      (value) => (settled = { value, at: clock.now() }),
      (error) => (settled = { error, at: clock.now() }),
    );
  };
  return {
    clock,
    events,
    late,
    policy,
    task,
    call,
    resolve: (value: unknown) => resolve(value),
    reject: (error: unknown) => reject(error),
    get context() {
      return context;
    },
    settled: () => settled,
  };
}

function timedOut(settled: Settled | undefined): TimeoutError {
  assert.ok(settled && 'error' in settled && settled.error instanceof TimeoutError, `got ${JSON.stringify(settled)}`);
  return settled.error;
}

test('hands on in time what the task gives, and leaves no timer [39, 43]', async () => {
  for (const give of ['resolve', 'reject'] as const) {
    const set = setUp();
    set.call();
    await set.clock.advance(999);
    assert.equal(set.clock.pending, 1);
    set[give]('given');
    await set.clock.advance(0);
    assert.deepEqual(set.settled(), { [give === 'resolve' ? 'value' : 'error']: 'given', at: 999 });
    assert.equal(set.clock.pending, 0);
    await set.clock.advance(10_000);
    assert.deepEqual(set.events, []);
  }
});

test('lets the caller go at the deadline, to the millisecond, whatever the task does [46, K8]', async () => {
  const set = setUp({ name: 'users' });
  set.call();
  const { signal } = set.context;
  await set.clock.advance(999);
  assert.equal(set.settled(), undefined);
  assert.equal(signal.aborted, false);
  await set.clock.advance(1);
  const error = timedOut(set.settled());
  assert.equal(set.settled()?.at, 1_000);
  assert.deepEqual(
    [error.code, error.name, error.duration, error.message],
    ['ERR_TIMEOUT', 'users', 1_000, 'no result within 1000 ms'],
  );
  assert.equal(signal.reason, error);
  assert.deepEqual(set.events, [{ type: 'timeout', name: 'users', duration: 1_000 }]);
  assert.equal(set.clock.pending, 0);
});

test('its error is the very reason of the signal, also if that is first read afterwards [41]', async () => {
  const set = setUp();
  set.call();
  await set.clock.advance(1_000);
  assert.equal(set.context.signal.reason, timedOut(set.settled()));
});

test('tells onLate and the listener of what came late, and nobody else [46, 47]', async () => {
  const failure = new Error('late');
  for (const [give, given, outcome] of [
    ['resolve', 'value', { ok: true, value: 'value' }],
    ['reject', failure, { ok: false, error: failure, abandoned: false }],
  ] as const) {
    for (const mode of ['aggressive', 'cooperative'] as const) {
      const set = setUp({ mode });
      set.call();
      await set.clock.advance(1_500);
      assert.deepEqual(set.late, []);
      set[give](given);
      await set.clock.advance(0);
      timedOut(set.settled());
      assert.deepEqual(set.late, [outcome]);
      assert.deepEqual(set.events.slice(1), [{ type: 'late', name: 'timeout', outcome }]);
    }
  }
});

test('disposes a late value [46]', async () => {
  for (const mode of ['aggressive', 'cooperative'] as const) {
    const set = setUp({ mode });
    const disposed: string[] = [];
    set.call();
    await set.clock.advance(1_500);
    set.resolve({ [Symbol.dispose]: () => disposed.push(mode) });
    await set.clock.advance(0);
    assert.deepEqual(disposed, [mode]);
  }
});

test('cooperative, it aborts the signal at the deadline, and waits for the task: a late value is a timeout [44, K8]', async () => {
  const set = setUp({ mode: 'cooperative' });
  set.call();
  const { signal } = set.context;
  await set.clock.advance(1_000);
  assert.ok(signal.reason instanceof TimeoutError);
  assert.equal(set.settled(), undefined);
  assert.deepEqual(set.events, [{ type: 'timeout', name: 'timeout', duration: 1_000 }]);
  await set.clock.advance(500);
  set.resolve('late');
  await set.clock.advance(0);
  assert.equal(timedOut(set.settled()), signal.reason);
  assert.equal(set.settled()?.at, 1_500);
  assert.equal(set.clock.pending, 0);
});

test('cooperative, it gives the late rejection as the cause [45]', async () => {
  const set = setUp({ mode: 'cooperative' });
  const failure = new Error('connection reset');
  set.call();
  await set.clock.advance(1_000);
  set.reject(failure);
  await set.clock.advance(0);
  assert.equal(timedOut(set.settled()).cause, failure);
});

test('cooperative, it gives no cause where the task stopped with the reason itself [45]', async () => {
  const set = setUp({ mode: 'cooperative' });
  set.call();
  const { signal } = set.context;
  signal.addEventListener('abort', () => set.reject(signal.reason));
  await set.clock.advance(1_000);
  assert.equal(timedOut(set.settled()), signal.reason);
  assert.equal('cause' in timedOut(set.settled()), false);
});

test("rejects with the caller's reason when he aborts, and tells of no timeout [42, K7]", async () => {
  for (const mode of ['aggressive', 'cooperative'] as const) {
    const set = setUp({ mode });
    const controller = new AbortController();
    const reason = new Error('enough');
    set.call({ signal: controller.signal });
    await set.clock.advance(500);
    controller.abort(reason);
    await set.clock.advance(0);
    assert.deepEqual(set.settled(), { error: reason, at: 500 });
    assert.equal(set.context.signal.reason, reason);
    await set.clock.advance(10_000);
    assert.deepEqual(set.events, []);
    assert.equal(set.clock.pending, 0);
  }
});

test('of a timeout and an abort in the same turn the first one wins, and there is one event at most [43]', async () => {
  for (const first of ['abort', 'timeout'] as const) {
    const set = setUp();
    const controller = new AbortController();
    if (first === 'abort') set.clock.schedule(1_000, () => controller.abort('enough'));
    set.call({ signal: controller.signal });
    if (first === 'timeout') set.clock.schedule(1_000, () => controller.abort('enough'));
    await set.clock.advance(1_000);
    if (first === 'timeout') timedOut(set.settled());
    else assert.deepEqual(set.settled(), { error: 'enough', at: 1_000 });
    assert.deepEqual(
      set.events.map(({ type }) => type),
      first === 'timeout' ? ['timeout'] : [],
    );
  }
});

test('does not discard a value that arrived before its timer ran, and tells of no timeout then [53]', async () => {
  for (const mode of ['aggressive', 'cooperative'] as const) {
    for (const first of ['value', 'timer'] as const) {
      // The loop was held up: what happened meanwhile happens now, in one go.
      let now = 0;
      const due: (() => void)[] = [];
      const clock: Clock = {
        now: () => now,
        coarse: () => now,
        wall: () => now,
        schedule(_, run) {
          due.push(run);
          return { cancel() {} };
        },
      };
      const set = setUp({ mode, clock });
      set.call();
      now = 1_500;
      if (first === 'value') set.resolve('in time');
      for (const run of due) run();
      if (first === 'timer') set.resolve('late');
      await set.clock.advance(0);
      if (first === 'value') {
        assert.deepEqual(set.settled(), { value: 'in time', at: 0 });
        assert.deepEqual([set.events, set.late], [[], []]);
      } else {
        timedOut(set.settled());
        assert.deepEqual(
          set.events.map(({ type }) => type),
          ['timeout', 'late'],
        );
      }
    }
  }
});

test('does not touch the signal after success [48, K9]', async () => {
  const set = setUp();
  set.call();
  const { signal } = set.context;
  set.resolve('value');
  await set.clock.advance(10_000);
  assert.equal(signal.aborted, false);
});

test('gives each try its own time and its own signal [49, 107]', async () => {
  const clock = new ManualClock();
  const signals: AbortSignal[] = [];
  const policy = pipeline(
    retry({ maxAttempts: 3, backoff: constant({ delay: 10 }), clock }),
    timeout({ duration: 100, clock }),
  );
  const call = policy.execute(({ signal, attempt }) => {
    signals.push(signal);
    return attempt < 3 ? new Promise(() => {}) : Promise.resolve('third');
  });
  await clock.advance(220);
  assert.equal(await call, 'third');
  assert.deepEqual(
    signals.map(({ aborted }) => aborted),
    [true, true, false],
  );
  assert.notEqual(signals[0]?.reason, signals[1]?.reason);
  assert.equal(clock.pending, 0);
});

test('outside a retry, it ends the try at hand and the wait between two tries [50, 107]', async () => {
  for (const [duration, tries] of [
    [50, 1],
    [150, 1],
    [250, 2],
  ] as const) {
    const clock = new ManualClock();
    // An hour behind, so that the retry does not see beforehand that its wait would end too late.
    const behind = new ManualClock({ start: -3_600_000 });
    let calls = 0;
    const policy = pipeline(
      timeout({ duration, clock }),
      retry({ maxAttempts: 3, backoff: constant({ delay: 100 }), clock: behind }),
      timeout({ duration: 100, clock }),
    );
    const call = assert.rejects(
      policy.execute(() => {
        calls++;
        return new Promise(() => {});
      }),
      (error) => error instanceof TimeoutError && error.duration === duration,
    );
    for (let i = 0; i < duration; i += 50) await Promise.all([clock.advance(50), behind.advance(50)]);
    await call;
    assert.deepEqual([clock.pending, behind.pending], [0, 0]);
    await Promise.all([clock.advance(10_000), behind.advance(10_000)]);
    assert.equal(calls, tries);
  }
});

test('outside a retry, it is known to it: no wait begins that would end too late [50]', async () => {
  const clock = new ManualClock();
  const policy = pipeline(
    timeout({ duration: 150, clock }),
    retry({ maxAttempts: 3, backoff: constant({ delay: 100 }), clock }),
    timeout({ duration: 100, clock }),
  );
  const call = assert.rejects(
    policy.execute(() => new Promise(() => {})),
    { duration: 100 },
  );
  await clock.advance(100);
  await call;
  assert.equal(clock.pending, 0);
});

test('takes 0 for at once, Infinity and undefined for never, and more than 31 bits for what it is [51, K6]', async () => {
  const zero = setUp({ duration: 0 });
  zero.call();
  await zero.clock.advance(0);
  assert.equal(timedOut(zero.settled()).duration, 0);

  for (const duration of [Infinity, undefined]) {
    const set = setUp({ duration });
    set.call();
    assert.equal(set.clock.pending, 0);
    await set.clock.advance(1e15);
    assert.equal(set.settled(), undefined);
    set.resolve('value');
    await set.clock.advance(0);
    assert.deepEqual(set.settled(), { value: 'value', at: 1e15 });
  }

  const long = setUp({ duration: 2 ** 31 });
  long.call();
  await long.clock.advance(2 ** 31 - 1);
  assert.equal(long.settled(), undefined);
  await long.clock.advance(1);
  timedOut(long.settled());
});

test('lets 0 pass what need not be waited for [51]', async () => {
  assert.equal(await timeout({ duration: 0 }).execute(() => 'at once'), 'at once');
});

test('is not moved by steps of the wall clock [52]', async () => {
  const set = setUp();
  set.call();
  set.clock.jumpWall(3_600_000);
  await set.clock.advance(999);
  set.clock.jumpWall(-7_200_000);
  assert.equal(set.settled(), undefined);
  await set.clock.advance(1);
  timedOut(set.settled());
});

test('is never early when its clock jumps back [52]', async () => {
  const set = setUp();
  set.call();
  await set.clock.advance(500);
  set.clock.jump(-200);
  await set.clock.advance(500);
  assert.equal(set.settled(), undefined);
  await set.clock.advance(200);
  timedOut(set.settled());
});

test("stops at the caller's deadline, if that is earlier, and no later than its own", async () => {
  for (const [deadline, duration] of [
    [300, 300],
    [1_000, 1_000],
    [5_000, 1_000],
    [-5, 0],
  ] as const) {
    const set = setUp();
    set.call({ deadline });
    await set.clock.advance(Math.max(duration - 1, 0));
    assert.equal(set.settled() === undefined, duration > 0);
    await set.clock.advance(1);
    const error = timedOut(set.settled());
    assert.equal(error.duration, duration);
    assert.equal(set.events.length, 1);
    assert.equal(set.clock.pending, 0);
  }
});

test('hands the earlier of the two deadlines inward', async () => {
  const set = setUp();
  await set.clock.advance(50);
  set.call({ deadline: 300 });
  assert.equal(set.context.deadline, 300);
  set.call({ deadline: 3_000 });
  assert.equal(set.context.deadline, 1_050);
  set.call();
  assert.equal(set.context.deadline, 1_050);
});

test('stops in time though the task has read its deadline', async () => {
  const set = setUp();
  set.call();
  assert.equal(set.context.deadline, 1_000);
  await set.clock.advance(1_000);
  timedOut(set.settled());
  const onSystemClock = timeout({ duration: 5 }).execute((context) => {
    assert.ok(context.deadline > 0);
    return new Promise(() => {});
  });
  await assert.rejects(onSystemClock, TimeoutError);
});

test('holds the process while a call is pending, as that must not be cut off by its exit [40]', async () => {
  // Node names only what keeps it from exiting.
  const holding = (): number => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
  const before = holding();
  let resolve = (): void => {};
  const call = timeout({ duration: 60_000 }).execute(() => new Promise<void>((ok) => (resolve = ok)));
  assert.equal(holding(), before + 1);
  resolve();
  await call;
  await assert.rejects(
    timeout({ duration: 2 }).execute(() => new Promise(() => {})),
    TimeoutError,
  );
});

test('does not run the task of a caller who has aborted before [K2]', async () => {
  const set = setUp();
  let ran = false;
  const call = set.policy.execute(() => (ran = true), { signal: AbortSignal.abort('before') });
  await assert.rejects(call, (reason) => reason === 'before');
  assert.equal(ran, false);
  assert.equal(set.clock.pending, 0);
});

test('one inside the other, the one whose time is up first speaks, and only that one', async () => {
  for (const [outer, inner, name] of [
    [100, 200, 'outer'],
    [200, 100, 'inner'],
  ] as const) {
    const clock = new ManualClock();
    const events: string[] = [];
    const onEvent = (event: TimeoutEvent): void => void events.push(`${event.name} ${event.type}`);
    const policy = pipeline(
      timeout({ duration: outer, name: 'outer', clock, onEvent }),
      timeout({ duration: inner, name: 'inner', clock, onEvent }),
    );
    const call = assert.rejects(
      policy.execute(() => new Promise(() => {})),
      { name },
    );
    await clock.advance(1_000);
    await call;
    assert.deepEqual(events, [`${name} timeout`]);
  }
});

test('the same policy inside itself times out once, and tells of it once', async () => {
  const set = setUp();
  const outer = set.policy.execute(async (context) => {
    await new Promise<void>((resolve) => set.clock.schedule(10, resolve));
    return set.policy.execute(set.task, context);
  });
  const call = assert.rejects(outer, TimeoutError);
  await set.clock.advance(10_000);
  await call;
  assert.equal(set.events.filter(({ type }) => type === 'timeout').length, 1);
  assert.equal(set.clock.pending, 0);
});

test('inside a breaker it is a failure, outside it is none of its business [113]', async () => {
  const clock = new ManualClock();
  for (const order of ['inside', 'outside'] as const) {
    const breaker = circuitBreaker({ trip: consecutiveFailures({ count: 1 }), clock });
    const limit = timeout({ duration: 100, clock });
    const policy = order === 'inside' ? pipeline(breaker, limit) : pipeline(limit, breaker);
    const call = assert.rejects(
      policy.execute(() => new Promise(() => {})),
      TimeoutError,
    );
    await clock.advance(100);
    await call;
    assert.equal(breaker.state, order === 'inside' ? 'open' : 'closed');
  }
});

test('makes one timer for all calls of one duration, and none beforehand [39, 103]', async () => {
  const clock = new ManualClock();
  const policies = Array.from({ length: 1_000 }, () => timeout({ duration: 100, clock }));
  assert.equal(clock.pending, 0);
  const calls = policies.map((policy) => policy.execute(() => new Promise(() => {})));
  assert.equal(clock.pending, 1);
  const settled = Promise.allSettled(calls);
  await clock.advance(100);
  assert.ok((await settled).every((one) => one.status === 'rejected' && one.reason instanceof TimeoutError));
  assert.equal(clock.pending, 0);
});

test('is not changed by an onLate or a listener that throws [101]', async () => {
  const reported: unknown[] = [];
  const before = onListenerError((error) => reported.push(error));
  try {
    const fails = (): never => {
      throw new Error('listener');
    };
    const set = setUp({ onLate: fails, onEvent: fails });
    set.call();
    await set.clock.advance(1_000);
    timedOut(set.settled());
    set.resolve('late');
    await set.clock.advance(0);
    assert.equal(reported.length, 3);
  } finally {
    onListenerError(before);
  }
});

test('says which option is wrong, what it may be and what it was [7, K6]', () => {
  const wrong: [options: object | undefined, error: new () => Error, message: RegExp][] = [
    [undefined, TypeError, /^timeout: options must be an object, got undefined$/],
    [{}, TypeError, /^timeout: duration must be given, undefined for none$/],
    [{ duration: -1 }, RangeError, /^timeout: duration must be a number of milliseconds, 0 or more, got -1$/],
    [{ duration: Number.NaN }, RangeError, /duration .* got NaN$/],
    [{ duration: '5' }, TypeError, /duration .* got "5"$/],
    [{ duration: null }, TypeError, /duration .* got null$/],
    [
      { duration: 1, mode: 'gentle' },
      RangeError,
      /^timeout: mode must be "aggressive" or "cooperative", got "gentle"$/,
    ],
    [{ duration: 1, onLate: true }, TypeError, /^timeout: onLate must be a function, got true$/],
    [{ duration: 1, onEvent: {} }, TypeError, /^timeout: onEvent must be a function, got an object$/],
    [{ duration: 1, name: null }, TypeError, /^timeout: name must be a string, got null$/],
    [{ duration: 1, clock: {} }, TypeError, /^timeout: clock must /],
    [{ duration: 1, timeout: 1 }, TypeError, /^timeout: unknown option "timeout"/],
  ];
  for (const [options, error, message] of wrong) {
    assert.throws(
      () => timeout(options as TimeoutOptions),
      (thrown) => thrown instanceof error && message.test(thrown.message),
    );
  }
});
