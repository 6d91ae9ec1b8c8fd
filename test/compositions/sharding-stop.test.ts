import assert from 'node:assert/strict';
import { test } from 'vitest';
import { HashRing } from '../../src/algorithms/hash-ring.ts';
import { sharding } from '../../src/compositions/sharding.ts';
import { RejectedError } from '../../src/core/errors.ts';
import { pipeline } from '../../src/core/pipeline.ts';

interface Node {
  readonly name: string;
}
const nodes: Node[] = ['a', 'b', 'c'].map((name) => ({ name }));
const never = new Promise<never>(() => {});
const turn = () => new Promise(setImmediate);

/** Two rings, keys that all move from one to the other, and a way to stop. */
function setUp() {
  const [before, after] = [new HashRing({ nodes: ['a', 'b'] }), new HashRing({ nodes: ['a', 'b', 'c'] })];
  const all = Array.from({ length: 40 }, (_, i) => `key-${i}`);
  const keys = all.filter((key) => before.owner(key) !== after.owner(key));
  const shards = sharding({ placement: before, targets: nodes });
  const log: string[] = [];
  const move = async (key: string): Promise<void> => void log.push(key);
  const call = (key: string): Promise<string> => pipeline().execute(shards.forKey(key).route(({ name }) => name));
  const controller = new AbortController();
  const stopped = (reason: unknown): boolean => reason === 'enough';
  /** Aborts once all that could be begun was, and looks whether that ends it. */
  const stop = async (resharding: Promise<void>): Promise<void> => {
    await turn();
    controller.abort('enough');
    await assert.rejects(resharding, stopped);
  };
  return {
    before,
    after,
    keys: keys as [string, string, string, ...string[]],
    shards,
    log,
    move,
    call,
    controller,
    stop,
  };
}

test('a stop ends it though the next key never comes, and where it resumes nothing is moved twice', async () => {
  const { before, after, keys, shards, log, move, call, controller, stop } = setUp();
  const [one, two, three] = keys;
  let closed = 0;
  async function* hanging() {
    try {
      yield* [one, two];
      await never;
    } finally {
      closed++;
    }
  }
  await stop(shards.reshard({ to: after, keys: hanging(), move, signal: controller.signal }));
  assert.deepEqual([log, closed], [[one, two], 0]);
  assert.deepEqual([await call(one), await call(two), await call(three)], ['c', 'c', before.owner(three)]);
  await shards.reshard({ to: after, keys, move });
  assert.deepEqual(log, keys);
});

test('a stop ends it though a move hangs: calls of its key wait for that, others do not, and so does the next run', async () => {
  const { before, after, keys, shards, log, move, call, controller, stop } = setUp();
  const [one, two, three] = keys;
  let finish = (): void => {};
  const hangs = (key: string): Promise<void> =>
    key === two ? new Promise<void>((resolve) => (finish = resolve)).then(() => move(key)) : move(key);
  await stop(shards.reshard({ to: after, keys, move: hangs, batch: 2, signal: controller.signal }));
  assert.deepEqual(log, [one]);
  assert.equal(await call(three), before.owner(three));

  const caller = new AbortController();
  const route = shards.forKey(two).route(({ name }) => name);
  const gone = pipeline().execute(route, { signal: caller.signal });
  const waiting = call(two);
  caller.abort('gone');
  await assert.rejects(gone, (reason) => reason === 'gone');
  let done = false;
  const resharding = shards.reshard({ to: after, keys, move, batch: 2 }).then(() => (done = true));
  await turn();
  assert.deepEqual([log, done], [[one], false]);
  await assert.rejects(shards.reshard({ to: after, keys, move }), RejectedError);
  finish();
  assert.equal(await waiting, 'c');
  await resharding;
  assert.deepEqual(log, keys);
});

