import assert from 'node:assert/strict';
import { test } from 'vitest';
import { RejectedError } from '../../src/core/errors.ts';
import { WaitingLine } from '../../src/core/line.ts';
import { guard } from '../../src/core/pipeline.ts';
import type { CallOptions, Context } from '../../src/core/policy.ts';
import { ManualClock } from '../../src/testing/manual-clock.ts';

/** A line before a counter of free slots, as a guard uses it, with a log of what became of whom. */
function setUp({ free = 0, maxWait = Infinity, ageing = 1_000 } = {}) {
  const clock = new ManualClock();
  const log: string[] = [];
  const slots = { free };
  const take = (cost: number): { cost: number } | undefined => {
    if (cost > slots.free) return undefined;
    slots.free -= cost;
    return { cost };
  };
  const line = new WaitingLine<{ cost: number }>({
    clock,
    maxWait,
    ageing,
    take,
    expired: () => new RejectedError({ name: 'line', message: 'expired' }),
  });
  const enter = (context: Context) => (line.length === 0 && take(context.cost)) || line.join(context);
  const policy = guard({ enter });
  /** Who is let in stays in. The controller stops the call. */
  const join = (name: string, given?: CallOptions): AbortController => {
    const controller = new AbortController();
    const stay = (): Promise<never> => {
      log.push(`${name} in`);
      return new Promise(() => {});
    };
    policy
      .execute(stay, { signal: controller.signal, ...given })
      .catch((error) => log.push(`${name} ${error instanceof Error ? error.message : error}`));
    return controller;
  };
  const release = (count: number): void => {
    slots.free += count;
    line.admit();
  };
  return { clock, line, log, slots, enter, policy, join, release };
}

test('lets callers in, in the order they came [77]', async () => {
  const { line, log, join, release, clock } = setUp();
  for (const name of ['a', 'b', 'c', 'd']) join(name);
  assert.equal(line.length, 4);
  release(3);
  assert.equal(line.length, 1);
  await clock.advance(0);
  assert.deepEqual(log, ['a in', 'b in', 'c in']);
});

test('hands what comes free over at once: a newcomer in the next instant finds nothing [77, K11]', async () => {
  const { line, log, slots, join, release, clock } = setUp();
  join('a');
  release(1);
  assert.equal(slots.free, 0);
  join('b');
  assert.equal(line.length, 1);
  await clock.advance(0);
  assert.deepEqual(log, ['a in']);
});

test('does not let a light newcomer overtake a heavy one who waits for enough [85]', async () => {
  const { log, slots, join, release, clock } = setUp({ free: 2 });
  join('heavy', { cost: 5 });
  join('light', { cost: 1 });
  release(2);
  await clock.advance(0);
  assert.deepEqual(log, []);
  release(2);
  await clock.advance(0);
  assert.deepEqual(log, ['heavy in', 'light in']);
  assert.equal(slots.free, 0);
});

test('lets those behind a heavy one move up when he leaves [78, 85]', async () => {
  const { log, join, clock } = setUp({ free: 2 });
  const heavy = join('heavy', { cost: 5 });
  join('light', { cost: 1 });
  join('lighter', { cost: 1 });
  heavy.abort('gone');
  await clock.advance(0);
  assert.deepEqual(log.sort(), ['heavy gone', 'light in', 'lighter in']);
});

test('lets a higher priority go first, equals in the order they came [82]', async () => {
  const { log, join, release, clock } = setUp();
  for (const [name, priority] of [
    ['a0', 0],
    ['b2', 2],
    ['c0', 0],
    ['d2', 2],
    ['e-1', -1],
    ['f1', 1],
  ] as const)
    join(name, { priority });
  for (let i = 0; i < 6; i++) release(1);
  await clock.advance(0);
  assert.deepEqual(log, ['b2 in', 'd2 in', 'f1 in', 'a0 in', 'c0 in', 'e-1 in']);
});

test('lets a newcomer of higher priority pass at once where the first in line still lacks something [82]', async () => {
  const { log, slots, join, clock } = setUp({ free: 2 });
  join('heavy', { cost: 5 });
  join('urgent', { priority: 1 });
  await clock.advance(0);
  assert.deepEqual(log, ['urgent in']);
  assert.equal(slots.free, 1);
});

test('raises the priority of those who wait by one each `ageing`, so that nobody waits for ever [82]', async () => {
  const { log, join, release, clock } = setUp({ ageing: 100 });
  join('low');
  await clock.advance(299);
  join('high', { priority: 3 });
  await clock.advance(2);
  join('later', { priority: 3 });
  for (let i = 0; i < 3; i++) release(1);
  await clock.advance(0);
  assert.deepEqual(log, ['high in', 'low in', 'later in']);
});

test('goes strictly by priority if nobody ages, and by arrival alone if all age at once [82]', async () => {
  for (const [ageing, expected] of [
    [Infinity, ['high in', 'low in']],
    [0, ['low in', 'high in']],
  ] as const) {
    const { log, join, release, clock } = setUp({ ageing });
    join('low');
    await clock.advance(1e9);
    join('high', { priority: 1 });
    release(2);
    await clock.advance(0);
    assert.deepEqual(log, expected);
  }
});

