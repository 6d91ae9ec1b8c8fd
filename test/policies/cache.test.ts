import assert from 'node:assert/strict';
import { AsyncLocalStorage } from 'node:async_hooks';
import fc from 'fast-check';
import { describe, expectTypeOf, test } from 'vitest';
import { concurrentRetryBudget, retryBudget } from '../../src/algorithms/budgets.ts';
import { LruCache } from '../../src/algorithms/lru-cache.ts';
import { tokenBucket } from '../../src/algorithms/token-bucket.ts';
import { consecutiveFailures } from '../../src/algorithms/trip-rules.ts';
import { RejectedError } from '../../src/core/errors.ts';
import { held } from '../../src/core/held.ts';
import { guard, pipeline } from '../../src/core/pipeline.ts';
import type { CallOptions, Context, Policy, Task } from '../../src/core/policy.ts';
import { bulkhead } from '../../src/policies/bulkhead.ts';
import { type CachePolicyOptions, cache } from '../../src/policies/cache.ts';
import { circuitBreaker } from '../../src/policies/circuit-breaker.ts';
import { fallback } from '../../src/policies/fallback.ts';
import { rateLimit } from '../../src/policies/rate-limit.ts';
import { retry } from '../../src/policies/retry.ts';
import { timeout } from '../../src/policies/timeout.ts';
import { ManualClock } from '../../src/testing/manual-clock.ts';
import { policyLaws } from '../../src/testing/policy-laws.ts';
import { seededRandom } from '../../src/testing/seeded-random.ts';
import { type Deferred, deferred, givings, inEachWay, reported, turn, watched } from '../core/support.ts';

const boom = new Error('boom');
const forbidden = (): never => assert.fail('must not be called');

/** A task whose runs are settled by hand. */
function byHand() {
  const runs: (Deferred<unknown> & { context: Context })[] = [];
  const task: Task<unknown> = (context) => {
    const run = { ...deferred(), context };
    void context.signal;
    runs.push(run);
    return run.promise;
  };
  return { task, runs };
}

/** A cache on a clock of its own, and what it tells. */
function setUp(options: CachePolicyOptions<string, unknown> = {}) {
  const clock = new ManualClock();
  const events: string[] = [];
  const kept = cache<string>({
    clock,
    random: () => 0.5,
    onEvent: ({ type, name, key, ...more }) => {
      assert.equal(name, 'cache');
      const extra = Object.values(more).map((each) => ` ${each instanceof Error ? each.message : each}`);
      events.push(`${type} ${key}${extra.join('')}`);
    },
    ...options,
  });
  return { clock, kept, events, read: () => events.splice(0) };
}

/** Callers of one key at once, each with a signal of his own. */
function callers(policy: Policy<unknown>, task: Task<unknown>, count: number, options: CallOptions = {}) {
  return Array.from({ length: count }, () => {
    const controller = new AbortController();
    const promise = policy.execute(task, { ...options, signal: controller.signal });
    return { controller, state: watched(promise) };
  });
}

test('runs the task for what it has not got, and gives what it has', async () => {
  const { kept, read } = setUp();
  let runs = 0;
  const load = async () => `value ${++runs}`;
  assert.equal(await kept.for('a').execute(load), 'value 1');
  assert.equal(await kept.for('a').execute(load), 'value 1');
  assert.equal(await kept.for('b').execute(load), 'value 2');
  assert.deepEqual(read(), ['miss a 1', 'hit a', 'miss b 1']);
  kept.delete('a');
  assert.equal(await kept.for('a').execute(load), 'value 3');
  kept.set('a', 'set');
  assert.equal(await kept.for('a').execute(load), 'set');
  kept.clear();
  assert.equal(await kept.for('b').execute(load), 'value 4');
  assert.equal(kept.store.get('b'), 'value 4');
});

inEachWay('keeps what is given in any way, nothing included, and no errors [2, 3, 4, 5, 99]', async (call) => {
  const kept = cache();
  for (const { value, error } of Object.values(givings)) {
    for (const thing of [undefined, null, 0, '', false]) {
      assert.deepEqual(await Promise.all([1, 2].map(() => call(kept.for('a'), value(thing)))), [thing, thing]);
      assert.equal(await call(kept.for('a'), forbidden), thing);
      kept.delete('a');
    }
    await assert.rejects(call(kept.for('a'), error(boom)), boom);
    assert.equal(kept.store.size, 0);
  }
  await assert.rejects(kept.for('a').execute('task' as never), /the task must be a function, got string/);
  assert.equal(await call(kept.for('a'), () => 'later'), 'later');
});

test('keys are told apart as a Map does [100]', async () => {
  const kept = cache<unknown>();
  const keys = [undefined, null, Number.NaN, 0, '', '0', 'null', {}, {}, '__proto__', 'constructor', 1, '1'];
  let runs = 0;
  for (const key of [...keys, ...keys]) await kept.for(key).execute(() => runs++);
  assert.equal(runs, keys.length);
  assert.equal(await kept.for(-0).execute(forbidden), 3);
});

