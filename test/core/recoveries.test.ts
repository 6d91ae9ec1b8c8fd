import assert from 'node:assert/strict';
import { expect, test } from 'vitest';
import { attemptsOf } from '../../src/core/attempts.ts';
import type { Answer } from '../../src/core/layer.ts';
import { guard, pipeline, recovery } from '../../src/core/pipeline.ts';
import type { Policy } from '../../src/core/policy.ts';
import { ManualClock } from '../../src/testing/manual-clock.ts';
import { deferred, givings, inEachWay, scribe, turn, watched, ways } from './support.ts';

const boom = new Error('boom');
const fail = (): never => {
  throw boom;
};

inEachWay(
  'a policy that is guard and recovery enters once, is asked before it leaves, and spans all tries [R1]',
  async (call) => {
    for (const [way, { error }] of Object.entries(givings)) {
      const log: string[] = [];
      const both = recovery<never, string>({
        enter() {
          log.push('in');
          return 'permit';
        },
        recover(_, { attempt }) {
          log.push(`asked ${attempt}`);
          return attempt < 3 ? { again: 0 } : undefined;
        },
        leave: (permit) => log.push(`${permit} out`),
      });
      await assert.rejects(call(both, error(boom)), boom);
      assert.deepEqual(log, ['in', 'asked 1', 'asked 2', 'asked 3', 'permit out'], way);
    }
  },
);

inEachWay(
  'the memo is the permit at first, then what the answer before has left, and anew in each execution [R1, R5]',
  async (call) => {
    const memos: unknown[] = [];
    let executions = 0;
    const outer = recovery({ recover: (_, { attempt }) => (attempt < 2 ? { again: 0 } : undefined) });
    const inner = recovery<never, string>({
      enter: () => `permit ${++executions}`,
      recover(_, { attempt }, memo) {
        memos.push(memo);
        return attempt < 3 ? { again: 0, memo: `memo ${executions}.${attempt}` } : undefined;
      },
    });
    await assert.rejects(call(pipeline(outer, inner), fail), boom);
    await assert.rejects(call(pipeline(outer, inner), fail), boom);
    assert.deepEqual(
      memos,
      [1, 2, 3, 4].flatMap((n) => [`permit ${n}`, `memo ${n}.1`, `memo ${n}.2`]),
    );
  },
);

inEachWay(
  'again winds in from its own position: what is outside stays as it is, what is inside enters anew [R5]',
  async (call) => {
    const { log, guard, recovery, task } = scribe();
    const policy = pipeline(guard('a'), recovery('r', { again: 0 }), guard('b'));
    await call(
      policy,
      task('task', ({ attempt }) => (attempt === 1 ? fail() : 'value')),
    );
    assert.deepEqual(log, [
      'a in',
      'b in',
      'task, try 1',
      'b out: error boom',
      'r asked, try 1: error boom',
      'b in',
      'task, try 2',
      'b out: value value',
      'a out: value value',
    ]);
  },
);

inEachWay('again waits on the clock of the recovery, to the millisecond [R5]', async (call) => {
  const clock = new ManualClock();
  const times: number[] = [];
  const policy = recovery({ clock, recover: (_, { attempt }) => ({ again: attempt * 100 }) });
  const state = watched(
    call(policy, async () => {
      times.push(clock.now());
      return times.length < 4 ? fail() : 'value';
    }),
  );
  await clock.advance(1_000);
  assert.deepEqual(times, [0, 100, 300, 600]);
  assert.deepEqual(state.now, { value: 'value' });
  assert.equal(clock.pending, 0);
});

inEachWay(
  'a delay of nothing takes no turn of the event loop, but for every 64th, so that timers live [R5]',
  async (call) => {
    const turns: number[] = [];
    let turned = 0;
    let live = true;
    const count = (): void => {
      turned++;
      if (live) setImmediate(count);
    };
    setImmediate(count);
    const policy = recovery({ recover: (_, { attempt }) => (attempt < 200 ? { again: 0 } : undefined) });
    await assert.rejects(
      call(policy, () => {
        turns.push(turned);
        return fail();
      }),
      boom,
    );
    live = false;
    assert.equal(turns.length, 200);
    assert.equal(turns[63], 0);
    assert.ok(turns[64]! > 0);
    assert.equal(turns[127], turns[64]);
    assert.ok(turns[128]! > turns[127]!);
  },
);

