import assert from 'node:assert/strict';
import { test } from 'vitest';
import { aimd } from '../../src/algorithms/aimd.ts';
import { gradient } from '../../src/algorithms/gradient.ts';
import type { Limit } from '../../src/algorithms/limit.ts';
import { ConcurrencyLimitedError, RejectedError } from '../../src/core/errors.ts';
import { onListenerError } from '../../src/core/events.ts';
import { pipeline } from '../../src/core/pipeline.ts';
import type { CallOptions, Task } from '../../src/core/policy.ts';
import {
  type ConcurrencyLimitEvent,
  type ConcurrencyLimitOptions,
  concurrencyLimit,
} from '../../src/policies/concurrency-limit.ts';
import { hedge } from '../../src/policies/hedge.ts';
import { timeout } from '../../src/policies/timeout.ts';
import { ManualClock } from '../../src/testing/manual-clock.ts';

type Sample = [rtt: number, inFlight: number, dropped: boolean];

/** A limit moved by hand, which keeps what it was told. */
function byHand(limit: number): Limit & { limit: number; samples: Sample[]; next: number | undefined } {
  return {
    limit,
    samples: [],
    next: undefined,
    sample(...sample) {
      this.samples.push(sample);
      return (this.limit = this.next ?? this.limit);
    },
  };
}

/** A limit with a log, and tasks that end when they are told to. */
function setUp(most: number, options: ConcurrencyLimitOptions = {}) {
  const clock = new ManualClock();
  const log: string[] = [];
  const events: ConcurrencyLimitEvent[] = [];
  const limit = byHand(most);
  const gate = concurrencyLimit({ limit, clock, onEvent: (event) => events.push(event), ...options });
  const ends = new Map<string, { ok(): void; fail(error: unknown): void }>();
  const call = (name: string, given?: CallOptions): void => {
    const task: Task<string> = () => {
      log.push(`${name} runs`);
      return new Promise((resolve, reject) => ends.set(name, { ok: () => resolve(name), fail: reject }));
    };
    gate.execute(task, given).catch((error) => {
      log.push(`${name}: ${error instanceof Error ? error.message : error}`);
    });
  };
  const end = async (name: string, error?: unknown): Promise<void> => {
    if (error === undefined) ends.get(name)?.ok();
    else ends.get(name)?.fail(error);
    await clock.advance(0);
  };
  return { clock, log, events, limit, gate, call, end };
}

test('runs as many tasks as the limit allows, and turns the rest away if nobody may wait', async () => {
  const { log, gate, call, end, clock } = setUp(2);
  for (const name of ['a', 'b', 'c']) call(name);
  await clock.advance(0);
  assert.deepEqual(log, ['a runs', 'b runs', 'c: at the limit of 2: full']);
  assert.deepEqual([gate.limit, gate.running, gate.queued], [2, 2, 0]);
  await end('a');
  call('d');
  assert.equal(log.at(-1), 'd runs');
});

test('rejects with an error of its own that says who speaks, and never ran the task', async () => {
  const gate = concurrencyLimit({ limit: byHand(1), name: 'search' });
  void gate.execute(() => new Promise(() => {}));
  let ran = false;
  await assert.rejects(
    gate.execute(() => (ran = true)),
    (error) =>
      error instanceof ConcurrencyLimitedError &&
      error instanceof RejectedError &&
      error.name === 'search' &&
      error.code === 'ERR_CONCURRENCY_LIMITED' &&
      error.message === 'at the limit of 1: full',
  );
  assert.equal(ran, false);
});

test('tells its limit how long each call took from admission to settlement, and how many were in flight with it', async () => {
  const { limit, call, end, clock } = setUp(2, { maxQueued: 1 });
  call('a');
  await clock.advance(30);
  call('b');
  call('waits');
  await clock.advance(20);
  await end('a');
  await clock.advance(5);
  await end('b');
  await clock.advance(40);
  await end('waits');
  assert.deepEqual(limit.samples, [
    [50, 2, false],
    [25, 2, false],
    // The wait is not part of it.
    [45, 1, false],
  ]);
});

test('reads the clock once as a call is let in, and once as it ends', async () => {
  const clock = new ManualClock();
  let reads = 0;
  const counting = Object.assign(Object.create(clock), {
    now() {
      reads++;
      return clock.now();
    },
  });
  const gate = concurrencyLimit({ limit: byHand(5), clock: counting });
  await gate.execute(async () => {});
  assert.equal(reads, 2);
});

