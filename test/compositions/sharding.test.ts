import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { test } from 'vitest';
import { HashRing } from '../../src/algorithms/hash-ring.ts';
import type { Placement, PlacementKey } from '../../src/algorithms/placement.ts';
import { RendezvousHash } from '../../src/algorithms/rendezvous-hash.ts';
import { type ReshardOptions, type Sharding, type ShardingOptions, sharding } from '../../src/compositions/sharding.ts';
import { NoTargetError, RejectedError } from '../../src/core/errors.ts';
import { pipeline } from '../../src/core/pipeline.ts';
import type { Context } from '../../src/core/policy.ts';
import { retry } from '../../src/policies/retry.ts';
import { ManualClock } from '../../src/testing/manual-clock.ts';
import { reported } from '../core/support.ts';

interface Node {
  readonly name: string;
}
const nodes: Node[] = ['a', 'b', 'c', 'd'].map((name) => ({ name }));
const keys = Array.from({ length: 40 }, (_, i) => `key-${i}`);

function call(
  shards: Sharding<Node>,
  key: PlacementKey,
  task: (node: Node, context: Context) => unknown = ({ name }) => name,
): Promise<unknown> {
  return pipeline().execute(shards.forKey(key).route(task));
}

/** Two rings, and the keys that move from one to the other. */
function setUp(replicas = 1) {
  const before = new HashRing({ nodes: ['a', 'b'] });
  const after = new HashRing({ nodes: ['a', 'b', 'c'] });
  const shards = sharding({ placement: before, targets: nodes, replicas });
  const moving = keys.filter((key) => before.owner(key) !== after.owner(key));
  const log: string[] = [];
  const move = async (key: string, from: Node, to: Node): Promise<void> => {
    log.push(`${key} ${from.name} ${to.name}`);
  };
  const first = moving[0] as string;
  return { before, after, shards, moving, log, move, first };
}

test('sends calls to the target that has the key, which gets the very object, in the same turn [1]', async () => {
  for (const placement of [new HashRing({ nodes: ['a', 'b', 'c'] }), new RendezvousHash({ nodes: ['a', 'b', 'c'] })]) {
    const shards = sharding({ placement, targets: nodes });
    for (const key of [...keys, '', new Uint8Array([0, 255, 3])]) {
      let got: unknown;
      const done = call(shards, key, (node) => (got = node));
      assert.equal(
        got,
        nodes.find(({ name }) => name === placement.owner(key)),
      );
      assert.equal(await done, got);
    }
  }
});

test('tells all targets of a key, and a retry goes on through them', async () => {
  const placement = new HashRing({ nodes: ['a', 'b', 'c', 'd'] });
  const shards = sharding({ placement, targets: nodes, replicas: 3 });
  const names = shards.owners('key').map(({ name }) => name);
  assert.deepEqual(names, placement.owners('key', 3));
  const clock = new ManualClock();
  const seen: string[] = [];
  const done = retry({ maxAttempts: 4, clock }).execute(
    shards.forKey('key').route(({ name }) => {
      seen.push(name);
      throw new Error('no');
    }),
  );
  done.catch(() => {});
  await clock.advance(10_000);
  assert.deepEqual(seen, [...names, names[0]]);
});

test('finds no target where there are no nodes, or a node is no target', async () => {
  const placement = new HashRing();
  const shards = sharding({ placement, targets: nodes });
  await assert.rejects(call(shards, 'key'), NoTargetError);
  assert.throws(() => shards.owners('key'), NoTargetError);
  const other = sharding({ placement: new HashRing({ nodes: ['z'] }), targets: nodes });
  await assert.rejects(
    call(other, 'key'),
    (error) =>
      error instanceof NoTargetError &&
      error.message === 'the placement names "z", which is no target' &&
      error.targets.get('z') === 'no target',
  );
});

test('moves the keys that another placement has elsewhere, and tells how far it is', async () => {
  const { after, shards, moving, log, move } = setUp();
  const progress: unknown[] = [];
  await shards.reshard({ to: after, keys, move, batch: 4, onProgress: (each) => progress.push(each) });
  assert.deepEqual(
    log.map((line) => line.split(' ')[0]),
    moving,
  );
  assert.ok(log.every((line) => line.endsWith(' c')));
  assert.ok(moving.length > 4 && progress.length === Math.ceil(moving.length / 4));
  assert.deepEqual(progress.at(-1), { moved: moving.length, kept: keys.length - moving.length, last: 'key-39' });
  for (const key of keys) assert.equal(await call(shards, key), after.owner(key));
});

