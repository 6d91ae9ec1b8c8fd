import assert from 'node:assert/strict';
import { test } from 'vitest';
import { constant } from '../../src/algorithms/backoff.ts';
import { guard, pipeline, recovery } from '../../src/core/pipeline.ts';
import type { CallOptions, Context, Policy, Task } from '../../src/core/policy.ts';
import { bulkhead } from '../../src/policies/bulkhead.ts';
import { fallback } from '../../src/policies/fallback.ts';
import { retry } from '../../src/policies/retry.ts';
import { timeout } from '../../src/policies/timeout.ts';
import { ManualClock } from '../../src/testing/manual-clock.ts';
import { givings, inEachWay, turn, watched } from './support.ts';

const boom = new Error('boom');
const never = (): Promise<never> => new Promise(() => {});
const fields = ({ attempt, deadline, priority, cost }: Context): object => ({ attempt, deadline, priority, cost });

/** Tries twice more, with nothing in between. */
const thrice = (): Policy => recovery({ recover: (_, { attempt }) => (attempt < 3 ? { again: 0 } : undefined) });

/** Keeps the contexts a task gets, and fails. */
function contexts() {
  const seen: Context[] = [];
  const task: Task<never> = (context) => {
    seen.push(context);
    throw boom;
  };
  return { seen, task };
}

inEachWay('each try has a context and a signal of its own, which a later try never changes [R2, 49]', async (call) => {
  for (const row of [[], [guard({ watch() {} })], [guard({ within: 100, clock: new ManualClock() })]]) {
    const { seen, task } = contexts();
    await assert.rejects(call(pipeline(thrice(), ...row), task), boom);
    assert.deepEqual(
      seen.map(({ attempt }) => attempt),
      [1, 2, 3],
    );
    assert.equal(new Set(seen).size, 3);
    assert.equal(new Set(seen.map(({ signal }) => signal)).size, 3);
  }
});

inEachWay('two calls never share a signal that could abort [R2, O7]', async (call) => {
  for (const policy of [pipeline(), guard({ leave() {} }), timeout({ duration: 100 }), retry({ maxAttempts: 1 })]) {
    const [one, other] = await Promise.all([
      call(policy, async ({ signal }) => signal),
      call(policy, async ({ signal }) => signal),
    ]);
    assert.notEqual(one, other);
  }
});

inEachWay('a signal that is read twice is the same one [R2]', async (call) => {
  const policies = [pipeline(), guard({ leave() {} }), guard({ holds: true }), timeout({ duration: 100 }), retry()];
  for (const policy of policies) await call(policy, (context) => assert.equal(context.signal, context.signal));
});

inEachWay('the signal that fired in one try does not in the next [R2, 49]', async (call) => {
  const clock = new ManualClock();
  const signals: AbortSignal[] = [];
  const policy = pipeline(
    retry({ maxAttempts: 3, backoff: constant({ delay: 10 }), clock }),
    timeout({ duration: 100, clock }),
  );
  const state = watched(
    call(policy, ({ attempt, signal }) => {
      signals.push(signal);
      assert.equal(signal.aborted, false);
      return attempt < 3 ? never() : 'third';
    }),
  );
  await clock.advance(300);
  assert.deepEqual(state.now, { value: 'third' });
  assert.deepEqual(
    signals.map(({ aborted }) => aborted),
    [true, true, false],
  );
});

inEachWay('a late first try still reads its own signal, not the one of the second [R2, 49]', async (call) => {
  const clock = new ManualClock();
  const kept: Context[] = [];
  const policy = pipeline(
    retry({ maxAttempts: 2, backoff: constant({ delay: 10 }), clock }),
    timeout({ duration: 100, clock }),
  );
  const state = watched(
    call(policy, (context) => {
      kept.push(context);
      return never();
    }),
  );
  await clock.advance(150);
  // The first try has been given up, the second is under way.
  assert.deepEqual(
    kept.map(({ signal }) => signal.aborted),
    [true, false],
  );
  await clock.advance(100);
  const [first, second] = kept as [Context, Context];
  assert.deepEqual([first.attempt, second.attempt], [1, 2]);
  assert.notEqual(first.signal.reason, second.signal.reason);
  assert.deepEqual(state.now, { error: second.signal.reason });
});

