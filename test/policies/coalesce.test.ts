import assert from 'node:assert/strict';
import { AsyncLocalStorage } from 'node:async_hooks';
import fc from 'fast-check';
import { describe, test } from 'vitest';
import { TimeoutError } from '../../src/core/errors.ts';
import { held } from '../../src/core/held.ts';
import { pipeline } from '../../src/core/pipeline.ts';
import type { CallOptions, Context, Policy, Task } from '../../src/core/policy.ts';
import { bulkhead } from '../../src/policies/bulkhead.ts';
import { type CoalesceEvent, type CoalesceOptions, coalesce } from '../../src/policies/coalesce.ts';
import { hedge } from '../../src/policies/hedge.ts';
import { retry } from '../../src/policies/retry.ts';
import { timeout } from '../../src/policies/timeout.ts';
import { ManualClock } from '../../src/testing/manual-clock.ts';
import { policyLaws } from '../../src/testing/policy-laws.ts';
import { type Deferred, deferred, givings, inEachWay, reported, turn, watched } from '../core/support.ts';

const boom = new Error('boom');

/** A task whose runs are settled by hand. */
function byHand() {
  const runs: (Deferred<unknown> & { context: Context })[] = [];
  const task: Task<unknown> = (context) => {
    const run = { ...deferred(), context };
    // What was asked for the signal aborts with it.
    void context.signal;
    runs.push(run);
    return run.promise;
  };
  return { task, runs };
}

/** Callers of one key at once, each with a signal of his own. */
function callers(policy: Policy<unknown>, task: Task<unknown>, count: number, options: CallOptions = {}) {
  return Array.from({ length: count }, () => {
    const controller = new AbortController();
    const promise = policy.execute(task, { ...options, signal: controller.signal });
    return { controller, state: watched(promise) };
  });
}

test('calls of one key share one run; those of another key, and later ones, do not', async () => {
  const shared = coalesce();
  const { task, runs } = byHand();
  const results = [shared.for('a'), shared.for('a'), shared.for('b'), shared.for('a')].map((policy) =>
    policy.execute(task),
  );
  assert.equal(runs.length, 2);
  assert.equal(shared.size, 2);
  runs[0]?.resolve('A');
  runs[1]?.resolve('B');
  assert.deepEqual(await Promise.all(results), ['A', 'A', 'B', 'A']);
  assert.equal(shared.size, 0);
  const later = shared.for('a').execute(task);
  assert.equal(runs.length, 3);
  runs[2]?.resolve('A2');
  assert.equal(await later, 'A2');
});

test('an error is given to all who wait, as it is, and is gone before they hear of it [99]', async () => {
  const shared = coalesce();
  const { task, runs } = byHand();
  const found: number[] = [];
  const again: Promise<unknown>[] = [];
  const calls = [1, 2, 3].map(() =>
    shared
      .for('a')
      .execute(task)
      .catch((error: unknown) => {
        found.push(shared.size);
        again.push(shared.for('a').execute(task));
        return error;
      }),
  );
  runs[0]?.reject(boom);
  assert.deepEqual(await Promise.all(calls), [boom, boom, boom]);
  // The first to hear of it began anew, and the others joined that.
  assert.deepEqual(found, [0, 1, 1]);
  assert.equal(runs.length, 2);
  runs[1]?.resolve('it');
  assert.deepEqual(await Promise.all(again), ['it', 'it', 'it']);
});

inEachWay(
  'what is given in one go, thrown, or given by a thenable is shared all the same [2, 3, 4, 5]',
  async (call) => {
    const shared = coalesce();
    for (const { value, error } of Object.values(givings)) {
      for (const thing of [undefined, null, 0, '', false]) {
        assert.deepEqual(await Promise.all([1, 2].map(() => call(shared.for('a'), value(thing)))), [thing, thing]);
      }
      await assert.rejects(call(shared.for('a'), error(boom)), boom);
      assert.equal(shared.size, 0);
    }
    assert.throws(() => coalesce(null as never), TypeError);
    await assert.rejects(shared.for('a').execute('task' as never), /the task must be a function, got string/);
    assert.equal(shared.size, 0);
  },
);

