import assert from 'node:assert/strict';
import { test } from 'vitest';
import { constant } from '../../src/algorithms/backoff.ts';
import { consecutiveFailures } from '../../src/algorithms/trip-rules.ts';
import { TimeoutError } from '../../src/core/errors.ts';
import type { Call } from '../../src/core/layer.ts';
import type { Outcome } from '../../src/core/outcome.ts';
import { guard, pipeline, recovery } from '../../src/core/pipeline.ts';
import type { CallOptions, Context, Policy } from '../../src/core/policy.ts';
import { circuitBreaker } from '../../src/policies/circuit-breaker.ts';
import { fallback } from '../../src/policies/fallback.ts';
import { retry } from '../../src/policies/retry.ts';
import { timeout } from '../../src/policies/timeout.ts';
import { ManualClock } from '../../src/testing/manual-clock.ts';
import { type Caller, deferred, inEachWay, reported, scribe, shown, thenable, turn, watched } from './support.ts';

const boom = new Error('boom');
const never = (): Promise<never> => new Promise(() => {});

/** A guard that keeps the call it watches. */
function keeping(log: string[] = []) {
  const calls: Call[] = [];
  const policy = guard({
    watch: (call) => void calls.push(call),
    leave: (_, outcome) => void log.push(`stopper out: ${shown(outcome)}`),
    late: (outcome) => void log.push(`late ${shown(outcome)}`),
  });
  return { policy, call: (): Call => calls.at(-1) as Call, calls };
}

/** What can be stopped: by the guard that watches, or by the caller, at the outermost position. */
const stoppers: Record<
  string,
  (
    row: Policy<unknown>[],
    task: (context: Context) => unknown,
    log: string[],
  ) => { stop(error: unknown): void; state: { now: unknown } }
> = {
  'a guard': (row, task, log) => {
    const { policy, call } = keeping(log);
    const state = watched(pipeline(policy, ...row).execute(task));
    return { state, stop: (error) => call().stop(error) };
  },
  'the caller': (row, task) => {
    const controller = new AbortController();
    const state = watched(pipeline(...row).execute(task, { signal: controller.signal }));
    return { state, stop: (error) => controller.abort(error) };
  },
  'the caller of an outer policy': (row, task) => {
    const controller = new AbortController();
    const run = (context: Context): Promise<unknown> => pipeline(...row).execute(task, context);
    const state = watched(guard({}).execute(run, { signal: controller.signal }));
    return { state, stop: (error) => controller.abort(error) };
  },
  'an outer guard': (row, task) => {
    const { policy, call } = keeping();
    const state = watched(policy.execute((context) => pipeline(...row).execute(task, context)));
    return { state, stop: (error) => call().stop(error) };
  },
};

test('a stop aborts the signal with the error, and in that instant all inside leave as abandoned, inside out [R6]', async () => {
  for (const [who, start] of Object.entries(stoppers)) {
    const { guard, recovery, log } = scribe();
    const row = [guard('a'), recovery('r', { again: 0 }), guard('b'), guard('c')];
    const { stop, state } = start(
      row,
      ({ signal }) => {
        signal.addEventListener('abort', () => log.push(`aborted: ${(signal.reason as Error).message}`));
        return never();
      },
      [],
    );
    log.length = 0;
    stop(boom);
    await turn();
    assert.deepEqual(state.now, { error: boom });
    assert.deepEqual(
      log,
      ['aborted: boom', 'c out: abandoned boom', 'b out: abandoned boom', 'a out: abandoned boom'],
      who,
    );
  }
});

test('the stopping position unwinds outward with its plain error: outside it is a failure, and may be answered [R6, 113]', async () => {
  const { guard: noted, recovery: asked, log } = scribe();
  const { policy, call } = keeping(log);
  const state = watched(
    pipeline(noted('a'), asked('outer', { instead: 'other' }), noted('b'), policy, noted('c'), asked('inner')).execute(
      never,
    ),
  );
  log.length = 0;
  call().stop(boom);
  await turn();
  assert.deepEqual(state.now, { value: 'other' });
  assert.deepEqual(log, [
    'c out: abandoned boom',
    'stopper out: error boom',
    'b out: error boom',
    'outer asked, try 1: error boom',
    'a out: value other',
  ]);
});

