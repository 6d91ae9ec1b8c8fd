import assert from 'node:assert/strict';
import { AsyncLocalStorage } from 'node:async_hooks';
import { test } from 'vitest';
import { allOf } from '../../src/algorithms/all-of.ts';
import { constant } from '../../src/algorithms/backoff.ts';
import { fixedWindow } from '../../src/algorithms/fixed-window.ts';
import { gcra } from '../../src/algorithms/gcra.ts';
import { leakyBucket } from '../../src/algorithms/leaky-bucket.ts';
import type { Meter } from '../../src/algorithms/meter.ts';
import { slidingLog } from '../../src/algorithms/sliding-log.ts';
import { slidingWindow } from '../../src/algorithms/sliding-window.ts';
import { tokenBucket } from '../../src/algorithms/token-bucket.ts';
import { consecutiveFailures } from '../../src/algorithms/trip-rules.ts';
import { warmUp } from '../../src/algorithms/warm-up.ts';
import { RateLimitedError, RejectedError } from '../../src/core/errors.ts';
import { onListenerError } from '../../src/core/events.ts';
import { guard, pipeline } from '../../src/core/pipeline.ts';
import type { CallOptions } from '../../src/core/policy.ts';
import { circuitBreaker } from '../../src/policies/circuit-breaker.ts';
import { type RateLimitEvent, type RateLimitOptions, rateLimit } from '../../src/policies/rate-limit.ts';
import { retry } from '../../src/policies/retry.ts';
import { timeout } from '../../src/policies/timeout.ts';
import { ManualClock } from '../../src/testing/manual-clock.ts';
import { PlainBucket } from './plain-bucket.ts';

/** A rate limit of ten calls a second with a log of who ran when. */
function setUp({ burst = 1, ...options }: Partial<RateLimitOptions> & { burst?: number } = {}) {
  const clock = new ManualClock();
  const log: string[] = [];
  const events: RateLimitEvent[] = [];
  const meter = new PlainBucket(10, 1_000, burst);
  const limit = rateLimit({ meter, clock, onEvent: (event) => events.push(event), ...options });
  const errors: unknown[] = [];
  /** The controller stops the call. */
  const call = (name: string, given?: CallOptions): AbortController => {
    const controller = new AbortController();
    limit
      .execute(() => log.push(`${name} at ${clock.now()}`), { signal: controller.signal, ...given })
      .catch((error) => {
        errors.push(error);
        log.push(`${name}: ${error instanceof Error ? error.message : error} at ${clock.now()}`);
      });
    return controller;
  };
  return { clock, log, events, meter, limit, call, errors };
}

test('lets begin what the meter allows, and turns the rest away at once', async () => {
  const { clock, log, limit, call } = setUp({ burst: 2 });
  for (const name of ['a', 'b', 'c']) call(name);
  assert.deepEqual(log, ['a at 0', 'b at 0']);
  await clock.advance(100);
  call('d');
  assert.deepEqual(log.slice(2), ['c: no permit now at 0', 'd at 100']);
  assert.deepEqual([limit.available, limit.queued, clock.pending], [0, 0, 0]);
});

test('rejects with an error of its own that says who speaks, and never ran the task', async () => {
  const clock = new ManualClock();
  const limit = rateLimit({ meter: new PlainBucket(10, 1_000, 1), clock, name: 'api' });
  await limit.execute(() => {});
  let ran = false;
  await assert.rejects(
    limit.execute(() => (ran = true)),
    (error) =>
      error instanceof RateLimitedError &&
      error instanceof RejectedError &&
      error.code === 'ERR_RATE_LIMITED' &&
      error.name === 'api' &&
      error.message === 'no permit now' &&
      error.retryAfter === 100,
  );
  assert.equal(ran, false);
});

test('says exactly how long until it would let the call in [89]', async () => {
  for (const [cost, after] of [
    [1, 70],
    [2, 170],
    [5, 470],
  ] as const) {
    for (const [early, works] of [
      [0, true],
      [1, false],
    ] as const) {
      const { clock, call, log, errors } = setUp({ burst: 5 });
      call('first', { cost: 5 });
      await clock.advance(30);
      call('second', { cost });
      await clock.advance(0);
      const [error] = errors;
      assert.ok(error instanceof RateLimitedError);
      assert.equal(error.retryAfter, after);
      await clock.advance(after - early);
      call('third', { cost });
      await clock.advance(0);
      assert.equal(log.at(-1)?.startsWith('third at'), works);
    }
  }
});