inEachWay('a hundred thousand tries in a row do not pile up [R5, 37]', async (call) => {
  const policy = recovery({ recover: (_, { attempt }) => (attempt < 100_000 ? { again: 0 } : undefined) });
  let tries = 0;
  await assert.rejects(
    call(policy, () => {
      tries++;
      return fail();
    }),
    boom,
  );
  assert.equal(tries, 100_000);
});

inEachWay(
  'a delay that is none ends the call: NaN by a RangeError, a negative or endless one as it was [R5, 23]',
  async (call) => {
    const answering = (again: unknown): Policy => recovery({ recover: () => ({ again }) as Answer });
    const later = (again: unknown): Policy => recovery({ recover: async () => ({ again }) as Answer });
    for (const policy of [answering, later]) {
      for (const again of [-1, Infinity, -Infinity]) await assert.rejects(call(policy(again), fail), boom);
      for (const again of [NaN, undefined, 'soon']) {
        const error = await call(policy(again), fail).catch((error: unknown) => error);
        expect(error).toBeInstanceOf(RangeError);
        expect(attemptsOf(error)).toMatchObject([{ outcome: { error: boom }, reason: 'replaced' }]);
      }
    }
  },
);

inEachWay(
  'instead goes on outward as a value: guards see it, recoveries further out are not asked [R5]',
  async (call) => {
    for (const answer of [
      { instead: 'other' },
      { instead: Promise.resolve('other') },
      Promise.resolve({ instead: 'other' }),
    ]) {
      for (const { error } of Object.values(givings)) {
        const { log, guard, recovery } = scribe();
        const policy = pipeline(recovery('outer'), guard('g'), recovery('inner', answer));
        assert.equal(await call(policy, error(boom)), 'other');
        assert.deepEqual(log, ['g in', 'inner asked, try 1: error boom', 'g out: value other']);
      }
    }
  },
);

inEachWay('nothing, falsy or not, is a value to go on with instead [R5, 4]', async (call) => {
  for (const instead of [undefined, null, 0, '', false]) {
    assert.equal(await call(recovery({ recover: () => ({ instead }) }), fail), instead);
  }
  for (const none of [undefined, null]) {
    await assert.rejects(call(recovery({ recover: () => none as undefined }), fail), boom);
    await assert.rejects(call(recovery({ recover: async () => none as undefined }), fail), boom);
  }
});

inEachWay(
  'an error of the recovery itself goes on outward from there, and the original is reachable from it [R5, 21, 98]',
  async (call) => {
    const worse = Object.freeze(new Error('worse'));
    const rejected = (): Promise<never> => Promise.reject(worse);
    const answers: (() => Answer | PromiseLike<Answer>)[] = [
      () => {
        throw worse;
      },
      rejected,
      () => ({ instead: rejected() }),
      async () => ({ instead: rejected() }),
    ];
    for (const recover of answers) {
      const { log, guard, recovery: asked } = scribe();
      const policy = pipeline(asked('outer'), guard('g'), recovery({ recover }), guard('inside'));
      await assert.rejects(call(policy, fail), worse);
      assert.deepEqual(log, [
        'g in',
        'inside in',
        'inside out: error boom',
        'g out: error worse',
        'outer asked, try 1: error worse',
      ]);
      assert.deepEqual(
        attemptsOf(worse).map(({ outcome }) => outcome),
        [{ ok: false, error: boom, abandoned: false }],
      );
      assert.equal(boom.cause, undefined);
    }
  },
);