test('what comes after a stop is fenced: the guard that stopped hears of it, and a value is let go of [R6, 46, 47]', async () => {
  for (const [who, start] of Object.entries(stoppers)) {
    for (const how of ['value', 'error', 'thenable'] as const) {
      const late = deferred();
      const { guard, log } = scribe();
      const disposed: string[] = [];
      const given = how === 'thenable' ? thenable((resolve) => late.promise.then(resolve)) : late.promise;
      const { stop, state } = start([guard('a')], () => given, log);
      stop(boom);
      await turn();
      log.length = 0;
      if (how === 'error') late.reject(new Error('late'));
      else late.resolve({ [Symbol.dispose]: () => disposed.push('disposed'), toString: () => 'it' });
      await turn();
      await turn();
      assert.deepEqual(state.now, { error: boom });
      assert.deepEqual(disposed, how === 'error' ? [] : ['disposed'], who);
      assert.deepEqual(log, who === 'a guard' ? [how === 'error' ? 'late error late' : 'late value it'] : []);
    }
  }
});

test('the first of two stops counts, and none does once the call is over [R6, 43]', async () => {
  for (const inside of [[], [guard({ watch() {} })]]) {
    const { policy, call } = keeping();
    const gate = deferred();
    const run = (): { now: unknown } => watched(pipeline(policy, ...inside).execute(() => gate.promise));
    const twice = run();
    call().stop('first');
    call().stop('second');
    await turn();
    assert.deepEqual(twice.now, { error: 'first' });
    call().stop('third');
    call().abort('fourth');

    const over = run();
    const stopped = call();
    gate.resolve('value');
    await turn();
    stopped.stop('late');
    stopped.abort('late');
    await turn();
    assert.deepEqual(over.now, { value: 'value' });
  }
});

test('of two guards that stop in one turn the first speaks; the outer one ends what the inner one began [R6, 107]', async () => {
  for (const first of ['outer', 'inner'] as const) {
    const outer = keeping();
    const inner = keeping();
    const { recovery: asked, guard: noted, log } = scribe();
    const state = watched(pipeline(noted('a'), outer.policy, asked('r', { again: 0 }), inner.policy).execute(never));
    log.length = 0;
    if (first === 'outer') outer.call().stop('outer');
    inner.call().stop('inner');
    if (first === 'inner') outer.call().stop('outer');
    await turn();
    assert.deepEqual(state.now, { error: 'outer' });
    // The inner one had its say before the outer stop came; nothing began in between.
    assert.deepEqual(
      log,
      first === 'outer' ? ['a out: error outer'] : ['r asked, try 1: error inner', 'a out: error outer'],
    );
    assert.equal(inner.calls.length, 1);
  }
});

test('a stop in whatever phase ends the call at once, leaves each permit once, and lets nothing begin [R6, 14, 15, 22, 78]', async () => {
  const clock = new ManualClock();
  const wait = (): Promise<never> => never();
  const phases: Record<string, (log: string[]) => Policy<unknown>[]> = {
    'waiting to enter': () => [guard<unknown>({ enter: wait })],
    running: () => [],
    asking: () => [recovery({ recover: wait })],
    'waiting for what is given instead': () => [recovery({ recover: () => ({ instead: wait() }) })],
    sleeping: () => [recovery({ clock, recover: () => ({ again: 1_000 }) })],
    'inside an around': () => [{ execute: (task, context) => pipeline(guard({})).execute(task, context) }],
    'an around that hangs': () => [{ execute: wait }],
    'an around that hands nothing on': () => [{ execute: (task) => task(undefined as never) as never }],
  };
  for (const [phase, made] of Object.entries(phases)) {
    const running = !['asking', 'waiting for what is given instead', 'sleeping'].includes(phase);
    for (const [who, start] of Object.entries(stoppers)) {
      const { guard: noted, task, log } = scribe();
      const work = task('task', () => {
        if (running) return never();
        throw new Error('failed');
      });
      const { stop, state } = start([noted('a'), ...made(log), noted('b')], work, []);
      await turn();
      const label = `${phase}, ${who}`;
      const inside = log.includes('b in') && !log.some((line) => line.startsWith('b out'));
      assert.equal(state.now, 'pending', label);
      log.length = 0;
      stop(boom);
      await turn();
      assert.deepEqual(state.now, { error: boom }, label);
      assert.deepEqual(
        [...log].sort(),
        inside ? ['a out: abandoned boom', 'b out: abandoned boom'] : ['a out: abandoned boom'],
        label,
      );
      assert.equal(clock.pending, 0, label);
      await clock.advance(10_000);
      assert.equal(log.length, inside ? 2 : 1, label);
    }
  }
});

