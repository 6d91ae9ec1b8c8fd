import assert from 'node:assert/strict';
import { AsyncLocalStorage } from 'node:async_hooks';
import { test } from 'vitest';
import { RejectedError } from '../../src/core/errors.ts';
import { guard, pipeline } from '../../src/core/pipeline.ts';
import type { Policy } from '../../src/core/policy.ts';
import { timeout } from '../../src/policies/timeout.ts';
import { ManualClock } from '../../src/testing/manual-clock.ts';
import { deferred, givings, inEachWay, reported, scribe, shapes, turn, watched } from './support.ts';

const boom = new Error('boom');
const full = new RejectedError({ name: 'guard', message: 'full' });
const names = ['a', 'b', 'c', 'd', 'e', 'f'];
/** Frames of one to six guards: the first four are unrolled. */
const rows = names.map((_, i) => names.slice(0, i + 1));
const plain = (row: string[]): string[] => row.map((name) => `${name} in`);
const back = (row: string[], how: string): string[] => row.map((name) => `${name} out: ${how}`).reverse();

inEachWay(
  'guards are entered from the outside in, and left from the inside out with what the task gave [R4, R5]',
  async (call) => {
    for (const row of rows) {
      for (const { value, error } of Object.values(givings)) {
        const { guard, task, read } = scribe();
        for (const policy of shapes(...row.map((name) => guard(name)))) {
          assert.equal(await call(policy, task('task', value('it'))), 'it');
          assert.deepEqual(read(), [...plain(row), 'task, try 1', ...back(row, 'value it')]);
          await assert.rejects(call(policy, task('task', error(boom))), boom);
          assert.deepEqual(read(), [...plain(row), 'task, try 1', ...back(row, 'error boom')]);
        }
      }
    }
  },
);

inEachWay(
  'each guard gets back the permit it gave, whatever that is, also where it changes from call to call [R4]',
  async (call) => {
    for (const row of rows) {
      const permits = [undefined, null, 0, '', false, Symbol('permit'), {}, () => {}];
      const log: unknown[] = [];
      let n = 0;
      const guards = row.map((_, i) =>
        guard<unknown>({ enter: () => permits[(n + i) % permits.length], leave: (permit) => log.push(permit) }),
      );
      for (const policy of shapes(...guards)) {
        for (n = 0; n < permits.length; n++) {
          for (const { value, error } of Object.values(givings)) {
            await call(policy, value(1));
            await call(policy, error(1)).catch(() => {});
            const expected = row.map((_, i) => permits[(n + i) % permits.length]).reverse();
            assert.deepEqual(log.splice(0), [...expected, ...expected]);
          }
        }
      }
    }
  },
);

const refusals: Record<string, (error: RejectedError) => unknown> = {
  thrown: (error) => {
    throw error;
  },
  returned: (error) => error,
  'rejected with': (error) => Promise.reject(error),
  'promised and then thrown': (error) =>
    turn().then(() => {
      throw error;
    }),
  'promised and then returned': (error) => turn().then(() => error),
};

inEachWay(
  'a guard that turns a call away unwinds from its own position: what is inside never hears of it [R4]',
  async (call) => {
    for (const [how, refuse] of Object.entries(refusals)) {
      for (const row of rows) {
        for (const i of row.keys()) {
          const { guard: noted, recovery, task, read } = scribe();
          const outside = row.slice(0, i);
          const refusing = guard<unknown>({
            enter: () => refuse(full),
            leave: () => assert.fail('it has not let anybody in'),
          });
          const frames = shapes(
            recovery('outer'),
            ...outside.map((name) => noted(name)),
            refusing,
            recovery('inner'),
            ...row.slice(i + 1).map((name) => noted(name)),
          );
          for (const policy of frames) {
            await assert.rejects(
              call(
                policy,
                task('task', () => 'never'),
              ),
              full,
            );
            assert.deepEqual(
              read(),
              [...plain(outside), ...back(outside, 'error full'), 'outer asked, try 1: error full'],
              how,
            );
          }
        }
      }
    }
  },
);

inEachWay('what else a guard throws goes outward as a failure, too [R4]', async (call) => {
  for (const thrown of [boom, undefined, 'text']) {
    const { guard: noted, log } = scribe();
    const refusing = guard({
      enter() {
        throw thrown;
      },
    });
    const state = watched(call(pipeline(noted('a'), refusing), () => 'never'));
    await turn();
    assert.deepEqual(state.now, { error: thrown });
    assert.deepEqual(log, ['a in', `a out: error ${thrown instanceof Error ? thrown.message : thrown}`]);
  }
});

