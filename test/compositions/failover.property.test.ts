import assert from 'node:assert/strict';
import fc from 'fast-check';
import { test } from 'vitest';
import { failover } from '../../src/compositions/failover.ts';
import { pipeline } from '../../src/core/pipeline.ts';
import { ManualClock } from '../../src/testing/manual-clock.ts';

const names = ['a', 'b', 'c'];

/** Times are drawn from few, so that things fall due together. */
const time = fc.integer({ min: 0, max: 12 }).map((n) => 5 * n);

const schedule = fc.record({
  calls: fc.array(fc.record({ at: time, takes: time }), { maxLength: 20 }),
  switches: fc.array(
    fc.record({
      at: time,
      to: fc.constantFrom(...names),
      timeout: fc.constantFrom(10, 30, 100, Infinity),
      confirms: fc.record({ after: time, by: fc.constantFrom('yes', 'yes', 'yes', 'no', 'throw') }),
    }),
    { maxLength: 5 },
  ),
  returning: fc.boolean(),
});

test('a prepared switch loses no call, runs none twice and fails none, and never are two targets at work at once', async () => {
  let switched = 0;
  let refused = 0;
  await fc.assert(
    fc.asyncProperty(schedule, async ({ calls, switches, returning }) => {
      const clock = new ManualClock();
      const nodes = failover({ targets: names.map((name) => ({ name })), returning, clock });
      const after = (delay: number) => new Promise<void>((resolve) => clock.schedule(delay, resolve));
      const running: string[] = [];
      const runs: number[] = calls.map(() => 0);
      const given: unknown[] = [];
      for (const [i, { at, takes }] of calls.entries()) {
        const task = nodes.route(async ({ name }) => {
          runs[i] = (runs[i] as number) + 1;
          running.push(name);
          assert.ok(running.every((each) => each === name));
          await after(takes);
          running.splice(running.indexOf(name), 1);
          return i;
        });
        clock.schedule(at, () => {
          pipeline()
            .execute(task)
            .then(
              (value) => given.push(value),
              (error) => given.push(error),
            );
        });
      }
      const faults: string[] = [];
      for (const { at, to, timeout, confirms } of switches) {
        clock.schedule(at, () => {
          const before = nodes.active.name;
          const confirm = async ({ name }: { name: string }): Promise<boolean> => {
            if (running.length > 0) faults.push('asked while calls run');
            if (name !== before) await after(confirms.after);
            if (confirms.by === 'throw') throw new Error('no');
            return confirms.by === 'yes';
          };
          nodes.switchTo(to, { confirm, timeout }).then(
            () => {
              switched++;
              if (confirms.by !== 'yes' && to !== before) faults.push('switched, though refused');
              if (nodes.active.name !== to) faults.push(`switched to ${to}, active is ${nodes.active.name}`);
            },
            (error) => {
              refused++;
              // Turned away because of another switch, it says nothing of where that one leads.
              if (/another switch/.test(String(error))) return;
              if (nodes.active.name !== before) faults.push(`refused, but ${nodes.active.name} is active`);
            },
          );
        });
      }
      await clock.advance(5_000);
      assert.deepEqual(
        runs,
        calls.map(() => 1),
      );
      assert.deepEqual(given.sort(), calls.map((_, i) => i).sort());
      assert.equal(clock.pending, 0);
      assert.deepEqual(faults, []);
    }),
  );
  assert.ok(switched > 0 && refused > 0);
});

test('without a switch prepared, a target that dies costs no call that is tried again, and runs none more than once at each', async () => {
  const history = fc.record({
    calls: fc.array(fc.record({ at: time, takes: time }), { maxLength: 20 }),
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