test('before a key is moved its calls go to the old target, while it is they wait, and after it they go to the new', async () => {
  const { after, shards, first, moving } = setUp();
  const second = moving[1] as string;
  let done = (): void => {};
  const resharding = shards.reshard({
    to: after,
    keys: [first, second],
    move: () => new Promise((resolve) => (done = resolve)),
    batch: 1,
  });
  await new Promise(setImmediate);
  const waiting = call(shards, first);
  let settled = false;
  waiting.finally(() => (settled = true)).catch(() => {});
  assert.notEqual(await call(shards, second), 'c');
  assert.equal(settled, false);
  done();
  assert.equal(await waiting, 'c');
  await new Promise(setImmediate);
  done();
  // It was called meanwhile, so it is moved, but not twice.
  await resharding;
  assert.equal(await call(shards, second), 'c');
});

test('a move waits for the calls of its key that are under way, and a call made inside one is not held', async () => {
  const { after, shards, first, log, move, before } = setUp();
  let go = (): void => {};
  const outer = call(shards, first, async ({ name }, context) => {
    await new Promise<void>((resolve) => (go = resolve));
    const inner = await pipeline().execute(
      shards.forKey(first).route((node) => node.name),
      context,
    );
    return `${name} ${inner}`;
  });
  const resharding = shards.reshard({ to: after, keys: [first], move });
  await new Promise(setImmediate);
  assert.deepEqual(log, []);
  go();
  const old = before.owner(first);
  assert.equal(await outer, `${old} ${old}`);
  await resharding;
  assert.deepEqual(log, [`${first} ${old} c`]);
});

test('moves what was made at an old target while it went on, though it is not listed', async () => {
  const { after, shards, moving, first, log, move, before } = setUp();
  const [, fresh] = moving as [string, string];
  const resharding = shards.reshard({ to: after, keys: [first], move });
  assert.equal(await call(shards, fresh), before.owner(fresh));
  await resharding;
  assert.deepEqual(
    log.map((line) => line.split(' ')[0]),
    [first, fresh],
  );
  assert.equal(await call(shards, fresh), 'c');
});

test('at the end, keys still to follow are called at their old target, and new ones at their new', async () => {
  const { before, after, shards, moving } = setUp();
  const [one, two, never] = moving as [string, string, string];
  let done = (): void => {};
  const resharding = shards.reshard({
    to: after,
    keys: [],
    batch: 1,
    move: () => new Promise((resolve) => (done = resolve)),
  });
  await Promise.all([call(shards, one), call(shards, two)]);
  await new Promise(setImmediate);
  assert.equal(await call(shards, two), before.owner(two));
  assert.equal(await call(shards, never), 'c');
  done();
  await new Promise(setImmediate);
  done();
  await resharding;
  assert.equal(await call(shards, two), 'c');
});

test('gives each new holder of a key its copy, from the old owner', async () => {
  const { before, after, shards, log, move } = setUp(2);
  await shards.reshard({ to: after, keys, move });
  const expected = keys.flatMap((key) =>
    after
      .owners(key, 2)
      .filter((name) => !before.owners(key, 2).includes(name))
      .map((name) => `${key} ${before.owner(key)} ${name}`),
  );
  assert.deepEqual(log, expected);
});

test('stops when told to, works on half-way, and resumes', async () => {
  const { before, after, shards, moving, log, move } = setUp();
  const controller = new AbortController();
  let last: string | undefined;
  const stopped = shards.reshard({
    to: after,
    keys,
    move,
    batch: 2,
    onProgress: (progress) => {
      last = progress.last;
      controller.abort('enough');
    },
    signal: controller.signal,
  });
  await assert.rejects(stopped, (reason) => reason === 'enough');
  assert.equal(log.length, 2);
  for (const [i, key] of moving.entries()) assert.equal(await call(shards, key), i < 2 ? 'c' : before.owner(key));
  await assert.rejects(shards.reshard({ to: before, keys, move }), RejectedError);
  await shards.reshard({ to: after, keys, move, after: last });
  assert.deepEqual(
    log.map((line) => line.split(' ')[0]),
    moving,
  );
});

test('stops though a call of a key is never done', async () => {
  const { after, shards, first, log, move } = setUp();
  const hanging = call(shards, first, () => new Promise(() => {}));
  hanging.catch(() => {});
  const controller = new AbortController();
  const resharding = shards.reshard({ to: after, keys, move, signal: controller.signal });
  await new Promise(setImmediate);
  controller.abort('enough');
  await assert.rejects(resharding, (reason) => reason === 'enough');
  assert.ok(!log.some((line) => line.startsWith(`${first} `)));
  assert.notEqual(await call(shards, first), 'c');
});