test('a call gives what its task gives, to the type checker too', () => {
  const kept = cache<number, string>({ ttl: (value, key) => value.length + key });
  expectTypeOf(kept.for(1).execute(async () => 'text')).toEqualTypeOf<Promise<string>>();
  expectTypeOf(pipeline(kept.for(1), fallback({ value: 5 })).execute(() => 'text')).toEqualTypeOf<
    Promise<string | number>
  >();
  // @ts-expect-error the key is a number
  kept.for('1');
  cache({ store: new LruCache<string, unknown>({ maxEntries: 1 }) });
});

test('ten thousand calls at once make one load', async () => {
  const kept = cache();
  const { task, runs } = byHand();
  const calls = Array.from({ length: 10_000 }, () => kept.for('a').execute(task));
  assert.equal(runs.length, 1);
  runs[0]?.resolve('it');
  assert.deepEqual(new Set(await Promise.all(calls)), new Set(['it']));
});

test('one waiter’s abort leaves the others alone; the last one’s aborts the load, and nothing of it is kept [99]', async () => {
  const { kept } = setUp();
  const { task, runs } = byHand();
  const waiters = callers(kept.for('a'), task, 3);
  for (const [i, { controller, state }] of waiters.entries()) {
    assert.equal(runs[0]?.context.signal.aborted, false);
    controller.abort(`gone ${i}`);
    await turn();
    assert.deepEqual(state.now, { error: `gone ${i}` });
  }
  assert.equal(runs[0]?.context.signal.reason, 'gone 2');
  const next = kept.for('a').execute(task);
  assert.equal(runs.length, 2);
  runs[0]?.resolve('late');
  await turn();
  assert.equal(kept.store.size, 0);
  runs[1]?.resolve('it');
  assert.equal(await next, 'it');
  assert.equal(kept.store.get('a'), 'it');
});

test('an error is given to all who wait, and is gone before they hear of it [99]', async () => {
  const kept = cache();
  const { task, runs } = byHand();
  const again: Promise<unknown>[] = [];
  const calls = [1, 2, 3].map(() =>
    kept
      .for('a')
      .execute(task)
      .catch((error: unknown) => {
        again.push(kept.for('a').execute(task));
        return error;
      }),
  );
  runs[0]?.reject(boom);
  assert.deepEqual(await Promise.all(calls), [boom, boom, boom]);
  assert.equal(runs.length, 2);
  runs[1]?.resolve('it');
  assert.deepEqual(await Promise.all(again), ['it', 'it', 'it']);
});

test('a hit looks at nothing else of a pipeline, and a miss at all of it [112]', async () => {
  const clock = new ManualClock();
  let entered = 0;
  const watching = guard({ enter: () => void entered++, watch: () => void entered++ });
  const breaker = circuitBreaker({ trip: consecutiveFailures({ count: 1 }), clock });
  const slots = bulkhead({ maxConcurrent: 1, clock });
  const limit = rateLimit({ meter: tokenBucket({ limit: 1, interval: 1e9 }), clock });
  const kept = cache({ clock });
  const policy = (key: string) =>
    pipeline(fallback({ value: 'fallback' }), kept.for(key), watching, breaker, limit, slots);
  assert.equal(await policy('a').execute(async () => 'it'), 'it');
  assert.ok(entered > 0);
  entered = 0;
  for (let i = 0; i < 3; i++) {
    assert.equal(await policy('a').execute(forbidden), 'it');
    assert.equal(await policy('a').execute(forbidden, { signal: new AbortController().signal }), 'it');
  }
  assert.equal(entered, 0);
  // The one permit is spent, the slot taken, the circuit open: what is kept is given all the same.
  assert.equal(await policy('b').execute(forbidden), 'fallback');
  const hanging = slots.execute(() => new Promise(() => {}));
  await assert.rejects(breaker.execute(() => Promise.reject(boom)));
  assert.equal(breaker.state, 'open');
  assert.equal(await policy('a').execute(forbidden), 'it');
  assert.equal(slots.running, 1);
  void hanging;
});

test('a signal that has aborted gets its reason, also of what is kept [1]', async () => {
  const { kept } = setUp();
  kept.set('a', 'it');
  await assert.rejects(
    kept.for('a').execute(forbidden, { signal: AbortSignal.abort('gone') }),
    (error) => error === 'gone',
  );
  await assert.rejects(kept.for('a').execute(forbidden, { deadline: Number.NaN }), RangeError);
  let late: Promise<unknown> | undefined;
  const controller = new AbortController();
  const outer = pipeline().execute(
    async (context) => {
      controller.abort('gone');
      await turn();
      late = kept.for('a').execute(forbidden, context);
      return late;
    },
    { signal: controller.signal },
  );
  await assert.rejects(outer, (error) => error === 'gone');
  await turn();
  await assert.rejects(late as Promise<unknown>, (error) => error === 'gone');
});

