import assert from 'node:assert/strict';
import fc from 'fast-check';
import { test } from 'vitest';
import { aimd } from '../../src/algorithms/aimd.ts';
import { gradient } from '../../src/algorithms/gradient.ts';
import { vegas } from '../../src/algorithms/vegas.ts';
import { pipeline } from '../../src/core/pipeline.ts';
import { concurrencyLimit } from '../../src/policies/concurrency-limit.ts';
import { timeout } from '../../src/policies/timeout.ts';
import { ManualClock } from '../../src/testing/manual-clock.ts';
import { policyLaws } from '../../src/testing/policy-laws.ts';
import { seededRandom } from '../../src/testing/seeded-random.ts';

for (const [law, property] of policyLaws({
  fc,
  policy: (clock, random) => concurrencyLimit({ limit: gradient({ random }), maxQueued: 100, clock }),
})) {
  test(`concurrencyLimit ${law}`, () => fc.assert(property));
}

interface Call {
  readonly upper: boolean;
  readonly caller: AbortController;
  state: 'called' | 'running' | 'done';
  starts: number;
  end: (ok: boolean) => void;
  /** What the caller got. */
  told: unknown;
}

const step = fc.oneof(
  { weight: 7, arbitrary: fc.record({ call: fc.constantFrom(-1, 0, 1, 2) }) },
  { weight: 6, arbitrary: fc.record({ end: fc.nat(), ok: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ abort: fc.nat() }) },
  { weight: 2, arbitrary: fc.record({ advance: fc.integer({ min: 0, max: 80 }) }) },
  { weight: 1, arbitrary: fc.record({ jump: fc.integer({ min: -1_000, max: 1_000 }) }) },
);

const history = fc.record({
  steps: fc.array(step, { maxLength: 80 }),
  rule: fc.constantFrom('aimd', 'vegas', 'gradient'),
  initial: fc.integer({ min: 1, max: 5 }),
  maxQueued: fc.integer({ min: 0, max: 4 }),
  maxWait: fc.constantFrom(50, Infinity),
  share: fc.constantFrom(0, 0.25, 0.5, 1),
  seed: fc.nat(),
});

test('loses, doubles and forgets no call, stays within limit and shares, and lets in whom it can', async () => {
  await fc.assert(
    fc.asyncProperty(history, async ({ steps, rule, initial, maxQueued, maxWait, share, seed }) => {
      const clock = new ManualClock();
      const random = seededRandom(seed);
      const bounds = { initial, min: 1, max: 6, rounds: false };
      const limit =
        rule === 'aimd'
          ? aimd(bounds)
          : rule === 'vegas'
            ? vegas({ ...bounds, random })
            : gradient({ ...bounds, random });
      const partitions = [
        { priority: 1, share },
        { priority: 0, share: 1 - share },
      ];
      const gate = concurrencyLimit({ limit, maxQueued, maxWait, partitions, clock });
      const policy = pipeline(gate, timeout({ duration: 120, clock }));
      const calls: Call[] = [];
      const run = (upper: boolean) => calls.filter((call) => call.state === 'running' && call.upper === upper).length;
      const settle = async (): Promise<void> => {
        for (let i = 0; i < 12; i++) {
          assert.ok(gate.queued <= maxQueued && gate.queued >= 0, `${gate.queued} wait`);
          await undefined;
        }
        await clock.advance(0);
      };

      for (const each of steps) {
        const before = { running: gate.running, limit: gate.limit, upper: run(true), lower: run(false) };
        if ('call' in each) {
          const call: Call = {
            upper: each.call >= 1,
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
            return new Promise((resolve, reject) => {
              call.end = (ok) => {
                call.state = 'done';
                if (ok) resolve('ok');
                else reject('failed');
              };
            });
          };
          policy.execute(task, { priority: each.call, signal: call.caller.signal }).then(
            (value) => (call.told = value),
            (error) => (call.told = error),
          );
          // By the rule: room below the limit, or in its share, or nobody there.
          const own = call.upper ? before.upper : before.lower;
          const part = (call.upper ? share : 1 - share) * before.limit;
          const fits = before.running < before.limit || own < part || before.running === 0;
          assert.equal(call.starts, fits ? 1 : 0);
        } else if ('end' in each) {
          const active = calls.filter(({ state }) => state === 'running');
          active[each.end % active.length]?.end(each.ok);
        } else if ('abort' in each) calls[each.abort % calls.length]?.caller.abort('stopped');
        else if ('jump' in each) clock.jump(each.jump);
        else await clock.advance(each.advance);
        await settle();

        const [upper, lower] = [run(true), run(false)];
        assert.equal(gate.running, upper + lower);
        const waiting = calls.filter(({ starts, told }) => starts === 0 && told === undefined);
        assert.equal(gate.queued, waiting.length);
        assert.ok(calls.every(({ starts }) => starts <= 1));
        assert.ok(limit.limit >= 1 && limit.limit <= 6);
        assert.ok(gate.running <= 2 * 6);
        // Nobody waits for what is free.
        for (const call of waiting) {
          const own = call.upper ? upper : lower;
          assert.ok(gate.running >= limit.limit && own >= (call.upper ? share : 1 - share) * limit.limit);
        }
      }

      for (let call: Call | undefined; (call = calls.find(({ state }) => state === 'running')); ) {
        call.end(true);
        await settle();
      }
      assert.deepEqual([gate.running, gate.queued, clock.pending], [0, 0, 0]);
      assert.ok(calls.every(({ told }) => told !== undefined));
    }),
  );
});