test('what a task gave before the abort is the answer; what it gives after is not [18, R8]', async () => {
  for (const row of [
    [],
    [guard({ leave() {} })],
    [guard({ watch() {} })],
    [guard({ leave() {} }), guard({ watch() {} }), recovery({ recover() {} })],
  ]) {
    for (const given of ['value', 'error'] as const) {
      for (const first of ['task', 'abort'] as const) {
        const controller = new AbortController();
        const task = deferred();
        const state = watched(pipeline(...row).execute(() => task.promise, { signal: controller.signal }));
        const settle = (): void => (given === 'value' ? task.resolve('it') : task.reject('it'));
        if (first === 'task') settle();
        controller.abort('gone');
        if (first === 'abort') settle();
        await turn();
        assert.deepEqual(state.now, first === 'task' ? { [given]: 'it' } : { error: 'gone' });
      }
    }
  }
});

test('what had arrived before a stop wins over it, whoever stops [18, 53, R6]', async () => {
  for (const [who, start] of Object.entries(stoppers)) {
    const task = deferred();
    const { stop, state } = start([guard({ leave() {} })], () => task.promise, []);
    if (who.includes('outer')) await turn();
    task.resolve('it');
    // Through a policy of its own a value takes a turn longer to arrive.
    if (who.includes('outer')) await turn();
    stop(boom);
    await turn();
    assert.deepEqual(state.now, { value: 'it' }, who);
  }
});

test('the caller’s abort rejects with his reason at once, whatever the task does [R8, 15, 42]', async () => {
  const tasks: Record<string, (context: Context) => unknown> = {
    'never settles': never,
    'heeds its signal': ({ signal }) =>
      new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('its own')))),
    'gives a value when told to stop': ({ signal }) =>
      new Promise((resolve) => signal.addEventListener('abort', () => resolve('value'))),
  };
  for (const [what, task] of Object.entries(tasks)) {
    for (const reason of [boom, 'text', undefined]) {
      for (const policy of [
        pipeline(),
        retry({ maxAttempts: 5 }),
        fallback({ value: 'other' }),
        timeout({ duration: 1_000 }),
        timeout({ duration: 1_000, mode: 'cooperative' }),
      ]) {
        const controller = new AbortController();
        const state = watched(policy.execute(task, { signal: controller.signal }));
        controller.abort(reason);
        await turn();
        assert.deepEqual(state.now, { error: controller.signal.reason }, what);
      }
    }
  }
});

test('an abort while the task is called, or an enter, ends the call as soon as it waits [R8, 17]', async () => {
  for (const where of ['enter', 'task'] as const) {
    for (const form of ['sync', 'async', 'throws'] as const) {
      const controller = new AbortController();
      const { guard: noted, log } = scribe();
      const entering = guard({
        enter() {
          if (where === 'enter') controller.abort('gone');
        },
      });
      let calls = 0;
      const policy = pipeline(noted('a'), entering, recovery({ recover: () => ({ again: 0 }) }));
      const state = watched(
        policy.execute(
          () => {
            calls++;
            if (where === 'task') controller.abort('gone');
            if (form === 'throws') throw boom;
            return form === 'sync' ? 'value' : never();
          },
          { signal: controller.signal },
        ),
      );
      await turn();
      // What is there before the stop can come wins; a failure is not tried again.
      assert.deepEqual(state.now, form === 'sync' ? { value: 'value' } : { error: 'gone' });
      assert.equal(calls, 1);
      assert.equal(log.at(-1), form === 'sync' ? 'a out: value value' : 'a out: abandoned gone');
    }
  }
});