test('a value is fresh for its ttl, to the millisecond, and is then loaded anew', async () => {
  const { clock, kept } = setUp({ ttl: 100 });
  let runs = 0;
  const load = () => ++runs;
  assert.equal(await kept.for('a').execute(load), 1);
  await clock.advance(99);
  assert.equal(await kept.for('a').execute(load), 1);
  await clock.advance(1);
  assert.equal(await kept.for('a').execute(load), 2);
  assert.equal(clock.pending, 0);
});

test('a ttl may follow from the value and its key; 0 keeps nothing, Infinity for good', async () => {
  const { clock, kept } = setUp({ ttl: (value, key) => (key === 'good' ? Infinity : Number(value)) });
  let runs = 0;
  const load = (ttl: number) => () => {
    runs++;
    return ttl;
  };
  for (const [key, ttl] of [
    ['a', 50],
    ['b', 0],
    ['good', 0],
  ] as const)
    await kept.for(key).execute(load(ttl));
  await kept.for('b').execute(load(0));
  assert.equal(runs, 4);
  await clock.advance(49);
  await kept.for('a').execute(forbidden);
  await clock.advance(1e12);
  await kept.for('good').execute(forbidden);
  await kept.for('a').execute(load(1));
  assert.equal(runs, 5);
  await assert.rejects(
    kept.for('bad').execute(load(Number.NaN)),
    /cache: ttl must be a number of milliseconds, 0 or more/,
  );
  await assert.rejects(kept.for('bad').execute(load(-1)), RangeError);
});

test('jitter shortens a ttl by a random share, and never lengthens it', async () => {
  const random = seededRandom(7);
  const { kept } = setUp({ ttl: 1_000, jitter: 0.2, random });
  const lives = Array.from({ length: 1_000 }, (_, i) => {
    kept.set(`${i}`, i);
    return kept.store.remainingTtl(`${i}`) as number;
  });
  assert.ok(Math.min(...lives) > 800 && Math.min(...lives) < 805);
  assert.ok(Math.max(...lives) <= 1_000 && Math.max(...lives) > 995);
});

test('a stale value is given at once while a new one is loaded behind, once for all, until its time is over', async () => {
  const { clock, kept, read } = setUp({ ttl: 100, staleWhileRevalidate: 50 });
  const { task, runs } = byHand();
  kept.set('a', 'old');
  await clock.advance(100);
  assert.deepEqual(await Promise.all([1, 2].map(() => kept.for('a').execute(task))), ['old', 'old']);
  assert.equal(runs.length, 1);
  assert.deepEqual(read(), ['stale a', 'stale a']);
  await clock.advance(49);
  assert.equal(await kept.for('a').execute(task), 'old');
  await clock.advance(1);
  // Now its time is over: who comes waits for the load that is under way.
  const waiting = kept.for('a').execute(task);
  assert.equal(runs.length, 1);
  runs[0]?.resolve('new');
  assert.equal(await waiting, 'new');
  assert.equal(await kept.for('a').execute(task), 'new');
  assert.deepEqual(read(), ['stale a', 'evicted a expired', 'miss a 2', 'refreshed a', 'hit a']);
  await clock.advance(150);
  const anew = kept.for('a').execute(task);
  assert.equal(runs.length, 2);
  runs[1]?.resolve('newer');
  assert.equal(await anew, 'newer');
  assert.equal(clock.pending, 0);
});

test('a load behind has no deadline and nobody who ends it, and keeps what the call said it is worth', async () => {
  const { clock, kept } = setUp({ ttl: 100, staleWhileRevalidate: 50 });
  const { task, runs } = byHand();
  kept.set('a', 'old');
  await clock.advance(120);
  const controller = new AbortController();
  const limit = timeout({ duration: 10, clock });
  const slots = bulkhead({ maxConcurrent: 1, clock });
  const policy = pipeline(limit, slots, kept.for('a'));
  const options = { signal: controller.signal, deadline: clock.now() + 5, priority: 3, cost: 1 };
  assert.equal(await policy.execute(task, options), 'old');
  const context = runs[0]?.context as Context;
  assert.deepEqual([context.deadline, context.priority, context.cost, context.attempt], [Infinity, 3, 1, 1]);
  assert.equal(slots.running, 0);
  controller.abort();
  await clock.advance(1_000);
  assert.equal(context.signal.aborted, false);
  // One who joins it and leaves does not end it either.
  const [joined] = callers(kept.for('a'), task, 1);
  joined?.controller.abort('gone');
  await turn();
  assert.deepEqual(joined?.state.now, { error: 'gone' });
  assert.equal(context.signal.aborted, false);
  runs[0]?.resolve('new');
  await turn();
  assert.equal(await kept.for('a').execute(forbidden), 'new');
  assert.equal(runs.length, 1);
});

