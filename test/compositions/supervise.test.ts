import assert from 'node:assert/strict';
import { test } from 'vitest';
import { constant, exponential, noJitter } from '../../src/algorithms/backoff.ts';
import { type SuperviseEvent, type SuperviseOptions, supervise } from '../../src/compositions/supervise.ts';
import { AbandonedError } from '../../src/core/errors.ts';
import { ManualClock } from '../../src/testing/manual-clock.ts';
import { reported } from '../core/support.ts';

/** Something that is started, and dies or ends when it is told to. */
function setUp(options: Partial<SuperviseOptions> = {}) {
  const clock = new ManualClock();
  const lives: { at: number; signal: AbortSignal; die(error: unknown): void; end(): void }[] = [];
  const supervised = supervise({
    start: ({ signal }) =>
      new Promise<void>((end, die) => {
        lives.push({ at: clock.now(), signal, die, end });
      }),
    backoff: constant({ delay: 100 }),
    clock,
    ...options,
  });
  let ended: unknown = 'not yet';
  supervised.ended.then(
    () => (ended = 'well'),
    (error) => (ended = error),
  );
  const die = async (error: unknown = new Error('died')): Promise<void> => {
    lives.at(-1)?.die(error);
    await clock.advance(0);
  };
  return { clock, lives, supervised, die, ended: () => ended };
}

/** What was reported: of errors the message and the cause. */
function given(): unknown[] {
  return reported.splice(0).map((error) => (error instanceof Error ? [error.message, error.cause] : error));
}

test('starts nothing before it is told to, and then once [103]', async () => {
  const { clock, lives, supervised } = setUp();
  await clock.advance(1_000);
  assert.deepEqual([lives.length, clock.pending], [0, 0]);
  supervised.start();
  supervised.start();
  assert.equal(lives.length, 1);
  assert.deepEqual([supervised.restarts, clock.pending], [0, 0]);
});

test('starts again what has died, after the backoff', async () => {
  const { clock, lives, supervised, die, ended } = setUp();
  supervised.start();
  await die();
  await clock.advance(99);
  assert.deepEqual([lives.length, supervised.restarts], [1, 0]);
  await clock.advance(1);
  assert.deepEqual([lives.length, supervised.restarts, ended()], [2, 1, 'not yet']);
});

test('is over when the work is done', async () => {
  const { clock, lives, supervised, ended } = setUp();
  supervised.start();
  lives[0]?.end();
  await clock.advance(10_000);
  assert.deepEqual([lives.length, ended()], [1, 'well']);
  supervised.start();
  assert.equal(lives.length, 1);
});

test('gives up at the death after maxRestarts within the time, and says who of what, with what it died of last', async () => {
  const { clock, lives, supervised, die, ended } = setUp({ maxRestarts: 2, within: 1_000 });
  supervised.start();
  await die();
  await clock.advance(100);
  await die();
  await clock.advance(100);
  const last = new Error('last');
  await die(last);
  await clock.advance(10_000);
  assert.deepEqual([lives.length, supervised.restarts, ended()], [3, 2, last]);
  assert.equal(clock.pending, 0);
  assert.deepEqual(given(), [['supervise: given up after 2 restarts within 1000 ms: last', last]]);
});

test('does not give up while deaths are further apart', async () => {
  const { clock, lives, supervised, die, ended } = setUp({ maxRestarts: 1, within: 500 });
  supervised.start();
  for (let i = 0; i < 5; i++) {
    await die();
    await clock.advance(501);
  }
  assert.deepEqual([lives.length, ended()], [6, 'not yet']);
  await die();
  await clock.advance(100);
  await die();
  assert.deepEqual([lives.length, reported.splice(0).length], [7, 1]);
});

test('restarts nothing with maxRestarts 0, and without end with Infinity', async () => {
  const never = setUp({ maxRestarts: 0 });
  never.supervised.start();
  await never.die('dead');
  assert.equal(never.ended(), 'dead');
  assert.deepEqual(given(), [['supervise: given up after 0 restarts within 5000 ms: "dead"', 'dead']]);
  const ever = setUp({ maxRestarts: Infinity, backoff: constant({ delay: 0 }) });
  ever.supervised.start();
  for (let i = 0; i < 50; i++) await ever.die();
  assert.equal(ever.supervised.restarts, 50);
});

test('counts the attempts of the backoff anew after a long life', async () => {
  const asked: unknown[] = [];
  const { clock, supervised, die } = setUp({
    maxRestarts: 3,
    within: 1_000,
    backoff: (attempt, previous) => {
      asked.push([attempt, previous]);
      return attempt * 10;
    },
  });
  supervised.start();
  await die();
  await clock.advance(10);
  await die();
  await clock.advance(2_000);
  await die();
  assert.deepEqual(asked, [
    [1, undefined],
    [2, 10],
    [1, undefined],
  ]);
});

