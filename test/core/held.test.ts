import assert from 'node:assert/strict';
import { test } from 'vitest';
import { held } from '../../src/core/held.ts';
import { guard, pipeline, recovery } from '../../src/core/pipeline.ts';
import type { Context, Policy, Task } from '../../src/core/policy.ts';
import { bulkhead } from '../../src/policies/bulkhead.ts';
import { retry } from '../../src/policies/retry.ts';
import { timeout } from '../../src/policies/timeout.ts';
import { ManualClock } from '../../src/testing/manual-clock.ts';
import { deferred, inEachWay, scribe, shapes, thenable, turn, watched } from './support.ts';

const boom = new Error('boom');

/** Ways for a task to hand over `it` and go on until `done` settles. */
const tasks: Record<string, (done: PromiseLike<unknown>) => Task<string>> = {
  'in one go': (done) => () => held('it', done),
  'by a promise': (done) => async () => held('it', done),
  'by a promise, later': (done) => () => turn().then(() => held('it', done)),
  'by a thenable': (done) => () => thenable<string>((resolve) => resolve(held('it', done))),
};

inEachWay('the caller gets the value now, and the guards leave when it is done [R11]', async (call) => {
  for (const [how, task] of Object.entries(tasks)) {
    for (const end of ['resolve', 'reject'] as const) {
      const { guard, read } = scribe();
      for (const policy of shapes(guard('a'), guard('b'))) {
        const done = deferred();
        assert.equal(await call(policy, task(done.promise)), 'it', how);
        await turn();
        assert.deepEqual(read(), ['a in', 'b in'], how);
        if (end === 'resolve') done.resolve('anything');
        else done.reject(boom);
        await turn();
        const outcome = end === 'resolve' ? 'value it' : 'error boom';
        assert.deepEqual(read(), [`b out: ${outcome}`, `a out: ${outcome}`], how);
      }
    }
  }
});

inEachWay('the empty pipeline hands over the value alone [R11, 10]', async (call) => {
  for (const task of Object.values(tasks)) assert.equal(await call(pipeline(), task(new Promise(() => {}))), 'it');
});

inEachWay('what it waits for may be a thenable, and may have settled before [R11]', async (call) => {
  for (const done of [thenable((resolve) => resolve('done')), Promise.resolve()]) {
    const { guard, log } = scribe();
    assert.equal(await call(guard('a'), () => held('it', done)), 'it');
    await turn();
    assert.deepEqual(log, ['a in', 'a out: value it']);
  }
});

inEachWay(
  'recoveries are not asked about it, neither about the value nor about what becomes of it [R11]',
  async (call) => {
    for (const task of Object.values(tasks)) {
      for (const end of ['resolve', 'reject'] as const) {
        const asked: string[] = [];
        const asking = (values: boolean): Policy =>
          recovery({
            values,
            recover(outcome) {
              asked.push(outcome.ok ? 'value' : 'error');
              return { again: 0 };
            },
          });
        const { guard, log } = scribe();
        const done = deferred();
        const policy = pipeline(asking(true), guard('a'), asking(false));
        assert.equal(await call(policy, task(done.promise)), 'it');
        if (end === 'resolve') done.resolve(undefined);
        else done.reject(boom);
        await turn();
        assert.deepEqual(asked, []);
        assert.deepEqual(log, ['a in', `a out: ${end === 'resolve' ? 'value it' : 'error boom'}`]);
      }
    }
  },
);

inEachWay('a failure before that is tried again as any other [R11]', async (call) => {
  const { guard, log } = scribe();
  const done = deferred();
  const policy = pipeline(retry({ maxAttempts: 2, backoff: () => 0 }), guard('a'));
  const value = await call(policy, async ({ attempt }) => {
    if (attempt === 1) throw boom;
    return held('it', done.promise);
  });
  assert.equal(value, 'it');
  assert.deepEqual(log, ['a in', 'a out: error boom', 'a in']);
  done.resolve(undefined);
  await turn();
  assert.equal(log.at(-1), 'a out: value it');
});