test('a load behind that fails is told, leaves the value where it was, and the next call begins another', async () => {
  const { clock, kept, read } = setUp({ ttl: 100, staleWhileRevalidate: 50 });
  kept.set('a', 'old');
  await clock.advance(100);
  for (let i = 0; i < 2; i++) {
    assert.equal(await kept.for('a').execute(() => Promise.reject(boom)), 'old');
    await turn();
    assert.deepEqual(read(), ['stale a', 'failed a boom']);
  }
  assert.equal(
    await kept.for('a').execute(() => {
      throw boom;
    }),
    'old',
  );
  await turn();
  assert.equal(await kept.for('a').execute(() => 'new'), 'old');
  await turn();
  assert.equal(await kept.for('a').execute(forbidden), 'new');
});

test('a load behind whose value cannot be kept is told as one that fails', async () => {
  let bad = false;
  const { clock, kept, read } = setUp({ ttl: () => (bad ? Number.NaN : 100), staleWhileRevalidate: 50 });
  kept.set('a', 'old');
  await clock.advance(100);
  bad = true;
  assert.equal(await kept.for('a').execute(() => 'new'), 'old');
  await turn();
  const told = read();
  assert.match(String(told.pop()), /^failed a cache: ttl must be/);
  assert.deepEqual(told, ['stale a']);
});

test('a stale value is given in place of an error, to all who wait, for as long as is allowed', async () => {
  const { clock, kept, read } = setUp({ ttl: 100, staleIfError: 50 });
  const { task, runs } = byHand();
  kept.set('a', 'old');
  await clock.advance(149);
  const calls = [1, 2].map(() => kept.for('a').execute(task));
  runs[0]?.reject(boom);
  assert.deepEqual(await Promise.all(calls), ['old', 'old']);
  assert.deepEqual(read(), ['miss a 1', 'miss a 2', 'stale a boom']);
  // It is judged when the error comes, not when the load begins.
  const late = kept.for('a').execute(task);
  await clock.advance(1);
  runs[1]?.reject(boom);
  await assert.rejects(late, boom);
  await assert.rejects(
    kept.for('a').execute(() => Promise.reject(boom)),
    boom,
  );
});

test('what is stale is given for an open circuit, and not for a caller who left', async () => {
  const { clock, kept } = setUp({ ttl: 100, staleIfError: Infinity });
  const breaker = circuitBreaker({ clock });
  breaker.isolate();
  kept.set('a', 'old');
  await clock.advance(1e12);
  assert.equal(await pipeline(kept.for('a'), breaker).execute(forbidden), 'old');
  const [left] = callers(kept.for('a'), () => new Promise(() => {}), 1);
  left?.controller.abort('gone');
  await turn();
  assert.deepEqual(left?.state.now, { error: 'gone' });
});

test('endless allowances are no freshness: what is over is loaded anew', async () => {
  const { clock, kept } = setUp({ ttl: 100, staleWhileRevalidate: Infinity, staleIfError: Infinity });
  kept.set('a', 'old');
  await clock.advance(99);
  assert.equal(await kept.for('a').execute(forbidden), 'old');
  await clock.advance(1);
  assert.equal(await kept.for('a').execute(() => 'new'), 'old');
  await turn();
  assert.equal(await kept.for('a').execute(forbidden), 'new');
});

test('a failure is remembered if asked, and nothing is loaded meanwhile; a stale value goes before it [99]', async () => {
  const { clock, kept, read } = setUp({ ttl: 100, errorTtl: 30, staleIfError: 50 });
  await assert.rejects(
    kept.for('a').execute(() => Promise.reject(boom)),
    boom,
  );
  await clock.advance(29);
  await assert.rejects(kept.for('a').execute(forbidden), boom);
  assert.deepEqual(read(), ['miss a 1', 'hit a']);
  await clock.advance(1);
  assert.equal(await kept.for('a').execute(() => 'it'), 'it');
  await clock.advance(100);
  assert.equal(await kept.for('a').execute(() => Promise.reject(boom)), 'it');
  assert.equal(await kept.for('a').execute(forbidden), 'it');
  assert.deepEqual(read(), ['miss a 1', 'miss a 1', 'stale a boom', 'stale a boom']);
  kept.delete('a');
  assert.equal(await kept.for('a').execute(() => 'anew'), 'anew');
});

test('rejections and aborts are no failures to remember, and success forgets one', async () => {
  const { kept, clock } = setUp({ errorTtl: 1_000, ttl: 10, staleWhileRevalidate: 10 });
  const turnedAway = new RejectedError({ name: 'inner', message: 'no' });
  const called = new DOMException('off', 'AbortError');
  for (const error of [turnedAway, called]) {
    await assert.rejects(
      kept.for('a').execute(() => Promise.reject(error)),
      (each) => each === error,
    );
  }
  assert.equal(await kept.for('a').execute(() => 'it'), 'it');
  await clock.advance(10);
  assert.equal(await kept.for('a').execute(() => Promise.reject(boom)), 'it');
  await turn();
  // Not even in the background.
  assert.equal(await kept.for('a').execute(forbidden), 'it');
  kept.set('a', 'set');
  await clock.advance(10);
  assert.equal(await kept.for('a').execute(() => 'again'), 'set');
  await turn();
  assert.equal(await kept.for('a').execute(forbidden), 'again');
});

