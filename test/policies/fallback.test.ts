import assert from 'node:assert/strict';
import { test } from 'vitest';
import { constant } from '../../src/algorithms/backoff.ts';
import { attemptsOf } from '../../src/core/attempts.ts';
import { CircuitOpenError } from '../../src/core/errors.ts';
import { onListenerError } from '../../src/core/events.ts';
import type { Outcome } from '../../src/core/outcome.ts';
import { pipeline } from '../../src/core/pipeline.ts';
import type { Context } from '../../src/core/policy.ts';
import { type FallbackEvent, type FallbackOptions, fallback } from '../../src/policies/fallback.ts';
import { hedge } from '../../src/policies/hedge.ts';
import { retry } from '../../src/policies/retry.ts';
import { timeout } from '../../src/policies/timeout.ts';
import { ManualClock } from '../../src/testing/manual-clock.ts';
import { turn, watched } from '../core/support.ts';

const boom = new Error('boom');
const fail = async () => {
  throw boom;
};

/** The errors of what an error's history tells of. */
const errorsBefore = (error: unknown) => attemptsOf(error).map(({ outcome }) => !outcome.ok && outcome.error);

test('gives its value when the task fails, and the task’s own when it does not [98]', async () => {
  const policy = fallback({ value: 'other' });
  assert.equal(await policy.execute(fail), 'other');
  assert.equal(
    await policy.execute(() => {
      throw boom;
    }),
    'other',
  );
  assert.equal(await policy.execute(async () => 'own'), 'own');
  assert.equal(await policy.execute(() => 'own'), 'own');
});

test('an empty value is a value, on both sides [4]', async () => {
  for (const value of [undefined, null, 0, '', false]) {
    assert.equal(await fallback({ value }).execute(fail), value);
    assert.equal(await fallback({ value: 'other' }).execute(() => value), value);
  }
});

test('asks `with` once, with the outcome and the context of the call [98]', async () => {
  const asked: [Outcome, Context][] = [];
  let context: Context | undefined;
  const policy = fallback({
    with: (...given) => {
      asked.push(given);
      return 'other';
    },
  });
  const task = (given: Context) => {
    context = given;
    return fail();
  };
  assert.equal(await policy.execute(task, { priority: 7 }), 'other');
  assert.equal(asked.length, 1);
  assert.deepEqual(asked[0]?.[0], { ok: false, error: boom, abandoned: false });
  assert.equal(asked[0]?.[1].priority, 7);
  assert.equal(asked[0]?.[1].attempt, 1);
  assert.equal(asked[0]?.[1].signal, context?.signal);
});

test('waits for what `with` promises, foreign thenables too [3, 98]', async () => {
  assert.equal(await fallback({ with: async () => 'other' }).execute(fail), 'other');
  // biome-ignore lint/suspicious/noThenProperty: a foreign thenable is what is tried
  const thenable = { then: (give: (value: string) => void) => give('other') } as unknown as PromiseLike<string>;
  assert.equal(await fallback({ with: () => thenable }).execute(fail), 'other');
});

test('a `with` that fails replaces the error, and the one before stays reachable from it [98]', async () => {
  const worse = new Error('worse');
  for (const ask of [
    async () => Promise.reject(worse),
    () => {
      throw worse;
    },
  ]) {
    await assert.rejects(fallback({ with: ask }).execute(fail), (error) => error === worse);
    assert.deepEqual(errorsBefore(worse), [boom]);
  }
});

test('the history of a retry inside stays reachable from the error of a `with` that fails [19, 98]', async () => {
  const clock = new ManualClock();
  const worse = new Error('worse');
  const policy = pipeline(
    fallback({ with: () => Promise.reject(worse) }),
    retry({ clock, maxAttempts: 2, backoff: constant({ delay: 0 }) }),
  );
  await assert.rejects(policy.execute(fail), (error) => error === worse);
  assert.deepEqual(errorsBefore(worse), [boom, boom]);
});