test('keys are told apart as a Map does [100]', async () => {
  const shared = coalesce<unknown>();
  const keys = [undefined, null, Number.NaN, 0, '', '0', 'null', {}, {}, '__proto__', 'x'.repeat(1 << 20)];
  const { task, runs } = byHand();
  for (const key of [...keys, ...keys, -0]) void shared.for(key).execute(task);
  assert.equal(runs.length, keys.length);
  assert.equal(shared.size, keys.length);
  for (const run of runs) run.resolve('it');
  await turn();
  assert.equal(shared.size, 0);
});

test('one waiter’s abort leaves the others alone; the last one’s aborts the work [99]', async () => {
  for (const order of [
    [0, 1, 2],
    [2, 1, 0],
    [1, 0, 2],
  ]) {
    const shared = coalesce();
    const { task, runs } = byHand();
    const waiters = callers(shared.for('a'), task, 3);
    for (const [nth, i] of order.entries()) {
      assert.equal(runs[0]?.context.signal.aborted, false);
      waiters[i]?.controller.abort(`gone ${i}`);
      await turn();
      assert.deepEqual(waiters[i]?.state.now, { error: `gone ${i}` });
      assert.equal(shared.size, nth < 2 ? 1 : 0);
      for (const left of order.slice(nth + 1)) assert.equal(waiters[left]?.state.now, 'pending');
    }
    assert.equal(runs[0]?.context.signal.reason, `gone ${order[2]}`);
    assert.equal(runs.length, 1);
  }
});

test('whoever comes after the last one has left begins anew [99]', async () => {
  const shared = coalesce();
  const { task, runs } = byHand();
  const [alone] = callers(shared.for('a'), task, 1);
  alone?.controller.abort('gone');
  await turn();
  const next = shared.for('a').execute(task);
  assert.equal(runs.length, 2);
  runs[0]?.resolve('late');
  await turn();
  assert.equal(shared.size, 1);
  runs[1]?.resolve('it');
  assert.equal(await next, 'it');
});

test('the others get the value after the first caller, whose task it is, has gone [99]', async () => {
  const shared = coalesce();
  const { task, runs } = byHand();
  const waiters = callers(shared.for('a'), task, 3);
  waiters[0]?.controller.abort('gone');
  await turn();
  runs[0]?.resolve('it');
  await turn();
  assert.deepEqual(
    waiters.map(({ state }) => state.now),
    [{ error: 'gone' }, { value: 'it' }, { value: 'it' }],
  );
  // Nobody is left to be heard.
  waiters[1]?.controller.abort();
  await turn();
  assert.equal(runs[0]?.context.signal.aborted, false);
});

test('a value that comes when nobody waits any more is disposed of [15]', async () => {
  const shared = coalesce();
  const { task, runs } = byHand();
  const [alone] = callers(shared.for('a'), task, 1);
  alone?.controller.abort('gone');
  await turn();
  let disposed = 0;
  runs[0]?.resolve({ [Symbol.dispose]: () => disposed++ });
  await turn();
  assert.equal(disposed, 1);
});

test('a value that several got is disposed of when the last of them is stopped with it on its way [15, 99]', async () => {
  const clock = new ManualClock();
  for (const gone of [[0], [1], [0, 2], [0, 1, 2]]) {
    let most = 0;
    // At some moment it has been given, and has not yet come out of the pipelines.
    for (let moment = 0; moment < 10; moment++) {
      const shared = coalesce();
      const { task, runs } = byHand();
      const waiters = callers(pipeline(timeout({ duration: 1_000, clock }), shared.for('a')), task, 3);
      await turn();
      let disposed = 0;
      runs[0]?.resolve({ [Symbol.dispose]: () => disposed++ });
      for (let i = 0; i < moment; i++) await undefined;
      for (const i of gone) waiters[i]?.controller.abort();
      await turn();
      const without = waiters.filter(({ state }) => 'error' in (state.now as object)).length;
      assert.equal(disposed, without === 3 ? 1 : 0);
      most = Math.max(most, without);
    }
    assert.equal(most, gone.length);
  }
});

