import assert from 'node:assert/strict';
import { AsyncLocalStorage } from 'node:async_hooks';
import { test } from 'vitest';
import { constant } from '../../src/algorithms/backoff.ts';
import { consecutiveFailures } from '../../src/algorithms/trip-rules.ts';
import { AbandonedError, BulkheadFullError, RejectedError } from '../../src/core/errors.ts';
import { guard, pipeline } from '../../src/core/pipeline.ts';
import type { CallOptions, Context } from '../../src/core/policy.ts';
import { type BulkheadEvent, type BulkheadOptions, bulkhead } from '../../src/policies/bulkhead.ts';
import { circuitBreaker } from '../../src/policies/circuit-breaker.ts';
import { fallback } from '../../src/policies/fallback.ts';
import { retry } from '../../src/policies/retry.ts';
import { timeout } from '../../src/policies/timeout.ts';
import { ManualClock } from '../../src/testing/manual-clock.ts';

/** A bulkhead with a log, and tasks that end when they are told to. */
function setUp(options: BulkheadOptions) {
  const clock = new ManualClock();
  const log: string[] = [];
  const events: BulkheadEvent[] = [];
  const gate = bulkhead({ clock, onEvent: (event) => events.push(event), ...options });
  const ends = new Map<string, () => void>();
  const call = (name: string, given?: CallOptions): void => {
    const task = (): Promise<string> => {
      log.push(`${name} runs`);
      return new Promise((resolve) => ends.set(name, () => resolve(name)));
    };
    gate.execute(task, given).catch((error) => {
      log.push(`${name}: ${error instanceof Error ? error.message : error}`);
    });
  };
  const end = async (name: string): Promise<void> => {
    ends.get(name)?.();
    await clock.advance(0);
  };
  return { clock, log, events, gate, call, end };
}

const full = 'no slot: full';

test('runs at most maxConcurrent tasks, and turns the rest away if nobody may wait [75]', async () => {
  const { log, gate, call, end, clock } = setUp({ maxConcurrent: 2 });
  for (const name of ['a', 'b', 'c']) call(name);
  assert.deepEqual(log, ['a runs', 'b runs']);
  assert.deepEqual([gate.running, gate.queued], [2, 0]);
  await clock.advance(0);
  assert.deepEqual(log, ['a runs', 'b runs', `c: ${full}`]);
  await end('a');
  call('d');
  assert.deepEqual(log.slice(3), ['d runs']);
});

test('rejects with an error of its own that says who speaks, and never ran the task', async () => {
  const gate = bulkhead({ maxConcurrent: 1, name: 'database' });
  const first = gate.execute(() => new Promise((resolve) => setImmediate(resolve)));
  let ran = false;
  await assert.rejects(
    gate.execute(() => (ran = true)),
    (error) =>
      error instanceof BulkheadFullError &&
      error instanceof RejectedError &&
      error.code === 'ERR_BULKHEAD_FULL' &&
      error.name === 'database' &&
      error.message === 'no slot: full',
  );
  assert.equal(ran, false);
  await first;
});

test('keeps maxQueued more in line, first come, first served [75, 77]', async () => {
  const { log, gate, call, end } = setUp({ maxConcurrent: 1, maxQueued: 2 });
  for (const name of ['a', 'b', 'c', 'd']) call(name);
  assert.deepEqual([gate.running, gate.queued], [1, 2]);
  await end('a');
  await end('b');
  await end('c');
  assert.deepEqual(log, ['a runs', `d: ${full}`, 'b runs', 'c runs']);
  assert.deepEqual([gate.running, gate.queued], [0, 0]);
});

test('hands a free slot to who waits: nobody who calls in the next instant gets it, or has it taken from him [76, 77, K11]', async () => {
  const clock = new ManualClock();
  const log: string[] = [];
  const gate = bulkhead({ maxConcurrent: 1, maxQueued: 1, clock });
  let end = (): void => {};
  const first = gate.execute(() => new Promise<void>((resolve) => (end = resolve)));
  const waiting = gate.execute(async () => log.push('waiting runs'));
  end();
  // In each of the microtasks around the hand-over somebody tries to get in before.
  for (let i = 0; i < 8; i++) {
    gate.execute(async () => log.push(`${i} runs`)).catch(() => {});
    await undefined;
    assert.ok(gate.running <= 1);
  }
  await Promise.all([first, waiting]);
  assert.equal(log[0], 'waiting runs');
});

