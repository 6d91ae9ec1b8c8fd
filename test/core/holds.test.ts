import assert from 'node:assert/strict';
import { test } from 'vitest';
import { constant } from '../../src/algorithms/backoff.ts';
import { guard, pipeline, recovery } from '../../src/core/pipeline.ts';
import type { CallOptions, Context, Policy, Task } from '../../src/core/policy.ts';
import { bulkhead } from '../../src/policies/bulkhead.ts';
import { retry } from '../../src/policies/retry.ts';
import { timeout } from '../../src/policies/timeout.ts';
import { ManualClock } from '../../src/testing/manual-clock.ts';
import { type Deferred, deferred, givings, inEachWay, scribe, shown, turn, watched, ways } from './support.ts';

const boom = new Error('boom');

/** A guard that holds, and one that does not; what is left of their permits. */
function holders() {
  const { guard, log } = scribe();
  return { holding: guard('holding', { holds: true }), passing: guard('passing'), log };
}

/** Tasks that settle when told to, and only then. */
function stubborn() {
  const begun: Deferred<unknown>[] = [];
  const task = (): Promise<unknown> => {
    const work = deferred();
    begun.push(work);
    return work.promise;
  };
  return { begun, task };
}

inEachWay(
  'a permit that holds stays after a timeout further in until the work has settled, others do not [R7, 80]',
  async (call) => {
    for (const how of ['value', 'error'] as const) {
      const clock = new ManualClock();
      const { holding, passing, log } = holders();
      const { begun, task } = stubborn();
      const state = watched(call(pipeline(holding, passing, timeout({ duration: 100, clock })), task));
      log.length = 0;
      await clock.advance(100);
      assert.equal((state.now as { error: Error }).error.name, 'timeout');
      assert.deepEqual(log, ['passing out: error no result within 100 ms']);
      log.length = 0;
      if (how === 'value') begun[0]?.resolve('late');
      else begun[0]?.reject('late');
      await turn();
      // It is told what its caller got, not what came late.
      assert.deepEqual(log, ['holding out: error no result within 100 ms']);
    }
  },
);

test('it stays after a stop of its own position or further out, too, and is left as abandoned [R7, 80]', async () => {
  for (const where of ['caller', 'guard', 'own'] as const) {
    const clock = new ManualClock();
    const { log } = scribe();
    const controller = new AbortController();
    const own = guard<void>({
      holds: true,
      ...(where === 'own' ? { watch: (call) => void clock.schedule(100, () => call.stop(boom)) } : {}),
      leave: (_, outcome) => void log.push(shown(outcome)),
    });
    const outside =
      where === 'guard' ? [guard({ watch: (call) => void clock.schedule(100, () => call.stop(boom)) })] : [];
    const { begun, task } = stubborn();
    const options = where === 'caller' ? { signal: controller.signal } : undefined;
    const state = watched(pipeline(...outside, own).execute(task, options));
    if (where === 'caller') controller.abort(boom);
    await clock.advance(100);
    assert.deepEqual(state.now, { error: boom });
    assert.deepEqual(log, []);
    begun[0]?.resolve('late');
    await turn();
    assert.deepEqual(log, [where === 'own' ? 'error boom' : 'abandoned boom']);
  }
});

inEachWay(
  'it waits for every try that was given up, also after the answer has come from another [R7]',
  async (call) => {
    const clock = new ManualClock();
    const { holding, log } = holders();
    const { begun, task } = stubborn();
    const policy = pipeline(
      holding,
      retry({ maxAttempts: 3, backoff: constant({ delay: 10 }), clock }),
      timeout({ duration: 100, clock }),
    );
    const state = watched(call(policy, task));
    await clock.advance(250);
    assert.equal(begun.length, 3);
    begun[2]?.resolve('third');
    await turn();
    assert.deepEqual(state.now, { value: 'third' });
    assert.deepEqual(log, ['holding in']);
    begun[0]?.resolve('first');
    await turn();
    assert.deepEqual(log, ['holding in']);
    begun[1]?.reject('second');
    await turn();
    assert.deepEqual(log, ['holding in', 'holding out: value third']);
  },
);

inEachWay(
  'inside a retry each try has a permit of its own, which waits for its own work alone [R7, 108]',
  async (call) => {
    const orders = [
      [0, 1, 2],
      [0, 2, 1],
      [1, 0, 2],
      [1, 2, 0],
      [2, 0, 1],
      [2, 1, 0],
    ];
    for (const order of orders) {
      const clock = new ManualClock();
      let n = 0;
      const log: string[] = [];
      const counting = guard<number>({
        holds: true,
        enter: () => n++,
        leave: (permit) => void log.push(`out ${permit}`),
      });
      const { begun, task } = stubborn();
      const policy = pipeline(
        recovery({ clock, recover: (_, { attempt }) => (attempt < 3 ? { again: 10 } : undefined) }),
        counting,
        timeout({ duration: 100, clock }),
      );
      const state = watched(call(policy, task));
      // The first two tries have been given up, the third is under way.
      await clock.advance(250);
      for (const i of order) {
        begun[i]?.resolve(`value ${i}`);
        await turn();
        assert.equal(log.at(-1), `out ${i}`);
      }
      assert.deepEqual(state.now, { value: 'value 2' });
      assert.equal(log.length, 3);
    }
  },
);