test('a move that fails after the stop leaves its key where it was, for the next run to move', async () => {
  const { before, after, keys, shards, log, move, call, controller, stop } = setUp();
  const [one] = keys;
  let fail = (_: unknown): void => {};
  const hangs = (): Promise<void> => new Promise((_, reject) => (fail = reject));
  await stop(shards.reshard({ to: after, keys, move: hangs, batch: 1, signal: controller.signal }));
  const waiting = call(one);
  fail(new Error('too late'));
  assert.equal(await waiting, before.owner(one));
  await shards.reshard({ to: after, keys, move });
  assert.deepEqual(log, keys);
  assert.equal(await call(one), 'c');
});

test('the next run can be stopped too while it waits for what the last one still does', async () => {
  const { after, keys, shards, move, controller, stop } = setUp();
  await stop(shards.reshard({ to: after, keys, move: () => never, signal: controller.signal }));
  const again = new AbortController();
  const resharding = shards.reshard({ to: after, keys, move, signal: again.signal });
  await turn();
  again.abort('still');
  await assert.rejects(resharding, (reason) => reason === 'still');
});

test('a stop ends it though what was moved is never forgotten, which the next run waits for, and does again', async () => {
  const { after, keys, shards, log, move, call, controller, stop } = setUp();
  const forgotten: string[] = [];
  let finish = (): void => {};
  const hangs = (): Promise<void> => new Promise((resolve) => (finish = resolve));
  const { signal } = controller;
  await stop(shards.reshard({ to: after, keys, move, forget: hangs, batch: 1, signal }));
  const waiting = call(keys[0]);
  finish();
  assert.equal(await waiting, 'c');
  await shards.reshard({ to: after, keys, move, forget: async (key) => void forgotten.push(key) });
  assert.deepEqual([log, forgotten], [keys, keys.slice(1)]);
});

test('stopped in a new process before it has come to where it resumes, calls wait until another run has', async () => {
  const { before, after, keys, shards, log, move, call, controller, stop } = setUp();
  const [one, two, three] = keys;
  async function* hanging() {
    yield one;
    await never;
  }
  const resharding = shards.reshard({ to: after, keys: hanging(), after: two, move, signal: controller.signal });
  const waiting = [one, two, three].map(call);
  await stop(resharding);
  waiting.push(call(one), call(three));
  let answers = 0;
  for (const each of waiting) void each.then(() => answers++);
  await turn();
  assert.equal(answers, 0);
  const given = [...keys.slice(0, 3)];
  await shards.reshard({ to: after, keys: given, after: two, move, batch: 1 });
  assert.deepEqual(await Promise.all(waiting), ['c', 'c', 'c', 'c', 'c']);
  assert.deepEqual(log, [three]);
  assert.notEqual(before.owner(three), 'c');
});

test('nothing more is begun after the stop, also by moves that still wait for calls', async () => {
  const { before, after, keys, shards, log, move, controller, stop } = setUp();
  const [one] = keys;
  let end = (): void => {};
  const busy = pipeline().execute(shards.forKey(one).route(() => new Promise<void>((resolve) => (end = resolve))));
  await stop(shards.reshard({ to: after, keys: [one], move, signal: controller.signal }));
  end();
  await busy;
  await turn();
  assert.deepEqual(log, []);
  assert.equal(shards.owners(one)[0]?.name, before.owner(one));
});

test('resumed, it moves no key that was made at its new target, also where that is listed', async () => {
  const { after, keys, shards, log, move, call, controller, stop } = setUp();
  const [one, two] = keys;
  let end = (): void => {};
  const busy = pipeline().execute(shards.forKey(one).route(() => new Promise<void>((resolve) => (end = resolve))));
  await stop(shards.reshard({ to: after, keys: [], move, signal: controller.signal }));
  assert.equal(await call(two), 'c');
  end();
  await busy;
  const forgotten: string[] = [];
  await shards.reshard({ to: after, keys: [one, two], move, forget: async (key) => void forgotten.push(key) });
  assert.deepEqual([log, forgotten], [[one], [one]]);
});
