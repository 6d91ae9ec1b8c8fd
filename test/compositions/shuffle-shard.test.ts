import assert from 'node:assert/strict';
import { AsyncLocalStorage } from 'node:async_hooks';
import { test } from 'vitest';
import {
  type ShuffleShardEvent,
  type ShuffleShardOptions,
  shuffleShard,
} from '../../src/compositions/shuffle-shard.ts';
import { ShedError } from '../../src/core/errors.ts';
import type { Keyed } from '../../src/core/keyed.ts';
import { pipeline } from '../../src/core/pipeline.ts';
import { timeout } from '../../src/policies/timeout.ts';
import { ManualClock } from '../../src/testing/manual-clock.ts';
import { seededRandom } from '../../src/testing/seeded-random.ts';
import { type Deferred, deferred, turn, watched } from '../core/support.ts';

/** A shard with a call of cost 1 in each slot; `free` ends them one by one. */
function taken(options: Partial<ShuffleShardOptions> = {}) {
  const clock = new ManualClock();
  const events: ShuffleShardEvent[] = [];
  const slots = 1;
  const shard = shuffleShard({
    maxConcurrent: slots,
    clock,
    random: seededRandom(1),
    onEvent: (event) => events.push(event),
    ...options,
  });
  const running: Deferred<unknown>[] = [];
  for (let i = 0; i < (options.maxConcurrent ?? slots); i++) {
    const task = deferred();
    running.push(task);
    void shard.for('first').execute(() => task.promise);
  }
  return {
    shard,
    clock,
    events,
    async free(): Promise<void> {
      running.shift()?.resolve(undefined);
      await turn();
    },
  };
}

test('while slots are free nobody waits, whatever the flow', async () => {
  const shard = shuffleShard({ maxConcurrent: 2 });
  assert.deepEqual([shard.running, shard.queued, shard.idle], [0, 0, true]);
  let called = false;
  const call = shard.for('a').execute(() => {
    called = true;
    return 'a';
  });
  assert.equal(called, true);
  assert.equal(await call, 'a');
  const keyed: Keyed = shard;
  assert.equal(await keyed.for('b').execute(() => 'b'), 'b');
  assert.deepEqual([shard.running, shard.queued, shard.idle], [0, 0, true]);
});

test('a flow that floods waits for itself, and one that comes late is next but one', async () => {
  const { shard, free } = taken({ maxQueued: 2, queues: 64, handSize: 4 });
  const order: string[] = [];
  const heavy = Array.from({ length: 12 }, (_, i) => shard.for('heavy').execute(() => order.push(`heavy ${i}`)));
  for (const call of heavy.splice(8)) await assert.rejects(call, ShedError);
  assert.equal(shard.queued, 8);
  const light = shard.for('light').execute(() => order.push('light'));
  assert.equal(shard.queued, 9);
  await free();
  await Promise.all(heavy.concat(light));
  // Four queues of the heavy flow, and the light one's, take turns.
  assert.ok(order.indexOf('light') <= 4, String(order));
  assert.equal(shard.idle, true);
});

test('within a queue it is first come, first served', async () => {
  const { shard, free } = taken({ queues: 1 });
  const order: number[] = [];
  const calls = [1, 2, 3].map((i) => shard.for(`flow ${i}`).execute(() => order.push(i), { priority: i }));
  await free();
  await Promise.all(calls);
  assert.deepEqual(order, [1, 2, 3]);
});

test('turns away a call whose queues are all full, and one whose wait is over', async () => {
  const { shard, events, clock, free } = taken({ queues: 2, handSize: 1, maxQueued: 1, maxWait: 100 });
  const waiting = watched(shard.for('a').execute(() => 'a'));
  const full = shard.for('a').execute(() => 'never');
  await assert.rejects(full, (error: ShedError) => {
    assert.ok(error instanceof ShedError);
    assert.deepEqual([error.code, String(error)], ['ERR_SHED', 'shuffleShard: no slot: full']);
    return true;
  });
  await clock.advance(99);
  assert.equal(waiting.now, 'pending');
  await clock.advance(1);
  assert.match(String(Object(waiting.now).error), /^shuffleShard: no slot: expired$/);
  assert.deepEqual(
    events.map((event) => [event.type, event.key, event.queued, 'reason' in event && event.reason]),
    [
      ['queued', 'a', 1, false],
      ['rejected', 'a', 1, 'full'],
      ['rejected', 'a', 0, 'expired'],
    ],
  );
  await free();
  assert.deepEqual([shard.running, clock.pending], [0, 0]);
});

test('a call whose deadline is over does not wait', async () => {
  const { shard, clock, events } = taken();
  await assert.rejects(
    shard.for('a').execute(() => 'never', { deadline: clock.now() }),
    ShedError,
  );
  assert.deepEqual([shard.queued, events.map(({ type }) => type)], [0, ['rejected']]);
});

