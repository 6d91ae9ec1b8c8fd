import assert from 'node:assert/strict';
import { AsyncLocalStorage } from 'node:async_hooks';
import { describe, test } from 'vitest';
import { LruCache } from '../../src/algorithms/lru-cache.ts';
import {
  type LoadThrough,
  type LoadThroughEvent,
  type LoadThroughOptions,
  loadThrough,
} from '../../src/compositions/load-through.ts';
import { RejectedError, TimeoutError } from '../../src/core/errors.ts';
import { pipeline } from '../../src/core/pipeline.ts';
import type { Context, Policy } from '../../src/core/policy.ts';
import type { PendingWrite } from '../../src/core/write-buffer.ts';
import { circuitBreaker } from '../../src/policies/circuit-breaker.ts';
import { retry } from '../../src/policies/retry.ts';
import { timeout } from '../../src/policies/timeout.ts';
import { ManualClock } from '../../src/testing/manual-clock.ts';
import { type Deferred, deferred, reported, turn, watched } from '../core/support.ts';

const boom = new Error('boom');

/** A source whose calls are settled by hand, and which notes them. */
function byHand() {
  const calls: (Deferred<unknown> & { what: string; context: Context })[] = [];
  const call = (what: string, context: Context): Promise<never> => {
    // What was asked for the signal aborts with it.
    void context.signal;
    const made = { ...deferred(), what, context };
    calls.push(made);
    return made.promise as Promise<never>;
  };
  return {
    calls,
    whats: () => calls.map(({ what }) => what),
    load: (key: string, context: Context): Promise<string> => call(`load ${key}`, context),
    loadMany: (keys: readonly string[], context: Context): Promise<(string | Error)[]> =>
      call(`load ${keys.join('+')}`, context),
    store: (key: string, value: string, context: Context): Promise<void> => call(`store ${key}=${value}`, context),
    delete: (key: string, context: Context): Promise<void> => call(`delete ${key}`, context),
  };
}

/** A source that answers at once. */
function table(rows: Record<string, string> = {}) {
  const log: string[] = [];
  return {
    rows,
    log,
    read: (): string[] => log.splice(0),
    async load(key: string): Promise<string> {
      log.push(`load ${key}`);
      return rows[key] ?? 'none';
    },
    async store(key: string, value: string): Promise<void> {
      log.push(`store ${key}=${value}`);
      rows[key] = value;
    },
    async delete(key: string): Promise<void> {
      log.push(`delete ${key}`);
      delete rows[key];
    },
  };
}

