import assert from 'node:assert/strict';
import { test } from 'vitest';
import type { Clock } from '../../src/core/clock.ts';
import { systemClock } from '../../src/core/clock.ts';
import { type Batch, dueOf, type Expiring, expiry, unqueue } from '../../src/core/timers.ts';
import { ManualClock } from '../../src/testing/manual-clock.ts';

/** A call that writes down when it expires. */
function expiring(batch?: Batch): Expiring {
  return { previous: undefined, next: undefined, batch, expire: undefined };
}

/** A clock that counts how often it is read. */
class CountingClock extends ManualClock {
  reads = 0;
  override now(): number {
    this.reads++;
    return super.now();
  }
}

test('calls of one duration expire in the order they began, each to the millisecond [39, 52]', async () => {
  const clock = new ManualClock();
  const insert = expiry(clock, 100);
  const log: string[] = [];
  for (let i = 0; i < 5; i++) {
    insert(expiring(), () => log.push(`${i} at ${clock.now()}`));
    await clock.advance(10);
  }
  assert.equal(clock.pending, 1);
  await clock.advance(1_000);
  assert.deepEqual(log, ['0 at 100', '1 at 110', '2 at 120', '3 at 130', '4 at 140']);
  assert.equal(clock.pending, 0);
});

test('a call that is taken out does not expire, and the last one takes the timer with it [39]', async () => {
  const clock = new ManualClock();
  const insert = expiry(clock, 100);
  const log: string[] = [];
  const [a, b, c] = [expiring(), expiring(), expiring()] as const;
  insert(a, () => log.push('a'));
  insert(b, () => log.push('b'));
  insert(c, () => log.push('c'));
  unqueue(a);
  unqueue(a);
  unqueue(c);
  await clock.advance(99);
  assert.equal(log.length, 0);
  await clock.advance(1);
  assert.deepEqual(log, ['b']);
  insert(a, () => log.push('a again'));
  unqueue(a);
  assert.equal(clock.pending, 0);
  await clock.advance(1_000);
  assert.deepEqual(log, ['b']);
});

test('a queue that was idle is made anew, for all who share clock and duration [39]', async () => {
  const clock = new ManualClock();
  const one = expiry(clock, 100);
  const other = expiry(clock, 100);
  const log: string[] = [];
  const first = expiring();
  one(first, () => log.push('first'));
  unqueue(first);
  one(expiring(), () => log.push('one'));
  other(expiring(), () => log.push('other'));
  assert.equal(clock.pending, 1);
  await clock.advance(100);
  assert.deepEqual(log, ['one', 'other']);
});

test('what expires may put another call in the same queue [39]', async () => {
  const clock = new ManualClock();
  const insert = expiry(clock, 100);
  const log: number[] = [];
  const again = (): void => {
    log.push(clock.now());
    if (log.length < 3) insert(expiring(), again);
  };
  insert(expiring(), again);
  await clock.advance(1_000);
  assert.deepEqual(log, [100, 200, 300]);
  assert.equal(clock.pending, 0);
});

test('the deadline of a call is the very time it expires, whether it is read before, while or after it waits [52]', async () => {
  const clock = new ManualClock();
  const insert = expiry(clock, 100);
  for (const when of ['before', 'while'] as const) {
    const call = expiring();
    let expired: number | undefined;
    let due: number | undefined;
    if (when === 'before') {
      call.batch = { due: clock.now() + 100, queue: undefined };
      due = dueOf(call.batch);
    }
    insert(call, () => {
      expired = clock.now();
    });
    if (when === 'while') due = dueOf(call.batch as Batch);
    await clock.advance(150);
    assert.equal(expired, due);
  }
});

test('on the clock of the system calls that begin within a step share one reading of it, and none is early [39, 52]', async () => {
  // 250 ms make steps of 10 ms. All of this happens in one go, so within one step.
  const insert = expiry(systemClock, 250);
  const calls = Array.from({ length: 1_000 }, () => expiring());
  const began = systemClock.now();
  for (const call of calls) insert(call, () => assert.fail('taken out below'));
  const batches = new Set(calls.map(({ batch }) => batch));
  assert.equal(batches.size, 1);
  const [batch] = batches;
  assert.equal(batch?.due, undefined);
  assert.ok(dueOf(batch as Batch) >= began + 250);
  for (const call of calls) unqueue(call);
});

test('on the clock of the system a call expires also where it is the only one, and its deadline was read first', async () => {
  const due = systemClock.now() + 5;
  const times = await Promise.all(
    [expiring({ due, queue: undefined }), expiring()].map(
      (call) => new Promise<number>((expire) => expiry(systemClock, 5)(call, () => expire(systemClock.now()))),
    ),
  );
  for (const time of times) assert.ok(time >= due - 0.001);
});

test('a clock that goes back makes nothing expire early [52]', async () => {
  const clock = new ManualClock();
  const log: number[] = [];
  expiry(clock, 100)(expiring(), () => log.push(clock.now()));
  await clock.advance(50);
  clock.jump(-1_000);
  await clock.advance(1_049);
  assert.deepEqual(log, []);
  await clock.advance(1);
  assert.deepEqual(log, [100]);
});

test('a hundred thousand calls take one timer, and to begin and end takes a bounded number of readings [39, 103]', () => {
  const clock = new CountingClock();
  const insert = expiry(clock, 100);
  const calls = Array.from({ length: 100_000 }, () => expiring());
  for (const call of calls) insert(call, () => {});
  assert.equal(clock.pending, 1);
  const { reads } = clock;
  for (const call of calls) unqueue(call);
  assert.equal(clock.pending, 0);
  assert.equal(clock.reads, reads);
});

test('durations of nothing, and of more than a timer of the run time takes, are what they are [51]', async () => {
  const clock = new ManualClock();
  const log: string[] = [];
  expiry(clock, 0)(expiring(), () => log.push('nothing'));
  expiry(clock, 2 ** 31)(expiring(), () => log.push('long'));
  await clock.advance(0);
  assert.deepEqual(log, ['nothing']);
  await clock.advance(2 ** 31 - 1);
  assert.deepEqual(log, ['nothing']);
  await clock.advance(1);
  assert.deepEqual(log, ['nothing', 'long']);
});

test('a timer that fires early sets itself again [52]', () => {
  let now = 0;
  const timers: (() => void)[] = [];
  const clock: Clock = {
    now: () => now,
    coarse: () => now,
    wall: () => now,
    schedule: (_, run) => {
      timers.push(run);
      return { cancel() {} };
    },
  };
  const log: number[] = [];
  expiry(clock, 100)(expiring(), () => log.push(now));
  now = 99;
  timers.shift()?.();
  assert.deepEqual(log, []);
  now = 100;
  timers.shift()?.();
  assert.deepEqual(log, [100]);
});
