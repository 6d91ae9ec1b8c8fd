import assert from 'node:assert/strict';
import fc from 'fast-check';
import { test } from 'vitest';
import { answers, names, prepared, timeouts, unprepared } from '../../bench/simulation/switchover.ts';
import { failover } from '../../src/compositions/failover.ts';
import { pipeline } from '../../src/core/pipeline.ts';
import { ManualClock } from '../../src/testing/manual-clock.ts';

/** Times are drawn from few, so that things fall due together. */
const time = fc.integer({ min: 0, max: 12 }).map((n) => 5 * n);
const calls = fc.array(fc.record({ at: time, takes: time }), { maxLength: 20 });

const schedule = fc.record({
  calls,
  switches: fc.array(
    fc.record({
      at: time,
      to: fc.constantFrom(...names),
      timeout: fc.constantFrom(...timeouts),
      confirms: fc.record({ after: time, by: fc.constantFrom(...answers) }),
    }),
    { maxLength: 5 },
  ),
  returning: fc.boolean(),
});

test('a prepared switch loses no call, runs none twice and fails none, and never are two targets at work at once', async () => {
  let [switches, refusals] = [0, 0];
  await fc.assert(
    fc.asyncProperty(schedule, async (one) => {
      const { switched, refused, ...ends } = await prepared(one);
      const none = { lost: 0, failed: 0, notOnce: 0, mixed: 0, faults: [], pending: 0 };
      assert.deepEqual(ends, { calls: one.calls.length, ...none });
      assert.equal(switched + refused, one.switches.length);
      switches += switched;
      refusals += refused;
    }),
  );
  assert.ok(switches > 0 && refusals > 0);
});

test('a death without a switch costs the calls in flight that must not be tried again, and no other', async () => {
  await fc.assert(
    fc.asyncProperty(fc.record({ calls, dies: time, returning: fc.boolean() }), async (one) => {
      const { inFlight, ...ends } = await unprepared(one);
      assert.deepEqual(ends, { calls: one.calls.length, lost: 0, failed: inFlight, notOnce: 0 });
    }),
  );
});

test('without a switch prepared, a target that dies costs no call that is tried again, and runs none more than once at each', async () => {
  const history = fc.record({
    calls,
    dies: time,
    returning: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(history, async ({ calls, dies, returning }) => {
      const clock = new ManualClock();
      const nodes = failover({ targets: [{ name: 'a' }, { name: 'b' }], returning, clock });
      let inFlight = 0;
      let again = 0;
      let late = 0;
      let dead = false;
      const died = new Promise<never>((_, reject) => {
        clock.schedule(dies, () => {
          dead = true;
          reject(new Error('dead'));
        });
      });
      died.catch(() => {});
      const ends: unknown[] = [];
      for (const { at, takes } of calls) {
        const tried = new Set<string>();
        const task = nodes.route(async ({ name }) => {
          assert.ok(!tried.has(name));
          if (tried.add(name).size === 2) again++;
          if (name === 'a' && dead) {
            late++;
            throw new Error('refused');
          }
          const work = new Promise<string>((resolve) => clock.schedule(takes, () => resolve(name)));
          if (name === 'b') return work;
          inFlight++;
          const done = await Promise.race([work, died]);
          inFlight--;
          return done;
        });
        clock.schedule(at, () => {
          pipeline()
            .execute(task)
            .then(
              (value) => ends.push(value),
              (error) => ends.push(error),
            );
        });
      }
      await clock.advance(5_000);
      assert.ok(ends.length === calls.length && ends.every((end) => end === 'a' || end === 'b'));
      assert.equal(again, inFlight + late);
      // One failure is enough: whoever comes later does not try the dead one, unless told to return.
      if (!returning) assert.ok(late <= 1);
    }),
  );
});