test('given maxWait or maxQueued, keeps calls waiting, first come, first served', async () => {
  for (const options of [{ maxWait: 200 }, { maxQueued: 2 }, { maxQueued: 5, maxWait: 200 }]) {
    const { clock, log, limit, call } = setUp(options);
    for (const name of ['a', 'b', 'c']) call(name);
    assert.equal(limit.queued, 2);
    await clock.advance(200);
    assert.deepEqual(log, ['a at 0', 'b at 100', 'c at 200']);
    assert.equal(clock.pending, 0);
  }
  for (const options of [{ maxWait: 0 }, { maxQueued: 0 }, { maxWait: 200, maxQueued: 0 }, {}]) {
    const { limit, call } = setUp(options);
    for (const name of ['a', 'b']) call(name);
    assert.equal(limit.queued, 0);
  }
});

test('keeps maxQueued in line, and turns away who finds no room, with the wait for all before him', async () => {
  const { clock, log, errors, call } = setUp({ burst: 4, maxQueued: 2 });
  call('a', { cost: 4 });
  for (const name of ['b', 'c', 'd']) call(name);
  await clock.advance(300);
  assert.deepEqual(log, ['a at 0', 'd: no permit: full at 0', 'b at 100', 'c at 200']);
  assert.equal((errors[0] as RateLimitedError).retryAfter, 300);
});

test('turns away at once who would wait longer than maxWait, and no earlier [89]', async () => {
  const { clock, log, errors, limit, call } = setUp({ burst: 5, maxWait: 300 });
  call('a', { cost: 5 });
  call('heavy', { cost: 4 });
  call('b', { cost: 3 });
  call('c');
  await clock.advance(0);
  assert.deepEqual(log, ['a at 0', 'heavy: no permit: expired at 0', 'c: no permit: expired at 0']);
  assert.deepEqual(
    errors.map((error) => (error as RateLimitedError).retryAfter),
    [400, 400],
  );
  assert.equal(limit.queued, 1);
  await clock.advance(300);
  assert.deepEqual(log.slice(3), ['b at 300']);
  assert.equal(clock.pending, 0);
});

test('behind more than the meter ever holds at once, who waits in vain is turned away when his maxWait is over', async () => {
  const { clock, log, call } = setUp({ maxWait: 250 });
  for (const name of ['a', 'b', 'c', 'd', 'e']) call(name);
  await clock.advance(250);
  // Nobody but d and e was before them when c was served, and by then it was known that there is no time left.
  assert.deepEqual(log, [
    'a at 0',
    'b at 100',
    'c at 200',
    'd: no permit: expired at 200',
    'e: no permit: expired at 200',
  ]);
  assert.equal(clock.pending, 0);
});

test('sends away at once who is aborted in line, and lets those behind him move up [87]', async () => {
  const { clock, log, limit, call } = setUp({ burst: 4, maxWait: 1_000 });
  call('a', { cost: 4 });
  const first = call('first', { cost: 1 });
  const heavy = call('heavy', { cost: 3 });
  call('b');
  assert.equal(limit.queued, 3);
  await clock.advance(50);
  first.abort('changed my mind');
  await clock.advance(0);
  assert.deepEqual(log.slice(1), ['first: changed my mind at 50']);
  await clock.advance(100);
  // There is enough for b, who has waited behind one that asks for more: he goes in the instant that one leaves.
  heavy.abort('me too');
  await clock.advance(0);
  assert.deepEqual(log.slice(2), ['b at 150', 'heavy: me too at 150']);
  assert.deepEqual([limit.queued, clock.pending], [0, 0]);
});

test('lets the next be served as early as if who left had never been in line [87]', async () => {
  const { clock, log, call } = setUp({ maxQueued: 3 });
  call('a');
  const b = call('b');
  call('c');
  await clock.advance(60);
  b.abort('gone');
  await clock.advance(200);
  assert.deepEqual(log, ['a at 0', 'b: gone at 60', 'c at 100']);
});

