import assert from 'node:assert/strict';
import fc from 'fast-check';
import { test } from 'vitest';
import { ManualClock } from '../../src/testing/manual-clock.ts';

test('runs any timers as a sorted list would', async () => {
  const step = fc.oneof(
    { weight: 5, arbitrary: fc.record({ schedule: fc.integer({ min: 0, max: 50 }) }) },
    { weight: 3, arbitrary: fc.record({ cancel: fc.nat() }) },
    { weight: 1, arbitrary: fc.record({ advance: fc.integer({ min: 0, max: 60 }) }) },
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 400 }), async (steps) => {
      const clock = new ManualClock();
      const ran: number[] = [];
      const timers: { cancel(): void }[] = [];
      let model: { id: number; due: number }[] = [];
      const expected: number[] = [];
      for (const each of steps) {
        if ('schedule' in each) {
          const id = timers.length;
          timers.push(clock.schedule(each.schedule, () => ran.push(id)));
          model.push({ id, due: clock.now() + each.schedule });
        } else if ('cancel' in each) {
          if (timers.length === 0) continue;
          const id = each.cancel % timers.length;
          timers[id]!.cancel();
          model = model.filter((timer) => timer.id !== id);
        } else {
          await clock.advance(each.advance);
          const due = model.filter((timer) => timer.due <= clock.now()).sort((a, b) => a.due - b.due || a.id - b.id);
          expected.push(...due.map(({ id }) => id));
          model = model.filter((timer) => timer.due > clock.now());
        }
        assert.deepEqual(ran, expected);
        assert.equal(clock.pending, model.length);
      }
    }),
  );
});