test('a hedge outside, whose calls all share one run, leaves the value to the caller [93]', async () => {
  const clock = new ManualClock();
  const { task, runs } = byHand();
  const result = pipeline(hedge({ delay: 10, maxHedges: 2, clock }), coalesce().for('a')).execute(task);
  await clock.advance(50);
  assert.equal(runs.length, 1);
  let disposed = 0;
  const value = { [Symbol.dispose]: () => disposed++ };
  runs[0]?.resolve(value);
  assert.equal(await result, value);
  await clock.advance(50);
  assert.equal(disposed, 0);
});

test('a signal that has aborted before joins nothing, and a waiter’s timeout takes nobody with it [1, 99]', async () => {
  const clock = new ManualClock();
  const shared = coalesce();
  const { task, runs } = byHand();
  await assert.rejects(
    shared.for('a').execute(task, { signal: AbortSignal.abort('gone') }),
    (error) => error === 'gone',
  );
  assert.equal(runs.length, 0);
  const quick = watched(pipeline(timeout({ duration: 10, clock }), shared.for('a')).execute(task));
  const slow = watched(pipeline(timeout({ duration: 50, clock }), shared.for('a')).execute(task));
  await clock.advance(10);
  assert.ok((quick.now as unknown as { error: unknown }).error instanceof TimeoutError);
  assert.equal(slow.now, 'pending');
  await clock.advance(40);
  assert.ok((slow.now as unknown as { error: unknown }).error instanceof TimeoutError);
  assert.ok(runs[0]?.context.signal.reason instanceof TimeoutError);
  assert.equal(runs.length, 1);
  assert.equal(clock.pending, 0);
});

test('a patient caller waits for the work if he is the last, and for nobody else’s [44]', async () => {
  const clock = new ManualClock();
  const shared = coalesce();
  const { task, runs } = byHand();
  const patient = (duration: number) =>
    watched(pipeline(timeout({ duration, mode: 'cooperative', clock }), shared.for('a')).execute(task));
  const [first, last] = [patient(10), patient(20)];
  await clock.advance(10);
  assert.ok((first.now as unknown as { error: unknown }).error instanceof TimeoutError);
  assert.equal(runs[0]?.context.signal.aborted, false);
  await clock.advance(90);
  assert.equal(last.now, 'pending');
  assert.ok(runs[0]?.context.signal.aborted);
  assert.equal(shared.size, 0);
  runs[0]?.resolve('late');
  await clock.advance(0);
  assert.ok((last.now as unknown as { error: unknown }).error instanceof TimeoutError);
});

test('the work has the priority and cost of the first call, and the latest deadline of all who wait', async () => {
  const shared = coalesce();
  const { task, runs } = byHand();
  const controller = new AbortController();
  void shared.for('a').execute(task, { priority: 3, cost: 2, deadline: 100 });
  const context = runs[0]?.context as Context;
  assert.deepEqual([context.attempt, context.priority, context.cost, context.deadline], [1, 3, 2, 100]);
  const second = shared.for('a').execute(task, { priority: 9, deadline: 500, signal: controller.signal });
  assert.deepEqual([context.priority, context.deadline], [3, 500]);
  void shared.for('a').execute(task, { deadline: 200 });
  const left = assert.rejects(second);
  controller.abort();
  await left;
  assert.equal(context.deadline, 200);
  void shared.for('a').execute(task);
  assert.equal(context.deadline, Infinity);
  runs[0]?.resolve('it');
});