test('an abort in a recovery’s question, or during the sleep, allows no other try [17, R8, K1]', async () => {
  for (const again of [0, 100]) {
    for (const nested of [false, true]) {
      const clock = new ManualClock();
      const controller = new AbortController();
      let calls = 0;
      const asking = recovery({
        clock,
        recover() {
          controller.abort('gone');
          return { again };
        },
      });
      const policy: Policy = nested
        ? { execute: (task, options) => guard({}).execute((context) => asking.execute(task, context), options) }
        : asking;
      const state = watched(
        policy.execute(
          () => {
            calls++;
            throw boom;
          },
          { signal: controller.signal },
        ),
      );
      await clock.advance(1_000);
      assert.deepEqual(state.now, { error: 'gone' });
      assert.equal(calls, 1);
      assert.equal(clock.pending, 0);
    }
  }
});

test('no try begins in the turn an abort comes, though its sleep is over in that very turn [17, 14]', async () => {
  for (const nested of [false, true]) {
    for (const first of ['abort', 'sleep'] as const) {
      // A clock whose timers the test runs in one go.
      const timers: (() => void)[] = [];
      const clock = {
        now: () => 0,
        coarse: () => 0,
        wall: () => 0,
        schedule: (_: number, run: () => void) => {
          timers.push(run);
          return { cancel() {} };
        },
      };
      const controller = new AbortController();
      let calls = 0;
      const inner = recovery({ clock, recover: () => ({ again: 100 }) });
      const policy: Policy = nested
        ? { execute: (task, options) => guard({}).execute((context) => inner.execute(task, context), options) }
        : inner;
      const state = watched(
        policy.execute(
          () => {
            calls++;
            throw boom;
          },
          { signal: controller.signal },
        ),
      );
      if (first === 'abort') controller.abort('gone');
      for (const run of timers.splice(0)) run();
      if (first === 'sleep') controller.abort('gone');
      await turn();
      for (const run of timers.splice(0)) run();
      await turn();
      assert.deepEqual(state.now, { error: 'gone' });
      assert.equal(calls, first === 'abort' ? 1 : 2);
    }
  }
});

test('a guard may abort only the signal, and wait: what the work then gives is replaced by its error [R8, 44, 45]', async () => {
  for (const inside of [
    [],
    [guard({ leave() {} })],
    [guard({ watch() {} })],
    [recovery({ recover: () => ({ again: 0 }) })],
  ]) {
    for (const given of ['value', 'error', 'reason'] as const) {
      const log: string[] = [];
      const { policy, call } = keeping(log);
      const outer = scribe();
      const task = deferred();
      const disposed: string[] = [];
      let signal: AbortSignal | undefined;
      let calls = 0;
      const state = watched(
        pipeline(outer.guard('a'), policy, ...inside).execute((context) => {
          calls++;
          signal = context.signal;
          return task.promise;
        }),
      );
      const reason = new Error('aborted');
      call().abort(reason);
      await turn();
      assert.equal(signal?.reason, reason);
      assert.equal(state.now, 'pending');
      assert.deepEqual(outer.read(), ['a in']);
      if (given === 'value') task.resolve({ [Symbol.dispose]: () => disposed.push('disposed'), toString: () => 'it' });
      else task.reject(given === 'error' ? boom : reason);
      await turn();
      assert.deepEqual(state.now, { error: reason });
      assert.equal(reason.cause, given === 'error' ? boom : undefined);
      assert.deepEqual(disposed, given === 'value' ? ['disposed'] : []);
      assert.equal(calls, 1);
      assert.deepEqual(outer.read(), ['a out: error aborted']);
      // Who gives up with the signal's own reason has given nothing late.
      const late = { value: ['late value it'], error: ['late error boom'], reason: [] }[given];
      assert.deepEqual(log, [...late, 'stopper out: error aborted']);
    }
  }
});

test('where no work is under way, an abort by a guard ends the call at once [R8]', async () => {
  const clock = new ManualClock();
  const phases: (() => Policy<unknown>)[] = [
    () => guard<unknown>({ enter: never }),
    () => recovery({ recover: never }),
    () => recovery({ recover: () => ({ instead: never() }) }),
    () => recovery({ clock, recover: () => ({ again: 1_000 }) }),
  ];
  for (const phase of phases) {
    const { policy, call } = keeping();
    const { guard: noted, log } = scribe();
    const state = watched(
      pipeline(policy, noted('a'), phase()).execute(() => {
        throw new Error('failed');
      }),
    );
    call().abort(boom);
    await turn();
    assert.deepEqual(state.now, { error: boom });
    assert.deepEqual(log, ['a in', 'a out: abandoned boom']);
    assert.equal(clock.pending, 0);
  }
});