test('lets one go from anywhere in line without a look at those who stay [78]', async () => {
  for (const waiting of [10, 1_000]) {
    const clock = new ManualClock();
    const meter = new PlainBucket(10, 1_000, 1);
    let asked = 0;
    const counting: Meter = {
      tryAcquire(now, cost) {
        asked++;
        return meter.tryAcquire(now, cost);
      },
      retryAfter(now, cost) {
        asked++;
        return meter.retryAfter(now, cost);
      },
      reserve: () => undefined,
      available: (now) => meter.available(now),
      update() {},
    };
    const limit = rateLimit({ meter: counting, maxQueued: Infinity, clock });
    await limit.execute(() => {});
    const callers = Array.from({ length: waiting }, () => new AbortController());
    const ends = Promise.allSettled(callers.map(({ signal }) => limit.execute(() => {}, { signal })));
    asked = 0;
    // From everywhere, neither end favoured: 7 is prime to both.
    for (let i = 0; i < waiting; i++) {
      callers[(i * 7) % waiting]?.abort('gone');
      await undefined;
    }
    await ends;
    assert.ok(asked <= 2 * waiting, `${asked} questions for ${waiting}`);
    assert.deepEqual([limit.queued, clock.pending], [0, 0]);
  }
});

test('neither charges nor queues anything for a caller who is aborted already', async () => {
  const { log, limit, call, clock } = setUp({ maxQueued: 1 });
  call('a', { signal: AbortSignal.abort('before') });
  await clock.advance(0);
  assert.deepEqual(log, ['a: before at 0']);
  assert.deepEqual([limit.available, limit.queued], [1, 0]);
});

test('stops waiting when a timeout outside stops the call, or is sure to', async () => {
  const { clock, limit, call, log } = setUp({ maxQueued: 9 });
  for (const name of ['a', 'b']) call(name);
  const limited = pipeline(timeout({ duration: 250, clock }), limit);
  const c = assert.rejects(
    limited.execute(() => {}, { cost: 1 }),
    { code: 'ERR_TIMEOUT' },
  );
  assert.equal(limit.queued, 2);
  limit.update({ limit: 5 });
  await clock.advance(250);
  await c;
  assert.equal(limit.queued, 0);
  assert.deepEqual(log, ['a at 0', 'b at 200']);
  // The next permit comes in 150 ms.
  const hasty = pipeline(timeout({ duration: 150, clock }), limit);
  await assert.rejects(
    hasty.execute(() => {}),
    { code: 'ERR_RATE_LIMITED', retryAfter: 150 },
  );
});

test("does not wait beyond the caller's deadline, nor for a permit that comes after it", async () => {
  const { log, limit, call, clock } = setUp({ maxQueued: 9 });
  call('a');
  call('b', { deadline: 0 });
  call('c', { deadline: 100 });
  call('d', { deadline: 101 });
  assert.equal(limit.queued, 1);
  // How long he will wait behind d the meter cannot tell, as it never holds two.
  call('e', { deadline: 150 });
  call('f', { deadline: 500 });
  await clock.advance(500);
  assert.deepEqual(log, [
    'a at 0',
    'b: no permit: expired at 0',
    'c: no permit: expired at 0',
    'd at 100',
    'e: no permit: expired at 100',
    'f at 200',
  ]);
  assert.equal(clock.pending, 0);
});

test('sends away at his deadline who waits behind one with more time', async () => {
  const { log, call, clock } = setUp({ burst: 2, maxWait: 1_000 });
  call('a', { cost: 2 });
  call('b', { cost: 2 });
  call('c', { deadline: 150 });
  await clock.advance(200);
  assert.deepEqual(log, ['a at 0', 'c: no permit: expired at 150', 'b at 200']);
});

test('sends away when their maxWait is over those of lower priority, while one before them goes on waiting', async () => {
  const { log, call, clock } = setUp({ burst: 3, maxWait: 250, ageing: Infinity });
  call('a', { cost: 3 });
  call('low');
  call('lower', { priority: -1 });
  await clock.advance(50);
  call('high', { priority: 1, cost: 3 });
  await clock.advance(250);
  assert.deepEqual(log, [
    'a at 0',
    'low: no permit: expired at 250',
    'lower: no permit: expired at 250',
    'high at 300',
  ]);
  assert.equal(clock.pending, 0);
});