test('releases the slot whatever becomes of the task [80]', async () => {
  const raise = (what?: unknown) => () => {
    throw what;
  };
  const error = new Error('no');
  const thenable = (then: PropertyDescriptor) => () => Object.defineProperty({}, 'then', then);
  const ends: [name: string, run: () => unknown][] = [
    ['value', () => 1],
    ['promise', async () => 1],
    ['throw', raise(error)],
    ['throw of undefined', raise()],
    ['rejection', () => Promise.reject(error)],
    ['thenable', thenable({ value: (ok: (value: number) => void) => ok(1) })],
    ['thenable that throws', thenable({ value: raise(error) })],
    ['thenable that cannot be read', thenable({ get: raise(error) })],
    [
      'thenable that calls back thrice',
      thenable({
        value(ok: (value: number) => void, bad: (error: unknown) => void) {
          ok(1);
          bad(error);
          ok(2);
        },
      }),
    ],
  ];
  const gate = bulkhead({ maxConcurrent: 1, maxQueued: 1 });
  for (const [name, run] of ends) {
    await gate.execute(run).catch(() => {});
    assert.equal(gate.running, 0, name);
    const slow = gate.execute(() => new Promise((resolve) => setImmediate(resolve)));
    await gate.execute(run).catch(() => {});
    await slow;
    assert.equal(gate.running, 0, `${name}, after waiting`);
  }
});

test('keeps the slot until the work itself has settled, though a timeout inside has let the caller go [80]', async () => {
  const clock = new ManualClock();
  const gate = bulkhead({ maxConcurrent: 1, clock });
  let end = (): void => {};
  const policy = pipeline(gate, timeout({ duration: 100, clock }));
  const call = policy.execute(() => new Promise<void>((resolve) => (end = resolve)));
  const outcome = assert.rejects(call, { code: 'ERR_TIMEOUT' });
  await clock.advance(100);
  await outcome;
  assert.equal(gate.running, 1);
  await assert.rejects(
    policy.execute(() => {}),
    BulkheadFullError,
  );
  end();
  await clock.advance(0);
  assert.equal(gate.running, 0);
});

test('keeps the slot until the work itself has settled, though the caller has gone [80]', async () => {
  const clock = new ManualClock();
  for (const [releaseOn, running] of [
    ['settle', 1],
    ['abandon', 0],
  ] as const) {
    const gate = bulkhead({ maxConcurrent: 1, releaseOn, clock });
    const controller = new AbortController();
    let end = (): void => {};
    const call = gate.execute(() => new Promise<void>((resolve) => (end = resolve)), { signal: controller.signal });
    controller.abort('enough');
    await assert.rejects(call, (reason) => reason === 'enough');
    assert.equal(gate.running, running, releaseOn);
    end();
    await clock.advance(0);
    assert.equal(gate.running, 0, releaseOn);
  }
});

test('frees the slot as soon as nobody waits for the task, if told to [80]', async () => {
  const clock = new ManualClock();
  const gate = bulkhead({ maxConcurrent: 1, releaseOn: 'abandon', clock });
  const policy = pipeline(gate, timeout({ duration: 100, clock }));
  const call = assert.rejects(
    policy.execute(() => new Promise(() => {})),
    { code: 'ERR_TIMEOUT' },
  );
  await clock.advance(100);
  await call;
  assert.equal(gate.running, 0);
});

test('rejects at once who is aborted in line, and frees his place [78, K10]', async () => {
  const { log, gate, call, clock } = setUp({ maxConcurrent: 1, maxQueued: 1 });
  const controller = new AbortController();
  const reason = new Error('changed my mind');
  call('a');
  call('b', { signal: controller.signal });
  controller.abort(reason);
  await clock.advance(0);
  assert.deepEqual(log, ['a runs', 'b: changed my mind']);
  assert.deepEqual([gate.running, gate.queued], [1, 0]);
  call('c');
  assert.equal(gate.queued, 1);
});

test('neither runs nor queues anything for a caller who is aborted already', async () => {
  const { log, gate, call, clock } = setUp({ maxConcurrent: 1, maxQueued: 1 });
  call('a', { signal: AbortSignal.abort('before') });
  await clock.advance(0);
  assert.deepEqual(log, ['a: before']);
  assert.deepEqual([gate.running, gate.queued], [0, 0]);
});