inEachWay('a guard may wait before it lets the call in, at any place and more than one of them [R4]', async (call) => {
  for (const row of rows) {
    for (const waiting of [...row.map((name) => [name]), row]) {
      const { guard, task, read, log } = scribe();
      const enter = (name: string) => (): Promise<string> => {
        log.push(`${name} waits`);
        return turn().then(() => {
          log.push(`${name} in`);
          return name;
        });
      };
      const frames = shapes(
        ...row.map((name) => (waiting.includes(name) ? guard(name, { enter: enter(name) }) : guard(name))),
      );
      for (const policy of frames) {
        assert.equal(
          await call(
            policy,
            task('task', async () => 'it'),
          ),
          'it',
        );
        assert.deepEqual(read(), [
          ...row.flatMap((name) => (waiting.includes(name) ? [`${name} waits`, `${name} in`] : [`${name} in`])),
          'task, try 1',
          ...back(row, 'value it'),
        ]);
      }
    }
  }
});

inEachWay('after a wait the call goes on in the async context of its caller [R4, 81, K23]', async (call) => {
  const storage = new AsyncLocalStorage<string>();
  const seen: unknown[] = [];
  const gate = deferred<string>();
  const noting = guard({
    enter: () => void seen.push(storage.getStore()),
    leave: () => void seen.push(storage.getStore()),
  });
  const policy = pipeline(guard<string>({ enter: () => gate.promise }), noting, timeout({ duration: 1_000 }));
  const result = storage.run('caller', () => call(policy, async () => seen.push(storage.getStore())));
  await turn();
  storage.run('opener', () => gate.resolve('permit'));
  await result;
  assert.deepEqual(seen, ['caller', 'caller', 'caller']);
});

test('stopped while a guard waits: unwinds at once, gives back the permit that still arrives, and calls nothing [R4, 78, K10]', async () => {
  for (const row of rows) {
    for (const i of row.keys()) {
      const { guard, task, read } = scribe();
      let gate = deferred<string>();
      const frames = shapes(
        ...row.map((name, j) => (i === j ? guard(name, { enter: () => gate.promise }) : guard(name))),
      );
      for (const policy of frames) {
        gate = deferred();
        const controller = new AbortController();
        const outside = row.slice(0, i);
        const state = watched(
          policy.execute(
            task('task', () => 1),
            { signal: controller.signal },
          ),
        );
        assert.deepEqual(read(), plain(outside));
        controller.abort(boom);
        await turn();
        assert.deepEqual(state.now, { error: boom });
        assert.deepEqual(read(), back(outside, 'abandoned boom'));
        gate.resolve(row[i] as string);
        await turn();
        assert.deepEqual(read(), back([row[i] as string], 'abandoned boom'));
      }
    }
  }
});

test('a refusal, or a failure, that comes after a stop is nobody’s any more [R4]', async () => {
  for (const late of [() => full, () => Promise.reject(full), () => Promise.reject(boom)]) {
    const { guard: noted, read } = scribe();
    const gate = deferred<unknown>();
    const policy = pipeline(noted('a'), noted('b', { enter: () => gate.promise as Promise<string> }));
    const controller = new AbortController();
    const state = watched(policy.execute(() => assert.fail('called'), { signal: controller.signal }));
    controller.abort('gone');
    await turn();
    gate.resolve(late());
    await turn();
    assert.deepEqual(state.now, { error: 'gone' });
    assert.deepEqual(read(), ['a in', 'a out: abandoned gone']);
  }
});

test('the time spent waiting counts for the timeout around it, and not for the one inside [R4, 79]', async () => {
  for (const [outer, inner, stopped] of [
    [100, 1_000, 'outer'],
    [1_000, 100, 'inner'],
  ] as const) {
    const clock = new ManualClock();
    const { guard: noted, read } = scribe();
    const policy = pipeline(
      timeout({ duration: outer, name: 'outer', clock }),
      noted('a', { enter: () => new Promise((enter) => clock.schedule(150, () => enter('a'))) }),
      timeout({ duration: inner, name: 'inner', clock }),
      noted('b'),
    );
    const calls: number[] = [];
    const state = watched(
      policy.execute(() => {
        calls.push(clock.now());
        return new Promise(() => {});
      }),
    );
    await clock.advance(249);
    assert.equal(state.now === 'pending', stopped === 'inner');
    await clock.advance(1);
    assert.equal((state.now as { error: Error }).error.name, stopped);
    assert.deepEqual(calls, stopped === 'inner' ? [150] : []);
    const how = 'no result within 100 ms';
    assert.deepEqual(
      read(),
      stopped === 'inner' ? ['b in', `b out: abandoned ${how}`, `a out: error ${how}`] : [`a out: abandoned ${how}`],
    );
    assert.equal(clock.pending, 0);
  }
});

