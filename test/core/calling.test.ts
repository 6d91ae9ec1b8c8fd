import assert from 'node:assert/strict';
import { expect, test } from 'vitest';
import { constant } from '../../src/algorithms/backoff.ts';
import type { TripRule } from '../../src/algorithms/trip-rules.ts';
import type { Outcome } from '../../src/core/outcome.ts';
import { guard, pipeline, recovery } from '../../src/core/pipeline.ts';
import type { CallOptions, Context, Policy, Task } from '../../src/core/policy.ts';
import { bulkhead } from '../../src/policies/bulkhead.ts';
import { circuitBreaker } from '../../src/policies/circuit-breaker.ts';
import { fallback } from '../../src/policies/fallback.ts';
import { retry } from '../../src/policies/retry.ts';
import { timeout } from '../../src/policies/timeout.ts';
import { ManualClock } from '../../src/testing/manual-clock.ts';
import { deferred, givings, inEachWay, scribe, thenable, turn, watched, ways } from './support.ts';

const boom = new Error('boom');
const never: TripRule = () => ({ record: () => false });
const classify = (): 'success' => 'success';
const around: Policy = { execute: (task, context) => pipeline().execute(task, context) };

/** One of each form a frame can take, and of what stands in for it. None of them minds a failure. */
function policies(): Record<string, Policy<unknown>> {
  const clock = new ManualClock();
  const again = { maxAttempts: 1, backoff: constant({ delay: 0 }), clock };
  return {
    'the empty pipeline': pipeline(),
    'a guard with nothing to do afterwards': guard({ enter() {} }),
    'a guard that learns': guard({ leave() {} }),
    'a guard that holds': guard({ holds: true, leave() {} }),
    'a guard that watches': guard({ watch() {} }),
    'two guards that watch': pipeline(guard({ watch() {} }), guard({ watch() {} })),
    'a deadline without a watch': guard({ within: 1_000, clock }),
    'five guards': pipeline(...Array.from({ length: 5 }, () => guard({ enter() {}, leave() {} }))),
    'a recovery': recovery({ recover() {} }),
    'a recovery of values': recovery({ values: true, recover() {} }),
    'an around': pipeline(around),
    'an around between guards': pipeline(guard({ leave() {} }), around, guard({ watch() {}, leave() {} })),
    'a pipeline in a pipeline': pipeline(pipeline(guard({ leave() {} })), pipeline(pipeline())),
    retry: retry(again),
    'retry of values': retry({ ...again, classify }),
    timeout: timeout({ duration: 1_000, clock }),
    'a patient timeout': timeout({ duration: 1_000, mode: 'cooperative', clock }),
    'a timeout of nothing': timeout({ duration: undefined }),
    breaker: circuitBreaker({ clock, trip: never }),
    bulkhead: bulkhead({ maxConcurrent: 10 }),
    'bulkhead that lets go': bulkhead({ maxConcurrent: 10, releaseOn: 'abandon' }),
    fallback: fallback({ value: 'other', classify }),
    'the pipeline of four': pipeline(
      retry(again),
      circuitBreaker({ clock, trip: never }),
      bulkhead({ maxConcurrent: 10 }),
      timeout({ duration: 1_000, clock }),
    ),
  };
}

/** Each policy called in each way. */
function* cases(): Generator<[label: string, call: <T>(task: Task<T>) => Promise<unknown>]> {
  for (const [what, policy] of Object.entries(policies())) {
    for (const [way, call] of Object.entries(ways)) yield [`${what}, ${way}`, (task) => call(policy, task)];
  }
}

test('calls the task synchronously, once [1]', async () => {
  for (const [label, call] of cases()) {
    for (const { value } of Object.values(givings)) {
      let calls = 0;
      const promise = call((context) => {
        calls++;
        return value('value')(context);
      });
      assert.equal(calls, 1, label);
      assert.ok(promise instanceof Promise, label);
      assert.equal(await promise, 'value', label);
      assert.equal(calls, 1, label);
    }
  }
});

test('the task gets the context, and nothing else of ours [1]', async () => {
  for (const [label, call] of cases()) {
    const given = await call(function (this: unknown, ...all: unknown[]) {
      return [this, all.length];
    });
    assert.deepEqual(given, [undefined, 1], label);
  }
});

test('a synchronous throw is a rejection, and never a throw of execute [2]', async () => {
  for (const [label, call] of cases()) {
    const promise = call(() => {
      throw boom;
    });
    await assert.rejects(promise, boom, label);
  }
});