test('moves with its limit: a lower one drains first, a higher one lets in at once', async () => {
  const { log, limit, gate, call, end } = setUp(3, { maxQueued: 3 });
  for (const name of ['a', 'b', 'c', 'd', 'e', 'f']) call(name);
  limit.next = 1;
  await end('a');
  await end('b');
  assert.deepEqual([gate.limit, gate.running, gate.queued], [1, 1, 3]);
  limit.next = 3;
  await end('c');
  assert.deepEqual([gate.limit, gate.running, gate.queued], [3, 3, 0]);
  assert.deepEqual(log.slice(3), ['d runs', 'e runs', 'f runs']);
});

test('counts failures as dropped, and neither rejections nor aborts at all', async () => {
  const { limit, call, end } = setUp(9);
  const gone = Object.assign(new Error('gone'), { name: 'AbortError' });
  const errors = [new Error('boom'), gone, new RejectedError({ name: 'inner', message: 'full' }), 'no error'];
  for (const [i, error] of errors.entries()) {
    call(`${i}`);
    await end(`${i}`, error);
  }
  assert.deepEqual(limit.samples, [
    [0, 1, true],
    [0, 1, true],
  ]);
});

test('takes what classify says, and reports what it cannot mean', async () => {
  const reports: unknown[] = [];
  const before = onListenerError((error) => reports.push(error));
  const verdicts = ['ignore', 'success', 'failure', undefined, 'boom'];
  const { limit, gate, call, end } = setUp(9, {
    classify: () => {
      const verdict = verdicts.shift();
      if (verdict === 'boom') throw new Error('boom');
      return verdict as 'ignore';
    },
  });
  for (const name of ['a', 'b', 'c', 'd', 'e']) {
    call(name);
    await end(name);
  }
  assert.deepEqual(limit.samples, [
    [0, 1, false],
    [0, 1, true],
  ]);
  assert.deepEqual(reports.map(String), ['TypeError: concurrencyLimit: classify gave undefined', 'Error: boom']);
  assert.equal(gate.running, 0);
  onListenerError(before);
});

test('counts a call as dropped that a timeout has cut short, inside or outside, once its work has settled', async () => {
  for (const where of ['inside', 'outside', "the caller's"] as const) {
    const clock = new ManualClock();
    const limit = byHand(2);
    const gate = concurrencyLimit({ limit, clock });
    const limiting = timeout({ duration: 100, clock });
    const policy = { inside: pipeline(gate, limiting), outside: pipeline(limiting, gate), "the caller's": gate }[where];
    let end = (): void => {};
    const caller = new AbortController();
    const options = where === "the caller's" ? { signal: caller.signal } : {};
    const call = assert.rejects(
      policy.execute(() => new Promise<void>((resolve) => (end = resolve)), options),
      /no result|timed out/,
    );
    await clock.advance(100);
    // As `AbortSignal.timeout` does.
    caller.abort(new DOMException('timed out', 'TimeoutError'));
    await call;
    assert.deepEqual([gate.running, limit.samples], [1, []], where);
    await clock.advance(150);
    end();
    await clock.advance(0);
    assert.deepEqual([gate.running, limit.samples], [0, [[250, 1, true]]], where);
  }
});

test("counts an answer after its caller's deadline as dropped, though it came", async () => {
  const { limit, call, end, clock } = setUp(2);
  call('a', { deadline: 100 });
  call('b', { deadline: 100 });
  await clock.advance(100);
  await end('a');
  await clock.advance(1);
  await end('b');
  assert.deepEqual(limit.samples, [
    [100, 2, false],
    [101, 1, true],
  ]);
});

test('learns nothing from callers who just left, nor from losers of a hedge [96]', async () => {
  const { limit, gate, call, end } = setUp(5);
  const caller = new AbortController();
  call('a', { signal: caller.signal });
  caller.abort('changed my mind');
  await end('a');
  assert.deepEqual([gate.running, limit.samples], [0, []]);

  const clock = new ManualClock();
  const hedged = byHand(5);
  const policy = pipeline(hedge({ delay: 10, clock }), concurrencyLimit({ limit: hedged, clock }));
  let tries = 0;
  const call2 = policy.execute(
    ({ signal }) =>
      new Promise((resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason));
        if (++tries === 2) clock.schedule(5, () => resolve('second'));
      }),
  );
  await clock.advance(100);
  assert.equal(await call2, 'second');
  assert.deepEqual(hedged.samples, [[5, 2, false]]);
});

