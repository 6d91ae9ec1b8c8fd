import assert from 'node:assert/strict';
import { test } from 'vitest';
import { ManualClock } from '../../src/testing/manual-clock.ts';

test('stands still until it is moved', async () => {
  const clock = new ManualClock({ start: 500, wall: 1_000 });
  assert.deepEqual([clock.now(), clock.coarse(), clock.wall()], [500, 500, 1_000]);
  await clock.advance(20);
  assert.deepEqual([clock.now(), clock.coarse(), clock.wall()], [520, 520, 1_020]);
});

test('runs what falls due in order of time, then of scheduling, each at its own time', async () => {
  const clock = new ManualClock();
  const ran: [string, number][] = [];
  for (const [name, delay] of [
    ['c', 30],
    ['a', 10],
    ['d', 30],
    ['b', 20],
    ['late', 41],
  ] as const) {
    clock.schedule(delay, () => ran.push([name, clock.now()]));
  }
  assert.equal(clock.pending, 5);
  await clock.advance(40);
  assert.deepEqual(ran, [
    ['a', 10],
    ['b', 20],
    ['c', 30],
    ['d', 30],
  ]);
  assert.equal(clock.pending, 1);
  assert.equal(clock.now(), 40);
});

test('runs what is scheduled on the way, if it falls due on the way', async () => {
  const clock = new ManualClock();
  const times: number[] = [];
  const tick = (): void => {
    times.push(clock.now());
    clock.schedule(10, tick);
  };
  tick();
  await clock.advance(35);
  assert.deepEqual(times, [0, 10, 20, 30]);
});

test('lets promise chains of any length end before, between and after timers', async () => {
  const clock = new ManualClock();
  const seen: string[] = [];
  const chain = async (name: string): Promise<void> => {
    for (let i = 0; i < 1_000; i++) await undefined;
    seen.push(`${name} at ${clock.now()}`);
  };
  const chained = [chain('before')];
  clock.schedule(10, () => chained.push(chain('first')));
  clock.schedule(10, () => chained.push(chain('second')));
  await clock.advance(10);
  assert.deepEqual(seen, ['before at 0', 'first at 10', 'second at 10']);
  await Promise.all(chained);
});

test('runs a negative delay at once, and one of Infinity never', async () => {
  const clock = new ManualClock();
  let ran = 0;
  clock.schedule(-5, () => ran++);
  clock.schedule(Infinity, () => ran++);
  await clock.advance(0);
  assert.equal(ran, 1);
  await clock.advance(1e15);
  assert.equal(ran, 1);
  assert.equal(clock.pending, 1);
});

test('forgets a cancelled timer, however often it is cancelled', async () => {
  const clock = new ManualClock();
  const ran: number[] = [];
  const timers = Array.from({ length: 1_000 }, (_, i) => clock.schedule(1_000 - i, () => ran.push(1_000 - i)));
  for (const [i, timer] of timers.entries()) {
    if (i % 100 === 0) continue;
    timer.cancel();
    timer.cancel();
  }
  assert.equal(clock.pending, 10);
  await clock.advance(1_000);
  assert.deepEqual(ran, [100, 200, 300, 400, 500, 600, 700, 800, 900, 1_000]);
  for (const timer of timers) timer.cancel();
  assert.equal(clock.pending, 0);
});

test('jumps without running timers, which come after as long as before', async () => {
  const clock = new ManualClock({ start: 100, wall: 0 });
  let ran = 0;
  clock.schedule(50, () => ran++);
  clock.jump(3_600_000);
  clock.jumpWall(-5);
  assert.equal(clock.now(), 3_600_100);
  assert.equal(clock.wall(), -5);
  await clock.advance(0);
  assert.equal(ran, 0);
  clock.jump(-7_200_000);
  await clock.advance(49);
  assert.equal(ran, 0);
  await clock.advance(1);
  assert.equal(ran, 1);
  assert.equal(clock.now(), 100 - 3_600_000 + 50);
});

test('makes one advance wait for another', async () => {
  const clock = new ManualClock();
  const ran: number[] = [];
  clock.schedule(15, () => ran.push(clock.now()));
  await Promise.all([clock.advance(10), clock.advance(10)]);
  assert.deepEqual(ran, [15]);
  assert.equal(clock.now(), 20);
});

test('hands on what a timer throws, and goes on with the next from there', async () => {
  const clock = new ManualClock();
  const error = new Error('thrown by a timer');
  let ran = false;
  clock.schedule(10, () => {
    throw error;
  });
  clock.schedule(10, () => {
    ran = true;
  });
  await assert.rejects(clock.advance(20), error);
  assert.deepEqual([clock.now(), clock.pending, ran], [10, 1, false]);
  await clock.advance(0);
  assert.equal(ran, true);
});

test('refuses to go back or on for ever, and delays that are no number', () => {
  const clock = new ManualClock();
  for (const wrong of [-1, Infinity, Number.NaN]) assert.throws(() => clock.advance(wrong), RangeError);
  assert.throws(() => clock.schedule(Number.NaN, () => {}), RangeError);
});

test('refuses what is no time, and options it does not know [7]', () => {
  assert.throws(
    () => new ManualClock({ now: 5 } as object),
    /^TypeError: ManualClock: unknown option "now"; .* start, wall$/,
  );
  assert.throws(() => new ManualClock(5 as never), /^TypeError: ManualClock: options must be an object, got 5$/);
  assert.throws(
    () => new ManualClock({ start: NaN }),
    /^RangeError: ManualClock: start must be a finite number of mill/,
  );
  const clock = new ManualClock({ start: undefined });
  assert.throws(() => clock.advance('5' as never), /^TypeError: ManualClock: duration must be 0 or more .* got "5"$/);
  assert.throws(() => clock.jump(NaN), RangeError);
  assert.throws(() => clock.jumpWall(undefined as never), TypeError);
  assert.deepEqual([clock.now(), clock.wall()], [0, 1_767_225_600_000]);
});