test('runs what waited in the async context of its own caller [81]', async () => {
  const storage = new AsyncLocalStorage<string>();
  const clock = new ManualClock();
  const limit = rateLimit({ meter: new PlainBucket(10, 1_000, 1), maxQueued: 9, clock });
  for (const policy of [limit, pipeline(limit, timeout({ duration: 60_000, clock })), pipeline(guard({}), limit)]) {
    const seen: (string | undefined)[] = [];
    const call = (name: string): Promise<void> =>
      storage.run(name, () =>
        policy.execute(async () => {
          seen.push(storage.getStore());
          await undefined;
          seen.push(storage.getStore());
        }),
      );
    const all = Promise.all(['a', 'b', 'c'].map(call));
    await clock.advance(1_000);
    await all;
    assert.deepEqual(seen, ['a', 'a', 'b', 'b', 'c', 'c']);
  }
});

test('lets a higher priority go first, equals in the order they came, and age count [82]', async () => {
  const { log, call, clock } = setUp({ maxQueued: 9, ageing: 150 });
  call('a');
  call('b');
  call('c', { priority: 2 });
  call('d', { priority: 1 });
  call('e', { priority: 2 });
  await clock.advance(100);
  // A step above d, who is more than a step older by now than f.
  await clock.advance(60);
  call('f', { priority: 2 });
  await clock.advance(1_000);
  assert.deepEqual(log, ['a at 0', 'c at 100', 'e at 200', 'd at 300', 'f at 400', 'b at 500']);
});

test('does not let light calls starve a heavy one', async () => {
  const { log, call, clock } = setUp({ burst: 3, maxQueued: 9 });
  call('a', { cost: 3 });
  call('heavy', { cost: 3 });
  call('light');
  await clock.advance(299);
  assert.deepEqual(log, ['a at 0']);
  await clock.advance(101);
  assert.deepEqual(log, ['a at 0', 'heavy at 300', 'light at 400']);
});

test('refuses at once a cost that the meter can never meet, and one that is no cost [91]', async () => {
  const { limit, call, clock, log } = setUp({ burst: 4, maxQueued: 5 });
  const message = async (cost: number): Promise<string> =>
    limit.execute(() => 'ran', { cost }).catch((error) => `${error.constructor.name} ${error.message}`);
  for (const waiting of [0, 1]) {
    for (let i = 0; i < 2 * waiting; i++) call('a', { cost: 4 });
    assert.equal(limit.queued, waiting);
    assert.equal(await message(5), 'RangeError rateLimit: cost must be one that the meter can meet, got 5');
    assert.match(await message(Infinity), /^RangeError .* got Infinity$/);
    for (const cost of [-1, Number.NaN]) assert.match(await message(cost), /^RangeError .*cost must be .* got /);
  }
  await clock.advance(400);
  assert.deepEqual(log, ['a at 0', 'a at 400']);
});

test('asks and charges nothing for a cost of 0, and keeps nobody of that cost waiting [91]', async () => {
  const { log, limit, call } = setUp({ maxQueued: 1 });
  for (const name of ['a', 'b']) call(name);
  assert.deepEqual([limit.available, limit.queued], [0, 1]);
  call('free', { cost: 0 });
  assert.deepEqual(log, ['a at 0', 'free at 0']);
  assert.deepEqual([limit.available, limit.queued], [0, 1]);
});

test('sets one timer for all who wait, for the first of them', async () => {
  const manual = new ManualClock();
  let scheduled = 0;
  const clock = Object.assign(Object.create(manual) as ManualClock, {
    now: () => manual.now(),
    coarse: () => manual.now(),
    schedule: (delay: number, run: () => void) => {
      scheduled++;
      return manual.schedule(delay, run);
    },
  });
  const waiters = 1_000;
  for (const options of [{ maxQueued: waiters }, { maxWait: 1e6 }]) {
    scheduled = 0;
    const limit = rateLimit({ meter: new PlainBucket(waiters, 1_000), clock, ...options });
    const order: number[] = [];
    await limit.execute(() => {}, { cost: waiters });
    const calls = Array.from({ length: waiters }, (_, i) => limit.execute(() => order.push(i)));
    assert.deepEqual([limit.queued, manual.pending, scheduled], [waiters, 1, 1]);
    await manual.advance(1_000);
    await Promise.all(calls);
    assert.deepEqual(
      order,
      order.map((_, i) => i),
    );
    assert.equal(order.length, waiters);
    assert.deepEqual([limit.queued, manual.pending], [0, 0]);
  }
});