test('a synchronous throw is classified like a rejection [2]', async () => {
  for (const { error } of Object.values(givings)) {
    const seen: unknown[] = [];
    const judge = (outcome: unknown): 'failure' => {
      seen.push(outcome);
      return 'failure';
    };
    const clock = new ManualClock();
    const policy = pipeline(retry({ maxAttempts: 1, classify: judge }), circuitBreaker({ classify: judge, clock }));
    await assert.rejects(policy.execute(error(boom)), boom);
    const outcome = { ok: false, error: boom, abandoned: false };
    assert.deepEqual(seen, [outcome, outcome]);
  }
});

test('falsy values are ordinary results [4, O1]', async () => {
  for (const [label, call] of cases()) {
    for (const falsy of [undefined, null, 0, '', false, Number.NaN]) {
      for (const { value } of Object.values(givings)) assert.equal(await call(value(falsy)), falsy, label);
    }
  }
});

test('whatever is thrown comes out by identity [5]', async () => {
  for (const [label, call] of cases()) {
    for (const thrown of [
      undefined,
      null,
      0,
      'text',
      false,
      Symbol('thrown'),
      Object.freeze({}),
      Object.freeze(boom),
    ]) {
      for (const { error } of Object.values(givings)) {
        const state = watched(call(error(thrown)));
        await turn();
        await turn();
        assert.deepEqual(state.now, { error: thrown }, label);
      }
    }
  }
});

test('a thenable is adopted once [3]', async () => {
  for (const [label, call] of cases()) {
    let then = 0;
    const given = thenable<string>((resolve) => {
      then++;
      resolve('value');
    });
    assert.equal(await call(() => given), 'value', label);
    assert.equal(then, 1, label);
  }
});

test('a thenable that throws, settles twice, or settles and throws, settles the call once [3]', async () => {
  for (const [label, call] of cases()) {
    const odd: [run: Parameters<typeof thenable>[0], gives: unknown][] = [
      [
        () => {
          throw boom;
        },
        { error: boom },
      ],
      [
        (resolve, reject) => {
          resolve('value');
          reject(boom);
          resolve('again');
        },
        { value: 'value' },
      ],
      [
        (resolve, reject) => {
          reject(boom);
          resolve('value');
        },
        { error: boom },
      ],
      [
        (resolve) => {
          resolve('value');
          throw boom;
        },
        { value: 'value' },
      ],
      [(resolve) => resolve(thenable((deeper) => deeper('deep'))), { value: 'deep' }],
    ];
    for (const [run, gives] of odd) {
      const left: string[] = [];
      const counting = guard({ leave: () => void left.push('left') });
      const state = watched(call(() => counting.execute(() => thenable(run))));
      await turn();
      await turn();
      assert.deepEqual(state.now, gives, label);
      assert.deepEqual(left, ['left'], label);
    }
  }
});

test('a promise of a class of its own settles the call once, as it would settle an `await`, whatever its `then` does [2, 3]', async () => {
  class Settled<T> extends Promise<T> {
    constructor(value: T) {
      super((resolve) => resolve(value));
    }
  }
  class Thrower extends Promise<string> {
    // biome-ignore lint/suspicious/noThenProperty: it is what is tested
    override then(): never {
      throw boom;
    }
  }
  class Twice extends Promise<string> {}
  Object.defineProperty(Twice.prototype, 'then', {
    value(given: (value: string) => void) {
      given('value');
      given('again');
    },
  });
  const odd: [name: string, make: () => Promise<string>][] = [
    ['that `then` cannot make another of', () => new Settled('value')],
    ['that throws', () => new Thrower(() => {})],
    ['that settles twice', () => new Twice(() => {})],
  ];
  for (const [what, make] of odd) {
    const awaited = watched((async () => await make())());
    await turn();
    for (const [label, call] of cases()) {
      const left: string[] = [];
      const counting = guard({ leave: () => void left.push('left') });
      const state = watched(call(() => counting.execute(make)));
      const alone = watched(Promise.resolve(call(make)));
      await turn();
      await turn();
      assert.deepEqual([state.now, left], [awaited.now, ['left']], `${label}, ${what}`);
      assert.deepEqual(alone.now, awaited.now, `${label}, ${what}`);
    }
  }
});