inEachWay(
  'a timeout goes on until it is done, and its stop ends it: the signal aborts, the guards leave [R11]',
  async (call) => {
    for (const mode of ['aggressive', 'cooperative'] as const) {
      for (const [how, task] of Object.entries(tasks)) {
        const clock = new ManualClock();
        const { guard, log } = scribe();
        const done = deferred();
        let signal: AbortSignal | undefined;
        const policy = pipeline(guard('a'), timeout({ duration: 100, mode, clock }), guard('b'));
        const state = watched(
          call(policy, (context) => {
            ({ signal } = context);
            signal.addEventListener('abort', () => done.reject(boom));
            return task(done.promise)(context);
          }),
        );
        await clock.advance(99);
        assert.deepEqual(state.now, { value: 'it' }, how);
        assert.deepEqual(log.splice(0), ['a in', 'b in']);
        await clock.advance(1);
        assert.equal((signal!.reason as Error).name, 'timeout');
        const told = 'no result within 100 ms';
        assert.deepEqual(
          log,
          mode === 'aggressive'
            ? [`b out: abandoned ${told}`, `a out: error ${told}`]
            : ['b out: error boom', `a out: error ${told}`],
          how,
        );
        assert.equal(clock.pending, 0);
        assert.deepEqual(state.now, { value: 'it' });
      }
    }
  },
);

inEachWay('a timeout that ends in time leaves nothing behind [R11, 39]', async (call) => {
  for (const task of Object.values(tasks)) {
    const clock = new ManualClock();
    const done = deferred();
    let signal: AbortSignal | undefined;
    await call(timeout({ duration: 100, clock }), (context) => {
      ({ signal } = context);
      return task(done.promise)(context);
    });
    assert.equal(clock.pending, 1);
    done.resolve(undefined);
    await turn();
    assert.equal(clock.pending, 0);
    assert.equal(signal?.aborted, false);
  }
});

test('the caller’s abort still ends it, though he has the value [R11, R8]', async () => {
  for (const task of Object.values(tasks)) {
    const { guard, log } = scribe();
    const controller = new AbortController();
    let signal: AbortSignal | undefined;
    const policy = pipeline(guard('a'), guard('b'));
    const value = await policy.execute(
      (context) => {
        ({ signal } = context);
        return task(new Promise(() => {}))(context);
      },
      { signal: controller.signal },
    );
    assert.equal(value, 'it');
    controller.abort(boom);
    await turn();
    assert.equal(signal?.reason, boom);
    assert.deepEqual(log, ['a in', 'b in', 'b out: abandoned boom', 'a out: abandoned boom']);
  }
});

test('guards outside an around, or of a policy further out, wait for it, too [R11]', async () => {
  const nestings: Record<string, (outer: Policy, inner: Policy) => Policy> = {
    fused: (outer, inner) => pipeline(outer, inner),
    'in its context': (outer, inner) => ({
      execute: (task, options) => outer.execute((context) => inner.execute(task, context), options),
    }),
    'two deep': (outer, inner) => ({
      execute: (task, options) =>
        outer.execute((one) => pipeline().execute((two) => inner.execute(task, two), one), options),
    }),
    'round an around': (outer, inner) =>
      pipeline(outer, { execute: (task, context) => task(context as Context) } as Policy, inner),
    'round an around that hands nothing on': (outer, inner) =>
      pipeline(outer, { execute: async (task) => task(undefined as never) } as Policy, inner),
    'round an around that hands on a part': (outer, inner) =>
      pipeline(outer, { execute: async (task) => task({ priority: 1 } as Context) } as Policy, inner),
    'round two arounds': (outer, inner) => {
      const around: Policy = { execute: async (task, context) => task(context as Context) };
      return pipeline(outer, around, around, inner);
    },
  };
  for (const [how, nest] of Object.entries(nestings)) {
    for (const [what, task] of Object.entries(tasks)) {
      for (const options of [undefined, { priority: 2 }]) {
        for (const end of ['resolve', 'reject'] as const) {
          const { guard, log } = scribe();
          const done = deferred();
          const label = `${how}, ${what}`;
          const value = await nest(guard('outer'), guard('inner')).execute(task(done.promise), options);
          assert.equal(value, 'it', label);
          await turn();
          assert.deepEqual(log, ['outer in', 'inner in'], label);
          if (end === 'resolve') done.resolve(undefined);
          else done.reject(boom);
          await turn();
          const outcome = end === 'resolve' ? 'value it' : 'error boom';
          assert.deepEqual(log.slice(2), [`inner out: ${outcome}`, `outer out: ${outcome}`], label);
        }
      }
    }
  }
});