test('a stop and a permit in the same turn: whichever came first counts, and the permit comes back [R4, 79]', async () => {
  for (const first of ['permit', 'stop'] as const) {
    for (const inside of [[], ['b']]) {
      const { guard: noted, task, log } = scribe();
      const gate = deferred<string>();
      const policy = pipeline(noted('a', { enter: () => gate.promise }), ...inside.map((name) => noted(name)));
      const controller = new AbortController();
      const state = watched(
        policy.execute(
          task('task', () => new Promise(() => {})),
          { signal: controller.signal },
        ),
      );
      if (first === 'permit') gate.resolve('a');
      controller.abort('gone');
      if (first === 'stop') gate.resolve('a');
      await turn();
      assert.deepEqual(state.now, { error: 'gone' });
      // Either way nothing begins once the stop has been asked for.
      assert.deepEqual(log, ['a out: abandoned gone'], first);
    }
  }
});

test('of a permit and a timeout that are due together the first counts [R4, 79]', async () => {
  for (const first of ['permit', 'timeout'] as const) {
    const clock = new ManualClock();
    const { guard: noted, task, log } = scribe();
    const gate = deferred<string>();
    const open = (): void => void clock.schedule(100, () => gate.resolve('a'));
    const policy = pipeline(timeout({ duration: 100, clock }), noted('a', { enter: () => gate.promise }));
    if (first === 'permit') open();
    const state = watched(policy.execute(task('task', () => 'in time')));
    if (first === 'timeout') open();
    await clock.advance(100);
    if (first === 'permit') assert.deepEqual(state.now, { value: 'in time' });
    else assert.equal((state.now as { error: Error }).error.name, 'timeout');
    assert.deepEqual(
      log,
      first === 'permit' ? ['task, try 1', 'a out: value in time'] : ['a out: abandoned no result within 100 ms'],
    );
    assert.equal(clock.pending, 0);
  }
});

inEachWay(
  'a leave that throws is reported, the others still leave, and the caller gets his own [R9, 101, O6]',
  async (call) => {
    for (const row of rows) {
      for (const i of row.keys()) {
        for (const { value, error } of Object.values(givings)) {
          const { guard, read, log } = scribe();
          const frames = shapes(
            ...row.map((name, j) => {
              const leave = (): never => {
                log.push(`${name} throws`);
                throw boom;
              };
              return i === j ? guard(name, { leave }) : guard(name);
            }),
          );
          const expected = (how: string): string[] =>
            [...plain(row), ...back(row, how)].map((line) =>
              line.startsWith(`${row[i]} out`) ? `${row[i]} throws` : line,
            );
          for (const policy of frames) {
            assert.equal(await call(policy, value('it')), 'it');
            assert.deepEqual(read(), expected('value it'));
            await assert.rejects(call(policy, error(new Error('own'))), { message: 'own' });
            assert.deepEqual(read(), expected('error own'));
            assert.deepEqual(reported.splice(0), [boom, boom]);
          }
        }
      }
    }
  },
);

test('a leave that throws in a stop keeps nobody from leaving either [R9, R6]', async () => {
  for (const row of rows) {
    const { log } = scribe();
    const leave = (name: string) => (): never => {
      log.push(name);
      throw boom;
    };
    const controller = new AbortController();
    const policy = pipeline(...row.map((name) => guard({ leave: leave(name) })));
    const state = watched(policy.execute(() => new Promise(() => {}), { signal: controller.signal }));
    controller.abort('gone');
    await turn();
    assert.deepEqual(state.now, { error: 'gone' });
    assert.deepEqual(log, [...row].reverse());
    assert.equal(reported.splice(0).length, row.length);
  }
});

test('a watch or a late that throws is reported, and changes nothing [R9, 101]', async () => {
  const clock = new ManualClock();
  const fails = (): never => {
    throw boom;
  };
  for (const outer of [[], [guard({ watch: fails })]] as Policy[][]) {
    const late = deferred();
    const stopping = guard({
      watch: (call) => {
        clock.schedule(100, () => call.stop('stopped'));
        throw boom;
      },
      late: fails,
    });
    const state = watched(pipeline(...outer, stopping).execute(() => late.promise));
    await clock.advance(100);
    assert.deepEqual(state.now, { error: 'stopped' });
    late.resolve('late');
    await turn();
    assert.deepEqual(
      reported.splice(0),
      Array.from({ length: outer.length + 2 }, () => boom),
    );
  }
});

inEachWay('a guard may lack any of its parts [R4]', async (call) => {
  const parts = { enter: () => 'permit', leave: () => {}, watch: () => {}, late: () => {}, within: 1_000, holds: true };
  const keys = Object.keys(parts) as (keyof typeof parts)[];
  for (let mask = 0; mask < 2 ** keys.length; mask++) {
    const spec = Object.fromEntries(keys.filter((_, i) => mask & (1 << i)).map((key) => [key, parts[key]]));
    const policy = guard(spec);
    for (const { value, error } of Object.values(givings)) {
      assert.equal(await call(policy, value('it')), 'it');
      await assert.rejects(call(policy, error(boom)), boom);
    }
  }
});