describe('reading', () => {
  test('a value is loaded once, by all who ask meanwhile, and then given from the cache', async () => {
    const source = byHand();
    const values = loadThrough({ load: source.load });
    const first = [values.get('a'), values.get('a'), values.get('b')];
    assert.deepEqual(source.whats(), ['load a', 'load b']);
    source.calls[0]?.resolve('A');
    source.calls[1]?.resolve('B');
    assert.deepEqual(await Promise.all(first), ['A', 'A', 'B']);
    assert.equal(await values.get('a'), 'A');
    assert.equal(source.calls.length, 2);
  });

  test('undefined is a value, and keys are told apart as a Map does [4, 100]', async () => {
    const keys = [undefined, null, Number.NaN, 0, '', '0', {}, {}, '__proto__'];
    for (const many of [false, true]) {
      let loaded = 0;
      const load = (): undefined => void loaded++;
      const loadMany = (asked: readonly unknown[]): undefined[] => asked.map(load);
      const values = loadThrough<unknown, undefined>(many ? { loadMany } : { load });
      assert.deepEqual(await values.getMany([...keys, ...keys, -0]), Array(19).fill(undefined));
      assert.equal(loaded, keys.length);
      await values.getMany(keys);
      assert.equal(loaded, keys.length);
    }
  });

  test('an error is given to all who wait, as it is, and is not kept [5, 99]', async () => {
    for (const error of [boom, undefined, 'text']) {
      const source = byHand();
      const values = loadThrough({ load: source.load });
      const calls = [values.get('a'), values.get('a')].map((call) => call.catch((thrown: unknown) => ({ thrown })));
      source.calls[0]?.reject(error);
      assert.deepEqual(await Promise.all(calls), [{ thrown: error }, { thrown: error }]);
      const again = values.get('a');
      source.calls[1]?.resolve('A');
      assert.equal(await again, 'A');
    }
  });

  test('a load that throws or gives a value in one go rejects or resolves [2]', async () => {
    const values = loadThrough({
      load(key: string): string {
        if (key === 'bad') throw boom;
        return key;
      },
    });
    assert.equal(await values.get('good'), 'good');
    await assert.rejects(values.get('bad'), boom);
  });

  test('one caller’s abort leaves the others alone; the last one’s aborts the load [99]', async () => {
    const source = byHand();
    const values = loadThrough({ load: source.load });
    const controllers = [new AbortController(), new AbortController()];
    const states = controllers.map(({ signal }) => watched(values.get('a', { signal })));
    controllers[0]?.abort('first');
    await turn();
    assert.deepEqual(states[0]?.now, { error: 'first' });
    assert.equal(source.calls[0]?.context.signal.aborted, false);
    controllers[1]?.abort('last');
    await turn();
    assert.deepEqual(states[1]?.now, { error: 'last' });
    assert.equal(source.calls[0]?.context.signal.reason, 'last');
    // What it still gives is for nobody, and the next one begins anew.
    source.calls[0]?.resolve('late');
    await turn();
    const again = values.get('a');
    source.calls[1]?.resolve('A');
    assert.equal(await again, 'A');
  });

  test('a signal aborted before: nobody is asked, also for what is in the cache [1]', async () => {
    const source = table({ a: 'A' });
    const values = loadThrough(pick(source));
    await values.get('a');
    const signal = AbortSignal.abort('before');
    for (const key of ['a', 'b']) await assert.rejects(values.get(key, { signal }), (error) => error === 'before');
    await assert.rejects(values.set('a', 'A2', { signal }), (error) => error === 'before');
    assert.deepEqual(source.log, ['load a']);
    await assert.rejects(values.get('a', null as never), TypeError);
  });

  test('values are kept for their ttl, and no more of them than the cache holds', async () => {
    const clock = new ManualClock();
    const source = table({ a: 'A', b: 'B' });
    const values = loadThrough({ ...pick(source), ttl: 100, clock, cache: { maxEntries: 1 } });
    await values.get('a');
    await clock.advance(99);
    await values.get('a');
    assert.deepEqual(source.read(), ['load a']);
    await clock.advance(1);
    await values.get('a');
    await values.get('b');
    await values.get('a');
    assert.deepEqual(source.read(), ['load a', 'load b', 'load a']);
    assert.equal(clock.pending, 0);
  });

  test('a cache of one’s own is used, whatever it refuses or throws', async () => {
    const cache = new LruCache<string, string>({ maxWeight: 3, weigh: (value) => value.length });
    const source = table({ a: 'A', big: 'bigger', bad: 'bad' });
    const values = loadThrough({ ...pick(source), cache });
    assert.deepEqual(await values.getMany(['a', 'big']), ['A', 'bigger']);
    assert.deepEqual([...cache], [['a', 'A']]);
    assert.equal(await values.get('big'), 'bigger');
    assert.deepEqual(source.read(), ['load a', 'load big', 'load big']);
    const faulty = new LruCache<string, string>({
      maxWeight: 3,
      weigh: () => {
        throw boom;
      },
    });
    const others = loadThrough({ ...pick(source), cache: faulty });
    assert.equal(await others.get('a'), 'A');
    await others.set('a', 'A2');
    assert.equal(await others.get('a'), 'A2');
    assert.deepEqual(reported.splice(0), [boom, boom, boom]);
  });

  test('a load that asks for its own key is told so, and does not hang', async () => {
    const isOwn = (error: unknown): boolean =>
      error instanceof RejectedError && error.message === 'the load of "a" asks for what it loads';
    const values: LoadThrough<string, string> = loadThrough({ load: (key: string) => values.get(key) });
    await assert.rejects(values.get('a'), isOwn);
    const later: LoadThrough<string, string> = loadThrough({
      load: async (key: string, context: Context) => {
        await turn();
        return later.get(key, context);
      },
    });
    await assert.rejects(later.get('a'), isOwn);
    const batched: LoadThrough<string, string> = loadThrough({
      loadMany: async (keys: readonly string[], context: Context) => {
        await turn();
        return keys.includes('c') ? keys.map((key) => key) : [await batched.get('c'), await batched.get('a', context)];
      },
    });
    await assert.rejects(batched.getMany(['b', 'a']), isOwn);
  });

  test('the pipeline runs round each call of the source, which gets its context', async () => {
    const clock = new ManualClock();
    const attempts: unknown[] = [];
    const values = loadThrough({
      load(key: string, { attempt, priority }: Context): string {
        attempts.push([attempt, priority]);
        if (attempt < 3) throw boom;
        return key;
      },
      pipeline: retry({ clock, random: () => 0 }),
      clock,
    });
    assert.equal(await values.get('a', { priority: 7 }), 'a');
    assert.deepEqual(attempts, [
      [1, 7],
      [2, 7],
      [3, 7],
    ]);
  });
});

test('getMany asks for nothing if its keys cannot be had, and rejects', async () => {
  let loads = 0;
  const values = loadThrough({
    load: async (_key: string): Promise<string> => {
      loads++;
      throw boom;
    },
  });
  function* keys(): Generator<string> {
    yield 'a';
    throw new Error('no more keys');
  }
  await assert.rejects(values.getMany(keys()), /no more keys/);
  await assert.rejects(values.getMany(undefined as never), TypeError);
  assert.equal(loads, 0);
});

test('ten thousand who miss one key at once share one load', async () => {
  const source = byHand();
  const values = loadThrough({ load: source.load });
  const all = Promise.all(Array.from({ length: 10_000 }, () => values.get('a')));
  source.calls[0]?.resolve('A');
  assert.deepEqual(new Set(await all), new Set(['A']));
  assert.equal(source.calls.length, 1);
});