test('decides by the clock: a timer that fires early lets nobody in early', async () => {
  const manual = new ManualClock();
  const clock = {
    now: () => manual.now(),
    coarse: () => manual.now(),
    wall: () => manual.wall(),
    schedule: (delay: number, run: () => void) => manual.schedule(delay * 0.7, run),
  };
  const limit = rateLimit({ meter: new PlainBucket(10, 1_000, 1), maxWait: 250, clock });
  const log: number[] = [];
  const calls = [1, 2, 3].map(() => limit.execute(() => log.push(manual.now())));
  await manual.advance(300);
  await Promise.all(calls);
  assert.equal(log.length, 3);
  for (const [i, at] of log.entries()) assert.ok(at >= i * 100 && at < i * 100 + 0.01, `${i} at ${at}`);
});

test('decides by the clock: while the timer is late, who calls lets in those who wait, and himself after them', async () => {
  const { clock, log, limit, call } = setUp({ burst: 3, maxQueued: 2 });
  call('a', { cost: 3 });
  for (const name of ['b', 'c', 'full']) call(name);
  clock.jump(300);
  for (const name of ['d', 'e']) call(name);
  await clock.advance(0);
  assert.deepEqual(log, ['a at 0', 'b at 300', 'c at 300', 'd at 300', 'full: no permit: full at 300']);
  assert.equal(limit.queued, 1);
  await clock.advance(100);
  assert.deepEqual(log.slice(5), ['e at 400']);
});

test('does not stall after the clock has stepped back, nor after it has slept', async () => {
  const { log, call, clock, limit } = setUp({ maxQueued: 9 });
  await clock.advance(1_000);
  for (const name of ['a', 'b', 'c']) call(name);
  clock.jump(-500);
  await clock.advance(800);
  assert.deepEqual(log, ['a at 1000', 'b at 1100', 'c at 1200']);
  for (const name of ['d', 'e', 'f']) call(name);
  clock.jump(1e9);
  await clock.advance(200);
  assert.equal(limit.queued, 0);
  assert.equal(clock.pending, 0);
});

test('changes limits while it runs: who has enough by them gets in at once', async () => {
  const { log, call, clock, limit } = setUp({ maxQueued: 9 });
  for (const name of ['a', 'b', 'c']) call(name);
  await clock.advance(50);
  limit.update({ limit: 1_000 });
  await clock.advance(0.5);
  assert.deepEqual(log, ['a at 0', 'b at 50.5']);
  limit.update({ limit: 1 });
  await clock.advance(998);
  assert.equal(log.length, 2);
  await clock.advance(2);
  assert.equal(log[2], 'c at 1050.5');
  assert.equal(clock.pending, 0);
});

test('turns away who waits, once limits change so that he can never be served', async () => {
  const { log, errors, call, clock, limit } = setUp({ burst: 4, maxQueued: 9 });
  call('a', { cost: 4 });
  call('heavy', { cost: 3 });
  call('b');
  limit.update({ burst: 2 });
  await clock.advance(100);
  assert.deepEqual(log, ['a at 0', 'heavy: no permit: expired at 0', 'b at 100']);
  assert.ok(errors[0] instanceof RateLimitedError && errors[0].retryAfter === undefined);
  assert.equal(clock.pending, 0);
});

test('tells who waits and who is turned away, after it is so', async () => {
  const { events, call, clock, limit } = setUp({ burst: 2, maxQueued: 2, maxWait: 150, name: 'api' });
  call('a', { cost: 2 });
  for (const name of ['b', 'c']) call(name);
  assert.deepEqual(events, [
    { type: 'queued', name: 'api', queued: 1 },
    { type: 'rejected', name: 'api', reason: 'expired', retryAfter: 200, queued: 1 },
  ]);
  limit.update({ limit: 1 });
  assert.deepEqual(events.slice(2), [
    { type: 'rejected', name: 'api', reason: 'expired', retryAfter: 1_000, queued: 0 },
  ]);
  await clock.advance(0);
});

test('is not changed by a listener that throws, or that calls it [101]', async () => {
  const clock = new ManualClock();
  const limit = rateLimit({
    meter: new PlainBucket(10, 1_000, 1),
    maxQueued: 2,
    clock,
    onEvent: ({ type, queued }) => {
      if (type === 'queued' && queued === 1) limit.execute(() => 3).catch(() => {});
      throw new Error('of a listener');
    },
  });
  const reported: unknown[] = [];
  const before = onListenerError((error) => reported.push(error));
  const calls = [1, 2].map((n) => limit.execute(() => n));
  await clock.advance(200);
  onListenerError(before);
  assert.deepEqual(await Promise.all(calls), [1, 2]);
  assert.equal(limit.queued, 0);
  assert.equal(reported.length, 2, 'two wait');
});

