import assert from 'node:assert/strict';
import fc from 'fast-check';
import { test } from 'vitest';
import { HashRing } from '../../src/algorithms/hash-ring.ts';
import { sharding } from '../../src/compositions/sharding.ts';
import { pipeline } from '../../src/core/pipeline.ts';
import { ManualClock } from '../../src/testing/manual-clock.ts';

interface Node {
  readonly name: string;
  readonly rows: Map<string, number>;
}

const listed = Array.from({ length: 12 }, (_, i) => `k${String(i).padStart(2, '0')}`);
const made = ['new1', 'new2', 'new3'];
const time = fc.integer({ min: 0, max: 60 });
const ring = fc
  .subarray(['a', 'b', 'c', 'd'], { minLength: 1 })
  .map((nodes) => new HashRing({ nodes, virtualNodes: 4 }));

const history = fc.record({
  before: ring,
  after: ring,
  calls: fc.array(
    fc.record({
      at: time,
      key: fc.constantFrom(...listed, ...made),
      does: fc.constantFrom('read', 'write', 'remove'),
      reads: fc.integer({ min: 0, max: 15 }),
      writes: fc.integer({ min: 0, max: 15 }),
    }),
    { maxLength: 60 },
  ),
  batch: fc.integer({ min: 1, max: 5 }),
  takes: fc.integer({ min: 0, max: 10 }),
  replicas: fc.integer({ min: 1, max: 3 }),
  /** How long it takes to list a key. */
  lists: fc.integer({ min: 0, max: 4 }),
  /** The how many-th moves and removals fail, their work done. */
  fail: fc.array(fc.nat(20), { maxLength: 3 }),
  stops: fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 3 }),
});

type History = typeof history extends fc.Arbitrary<infer Value> ? Value : never;

/** A cluster, what it is to hold, and what is found wrong. */
function setUp({ before, after, calls, batch, takes, fail, replicas, lists }: History) {
  const clock = new ManualClock();
  const pause = (delay: number) => new Promise<void>((resolve) => clock.schedule(delay, resolve));
  const nodes = ['a', 'b', 'c', 'd'].map((name): Node => ({ name, rows: new Map() }));
  const begin = () => sharding({ placement: before, targets: nodes, replicas });
  /** `fresh`: something was begun of which no progress has told. */
  const cluster = { shards: begin(), open: true, fresh: false };
  /** What each key holds: increments of a counter, each read and written in one call, and undefined where it is removed. */
  const model = new Map<string, number | undefined>();
  for (const key of listed) {
    for (const { rows } of cluster.shards.owners(key)) rows.set(key, 1_000);
    model.set(key, 1_000);
  }
  const faults: string[] = [];
  /** Calls of one key are one after another, as those of a careful user are: each sees what the last one left. */
  const busy = new Set<string>();
  const schedule = (some: readonly string[]): void => {
    for (const { at, key, does, reads, writes } of calls) {
      if (!some.includes(key)) continue;
      clock.schedule(at, () => {
        const { shards, open } = cluster;
        if (busy.has(key) || !open) return;
        busy.add(key);
        const task = async ({ name, rows }: Node): Promise<void> => {
          await pause(reads);
          const found = rows.get(key);
          if (found !== model.get(key)) faults.push(`${key}: ${found} at ${name}, not ${model.get(key)}`);
          await pause(writes);
          for (const node of does === 'read' ? [] : shards.owners(key)) {
            if (does === 'write') node.rows.set(key, (found ?? 0) + 1);
            else node.rows.delete(key);
            model.set(key, node.rows.get(key));
          }
        };
        void pipeline()
          .execute(shards.forKey(key).route(task))
          .finally(() => busy.delete(key));
      });
    }
  };
  let works = 0;
  let atOnce = 0;
  /** Takes its time before and after. A process that ends takes it along, half-way as it is. */
  const work = async (does: () => void): Promise<void> => {
    const process = cluster.shards;
    const step = async (): Promise<void> => {
      await pause(takes);
      if (cluster.shards !== process) await new Promise(() => {});
    };
    cluster.fresh = true;
    if (++atOnce > batch) faults.push(`${atOnce} moves at once`);
    await step();
    does();
    await step();
    atOnce--;
    if (fail.includes(works++)) throw new Error('no move');
  };
  const move = (key: string, from: Node, to: Node): Promise<void> =>
    work(() => {
      const value = from.rows.get(key);
      if (value !== undefined) to.rows.set(key, value);
    });
  const forget = (key: string, { rows }: Node): Promise<void> => work(() => rows.delete(key));
  const end = (): void => {
    cluster.shards = begin();
    atOnce = 0;
  };
  /** One try after the other, some of which are stopped; `again` says where to resume, given where they have got to. */
  const reshard = async (
    again: (last: string | undefined, before: string | undefined) => string | undefined,
    stops: readonly number[],
  ): Promise<void> => {
    let last: string | undefined;
    let before: string | undefined;
    let from: string | undefined;
    await pause(10);
    /** Each try lists what there is as it begins, keys made since the first one too. */
    async function* slowly() {
      for (const key of [...model.keys()]) {
        if (lists > 0) await pause(lists);
        yield key;
      }
    }
    for (let tries = 0; ; tries++) {
      const controller = new AbortController();
      const stop = stops[tries];
      if (stop !== undefined) clock.schedule(stop, () => controller.abort('stop'));
      const onProgress = (progress: { last: string }) => {
        before = last;
        last = progress.last;
        cluster.fresh = false;
      };
      const { signal } = controller;
      const keys = slowly();
      try {
        await cluster.shards.reshard({ to: after, keys, move, forget, batch, after: from, signal, onProgress });
        return;
      } catch (error) {
        if (error !== 'stop' && String(error) !== 'Error: no move') faults.push(String(error));
        await pause(5);
        from = again(last, before);
      }
    }
  };
  const check = (): void => {
    assert.deepEqual(faults, []);
    for (const [key, value] of model) {
      const owners = cluster.shards.owners(key).map(({ name }) => name);
      assert.deepEqual(owners, after.owners(key, replicas));
      for (const { name, rows } of nodes) assert.equal(rows.get(key), owners.includes(name) ? value : undefined);
    }
  };
  return { clock, end, cluster, busy, schedule, reshard, check };
}

test('calls find what there is and no write is lost, while keys move, through failures, stops and resumptions', async () => {
  let finished = 0;
  await fc.assert(
    fc.asyncProperty(history, async (drawn) => {
      const { clock, schedule, reshard, check } = setUp(drawn);
      schedule([...listed, ...made]);
      const done = reshard((last) => last, drawn.stops).then(() => finished++);
      await clock.advance(5_000);
      await done;
      check();
    }),
  );
  assert.ok(finished > 0);
});

test('nor when the process ends half-way, and another one resumes', async () => {
  let resumed = 0;
  await fc.assert(
    fc.asyncProperty(history, async (drawn) => {
      const { clock, end, cluster, busy, schedule, reshard, check } = setUp({ ...drawn, fail: [] });
      schedule(listed);
      const again = (last: string | undefined, before: string | undefined): string | undefined => {
        // Calls under way would go on: an end that takes them with it is another matter.
        if (busy.size > 0) return last;
        end();
        // Of a process that ends, the last batch may be half done, or done and nobody told.
        const from = cluster.fresh ? last : before;
        cluster.open = from !== undefined;
        if (cluster.open) resumed++;
        return from;
      };
      const done = reshard(again, drawn.stops).then(() => {
        cluster.open = true;
      });
      await clock.advance(5_000);
      await done;
      check();
    }),
  );
  assert.ok(resumed > 0);
});