test('resumes in a new process, where keys up to the one given are taken to be moved', async () => {
  const { after, shards, moving, log, move } = setUp();
  await shards.reshard({ to: after, keys, move, after: moving[2] as string });
  assert.deepEqual(
    log.map((line) => line.split(' ')[0]),
    moving.slice(3),
  );
  for (const key of keys) assert.equal(await call(shards, key), after.owner(key));
});

test('a move that fails leaves its key where it was, and the rest to a later run', async () => {
  const { before, after, shards, moving, log, move, first } = setUp();
  const error = new Error('disk full');
  const failing = shards.reshard({
    to: after,
    keys,
    move: (key, from, to) => (key === first ? Promise.reject(error) : move(key, from, to)),
    batch: 3,
  });
  await assert.rejects(failing, (thrown) => thrown === error);
  assert.equal(log.length, 2);
  assert.equal(await call(shards, first), before.owner(first));
  await shards.reshard({ to: after, keys, move });
  assert.equal(log.length, moving.length);
});

test('takes a wrong place to resume from for what it is, and moves nothing by it', async () => {
  const { before, after, shards, log, move, first } = setUp();
  await assert.rejects(shards.reshard({ to: after, keys, move, after: 'no key' }), RangeError);
  assert.deepEqual(log, []);
  assert.equal(await call(shards, first), before.owner(first));
});

test('reads keys as they come, from anywhere, and each once', async () => {
  const { after, shards, moving, log, move } = setUp();
  async function* slowly() {
    for (const key of keys) {
      await undefined;
      yield key;
      yield key;
    }
  }
  await shards.reshard({ to: after, keys: slowly(), move });
  assert.deepEqual(
    log.map((line) => line.split(' ')[0]),
    moving,
  );
});

test('a move that fails while the next key is waited for is heard of by whoever asked for the reshard, and nobody else', async () => {
  const { after, shards, moving } = setUp();
  async function* slowly() {
    for (const key of moving) {
      yield key;
      await new Promise(setImmediate);
    }
  }
  const error = new Error('disk full');
  const failing = shards.reshard({ to: after, keys: slowly(), move: () => Promise.reject(error) });
  await assert.rejects(failing, (thrown) => thrown === error);
});

test('goes on when the one who hears of its progress fails', async () => {
  const { after, shards, move } = setUp();
  const error = new Error('not saved');
  await shards.reshard({ to: after, keys, move, batch: 1_000, onProgress: () => Promise.reject(error) });
  await new Promise(setImmediate);
  assert.deepEqual(reported.splice(0), [error]);
});

test('one reshard at a time', async () => {
  const { after, shards, move } = setUp();
  const running = shards.reshard({ to: after, keys, move });
  await assert.rejects(shards.reshard({ to: after, keys, move }), RejectedError);
  await running;
});

test('a call that waits for its key can be called off, and one called off before leaves nothing behind', async () => {
  const { after, shards, first } = setUp();
  let done = (): void => {};
  const resharding = shards.reshard({
    to: after,
    keys: [first],
    move: () => new Promise((resolve) => (done = resolve)),
  });
  await new Promise(setImmediate);
  const caller = new AbortController();
  const route = shards.forKey(first).route(({ name }) => name);
  const waiting = pipeline().execute(route, { signal: caller.signal });
  caller.abort('bye');
  await assert.rejects(waiting, (reason) => reason === 'bye');
  await assert.rejects(pipeline().execute(route, { signal: caller.signal }), (reason) => reason === 'bye');
  const late = pipeline().execute(route, { deadline: 0 });
  await assert.rejects(late, RejectedError);
  done();
  await resharding;
});

test('moves keys to what a placement has become, and sends no call there before', async () => {
  const { before, shards, moving, log, move } = setUp();
  const old = before.snapshot();
  before.add('c');
  for (const key of keys) assert.equal(await call(shards, key), old.owner(key));
  const resharding = shards.reshard({ to: before, keys, move });
  before.add('d');
  await resharding;
  const goal = new HashRing({ nodes: ['a', 'b', 'c'] });
  for (const key of keys) assert.equal(await call(shards, key), goal.owner(key));
  assert.equal(log.length, moving.length);
  await shards.reshard({ to: before, keys, move });
  for (const key of keys) assert.equal(await call(shards, key), before.owner(key));
});