test('an abort in the queue rejects at once, and those behind it move up', async () => {
  const { shard, free } = taken({ maxConcurrent: 2 });
  const caller = new AbortController();
  const heavy = watched(shard.for('a').execute(() => 'never', { cost: 2, signal: caller.signal }));
  await free();
  const light = watched(shard.for('b').execute(() => 'light'));
  await turn();
  // There is a slot, but whoever is first needs two.
  assert.deepEqual([heavy.now, light.now, shard.running, shard.queued], ['pending', 'pending', 1, 2]);
  const reason = new Error('gone');
  caller.abort(reason);
  await turn();
  assert.deepEqual([heavy.now, light.now, shard.running, shard.queued], [{ error: reason }, { value: 'light' }, 1, 0]);
});

test('a free slot is not kept for a heavy call whose turn it is not', async () => {
  const { shard, free } = taken({ maxConcurrent: 3, handSize: 1 });
  const first = deferred();
  const calls = [first, deferred()].map(({ promise }) => shard.for('a').execute(() => promise, { cost: 2 }));
  await free();
  await free();
  // The first of them runs; the second, whose queue has had its turn, needs one slot more than there is.
  await free();
  assert.deepEqual([shard.running, shard.queued], [2, 1]);
  assert.equal(await shard.for('b').execute(() => 'at once'), 'at once');
  assert.deepEqual([shard.running, shard.queued], [2, 1]);
  first.resolve(undefined);
  await calls[0];
  assert.deepEqual([shard.running, shard.queued], [2, 0]);
});

test('a slot is held until the task itself has settled', async () => {
  const clock = new ManualClock();
  const shard = shuffleShard({ maxConcurrent: 1, clock });
  const task = deferred();
  const call = assert.rejects(pipeline(shard.for('a'), timeout({ duration: 10, clock })).execute(() => task.promise));
  await clock.advance(10);
  await call;
  assert.equal(shard.running, 1);
  task.resolve(undefined);
  await turn();
  assert.equal(shard.running, 0);
});

test('a cost is a whole number of slots that there are', async () => {
  const shard = shuffleShard({ maxConcurrent: 2 });
  for (const cost of [3, 0.5, Infinity]) {
    await assert.rejects(
      shard.for('a').execute(() => 1, { cost }),
      /^RangeError: shuffleShard: cost must be a whole number up to 2, got /,
    );
  }
  assert.equal(await shard.for('a').execute(() => shard.running, { cost: 2 }), 2);
  assert.equal(await shard.for('a').execute(() => shard.running, { cost: 0 }), 0);
  assert.equal(await shard.for('a').execute(() => shard.idle, { cost: 0 }), false);
  assert.equal(shard.idle, true);
});

test('queued work runs in the async context of its caller', async () => {
  const { shard, free } = taken();
  const storage = new AsyncLocalStorage<string>();
  const calls = ['a', 'b'].map((name) => storage.run(name, () => shard.for(name).execute(() => storage.getStore())));
  await free();
  assert.deepEqual(await Promise.all(calls), ['a', 'b']);
});

test('the same flow has the same hand, and chance deals anew', async () => {
  const sharesOf = async (seed: number): Promise<boolean[]> => {
    const { shard } = taken({ queues: 8, handSize: 1, maxQueued: 1, random: seededRandom(seed) });
    void shard.for('a').execute(() => 1);
    const given = Array.from({ length: 12 }, (_, i) =>
      watched(shard.for(i === 0 ? 'a' : `flow ${i}`).execute(() => 1)),
    );
    await turn();
    return given.map(({ now }) => now !== 'pending');
  };
  assert.deepEqual(await sharesOf(1), await sharesOf(1));
  assert.notDeepEqual(await sharesOf(1), await sharesOf(2));
  assert.equal((await sharesOf(3))[0], true);
});

test('any string is a flow: __proto__, none at all, a megabyte; nothing else is', async () => {
  const shard = shuffleShard({ maxConcurrent: 1 });
  for (const key of ['__proto__', '', 'x'.repeat(1_000_000)]) assert.equal(await shard.for(key).execute(() => 1), 1);
  assert.throws(() => shard.for(1 as unknown as string), /^TypeError: shuffleShard: key must be a string, got 1$/);
});

test('says which option is out of range, unknown or missing [7]', () => {
  const make = (options: object) => () => shuffleShard({ maxConcurrent: 1, ...options });
  assert.throws(
    () => shuffleShard({} as ShuffleShardOptions),
    /^TypeError: shuffleShard: maxConcurrent must be a positive integer or Infinity, got undefined$/,
  );
  assert.throws(
    make({ queues: 0 }),
    /^RangeError: shuffleShard: queues must be a positive integer up to 67108864, got 0$/,
  );
  assert.throws(
    make({ queues: 4, handSize: 5 }),
    /^RangeError: shuffleShard: handSize must be a positive integer up to 4, got 5$/,
  );
  assert.throws(
    make({ queues: 512 }),
    /^RangeError: shuffleShard: 8 of 512 queues take a hash of 72 bits, at most 60$/,
  );
  for (const options of [{ maxQueued: 0 }, { maxWait: Number.NaN }, { maxConcurrent: 0.5 }, { handSize: 0 }])
    assert.throws(make(options), RangeError);
  for (const options of [{ random: 1 }, { queue: 1 }, { clock: {} }]) assert.throws(make(options), TypeError);
  shuffleShard({ maxConcurrent: 1, queues: 3 });
});