test('rejects with what its meter throws, and keeps nobody waiting for ever, also where a timer asks', async () => {
  for (const broken of ['tryAcquire', 'retryAfter'] as const) {
    const { clock, log, meter, limit, call } = setUp({ maxWait: 1_000 });
    for (const name of ['a', 'b', 'c']) call(name);
    meter[broken] = () => {
      throw new Error('broken');
    };
    await clock.advance(100);
    const second = broken === 'tryAcquire' ? 'b: broken at 100' : 'b at 100';
    assert.deepEqual(log, ['a at 0', second, 'c: broken at 100']);
    assert.deepEqual([limit.queued, clock.pending], [0, 0]);
    call('d');
    await clock.advance(0);
    assert.equal(log.at(-1), 'd: broken at 100');
  }
});

test('turns away, without a retryAfter, where its meter does not know how long it will be', async () => {
  const { clock, log, meter, limit, call, errors } = setUp({ maxWait: 1_000 });
  for (const name of ['a', 'b', 'c']) call(name);
  meter.retryAfter = () => NaN;
  await clock.advance(100);
  assert.deepEqual(log, ['a at 0', 'b at 100', 'c: no permit: expired at 100']);
  call('d');
  await clock.advance(0);
  assert.equal(log.at(-1), 'd: no permit: expired at 100');
  assert.deepEqual(
    errors.map((error) => (error as RateLimitedError).retryAfter),
    [undefined, undefined],
  );
  assert.deepEqual([limit.queued, clock.pending], [0, 0]);
});

test('does not count against what it protects: a breaker outside ignores who was turned away [62]', async () => {
  const { limit } = setUp();
  const breaker = circuitBreaker({ trip: consecutiveFailures({ count: 1 }) });
  const policy = pipeline(breaker, limit);
  await policy.execute(() => {});
  await assert.rejects(
    policy.execute(() => {}),
    RateLimitedError,
  );
  assert.equal(breaker.state, 'closed');
});

test('inside a retry it charges every try, outside it charges once [109]', async () => {
  for (const [order, charged] of [
    ['inside', 3],
    ['outside', 1],
  ] as const) {
    const { clock, limit } = setUp({ burst: 5 });
    const again = retry({ maxAttempts: 3, backoff: constant({ delay: 0 }), clock });
    const policy = order === 'inside' ? pipeline(again, limit) : pipeline(limit, again);
    let tries = 0;
    const call = assert.rejects(
      policy.execute(async () => {
        tries++;
        throw new Error('once more');
      }),
    );
    await clock.advance(0);
    await call;
    assert.equal(tries, 3);
    assert.equal(limit.available, 5 - charged);
  }
});

test('is idle while its meter is full and nobody waits', async () => {
  const { limit, call, clock } = setUp({ maxQueued: 1 });
  assert.equal(limit.idle, true);
  call('a');
  assert.equal(limit.idle, false);
  await clock.advance(99);
  assert.equal(limit.idle, false);
  await clock.advance(1);
  assert.equal(limit.idle, true);
  // Forgotten and made anew, it would have other limits.
  limit.update({ limit: 20 });
  await clock.advance(1_000);
  assert.equal(limit.idle, false);
});

test('under several meters it is idle once all of them are full, and not only the one with the least to give [104]', async () => {
  const clock = new ManualClock();
  const second = fixedWindow({ limit: 2, interval: 1_000 });
  const minute = tokenBucket({ limit: 60, interval: 60_000, burst: 4 });
  const limit = rateLimit({ clock, meter: allOf(second, minute) });
  for (let i = 0; i < 2; i++) await limit.execute(() => {});
  await clock.advance(1_000);
  assert.deepEqual([limit.available, limit.idle], [2, false]);
  await clock.advance(1_000);
  assert.equal(limit.idle, true);
});

test('shared by two pipelines, it is one limit; two of them share nothing [7, 9]', async () => {
  const { limit } = setUp();
  const [a, b] = [pipeline(limit), pipeline(guard({}), limit)];
  await a.execute(() => {});
  await assert.rejects(
    b.execute(() => {}),
    RateLimitedError,
  );
  await setUp().limit.execute(() => {});
});

