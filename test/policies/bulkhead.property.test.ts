import assert from 'node:assert/strict';
import fc from 'fast-check';
import { test } from 'vitest';
import { pipeline } from '../../src/core/pipeline.ts';
import { type BulkheadEvent, bulkhead } from '../../src/policies/bulkhead.ts';
import { timeout } from '../../src/policies/timeout.ts';
import { ManualClock } from '../../src/testing/manual-clock.ts';

interface Call {
  readonly cost: number;
  readonly caller: AbortController;
  state: 'called' | 'running' | 'done' | 'never';
  starts: number;
  end: (ok: boolean) => void;
  /** What the caller got. */
  told: unknown;
}

const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      call: fc.integer({ min: 0, max: 3 }),
      priority: fc.constantFrom(0, 0, 1, -1),
      listens: fc.boolean(),
    }),
  },
  { weight: 5, arbitrary: fc.record({ end: fc.nat(), ok: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ abort: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ resize: fc.integer({ min: 3, max: 6 }) }) },
  { weight: 1, arbitrary: fc.record({ advance: fc.integer({ min: 0, max: 80 }) }) },
);

const history = {
  steps: fc.array(step, { maxLength: 80 }),
  maxConcurrent: fc.integer({ min: 3, max: 6 }),
  maxQueued: fc.integer({ min: 0, max: 4 }),
  maxWait: fc.constantFrom(50, Infinity),
  limited: fc.boolean(),
};

test('keeps its bounds at every microtask, and loses, doubles and forgets no call and no slot [75, 76, 79, 80, 83, 85]', async () => {
  await fc.assert(
    fc.asyncProperty(fc.record(history), async ({ steps, maxConcurrent, maxQueued, maxWait, limited }) => {
      const clock = new ManualClock();
      const events: BulkheadEvent[] = [];
      const gate = bulkhead({ maxConcurrent, maxQueued, maxWait, clock, onEvent: (event) => events.push(event) });
      const policy = limited ? pipeline(gate, timeout({ duration: 120, clock })) : gate;
      const calls: Call[] = [];
      let limit = maxConcurrent;
      let running = 0;
      const bounds = (): void => {
        assert.ok(gate.running <= Math.max(limit, running) && gate.running >= 0, `${gate.running} run`);
        assert.ok(gate.queued <= maxQueued && gate.queued >= 0, `${gate.queued} wait`);
        running = gate.running;
      };
      const settle = async (): Promise<void> => {
        for (let i = 0; i < 12; i++) {
          bounds();
          await undefined;
        }
        await clock.advance(0);
        bounds();
      };

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
            return new Promise((resolve, reject) => {
              call.end = (ok) => {
                call.state = 'done';
                if (ok) resolve('ok');
                else reject('failed');
              };
            });
          };
          const signal = each.listens ? { signal: call.caller.signal } : {};
          policy.execute(task, { cost: each.call, priority: each.priority, ...signal }).then(
            (value) => (call.told = value),
            (error) => (call.told = error),
          );
        } else if ('end' in each) {
          const active = calls.filter(({ state }) => state === 'running');
          active[each.end % active.length]?.end(each.ok);
        } else if ('abort' in each) calls[each.abort % calls.length]?.caller.abort('stopped');
        else if ('resize' in each) gate.resize((limit = each.resize));
        else await clock.advance(each.advance);
        await settle();

        const active = calls.filter(({ state }) => state === 'running');
        const waiting = calls.filter(({ starts, told }) => starts === 0 && told === undefined);
        assert.equal(
          gate.running,
          active.reduce((sum, { cost }) => sum + cost, 0),
        );
        assert.equal(gate.queued, waiting.length);
        assert.ok(calls.every(({ starts }) => starts <= 1));
        // Only where somebody heavy is first may there be slots free while somebody waits.
        const heaviest = Math.max(...waiting.map(({ cost }) => cost));
        assert.ok(waiting.length === 0 || gate.running + heaviest > limit);
      }

      for (const call of calls) if (call.state === 'running') call.end(true);
      await settle();
      for (
        let call = calls.find(({ state }) => state === 'running');
        call;
        call = calls.find(({ state }) => state === 'running')
      ) {
        call.end(true);
        await settle();
      }
      assert.deepEqual([gate.running, gate.queued, clock.pending], [0, 0, 0]);
      assert.ok(calls.every(({ told }) => told !== undefined));
      const queued = events.filter(({ type }) => type === 'queued').length;
      const expired = events.filter((event) => event.type === 'rejected' && event.reason === 'expired').length;
      const full = events.filter((event) => event.type === 'rejected' && event.reason === 'full').length;
      const never = calls.filter(({ starts }) => starts === 0);
      const stopped = never.filter(({ told }) => told === 'stopped').length;
      assert.equal(never.length, full + expired + stopped);
      assert.ok(queued >= expired);
    }),
  );
});