test('turns away who has waited for maxWait [79]', async () => {
  const { log, events, gate, call, end, clock } = setUp({ maxConcurrent: 1, maxQueued: 2, maxWait: 100 });
  call('a');
  call('b');
  await clock.advance(99);
  assert.equal(gate.queued, 1);
  await clock.advance(1);
  assert.deepEqual(log, ['a runs', 'b: no slot: expired']);
  assert.deepEqual(events.at(-1), { type: 'rejected', name: 'bulkhead', reason: 'expired', running: 1, queued: 0 });
  await end('a');
  assert.equal(clock.pending, 0);
});

test('stops waiting when a timeout outside stops the call [78]', async () => {
  const clock = new ManualClock();
  for (const mode of ['aggressive', 'cooperative'] as const) {
    const gate = bulkhead({ maxConcurrent: 1, maxQueued: 1, clock });
    const policy = pipeline(timeout({ duration: 100, mode, clock }), gate);
    gate.execute(() => new Promise(() => {})).catch(() => {});
    const call = assert.rejects(
      policy.execute(() => {}),
      { code: 'ERR_TIMEOUT' },
    );
    assert.equal(gate.queued, 1);
    await clock.advance(100);
    await call;
    assert.deepEqual([gate.running, gate.queued], [1, 0]);
  }
});

test("does not wait beyond the caller's deadline", async () => {
  const { log, gate, call, clock } = setUp({ maxConcurrent: 1, maxQueued: 5 });
  call('a');
  call('b', { deadline: 0 });
  call('c', { deadline: 50 });
  assert.equal(gate.queued, 1);
  await clock.advance(50);
  assert.deepEqual(log.slice(1), ['b: no slot: expired', 'c: no slot: expired']);
});

test('runs what waited in the async context of its own caller [81, K23]', async () => {
  const storage = new AsyncLocalStorage<string>();
  const gate = bulkhead({ maxConcurrent: 1, maxQueued: 2 });
  const policies = [gate, pipeline(gate, timeout({ duration: 60_000 })), pipeline(guard({}), gate)];
  for (const policy of policies) {
    const seen: (string | undefined)[] = [];
    const call = (name: string): Promise<void> =>
      storage.run(name, () =>
        policy.execute(async () => {
          seen.push(storage.getStore());
          await new Promise(setImmediate);
          seen.push(storage.getStore());
        }),
      );
    await Promise.all(['a', 'b', 'c'].map(call));
    assert.deepEqual(seen, ['a', 'a', 'b', 'b', 'c', 'c']);
  }
});

test('lets a higher priority go first, and equals in the order they came [82]', async () => {
  const { log, call, end } = setUp({ maxConcurrent: 1, maxQueued: 5 });
  call('a');
  call('b');
  call('c', { priority: 2 });
  call('d', { priority: 1 });
  call('e', { priority: 2 });
  for (const name of ['a', 'c', 'e', 'd', 'b']) await end(name);
  assert.deepEqual(log, ['a runs', 'c runs', 'e runs', 'd runs', 'b runs']);
});

test('without ageing it is first come, first served, an endless priority included [82]', async () => {
  const subject = bulkhead({ maxConcurrent: 1, maxQueued: 9, ageing: 0 });
  const served: number[] = [];
  const calls = [0, Infinity, 1, -Infinity, Infinity].map((priority, i) =>
    subject.execute(async () => void served.push(i), { priority }),
  );
  await Promise.all(calls);
  assert.deepEqual(served, [0, 1, 2, 3, 4]);
});

test('lets age count: who has waited `ageing` goes before one who comes with a priority of one more [82]', async () => {
  for (const [waited, first] of [
    [1_001, 'old'],
    [999, 'new'],
  ] as const) {
    const { log, call, end, clock } = setUp({ maxConcurrent: 1, maxQueued: 5 });
    call('a');
    call('old');
    await clock.advance(waited);
    call('new', { priority: 1 });
    await end('a');
    assert.equal(log.at(-1), `${first} runs`);
  }
});

test('stops admitting after lowering until enough have ended, and admits at once after raising [83]', async () => {
  const { log, gate, call, end } = setUp({ maxConcurrent: 3, maxQueued: 5 });
  for (const name of ['a', 'b', 'c', 'd', 'e', 'f']) call(name);
  gate.resize(1);
  await end('a');
  await end('b');
  assert.deepEqual([gate.running, gate.queued], [1, 3]);
  await end('c');
  assert.deepEqual([gate.running, gate.queued], [1, 2]);
  gate.resize(3);
  assert.deepEqual([gate.running, gate.queued], [3, 0]);
  await end('nobody');
  assert.deepEqual(log.slice(3), ['d runs', 'e runs', 'f runs']);
  for (const wrong of [0, -1, 1.5, Number.NaN]) assert.throws(() => gate.resize(wrong), RangeError);
});