test('a guard that waits for its work does not keep the caller, or a stricter guard, from ending it [R8]', async () => {
  for (const who of ['the caller', 'an outer guard'] as const) {
    const patient = keeping();
    const strict = keeping();
    const controller = new AbortController();
    const state = watched(
      pipeline(strict.policy, patient.policy).execute(
        never,
        who === 'the caller' ? { signal: controller.signal } : undefined,
      ),
    );
    patient.call().abort('patient');
    await turn();
    assert.equal(state.now, 'pending');
    if (who === 'the caller') controller.abort('gone');
    else strict.call().stop('gone');
    await turn();
    assert.deepEqual(state.now, { error: 'gone' });
  }
});

test('a patient guard reaches work in frames further in, and waits for it there, too [R8, R1]', async () => {
  const inner = pipeline(guard({ watch() {} }), recovery({ recover: () => ({ again: 0 }) }));
  const nestings: Record<string, (policy: Policy, task: (context: Context) => unknown) => Promise<unknown>> = {
    'in its context': (policy, task) => policy.execute((context) => inner.execute(task, context)),
    'round an around': (policy, task) =>
      pipeline(policy, { execute: (run, context) => inner.execute(run, context) } as Policy, guard({})).execute(task),
  };
  for (const [how, nest] of Object.entries(nestings)) {
    const { policy, call } = keeping();
    const task = deferred();
    let signal: AbortSignal | undefined;
    const state = watched(
      nest(policy, (context) => {
        signal = context.signal;
        return task.promise;
      }),
    );
    call().abort(boom);
    await turn();
    assert.equal(signal?.reason, boom, how);
    assert.equal(state.now, 'pending', how);
    task.reject('stopped');
    await turn();
    assert.deepEqual(state.now, { error: boom }, how);
  }
});

test('only a cooperative timeout waits for its task, and only at its own deadline [R8, 44]', async () => {
  const clock = new ManualClock();
  const task = deferred();
  const policy = pipeline(
    timeout({ duration: 200, name: 'strict', clock }),
    timeout({ duration: 100, name: 'patient', mode: 'cooperative', clock }),
  );
  const kind = (state: { now: unknown }): unknown => (state.now as { error?: Error }).error?.name ?? state.now;
  const stopped = watched(policy.execute(() => task.promise));
  await clock.advance(100);
  assert.equal(kind(stopped), 'pending');
  await clock.advance(100);
  assert.equal(kind(stopped), 'strict');
  const waited = watched(policy.execute(() => task.promise));
  await clock.advance(150);
  task.resolve('late');
  await turn();
  assert.equal(kind(waited), 'patient');
  assert.equal(clock.pending, 0);
});

test('what was abandoned is ignored before classify is asked [R9, 61, 113]', async () => {
  const clock = new ManualClock();
  for (const [where, judged, state] of [
    ['inside', [], 'closed'],
    ['outside', ['timeout'], 'open'],
  ] as const) {
    const asked: string[] = [];
    const breaker = circuitBreaker({
      clock,
      trip: consecutiveFailures({ count: 1 }),
      classify: (outcome: Outcome) => {
        asked.push(outcome.ok ? 'value' : (outcome.error as Error).name);
        return 'failure';
      },
    });
    const limit = timeout({ duration: 100, clock });
    const result = watched(pipeline(...(where === 'inside' ? [limit, breaker] : [breaker, limit])).execute(never));
    await clock.advance(100);
    assert.ok((result.now as { error: unknown }).error instanceof TimeoutError);
    assert.deepEqual(asked, judged);
    assert.equal(breaker.state, state);
  }
});