test('a proxy of a promise, whose `then` throws, is a rejection, and its permit comes back [2, 3]', async () => {
  const proxied = (): Promise<string> => new Proxy(Promise.resolve('value'), {});
  for (const [label, call] of cases()) {
    const left: string[] = [];
    const counting = guard({ leave: () => void left.push('left') });
    const state = watched(call(() => counting.execute(proxied)));
    await turn();
    assert.deepEqual(left, ['left'], label);
    if (!label.startsWith('fallback')) assert.ok((state.now as { error: unknown }).error instanceof TypeError, label);
  }
  for (const [what, policy] of Object.entries(policies())) {
    if (
      what === 'the empty pipeline' ||
      what === 'a timeout of nothing' ||
      what === 'a guard with nothing to do afterwards'
    )
      continue;
    const state = watched(policy.execute(proxied));
    await turn();
    const { value, error } = state.now as { value?: unknown; error?: unknown };
    assert.ok(value === 'other' || error instanceof TypeError, what);
  }
  const one = bulkhead({ maxConcurrent: 1 });
  await assert.rejects(one.execute(proxied), TypeError);
  assert.equal(one.running, 0);
});

test('an object whose `then` cannot be read is a rejection [3]', async () => {
  for (const [label, call] of cases()) {
    const odd = {
      // biome-ignore lint/suspicious/noThenProperty: it is what is tested
      get then(): never {
        throw boom;
      },
    };
    await assert.rejects(
      call(() => odd),
      boom,
      label,
    );
  }
});

test('what has a `then` that is no function is a value; a function with one is a promise [3]', async () => {
  for (const [label, call] of cases()) {
    // biome-ignore lint/suspicious/noThenProperty: it is what is tested
    const value = { then: 'not yet' };
    assert.equal(await call(() => value), value, label);
    const callable = Object.assign(
      () => {},
      thenable<string>((resolve) => resolve('value')),
    );
    assert.equal(await call(() => callable), 'value', label);
  }
});

test('a signal aborted before rejects with its reason, and nobody is called or enters [1, 13, R3, K2]', async () => {
  for (const reason of [boom, undefined, 'gone']) {
    for (const [label, policy] of Object.entries(policies())) {
      let calls = 0;
      const controller = new AbortController();
      controller.abort(reason);
      const state = watched(policy.execute(() => ++calls, { signal: controller.signal }));
      await turn();
      assert.deepEqual(state.now, { error: controller.signal.reason }, label);
      assert.equal(calls, 0, label);
    }
  }
  const { log, guard: noted, recovery: asked, around: round } = scribe();
  const policy = pipeline(asked('r'), noted('a'), round('around'), noted('b'));
  await assert.rejects(
    policy.execute(() => 1, { signal: AbortSignal.abort(boom) }),
    boom,
  );
  assert.deepEqual(log, []);
});

test('a context that has ended rejects with the reason, and nobody enters [1, R3]', async () => {
  const controller = new AbortController();
  const { log, guard: noted } = scribe();
  const task = async (context: Context): Promise<void> => {
    controller.abort(boom);
    await turn();
    await assert.rejects(
      noted('inner').execute(() => log.push('called'), context),
      boom,
    );
    log.push('rejected');
  };
  await assert.rejects(guard({}).execute(task, { signal: controller.signal }), boom);
  await turn();
  assert.deepEqual(log, ['rejected']);
});

test('is used again and again, also from inside its own task [8]', async () => {
  for (const [label, call] of cases()) {
    const value = await call(async () => {
      const [a, b] = await Promise.all([call(() => 'a'), call(async () => 'b')]);
      return `${a}${b}${await call(() => call(() => 'c'))}`;
    });
    assert.equal(value, 'abc', label);
    assert.equal(await call(() => 'again'), 'again', label);
  }
});

test('calls side by side do not mix, however they end [8]', async () => {
  for (const [label, call] of cases()) {
    const tasks = Array.from({ length: 8 }, () => deferred());
    const states = tasks.map(({ promise }) => watched(call(() => promise)));
    for (const [i, task] of [...tasks.entries()].reverse()) {
      if (i % 2 === 0) task.resolve(i);
      else task.reject(i);
    }
    await turn();
    await turn();
    assert.deepEqual(
      states.map(({ now }) => now),
      tasks.map((_, i) => (i % 2 === 0 ? { value: i } : { error: i })),
      label,
    );
  }
});

inEachWay('the empty pipeline is the identity [10]', async (call) => {
  const value = {};
  for (const empty of [pipeline(), pipeline(pipeline(), pipeline(pipeline()))]) {
    for (const { value: give, error } of Object.values(givings)) {
      assert.equal(await call(empty, give(value)), value);
      await assert.rejects(call(empty, error(boom)), boom);
    }
  }
});