test('counts costs, and does not let light calls starve a heavy one [85]', async () => {
  const { log, gate, call, end } = setUp({ maxConcurrent: 4, maxQueued: 5 });
  call('a', { cost: 3 });
  call('heavy', { cost: 4 });
  call('light');
  assert.deepEqual([gate.running, gate.queued], [3, 2]);
  await end('a');
  assert.deepEqual(log, ['a runs', 'heavy runs']);
  assert.deepEqual([gate.running, gate.queued], [4, 1]);
  await end('heavy');
  assert.deepEqual(log.at(-1), 'light runs');
});

test('refuses a cost above its slots at once, and one that is no whole number [85]', async () => {
  const gate = bulkhead({ maxConcurrent: 4, maxQueued: 5 });
  const message = async (cost: number): Promise<string> =>
    gate.execute(() => 'ran', { cost }).catch((error) => `${error.constructor.name} ${error.message}`);
  assert.equal(await message(5), 'RangeError bulkhead: cost must be a whole number up to 4, got 5');
  for (const cost of [0.5, Infinity, -1, Number.NaN]) assert.match(await message(cost), /^RangeError .* got /);
  assert.deepEqual([gate.running, gate.queued], [0, 0]);
});

test('gives all slots to a waiting call that costs more than there are since they were lowered [76, 83, 85]', async () => {
  const { log, gate, call, end } = setUp({ maxConcurrent: 4, maxQueued: 5 });
  call('a');
  call('heavy', { cost: 4 });
  call('light');
  gate.resize(2);
  await end('a');
  assert.deepEqual(log, ['a runs', 'heavy runs']);
  assert.equal(gate.running, 2);
  gate.resize(4);
  assert.deepEqual([gate.running, gate.queued], [3, 0]);
  await end('heavy');
  await end('light');
  assert.equal(gate.running, 0);
});

test('asks and charges nothing for a cost of 0, though it waits its turn', async () => {
  const { log, gate, call, end } = setUp({ maxConcurrent: 1, maxQueued: 5 });
  call('a');
  call('free', { cost: 0 });
  assert.deepEqual(log, ['a runs', 'free runs']);
  call('b');
  call('c', { cost: 0 });
  assert.equal(gate.queued, 2);
  await end('a');
  assert.deepEqual(log.slice(2), ['b runs', 'c runs']);
});

test('called in its own task, it queues or rejects like any other call: the last slot waits for itself [8]', async () => {
  const rejecting = bulkhead({ maxConcurrent: 1 });
  await assert.rejects(
    rejecting.execute(() => rejecting.execute(() => 1)),
    BulkheadFullError,
  );
  assert.equal(rejecting.running, 0);
  const clock = new ManualClock();
  const queueing = bulkhead({ maxConcurrent: 1, maxQueued: 1, maxWait: 100, clock });
  const call = assert.rejects(
    queueing.execute(() => queueing.execute(() => 1)),
    BulkheadFullError,
  );
  await clock.advance(100);
  await call;
  const wide = bulkhead({ maxConcurrent: 2 });
  assert.equal(await wide.execute(() => wide.execute(() => 1)), 1);
  assert.equal(wide.running, 0);
});

test('closed, it turns away who waits and who comes, and is done once nobody runs [84]', async () => {
  const { log, events, gate, call, end, clock } = setUp({ maxConcurrent: 2, maxQueued: 5, maxWait: 100 });
  for (const name of ['a', 'b', 'c', 'd']) call(name);
  let done = false;
  const closed = gate.close().then(() => {
    done = true;
  });
  assert.equal(gate.queued, 0);
  call('e');
  await clock.advance(0);
  assert.deepEqual(log.slice(2), ['c: no slot: closed', 'd: no slot: closed', 'e: no slot: closed']);
  assert.deepEqual(events.at(-1), { type: 'rejected', name: 'bulkhead', reason: 'closed', running: 2, queued: 0 });
  await end('a');
  assert.equal(done, false);
  await end('b');
  await closed;
  assert.equal(clock.pending, 0);
  await gate.close();
  await bulkhead({ maxConcurrent: 1 }).close();
});

