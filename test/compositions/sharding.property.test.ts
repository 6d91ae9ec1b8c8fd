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
      write: fc.boolean(),
      reads: fc.integer({ min: 0, max: 15 }),
      writes: fc.integer({ min: 0, max: 15 }),
    }),
    { maxLength: 60 },
  ),
  batch: fc.integer({ min: 1, max: 5 }),
  takes: fc.integer({ min: 0, max: 10 }),
  /** The how many-th moves fail. */
  fail: fc.array(fc.nat(20), { maxLength: 3 }),
  stops: fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 3 }),
});

test('calls find what there is and no write is lost, while keys move, through failures, stops and resumptions', async () => {
  let finished = 0;
  await fc.assert(
    fc.asyncProperty(history, async ({ before, after, calls, batch, takes, fail, stops }) => {
      const clock = new ManualClock();
      const pause = (delay: number) => new Promise<void>((resolve) => clock.schedule(delay, resolve));
      const nodes = ['a', 'b', 'c', 'd'].map((name): Node => ({ name, rows: new Map() }));
      const shards = sharding({ placement: before, targets: nodes });
      /** What each key holds: increments of a counter, each read and written in one call. */
      const model = new Map<string, number>();
      for (const key of listed) {
        shards.owners(key)[0]?.rows.set(key, 1_000);
        model.set(key, 1_000);
      }
      const faults: string[] = [];
      /** Calls of one key are one after another, as those of a careful user are: each sees what the last one left. */
      const busy = new Set<string>();
      for (const { at, key, write, reads, writes } of calls) {
        clock.schedule(at, () => {
          if (busy.has(key)) return;
          busy.add(key);
          void pipeline()
            .execute(
              shards.forKey(key).route(async ({ name, rows }) => {
                await pause(reads);
                if (rows.get(key) !== model.get(key)) faults.push(`${key}: ${rows.get(key)} at ${name}`);
                if (!write) return;
                const value = (rows.get(key) ?? 0) + 1;
                await pause(writes);
                rows.set(key, value);
                model.set(key, value);
              }),
            )
            .finally(() => busy.delete(key));
        });
      }
      let moves = 0;
      let atOnce = 0;
      let last: string | undefined;
      const move = async (key: string, from: Node, to: Node): Promise<void> => {
        if (++atOnce > batch) faults.push(`${atOnce} moves at once`);
        try {
          await pause(takes);
          const value = from.rows.get(key);
          if (value !== undefined) to.rows.set(key, value);
          await pause(takes);
          if (fail.includes(moves++)) throw new Error('no move');
          from.rows.delete(key);
        } finally {
          atOnce--;
        }
      };
      const run = async (): Promise<void> => {
        await pause(10);
        const keys = [...model.keys()];
        for (let tries = 0; ; tries++) {
          const controller = new AbortController();
          const stop = stops[tries];
          if (stop !== undefined) clock.schedule(stop, () => controller.abort('stop'));
          try {
            await shards.reshard({
              to: after,
              keys,
              move,
              batch,
              after: last,
              signal: controller.signal,
              onProgress: (progress) => (last = progress.last),
            });
            return;
          } catch (error) {
            if (error !== 'stop' && String(error) !== 'Error: no move') faults.push(String(error));
            await pause(5);
          }
        }
      };
      const done = run().then(() => finished++);
      await clock.advance(3_000);
      await done;
      assert.deepEqual(faults, []);
      for (const [key, value] of model) {
        assert.equal(after.owner(key), shards.owners(key)[0]?.name);
        for (const { name, rows } of nodes) assert.equal(rows.get(key), name === after.owner(key) ? value : undefined);
      }
    }),
  );
  assert.ok(finished > 0);
});