test('loads anew ahead of time, the likelier the nearer the end and the longer the load', async () => {
  const clock = new ManualClock();
  const runs = async (beta: number, took: number, age: number): Promise<number> => {
    let refreshed = 0;
    const kept = cache<number>({
      ttl: 1_000,
      refreshAhead: beta,
      clock,
      random: seededRandom(5),
      onEvent: ({ type }) => {
        if (type === 'refreshed') refreshed++;
      },
    });
    for (let key = 0; key < 400; key++) void kept.for(key).execute(() => waited(clock, took));
    await clock.advance(took + age);
    for (let key = 0; key < 400; key++) assert.equal(await kept.for(key).execute(() => 'new'), 'loaded');
    await turn();
    return refreshed / 400;
  };
  // The share that is loaded anew is exp(−what is left ÷ (beta × took)).
  for (const [beta, took, age] of [
    [1, 100, 900],
    [1, 100, 700],
    [2, 100, 900],
    [1, 300, 900],
    [1, 50, 100],
  ] as const) {
    const expected = Math.exp(-(1_000 - age) / (beta * took));
    assert.ok(Math.abs((await runs(beta, took, age)) - expected) < 0.06, `${beta} ${took} ${age}`);
  }
  assert.equal(await runs(0, 300, 999), 0);
});

function waited(clock: ManualClock, delay: number): Promise<string> {
  return new Promise((resolve) => clock.schedule(delay, () => resolve('loaded')));
}

test('what is deleted, set or invalidated while it is loaded wins over what the load gives', async () => {
  for (const change of ['delete', 'set', 'tag', 'clear'] as const) {
    const { kept } = setUp({ tags: () => ['t'] });
    const { task, runs } = byHand();
    const before = kept.for('a').execute(task);
    if (change === 'delete') kept.delete('a');
    else if (change === 'set') kept.set('a', 'set');
    else if (change === 'clear') kept.clear();
    else kept.invalidateTag('t');
    const after = kept.for('a').execute(task);
    assert.equal(runs.length, change === 'set' ? 1 : 2);
    runs[0]?.resolve('old');
    assert.equal(await before, 'old');
    assert.equal(kept.store.get('a'), change === 'set' ? 'set' : undefined);
    runs[1]?.resolve('new');
    const expected = change === 'set' ? 'set' : 'new';
    assert.equal(await after, expected);
    assert.equal(kept.store.get('a'), expected);
  }
});

test('a tag forgets what has it, and keeps what is being loaded from being kept with it', async () => {
  const { kept } = setUp({ tags: (value) => String(value).split('') });
  for (const [key, value] of Object.entries({ a: 'xy', b: 'y', c: 'z' })) kept.set(key, value);
  const { task, runs } = byHand();
  const [late, other] = ['d', 'e'].map((key) => kept.for(key).execute(task));
  kept.invalidateTag('x');
  assert.deepEqual(
    ['a', 'b', 'c'].filter((key) => kept.store.has(key)),
    ['b', 'c'],
  );
  runs[0]?.resolve('wx');
  runs[1]?.resolve('w');
  assert.deepEqual(await Promise.all([late, other]), ['wx', 'w']);
  assert.deepEqual(
    ['d', 'e'].filter((key) => kept.store.has(key)),
    ['e'],
  );
  // Only the tags of the present value count.
  kept.set('b', 'z');
  kept.invalidateTag('y');
  assert.equal(kept.store.get('b'), 'z');
  kept.invalidateTag('z');
  assert.equal(kept.store.size, 1);
  kept.invalidateTag('no such');
});

test('a load that asks for its own key gets an error, and does not hang', async () => {
  const kept = cache();
  const itself = (error: unknown): boolean =>
    error instanceof RejectedError && error.message === 'the load of "a" asks for what it loads';
  // At once, also without its context.
  await assert.rejects(
    kept.for('a').execute(() => kept.for('a').execute(forbidden)),
    itself,
  );
  await assert.rejects(
    kept.for('a').execute(async (context) => {
      await turn();
      return kept.for('a').execute(forbidden, context);
    }),
    itself,
  );
  // By way of another.
  await assert.rejects(
    pipeline(kept.for('a'), retry(), timeout({ duration: 1_000 })).execute(async (context) => {
      await turn();
      return kept.for('b').execute((inner) => kept.for('a').execute(forbidden, inner), context);
    }),
    itself,
  );
  assert.equal(await kept.for('a').execute(() => kept.for('b').execute(() => 'b')), 'b');
});