test('a retry inside goes on for as long as somebody can still wait', async () => {
  const clock = new ManualClock();
  const shared = coalesce();
  let tries = 0;
  const policy = pipeline(shared.for('a'), retry({ maxAttempts: 10, backoff: () => 10, clock }));
  const failing = () => {
    tries++;
    return Promise.reject(boom);
  };
  const results = [{ deadline: 25 }, { deadline: 45 }].map((options) => watched(policy.execute(failing, options)));
  await clock.advance(100);
  // At 0, 10, 20, 30 and 40.
  assert.equal(tries, 5);
  assert.deepEqual(
    results.map(({ now }) => now),
    [{ error: boom }, { error: boom }],
  );
});

test('what is inside a pipeline is shared, what is outside is each caller’s own', async () => {
  const clock = new ManualClock();
  const shared = coalesce();
  const inside = bulkhead({ maxConcurrent: 1, clock });
  const outside = bulkhead({ maxConcurrent: 3, clock });
  const policy = pipeline(outside, shared.for('a'), inside);
  const { task, runs } = byHand();
  const waiters = callers(policy, task, 3);
  assert.deepEqual([outside.running, inside.running], [3, 1]);
  // The slot of the first stays, as his work goes on; that of another does not.
  waiters[0]?.controller.abort();
  waiters[1]?.controller.abort();
  await turn();
  assert.deepEqual([outside.running, inside.running], [2, 1]);
  runs[0]?.resolve('it');
  await turn();
  assert.deepEqual([outside.running, inside.running], [0, 0]);
  assert.deepEqual(waiters[2]?.state.now, { value: 'it' });
});

test('what the work holds, the guards of all who wait for it wait for [R11]', async () => {
  const clock = new ManualClock();
  const shared = coalesce();
  const slots = bulkhead({ maxConcurrent: 3, clock });
  const body = deferred();
  const { task, runs } = byHand();
  const waiters = callers(pipeline(slots, shared.for('a')), task, 3);
  runs[0]?.resolve(held('it', body.promise));
  await turn();
  assert.deepEqual(
    waiters.map(({ state }) => state.now),
    [{ value: 'it' }, { value: 'it' }, { value: 'it' }],
  );
  assert.deepEqual([slots.running, shared.size], [3, 0]);
  for (const { controller } of waiters.slice(1)) controller.abort();
  await turn();
  assert.equal(runs[0]?.context.signal.aborted, false);
  body.resolve('read');
  await turn();
  assert.equal(slots.running, 0);
});

test('the body that the work holds ends when the last who has got it is gone [R11]', async () => {
  const shared = coalesce();
  const { task, runs } = byHand();
  const waiters = callers(shared.for('a'), task, 2);
  runs[0]?.resolve(held('it', new Promise(() => {})));
  await turn();
  waiters[0]?.controller.abort('one');
  await turn();
  assert.equal(runs[0]?.context.signal.aborted, false);
  waiters[1]?.controller.abort('other');
  await turn();
  assert.equal(runs[0]?.context.signal.reason, 'other');
});

test('a task that calls its own key in its own context runs, and does not wait for itself [8]', async () => {
  const shared = coalesce();
  const policy = shared.for('a');
  const result = await policy.execute(async (context) => [
    await policy.execute(() => 'inner', context),
    await pipeline(policy, retry()).execute(async () => 'further in', context),
    await shared.for('b').execute((deeper) => policy.execute(() => 'deeper', deeper), context),
  ]);
  assert.deepEqual(result, ['inner', 'further in', 'deeper']);
});