test('calls made inside each other, of keys that are moved, wait for no move that waits for them', async () => {
  const { after, shards, moving, log, move } = setUp();
  const [one, two] = moving as [string, string];
  let go = (): void => {};
  const begun = new Promise<void>((resolve) => (go = resolve));
  const crosswise = [
    [one, two],
    [two, one],
  ].map(([outer, inner]) =>
    call(shards, outer as string, async (_, context) => {
      await begun;
      const { name } = await pipeline().execute(
        shards.forKey(inner as string).route((node) => node),
        context,
      );
      return name;
    }),
  );
  const resharding = shards.reshard({ to: after, keys: [one, two], move });
  await new Promise(setImmediate);
  go();
  for (const name of await Promise.all(crosswise)) assert.notEqual(name, 'c');
  await resharding;
  assert.equal(log.length, 2);
});

test('has those forget a key who are to have it no more, once each new holder has its copy, and says so again if it fails', async () => {
  const { before, after, shards, log, move } = setUp(2);
  let failures = 1;
  const forget = async (key: string, { name }: Node): Promise<void> => {
    log.push(`${key} out of ${name}`);
    if (failures-- > 0) throw new Error('no answer');
  };
  const expected = keys.flatMap((key) => {
    const [old, fresh] = [before.owners(key, 2), after.owners(key, 2)];
    return [
      ...fresh.filter((name) => !old.includes(name)).map((name) => `${key} ${old[0]} ${name}`),
      ...old.filter((name) => !fresh.includes(name)).map((name) => `${key} out of ${name}`),
    ];
  });
  await assert.rejects(shards.reshard({ to: after, keys, move, forget, batch: 1 }), /no answer/);
  // It has come over, all the same: nobody but the new holders need be asked.
  assert.deepEqual(log, expected.slice(0, 2));
  const key = (expected[0] as string).split(' ')[0] as string;
  assert.equal(await call(shards, key), after.owner(key));
  await shards.reshard({ to: after, keys, move, forget, batch: 1 });
  assert.deepEqual(log, [...expected, expected[1]]);
});

test('a move that has failed half-way brings nothing back that was removed before it is tried again', async () => {
  const { before, after, shards, first } = setUp();
  const rows = new Map(nodes.map(({ name }) => [name, new Map<string, string>()]));
  const of = ({ name }: Node) => rows.get(name) as Map<string, string>;
  await call(shards, first, (node) => of(node).set(first, 'old'));
  let failures = 1;
  const options: ReshardOptions<string, Node> = {
    to: after,
    keys: [first],
    move: async (key, from, to) => {
      const row = of(from).get(key);
      if (row !== undefined) of(to).set(key, row);
      if (failures-- > 0) throw new Error('no answer');
    },
    forget: async (key, node) => void of(node).delete(key),
  };
  await assert.rejects(shards.reshard(options), /no answer/);
  await call(shards, first, (node) => {
    assert.equal(node.name, before.owner(first));
    assert.ok(of(node).delete(first));
  });
  await shards.reshard(options);
  assert.equal(await call(shards, first, (node) => of(node).get(first)), undefined);
});

test('in a new process calls wait until it is known which keys have moved, and those it was at are moved again', async () => {
  const { before, after, shards, moving, move } = setUp();
  const [moved, at, later] = moving as [string, string, string];
  const resharding = shards.reshard({ to: after, keys: [moved, at, later], after: moved, move, batch: 1 });
  const early = [moved, at, later].map((key) => call(shards, key));
  assert.deepEqual(await Promise.all(early), ['c', 'c', before.owner(later)]);
  await resharding;
});

test('without a wrong place to resume from it is as if nothing had been asked for', async () => {
  const { before, after, shards, move, first } = setUp();
  await assert.rejects(shards.reshard({ to: after, keys, move, after: 'no key' }), RangeError);
  await shards.reshard({ to: before, keys, move });
  assert.equal(await call(shards, first), before.owner(first));
});

test('what is done to all targets of a key inside a call of it is in time for no move', async () => {
  const { before, after, shards, moving, move } = setUp(2);
  const key = moving[0] as string;
  const log: string[] = [];
  const toAll = call(shards, key, async () => {
    for (const { name } of shards.owners(key)) {
      await new Promise(setImmediate);
      log.push(name);
    }
  });
  const resharding = shards.reshard({
    to: after,
    keys: [key],
    move: (...args) => {
      log.push('move');
      return move(...args);
    },
  });
  await Promise.all([toAll, resharding]);
  assert.deepEqual(log.slice(0, 3), [...before.owners(key, 2), 'move']);
});