test('one call’s body does not hold another call of the same policy [R11]', async () => {
  const { log } = scribe();
  let n = 0;
  const outer = guard<number>({ enter: () => ++n, leave: (permit) => void log.push(`out ${permit}`) });
  const gates = [deferred(), deferred()] as const;
  const done = deferred();
  // Both have begun before either of them is looked into.
  const first = outer.execute(async (context) => {
    await gates[0].promise;
    return pipeline().execute(() => held('first', done.promise), context);
  });
  const second = outer.execute(async (context) => {
    await gates[1].promise;
    return pipeline().execute(() => 'second', context);
  });
  gates[0].resolve(undefined);
  assert.equal(await first, 'first');
  gates[1].resolve(undefined);
  assert.equal(await second, 'second');
  await turn();
  assert.deepEqual(log, ['out 2']);
  done.resolve(undefined);
  await turn();
  assert.deepEqual(log, ['out 2', 'out 1']);
});

inEachWay('a slot is taken until the body has been read [R11, 80]', async (call) => {
  const slots = bulkhead({ maxConcurrent: 1 });
  const done = deferred();
  await call(slots, () => held('it', done.promise));
  assert.equal(slots.running, 1);
  await assert.rejects(
    call(slots, () => 'never'),
    { code: 'ERR_BULKHEAD_FULL' },
  );
  done.resolve(undefined);
  await turn();
  assert.equal(slots.running, 0);
});

inEachWay(
  'what is handed over after a guard has asked to abort is nobody’s: the error goes on, the value is let go of [R11, 44]',
  async (call) => {
    const clock = new ManualClock();
    const { guard, log } = scribe();
    const disposed: string[] = [];
    const task = deferred<object>();
    const policy = pipeline(guard('a'), timeout({ duration: 100, mode: 'cooperative', clock }));
    const state = watched(call(policy, () => task.promise));
    await clock.advance(150);
    task.resolve(held({ [Symbol.dispose]: () => disposed.push('disposed') }, new Promise(() => {})));
    await turn();
    assert.equal((state.now as { error: Error }).error.name, 'timeout');
    assert.deepEqual(disposed, ['disposed']);
    assert.deepEqual(log, ['a in', 'a out: error no result within 100 ms']);
  },
);

inEachWay('what is handed over after a stop is let go of, too [R11, R6]', async (call) => {
  const clock = new ManualClock();
  const disposed: string[] = [];
  const task = deferred<object>();
  const state = watched(call(timeout({ duration: 100, clock }), () => task.promise));
  await clock.advance(100);
  assert.equal((state.now as { error: Error }).error.name, 'timeout');
  task.resolve(held({ [Symbol.dispose]: () => disposed.push('disposed') }, new Promise(() => {})));
  await turn();
  assert.deepEqual(disposed, ['disposed']);
});

test('a body that fails when nobody waits for it is silent [R11, 46]', async () => {
  for (const policy of [pipeline(), guard({}), timeout({ duration: 1_000 })]) {
    for (const task of Object.values(tasks)) {
      const done = deferred();
      assert.equal(await policy.execute(task(done.promise)), 'it');
      done.reject(boom);
      await turn();
    }
  }
  // Handed over after a stop, too.
  const controller = new AbortController();
  const task = deferred<string>();
  const state = watched(guard({ leave() {} }).execute(() => task.promise, { signal: controller.signal }));
  controller.abort('gone');
  await turn();
  assert.deepEqual(state.now, { error: 'gone' });
  task.resolve(held('it', Promise.reject(boom)));
  await turn();
});