describe('batches', () => {
  test('keys asked for within one turn are loaded together, each once', async () => {
    const source = byHand();
    const values = loadThrough({ loadMany: source.loadMany });
    const calls = [values.get('a'), values.getMany(['b', 'a']), Promise.resolve().then(() => values.get('c'))];
    assert.equal(source.calls.length, 0);
    await turn();
    assert.deepEqual(source.whats(), ['load a+b+c']);
    const meanwhile = values.getMany(['a', 'd']);
    await turn();
    assert.deepEqual(source.whats(), ['load a+b+c', 'load d']);
    source.calls[0]?.resolve(['A', 'B', 'C']);
    source.calls[1]?.resolve(['D']);
    assert.deepEqual(await Promise.all(calls), ['A', ['B', 'A'], 'C']);
    assert.deepEqual(await meanwhile, ['A', 'D']);
    assert.deepEqual(await values.getMany(['d', 'c', 'b', 'a']), ['D', 'C', 'B', 'A']);
    assert.equal(source.calls.length, 2);
  });

  test('no batch has more than maxBatch keys', async () => {
    const source = byHand();
    const values = loadThrough({ loadMany: source.loadMany, maxBatch: 2 });
    const all = values.getMany(['a', 'b', 'c', 'd', 'e']);
    await turn();
    assert.deepEqual(source.whats(), ['load a+b', 'load c+d', 'load e']);
    for (const { what, resolve } of source.calls) resolve(what.slice(5).toUpperCase().split('+'));
    assert.deepEqual(await all, ['A', 'B', 'C', 'D', 'E']);
  });

  test('a single key goes to load, if there is one', async () => {
    const source = byHand();
    const values = loadThrough({ load: source.load, loadMany: source.loadMany });
    void values.get('a');
    await turn();
    void values.getMany(['b', 'c']);
    await turn();
    assert.deepEqual(source.whats(), ['load a', 'load b+c']);
    source.calls[0]?.resolve('A');
    assert.equal(await values.get('a'), 'A');
  });

  test('an Error fails its key alone, and is not kept [99]', async () => {
    let tries = 0;
    const values = loadThrough({
      loadMany: async (keys: readonly string[]) => keys.map((key) => (key === 'bad' && ++tries < 2 ? boom : key)),
    });
    const [good, bad] = await Promise.allSettled([values.get('good'), values.get('bad')]);
    assert.deepEqual(good, { status: 'fulfilled', value: 'good' });
    assert.deepEqual(bad, { status: 'rejected', reason: boom });
    assert.equal(await values.get('bad'), 'bad');
    await assert.rejects(loadThrough({ loadMany: () => [boom, 1] }).getMany(['a', 'b']), boom);
  });

  test('a batch that fails fails all its keys; one that gives anything but a result for each says so', async () => {
    const failing = loadThrough<string, string>({ loadMany: () => Promise.reject(boom) });
    for (const call of [failing.get('a'), failing.get('b')]) await assert.rejects(call, boom);
    for (const [results, got] of [
      [['A'], 'an array of 1'],
      [['A', 'B', 'C'], 'an array of 3'],
      [undefined, 'undefined'],
      [{ a: 'A' }, 'an object'],
    ] as const) {
      let calls = 0;
      const values = loadThrough<string, string>({
        loadMany() {
          calls++;
          return results as never;
        },
        pipeline: retry(),
      });
      const message = `loadThrough: loadMany must give an array with a result for each of 2 keys, got ${got}`;
      await assert.rejects(values.getMany(['a', 'b']), { name: 'TypeError', message });
      assert.equal(calls, 1);
    }
  });

  test('who leaves before the batch is sent is left out; it is aborted when the last one leaves [99]', async () => {
    const source = byHand();
    const values = loadThrough({ loadMany: source.loadMany });
    const controllers = [0, 1, 2].map(() => new AbortController());
    const states = ['a', 'b', 'c'].map((key, i) =>
      watched(values.get(key, { signal: (controllers[i] as AbortController).signal })),
    );
    controllers[0]?.abort('soon');
    await turn();
    assert.deepEqual(source.whats(), ['load b+c']);
    controllers[1]?.abort('later');
    await turn();
    assert.equal(source.calls[0]?.context.signal.aborted, false);
    controllers[2]?.abort('last');
    await turn();
    assert.equal(source.calls[0]?.context.signal.reason, 'last');
    assert.deepEqual(
      states.map(({ now }) => now),
      [{ error: 'soon' }, { error: 'later' }, { error: 'last' }],
    );
    // If all leave before, nobody is asked, and who comes then has a batch of his own.
    const controller = new AbortController();
    const gone = watched(values.get('d', { signal: controller.signal }));
    controller.abort('gone');
    await Promise.resolve().then(() => {});
    void values.get('e');
    await turn();
    assert.deepEqual(gone.now, { error: 'gone' });
    assert.deepEqual(source.whats(), ['load b+c', 'load e']);
  });

  test('one whose time is up before the batch is sent hears of it, also if he would wait for what was begun [44]', async () => {
    for (const mode of ['aggressive', 'cooperative'] as const) {
      const fires: (() => void)[] = [];
      let time = 0;
      const now = (): number => time;
      const schedule = (_: number, run: () => void) => ({ cancel: () => {}, fired: fires.push(run) });
      const source = byHand();
      const values = loadThrough({ loadMany: source.loadMany });
      const within = timeout({ duration: 10, mode, clock: { now, coarse: now, wall: now, schedule } });
      const call = watched(within.execute((context) => values.get('a', context)));
      // As where a batch is sent with the next turn of the event loop, and timers come before that.
      time = 20;
      for (const fire of fires.splice(0)) fire();
      await turn();
      assert.ok((call.now as { error?: unknown } | undefined)?.error instanceof TimeoutError, mode);
      assert.deepEqual(source.whats(), []);
    }
  });

  test('a batch has the latest deadline of those who wait, and the async context of the first', async () => {
    const store = new AsyncLocalStorage<string>();
    const clock = new ManualClock();
    const seen: unknown[] = [];
    const values = loadThrough({
      loadMany: (keys: readonly string[], { deadline }: Context) => {
        seen.push(deadline, store.getStore());
        return [...keys];
      },
      clock,
    });
    await Promise.all([
      store.run('first', () => values.get('a', { deadline: 100 })),
      store.run('second', () => values.get('b', { deadline: 200 })),
    ]);
    assert.deepEqual(seen, [200, 'first']);
  });
});