test('it waits for work that was given up in frames further in, by whatever way they were called [R7]', async () => {
  const inner = (clock: ManualClock): Policy => pipeline(guard({ leave() {} }), timeout({ duration: 100, clock }));
  const nestings: Record<string, (clock: ManualClock, outer: Policy) => Policy> = {
    fused: (clock, outer) => pipeline(outer, inner(clock)),
    'in its context': (clock, outer) => ({
      execute: (task, options) => outer.execute((context) => inner(clock).execute(task, context), options),
    }),
    'two deep': (clock, outer) => ({
      execute: (task, options) =>
        outer.execute((one) => guard({}).execute((two) => inner(clock).execute(task, two), one), options),
    }),
    'round an around': (clock, outer) =>
      pipeline(outer, { execute: (task, context) => task(context as Context) } as Policy, inner(clock)),
    'round an around that hands nothing on': (clock, outer) =>
      pipeline(outer, { execute: async (task) => task(undefined as never) } as Policy, inner(clock)),
    'round an around that hands on a part': (clock, outer) =>
      pipeline(outer, { execute: async (task) => task({ priority: 1 } as Context) } as Policy, inner(clock)),
  };
  for (const [how, nest] of Object.entries(nestings)) {
    for (const [way, call] of Object.entries(ways)) {
      const clock = new ManualClock();
      const { holding, log } = holders();
      const { begun, task } = stubborn();
      const state = watched(call(nest(clock, holding), task));
      await clock.advance(100);
      assert.equal((state.now as { error: Error }).error.name, 'timeout', `${how}, ${way}`);
      assert.deepEqual(log, ['holding in'], `${how}, ${way}`);
      begun[0]?.resolve('late');
      await turn();
      assert.deepEqual(log, ['holding in', 'holding out: error no result within 100 ms'], `${how}, ${way}`);
    }
  }
});

test('it waits for the losers that an around has dropped [R7]', async () => {
  for (const [way, call] of Object.entries(ways)) {
    const { holding, log } = holders();
    const { begun, task } = stubborn();
    const race: Policy = {
      async execute<T>(run: Task<T>, context?: CallOptions | Context) {
        const loser = new AbortController();
        const lost = Promise.resolve(run({ priority: 0, signal: loser.signal } as Context));
        lost.catch(() => {});
        const won = await run(context as Context);
        loser.abort('superseded');
        return won;
      },
    };
    const state = watched(call(pipeline(holding, race, guard({})), task));
    begun[1]?.resolve('winner');
    await turn();
    assert.deepEqual(state.now, { value: 'winner' }, way);
    assert.deepEqual(log, ['holding in'], way);
    begun[0]?.resolve('late');
    await turn();
    assert.deepEqual(log, ['holding in', 'holding out: value winner'], way);
  }
});

test('it waits for what an around, or a task, has begun inside and does not wait for itself [R7]', async () => {
  const nestings: Record<string, (outer: Policy) => Policy<unknown>> = {
    'by an around': (outer) =>
      pipeline(
        outer,
        {
          async execute<T>(run: Task<T>, context?: CallOptions | Context) {
            Promise.resolve(run(context as Context)).catch(() => {});
            return 'early';
          },
        } as Policy<unknown>,
        timeout({ duration: 1_000, clock: new ManualClock() }),
      ),
    'in its context': (outer) => ({
      execute: (run, options) =>
        outer.execute((context): unknown => {
          guard({ leave() {} })
            .execute(run, context)
            .catch(() => {});
          return 'early';
        }, options) as never,
    }),
  };
  for (const [how, nest] of Object.entries(nestings)) {
    for (const [way, call] of Object.entries(ways)) {
      for (const end of ['value', 'error'] as const) {
        const { holding, passing, log } = holders();
        const { begun, task } = stubborn();
        const state = watched(call(nest(pipeline(holding, passing)), task));
        await turn();
        assert.deepEqual(state.now, { value: 'early' }, `${how}, ${way}`);
        assert.deepEqual(log, ['holding in', 'passing in', 'passing out: value early'], `${how}, ${way}`);
        if (end === 'value') begun[0]?.resolve('late');
        else begun[0]?.reject('late');
        await turn();
        assert.deepEqual(log.slice(3), ['holding out: value early'], `${how}, ${way}`);
      }
    }
  }
});