test('takes no options but good ones [7]', async () => {
  const placement: Placement = new HashRing({ nodes: ['a'] });
  const bad: [options: unknown, error: RegExp][] = [
    [{ targets: nodes }, /sharding: placement must be an object with owner, owners, snapshot, got undefined/],
    [{ placement }, /sharding: targets must be iterable/],
    [{ placement, targets: [] }, /sharding: targets must be one or more/],
    [{ placement, targets: nodes, replicas: 0 }, /sharding: replicas must be a positive integer/],
    [{ placement, targets: nodes, replica: 1 }, /did you mean "replicas"/],
  ];
  for (const [options, error] of bad) assert.throws(() => sharding(options as ShardingOptions<Node>), error);
  const shards = sharding({ placement, targets: nodes });
  assert.throws(() => shards.forKey(1 as unknown as string), /sharding: key must be a string/);
  const move = async (): Promise<void> => {};
  const worse: [options: unknown, error: RegExp][] = [
    [{ keys, move }, /reshard: to must be an object/],
    [{ to: placement, move }, /reshard: keys must be iterable/],
    [{ to: placement, keys }, /reshard: move must be a function/],
    [{ to: placement, keys, move, forget: 1 }, /reshard: forget must be a function/],
    [{ to: placement, keys, move, batch: 0 }, /reshard: batch must be/],
    [{ to: placement, keys, move, after: 1 }, /reshard: after must be a string/],
    [{ to: placement, keys, move, signal: 1 }, /reshard: signal must be/],
    [{ to: placement, keys, move, onprogress: move }, /did you mean "onProgress"/],
    [{ to: new HashRing({ nodes: ['z'] }), keys, move }, /reshard: to has no target "z"/],
  ];
  for (const [options, error] of worse)
    await assert.rejects(shards.reshard(options as ReshardOptions<string, Node>), error);
});

test('a router for a key of bytes stays with that key, whatever becomes of the bytes', async () => {
  const names = ['a', 'b', 'c', 'd'];
  const shards = sharding({
    placement: new HashRing({ nodes: names }),
    targets: names.map((name) => ({ name })),
  });
  const key = Buffer.from('key 0');
  const router = shards.forKey(key);
  const [owner] = shards.owners('key 0');
  for (let digit = 0; digit < 10; digit++) {
    key.write(`key ${digit}`);
    assert.equal(await pipeline().execute(router.route((target) => target)), owner);
  }
});

test('keeps of a key that has moved little more than its name', async () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const keys = Array.from({ length: 20_000 }, (_, i) => `key-${i}`);
  const shards = sharding({ placement: new HashRing({ nodes: ['a'] }), targets: [{ name: 'a' }, { name: 'b' }] });
  const used = (): number => {
    collect();
    return process.memoryUsage().heapUsed;
  };
  const before = used();
  let after = 0;
  await shards.reshard({
    to: new HashRing({ nodes: ['b'] }),
    keys,
    move: async () => {},
    onProgress: ({ moved }) => {
      if (moved === keys.length) after = used();
    },
  });
  assert.ok(after > 0 && (after - before) / keys.length < 200);
});

test('a stop lets go of any number of keys whose calls it waits for, with few listeners', async () => {
  const keys = Array.from({ length: 50 }, (_, i) => `key-${i}`);
  const shards = sharding({ placement: new HashRing({ nodes: ['a'] }), targets: [{ name: 'a' }, { name: 'b' }] });
  const ends: (() => void)[] = [];
  const calls = keys.map((key) =>
    pipeline().execute(shards.forKey(key).route(() => new Promise<void>((resolve) => ends.push(resolve)))),
  );
  const controller = new AbortController();
  const { signal } = controller;
  const moved: string[] = [];
  const to = new HashRing({ nodes: ['b'] });
  const move = async (key: string): Promise<void> => void moved.push(key);
  const resharding = shards.reshard({ to, keys, move, signal });
  await new Promise(setImmediate);
  assert.ok(getEventListeners(signal, 'abort').length < 5);
  controller.abort();
  await assert.rejects(resharding, { name: 'AbortError' });
  assert.equal(getEventListeners(signal, 'abort').length, 0);
  for (const end of ends) end();
  await Promise.all(calls);
  assert.deepEqual(moved, []);
  await shards.reshard({ to, keys, move });
  assert.deepEqual(moved, keys);
});