inEachWay('a signal first read after a stop is born aborted, with the same reason [R2, 41]', async (call) => {
  const clock = new ManualClock();
  for (const inside of [[], [guard({ leave() {} })], [guard({ watch() {} })], [thrice()]]) {
    let context: Context | undefined;
    const state = watched(
      call(pipeline(timeout({ duration: 100, clock }), ...inside), (given) => {
        context = given;
        return never();
      }),
    );
    await clock.advance(100);
    assert.deepEqual(state.now, { error: context?.signal.reason });
    assert.equal(context?.signal.aborted, true);
  }
});

test('a signal first read after the caller’s abort is born aborted, in whatever is inside [R2]', async () => {
  for (const policy of [
    pipeline(),
    guard({ leave() {} }),
    guard({ watch() {} }),
    pipeline(thrice(), guard({ watch() {} })),
  ]) {
    const controller = new AbortController();
    let context: Context | undefined;
    const state = watched(
      policy.execute(
        (given) => {
          context = given;
          return never();
        },
        { signal: controller.signal },
      ),
    );
    controller.abort(boom);
    await turn();
    assert.deepEqual(state.now, { error: boom });
    assert.equal(context?.signal.reason, boom);
  }
});

test('the signal aborts when the caller’s does, with its reason, at whatever depth [R2, 15]', async () => {
  for (const row of [
    [],
    [guard({ watch() {} })],
    [guard({ leave() {} }), guard({ watch() {} }), guard({ watch() {} })],
  ]) {
    for (const nested of [false, true]) {
      const policy: Policy = nested
        ? {
            execute: (task, options) =>
              guard({}).execute((context) => pipeline(...row).execute(task, context), options),
          }
        : pipeline(...row);
      const controller = new AbortController();
      const reasons: unknown[] = [];
      const result = policy.execute(
        ({ signal }) => {
          signal.addEventListener('abort', () => reasons.push(signal.reason));
          return never();
        },
        { signal: controller.signal },
      );
      controller.abort(boom);
      await assert.rejects(result, boom);
      assert.deepEqual(reasons, [boom]);
    }
  }
});

inEachWay('a signal is never aborted after success or failure [R2, 48, K9]', async (call) => {
  const clock = new ManualClock();
  const policies = [
    pipeline(),
    guard({ leave() {} }),
    timeout({ duration: 100, clock }),
    pipeline(thrice(), timeout({ duration: 100, clock })),
  ];
  for (const policy of policies) {
    for (const { value, error } of Object.values(givings)) {
      const signals: AbortSignal[] = [];
      const keeping = <T>(task: Task<T>): Task<T> => {
        return (context) => {
          signals.push(context.signal);
          return task(context);
        };
      };
      await call(policy, keeping(value('value')));
      await assert.rejects(call(policy, keeping(error(boom))), boom);
      await clock.advance(10_000);
      for (const { aborted } of signals) assert.equal(aborted, false);
    }
  }
});

test('an abort of the caller’s after the call is over touches nothing [R2, 48]', async () => {
  for (const { value } of Object.values(givings)) {
    const controller = new AbortController();
    let context: Context | undefined;
    await guard({ leave() {} }).execute(
      (given) => {
        context = given;
        return value('value')(given);
      },
      { signal: controller.signal },
    );
    controller.abort(boom);
    await turn();
    assert.equal(context?.signal.aborted, false);
  }
});

