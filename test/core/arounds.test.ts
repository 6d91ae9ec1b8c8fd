import assert from 'node:assert/strict';
import { test } from 'vitest';
import { guard, pipeline, recovery } from '../../src/core/pipeline.ts';
import type { CallOptions, Context, Policy, Task } from '../../src/core/policy.ts';
import { timeout } from '../../src/policies/timeout.ts';
import { ManualClock } from '../../src/testing/manual-clock.ts';
import { deferred, givings, inEachWay, scribe, shown, turn, watched } from './support.ts';

const boom = new Error('boom');
const never = (): Promise<never> => new Promise(() => {});
const handing = (pass: (context: Context) => CallOptions | Context | undefined): Policy => ({
  execute: async (task, context) => task(pass(context as Context) as Context),
});

/** What an around may hand on, of the context it got. */
const handed: Record<string, Policy> = {
  'the context': handing((context) => context),
  nothing: handing(() => undefined),
  'an empty object': handing(() => ({})),
  'a part': handing(({ priority }) => ({ priority })),
  'a copy': handing(({ signal, attempt, deadline, priority, cost }) => ({ signal, attempt, deadline, priority, cost })),
  'through a policy of ours': { execute: (task, context) => guard({ leave() {} }).execute(task, context) },
};

inEachWay('nested pipelines are flattened: they wind as one row [R1, 10]', async (call) => {
  const logs: string[][] = [];
  for (const nest of [
    (a: Policy, b: Policy, c: Policy, d: Policy) => pipeline(a, b, c, d),
    (a: Policy, b: Policy, c: Policy, d: Policy) => pipeline(pipeline(a, b), pipeline(), pipeline(c, pipeline(d))),
    (a: Policy, b: Policy, c: Policy, d: Policy) => pipeline(pipeline(pipeline(pipeline(a)), b, c, d)),
  ]) {
    const { guard, task, log } = scribe();
    const again = recovery({
      recover: (outcome, { attempt }) => {
        log.push(`asked: ${shown(outcome)}`);
        return attempt < 2 ? { again: 0 } : undefined;
      },
    });
    const policy = nest(guard('a'), again, guard('c'), guard('d'));
    for (const { value, error } of Object.values(givings)) {
      await call(policy, task('task', value('it')));
      await assert.rejects(call(policy, task('task', error(boom))), boom);
    }
    logs.push(log);
  }
  assert.deepEqual(logs[1], logs[0]);
  assert.deepEqual(logs[2], logs[0]);
});

inEachWay('a policy whose execute somebody has replaced, or overridden, is an around of his [R1]', async (call) => {
  const replaced = guard({});
  const { execute } = replaced;
  const calls: string[] = [];
  replaced.execute = (task, options) => {
    calls.push('replaced');
    return execute(task, options);
  };
  const inner = guard({});
  const overridden: Policy = Object.create(inner, {
    execute: {
      value: (...given: Parameters<Policy['execute']>) => {
        calls.push('overridden');
        return inner.execute(...given);
      },
    },
  });
  const proxy = new Proxy(inner, {
    get(target, key, receiver) {
      if (key === 'execute') calls.push('proxy');
      const value = Reflect.get(target, key, receiver);
      return key === 'execute' ? value.bind(target) : value;
    },
  });
  const policy = pipeline(replaced, overridden, proxy);
  calls.length = 0;
  assert.equal(await call(policy, () => 'it'), 'it');
  assert.deepEqual(calls, ['replaced', 'overridden', 'proxy']);
});

inEachWay('an around ends one frame and begins the next: its task is the inner frame [R1]', async (call) => {
  const { guard, recovery, around, task, read } = scribe();
  const policy = pipeline(guard('a'), around('x'), guard('b'), recovery('r', { again: 0 }), around('y'), guard('c'));
  const result = await call(
    policy,
    task('task', ({ attempt }) => {
      if (attempt === 1) throw boom;
      return 'it';
    }),
  );
  assert.equal(result, 'it');
  assert.deepEqual(read(), [
    'a in',
    'x in',
    'b in',
    'y in',
    'c in',
    'task, try 1',
    'c out: error boom',
    'y out',
    'r asked, try 1: error boom',
    'y in',
    'c in',
    'task, try 2',
    'c out: value it',
    'y out',
    'b out: value it',
    'x out',
    'a out: value it',
  ]);
});