test('closed, it abandons what still runs when its grace is over, and is done [84]', async () => {
  for (const releaseOn of ['settle', 'abandon'] as const) {
    const clock = new ManualClock();
    const gate = bulkhead({ maxConcurrent: 4, grace: 500, releaseOn, clock, name: 'gate' });
    const limited = pipeline(gate, timeout({ duration: 10_000, clock }));
    const signals: AbortSignal[] = [];
    const wait = (duration: number) => (context: Context) => {
      signals.push(context.signal);
      return new Promise((resolve) => clock.schedule(duration, () => resolve('done')));
    };
    const quick = gate.execute(wait(100));
    const calls = [
      gate.execute(wait(1_000)),
      limited.execute(wait(1_000)),
      pipeline(fallback({ value: 'instead' }), gate).execute(wait(1_000)),
    ];
    const settled = Promise.allSettled(calls);
    let closed = false;
    void gate.close().then(() => {
      closed = true;
    });
    await clock.advance(499);
    assert.equal(await quick, 'done');
    assert.equal(closed, false);
    await clock.advance(1);
    assert.equal(closed, true);
    const [slow, timed, covered] = await settled;
    for (const one of [slow, timed]) {
      assert.ok(one?.status === 'rejected' && one.reason instanceof AbandonedError);
      assert.deepEqual([one.reason.code, one.reason.message], ['ERR_ABANDONED', 'closed']);
    }
    assert.deepEqual(covered, { status: 'fulfilled', value: 'instead' });
    assert.deepEqual(
      signals.map(({ aborted }) => aborted),
      [false, true, true, true],
    );
    assert.equal(gate.running, releaseOn === 'settle' ? 3 : 0);
    await clock.advance(500);
    assert.equal(gate.running, 0);
    assert.equal(clock.pending, 0);
  }
});

test('closed, it does not wait for its grace where nobody runs any more [84]', async () => {
  const clock = new ManualClock();
  const gate = bulkhead({ maxConcurrent: 1, grace: 500, clock });
  const call = gate.execute(() => new Promise((resolve) => clock.schedule(100, () => resolve('done'))));
  const closed = gate.close();
  await clock.advance(100);
  await closed;
  assert.equal(await call, 'done');
  assert.equal(clock.pending, 0);
});

test('a call that takes no slot runs like any other: while it does nothing is idle, and nothing is done [84, 104]', async () => {
  const { clock, gate, call, end } = setUp({ maxConcurrent: 1, grace: 500 });
  call('slot');
  call('free', { cost: 0 });
  await end('slot');
  assert.deepEqual([gate.running, gate.idle], [0, false]);
  let done = false;
  const closed = gate.close().then(() => {
    done = true;
  });
  await clock.advance(400);
  assert.equal(done, false);
  await end('free');
  await closed;
  assert.deepEqual([gate.idle, clock.pending], [true, 0]);
});

test('tells who waits and who is turned away, after it is so [K12]', async () => {
  const seen: unknown[] = [];
  const gate = bulkhead({
    maxConcurrent: 1,
    maxQueued: 1,
    name: 'gate',
    onEvent: (event) => seen.push({ ...event, now: [gate.running, gate.queued] }),
  });
  const calls = [1, 2, 3].map(() =>
    gate.execute(() => new Promise((resolve) => setImmediate(resolve))).catch(() => {}),
  );
  await Promise.all(calls);
  assert.deepEqual(seen, [
    { type: 'queued', name: 'gate', running: 1, queued: 1, now: [1, 1] },
    { type: 'rejected', name: 'gate', reason: 'full', running: 1, queued: 1, now: [1, 1] },
  ]);
});

test('is not changed by a listener that throws, or that calls it [101]', async () => {
  const gate = bulkhead({
    maxConcurrent: 1,
    maxQueued: 1,
    onEvent: ({ type }) => {
      if (type === 'rejected') return;
      gate.execute(() => {}).catch(() => {});
    },
  });
  const results = await Promise.all(
    [1, 2].map((n) => gate.execute(() => new Promise((resolve) => setImmediate(resolve, n)))),
  );
  assert.deepEqual(results, [1, 2]);
  assert.deepEqual([gate.running, gate.queued], [0, 0]);
});

test('does not count against what it protects: a breaker outside ignores who was turned away [62, O3]', async () => {
  const gate = bulkhead({ maxConcurrent: 1 });
  const breaker = circuitBreaker({ trip: consecutiveFailures({ count: 1 }) });
  const policy = pipeline(breaker, gate);
  const wait = (): Promise<unknown> => new Promise((resolve) => setImmediate(resolve));
  const settled = await Promise.allSettled([policy.execute(wait), policy.execute(wait), policy.execute(wait)]);
  assert.deepEqual(
    settled.map(({ status }) => status),
    ['fulfilled', 'rejected', 'rejected'],
  );
  assert.equal(breaker.state, 'closed');
});