test('is not asked when the caller has aborted: the reason comes back [98, K19]', async () => {
  const clock = new ManualClock();
  let asked = 0;
  const policy = fallback({ with: () => ++asked });
  const never = () => new Promise<never>(() => {});
  await assert.rejects(policy.execute(never, { signal: AbortSignal.abort('before') }), (error) => error === 'before');
  const controller = new AbortController();
  const during = policy.execute(never, { signal: controller.signal });
  controller.abort('during');
  await assert.rejects(during, (error) => error === 'during');
  await clock.advance(0);
  assert.equal(asked, 0);
});

test('an abort while `with` is under way ends the call with the reason, and lets go of what comes late [98, K19]', async () => {
  const clock = new ManualClock();
  const controller = new AbortController();
  let give: (value: unknown) => void = () => {};
  const policy = fallback({ with: () => new Promise<unknown>((resolve) => (give = resolve)) });
  const settled = policy.execute(fail, { signal: controller.signal }).catch((error: unknown) => error);
  await clock.advance(0);
  controller.abort('enough');
  assert.equal(await settled, 'enough');
  let disposed = 0;
  give({ [Symbol.dispose]: () => disposed++ });
  await clock.advance(0);
  assert.equal(disposed, 1);
});

test('a verdict that comes after the abort asks for nothing, and tells nobody [98, 22, K19]', async () => {
  const clock = new ManualClock();
  const controller = new AbortController();
  const heard: unknown[] = [];
  let judge: (verdict: 'failure') => void = () => {};
  const policy = fallback({
    with: () => heard.push('asked'),
    classify: () => new Promise<'failure'>((resolve) => (judge = resolve)),
    onEvent: (event) => heard.push(event),
  });
  const settled = policy.execute(fail, { signal: controller.signal }).catch((error: unknown) => error);
  await clock.advance(0);
  controller.abort('enough');
  assert.equal(await settled, 'enough');
  judge('failure');
  await clock.advance(0);
  assert.deepEqual(heard, []);
});

test('answers a rejection of a policy further in: an open circuit is what it is for [98]', async () => {
  const policy = fallback({ value: 'other' });
  const open = new CircuitOpenError({ name: 'inner', message: 'open' });
  assert.equal(await policy.execute(() => Promise.reject(open)), 'other');
});

test('leaves an AbortError of the task itself alone, unless classify says otherwise [98]', async () => {
  const gone = Object.assign(new Error('gone'), { name: 'AbortError' });
  const task = () => Promise.reject(gone);
  await assert.rejects(fallback({ value: 'other' }).execute(task), (error) => error === gone);
  assert.equal(await fallback({ value: 'other', classify: () => 'failure' }).execute(task), 'other');
});

test('classify is asked about values too, and may answer by a promise [98]', async () => {
  const classify = (outcome: Outcome) => (outcome.ok && outcome.value === 'own' ? 'success' : 'failure');
  for (const policy of [
    fallback({ value: 'other', classify }),
    fallback({ value: 'other', classify: async (outcome) => classify(outcome) }),
  ]) {
    assert.equal(await policy.execute(() => 'own'), 'own');
    assert.equal(await policy.execute(async () => 'bad'), 'other');
    assert.equal(await policy.execute(() => 'bad'), 'other');
    assert.equal(await policy.execute(fail), 'other');
  }
});

test('what is ignored goes through as it is', async () => {
  const policy = fallback({ value: 'other', classify: () => 'ignore' });
  await assert.rejects(policy.execute(fail), (error) => error === boom);
  assert.equal(await policy.execute(() => 'own'), 'own');
});