describe('writing through and around', () => {
  test('a write is stored before it resolves, and read from the cache from then on', async () => {
    const source = byHand();
    const values = loadThrough(pick(source));
    const written = watched(values.set('a', 'A'));
    await turn();
    assert.deepEqual(source.whats(), ['store a=A']);
    assert.equal(written.now, 'pending');
    source.calls[0]?.resolve(undefined);
    await turn();
    assert.deepEqual(written.now, { value: undefined });
    assert.equal(await values.get('a'), 'A');
    const deleted = watched(values.delete('a'));
    source.calls[1]?.resolve(undefined);
    await turn();
    assert.deepEqual(deleted.now, { value: undefined });
    void values.get('a');
    assert.deepEqual(source.whats(), ['store a=A', 'delete a', 'load a']);
  });

  test('around the cache: a written key is loaded when it is next asked for', async () => {
    const source = table();
    const values = loadThrough({ ...pick(source), write: 'around' });
    await values.set('a', 'A');
    assert.equal(await values.get('a'), 'A');
    await values.set('a', 'A2');
    assert.equal(await values.get('a'), 'A2');
    assert.deepEqual(source.log, ['store a=A', 'load a', 'store a=A2', 'load a']);
  });

  test('without store and delete, writes change the cache alone', async () => {
    const source = table({ a: 'A' });
    const values = loadThrough({ load: source.load });
    await values.set('a', 'mine');
    assert.equal(await values.get('a'), 'mine');
    await values.delete('a');
    assert.equal(await values.get('a'), 'A');
    values.forget('a');
    assert.equal(await values.get('a'), 'A');
    assert.deepEqual(source.log, ['load a', 'load a']);
  });

  test('writes of one key are sent one after another, those of others at once', async () => {
    const source = byHand();
    const values = loadThrough(pick(source));
    const writes = [values.set('a', '1'), values.set('a', '2'), values.delete('a'), values.set('b', '1')];
    const states = writes.map(watched);
    assert.deepEqual(source.whats(), ['store a=1', 'store b=1']);
    source.calls[0]?.resolve(undefined);
    await turn();
    assert.deepEqual(source.whats().slice(2), ['store a=2']);
    source.calls[2]?.reject(boom);
    await turn();
    assert.deepEqual(source.whats().slice(3), ['delete a']);
    assert.deepEqual(
      states.map(({ now }) => now),
      [{ value: undefined }, { error: boom }, 'pending', 'pending'],
    );
  });

  test('the next write waits for one that was given up and still runs: a late one never undoes a newer one', async () => {
    const clock = new ManualClock();
    const source = byHand();
    const values = loadThrough({ ...pick(source), pipeline: timeout({ duration: 100, clock }), clock });
    const first = watched(values.set('a', '1'));
    const second = watched(values.set('a', '2'));
    await clock.advance(100);
    assert.ok((first.now as { error: unknown }).error instanceof TimeoutError);
    assert.deepEqual(source.whats(), ['store a=1']);
    // What is read meanwhile may be of before or after it, and is not kept.
    const between = values.get('a');
    source.calls[1]?.resolve('0');
    assert.equal(await between, '0');
    source.calls[0]?.resolve(undefined);
    await turn();
    assert.deepEqual(source.whats(), ['store a=1', 'load a', 'store a=2']);
    source.calls[2]?.resolve(undefined);
    await turn();
    assert.deepEqual(second.now, { value: undefined });
    assert.equal(await values.get('a'), '2');
  });

  test('a caller who aborts takes his write with him, or, where that has not begun, it never is', async () => {
    const source = byHand();
    const values = loadThrough(pick(source));
    const controllers = [new AbortController(), new AbortController()];
    const states = controllers.map(({ signal }, i) => watched(values.set('a', String(i), { signal })));
    controllers[1]?.abort('second');
    await turn();
    assert.deepEqual(states[1]?.now, { error: 'second' });
    controllers[0]?.abort('first');
    await turn();
    assert.deepEqual(states[0]?.now, { error: 'first' });
    assert.equal(source.calls[0]?.context.signal.reason, 'first');
    source.calls[0]?.reject('first');
    await turn();
    assert.deepEqual(source.whats(), ['store a=0']);
  });

  test('a policy that throws where it should reject holds up no later write of the key', async () => {
    const source = table();
    const sound = pipeline();
    let broken = true;
    const execute: Policy['execute'] = (task, options) => {
      if (broken) throw boom;
      return sound.execute(task, options);
    };
    const values = loadThrough({ ...pick(source), pipeline: { execute } });
    await assert.rejects(values.set('a', 'first'), boom);
    broken = false;
    await values.set('a', 'second');
    assert.deepEqual(source.read(), ['store a=second']);
  });

  test('a write that writes its own key, and waits for that, is told so, and does not hang', async () => {
    const stored: string[] = [];
    const values: LoadThrough<string, string> = loadThrough({
      load: (key: string) => key,
      async store(key, value, context) {
        await turn();
        if (value === 'itself') await values.set(key, 'again', context);
        if (value === 'in a circle') await values.set(key === 'a' ? 'b' : 'a', value, context);
        stored.push(`${key}=${value}`);
      },
    });
    const told = (error: unknown): boolean =>
      error instanceof RejectedError && error.message === 'the write of "a" asks for what it writes';
    for (const value of ['itself', 'in a circle']) {
      const first = values.set('a', value);
      const next = values.set('a', `after ${value}`);
      await assert.rejects(first, told);
      await next;
    }
    assert.deepEqual(stored, ['a=after itself', 'a=after in a circle']);
  });

  test('after a write that failed the cache has forgotten the key; one that was never sent changes nothing', async () => {
    const source = table({ a: 'A' });
    const breaker = circuitBreaker();
    let fails = true;
    const values = loadThrough({
      load: source.load,
      store: async (key: string, value: string) => {
        // It took effect all the same.
        await source.store(key, value);
        if (fails) throw boom;
      },
      pipeline: breaker,
    });
    assert.equal(await values.get('a'), 'A');
    await assert.rejects(values.set('a', 'A2'), boom);
    assert.equal(await values.get('a'), 'A2');
    fails = false;
    breaker.isolate();
    source.read();
    await assert.rejects(values.set('a', 'A3'), RejectedError);
    assert.equal(await values.get('a'), 'A2');
    assert.deepEqual(source.log, []);
  });

  test('a load never puts back what a write, a delete or forget has made old [99]', async () => {
    for (const change of ['set', 'delete', 'forget', 'failed set', 'local set'] as const) {
      for (const many of [false, true]) {
        const source = byHand();
        const load = many ? { loadMany: source.loadMany } : { load: source.load };
        const writing = change === 'local set' ? {} : { store: source.store, delete: source.delete };
        const values = loadThrough<string, string>({ ...load, ...writing });
        const give = (i: number, value: string): void => source.calls[i]?.resolve(many ? [value] : value);
        const old = values.get('a');
        await turn();
        if (change === 'forget') values.forget('a');
        else if (change === 'delete') void values.delete('a');
        else void values.set('a', 'new').catch(() => {});
        if (change === 'failed set') source.calls[1]?.reject(boom);
        else source.calls[1]?.resolve(undefined);
        await turn();
        // Who asked before gets what was loaded; who asks now does not.
        const later = values.get('a');
        await turn();
        give(0, 'old');
        assert.equal(await old, 'old');
        if (source.calls.length > 1) give(source.calls.length - 1, 'new');
        assert.equal(await later, 'new', change);
        assert.equal(await values.get('a'), 'new', change);
        assert.equal(source.calls.length, { set: 2, 'local set': 1, forget: 2, delete: 3, 'failed set': 3 }[change]);
      }
    }
  });

  test('what is loaded while a write is under way is not kept', async () => {
    const source = byHand();
    const values = loadThrough(pick(source));
    const write = values.set('a', 'new');
    const during = values.get('a');
    source.calls[1]?.resolve('old');
    assert.equal(await during, 'old');
    void values.get('a');
    assert.deepEqual(source.whats(), ['store a=new', 'load a', 'load a']);
    source.calls[0]?.resolve(undefined);
    await write;
    source.calls[2]?.resolve('old');
    await turn();
    assert.equal(await values.get('a'), 'new');
  });
});