test('recoveries inside are off once there is a stop, those outside are not [R6, 98, K19]', async () => {
  const clock = new ManualClock();
  const answer = fallback({ value: 'other' });
  const limit = timeout({ duration: 100, clock });
  const inside = watched(pipeline(limit, answer).execute(never));
  const outside = watched(pipeline(answer, limit).execute(never));
  await clock.advance(100);
  assert.ok((inside.now as { error: unknown }).error instanceof TimeoutError);
  assert.deepEqual(outside.now, { value: 'other' });
  const controller = new AbortController();
  const aborted = watched(answer.execute(never, { signal: controller.signal }));
  controller.abort('gone');
  await turn();
  assert.deepEqual(aborted.now, { error: 'gone' });
});

inEachWay('a total timeout outside ends the try and the sleep, one inside each try [107, 50]', async (call) => {
  const outcome = async (
    total: number,
    task: (context: Context) => unknown,
  ): Promise<{ now: unknown; tries: number; error: string | undefined }> => {
    const clock = new ManualClock();
    let tries = 0;
    const policy = pipeline(
      timeout({ duration: total, name: 'total', clock }),
      recovery({ clock, recover: () => ({ again: 100 }) }),
      timeout({ duration: 100, name: 'try', clock }),
    );
    const state = watched(
      (call as Caller)(policy, (context) => {
        tries++;
        return task(context);
      }),
    );
    await clock.advance(total);
    assert.equal(clock.pending, 0);
    await clock.advance(10_000);
    return { now: state.now, tries, error: (state.now as { error?: Error }).error?.name };
  };
  // In the second try, then in the sleep after it.
  assert.deepEqual(await outcome(250, never).then(({ tries, error }) => ({ tries, error })), {
    tries: 2,
    error: 'total',
  });
  assert.deepEqual(await outcome(350, never).then(({ tries, error }) => ({ tries, error })), {
    tries: 2,
    error: 'total',
  });
});

test('retry round breaker records each try, breaker round retry one call [105, 106]', async () => {
  for (const [order, records] of [
    ['retry, breaker', 3],
    ['breaker, retry', 1],
  ] as const) {
    const clock = new ManualClock();
    let recorded = 0;
    const breaker = circuitBreaker({
      clock,
      trip: () => ({
        record() {
          recorded++;
          return false;
        },
      }),
    });
    const again = retry({ maxAttempts: 3, backoff: constant({ delay: 10 }), clock });
    const policy = pipeline(...(order === 'retry, breaker' ? [again, breaker] : [breaker, again]));
    const result = assert.rejects(
      policy.execute(() => {
        throw boom;
      }),
      boom,
    );
    await clock.advance(100);
    await result;
    assert.equal(recorded, records, order);
  }
});

test('a listener of the task’s signal may do anything: resolve, abort, call again [R6, 8]', async () => {
  const { policy, call } = keeping();
  const controller = new AbortController();
  const task = deferred();
  let inner: { now: unknown } | undefined;
  const state = watched(
    pipeline(guard({ leave() {} }), policy).execute(
      (context) => {
        context.signal.addEventListener('abort', () => {
          task.resolve('late');
          controller.abort('the caller, too');
          call().stop('again');
          inner = watched(guard({}).execute(() => 'new'));
        });
        return task.promise;
      },
      { signal: controller.signal } as CallOptions,
    ),
  );
  call().stop(boom);
  await turn();
  assert.deepEqual(state.now, { error: boom });
  assert.deepEqual(inner?.now, { value: 'new' });
  assert.deepEqual(reported, []);
});

test('a guard may stop, or abort, in the very moment it is told of the call [R6, R8]', async () => {
  for (const how of ['stop', 'abort'] as const) {
    for (const row of [[], [guard({ watch() {} })], [recovery({ recover: () => ({ again: 0 }) })]]) {
      const task = deferred();
      const log: string[] = [];
      const hasty = guard({
        watch: (call) => call[how](boom),
        leave: (_, outcome) => void log.push(shown(outcome)),
        late: (outcome) => void log.push(`late ${shown(outcome)}`),
      });
      const state = watched(pipeline(hasty, ...row).execute(() => task.promise));
      await turn();
      assert.deepEqual(state.now, how === 'stop' ? { error: boom } : 'pending');
      task.resolve('it');
      await turn();
      assert.deepEqual(state.now, { error: boom });
      assert.deepEqual(log, how === 'stop' ? ['error boom', 'late value it'] : ['late value it', 'error boom']);
    }
  }
});