inEachWay('the deadline is the start and the strictest duration, exactly, at whatever depth [R2]', async (call) => {
  const clock = new ManualClock({ start: 5_000 });
  const within = (duration: number | undefined): Policy => timeout({ duration, clock });
  for (const [row, deadline] of [
    [[], Infinity],
    [[within(100)], 5_100],
    [[within(undefined)], Infinity],
    [[within(100), within(200)], 5_100],
    [[within(200), within(100)], 5_100],
    [[within(300), guard({ leave() {} }), within(200), guard({ within: 100, clock })], 5_100],
    [[guard({ within: 250, clock }), guard({ within: Infinity, clock })], 5_250],
    [[thrice(), within(100)], 5_100],
  ] as const) {
    const policy = pipeline(...(row as readonly Policy[]));
    assert.equal(await call(policy, ({ deadline }) => deadline), deadline);
    assert.equal(await call(policy, async ({ deadline }) => deadline), deadline);
    assert.equal(
      await call(policy, async (context) => {
        await turn();
        return context.deadline;
      }),
      deadline,
    );
  }
});

inEachWay(
  'each try has the deadline of its own start, and no later one than that of the whole [R2, 49]',
  async (call) => {
    const clock = new ManualClock();
    const deadlines: number[] = [];
    const policy = pipeline(
      timeout({ duration: 260, clock }),
      retry({ maxAttempts: 3, backoff: constant({ delay: 50 }), clock }),
      timeout({ duration: 100, clock }),
    );
    const state = watched(
      call(policy, async ({ deadline }) => {
        deadlines.push(deadline);
        await new Promise<void>((resolve) => clock.schedule(50, resolve));
        throw boom;
      }),
    );
    await clock.advance(300);
    assert.deepEqual(state.now, { error: boom });
    assert.deepEqual(deadlines, [100, 200, 260]);
  },
);

test('the caller’s own deadline counts where it is earlier [R2]', async () => {
  const clock = new ManualClock();
  const policy = pipeline(guard({ leave() {} }), timeout({ duration: 100, clock }));
  for (const [deadline, seen] of [
    [50, 50],
    [100, 100],
    [500, 100],
    [Infinity, 100],
    [-5, -5],
  ] as const) {
    assert.equal(await policy.execute(({ deadline }) => deadline, { deadline }), seen);
  }
});

inEachWay(
  'a guard sees the same context on its way in and out: the one outside of its own scope [R2]',
  async (call) => {
    for (const { value, error } of Object.values(givings)) {
      const clock = new ManualClock();
      const seen = { b: [] as object[], c: [] as object[] };
      const noting = (name: 'b' | 'c'): Policy => {
        const contexts = seen[name];
        return guard({
          within: name === 'b' ? 100 : 50,
          clock,
          enter: (context) => void contexts.push(fields(context)),
          watch: (_, context) => void contexts.push(fields(context)),
          leave: (_, __, context) => void contexts.push(fields(context)),
        });
      };
      const outermost: object[] = [];
      const policy = pipeline(
        guard({
          enter: (context) => void outermost.push(fields(context)),
          leave: (_, __, context) => void outermost.push(fields(context)),
        }),
        noting('b'),
        noting('c'),
      );
      await call(policy, value(1));
      await call(policy, error(1)).catch(() => {});
      const told = (deadline: number): object => ({ attempt: 1, deadline, priority: 0, cost: 1 });
      for (const context of outermost) assert.deepEqual(context, told(Infinity));
      for (const context of seen.b) assert.deepEqual(context, told(Infinity));
      for (const context of seen.c) assert.deepEqual(context, told(100));
    }
  },
);

inEachWay('a guard outside the only one that watches sees no deadline of that one, in or out [R2]', async (call) => {
  const clock = new ManualClock();
  const deadlines: number[] = [];
  const outside = guard({
    enter: ({ deadline }) => void deadlines.push(deadline),
    leave: (_, __, { deadline }) => void deadlines.push(deadline),
  });
  for (const { value, error } of Object.values(givings)) {
    const policy = pipeline(outside, timeout({ duration: 100, clock }));
    await call(policy, value(1));
    await call(policy, error(1)).catch(() => {});
  }
  for (const deadline of deadlines) assert.equal(deadline, Infinity);
});