test('inside a retry it has its slot back between two tries, outside it keeps it for all of them [108]', async () => {
  for (const [order, running] of [
    ['inside', 0],
    ['outside', 1],
  ] as const) {
    const clock = new ManualClock();
    const gate = bulkhead({ maxConcurrent: 1, clock });
    const again = retry({ maxAttempts: 2, backoff: constant({ delay: 100 }), clock });
    const policy = order === 'inside' ? pipeline(again, gate) : pipeline(gate, again);
    const call = policy.execute(async ({ attempt }) => {
      if (attempt === 1) throw new Error('once more');
      return gate.running;
    });
    await clock.advance(99);
    assert.equal(gate.running, running);
    await clock.advance(1);
    assert.equal(await call, 1);
    assert.equal(gate.running, 0);
  }
});

test('is idle while nobody runs or waits', async () => {
  const gate = bulkhead({ maxConcurrent: 1 });
  assert.equal(gate.idle, true);
  const slow = gate.execute(() => new Promise((resolve) => setImmediate(resolve)));
  assert.equal(gate.idle, false);
  await slow;
  assert.equal(gate.idle, true);
});

test('shares nothing with another, nor with its options [7, 9]', async () => {
  const options = Object.freeze({ maxConcurrent: 1 });
  const [a, b] = [bulkhead(options), bulkhead(options)];
  const slow = a.execute(() => new Promise((resolve) => setImmediate(resolve)));
  assert.deepEqual([a.running, b.running], [1, 0]);
  assert.equal(await b.execute(() => 1), 1);
  await slow;
});

test('shared by two pipelines, it is one bulkhead [9]', async () => {
  const gate = bulkhead({ maxConcurrent: 1 });
  const [a, b] = [pipeline(gate), pipeline(guard({}), gate)];
  const slow = a.execute(() => new Promise((resolve) => setImmediate(resolve)));
  await assert.rejects(
    b.execute(() => {}),
    BulkheadFullError,
  );
  await slow;
  await b.execute(() => {});
});

test('says which option is wrong, what it may be and what it was [7]', () => {
  const wrong: [options: object | undefined, error: new () => Error, message: RegExp][] = [
    [undefined, TypeError, /^bulkhead: options must be an object, got undefined$/],
    [{}, TypeError, /^bulkhead: maxConcurrent must be a positive integer or Infinity, got undefined$/],
    [{ maxConcurrent: 0 }, RangeError, /maxConcurrent must be a positive integer or Infinity, got 0$/],
    [{ maxConcurrent: 1.5 }, RangeError, /maxConcurrent .* got 1.5$/],
    [{ maxConcurrent: Number.NaN }, RangeError, /maxConcurrent .* got NaN$/],
    [{ maxConcurrent: '3' }, TypeError, /maxConcurrent .* got "3"$/],
    [{ maxConcurrent: 1, maxQueued: -1 }, RangeError, /^bulkhead: maxQueued must be a non-negative integer/],
    [{ maxConcurrent: 1, maxQueued: null }, TypeError, /maxQueued .* got null$/],
    [{ maxConcurrent: 1, maxWait: Number.NaN }, RangeError, /^bulkhead: maxWait must be .*, got NaN$/],
    [{ maxConcurrent: 1, ageing: -1 }, RangeError, /^bulkhead: ageing must be .*, got -1$/],
    [
      { maxConcurrent: 1, releaseOn: 'never' },
      RangeError,
      /^bulkhead: releaseOn must be "settle" or "abandon", got "never"$/,
    ],
    [{ maxConcurrent: 1, clock: {} }, TypeError, /^bulkhead: clock must /],
    [{ maxConcurrent: 1, name: {} }, TypeError, /^bulkhead: name must be a string, got an object$/],
    [{ maxConcurrent: 1, onEvent: 1 }, TypeError, /^bulkhead: onEvent must be a function, got 1$/],
    [{ maxConcurrent: 1, maxQueue: 1 }, TypeError, /unknown option "maxQueue"; did you mean "maxQueued"\?/],
  ];
  for (const [options, error, message] of wrong) {
    assert.throws(
      () => bulkhead(options as BulkheadOptions),
      (thrown) => thrown instanceof error && message.test(thrown.message),
    );
  }
  bulkhead({ maxConcurrent: Infinity, maxQueued: undefined, maxWait: 0, ageing: Infinity });
});
