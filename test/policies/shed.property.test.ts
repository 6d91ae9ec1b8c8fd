import assert from 'node:assert/strict';
import fc from 'fast-check';
import { test } from 'vitest';
import { codel } from '../../src/algorithms/codel.ts';
import { follyCodel } from '../../src/algorithms/folly-codel.ts';
import { pipeline } from '../../src/core/pipeline.ts';
import { type ShedEvent, shed } from '../../src/policies/shed.ts';
import { timeout } from '../../src/policies/timeout.ts';
import { ManualClock } from '../../src/testing/manual-clock.ts';
import { policyLaws } from '../../src/testing/policy-laws.ts';

for (const [maxQueued, maxConcurrent] of [
  [0, 1],
  [3, 1],
  [1_000, 2],
] as const) {
  const policy = (clock: ManualClock) => shed({ maxConcurrent, maxQueued, maxWait: 40, clock });
  for (const [law, property] of policyLaws({ fc, policy })) {
    test(`a shed of ${maxConcurrent}, with ${maxQueued} in line, ${law} [1, 2, 3, 4, 5, 8, 13, 48]`, () =>
      fc.assert(property));
  }
}

interface Call {
  readonly priority: number;
  readonly deadline: number;
  readonly caller: AbortController;
  readonly came: number;
  starts: number;
  running: boolean;
  end: (ok: boolean) => void;
  /** What the caller got. */
  told: unknown;
}

const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      priority: fc.constantFrom(0, 0, 1, -1),
      within: fc.option(fc.integer({ min: 0, max: 120 })),
    }),
  },
  { weight: 5, arbitrary: fc.record({ end: fc.nat(), ok: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ abort: fc.nat() }) },
  { weight: 3, arbitrary: fc.record({ advance: fc.integer({ min: 0, max: 60 }) }) },
);

const history = {
  steps: fc.array(step, { maxLength: 80 }),
  maxConcurrent: fc.integer({ min: 1, max: 3 }),
  maxQueued: fc.integer({ min: 0, max: 6 }),
  maxWait: fc.constantFrom(50, Infinity),
  order: fc.constantFrom('adaptive' as const, 'fifo' as const, 'lifo' as const),
  detector: fc.constantFrom(codel, follyCodel),
  limited: fc.constantFrom('outside', 'inside', 'not at all'),
};

test('runs each call once or gives it up, keeps its bounds, serves the highest first, starts none that is late, leaves nothing [75, 76, 78, 79, 80]', async () => {
  await fc.assert(
    fc.asyncProperty(fc.record(history), async ({ steps, maxConcurrent, limited, detector, ...options }) => {
      const clock = new ManualClock();
      const events: ShedEvent[] = [];
      const calls: Call[] = [];
      const faults: string[] = [];
      const gate = shed({
        ...options,
        maxConcurrent,
        detector: detector({ target: 5, interval: 20 }),
        clock,
        onEvent: (event) => events.push(event),
      });
      const limit = timeout({ duration: 90, clock });
      const policy =
        limited === 'outside' ? pipeline(limit, gate) : limited === 'inside' ? pipeline(gate, limit) : gate;
      const waiting = (): Call[] => calls.filter(({ starts, told }) => starts === 0 && told === undefined);
      const settle = async (): Promise<void> => {
        for (let i = 0; i < 12; i++) {
          assert.ok(gate.running <= maxConcurrent && gate.running >= 0, `${gate.running} run`);
          assert.ok(gate.queued <= options.maxQueued && gate.queued >= 0, `${gate.queued} wait`);
          await undefined;
        }
        await clock.advance(0);
      };

      for (const each of steps) {
        if ('priority' in each) {
          const { priority, within } = each;
          const deadline = within === null ? Infinity : clock.now() + within;
          const call: Call = {
            priority,
            deadline: Math.min(deadline, limited === 'outside' ? clock.now() + 90 : Infinity),
            caller: new AbortController(),
            came: clock.now(),
            starts: 0,
            running: false,
            end: () => {},
            told: undefined,
          };
          calls.push(call);
          const task = (): Promise<string> => {
            call.starts++;
            call.running = true;
            const now = clock.now();
            const waited = now > call.came;
            // Who need not wait is left to the timeout outside, which ends his call at once.
            if (now >= call.deadline && (waited || limited !== 'outside')) faults.push('is late');
            if (waited && now >= call.came + options.maxWait) faults.push('has waited for too long');
            if (waiting().some((other) => other.priority > priority)) faults.push('goes before a higher priority');
            return new Promise((resolve, reject) => {
              call.end = (ok) => {
                call.running = false;
                if (ok) resolve('ok');
                else reject('failed');
              };
            });
          };
          policy.execute(task, { priority, deadline, signal: call.caller.signal }).then(
            (value) => (call.told = value),
            (error) => (call.told = error),
          );
        } else if ('end' in each) {
          const active = calls.filter(({ running }) => running);
          active[each.end % active.length]?.end(each.ok);
        } else if ('abort' in each) calls[each.abort % calls.length]?.caller.abort('stopped');
        else await clock.advance(each.advance);
        await settle();

        assert.deepEqual(faults, []);
        assert.equal(gate.running, calls.filter(({ running }) => running).length);
        assert.equal(gate.queued, waiting().length);
        assert.ok(calls.every(({ starts }) => starts <= 1));
        assert.ok(gate.queued === 0 || gate.running === maxConcurrent);
        if (limited === 'not at all')
          assert.ok(clock.pending <= Math.min(gate.queued, 1), 'one timer for all who wait');
      }

      for (let call = calls.find(({ running }) => running); call; call = calls.find(({ running }) => running)) {
        call.end(true);
        await settle();
      }
      assert.deepEqual([faults, gate.running, gate.queued, clock.pending], [[], 0, 0, 0]);
      await clock.advance(2_000);
      assert.equal(gate.idle, true);
      const never = calls.filter(({ starts }) => starts === 0);
      const shedCalls = never.filter(({ told }) => (told as { code?: string }).code === 'ERR_SHED').length;
      assert.equal(shedCalls, events.filter(({ type }) => type === 'rejected').length);
      const ended = never.filter(({ told }) => told === 'stopped' || (told as Error).name === 'timeout').length;
      assert.equal(never.length, shedCalls + ended);
    }),
  );
});