inEachWay('each call of its task by an around is one winding, with a scope of its own [R1, R2]', async (call) => {
  const { guard: noted, log } = scribe();
  const contexts: Context[] = [];
  const twice: Policy = {
    async execute<T>(task: Task<T>, context?: CallOptions | Context) {
      const [, second] = await Promise.all([task(context as Context), task(context as Context)]);
      return second;
    },
  };
  const policy = pipeline(noted('a'), twice, noted('b'), guard({ watch() {} }));
  await call(policy, async (context) => {
    contexts.push(context);
    return contexts.length;
  });
  assert.deepEqual(log, ['a in', 'b in', 'b in', 'b out: value 1', 'b out: value 2', 'a out: value 2']);
  const [one, other] = contexts;
  assert.notEqual(one, other);
  assert.notEqual(one?.signal, other?.signal);
});

inEachWay(
  'an around may answer in the task’s stead, or throw, and nobody inside hears of the call [R1]',
  async (call) => {
    const { guard, log } = scribe();
    const answering: Policy<unknown> = { execute: async () => 'other' };
    const throwing = {
      execute() {
        throw boom;
      },
    } as Policy;
    assert.equal(await call(pipeline(guard('a'), answering, guard('b')), () => 'it'), 'other');
    await assert.rejects(
      call(pipeline(guard('a'), throwing, guard('b')), () => 'it'),
      boom,
    );
    assert.deepEqual(log, ['a in', 'a out: value other', 'a in', 'a out: error boom']);
  },
);

test('what an around does not hand on comes from the context it got [R1]', async () => {
  for (const [what, around] of Object.entries(handed)) {
    const clock = new ManualClock();
    const policy = pipeline(timeout({ duration: 100, clock }), around, guard({ leave() {} }));
    const seen = await policy.execute(
      ({ attempt, deadline, priority, cost }) => ({ attempt, deadline, priority, cost }),
      { priority: 3, cost: 2 },
    );
    assert.deepEqual(seen, { attempt: 1, deadline: 100, priority: 3, cost: 2 }, what);
  }
});

test('what an around does hand on counts, each field by itself [R1]', async () => {
  const clock = new ManualClock();
  for (const [given, seen] of [
    [{ priority: 9 }, { attempt: 2, deadline: 110, priority: 9, cost: 2 }],
    [{ cost: 0 }, { attempt: 2, deadline: 110, priority: 3, cost: 0 }],
    [{ deadline: 20 }, { attempt: 2, deadline: 20, priority: 3, cost: 2 }],
    [{ attempt: 7 }, { attempt: 7, deadline: 110, priority: 3, cost: 2 }],
    [{ priority: undefined }, { attempt: 2, deadline: 110, priority: 3, cost: 2 }],
  ] as const) {
    const again = recovery({ clock, recover: (_, { attempt }) => (attempt < 2 ? { again: 10 } : undefined) });
    let tries = 0;
    const failingFirst = guard({
      enter() {
        if (++tries === 1) throw boom;
      },
    });
    const policy = pipeline(
      again,
      timeout({ duration: 100, clock }),
      failingFirst,
      handing(() => given as CallOptions),
      guard({}),
    );
    const start = clock.now();
    const result = policy.execute(
      ({ attempt, deadline, priority, cost }) => ({
        attempt,
        deadline: deadline - ('deadline' in given ? 0 : start),
        priority,
        cost,
      }),
      { priority: 3, cost: 2 },
    );
    await clock.advance(10);
    assert.deepEqual(await result, seen);
  }
});

test('the signal reaches through whatever an around hands on, but for a signal of its own [R1, R6]', async () => {
  const own = new AbortController();
  const rows: Record<string, [around: Policy, reaches: boolean]> = {
    ...Object.fromEntries(Object.entries(handed).map(([what, around]) => [what, [around, true]])),
    'a signal of its own': [handing(() => ({ signal: own.signal })), false],
  };
  for (const [what, [around, reaches]] of Object.entries(rows)) {
    const { guard: noted, log } = scribe();
    const clock = new ManualClock();
    let context: Context | undefined;
    const policy = pipeline(timeout({ duration: 100, clock }), around, noted('b'));
    const state = watched(
      policy.execute((given) => {
        context = given;
        return never();
      }),
    );
    await clock.advance(100);
    assert.equal((state.now as { error: Error }).error.name, 'timeout', what);
    assert.equal(context?.signal.aborted, reaches, what);
    assert.deepEqual(log, reaches ? ['b in', 'b out: abandoned no result within 100 ms'] : ['b in'], what);
  }
  // The one with a signal of its own is still under way, and ends by it.
  own.abort('own');
  await turn();
});

