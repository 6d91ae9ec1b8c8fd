import assert from 'node:assert/strict';
import fc from 'fast-check';
import { test } from 'vitest';
import { TimeoutError } from '../../src/core/errors.ts';
import { type TimeoutEvent, timeout } from '../../src/policies/timeout.ts';
import { ManualClock } from '../../src/testing/manual-clock.ts';

// Each kind of end has a quarter of a millisecond of its own: no two ends of a call coincide.
const time = fc.integer({ min: 1, max: 40 });
const call = fc.record({
  starts: fc.integer({ min: 0, max: 40 }),
  settles: fc.option(time.map((ms) => ms + 0.25)),
  ok: fc.boolean(),
  aborts: fc.option(time.map((ms) => ms + 0.5)),
  within: fc.option(time.map((ms) => ms + 0.75)),
  reads: fc.constantFrom('nothing', 'signal', 'deadline'),
});

test('gives whatever comes first, at that very time: the outcome, the abort, a deadline; and leaves nothing [39, 42, 46, 47, 48]', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(call, { maxLength: 30 }), time, async (calls, duration) => {
      const clock = new ManualClock();
      const events: TimeoutEvent[] = [];
      const policy = timeout({ duration, clock, onEvent: (event) => events.push(event) });
      const got: string[] = calls.map(() => 'nothing');
      for (const [i, { starts, settles, ok, aborts, within, reads }] of calls.entries()) {
        clock.schedule(starts, () => {
          const controller = new AbortController();
          const given = {
            ...(aborts === null ? {} : { signal: controller.signal }),
            ...(within === null ? {} : { deadline: clock.now() + within }),
          };
          if (aborts !== null) clock.schedule(aborts, () => controller.abort('aborted'));
          policy
            .execute(
              (context) => {
                if (reads !== 'nothing') void context[reads];
                return new Promise((resolve, reject) => {
                  if (settles !== null) clock.schedule(settles, () => (ok ? resolve('value') : reject('error')));
                });
              },
              aborts === null && within === null ? undefined : given,
            )
            .then(
              (value) => (got[i] = `${value} at ${clock.now()}`),
              (error) => (got[i] = `${error instanceof TimeoutError ? 'timeout' : error} at ${clock.now()}`),
            );
        });
      }
      await clock.advance(200);

      const expected = calls.map(({ starts, settles, ok, aborts, within }) => {
        const limit = Math.min(duration, within ?? Infinity);
        const first = Math.min(limit, settles ?? Infinity, aborts ?? Infinity);
        const what = first === settles ? (ok ? 'value' : 'error') : first === aborts ? 'aborted' : 'timeout';
        return { what, late: what === 'timeout' && settles !== null, told: `${what} at ${starts + first}` };
      });
      assert.deepEqual(
        got,
        expected.map(({ told }) => told),
      );
      const count = (wanted: string): number => events.filter(({ type }) => type === wanted).length;
      assert.equal(count('timeout'), expected.filter(({ what }) => what === 'timeout').length);
      assert.equal(count('late'), expected.filter(({ late }) => late).length);
      assert.equal(clock.pending, 0);
    }),
  );
});