test('says which option is wrong, what it may be and what it was [7]', () => {
  const meter = new PlainBucket(1, 1);
  const wrong: [options: object | undefined, error: new () => Error, message: RegExp][] = [
    [undefined, TypeError, /^rateLimit: options must be an object, got undefined$/],
    [{}, TypeError, /^rateLimit: meter must be a meter such as .* with tryAcquire, .*, got undefined$/],
    [{ meter: tokenBucket }, TypeError, /^rateLimit: meter must be a meter such as tokenBucket\(.*, got a function$/],
    [{ meter: {} }, TypeError, /^rateLimit: meter must be .* an object with tryAcquire, .*, got an object$/],
    [{ meter, maxQueued: -1 }, RangeError, /^rateLimit: maxQueued must be a non-negative integer or Infinity, got -1$/],
    [{ meter, maxQueued: 1.5 }, RangeError, /maxQueued .* got 1.5$/],
    [{ meter, maxWait: Number.NaN }, RangeError, /^rateLimit: maxWait must be .*, got NaN$/],
    [{ meter, maxWait: '1' }, TypeError, /^rateLimit: maxWait must be .*, got "1"$/],
    [{ meter, ageing: -1 }, RangeError, /^rateLimit: ageing must be .*, got -1$/],
    [{ meter, clock: {} }, TypeError, /^rateLimit: clock must /],
    [{ meter, name: 1 }, TypeError, /^rateLimit: name must be a string, got 1$/],
    [{ meter, onEvent: {} }, TypeError, /^rateLimit: onEvent must be a function, got an object$/],
    [{ meter, maxQueue: 1 }, TypeError, /unknown option "maxQueue"; did you mean "maxQueued"\?/],
  ];
  for (const [options, error, message] of wrong) {
    assert.throws(
      () => rateLimit(options as RateLimitOptions),
      (thrown) => thrown instanceof error && message.test(thrown.message),
    );
  }
  rateLimit({ meter, maxQueued: Infinity, maxWait: 0, ageing: Infinity, name: undefined });
});

const meters: Readonly<Record<string, () => Meter>> = {
  tokenBucket: () => tokenBucket({ limit: 10, interval: 1_000, burst: 3 }),
  gcra: () => gcra({ limit: 10, interval: 1_000, burst: 3 }),
  fixedWindow: () => fixedWindow({ limit: 10, interval: 1_000 }),
  slidingLog: () => slidingLog({ limit: 10, interval: 1_000 }),
  slidingWindow: () => slidingWindow({ limit: 10, interval: 1_000 }),
  leakyBucket: () => leakyBucket({ limit: 10, interval: 1_000 }),
  warmUp: () => warmUp({ limit: 10, interval: 1_000, duration: 2_000 }),
  allOf: () =>
    allOf(tokenBucket({ limit: 10, interval: 1_000, burst: 3 }), slidingLog({ limit: 100, interval: 60_000 })),
};

test.each(Object.entries(meters))(
  'over %s, lets all who wait in, in order, and at no other time than the meter would',
  async (_, make) => {
    const clock = new ManualClock();
    const limit = rateLimit({ meter: make(), maxQueued: Infinity, clock });
    const judge = make();
    const calls = 90;
    const admitted: [id: number, at: number][] = [];
    assert.equal(limit.idle, true);
    assert.ok(Number.isFinite(limit.available));
    const all = Array.from({ length: calls }, (_, id) =>
      limit.execute(() => admitted.push([id, clock.now()]), { cost: 1 + (id % 2) * 0.5 }),
    );
    assert.ok(limit.queued > 80 && clock.pending === 1);
    for (let minute = 0; minute < 2; minute++) await clock.advance(60_000);
    await Promise.all(all);
    let now = 0;
    for (const [id, at] of admitted) {
      const cost = 1 + (id % 2) * 0.5;
      now += judge.retryAfter(now, cost);
      assert.ok(Math.abs(at - now) < 0.01, `${id} at ${at}, not ${now}`);
      now = Math.max(now, at);
      assert.ok(judge.tryAcquire(now, cost));
    }
    assert.deepEqual(
      admitted.map(([id]) => id),
      [...all.keys()],
    );
    await clock.advance(60_000);
    assert.equal(limit.idle, true);
    assert.equal(clock.pending, 0);
  },
);
