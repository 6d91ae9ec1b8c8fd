import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { test } from 'vitest';
import { type Follower, Followers, followSignal, unfollow } from '../../src/core/abort.ts';
import { guard, pipeline, recovery } from '../../src/core/pipeline.ts';
import type { Context, Policy } from '../../src/core/policy.ts';
import { bulkhead } from '../../src/policies/bulkhead.ts';
import { retry } from '../../src/policies/retry.ts';
import { timeout } from '../../src/policies/timeout.ts';
import { ManualClock } from '../../src/testing/manual-clock.ts';
import { deferred, givings, turn, watched } from './support.ts';

const boom = new Error('boom');
const listeners = (signal: AbortSignal): number => getEventListeners(signal, 'abort').length;

/** One that writes down how it ended. */
function follower(log: string[], name: string, then = (): void => {}): Follower {
  return {
    previous: undefined,
    next: undefined,
    end(reason, gently) {
      log.push(`${name}: ${reason}${gently ? ', gently' : ''}`);
      then();
    },
  };
}

test('all who follow are told, in the order they came, and those who have left are not [48]', () => {
  const log: string[] = [];
  const followers = new Followers();
  const [a, b, c] = ['a', 'b', 'c'].map((name) => follower(log, name)) as [Follower, Follower, Follower];
  for (const each of [a, b, c]) followers.add(each);
  unfollow(b);
  unfollow(b);
  followers.end('gone', false);
  assert.deepEqual(log, ['a: gone', 'c: gone']);
});

test('one who leaves, or comes, while the others are told is not told [48]', () => {
  const log: string[] = [];
  const followers = new Followers();
  const last = follower(log, 'last');
  const late = follower(log, 'late');
  const first = follower(log, 'first', () => {
    unfollow(first);
    unfollow(last);
    followers.add(late);
  });
  for (const each of [first, follower(log, 'middle'), last]) followers.add(each);
  followers.end('gone', true);
  assert.deepEqual(log, ['first: gone, gently', 'middle: gone, gently']);
});

test('the caller’s signal carries one listener of ours, however many calls follow it, and none a turn later [48]', async () => {
  const controller = new AbortController();
  const { signal } = controller;
  const clock = new ManualClock();
  const policies: Policy[] = [
    pipeline(),
    guard({ leave() {} }),
    timeout({ duration: 100, clock }),
    bulkhead({ maxConcurrent: 1_000 }),
    retry(),
    pipeline(
      guard({}),
      { execute: (task, context) => task(context as Context) } as Policy,
      timeout({ duration: 100, clock }),
    ),
    { execute: (task, options) => guard({}).execute((context) => guard({}).execute(task, context), options) },
  ];
  const gate = deferred();
  const calls = policies.flatMap((policy) =>
    Array.from({ length: 50 }, () => policy.execute(() => gate.promise, { signal })),
  );
  assert.equal(listeners(signal), 1);
  gate.resolve('value');
  await Promise.all(calls);
  await turn();
  await turn();
  assert.equal(listeners(signal), 0);
  // And again.
  await guard({}).execute(() => 'value', { signal });
  assert.equal(listeners(signal), 1);
  await turn();
  assert.equal(listeners(signal), 0);
});

test('calls one after another keep that listener, and a hundred thousand of them leave none [48, K9]', async () => {
  const { signal } = new AbortController();
  const policy = guard({ leave() {} });
  let most = 0;
  for (let i = 0; i < 100_000; i++) {
    await policy.execute(async () => i, { signal });
    if (i % 1_000 === 0) most = Math.max(most, listeners(signal));
  }
  assert.equal(most, 1);
  await turn();
  assert.equal(listeners(signal), 0);
});

test('calls in the context of another put nothing on the caller’s signal, nor leave anything on the context’s [48]', async () => {
  const { signal } = new AbortController();
  await guard({ leave() {} }).execute(
    async (context) => {
      for (let i = 0; i < 1_000; i++) await timeout({ duration: 1_000 }).execute(async () => i, context);
      assert.equal(listeners(signal), 1);
      assert.equal(listeners(context.signal), 0);
    },
    { signal },
  );
  await turn();
  assert.equal(listeners(signal), 0);
});

test('the listener is gone after each way a call can end [48]', async () => {
  const clock = new ManualClock();
  const never = (): Promise<never> => new Promise(() => {});
  const policies: Record<string, Policy> = {
    'a guard': guard({ leave() {} }),
    'a timeout': timeout({ duration: 100, clock }),
    'a recovery': recovery({ recover() {} }),
    'a guard that turns away': guard({
      enter() {
        throw boom;
      },
    }),
    'a guard that waits and turns away': guard({ enter: () => turn().then(() => Promise.reject(boom)) }),
    'an around that throws': pipeline({
      execute() {
        throw boom;
      },
    } as Policy),
  };
  for (const [what, policy] of Object.entries(policies)) {
    const controller = new AbortController();
    const { signal } = controller;
    for (const { value, error } of Object.values(givings)) {
      await policy.execute(value('value'), { signal }).catch(() => {});
      await policy.execute(error(boom), { signal }).catch(() => {});
    }
    const stopped = watched(timeout({ duration: 100, clock }).execute(never, { signal }));
    await clock.advance(100);
    assert.notEqual(stopped.now, 'pending');
    await turn();
    assert.equal(listeners(signal), 0, what);
    const aborted = watched(policy.execute(never, { signal }));
    controller.abort(boom);
    await turn();
    await turn();
    assert.deepEqual(aborted.now, { error: boom });
    assert.equal(listeners(signal), 0, what);
  }
});

test('a task may still hear of the abort when its caller has been let go of otherwise [48, 46]', async () => {
  const clock = new ManualClock();
  const { signal } = new AbortController();
  let heard: unknown;
  const state = watched(
    timeout({ duration: 100, clock }).execute(
      (context) => {
        context.signal.addEventListener('abort', () => (heard = context.signal.reason));
        return new Promise(() => {});
      },
      { signal },
    ),
  );
  await clock.advance(100);
  assert.deepEqual(state.now, { error: heard });
  await turn();
  assert.equal(listeners(signal), 0);
});

test('an abort is heard a microtask later, after what had already arrived [18, R8]', async () => {
  const controller = new AbortController();
  const log: string[] = [];
  followSignal(controller.signal, follower(log, 'call'));
  controller.abort('gone');
  assert.deepEqual(log, []);
  await Promise.resolve();
  assert.deepEqual(log, ['call: gone']);
});

test('signals of the platform are followed like any other, and their reasons handed on [42]', async () => {
  const never = (): Promise<never> => new Promise(() => {});
  const policy = guard({ leave() {} });
  const elapsed = AbortSignal.timeout(1);
  await assert.rejects(policy.execute(never, { signal: elapsed }), (error) => error === elapsed.reason);
  const one = new AbortController();
  const any = policy.execute(never, { signal: AbortSignal.any([one.signal, new AbortController().signal]) });
  one.abort(boom);
  await assert.rejects(any, boom);
});
