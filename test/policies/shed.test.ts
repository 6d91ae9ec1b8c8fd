import assert from 'node:assert/strict';
import { AsyncLocalStorage } from 'node:async_hooks';
import { test } from 'vitest';
import { codel } from '../../src/algorithms/codel.ts';
import type { OverloadDetector } from '../../src/algorithms/shed-queue.ts';
import { RejectedError, ShedError } from '../../src/core/errors.ts';
import { pipeline } from '../../src/core/pipeline.ts';
import type { CallOptions } from '../../src/core/policy.ts';
import { coalesce } from '../../src/policies/coalesce.ts';
import { type Shed, type ShedEvent, type ShedOptions, shed } from '../../src/policies/shed.ts';
import { timeout } from '../../src/policies/timeout.ts';
import { ManualClock } from '../../src/testing/manual-clock.ts';
import { reported, watched } from '../core/support.ts';
import lifo from '../vectors/traffic-lifo-queue-order.json' with { type: 'json' };

/** A service with a log, and tasks that end when they are told to. */
function setUp(options: ShedOptions) {
  const clock = new ManualClock();
  const log: string[] = [];
  const events: ShedEvent[] = [];
  const gate = shed({ clock, onEvent: (event) => events.push(event), ...options });
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

/** Says what it is told to. */
class Switch implements OverloadDetector {
  overloaded = false;
  sheds = 0;
  readonly asked: [now: number, delay: number][] = [];

  shouldShed(now: number, delay: number): boolean {
    this.asked.push([now, delay]);
    return this.sheds-- > 0;
  }
}

test('runs at most maxConcurrent tasks at once, keeps the rest in line, first come, first served [75, 77]', async () => {
  const { log, gate, call, end } = setUp({ maxConcurrent: 2 });
  for (const name of ['a', 'b', 'c', 'd']) call(name);
  assert.deepEqual(log, ['a runs', 'b runs']);
  assert.deepEqual([gate.running, gate.queued, gate.overloaded, gate.idle], [2, 2, false, false]);
  await end('b');
  await end('a');
  assert.deepEqual(log.slice(2), ['c runs', 'd runs']);
  await end('c');
  await end('d');
  assert.deepEqual([gate.running, gate.queued, gate.idle], [0, 0, true]);
});

test('serves the newest first where it is told to, in the order of Netflix’s limiter, and refuses who finds no room', async () => {
  const [order, limits] = lifo.cases;
  const { limit = 0, backlog = 0, concurrent = 0 } = limits!;
  const { log, gate, call, end } = setUp({ maxConcurrent: limit, maxQueued: backlog, order: 'lifo' });
  for (let i = 0; i < limit; i++) call(`held ${i}`);
  const waiters = order!.completionOrder!.length;
  for (let i = 0; i < waiters; i++) call(String(i));
  for (let i = 0; i < limit; i++) await end(`held ${i}`);
  for (const i of order!.completionOrder!) await end(String(i));
  assert.deepEqual(
    log.slice(limit),
    order!.completionOrder!.map((i) => `${i} runs`),
  );

  for (let i = 0; i < concurrent; i++) call(`call ${i}`);
  assert.deepEqual([gate.running, gate.queued], [limit, backlog]);
  const before = log.length;
  call('fifteenth');
  await end('nobody');
  assert.equal(concurrent, 14);
  assert.deepEqual(log.slice(before), ['fifteenth: shed: full']);
  assert.equal(lifo.cases.length, 2);
});

test('serves the newest first while overloaded, and else the oldest', async () => {
  const detector = new Switch();
  const { log, call, end } = setUp({ maxConcurrent: 1, detector });
  for (const name of ['a', 'b', 'c', 'd', 'e']) call(name);
  await end('a');
  detector.overloaded = true;
  await end('b');
  await end('e');
  detector.overloaded = false;
  await end('d');
  assert.deepEqual(log, ['a runs', 'b runs', 'e runs', 'd runs', 'c runs']);
});

test('tells the detector the wait of the oldest, whoever is served, and 0 where nobody waits', async () => {
  const detector = new Switch();
  const { clock, call, end } = setUp({ maxConcurrent: 1, detector, order: 'lifo' });
  call('a');
  await clock.advance(10);
  call('b', { priority: -1 });
  await clock.advance(10);
  call('c');
  await clock.advance(10);
  call('d', { priority: 1 });
  await clock.advance(5);
  await end('a');
  await end('d');
  await end('c');
  await end('b');
  await clock.advance(5);
  call('e');
  assert.deepEqual(detector.asked, [
    [0, 0],
    [35, 25],
    [35, 25],
    [35, 25],
    [40, 0],
  ]);
});

test('gives up the oldest of the lowest priority when the detector says so', async () => {
  const detector = new Switch();
  const { log, call, end, gate, events } = setUp({ maxConcurrent: 1, detector });
  call('a');
  for (const [name, priority] of [
    ['b', 1],
    ['c', 0],
    ['d', 0],
    ['e', -1],
  ] as const) {
    call(name, { priority });
  }
  detector.sheds = 2;
  await end('a');
  assert.deepEqual(log.slice(1).sort(), ['b runs', 'c: shed: overloaded', 'e: shed: overloaded']);
  assert.deepEqual([gate.running, gate.queued], [1, 1]);
  assert.deepEqual(events.at(-1), {
    type: 'rejected',
    name: 'shed',
    reason: 'overloaded',
    priority: 0,
    running: 1,
    queued: 2,
  });
  detector.sheds = 1;
  await end('b');
  assert.deepEqual([gate.running, gate.queued], [0, 0]);
  // Also of those who need not wait, for a detector that judges by something else.
  detector.sheds = 1;
  call('f');
  await end('nobody');
  assert.equal(log.at(-1), 'f: shed: overloaded');
});

test('sheds by itself, with CoDel, once the line has stood for an interval', async () => {
  const { clock, log, gate, call, end } = setUp({ maxConcurrent: 1, detector: codel({ target: 5, interval: 100 }) });
  for (let i = 0; i < 6; i++) call(String(i));
  await clock.advance(50);
  await end('0');
  assert.equal(gate.overloaded, false);
  await clock.advance(100);
  await end('1');
  assert.equal(gate.overloaded, true);
  // The oldest is given up, and the newest served.
  assert.deepEqual(log.slice(2).sort(), ['2: shed: overloaded', '5 runs']);
  await end('5');
  await end('4');
  await end('3');
  assert.deepEqual([gate.running, gate.queued, gate.overloaded, gate.idle], [0, 0, false, false]);
  await clock.advance(1_700);
  assert.equal(gate.idle, true);
});

test('a full line makes room for a higher priority, and for nobody else', async () => {
  const { log, call, end, gate, events } = setUp({ maxConcurrent: 1, maxQueued: 2 });
  call('a');
  call('b');
  call('c', { priority: 1 });
  call('d');
  call('e', { priority: 1 });
  call('f', { priority: 1 });
  assert.equal(gate.queued, 2);
  await end('a');
  assert.deepEqual(log.slice(1).sort(), ['b: shed: full', 'c runs', 'd: shed: full', 'f: shed: full']);
  assert.deepEqual(
    events.map((event) => [event.type, event.priority, event.queued]),
    [
      ['queued', 0, 1],
      ['queued', 1, 2],
      ['rejected', 0, 2],
      ['rejected', 0, 2],
      ['queued', 1, 2],
      ['rejected', 1, 2],
    ],
  );
});

test('sends away who has waited for maxWait, or until his deadline, and never starts him [79]', async () => {
  const { clock, log, call, end, gate } = setUp({ maxConcurrent: 1, maxWait: 100 });
  call('a');
  call('b');
  call('c', { deadline: 40 });
  call('d', { deadline: 300 });
  await clock.advance(39);
  assert.equal(gate.queued, 3);
  await clock.advance(1);
  assert.deepEqual(log, ['a runs', 'c: shed: expired']);
  await clock.advance(60);
  assert.deepEqual(log.slice(2).sort(), ['b: shed: expired', 'd: shed: expired']);
  assert.deepEqual([gate.queued, clock.pending], [0, 0]);
  await end('a');
  assert.equal(gate.running, 0);
});

test('starts nobody whose deadline has come, also where a place is free', async () => {
  const { clock, log, call, gate } = setUp({ maxConcurrent: 1 });
  await clock.advance(100);
  call('a', { deadline: 100 });
  call('b', { deadline: 99 });
  call('c', { deadline: 101 });
  call('d', { deadline: 100 });
  await clock.advance(0);
  assert.deepEqual(log.sort(), ['a: shed: expired', 'b: shed: expired', 'c runs', 'd: shed: expired']);
  assert.equal(gate.running, 1);
});

test('who is out of time goes before anybody is given up, turned away or started', async () => {
  // The clock has gone on while nobody could look: timers are late.
  const { clock, log, call, end } = setUp({ maxConcurrent: 1, maxQueued: 2 });
  call('a');
  call('b', { deadline: 50, priority: 1 });
  call('c');
  clock.jump(60);
  call('d');
  clock.jump(60);
  call('e', { deadline: 130 });
  await end('a');
  assert.deepEqual(log.slice(1), ['b: shed: expired', 'e: shed: full', 'c runs']);
  const later = setUp({ maxConcurrent: 1, detector: new Switch() });
  later.call('a');
  later.call('b', { deadline: 50, priority: 1 });
  later.call('c');
  later.clock.jump(60);
  await later.end('a');
  assert.deepEqual(later.log.slice(1).sort(), ['b: shed: expired', 'c runs']);
});

test('leaves it to a timeout outside to end a wait, and still starts nobody after its deadline', async () => {
  const clock = new ManualClock();
  const gate = shed({ maxConcurrent: 1, clock });
  let end = (): void => {};
  const first = gate.execute(() => new Promise<void>((resolve) => (end = resolve)));
  let ran = false;
  const guarded = pipeline(timeout({ duration: 100, clock }), gate);
  const task = (): void => {
    ran = true;
  };
  const waiting = assert.rejects(guarded.execute(task), { code: 'ERR_TIMEOUT' });
  await clock.advance(100);
  await waiting;
  assert.equal(gate.queued, 0);
  const late = assert.rejects(guarded.execute(task), ShedError);
  // The timeout's own timer is late.
  clock.jump(101);
  end();
  await first;
  await late;
  await clock.advance(0);
  assert.equal(ran, false);
});

test('rejects at once who is aborted in line, with his reason, and never runs him [78]', async () => {
  const { clock, log, call, gate } = setUp({ maxConcurrent: 1, maxWait: 1_000 });
  const caller = new AbortController();
  call('a');
  call('b', { signal: caller.signal });
  caller.abort('enough');
  await clock.advance(0);
  assert.deepEqual(log, ['a runs', 'b: enough']);
  assert.deepEqual([gate.queued, clock.pending], [0, 0]);
});

test('keeps a place taken until the task has settled, also when nobody waits for it any more [80]', async () => {
  const { clock, call, end, gate, log } = setUp({ maxConcurrent: 1 });
  const caller = new AbortController();
  call('a', { signal: caller.signal });
  call('b');
  caller.abort('enough');
  await clock.advance(0);
  assert.deepEqual([gate.running, gate.queued], [1, 1]);
  await end('a');
  assert.deepEqual(log, ['a runs', 'a: enough', 'b runs']);
});

test('releases the place whatever becomes of the task [80]', async () => {
  const gate = shed({ maxConcurrent: 1 });
  const tasks = [
    () => 1,
    async () => 1,
    () => {
      throw new Error('no');
    },
    () => Promise.reject(undefined),
  ];
  for (const task of tasks) {
    await gate.execute(task).catch(() => {});
    const both = [gate.execute(() => new Promise((resolve) => setImmediate(resolve))), gate.execute(task)];
    await Promise.allSettled(both);
    assert.deepEqual([gate.running, gate.queued], [0, 0]);
  }
});

test('runs who has waited in the async context of his call [81]', async () => {
  const storage = new AsyncLocalStorage<string>();
  const gate = shed({ maxConcurrent: 1 });
  const seen: (string | undefined)[] = [];
  const call = (name: string) => storage.run(name, () => gate.execute(async () => void seen.push(storage.getStore())));
  await Promise.all(['a', 'b', 'c'].map(call));
  assert.deepEqual(seen, ['a', 'b', 'c']);
});

test('rejects with a kind of RejectedError that says who speaks', async () => {
  const gate = shed({ maxConcurrent: 1, maxQueued: 0, name: 'render' });
  const first = gate.execute(() => new Promise((resolve) => setImmediate(resolve)));
  await assert.rejects(
    gate.execute(() => {}),
    (error) =>
      error instanceof ShedError &&
      error instanceof RejectedError &&
      error.code === 'ERR_SHED' &&
      error.name === 'render' &&
      error.message === 'shed: full',
  );
  await first;
});

test('with no time to wait nobody does', async () => {
  const { clock, log, call } = setUp({ maxConcurrent: 1, maxWait: 0 });
  call('a');
  call('b');
  await clock.advance(0);
  assert.deepEqual(log, ['a runs', 'b: shed: expired']);
});

test('who hears that a call was given up, and calls again, takes nobody’s place', async () => {
  const clock = new ManualClock();
  const detector = new Switch();
  let most = 0;
  let again = 3;
  const gate: Shed = shed({
    maxConcurrent: 1,
    maxQueued: 2,
    clock,
    detector,
    onEvent({ type }) {
      if (type === 'rejected' && again-- > 0) gate.execute(task, { priority: 1 }).catch(() => {});
      most = Math.max(most, gate.running + gate.queued);
    },
  });
  let ran = 0;
  const task = async (): Promise<void> => {
    assert.equal(gate.running, 1);
    ran++;
    await new Promise<void>((resolve) => clock.schedule(10, resolve));
  };
  for (let i = 0; i < 3; i++) gate.execute(task).catch(() => {});
  detector.sheds = 1;
  await clock.advance(100);
  gate.execute(task).catch(() => {});
  for (const deadline of [105, 106]) gate.execute(task, { deadline }).catch(() => {});
  await clock.advance(100);
  assert.deepEqual([most <= 3, ran > 3, gate.running, gate.queued], [true, true, 0, 0]);
});

test('starts shared work for as long as somebody who waits for it has time', async () => {
  const clock = new ManualClock();
  const gate = shed({ maxConcurrent: 1, clock });
  const policy = pipeline(coalesce().for('key'), gate);
  for (const deadlines of [[50], [50, 500]]) {
    void gate.execute(() => new Promise<void>((resolve) => clock.schedule(100, resolve)));
    const began = clock.now();
    const calls = deadlines.map((deadline) => watched(policy.execute(() => 'it', { deadline: began + deadline })));
    await clock.advance(100);
    for (const { now } of calls)
      if (deadlines.length === 2) assert.deepEqual(now, { value: 'it' });
      else assert.ok((now as { error: unknown }).error instanceof ShedError);
  }
});

test('a detector that throws is reported, and gives nobody up', async () => {
  const detector = new Switch();
  const { log, gate, call, end } = setUp({ maxConcurrent: 1, detector });
  for (const name of ['a', 'b', 'c']) call(name);
  detector.shouldShed = () => {
    throw new Error('broken');
  };
  await end('a');
  await end('b');
  await end('c');
  call('d');
  await end('d');
  assert.deepEqual(log, ['a runs', 'b runs', 'c runs', 'd runs']);
  assert.deepEqual([gate.running, gate.queued], [0, 0]);
  assert.deepEqual(
    reported.splice(0).map((error) => (error as Error).message),
    ['broken', 'broken', 'broken'],
  );
});

test('a listener that throws changes nothing [101]', async () => {
  const clock = new ManualClock();
  const onEvent = () => {
    throw new Error('listener');
  };
  const gate = shed({ maxConcurrent: 1, maxQueued: 1, clock, onEvent });
  let end = (): void => {};
  const first = gate.execute(() => new Promise<void>((resolve) => (end = resolve)));
  const second = gate.execute(() => 'second');
  await assert.rejects(
    gate.execute(() => 'third'),
    ShedError,
  );
  end();
  await first;
  assert.equal(await second, 'second');
  assert.deepEqual([gate.running, gate.queued, reported.splice(0).length], [0, 0, 2]);
});

test('refuses options that make no sense, and changes none [7]', () => {
  for (const [options, error] of [
    [{}, TypeError],
    [{ maxConcurrent: 0 }, RangeError],
    [{ maxConcurrent: NaN }, RangeError],
    [{ maxConcurrent: 1, maxQueued: -1 }, RangeError],
    [{ maxConcurrent: 1, maxWait: NaN }, RangeError],
    [{ maxConcurrent: 1, order: 'random' }, RangeError],
    [{ maxConcurrent: 1, detector: {} }, TypeError],
    [{ maxConcurrent: 1, clock: {} }, TypeError],
    [{ maxConcurrent: 1, onEvent: 1 }, TypeError],
    [{ maxConcurrent: 1, maxQueue: 1 }, TypeError],
  ] as const) {
    assert.throws(() => shed(options as unknown as ShedOptions), error, JSON.stringify(options));
  }
  shed(Object.freeze({ maxConcurrent: 1, maxQueued: undefined }));
});