inEachWay('whatever a recovery answers, the call settles [21]', async (call) => {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  for (const answer of [5, 'again', true, Symbol('odd'), {}, proxy]) {
    for (const recover of [() => answer, () => thenableOf(answer), () => ({ instead: proxy })]) {
      const state = watched(call(recovery({ recover: recover as () => Answer as never }), fail));
      await turn();
      await turn();
      assert.notEqual(state.now, 'pending');
    }
  }
});

/** Gives anything, also what a promise could not look at. */
function thenableOf(answer: unknown) {
  // biome-ignore lint/suspicious/noThenProperty: it is what is tested
  return { then: (resolve: (value: unknown) => void) => resolve(answer) };
}

inEachWay('a recovery is asked about values only if it wants to be [R5]', async (call) => {
  for (const { value } of Object.values(givings)) {
    const asked: string[] = [];
    const policy = pipeline(
      recovery({
        values: true,
        recover(outcome, { attempt }) {
          asked.push(`wants ${attempt}`);
          return outcome.ok && attempt < 2 ? { again: 0 } : undefined;
        },
      }),
      recovery({ recover: () => void asked.push('does not') }),
    );
    assert.equal(await call(policy, value('value')), 'value');
    assert.deepEqual(asked, ['wants 1', 'wants 2']);
  }
});

test('a guard that throws unwinds from its own position: its own recovery is not asked, those outside are [R4, R5]', async () => {
  for (const call of Object.values(ways)) {
    const { log, recovery: asked } = scribe();
    const both = recovery({ enter: fail, recover: () => void log.push('own') });
    await assert.rejects(
      call(pipeline(asked('outer'), both, asked('inner')), () => 'never'),
      boom,
    );
    assert.deepEqual(log, ['outer asked, try 1: error boom']);
  }
});

inEachWay('an answer that says neither again nor instead is an error, and no value of nothing [R5]', async (call) => {
  for (const given of ['default', 5, true, {}, [], { value: 1 }, { again: undefined }, { again: NaN }]) {
    for (const answer of [given, Promise.resolve(given)]) {
      await assert.rejects(call(recovery({ recover: () => answer as never }), fail), (error: Error) => {
        assert.match(
          String(error),
          /^RangeError: recover: again must be a number of milliseconds, got (undefined|NaN)$/,
        );
        return attemptsOf(error)[0]?.outcome.ok === false;
      });
    }
  }
  for (const nothing of [undefined, null, false, 0, ''])
    await assert.rejects(call(recovery({ recover: () => nothing as never }), fail), boom);
});

test('an answer that comes after the call was stopped changes nothing, and what it promises is let go of [22, R6]', async () => {
  const disposed: string[] = [];
  const value = { [Symbol.dispose]: () => disposed.push('disposed') };
  for (const late of [
    () => ({ instead: value }),
    () => ({ instead: Promise.resolve(value) }),
    () => ({ instead: Promise.reject(new Error('late')) }),
    () => ({ again: 0 }),
    () => undefined,
  ]) {
    const answer = deferred<Answer<unknown>>();
    const controller = new AbortController();
    let tries = 0;
    const state = watched(
      recovery({ recover: () => answer.promise }).execute(
        () => {
          tries++;
          return fail();
        },
        { signal: controller.signal },
      ),
    );
    controller.abort('gone');
    await turn();
    assert.deepEqual(state.now, { error: 'gone' });
    answer.resolve(late());
    await turn();
    assert.equal(tries, 1);
  }
  // What was promised: a value that was there already may be anybody's.
  assert.deepEqual(disposed, ['disposed']);
});

test('a promise given instead that settles after the call was stopped is let go of [22, R6]', async () => {
  const disposed: string[] = [];
  const given = deferred();
  const controller = new AbortController();
  const policy = pipeline(guard({}), recovery({ recover: () => ({ instead: given.promise }) }));
  const state = watched(policy.execute(fail, { signal: controller.signal }));
  controller.abort('gone');
  await turn();
  assert.deepEqual(state.now, { error: 'gone' });
  given.resolve({ [Symbol.dispose]: () => disposed.push('disposed') });
  await turn();
  assert.deepEqual(disposed, ['disposed']);
});