test('waits ever longer, up to the maximum of its backoff, for what does not come to life', async () => {
  const starts: number[] = [];
  const { clock, supervised } = setUp({
    start: async () => {
      starts.push(clock.now());
      throw new Error('refused');
    },
    maxRestarts: Infinity,
    backoff: exponential({ initial: 1_000, factor: 2, max: 30_000, jitter: noJitter }),
  });
  supervised.start();
  await clock.advance(121_000);
  const waits = starts.slice(1).map((at, i) => at - (starts[i] as number));
  assert.deepEqual(waits, [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);
});

test('tells of each restart and its delay, of what it died of, and when it gives up', async () => {
  const events: SuperviseEvent[] = [];
  const { clock, supervised, die } = setUp({ maxRestarts: 1, name: 'feed', onEvent: (event) => events.push(event) });
  supervised.start();
  await die('first');
  await clock.advance(100);
  await die('second');
  assert.deepEqual(events, [
    { type: 'restart', name: 'feed', error: 'first', restarts: 1, delay: 100 },
    { type: 'given-up', name: 'feed', error: 'second', restarts: 1 },
  ]);
  assert.deepEqual(given(), [['feed: given up after 1 restart within 5000 ms: "second"', 'second']]);
  const disposed = setUp({ name: 'feed' });
  disposed.supervised.start();
  disposed.supervised[Symbol.dispose]();
  const reason = disposed.lives[0]?.signal.reason as AbandonedError;
  assert.equal(reason.name, 'feed');
});

test('gives up when the backoff says so, or fails [23]', async () => {
  const stopped = setUp({ backoff: () => -1 });
  stopped.supervised.start();
  await stopped.die('dead');
  assert.equal(stopped.ended(), 'dead');
  const broken = setUp({
    backoff: () => {
      throw 'broken';
    },
  });
  broken.supervised.start();
  await broken.die('dead too');
  assert.equal(broken.ended(), 'dead too');
  const [first, thrown, second] = given();
  assert.deepEqual(first, ['supervise: given up after 0 restarts, by its backoff: "dead"', 'dead']);
  assert.equal(thrown, 'broken');
  assert.deepEqual(second, ['supervise: given up after 0 restarts, by its backoff: "dead too"', 'dead too']);
});

test('a start that throws is a death [2]', async () => {
  const clock = new ManualClock();
  const supervised = supervise({
    start() {
      throw 'no start';
    },
    maxRestarts: 0,
    clock,
  });
  supervised.start();
  await assert.rejects(supervised.ended, (error) => error === 'no start');
  assert.deepEqual(given(), [['supervise: given up after 0 restarts within 5000 ms: "no start"', 'no start']]);
});

test('disposed of, it tells what lives, waits for its end, and starts nothing more', async () => {
  const { clock, lives, supervised, ended } = setUp();
  supervised.start();
  supervised[Symbol.dispose]();
  supervised[Symbol.dispose]();
  await clock.advance(0);
  const [life] = lives;
  assert.ok(life?.signal.reason instanceof AbandonedError);
  assert.equal(ended(), 'not yet');
  life.die(life.signal.reason);
  await clock.advance(10_000);
  assert.deepEqual([lives.length, ended()], [1, 'well']);
});

test('disposed of while it waits, or before it was started, it is over at once', async () => {
  const waiting = setUp();
  waiting.supervised.start();
  await waiting.die();
  waiting.supervised[Symbol.dispose]();
  await waiting.clock.advance(10_000);
  assert.deepEqual([waiting.lives.length, waiting.ended(), waiting.clock.pending], [1, 'well', 0]);
  const unstarted = setUp();
  unstarted.supervised[Symbol.dispose]();
  unstarted.supervised.start();
  await unstarted.clock.advance(0);
  assert.deepEqual([unstarted.lives.length, unstarted.ended()], [0, 'well']);
});

test('each life has a signal of its own: what listens to it is not kept once that has died', async () => {
  const { clock, lives, supervised, die } = setUp({ maxRestarts: Infinity });
  let heard = 0;
  supervised.start();
  for (let i = 0; i < 3; i++) {
    lives[i]?.signal.addEventListener('abort', () => heard++);
    if (i < 2) await die();
    await clock.advance(100);
  }
  supervised[Symbol.dispose]();
  assert.deepEqual([heard, lives.map(({ signal }) => signal.aborted)], [1, [false, false, true]]);
});

test('takes no options but good ones [7]', () => {
  const start = async (): Promise<void> => {};
  const bad: [options: unknown, error: RegExp][] = [
    [{}, /supervise: start must be a function, got undefined/],
    [{ start, backoff: 5 }, /supervise: backoff must be a function/],
    [{ start, maxRestarts: 1.5 }, /supervise: maxRestarts must be a non-negative integer/],
    [{ start, within: Number.NaN }, /supervise: within must be a number of milliseconds/],
    [{ start, clock: {} }, /supervise: clock must be an object with/],
    [{ start, name: 1 }, /supervise: name must be a string/],
    [{ start, onEvent: 1 }, /supervise: onEvent must be a function/],
    [{ start, maxRestart: 1 }, /did you mean "maxRestarts"/],
  ];
  for (const [options, error] of bad) assert.throws(() => supervise(options as SuperviseOptions), error);
});

test('starts nothing more when it is disposed of by its own backoff, by a listener, or by what it starts', async () => {
  for (const by of ['backoff', 'listener', 'start']) {
    const clock = new ManualClock();
    let starts = 0;
    let over = false;
    const dispose = (who: string): void => {
      if (who === by) supervised[Symbol.dispose]();
    };
    const supervised = supervise({
      start: async () => {
        starts++;
        dispose('start');
        throw new Error('died');
      },
      backoff: () => {
        dispose('backoff');
        return 10;
      },
      onEvent: () => dispose('listener'),
      clock,
    });
    void supervised.ended.then(() => (over = true));
    supervised.start();
    await clock.advance(100);
    assert.deepEqual([by, starts, over, clock.pending], [by, 1, true, 0]);
  }
});
