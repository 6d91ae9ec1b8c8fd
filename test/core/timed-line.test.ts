import assert from 'node:assert/strict';
import { test } from 'vitest';
import { RejectedError } from '../../src/core/errors.ts';
import { guard } from '../../src/core/pipeline.ts';
import type { CallOptions } from '../../src/core/policy.ts';
import { TimedLine } from '../../src/core/timed-line.ts';
import { ManualClock } from '../../src/testing/manual-clock.ts';

/** A line for permits that come at certain times, one each, and of which `held` can be had at once. */
function setUp(times: number[], { maxWait = Infinity, held = Infinity } = {}) {
  const clock = new ManualClock();
  const log: string[] = [];
  const line = new TimedLine<true>({
    clock,
    maxWait,
    ageing: Infinity,
    take(cost) {
      if ((times[cost - 1] ?? Infinity) > clock.now()) return undefined;
      times.splice(0, cost);
      return true;
    },
    comesIn: (cost) => (cost > held ? Infinity : Math.max((times[cost - 1] ?? Infinity) - clock.now(), 0)),
    expired: (after) => new RejectedError({ name: 'line', message: `in ${after}` }),
  });
  const policy = guard({ enter: (context) => line.join(context) });
  const join = (name: string, given?: CallOptions): AbortController => {
    const controller = new AbortController();
    policy
      .execute(() => log.push(`${name} at ${clock.now()}`), { signal: controller.signal, ...given })
      .catch((error) => log.push(`${name}: ${error instanceof Error ? error.message : error} at ${clock.now()}`));
    return controller;
  };
  return { clock, line, log, join, times };
}

test('asks again by itself when it is time, on one timer', async () => {
  const { clock, line, log, join } = setUp([10, 10, 25]);
  for (const name of ['a', 'b', 'c']) join(name);
  assert.equal(clock.pending, 1);
  await clock.advance(10);
  assert.deepEqual([line.length, clock.pending], [1, 1]);
  await clock.advance(15);
  assert.deepEqual(log, ['a at 10', 'b at 10', 'c at 25']);
  assert.equal(clock.pending, 0);
});

test('says how long it will be for who comes now, those before him counted in', () => {
  const { line, join } = setUp([10, 20, 30, 40], { held: 3 });
  const after = (cost: number, priority = 0) => line.after({ cost, priority } as never);
  assert.deepEqual([after(1), after(3), after(4)], [10, 30, Infinity]);
  join('a', { priority: 1 });
  join('b');
  assert.deepEqual([after(1, 2), after(1, 1), after(1), after(2, 1)], [10, 20, 30, 30]);
  // More than there ever is at once: as if he were alone.
  assert.equal(after(2), 20);
});

test('does not let in who comes, nor keep who is first, if what comes for him comes too late', async () => {
  const { clock, line, log, join, times } = setUp([10, 40, 50], { maxWait: 30 });
  join('a');
  join('b');
  assert.equal(line.length, 1);
  await clock.advance(5);
  times[0] = 60;
  line.admit();
  await clock.advance(0);
  assert.deepEqual(log, ['b: in 40 at 0', 'a: in 55 at 5']);
  assert.equal(clock.pending, 0);
});

test('lets in who is first at the very end of his wait, but nobody at his deadline', async () => {
  const { clock, log, join } = setUp([30, 60], { maxWait: 30 });
  join('a');
  await clock.advance(30);
  join('b', { deadline: 60 });
  join('c', { deadline: 60.5 });
  await clock.advance(30);
  assert.deepEqual(log, ['a at 30', 'b: in 30 at 30', 'c at 60']);
});

test('says the same whenever the clock moves on: also who has no time left by when he is in line', async () => {
  // Each look at the clock takes a while.
  let [now, joining] = [0, false];
  const clock = {
    now: () => (now += joining ? 1 : 0),
    coarse: () => now,
    wall: () => now,
    schedule: () => assert.fail(),
  };
  const seen = new Set<string>();
  const line = new TimedLine<true>({
    clock,
    maxWait: Infinity,
    ageing: 0,
    take: () => undefined,
    comesIn: (cost) => cost / 8,
    expired: (after) => new RejectedError({ name: 'line', message: `in ${after}` }),
  });
  const policy = guard({ enter: (context) => line.join(context) });
  for (let left = 1; left <= 3; left++) {
    joining = true;
    const call = policy.execute(() => {}, { deadline: now + left });
    joining = false;
    await assert.rejects(call, (error: Error) => Boolean(seen.add(error.message)));
    assert.deepEqual([line.length, line.after({ cost: 1, priority: 0 } as never)], [0, 1 / 8]);
  }
  assert.deepEqual([...seen], ['in 0.125']);
});

test('closed, it sends everybody away and keeps no timer', async () => {
  const { clock, line, log, join } = setUp([10]);
  for (const name of ['a', 'b']) join(name, { deadline: 1_000 });
  line.close(() => new RejectedError({ name: 'line', message: 'closed' }));
  assert.deepEqual([line.length, clock.pending], [0, 0]);
  await clock.advance(0);
  assert.deepEqual(log, ['a: closed at 0', 'b: closed at 0']);
});