test('learns nothing from a call during which the clock was set back, and goes on', async () => {
  const { limit, gate, call, end, clock } = setUp(2);
  call('a');
  clock.jump(-1_000);
  await end('a');
  assert.deepEqual([gate.running, limit.samples], [0, []]);
  call('b');
  await clock.advance(7);
  await end('b');
  assert.deepEqual(limit.samples, [[7, 1, false]]);
});

test('one task may always run, whatever the limit says: or nothing would ever be learnt', async () => {
  for (const most of [0, -1, Number.NaN]) {
    const { limit, gate, call, end } = setUp(most);
    call('a');
    call('b');
    assert.equal(gate.running, 1);
    limit.next = 5;
    await end('a');
    assert.equal(gate.limit, 5);
  }
});

test('a limit that throws is reported, frees the place, and lets the next one in', async () => {
  const reports: unknown[] = [];
  const before = onListenerError((error) => reports.push(error));
  const { log, limit, gate, call, end } = setUp(1, { maxQueued: 1 });
  limit.sample = () => {
    throw new Error('broken');
  };
  call('a');
  call('b');
  await end('a');
  assert.deepEqual(log, ['a runs', 'b runs']);
  assert.deepEqual([gate.running, reports.map(String)], [1, ['Error: broken']]);
  onListenerError(before);
});

test('keeps those in line in order of priority, then of arrival, and none beyond maxQueued', async () => {
  const { log, gate, call, end } = setUp(1, { maxQueued: 4 });
  call('a');
  call('b');
  call('c', { priority: 2 });
  call('d', { priority: 1 });
  call('e', { priority: 2 });
  call('f', { priority: 9 });
  assert.equal(gate.queued, 4);
  for (const name of ['a', 'c', 'e', 'd', 'b']) await end(name);
  assert.deepEqual(log, ['a runs', 'f: at the limit of 1: full', 'c runs', 'e runs', 'd runs', 'b runs']);
});

test('turns away who has waited for maxWait, and lets go who is aborted in line', async () => {
  const { log, gate, call, end, clock } = setUp(1, { maxQueued: 9, maxWait: 100 });
  const caller = new AbortController();
  call('a');
  call('b');
  call('c', { signal: caller.signal });
  caller.abort('gone');
  await clock.advance(0);
  assert.deepEqual([gate.queued, log.at(-1)], [1, 'c: gone']);
  await clock.advance(99);
  assert.equal(gate.queued, 1);
  await clock.advance(1);
  assert.deepEqual([gate.queued, log.at(-1)], [0, 'b: at the limit of 1: expired']);
  await end('a');
  assert.equal(clock.pending, 0);
});

const classes = [
  { priority: 0, share: 0.25 },
  { priority: 1, share: 0.5 },
  { priority: 5, share: 0.25 },
];

test('lets a partition borrow what others leave, and gives each of them its share all the same', async () => {
  const { log, gate, call, end } = setUp(4, { partitions: classes });
  for (const name of ['a', 'b', 'c', 'd', 'e']) call(name, { priority: 1 });
  assert.equal(gate.running, 4, 'two of its own, two borrowed');
  call('low');
  call('low too');
  call('high', { priority: 7 });
  call('high too', { priority: 5 });
  assert.equal(gate.running, 6, 'above the limit by what was borrowed');
  assert.deepEqual(log.slice(4), ['low runs', 'high runs']);
  await end('a');
  await end('b');
  call('f', { priority: 4 });
  assert.equal(gate.running, 4, 'nobody borrows until there is room again');
  await end('c');
  call('g', { priority: 4 });
  assert.equal(log.at(-1), 'g runs');
});

test('a call belongs to the highest partition not above its priority, and to the lowest if it is below all', async () => {
  const partitions = [
    { priority: 3, share: 0.5 },
    { priority: 1, share: 0.5 },
  ];
  for (const [priority, upper] of [
    [-Infinity, false],
    [0, false],
    [1, false],
    [2.9, false],
    [3, true],
    [Infinity, true],
  ] as const) {
    const { gate, call } = setUp(2, { partitions });
    for (const name of ['a', 'b']) call(name, { priority: upper ? 1 : 3 });
    call('c', { priority });
    assert.equal(gate.running, 3, `${priority} has a share that is free`);
    call('d', { priority });
    assert.equal(gate.running, 3);
  }
});