inEachWay('a pipeline of one policy is that policy [10]', async (call) => {
  const both = [
    (policy: Policy) => policy,
    (policy: Policy) => pipeline(policy),
    (policy: Policy) => pipeline(pipeline(policy)),
  ];
  for (const { value, error } of Object.values(givings)) {
    const logs = [];
    for (const as of both) {
      const { log, guard: noted } = scribe();
      const policy = as(noted('a'));
      await call(policy, value('value'));
      await assert.rejects(call(policy, error(boom)), boom);
      logs.push(log);
    }
    assert.deepEqual(logs[1], logs[0]);
    assert.deepEqual(logs[2], logs[0]);
  }
});

test('two pipelines that are given one breaker share its state [9]', async () => {
  const clock = new ManualClock();
  const breaker = circuitBreaker({ clock, trip: () => ({ record: (failed) => failed }) });
  const [one, other] = [
    pipeline(retry({ maxAttempts: 1 }), breaker),
    pipeline(breaker, timeout({ duration: 100, clock })),
  ];
  await assert.rejects(
    one.execute(() => {
      throw boom;
    }),
    boom,
  );
  let calls = 0;
  await assert.rejects(
    other.execute(() => ++calls),
    { code: 'ERR_CIRCUIT_OPEN', cause: boom },
  );
  assert.equal(calls, 0);
});

test('only a function is a task: anything else is a rejection, and nobody enters [7]', async () => {
  const { log, guard: noted } = scribe();
  for (const policy of [pipeline(), noted('a'), pipeline(noted('a'), around), timeout({ duration: 100 })]) {
    for (const options of [undefined, {}, { priority: 1 }]) {
      for (const task of [undefined, null, 'task', Promise.resolve()]) {
        const error = await policy.execute(task as never, options).catch((error: unknown) => error);
        expect(error).toBeInstanceOf(TypeError);
        expect((error as Error).message).toMatch(/^execute: the task must be a function, got /);
      }
    }
  }
  assert.deepEqual(log, []);
});

test('what a caller may not say is a rejection that names it, and nobody enters [7]', async () => {
  const { log, guard: noted } = scribe();
  const wrong: [options: unknown, kind: new () => Error, message: RegExp][] = [
    [null, TypeError, /./],
    [5, TypeError, /^execute: options must be an object, got 5$/],
    [{ signal: {} }, TypeError, /^execute: signal must be an AbortSignal/],
    [{ signal: null }, TypeError, /./],
    [{ signal: { addEventListener() {} } }, TypeError, /^execute: signal must be an AbortSignal/],
    [{ deadline: '5' }, TypeError, /^execute: deadline must be a number, got "5"$/],
    [{ deadline: Number.NaN }, RangeError, /^execute: deadline must be a number, got NaN$/],
    [{ priority: Number.NaN }, RangeError, /^execute: priority must be a number, got NaN$/],
    [{ cost: -1 }, RangeError, /^execute: cost must be a number, 0 or more, got -1$/],
    [{ cost: null }, TypeError, /^execute: cost must be a number, 0 or more, got null$/],
  ];
  for (const policy of [pipeline(), noted('a'), timeout({ duration: 100 })]) {
    for (const [options, kind, message] of wrong) {
      const error = await policy
        .execute(() => log.push('called'), options as CallOptions)
        .catch((error: unknown) => error);
      expect(error).toBeInstanceOf(kind);
      expect((error as Error).message).toMatch(message);
    }
  }
  assert.deepEqual(log, []);
});

test('what throws when it is looked at, a signal of somebody’s own making too, is a rejection, and nobody is left inside [2]', async () => {
  const signal = (more: object): AbortSignal =>
    Object.defineProperties({ addEventListener() {}, removeEventListener() {} }, more as never) as never;
  const addEventListener = (): never => {
    throw boom;
  };
  const thrower = (name: string) => ({
    [name]: {
      get() {
        throw boom;
      },
    },
  });
  const wrong: [what: string, options: () => object][] = [
    ...['signal', 'deadline', 'priority', 'cost', 'attempt'].map((name): [string, () => object] => [
      name,
      () => Object.defineProperties({}, thrower(name)),
    ]),
    ['aborted', () => ({ signal: signal(thrower('aborted')) })],
    ['reason', () => ({ signal: signal({ aborted: { value: true }, ...thrower('reason') }) })],
    ['addEventListener', () => ({ signal: { ...signal({}), addEventListener } })],
  ];
  for (const [label, policy] of Object.entries(policies())) {
    for (const [what, options] of wrong) {
      let calls = 0;
      const call = policy.execute(() => ++calls, options());
      await assert.rejects(call, boom, `${label}: ${what}`);
      assert.equal(calls, 0, `${label}: ${what}`);
    }
  }
});

