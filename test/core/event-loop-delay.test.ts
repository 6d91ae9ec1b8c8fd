import assert from 'node:assert/strict';
import { test } from 'vitest';
import { eventLoopDelay } from '../../src/core/event-loop-delay.ts';
import { ManualClock } from '../../src/testing/manual-clock.ts';

test('tells by how much the last probe was late, and nothing before there is one', async () => {
  const clock = new ManualClock();
  const delay = eventLoopDelay({ clock });
  assert.equal(delay(), 0);
  // What keeps the loop busy moves time on, and no timer.
  clock.jump(300);
  await clock.advance(20);
  assert.equal(delay(), 300);
  await clock.advance(20);
  assert.equal(delay(), 0);
});

test('a probe that is overdue tells while it is', async () => {
  const clock = new ManualClock();
  const delay = eventLoopDelay({ clock });
  delay();
  clock.jump(70);
  assert.equal(delay(), 50);
  await clock.advance(20);
  assert.equal(delay(), 70);
});

test('sets one timer when asked, and forgets what is a second old [103]', async () => {
  const clock = new ManualClock();
  const delay = eventLoopDelay({ clock });
  assert.equal(clock.pending, 0);
  for (let i = 0; i < 10; i++) delay();
  assert.equal(clock.pending, 1);
  clock.jump(500);
  await clock.advance(3_600_000);
  assert.equal(clock.pending, 0);
  assert.equal(delay(), 0);
});

test('a clock that steps back delays nothing', async () => {
  const clock = new ManualClock();
  const delay = eventLoopDelay({ clock });
  delay();
  clock.jump(-3_600_000);
  assert.equal(delay(), 0);
  await clock.advance(20);
  assert.equal(delay(), 0);
});

test('sees what keeps this process busy', async () => {
  const delay = eventLoopDelay();
  delay();
  const end = performance.now() + 60;
  while (performance.now() < end);
  assert.ok(delay() >= 30);
});

test('says which option is unknown or wrong [7]', () => {
  assert.throws(() => eventLoopDelay({ every: 1 } as object), /^TypeError: eventLoopDelay: unknown option "every"/);
  assert.throws(
    () => eventLoopDelay({ clock: {} } as never),
    /^TypeError: eventLoopDelay: clock must be an object with/,
  );
});