test('stays first come, first served among equals when the clock goes back [77]', async () => {
  const { log, join, release, clock } = setUp({ free: 1 });
  join('heavy', { cost: 2 });
  clock.jump(-5_000);
  join('light');
  release(2);
  await clock.advance(0);
  assert.deepEqual(log, ['heavy in', 'light in']);
});

test('sends away who is stopped, with his reason and at once, and frees his place [78, K10]', async () => {
  const { line, log, join, release, clock } = setUp();
  join('a');
  const b = join('b');
  join('c');
  b.abort('stopped');
  await clock.advance(0);
  assert.equal(line.length, 2);
  assert.deepEqual(log, ['b stopped']);
  release(2);
  await clock.advance(0);
  assert.deepEqual(log, ['b stopped', 'a in', 'c in']);
});

test('gives back what was granted in the very instant of a stop [79]', async () => {
  const { clock, enter, slots, release } = setUp({ maxWait: 100 });
  const given: unknown[] = [];
  const policy = guard<{ cost: number }>({
    enter,
    leave: ({ cost }, outcome) => {
      given.push(cost, outcome);
      slots.free += cost;
    },
  });
  const controller = new AbortController();
  let ran = false;
  const call = policy.execute(() => (ran = true), { signal: controller.signal });
  release(1);
  assert.equal(slots.free, 0);
  controller.abort('stopped');
  await assert.rejects(call, (reason) => reason === 'stopped');
  assert.equal(ran, false);
  assert.deepEqual(given, [1, { ok: false, error: 'stopped', abandoned: true }]);
  assert.equal(slots.free, 1);
  assert.equal(clock.pending, 0);
});

test('sends away who has waited for maxWait, to the millisecond [79]', async () => {
  const { line, log, join, release, clock } = setUp({ maxWait: 100 });
  join('a');
  await clock.advance(40);
  join('b', { priority: 5 });
  await clock.advance(59);
  assert.deepEqual(log, []);
  await clock.advance(1);
  assert.deepEqual(log, ['a expired']);
  await clock.advance(39);
  assert.equal(line.length, 1);
  await clock.advance(1);
  assert.deepEqual(log, ['a expired', 'b expired']);
  release(1);
  assert.equal(clock.pending, 0);
});

test('lets those behind a heavy one move up when his time is up [79, 85]', async () => {
  const { log, join, clock } = setUp({ free: 1, maxWait: 100 });
  join('heavy', { cost: 2 });
  await clock.advance(50);
  join('light');
  await clock.advance(50);
  assert.deepEqual(log.sort(), ['heavy expired', 'light in']);
});

test('serves 20,000 waiters with one timer [79, 103]', async () => {
  const { line, policy, clock } = setUp({ maxWait: 100 });
  let expired = 0;
  for (let i = 0; i < 20_000; i++) policy.execute(() => {}).catch(() => expired++);
  assert.equal(line.length, 20_000);
  assert.equal(clock.pending, 1);
  await clock.advance(100);
  assert.equal(line.length, 0);
  assert.equal(expired, 20_000);
  assert.equal(clock.pending, 0);
});

test('makes no timer for those who may wait for ever [103]', () => {
  const { join, clock } = setUp();
  join('a');
  assert.equal(clock.pending, 0);
});

test('sends away whose own deadline has come, if that is before maxWait is over', async () => {
  for (const maxWait of [100, Infinity]) {
    const { log, join, clock } = setUp({ maxWait });
    join('a');
    join('b', { deadline: 30 });
    join('c', { deadline: 1_000 });
    await clock.advance(29);
    assert.deepEqual(log, []);
    await clock.advance(1);
    assert.deepEqual(log, ['b expired']);
    await clock.advance(70);
    assert.deepEqual(log, maxWait === 100 ? ['b expired', 'a expired', 'c expired'] : ['b expired']);
    assert.equal(clock.pending, maxWait === 100 ? 0 : 1);
  }
});

test('does not let anybody wait who has no time for it', async () => {
  for (const [maxWait, deadline] of [
    [Infinity, 50],
    [Infinity, 10],
    [0, Infinity],
  ] as const) {
    const { line, log, join, clock } = setUp({ maxWait });
    await clock.advance(50);
    join('a', { deadline });
    assert.equal(line.length, 0);
    await clock.advance(0);
    assert.deepEqual(log, ['a expired']);
    assert.equal(clock.pending, 0);
  }
});

test('waits as long as before when the clock goes back, and no longer than from then on', async () => {
  const { log, join, clock } = setUp({ maxWait: 100 });
  join('a');
  await clock.advance(50);
  clock.jump(-20);
  await clock.advance(50);
  assert.deepEqual(log, []);
  await clock.advance(20);
  assert.deepEqual(log, ['a expired']);
});

test('sends everybody away when it closes [84]', async () => {
  const { line, log, join, clock } = setUp({ maxWait: 100 });
  join('a');
  join('b', { priority: 1 });
  join('c', { deadline: 10 });
  line.close(() => new RejectedError({ name: 'line', message: 'closed' }));
  assert.equal(line.length, 0);
  assert.equal(clock.pending, 0);
  await clock.advance(0);
  assert.deepEqual(log, ['b closed', 'a closed', 'c closed']);
});