test('lets go of a value that it replaces, and hands it to `with` as it is [K22]', async () => {
  const gone: string[] = [];
  const held = (name: string) => ({ [Symbol.dispose]: () => gone.push(name) });
  const classify = () => 'failure' as const;
  await fallback({ value: 'other', classify }).execute(() => held('replaced'));
  assert.deepEqual(gone, ['replaced']);
  const kept = held('handed on');
  assert.equal(await fallback({ with: ({ ok }) => ok, classify }).execute(() => kept), true);
  assert.deepEqual(gone, ['replaced']);
});

test('the number of a retry around it shows through [12]', async () => {
  const clock = new ManualClock();
  const attempts: number[] = [];
  const policy = pipeline(
    retry({ clock, backoff: constant({ delay: 0 }) }),
    fallback({
      with: (_, { attempt }) => {
        attempts.push(attempt);
        throw boom;
      },
    }),
  );
  await assert.rejects(policy.execute(fail));
  assert.deepEqual(attempts, [1, 2, 3]);
});

test('tells what it answers, and nothing when it has nothing to answer [98, 102]', async () => {
  const events: FallbackEvent[] = [];
  const policy = fallback({ value: 1, name: 'users', onEvent: (event) => events.push(event) });
  await policy.execute(() => 0);
  assert.deepEqual(events, []);
  await policy.execute(fail);
  assert.deepEqual(events, [
    { type: 'fallback', name: 'users', outcome: { ok: false, error: boom, abandoned: false } },
  ]);
});

test('a listener that throws changes nothing [101]', async () => {
  const reported: unknown[] = [];
  const before = onListenerError((error) => reported.push(error));
  const onEvent = () => {
    throw boom;
  };
  assert.equal(await fallback({ value: 'other', onEvent }).execute(fail), 'other');
  onListenerError(before);
  assert.deepEqual(reported, [boom]);
});

test('exactly one of value and with is to be given, and nothing unknown [7]', () => {
  const bad: [options: object | null, message: RegExp][] = [
    [{}, /^fallback: exactly one of value and with must be given$/],
    [{ value: 1, with: () => 1 }, /^fallback: exactly one of value and with must be given$/],
    [{ with: 1 }, /^fallback: with must be a function, got 1$/],
    [{ value: 1, classify: 'x' }, /^fallback: classify must be a function, got "x"$/],
    [{ value: 1, onEvent: 1 }, /^fallback: onEvent must be a function, got 1$/],
    [{ values: 1 }, /^fallback: unknown option "values"; did you mean "value"/],
    [null, /^fallback: options must be an object, got null$/],
  ];
  for (const [options, message] of bad) {
    assert.throws(() => fallback(options as FallbackOptions<unknown>), { name: 'TypeError', message });
  }
});

test('beside `with`, a value of undefined is none [7]', async () => {
  assert.equal(await fallback({ value: undefined, with: () => 'other' }).execute(fail), 'other');
});

test('options are not changed, and what is changed in them later has no effect [7, O2]', async () => {
  const options: FallbackOptions<string> = { value: 'other' };
  const policies = [fallback(Object.freeze({ ...options })), fallback(options)];
  Object.assign(options, { value: 'changed', classify: () => 'ignore' });
  for (const policy of policies) assert.equal(await policy.execute(fail), 'other');
});

test('a value for all calls is not let go of by one that is stopped with it on its way [15]', async () => {
  const seen = new Set<string>();
  for (let moment = 0; moment < 5; moment++) {
    let disposed = 0;
    const standIn = { [Symbol.dispose]: () => disposed++ };
    const policy = pipeline(timeout({ duration: 1_000 }), hedge(), fallback({ value: standIn }));
    const controller = new AbortController();
    const { signal } = controller;
    const result = watched(policy.execute(() => Promise.reject(boom), { signal }));
    for (let i = 0; i < moment; i++) await undefined;
    controller.abort();
    await turn();
    seen.add(Object.keys(result.now as object)[0] as string);
    assert.equal(disposed, 0);
  }
  assert.deepEqual([...seen].sort(), ['error', 'value']);
});
