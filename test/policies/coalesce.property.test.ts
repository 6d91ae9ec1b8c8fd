import assert from 'node:assert/strict';
import fc from 'fast-check';
import { test } from 'vitest';
import type { Task } from '../../src/core/policy.ts';
import { coalesce } from '../../src/policies/coalesce.ts';
import { ManualClock } from '../../src/testing/manual-clock.ts';

const step = fc.record({
  at: fc.integer({ min: 0, max: 60 }),
  key: fc.constantFrom('a', 'b'),
  takes: fc.integer({ min: 0, max: 30 }).map((ms) => ms + 0.25),
  aborts: fc.option(fc.integer({ min: 0, max: 40 }).map((ms) => ms + 0.5)),
  fails: fc.boolean(),
});

test('any callers, at any time: one run at a time for a key, each gets what it gave, and nothing is left [48, 99]', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 20 }), async (steps) => {
      const clock = new ManualClock();
      const shared = coalesce();
      const order = [...steps].sort((a, b) => a.at - b.at);
      const running = { a: 0, b: 0 };
      const got: unknown[] = order.map(() => 'nothing');
      const ran: string[] = [];
      for (const [i, { at, key, takes, aborts, fails }] of order.entries()) {
        clock.schedule(at, () => {
          const controller = new AbortController();
          if (aborts !== null) clock.schedule(aborts, () => controller.abort(`abort ${i}`));
          const task: Task<string> = ({ signal }) => {
            ran.push(`run ${i}`);
            assert.equal(++running[key as 'a'], 1);
            return new Promise<string>((resolve, reject) => {
              const timer = clock.schedule(takes, () => {
                running[key as 'a']--;
                if (fails) reject(`run ${i}`);
                else resolve(`run ${i}`);
              });
              signal.addEventListener('abort', () => {
                running[key as 'a']--;
                timer.cancel();
                reject(signal.reason);
              });
            });
          };
          shared
            .for(key)
            .execute(task, { signal: controller.signal })
            .then(
              (value) => (got[i] = { value, at: clock.now() }),
              (error) => (got[i] = { error, at: clock.now() }),
            );
        });
      }
      await clock.advance(1_000);

      // The slow and obvious way: who runs, until when, and who is with him.
      const flights: { key: string; first: number; ends: number; members: number[] }[] = [];
      const leaves = (i: number): number => (order[i]?.at ?? 0) + (order[i]?.aborts ?? Infinity);
      for (const [i, { key, at, takes }] of order.entries()) {
        const present = flights.find(
          (flight) => flight.key === key && flight.ends > at && flight.members.some((member) => leaves(member) > at),
        );
        if (present) present.members.push(i);
        else flights.push({ key, first: i, ends: at + takes, members: [i] });
      }
      for (const { first, ends, members } of flights) {
        for (const member of members) {
          const result = `run ${first}`;
          const left = leaves(member);
          const expected =
            left < ends
              ? { error: `abort ${member}`, at: left }
              : { [order[first]?.fails ? 'error' : 'value']: result, at: ends };
          assert.deepEqual(got[member], expected);
        }
      }
      assert.deepEqual(
        ran,
        flights.map(({ first }) => `run ${first}`),
      );
      assert.equal(shared.size, 0);
      assert.equal(clock.pending, 0);
    }),
  );
});
