import assert from 'node:assert/strict';
import fc from 'fast-check';
import { test } from 'vitest';
import { type Budget, concurrentRetryBudget } from '../../src/algorithms/budgets.ts';
import { consecutiveFailures } from '../../src/algorithms/trip-rules.ts';
import { pipeline } from '../../src/core/pipeline.ts';
import type { Policy } from '../../src/core/policy.ts';
import { type Bulkhead, bulkhead } from '../../src/policies/bulkhead.ts';
import { circuitBreaker } from '../../src/policies/circuit-breaker.ts';
import { hedge } from '../../src/policies/hedge.ts';
import { retry } from '../../src/policies/retry.ts';
import { timeout } from '../../src/policies/timeout.ts';
import { ManualClock } from '../../src/testing/manual-clock.ts';

// What tasks do falls between the milliseconds at which timers of policies run.
const run = fc.record({
  takes: fc.integer({ min: 0, max: 60 }).map((ms) => ms + 0.25),
  fails: fc.constantFrom(false, false, true),
  hint: fc.constantFrom(0, 0, 0, 15),
  retryable: fc.constantFrom(true, true, true, false),
  deaf: fc.boolean(),
});
const call = fc.record({
  at: fc.integer({ min: 0, max: 100 }),
  aborts: fc.option(fc.integer({ min: 0, max: 120 }).map((ms) => ms + 0.5)),
  deadline: fc.option(fc.integer({ min: 0, max: 120 }).map((ms) => ms + 0.75)),
  runs: fc.array(run, { minLength: 1, maxLength: 12 }),
});
const layer = fc.oneof(
  fc.record({
    kind: fc.constant('hedge' as const),
    delay: fc.integer({ min: 1, max: 30 }),
    more: fc.integer({ min: 0, max: 3 }),
  }),
  fc.record({
    kind: fc.constant('retry' as const),
    delay: fc.integer({ min: 0, max: 10 }),
    more: fc.integer({ min: 0, max: 2 }),
  }),
  fc.record({
    kind: fc.constant('breaker' as const),
    delay: fc.integer({ min: 1, max: 50 }),
    more: fc.integer({ min: 1, max: 5 }),
  }),
  fc.record({
    kind: fc.constant('bulkhead' as const),
    delay: fc.integer({ min: 0, max: 30 }),
    more: fc.integer({ min: 1, max: 5 }),
  }),
  fc.record({
    kind: fc.constant('timeout' as const),
    delay: fc.integer({ min: 1, max: 80 }),
    more: fc.integer({ min: 0, max: 1 }),
  }),
);

/** Nothing may be disposed of twice, nor what the caller got. */
class Thing {
  disposed = 0;
  readonly signal: AbortSignal;
  constructor(signal: AbortSignal) {
    this.signal = signal;
  }
  [Symbol.dispose](): void {
    this.disposed++;
  }
}

test('in any pipeline calls are bounded, one outcome is given, all others are disposed of once, and nothing is left [36, 39, 48, 93, 94, 95, 110]', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(layer, { minLength: 1, maxLength: 5 }),
      fc.array(call, { minLength: 1, maxLength: 4 }),
      fc.boolean(),
      async (layers, calls, shares) => {
        const clock = new ManualClock();
        const bulkheads: Bulkhead[] = [];
        const lent = concurrentRetryBudget({ share: 0, min: 3 });
        const budget: Budget | undefined = shares ? lent : undefined;
        const row = layers.map(({ kind, delay, more }): Policy => {
          if (kind === 'hedge') return hedge({ delay, maxHedges: more, budget, clock });
          if (kind === 'retry') return retry({ maxAttempts: 1 + more, backoff: () => delay, budget, clock });
          if (kind === 'breaker')
            return circuitBreaker({ trip: consecutiveFailures({ count: more }), openDuration: delay, clock });
          if (kind === 'timeout')
            return timeout({ duration: delay, mode: more === 0 ? 'aggressive' : 'cooperative', clock });
          const one = bulkhead({ maxConcurrent: more, maxQueued: 3, maxWait: delay, clock });
          bulkheads.push(one);
          return one;
        });
        const policy = pipeline(...row);
        const several = layers.filter(({ kind }) => kind === 'hedge' || kind === 'retry');
        const most = several.reduce((product, { more }) => product * (1 + more), 1);
        const hedged = layers.reduce((product, { kind, more }) => product * (kind === 'hedge' ? 1 + more : 1), 1);
        let unfinished = 0;

        const judges = calls.map(({ at, aborts, deadline, runs }) => {
          const controller = new AbortController();
          const things: Thing[] = [];
          let begun = 0;
          let heeding = 0;
          let settled = 0;
          let atOnce = 0;
          let left = 0;
          let got: unknown;
          const task = ({ signal }: { signal: AbortSignal }): Promise<Thing> => {
            const { takes, fails, hint, retryable, deaf } = runs[begun++ % runs.length] as (typeof runs)[0];
            unfinished++;
            if (!deaf) heeding++;
            atOnce = Math.max(atOnce, heeding);
            return new Promise((resolve, reject) => {
              let over = false;
              const end = (by: () => void) => (): void => {
                if (over) return;
                over = true;
                unfinished--;
                if (!deaf) heeding--;
                by();
              };
              const give = end(() => {
                if (fails) return reject(Object.assign(new Error('failed'), { retryAfter: hint, retryable }));
                const thing = new Thing(signal);
                things.push(thing);
                resolve(thing);
              });
              const timer = clock.schedule(takes, give);
              if (deaf) return;
              signal.addEventListener('abort', () => {
                timer.cancel();
                end(() => reject(signal.reason))();
              });
            });
          };
          clock.schedule(at, () => {
            if (aborts !== null) clock.schedule(aborts, () => controller.abort());
            const options = { signal: controller.signal, ...(deadline !== null && { deadline: at + deadline }) };
            const hear = (outcome: unknown): void => {
              settled++;
              got = outcome;
              left = heeding;
            };
            policy.execute(task, options).then(hear, hear);
          });
          return () => {
            assert.equal(settled, 1);
            assert.ok(begun <= most, `${begun} calls`);
            // Those who heed their signal are gone once another is taken, and before the caller hears of that.
            assert.ok(atOnce <= hedged, `${atOnce} calls at once`);
            assert.equal(left, 0);
            for (const thing of things) assert.equal(thing.disposed, thing === got ? 0 : 1);
            if (got instanceof Thing) assert.equal(got.signal.aborted, false);
          };
        });
        await clock.advance(5_000);
        for (const judge of judges) judge();
        assert.equal(unfinished, 0);
        assert.equal(clock.pending, 0);
        for (const { running, queued } of bulkheads) assert.deepEqual([running, queued], [0, 0]);
        // What was lent is back.
        assert.deepEqual(
          [1, 2, 3, 4].map(() => lent.tryRetry(0)),
          [true, true, true, false],
        );
      },
    ),
  );
});