test('what a caller leaves undefined is the default, and his options stay as they are [7]', async () => {
  const options = Object.freeze({ signal: undefined, deadline: undefined, priority: undefined, cost: undefined });
  for (const [label, policy] of Object.entries(policies())) {
    await policy.execute(({ attempt, priority, cost, signal }) => {
      assert.deepEqual([attempt, priority, cost, signal.aborted], [1, 0, 1, false], label);
    }, options as object);
  }
});

test('hands on what the caller says [7]', async () => {
  for (const [label, policy] of Object.entries(policies())) {
    await policy.execute(
      ({ priority, cost, deadline }) => {
        assert.deepEqual([priority, cost, deadline], [5, 3, 50], label);
      },
      { priority: 5, cost: 3, deadline: 50 },
    );
  }
});

test('execute works apart from its policy', async () => {
  for (const { execute } of Object.values(policies())) assert.equal(await execute(() => 'value'), 'value');
});

test('anything with execute is a policy, anything else is refused by its place', () => {
  const own: Policy = { execute: async (task) => task(undefined as never) };
  assert.doesNotThrow(() => pipeline(own, pipeline()));
  const wrong: [policies: unknown[], message: string][] = [
    [[undefined], 'pipeline: policy 1 must have a method execute, got undefined'],
    [[pipeline(), null], 'pipeline: policy 2 must have a method execute, got null'],
    [[pipeline(), {}], 'pipeline: policy 2 must have a method execute, got an object'],
    [[[pipeline()]], 'pipeline: policy 1 must have a method execute, got an array'],
    [[() => {}], 'pipeline: policy 1 must have a method execute, got a function'],
  ];
  for (const [row, message] of wrong) {
    assert.throws(() => pipeline(...(row as Policy[])), { name: 'TypeError', message });
  }
});

test('members of a policy keep their getters, and are read when asked for', () => {
  let state = 'one';
  const policy = guard(
    {},
    {
      get state() {
        return state;
      },
    },
  );
  assert.equal(policy.state, 'one');
  state = 'two';
  assert.equal(policy.state, 'two');
});

test('a guard that is an object of a class, or speaks of itself, is called as one', async () => {
  class Counter {
    entered = 0;
    #left = 0;
    enter() {
      this.entered++;
    }
    leave() {
      this.#left++;
    }
    get left() {
      return this.#left;
    }
  }
  const own = new Counter();
  const literal = {
    log: [] as string[],
    enter() {
      this.log.push('enter');
    },
    leave(_permit: unknown, outcome: Outcome) {
      this.log.push(`leave ${outcome.ok}`);
    },
  };
  const both = pipeline(guard(own), guard(literal));
  assert.equal(await both.execute(() => 1), 1);
  assert.equal(await both.execute(async () => 2), 2);
  assert.deepEqual([own.entered, own.left], [2, 2]);
  assert.deepEqual(literal.log, ['enter', 'leave true', 'enter', 'leave true']);
});

test('members with getters are read when asked for, by name or by symbol, also in what inherits from the policy', () => {
  const made = (start: number) => {
    let at = start;
    const log = Symbol.for('log');
    const members = {
      get at() {
        return at;
      },
      move: () => void at++,
      get [log]() {
        return [at];
      },
    };
    return guard({}, members);
  };
  const [one, two] = [made(1), made(10)];
  one.move();
  assert.deepEqual([one.at, two.at], [2, 10]);
  assert.deepEqual(Reflect.get(two, Symbol.for('log')), [10]);
  assert.equal(Object.create(one).at, 2);
});

test('methods, getters and setters of members speak of one and the same by `this`', () => {
  const counter = guard(
    {},
    {
      count: 1,
      more() {
        this.count++;
      },
      get double() {
        return 2 * this.count;
      },
      set double(value: number) {
        this.count = value / 2;
      },
    },
  );
  counter.more();
  assert.equal(counter.double, 4);
  counter.double = 10;
  assert.deepEqual([counter.count, counter.double], [5, 10]);
});