describe('writing behind', () => {
  const behind = (source: Partial<LoadThroughOptions<string, string>>, more: object = {}, top: object = {}) => {
    const clock = new ManualClock();
    const failed: [PendingWrite<string, string>, unknown][] = [];
    const onFailed = (write: PendingWrite<string, string>, error: unknown) => void failed.push([write, error]);
    const options = { ...pick(source), clock, write: 'behind', behind: { delay: 100, onFailed, ...more }, ...top };
    return { clock, failed, values: loadThrough<string, string>(options as LoadThroughOptions<string, string>) };
  };

  test('a write is accepted at once, read from the buffer, and sent when its delay is over', async () => {
    const source = table();
    const { clock, values } = behind(source);
    await values.set('a', 'A');
    assert.equal(await values.get('a'), 'A');
    assert.deepEqual(values.pending, new Map([['a', { key: 'a', value: 'A', deleted: false }]]));
    await clock.advance(99);
    assert.deepEqual(source.log, []);
    await clock.advance(1);
    assert.deepEqual(source.read(), ['store a=A']);
    assert.equal(values.pending.size, 0);
    assert.equal(await values.get('a'), 'A');
    assert.deepEqual(source.log, []);
    assert.equal(clock.pending, 0);
  });

  test('of several writes of a key within the delay the last one is sent, once', async () => {
    const source = table();
    const { clock, values } = behind(source);
    await values.set('a', '1');
    await clock.advance(60);
    await values.set('a', '2');
    await values.delete('a');
    await values.set('a', '3');
    await clock.advance(40);
    assert.deepEqual(source.read(), ['store a=3']);
    await values.set('a', '4');
    await values.delete('a');
    await clock.advance(100);
    assert.deepEqual(source.read(), ['delete a']);
  });

  test('a write that comes while one of its key is being sent follows it', async () => {
    const source = byHand();
    const { clock, values } = behind(source);
    await values.set('a', '1');
    await clock.advance(100);
    await values.set('a', '2');
    await values.set('a', '3');
    await clock.advance(100);
    assert.deepEqual(source.whats(), ['store a=1']);
    assert.equal(values.pending.get('a')?.value, '3');
    source.calls[0]?.resolve(undefined);
    await turn();
    assert.deepEqual(source.whats(), ['store a=1', 'store a=3']);
    assert.equal(await values.get('a'), '3');
    source.calls[1]?.resolve(undefined);
    await turn();
    assert.equal(values.pending.size, 0);
  });

  test('who asks for a key that is to be deleted hastens that, and gets what the source gives then', async () => {
    const source = byHand();
    const { values } = behind(source);
    await values.delete('a');
    const read = values.get('a');
    await turn();
    assert.deepEqual(source.whats(), ['delete a']);
    source.calls[0]?.resolve(undefined);
    await turn();
    assert.deepEqual(source.whats(), ['delete a', 'load a']);
    source.calls[1]?.resolve('none');
    assert.equal(await read, 'none');
    // A value that comes meanwhile is what is asked for.
    await values.delete('b');
    const other = values.get('b');
    await values.set('b', 'B');
    source.calls[2]?.resolve(undefined);
    assert.equal(await other, 'B');
  });

  test('a write that asks for its own key, which is to be deleted next, gets what the source still has', async () => {
    const source = table({ a: 'A' });
    const seen: string[] = [];
    const { clock, values }: ReturnType<typeof behind> = behind({
      ...pick(source),
      async store(key, value, context) {
        await values.delete(key);
        seen.push(await values.get(key, context));
        await source.store(key, value);
      },
    });
    await values.set('a', 'B');
    await clock.advance(200);
    assert.deepEqual(seen, ['A']);
    assert.deepEqual(source.read(), ['load a', 'store a=B', 'delete a']);
  });

  test('nor does it wait for, or give its answer to, somebody else who asks for what is to be deleted next', async () => {
    for (const first of ['write', 'other']) {
      const clock = new ManualClock();
      const rows = new Map([['a', 'old']]);
      const asked = deferred();
      const reading = deferred();
      let read: string | undefined;
      const values = loadThrough<string, string>({
        load: async (key) => {
          await reading.promise;
          return rows.get(key) ?? 'none';
        },
        store: async (key, value, context) => {
          await asked.promise;
          read = await values.get(key, context);
          rows.set(key, value);
        },
        delete: async (key) => void rows.delete(key),
        write: 'behind',
        behind: { delay: 10 },
        clock,
      });
      await values.set('a', 'new');
      await clock.advance(10);
      await values.delete('a');
      const early = first === 'other' ? values.get('a') : undefined;
      asked.resolve(undefined);
      await turn();
      const late = values.get('a');
      reading.resolve(undefined);
      await values.close();
      assert.equal(read, 'old');
      assert.equal(await late, 'none');
      assert.equal(await (early ?? late), 'none');
    }
  });

  test('a write that asks for what is to be deleted takes no part of its turn: it gets what the source still has', async () => {
    const clock = new ManualClock();
    const rows = new Map([['b', 'old']]);
    const read: (string | undefined)[] = [];
    const values = loadThrough<string, string>({
      load: async (key) => rows.get(key) ?? 'none',
      store: async (_, __, context) => void read.push(await values.get('b', context)),
      delete: async (key) => void rows.delete(key),
      write: 'behind',
      behind: { delay: 10, maxConcurrent: 1 },
      clock,
    });
    await values.set('a', 'new');
    await values.delete('b');
    await values.close();
    assert.deepEqual(read, ['old']);
    assert.equal(rows.has('b'), false);
    assert.equal(await values.get('b'), 'none');
  });

  test('a delete that asks for its own key gets what the source still has', async () => {
    const source = table({ a: 'A' });
    const seen: string[] = [];
    const { clock, values }: ReturnType<typeof behind> = behind({
      ...pick(source),
      async delete(key, context) {
        seen.push(await values.get(key, context));
        await source.delete(key);
      },
    });
    await values.delete('a');
    await clock.advance(100);
    assert.deepEqual(seen, ['A']);
    assert.equal(await values.get('a'), 'none');
  });

  test('a full buffer lets writes wait, in the order they came', async () => {
    const source = table();
    const events: LoadThroughEvent<string>[] = [];
    const { clock, values } = behind(
      source,
      { maxBuffered: 2 },
      { onEvent: (event: LoadThroughEvent<string>) => events.push(event) },
    );
    const first = [values.set('a', '1'), values.set('b', '1')].map(watched);
    const controller = new AbortController();
    const waiting = [
      values.set('c', '1', { priority: 1 }),
      values.set('d', '1', { signal: controller.signal }),
      values.set('e', '1', { deadline: 50 }),
      values.set('c', '2', { priority: 9 }),
    ].map(watched);
    await turn();
    assert.deepEqual(
      first.map(({ now }) => now),
      [{ value: undefined }, { value: undefined }],
    );
    controller.abort('gone');
    await clock.advance(50);
    assert.deepEqual(waiting[0]?.now, 'pending');
    assert.deepEqual(waiting[1]?.now, { error: 'gone' });
    assert.match(String(Object(waiting[2]?.now).error), /loadThrough: no room in the buffer in time/);
    // Nobody overtakes, whose key is there already either.
    const late = watched(values.set('a', '2'));
    await turn();
    assert.equal(late.now, 'pending');
    await clock.advance(50);
    assert.deepEqual(waiting[3]?.now, { value: undefined });
    assert.deepEqual(late.now, { value: undefined });
    await clock.advance(100);
    assert.deepEqual(source.log, ['store a=1', 'store b=1', 'store c=2', 'store a=2']);
    assert.deepEqual(
      events.filter(({ type }) => type === 'full').map(({ key }) => key),
      ['c', 'd', 'e', 'c', 'a'],
    );
    assert.equal(clock.pending, 0);
  });

  test('or lets them through: their callers wait until they are written, and hear of failures', async () => {
    const source = byHand();
    const { clock, failed, values } = behind(source, { maxBuffered: 1, full: 'through' });
    await values.set('a', '1');
    const through = [values.set('b', '1'), values.delete('c')].map(watched);
    await values.set('a', '2');
    await turn();
    assert.deepEqual(source.whats(), ['store b=1', 'delete c']);
    source.calls[0]?.resolve(undefined);
    source.calls[1]?.reject(boom);
    await turn();
    assert.deepEqual(
      through.map(({ now }) => now),
      [{ value: undefined }, { error: boom }],
    );
    assert.equal(values.pending.size, 1);
    await clock.advance(100);
    assert.deepEqual(source.whats().slice(2), ['store a=2']);
    assert.deepEqual(failed, []);
  });

  test('writes are tried anew by the pipeline; one given up is handed to onFailed, and told', async () => {
    const source = table();
    const events: LoadThroughEvent<string>[] = [];
    let fails = 2;
    const options = {
      ...source,
      async store(key: string, value: string) {
        source.log.push(`try ${key}`);
        if (fails-- > 0) throw boom;
        return source.store(key, value);
      },
    };
    const top = { pipeline: retry({ maxAttempts: 3, random: () => 0 }), onEvent: events.push.bind(events) };
    const { clock, failed, values } = behind(options, {}, top);
    await values.set('a', 'A');
    await clock.advance(100);
    assert.deepEqual(source.read(), ['try a', 'try a', 'try a', 'store a=A']);
    fails = 3;
    await values.set('a', 'A2');
    await clock.advance(100);
    assert.deepEqual(failed, [[{ key: 'a', value: 'A2', deleted: false }, boom]]);
    assert.equal(values.pending.size, 0);
    // What the source has is the truth again.
    assert.equal(await values.get('a'), 'A');
    assert.deepEqual(
      events.map(({ type }) => type),
      ['written', 'failed', 'miss'],
    );
  });

  test('a write given up with nobody to hear of it is reported as an error', async () => {
    const source = byHand();
    const { values } = behind(source, { onFailed: undefined });
    await values.set('a', 'A');
    const flushed = values.flush();
    source.calls[0]?.reject(boom);
    await assert.rejects(flushed, { name: 'AggregateError', errors: [boom] });
    const [report, ...more] = reported.splice(0) as Error[];
    assert.match(String(report), /loadThrough: the write of "a" was given up/);
    assert.equal(report?.cause, boom);
    assert.deepEqual(more, []);
  });

  test('an onFailed may write again; what it throws is reported', async () => {
    const source = byHand();
    let times = 0;
    const { clock, values } = behind(source, {
      async onFailed({ key, value }: PendingWrite<string, string>) {
        if (++times === 1) await values.set(key, value as string);
        else throw boom;
      },
    });
    await values.set('a', 'A');
    await clock.advance(100);
    source.calls[0]?.reject(boom);
    await turn();
    assert.equal(values.pending.size, 1);
    assert.equal(await values.get('a'), 'A');
    await clock.advance(100);
    source.calls[1]?.reject(boom);
    await turn();
    assert.deepEqual(reported.splice(0), [boom]);
  });

  test('flush sends at once what is there, waits for it, and says what was given up', async () => {
    const source = byHand();
    const { clock, failed, values } = behind(source);
    await Promise.all(['a', 'b', 'c'].map((key) => values.set(key, '1')));
    const flushed = watched(values.flush());
    await turn();
    assert.deepEqual(source.whats(), ['store a=1', 'store b=1', 'store c=1']);
    await values.set('d', '1');
    source.calls[0]?.resolve(undefined);
    source.calls[1]?.reject(boom);
    await turn();
    assert.equal(flushed.now, 'pending');
    source.calls[2]?.resolve(undefined);
    await turn();
    const { error } = flushed.now as unknown as { error: AggregateError };
    assert.deepEqual([error.message, error.errors], ['loadThrough: 1 of 3 writes were given up', [boom]]);
    assert.equal(failed.length, 1);
    assert.deepEqual([...values.pending.keys()], ['d']);
    // Who has no patience leaves; the writes go on.
    const controller = new AbortController();
    const impatient = watched(values.flush({ signal: controller.signal }));
    controller.abort('enough');
    await turn();
    assert.deepEqual(impatient.now, { error: 'enough' });
    source.calls[3]?.resolve(undefined);
    await values.flush();
    assert.equal(values.pending.size, 0);
    assert.equal(clock.pending, 0);
  });

  test('close turns writes away, sends what was accepted, and resolves when that has arrived [84]', async () => {
    const source = byHand();
    const { clock, values } = behind(source, { maxBuffered: 1 });
    await values.set('a', '1');
    const waiting = watched(values.set('b', '1'));
    const closed = [watched(values.close()), watched(Promise.resolve(values[Symbol.asyncDispose]()))];
    const isClosed = (error: unknown): boolean => error instanceof RejectedError && error.message === 'closed';
    await assert.rejects(values.set('a', '2'), isClosed);
    await turn();
    assert.ok(isClosed((waiting.now as { error: unknown }).error));
    assert.deepEqual(source.whats(), ['store a=1']);
    assert.equal(closed[0]?.now, 'pending');
    source.calls[0]?.resolve(undefined);
    await turn();
    assert.deepEqual(
      closed.map(({ now }) => now),
      [{ value: undefined }, { value: undefined }],
    );
    assert.equal(await values.get('a'), '1');
    assert.equal(clock.pending, 0);
  });

  test('one let in just as it closes is turned away: it was not accepted', async () => {
    const source = table();
    const onEvent = ({ type }: LoadThroughEvent<string>): void => {
      if (type === 'written') void values.close();
    };
    const { values } = behind(source, { maxBuffered: 1 }, { onEvent });
    await values.set('a', '1');
    const waiting = watched(values.set('b', '1'));
    await values.flush();
    await turn();
    assert.ok((waiting.now as unknown as { error: unknown }).error instanceof RejectedError);
    assert.deepEqual(source.log, ['store a=1']);
  });

  test('no more than maxConcurrent writes are sent at once', async () => {
    const source = byHand();
    const { clock, values } = behind(source, { maxConcurrent: 2 });
    for (const key of ['a', 'b', 'c']) await values.set(key, '1');
    await clock.advance(100);
    assert.equal(source.calls.length, 2);
    // One that has not been sent can still be changed.
    await values.set('c', '2');
    source.calls[0]?.resolve(undefined);
    await turn();
    assert.deepEqual(source.whats(), ['store a=1', 'store b=1', 'store c=2']);
  });

  test('without delete, delete forgets the cache’s value alone, and no write is lost', async () => {
    const source = table();
    const { values } = behind({ load: source.load, store: source.store });
    await values.set('a', 'A');
    await values.delete('a');
    assert.equal(await values.get('a'), 'A');
    await values.flush();
    assert.deepEqual(source.log, ['store a=A']);
  });
});