test('a partition without a share runs only on what others leave', () => {
  const { gate, call } = setUp(2, {
    partitions: [
      { priority: 1, share: 1 },
      { priority: 0, share: 0 },
    ],
  });
  for (const name of ['a', 'b', 'c']) call(name);
  assert.equal(gate.running, 2);
  for (const name of ['d', 'e', 'f']) call(name, { priority: 1 });
  assert.equal(gate.running, 4);
});

test('who waits in a partition is not held up by one that has used up its share', async () => {
  const { log, gate, call, end } = setUp(4, { partitions: classes, maxQueued: 9 });
  for (const name of ['a', 'b', 'c', 'd', 'e']) call(name, { priority: 1 });
  call('low');
  call('low too');
  assert.deepEqual([gate.running, gate.queued], [5, 2]);
  await end('low');
  assert.deepEqual([log.at(-1), gate.queued], ['low too runs', 1]);
  await end('a');
  assert.deepEqual([gate.running, gate.queued], [4, 1]);
  await end('b');
  assert.deepEqual([log.at(-1), gate.running, gate.queued], ['e runs', 4, 0]);
});

test('tells what happens, once it is so', async () => {
  const { events, limit, call, end } = setUp(1, { maxQueued: 1, name: 'search' });
  call('a');
  call('b');
  call('c');
  limit.next = 2;
  await end('a');
  await end('b');
  const shared = { name: 'search', running: 1 };
  assert.deepEqual(events, [
    { type: 'queued', ...shared, limit: 1, queued: 1 },
    { type: 'rejected', reason: 'full', ...shared, limit: 1, queued: 1 },
    { type: 'limit', ...shared, limit: 2, running: 0, queued: 1 },
  ]);
});

test('is idle until it has learnt something, for then it would be missed [104]', async () => {
  const { gate, call, end } = setUp(1, { maxQueued: 1 });
  assert.equal(gate.idle, true);
  call('a');
  assert.equal(gate.idle, false);
  await end('a', Object.assign(new Error(), { name: 'AbortError' }));
  assert.equal(gate.idle, true);
  call('b');
  await end('b');
  assert.equal(gate.idle, false);
});

test('begins with gradient, and each has one of its own', async () => {
  const [one, other] = [concurrencyLimit(), concurrencyLimit()];
  assert.deepEqual([one.limit, one.limit], [gradient().limit, 20]);
  const boom = (): Promise<never> => Promise.reject(new Error('boom'));
  for (let i = 0; i < 5; i++) await Promise.allSettled(Array.from({ length: 20 }, () => one.execute(boom)));
  assert.ok(one.limit < 20);
  assert.equal(other.limit, 20);
});

test('refuses options out of range or unknown, by name', () => {
  const wrong: [object, RegExp][] = [
    [{ limit: aimd }, /limit must be a limit such as aimd\(\), or an object with sample, got a function/],
    [{ limit: {} }, /limit must be/],
    [{ maxQueued: -1 }, /maxQueued must be/],
    [{ maxWait: Number.NaN }, /maxWait must be/],
    [{ ageing: -1 }, /ageing must be/],
    [{ classify: 1 }, /classify must be/],
    [{ maxConcurrent: 1 }, /unknown option "maxConcurrent"/],
    [{ partitions: [] }, /partitions must be an array with at least one partition, got an array/],
    [{ partitions: {} }, /partitions must be an array/],
    [{ partitions: [1] }, /partitions\[0\]: options must be an object/],
    [{ partitions: [{ priority: 1 }] }, /partitions\[0\] must have a priority and a share/],
    [{ partitions: [{ priority: Number.NaN, share: 1 }] }, /partitions\[0\]: priority must be/],
    [{ partitions: [{ priority: 1, share: 1.1 }] }, /partitions\[0\]: share must be a number from 0 to 1/],
    [{ partitions: [{ priority: 1, share: 1, weight: 1 }] }, /unknown option "weight"/],
    [{ partitions: [...classes, { priority: 5, share: 0 }] }, /a priority of its own, got 5 twice/],
    [{ partitions: [...classes, { priority: 6, share: 0.1 }] }, /shares of at most 1 together, got 1.1/],
  ];
  for (const [options, message] of wrong) {
    assert.throws(() => concurrencyLimit(options), {
      message: new RegExp(`^concurrencyLimit: (?=.*${message.source})|^concurrencyLimit: ${message.source}`),
    });
  }
  const tenths = Array.from({ length: 10 }, (_, priority) => ({ priority, share: 0.1 }));
  concurrencyLimit({ partitions: tenths });
});