test('each caller keeps his own async context; the task runs in that of the first [81]', async () => {
  const shared = coalesce();
  const storage = new AsyncLocalStorage<string>();
  const { task, runs } = byHand();
  const seen: unknown[] = [];
  const noting: Task<unknown> = async (context) => {
    seen.push(storage.getStore());
    await task(context);
    seen.push(storage.getStore());
  };
  const calls = ['ada', 'grace', 'edsger'].map((caller) =>
    storage
      .run(caller, () => pipeline(bulkhead({ maxConcurrent: 1 }), shared.for('a')).execute(noting))
      .then(() => caller),
  );
  const after = ['ada', 'grace'].map((caller) =>
    storage.run(caller, async () => {
      await shared.for('a').execute(noting);
      return storage.getStore();
    }),
  );
  runs[0]?.resolve('it');
  await Promise.all(calls);
  assert.deepEqual(await Promise.all(after), ['ada', 'grace']);
  assert.deepEqual(seen, ['ada', 'ada']);
});

test('those who join are told of, and a listener that throws changes nothing [101]', async () => {
  const events: CoalesceEvent[] = [];
  const onEvent = (event: CoalesceEvent) => {
    events.push(event);
    throw boom;
  };
  const shared = coalesce({ name: 'users', onEvent });
  const results = [1, 2, 3].map(() => shared.for('ada').execute(async () => 'it'));
  assert.deepEqual(await Promise.all(results), ['it', 'it', 'it']);
  assert.deepEqual(events, [
    { type: 'joined', name: 'users', key: 'ada', waiting: 2 },
    { type: 'joined', name: 'users', key: 'ada', waiting: 3 },
  ]);
  assert.deepEqual(reported.splice(0), [boom, boom]);
});

test('options that are unknown, or of a wrong type, are errors that say so [7]', () => {
  for (const [options, error] of [
    [{ name: 5 }, /coalesce: name must be a string, got 5/],
    [{ onEvent: {} }, /coalesce: onEvent must be a function/],
    [{ ttl: 5 }, /coalesce: unknown option "ttl"/],
  ] as [CoalesceOptions, RegExp][]) {
    assert.throws(() => coalesce(options), error);
  }
});

describe('coalescing keeps the laws of all policies, where keys differ', () => {
  const apart = (): Policy => {
    const shared = coalesce<number>();
    let key = 0;
    return { execute: (task, options) => shared.for(key++).execute(task, options) };
  };
  for (const [law, property] of policyLaws({ fc, policy: apart })) {
    test(`${law} [1, 2, 3, 4, 5, 8, 13, 48]`, () => fc.assert(property));
  }
});

describe('and under one key, all but the one that keeps calls apart', () => {
  const laws = policyLaws({ fc, policy: () => coalesce().for('key') });
  const kept = laws.filter(([law]) => !law.startsWith('keeps calls apart'));
  assert.equal(kept.length, laws.length - 1);
  for (const [law, property] of kept) test(`${law} [1, 2, 3, 4, 5, 8, 13, 48]`, () => fc.assert(property));
});

test('two runs that wait for each other do not hang: the one that would close the circle runs at once', async () => {
  const shared = coalesce();
  const run = (own: string, other: string): Promise<string> =>
    shared.for(own).execute(async (context) => {
      await turn();
      return shared.for(other).execute(async () => `${own} for ${other}`, context);
    });
  assert.deepEqual(await Promise.all([run('a', 'b'), run('b', 'a')]), ['b for a', 'b for a']);
});

test('however many wait for the work a call is made in, to join other work takes it no longer', async () => {
  const works = coalesce();
  const outer = deferred<number>();
  let inside: Context | undefined;
  const pages = [
    works.for('page').execute((context) => {
      inside = context;
      return outer.promise;
    }),
  ];
  const part = deferred<number>();
  const parts = [works.for('part').execute(() => part.promise)];
  // If each looked at all who wait for the page, that would take half a minute.
  for (let i = 0; i < 20_000; i++) pages.push(works.for('page').execute(() => 0));
  for (let i = 0; i < 20_000; i++) parts.push(works.for('part').execute(() => 0, inside));
  part.resolve(1);
  outer.resolve(2);
  assert.deepEqual(new Set(await Promise.all(parts)), new Set([1]));
  assert.deepEqual(new Set(await Promise.all(pages)), new Set([2]));
});