test('it tells what it does, and a listener that throws changes nothing [101]', async () => {
  const events: unknown[] = [];
  const source = table();
  const values = loadThrough({
    ...pick(source),
    name: 'users',
    onEvent(event) {
      events.push(event);
      throw boom;
    },
  });
  await Promise.all([values.get('a'), values.get('a')]);
  await values.get('a');
  await values.set('a', 'A');
  assert.deepEqual(events, [
    { type: 'miss', name: 'users', key: 'a', waiting: 1 },
    { type: 'miss', name: 'users', key: 'a', waiting: 2 },
    { type: 'hit', name: 'users', key: 'a' },
    { type: 'written', name: 'users', key: 'a', pending: 0 },
  ]);
  assert.deepEqual(reported.splice(0), Array(4).fill(boom));
});

test('options that are wrong, unknown, or do not go together are refused when it is made [7]', () => {
  const load = (): string => '';
  const store = load;
  const wrong: [object, new (message: string) => Error][] = [
    [{}, TypeError],
    [{ store }, TypeError],
    [{ load: 'x' }, TypeError],
    [{ load, maxBatch: 2 }, TypeError],
    [{ loadMany: load, maxBatch: 0 }, RangeError],
    [{ load, write: 'through' }, TypeError],
    [{ load, store, write: 'back' }, RangeError],
    [{ load, store, behind: {} }, TypeError],
    [{ load, store, write: 'behind', behind: { delay: -1 } }, RangeError],
    [{ load, store, write: 'behind', behind: { maxBuffered: 0 } }, RangeError],
    [{ load, store, write: 'behind', behind: { maxConcurrent: 1.5 } }, RangeError],
    [{ load, store, write: 'behind', behind: { full: 'drop' } }, RangeError],
    [{ load, store, write: 'behind', behind: { onFail: load } }, TypeError],
    [{ load, cache: new Map([['get', 1]]) && { maxEntries: 0 } }, RangeError],
    [{ load, cache: {} }, TypeError],
    [{ load, cache: { maxSize: 1 } }, TypeError],
    [{ load, cache: { get: load } }, TypeError],
    [{ load, cache: LruCache }, TypeError],
    [{ load, cache: null }, TypeError],
    [{ load, ttl: Number.NaN }, RangeError],
    [{ load, pipeline: {} }, TypeError],
    [{ load, clock: {} }, TypeError],
    [{ loader: load }, TypeError],
  ];
  for (const [options, kind] of wrong) {
    const told = (error: Error): boolean => error instanceof kind && error.message.startsWith('loadThrough');
    assert.throws(() => loadThrough(options as never), told, JSON.stringify(options));
  }
  const options = Object.freeze({ load, store, write: 'behind', behind: Object.freeze({ delay: undefined }) } as const);
  assert.equal(loadThrough(options).pending.size, 0);
});

function pick<S extends object>(source: S): Pick<S, keyof S & ('load' | 'store' | 'delete')> {
  const { load, store, delete: remove } = source as S & Record<string, unknown>;
  return { load, ...(store ? { store } : {}), ...(remove ? { delete: remove } : {}) } as never;
}