test('loads that wait for each other in a circle get an error, and do not hang', async () => {
  for (const keys of ['ab', 'abc', 'abcdefgh']) {
    const kept = cache();
    const calls = [...keys].map((key, i) =>
      kept.for(key).execute(async (context) => {
        await turn();
        return kept.for(keys[(i + 1) % keys.length] as string).execute(forbidden, context);
      }),
    );
    for (const call of await Promise.allSettled(calls)) {
      assert.ok(call.status === 'rejected' && call.reason instanceof RejectedError);
    }
  }
});

test('a load that finds no room still answers those who wait for it', async () => {
  const store = new LruCache<string, unknown>({ maxWeight: 10, weigh: (value) => String(value).length });
  const kept = cache({ store, dispose: false });
  assert.deepEqual(await Promise.all([1, 2].map(() => kept.for('a').execute(async () => 'much too long'))), [
    'much too long',
    'much too long',
  ]);
  assert.equal(store.size, 0);
  const { task, runs } = byHand();
  const small = cache({ store: { maxEntries: 1 } });
  const calls = ['a', 'b', 'c', 'a'].map((key) => small.for(key).execute(task));
  for (const [i, run] of runs.entries()) run.resolve(i);
  assert.deepEqual(await Promise.all(calls), [0, 1, 2, 0]);
  assert.deepEqual([...small.store], [['c', 2]]);
  small.store.resize(1);
});

test('a store of your own holds the very values, is told of each, and may be looked into, saved and restored', async () => {
  const clock = new ManualClock();
  const evicted: unknown[] = [];
  const make = () => new LruCache<string, unknown>({ maxEntries: 2, clock, onEvict: (...told) => evicted.push(told) });
  const options = { ttl: 100, staleWhileRevalidate: 50, clock };
  const store = make();
  const kept = cache({ store, ...options });
  await kept.for('a').execute(() => 'it');
  assert.equal(kept.store, store);
  assert.equal(store.get('a'), 'it');
  await clock.advance(60);
  const later = make();
  later.restore(store.snapshot());
  const again = cache({ store: later, ...options });
  assert.equal(await again.for('a').execute(forbidden), 'it');
  await clock.advance(40);
  assert.equal(await again.for('a').execute(() => 'new'), 'it');
  await turn();
  assert.equal(await again.for('a').execute(forbidden), 'new');
  assert.deepEqual(evicted, [['a', 'it', 'replaced']]);
  later.delete('a');
  assert.equal(await again.for('a').execute(() => 'anew'), 'anew');
});

test('what was made by somebody else’s hand, and throws, rejects the call and nothing more', async () => {
  const store = new LruCache<string, unknown>({ maxEntries: 2 });
  const kept = cache({
    store,
    tags: () => {
      throw boom;
    },
  });
  await assert.rejects(
    kept.for('a').execute(() => 1),
    boom,
  );
  assert.equal(store.size, 0);
  store.get = () => {
    throw boom;
  };
  await assert.rejects(kept.for('a').execute(forbidden), boom);
  await assert.rejects(kept.for('a').execute(forbidden, {}), boom);
});

test('a budget that throws rejects the call, and leaves nothing behind that others would wait for', async () => {
  let broken = true;
  const fail = (): boolean => {
    if (broken) throw boom;
    return true;
  };
  const { clock, kept } = setUp({
    ttl: 100,
    staleWhileRevalidate: 100,
    budget: { begin: fail, tryRetry: fail, end() {} },
  });
  await assert.rejects(kept.for('a').execute(forbidden), boom);
  kept.set('b', 'old');
  await clock.advance(100);
  await assert.rejects(kept.for('b').execute(forbidden), boom);
  broken = false;
  assert.equal(await kept.for('a').execute(() => 'it'), 'it');
  assert.equal(await kept.for('b').execute(() => 'new'), 'old');
});

test('a budget bounds loads behind, and learns of all loads', async () => {
  const { clock, kept, read } = setUp({
    ttl: 100,
    staleWhileRevalidate: 1_000,
    budget: retryBudget({ ratio: 0.5, minPerSecond: 0, window: 10_000 }),
  });
  const keys = ['a', 'b', 'c', 'd'];
  for (const key of keys) await kept.for(key).execute(() => 1);
  await clock.advance(100);
  read();
  for (const key of keys) assert.equal(await kept.for(key).execute(() => 2), 1);
  await turn();
  // Half of the four loads, and of those behind that count as loads too.
  assert.deepEqual(
    read().filter((event) => !event.startsWith('stale')),
    ['refreshed a', 'refreshed b', 'refreshed c', 'denied d'],
  );
});