inEachWay(
  'a try that a guard in front of it turned away is still inside of what is outside of it [R2, R4]',
  async (call) => {
    for (const how of ['throws', 'returns', 'rejects'] as const) {
      const clock = new ManualClock();
      const tries: number[] = [];
      const refusing = guard<never>({
        enter: ({ deadline }) => {
          tries.push(deadline);
          if (how === 'returns') return Object.assign(new Error(), { 'holdfast:kind': 'RejectedError' }) as never;
          if (how === 'rejects') return Promise.reject(boom);
          throw boom;
        },
      });
      for (const row of [[refusing], [guard({ enter() {} }), refusing]]) {
        const again = recovery({ clock, recover: () => ({ again: 30 }) });
        const state = watched(call(pipeline(timeout({ duration: 100, clock }), again, ...row), () => 'never'));
        await clock.advance(1_000);
        assert.equal((state.now as { error: Error }).error?.name, 'timeout');
        assert.equal(tries.length, 4);
        assert.equal(clock.pending, 0);
        tries.length = 0;
      }
    }
  },
);

inEachWay(
  'attempt is that of the innermost retry, from 1 in each execution of it, and two retries both retry [R10, 12, 38]',
  async (call) => {
    const seen: string[] = [];
    const noting = (name: string): Policy =>
      guard({
        enter: ({ attempt }) => void seen.push(`${name}${attempt}`),
        leave: (_, __, { attempt }) => void seen.push(`${name}${attempt}`),
      });
    const twice = (): Policy => recovery({ recover: (_, { attempt }) => (attempt < 2 ? { again: 0 } : undefined) });
    const policy = pipeline(noting('a'), twice(), noting('b'), twice(), noting('c'));
    await assert.rejects(
      call(policy, ({ attempt }) => {
        seen.push(`task${attempt}`);
        throw boom;
      }),
      boom,
    );
    const inner = ['c1', 'task1', 'c1', 'c2', 'task2', 'c2'];
    assert.deepEqual(seen, ['a1', 'b1', ...inner, 'b1', 'b2', ...inner, 'b2', 'a1']);
  },
);

inEachWay('the number of a try shows through what never tries again, and through arounds [R10]', async (call) => {
  const around: Policy = { execute: (task, context) => pipeline().execute(task, context) };
  const silent: Policy = { execute: async (task) => task(undefined as never) };
  for (const inside of [fallback({ value: 0, classify: () => 'ignore' }), timeout({ duration: 100 }), around, silent]) {
    const { seen, task } = contexts();
    await assert.rejects(call(pipeline(thrice(), inside), task), boom);
    assert.deepEqual(
      seen.map(({ attempt }) => attempt),
      [1, 2, 3],
    );
  }
});

test('a policy called in the context of another says what that one says, where its caller says nothing else [R1, R2]', async () => {
  const clock = new ManualClock();
  const outer = timeout({ duration: 100, clock });
  const inner = guard({ leave() {} });
  const seen: object[] = [];
  const note = (context: Context): void => void seen.push(fields(context));
  await outer.execute(
    async (context) => {
      await inner.execute(note, context);
      await inner.execute(note, { priority: 1, deadline: 10 });
      await inner.execute(note, {});
    },
    { priority: 7, cost: 3 },
  );
  assert.deepEqual(seen, [
    { attempt: 1, deadline: 100, priority: 7, cost: 3 },
    { attempt: 1, deadline: 10, priority: 1, cost: 1 },
    { attempt: 1, deadline: Infinity, priority: 0, cost: 1 },
  ]);
});

test('a context of somebody else’s making is one, too [R2]', async () => {
  const { signal } = new AbortController();
  const own: Context = { signal, attempt: 4, deadline: 50, priority: 2, cost: 5 };
  await bulkhead({ maxConcurrent: 10 }).execute((context) => {
    assert.deepEqual(fields(context), { attempt: 4, deadline: 50, priority: 2, cost: 5 });
  }, own);
  const options: CallOptions = own;
  await assert.rejects(
    pipeline(thrice()).execute(({ attempt }) => {
      throw attempt;
    }, options),
    (attempt) => attempt === 3,
  );
});
