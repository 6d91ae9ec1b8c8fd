import assert from 'node:assert/strict';
import fc from 'fast-check';
import { test } from 'vitest';
import { shuffleShard } from '../../src/compositions/shuffle-shard.ts';
import { ShedError } from '../../src/core/errors.ts';
import { ManualClock } from '../../src/testing/manual-clock.ts';
import { seededRandom } from '../../src/testing/seeded-random.ts';

interface Call {
  readonly cost: number;
  readonly caller: AbortController;
  state: 'called' | 'running' | 'done';
  starts: number;
  end: () => void;
  told: unknown;
}

const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ call: fc.integer({ min: 0, max: 3 }), flow: fc.nat(5), listens: fc.boolean() }) },
  { weight: 4, arbitrary: fc.record({ end: fc.nat(9) }) },
  { weight: 2, arbitrary: fc.record({ abort: fc.nat(30) }) },
  { weight: 1, arbitrary: fc.record({ advance: fc.constantFrom(20, 50) }) },
);
const shape = {
  seed: fc.nat(100),
  steps: fc.array(step, { maxLength: 60 }),
  queues: fc.integer({ min: 1, max: 5 }),
  maxConcurrent: fc.integer({ min: 3, max: 5 }),
  maxQueued: fc.integer({ min: 1, max: 4 }),
  maxWait: fc.constantFrom(50, Infinity),
};

test('runs no more than it may, and loses, doubles and forgets no call and no slot', async () => {
  await fc.assert(
    fc.asyncProperty(fc.record(shape), async ({ seed, steps, ...options }) => {
      const clock = new ManualClock();
      const shard = shuffleShard({
        ...options,
        handSize: Math.min(2, options.queues),
        clock,
        random: seededRandom(seed),
      });
      const calls: Call[] = [];
      const settle = (): Promise<void> => clock.advance(0);
      for (const each of steps) {
        if ('call' in each) {
          const call: Call = {
            cost: each.call,
            caller: new AbortController(),
            state: 'called',
            starts: 0,
            end: () => {},
            told: undefined,
          };
          calls.push(call);
          const task = (): Promise<string> => {
            call.starts++;
            call.state = 'running';
            return new Promise((resolve) => {
              call.end = () => {
                call.state = 'done';
                resolve('ok');
              };
            });
          };
          const signal = each.listens ? { signal: call.caller.signal } : {};
          shard
            .for(`flow ${each.flow}`)
            .execute(task, { cost: call.cost, ...signal })
            .then(
              (value) => (call.told = value),
              (error) => (call.told = error),
            );
        } else if ('end' in each) {
          const running = calls.filter(({ state }) => state === 'running');
          running[each.end % running.length]?.end();
        } else if ('abort' in each) calls[each.abort % calls.length]?.caller.abort('stopped');
        else await clock.advance(each.advance);
        await settle();

        const running = calls.filter(({ state }) => state === 'running');
        const waiting = calls.filter(({ starts, told }) => starts === 0 && told === undefined);
        assert.equal(
          shard.running,
          running.reduce((sum, { cost }) => sum + cost, 0),
        );
        assert.equal(shard.queued, waiting.length);
        assert.ok(shard.running <= options.maxConcurrent && shard.queued <= options.queues * options.maxQueued);
        assert.ok(calls.every(({ starts }) => starts <= 1));
        // Only where somebody heavy is first may there be slots free while somebody waits.
        const heaviest = Math.max(...waiting.map(({ cost }) => cost));
        assert.ok(waiting.length === 0 || shard.running + Math.max(heaviest, 1) > options.maxConcurrent);
      }

      for (let call = calls.find(({ state }) => state === 'running'); call; ) {
        call.end();
        await settle();
        call = calls.find(({ state }) => state === 'running');
      }
      assert.deepEqual([shard.running, shard.queued, shard.idle, clock.pending], [0, 0, true, 0]);
      for (const { starts, told } of calls)
        assert.ok(told instanceof ShedError ? starts === 0 : told === 'stopped' || (told === 'ok' && starts === 1));
    }),
  );
});