test('an around that calls its task after its call was stopped gets the reason, and nobody enters [R1, R3]', async () => {
  for (const [what, pass] of [
    ['the context', (context: Context) => context],
    ['nothing', () => undefined],
    ['a part', () => ({ priority: 1 })],
  ] as const) {
    const { guard: noted, log } = scribe();
    const gate = deferred();
    let late: { now: unknown } | undefined;
    const around: Policy = {
      async execute<T>(task: Task<T>, context?: CallOptions | Context) {
        await gate.promise;
        const result = Promise.resolve(task(pass(context as Context) as Context));
        late = watched(result);
        return result;
      },
    };
    const controller = new AbortController();
    const state = watched(pipeline(around, noted('b')).execute(() => 'it', { signal: controller.signal }));
    controller.abort(boom);
    await turn();
    assert.deepEqual(state.now, { error: boom }, what);
    gate.resolve(undefined);
    await turn();
    assert.deepEqual(late?.now, { error: boom }, what);
    assert.deepEqual(log, [], what);
  }
});

test('what an around begins and does not wait for goes on after its call is over, with nobody to stop it [R1, R2]', async () => {
  const { guard: noted, log } = scribe();
  const gate = deferred();
  const refreshing: Policy<unknown> = {
    async execute<T>(task: Task<T>, context?: CallOptions | Context) {
      Promise.resolve(task(context as Context)).catch(() => {});
      return 'stale';
    },
  };
  const controller = new AbortController();
  let context: Context | undefined;
  const policy = pipeline(noted('a'), refreshing, noted('b'));
  const value = await policy.execute(
    (given) => {
      context = given;
      return gate.promise;
    },
    { signal: controller.signal },
  );
  assert.equal(value, 'stale');
  assert.deepEqual(log.splice(0), ['a in', 'b in', 'a out: value stale']);
  controller.abort('late');
  await turn();
  assert.equal(context?.signal.aborted, false);
  gate.resolve('fresh');
  await turn();
  assert.deepEqual(log, ['b out: value fresh']);
});

test('an around that drops a loser ends what is inside of it: signal, permits, in that instant [R6, R2]', async () => {
  const { guard: noted, log } = scribe();
  const signals: AbortSignal[] = [];
  const race: Policy = {
    async execute<T>(task: Task<T>, context?: CallOptions | Context) {
      const loser = new AbortController();
      const lost = Promise.resolve(task({ ...(context as object), signal: loser.signal } as Context));
      lost.catch(() => {});
      const won = await task(context as Context);
      loser.abort('superseded');
      return won;
    },
  };
  let calls = 0;
  const value = await pipeline(noted('a'), race, noted('b')).execute(({ signal }) => {
    signals.push(signal);
    return calls++ === 0 ? never() : Promise.resolve('winner');
  });
  await turn();
  assert.equal(value, 'winner');
  assert.deepEqual(
    signals.map(({ aborted }) => aborted),
    [true, false],
  );
  assert.deepEqual([...log].sort(), [
    'a in',
    'a out: value winner',
    'b in',
    'b in',
    'b out: abandoned superseded',
    'b out: value winner',
  ]);
});

test('a call that one policy makes in the context of another ends with it, at any depth [R1, R6, 115]', async () => {
  const { guard: noted, log } = scribe();
  const controller = new AbortController();
  const [a, b, c] = [noted('a'), noted('b'), noted('c')] as const;
  let context: Context | undefined;
  const state = watched(
    a.execute(
      (outer) =>
        b.execute(
          (inner) =>
            c.execute((given) => {
              context = given;
              return never();
            }, inner),
          outer,
        ),
      { signal: controller.signal },
    ),
  );
  controller.abort(boom);
  await turn();
  assert.deepEqual(state.now, { error: boom });
  assert.equal(context?.signal.reason, boom);
  assert.deepEqual(log, [
    'a in',
    'b in',
    'c in',
    'c out: abandoned boom',
    'b out: abandoned boom',
    'a out: abandoned boom',
  ]);
});

test('the same policy inside itself is two guards, entered and left one inside the other [8, R1]', async () => {
  const { guard: noted, log } = scribe();
  const a = noted('a');
  await a.execute((context) => a.execute(() => 'it', context));
  await pipeline(a, a).execute(() => 'it');
  const once = ['a in', 'a in', 'a out: value it', 'a out: value it'];
  assert.deepEqual(log, [...once, ...once]);
});