inEachWay('where nothing was given up, it leaves with the others [R7]', async (call) => {
  const clock = new ManualClock();
  for (const { value, error } of Object.values(givings)) {
    const { holding, passing, log } = holders();
    const policy = pipeline(holding, passing, timeout({ duration: 100, clock }));
    await call(policy, value('it'));
    await assert.rejects(call(policy, error(boom)), boom);
    const pair = (how: string): string[] => ['holding in', 'passing in', `passing out: ${how}`, `holding out: ${how}`];
    assert.deepEqual(log, [...pair('value it'), ...pair('error boom')]);
  }
});

inEachWay('a task that has never begun holds nothing [R7]', async (call) => {
  const { holding, log } = holders();
  const refusing = guard({
    enter() {
      throw boom;
    },
  });
  await assert.rejects(
    call(pipeline(holding, refusing), () => 'never'),
    boom,
  );
  assert.deepEqual(log, ['holding in', 'holding out: error boom']);
});

test('a sleep, a question or a wait that is stopped holds nothing [R7]', async () => {
  const clock = new ManualClock();
  const never = (): Promise<never> => new Promise(() => {});
  for (const row of [
    [recovery({ clock, recover: () => ({ again: 1_000 }) })],
    [recovery({ recover: never })],
    [guard<unknown>({ enter: never })],
  ]) {
    const { holding, log } = holders();
    const controller = new AbortController();
    const state = watched(
      pipeline(holding, ...row).execute(
        () => {
          throw boom;
        },
        { signal: controller.signal },
      ),
    );
    controller.abort('gone');
    await turn();
    assert.deepEqual(state.now, { error: 'gone' });
    assert.deepEqual(log, ['holding in', 'holding out: abandoned gone']);
  }
});

inEachWay('a cooperative timeout gives nothing up: the permit leaves with the work [R7, 44]', async (call) => {
  const clock = new ManualClock();
  const { holding, log } = holders();
  const { begun, task } = stubborn();
  const state = watched(call(pipeline(holding, timeout({ duration: 100, mode: 'cooperative', clock })), task));
  await clock.advance(500);
  assert.equal(state.now, 'pending');
  assert.deepEqual(log, ['holding in']);
  begun[0]?.reject('stopped');
  await turn();
  assert.deepEqual(log, ['holding in', 'holding out: error no result within 100 ms']);
});

inEachWay(
  'a slot is taken for as long as the work runs, or its caller waits where that is asked [80, 75, R7]',
  async (call) => {
    for (const releaseOn of ['settle', 'abandon'] as const) {
      const clock = new ManualClock();
      const slots = bulkhead({ maxConcurrent: 1, releaseOn, clock });
      const { begun, task } = stubborn();
      const state = watched(call(pipeline(slots, timeout({ duration: 100, clock })), task));
      assert.equal(slots.running, 1);
      await clock.advance(100);
      assert.equal((state.now as { error: Error }).error.name, 'timeout');
      assert.equal(slots.running, releaseOn === 'settle' ? 1 : 0);
      begun[0]?.resolve('late');
      await turn();
      assert.equal(slots.running, 0);
    }
  },
);

test('retry round bulkhead frees the slot while it waits, bulkhead round retry keeps it [108]', async () => {
  for (const [order, during] of [
    ['retry, bulkhead', 0],
    ['bulkhead, retry', 1],
  ] as const) {
    const clock = new ManualClock();
    const slots = bulkhead({ maxConcurrent: 1, clock });
    const again = retry({ maxAttempts: 2, backoff: constant({ delay: 100 }), clock });
    const policy = pipeline(...(order === 'retry, bulkhead' ? [again, slots] : [slots, again]));
    const state = watched(
      policy.execute(() => {
        assert.equal(slots.running, 1);
        throw boom;
      }),
    );
    await clock.advance(50);
    assert.equal(slots.running, during, order);
    await clock.advance(100);
    assert.deepEqual(state.now, { error: boom });
    assert.equal(slots.running, 0);
  }
});

test('whoever waits for a slot behind work that was given up gets it when that ends, in the async order of the line [R7, 76, 77]', async () => {
  const clock = new ManualClock();
  const slots = bulkhead({ maxConcurrent: 1, maxQueued: 2, clock });
  const policy = pipeline(slots, timeout({ duration: 100, clock }));
  const { begun, task } = stubborn();
  const states = [1, 2, 3].map(() => watched(policy.execute(task)));
  await clock.advance(1_000);
  assert.equal((states[0]!.now as { error: Error }).error.name, 'timeout');
  assert.deepEqual([states[1]?.now, slots.running, slots.queued], ['pending', 1, 2]);
  begun[0]?.resolve('late');
  await turn();
  assert.deepEqual([begun.length, slots.running, slots.queued], [2, 1, 1]);
  begun[1]?.resolve('second');
  await turn();
  begun[2]?.resolve('third');
  await turn();
  assert.deepEqual(
    states.slice(1).map(({ now }) => now),
    [{ value: 'second' }, { value: 'third' }],
  );
  assert.deepEqual([slots.running, slots.queued, clock.pending], [0, 0, 0]);
});