test('a budget gets back what it has lent, whatever becomes of the load', async () => {
  const budget = concurrentRetryBudget({ share: 0, min: 1 });
  const { clock, kept, read } = setUp({ ttl: 100, staleWhileRevalidate: 1e6, budget });
  const { task, runs } = byHand();
  kept.set('a', 1);
  kept.set('b', 1);
  await clock.advance(100);
  const ask = () => Promise.all(['a', 'b'].map((key) => kept.for(key).execute(task)));
  for (const settle of ['resolve', 'reject', 'reject'] as const) {
    await ask();
    assert.deepEqual(
      read().filter((event) => !event.startsWith('stale')),
      ['denied b'],
    );
    runs.at(-1)?.[settle](boom);
    await turn();
    read();
    await clock.advance(100);
  }
});

test('what leaves the cache is let go of if asked, and what callers leave is not', async () => {
  const gone: string[] = [];
  const thing = (name: string) => ({ name, [Symbol.dispose]: () => void gone.push(name) });
  const slow = (name: string) => ({ [Symbol.asyncDispose]: async () => void gone.push(name) });
  const { clock, kept, read } = setUp({ store: { maxEntries: 2 }, ttl: 100, dispose: true });
  const first = await kept.for('a').execute(() => thing('first'));
  kept.set('a', first);
  kept.set('a', thing('second'));
  await turn();
  assert.deepEqual(gone.splice(0), ['first']);
  kept.set('b', slow('slow'));
  kept.set('c', thing('third'));
  await turn();
  // One of the three, whichever is worth least.
  assert.equal(gone.length, 1);
  assert.match(String(read().at(-1)), /^evicted [abc] evicted$/);
  kept.delete('b');
  await clock.advance(100);
  assert.equal(kept.store.has('c'), false);
  await turn();
  assert.deepEqual(gone.splice(0).sort(), ['second', 'slow', 'third']);
  // Callers who are stopped with a value on its way leave it to the cache.
  for (let moment = 0; moment < 10; moment++) {
    const { task, runs } = byHand();
    kept.clear();
    const [left] = callers(pipeline(timeout({ duration: 50, clock }), kept.for('a')), task, 1);
    runs[0]?.resolve(thing('kept'));
    for (let i = 0; i < moment; i++) await undefined;
    left?.controller.abort();
    await turn();
    assert.deepEqual(gone.splice(0), kept.store.has('a') ? [] : ['kept']);
    kept.clear();
    await turn();
    gone.length = 0;
  }
  assert.throws(() => cache({ store: new LruCache({ maxEntries: 1 }), dispose: true }), /exclude each other/);
});

test('what a load behind gives is let go of if it is not kept and nobody waits for it', async () => {
  const gone: string[] = [];
  const thing = (name: string) => ({ name, [Symbol.dispose]: () => void gone.push(name) });
  const { clock, kept } = setUp({ ttl: 100, staleWhileRevalidate: 50 });
  for (const what of ['kept', 'joined', 'lost']) {
    const { task, runs } = byHand();
    kept.set('a', 'old');
    await clock.advance(100);
    assert.equal(await kept.for('a').execute(task), 'old');
    await clock.advance(what === 'joined' ? 50 : 0);
    const caller = what === 'joined' ? kept.for('a').execute(forbidden) : undefined;
    if (what !== 'kept') kept.delete('a');
    runs[0]?.resolve(thing(what));
    await caller;
    await turn();
  }
  assert.deepEqual(gone, ['lost']);
});

test('what leaves on its way to a caller, or as soon as it was loaded behind, is let go of once', async () => {
  const gone: string[] = [];
  const thing = (name: string) => ({ name, [Symbol.dispose]: () => void gone.push(name) });
  const clock = new ManualClock();
  const kept = cache({
    ttl: 100,
    staleWhileRevalidate: 50,
    dispose: true,
    clock,
    onEvent: ({ type, key }) => type === 'refreshed' && kept.delete(key),
  });
  kept.set('a', 'old');
  await clock.advance(100);
  assert.equal(await kept.for('a').execute(() => thing('behind')), 'old');
  await turn();
  assert.deepEqual(gone.splice(0), ['behind']);
  for (let moment = 0; moment < 20; moment++) {
    const { task, runs } = byHand();
    const [caller] = callers(pipeline(timeout({ duration: 50, clock }), kept.for('a')), task, 1);
    runs[0]?.resolve(thing('given'));
    for (let i = 0; i < moment; i++) await undefined;
    caller?.controller.abort();
    kept.clear();
    await turn();
    assert.ok(gone.splice(0).length < 2, `${moment}`);
  }
});

test('what takes its own place is not let go of, whoever puts it there', async () => {
  const gone: string[] = [];
  const thing = (name: string) => ({ name, [Symbol.dispose]: () => void gone.push(name) });
  const one = thing('one');
  const other = thing('other');
  const kept = cache({
    store: { maxEntries: 2 },
    dispose: true,
    random: seededRandom(1),
    onEvent: ({ type }) => {
      if (type === 'evicted') for (const value of [other, one]) kept.set('a', value);
    },
  });
  kept.set('a', one);
  kept.store.set('a', one, { ttl: 1_000 });
  for (const key of ['b', 'c']) kept.set(key, key);
  await turn();
  assert.equal(kept.store.peek('a'), one);
  assert.equal(gone.includes('one'), false);
  kept.delete('a');
  await turn();
  assert.equal(gone.at(-1), 'one');
});

test('nobody is told of what nobody listens to, and a listener that throws changes nothing [101, 102]', async () => {
  const kept = cache({
    onEvent: () => {
      throw boom;
    },
  });
  assert.equal(await kept.for('a').execute(() => 1), 1);
  assert.equal(await kept.for('a').execute(forbidden), 1);
  assert.deepEqual(reported.splice(0), [boom, boom]);
});

test('loads keep the async context of who began them, and each caller his own [81]', async () => {
  const storage = new AsyncLocalStorage<string>();
  const kept = cache();
  const seen: unknown[] = [];
  const calls = ['first', 'second'].map((name) =>
    storage.run(name, async () => {
      await kept.for('a').execute(async () => {
        await turn();
        seen.push(storage.getStore());
      });
      assert.equal(storage.getStore(), name);
    }),
  );
  await Promise.all(calls);
  assert.deepEqual(seen, ['first']);
});

test('what a task holds is waited for by the guards of all who waited, and by no hit', async () => {
  const clock = new ManualClock();
  const slots = bulkhead({ maxConcurrent: 3, clock });
  const kept = cache();
  const done = deferred();
  const policy = pipeline(slots, kept.for('a'));
  assert.deepEqual(await Promise.all([1, 2].map(() => policy.execute(async () => held('it', done.promise)))), [
    'it',
    'it',
  ]);
  await turn();
  assert.equal(slots.running, 2);
  assert.equal(await policy.execute(forbidden), 'it');
  await turn();
  assert.equal(slots.running, 2);
  done.resolve(undefined);
  await turn();
  assert.equal(slots.running, 0);
});

test('options are checked at construction, and never changed [7]', () => {
  const bad: [Record<string, unknown>, RegExp][] = [
    [{ ttl: -1 }, /cache: ttl must be a number of milliseconds, 0 or more, got -1/],
    [{ ttl: Number.NaN }, /cache: ttl/],
    [{ ttl: '1' }, /cache: ttl/],
    [{ jitter: 1.1 }, /cache: jitter must be a number from 0 to 1, got 1.1/],
    [{ staleWhileRevalidate: -1 }, /cache: staleWhileRevalidate/],
    [{ staleIfError: Number.NaN }, /cache: staleIfError/],
    [{ errorTtl: -1 }, /cache: errorTtl/],
    [{ refreshAhead: -1 }, /cache: refreshAhead/],
    [{ budget: {} }, /cache: budget must be a budget such as retryBudget\(\), or an object with begin, tryRetry, end/],
    [{ tags: 'a' }, /cache: tags must be a function/],
    [{ dispose: 1 }, /cache: dispose must be a boolean/],
    [{ store: {} }, /cache: store: maxEntries must be a positive integer up to \d+, got undefined/],
    [{ store: 5 }, /cache: store must be { maxEntries }, /],
    [{ store: { maxEntries: 0 } }, /maxEntries must be a positive integer/],
    [{ store: { maxEntries: 1.5 } }, /maxEntries/],
    [{ store: { maxEntries: 1, maxWeight: 2 } }, /maxWeight/],
    [{ store: { get() {} } }, /cache: store must be .* or an object with/],
    [{ store: LruCache }, /cache: store must be { maxEntries }, a new LruCache, or an object with .*, got a function/],
    [{ store: null }, /cache: store must be .*, got null/],
    [{ clock: {} }, /cache: clock/],
    [{ random: 1 }, /cache: random/],
    [{ name: 1 }, /cache: name/],
    [{ onEvent: 1 }, /cache: onEvent/],
    [{ staleWhileRevalidated: 1 }, /unknown option "staleWhileRevalidated"; did you mean "staleWhileRevalidate"/],
  ];
  for (const [options, message] of bad) assert.throws(() => cache(options), message);
  assert.throws(() => cache(null as never), TypeError);
  cache(Object.freeze({ ttl: undefined, store: undefined }));
});

test('however many caches there are, they make no timer [103]', () => {
  const clock = new ManualClock();
  for (let i = 0; i < 1_000; i++) cache({ clock, ttl: 1, staleWhileRevalidate: 1, errorTtl: 1 }).set('a', 1);
  assert.equal(clock.pending, 0);
});

describe('keeps the laws of all policies', () => {
  // A key for each call: values are to be shared by nobody.
  const apart = (clock: ManualClock): Policy => {
    const kept = cache<number>({ clock });
    let calls = 0;
    return { execute: (task, options) => kept.for(calls++).execute(task, options) };
  };
  for (const [law, property] of policyLaws({ fc, policy: apart })) {
    test(`${law} [1, 2, 3, 4, 5, 8, 13, 48]`, () => fc.assert(property));
  }
});
