import assert from 'node:assert/strict';
import { test } from 'vitest';
import { constant } from '../../src/algorithms/backoff.ts';
import { consecutiveFailures } from '../../src/algorithms/trip-rules.ts';
import { onListenerError } from '../../src/core/events.ts';
import { held } from '../../src/core/held.ts';
import { guard, pipeline } from '../../src/core/pipeline.ts';
import { bulkhead } from '../../src/policies/bulkhead.ts';
import { circuitBreaker } from '../../src/policies/circuit-breaker.ts';
import { fallback } from '../../src/policies/fallback.ts';
import { retry } from '../../src/policies/retry.ts';
import { timeout } from '../../src/policies/timeout.ts';
import { ManualClock } from '../../src/testing/manual-clock.ts';
import { deferred, scribe, shown, turn } from './support.ts';

// What random pipelines have found (fused.property.test.ts, nothing-left.property.test.ts), one plain test for each.

test('a permit that holds does not wait for the work of later tries [R7, 80]', async () => {
  const clock = new ManualClock();
  const { guard, log } = scribe();
  const works = [deferred(), deferred()];
  const policy = pipeline(
    retry({ maxAttempts: 2, backoff: constant({ delay: 10 }), clock }),
    guard('holding', { holds: true }),
    timeout({ duration: 10, clock }),
  );
  const rejected = assert.rejects(policy.execute(({ attempt }) => works[attempt - 1]!.promise));
  await clock.advance(30);
  await rejected;
  assert.deepEqual(log.splice(0), ['holding in', 'holding in']);
  works[0]!.resolve('late');
  await turn();
  assert.equal(log.length, 1);
  works[1]!.resolve('late');
  await turn();
  assert.equal(log.length, 2);
});

test('a slot is held for work abandoned further in also where a guard that watches lies between [R7, 80]', async () => {
  const clock = new ManualClock();
  const work = deferred();
  const slots = bulkhead({ maxConcurrent: 1, clock });
  const outer = pipeline(slots, guard({ watch() {} }));
  const inner = timeout({ duration: 10, clock });
  const rejected = assert.rejects(outer.execute((context) => inner.execute(() => work.promise, context)));
  await clock.advance(10);
  await rejected;
  assert.equal(slots.running, 1);
  work.resolve('late');
  await turn();
  assert.equal(slots.running, 0);
});

test('a breaker inside a cooperative timeout sees nothing of a task, or a wait, that has heeded it [R8, 44]', async () => {
  const clock = new ManualClock();
  const patient = timeout({ duration: 10, mode: 'cooperative', clock });
  const make = () => circuitBreaker({ trip: consecutiveFailures({ count: 1 }), clock });
  const breaker = make();
  const nested = make();
  const slow = guard({ enter: () => new Promise<void>((resolve) => clock.schedule(50, resolve)) });
  const calls = [
    pipeline(patient, breaker).execute(
      ({ signal }) =>
        new Promise((_, reject) => {
          signal.addEventListener('abort', () => reject(signal.reason));
        }),
    ),
    patient.execute((outer) => nested.execute((inner) => slow.execute(() => 'value', inner), outer)),
  ];
  const rejected = calls.map((call) => assert.rejects(call, { code: 'ERR_TIMEOUT' }));
  await clock.advance(100);
  await Promise.all(rejected);
  assert.equal(breaker.state, 'closed');
  assert.equal(nested.state, 'closed');
});

test('what comes late is heard by the guard that stopped it, not by one that stopped its call later [R6, 46]', async () => {
  const clock = new ManualClock();
  const { guard, log } = scribe();
  const work = deferred();
  const stopping = (name: string, after: number) =>
    guard(name, {
      watch: (call) => void clock.schedule(after, () => call.stop(new Error(name))),
      late: (outcome) => log.push(`${name} late: ${shown(outcome)}`),
    });
  const slowly = fallback({ with: () => new Promise(() => {}) });
  const rejected = assert.rejects(
    pipeline(stopping('outer', 20), slowly, stopping('inner', 10)).execute(() => work.promise),
    { message: 'outer' },
  );
  await clock.advance(20);
  await rejected;
  log.length = 0;
  work.resolve('value');
  await turn();
  assert.deepEqual(log, ['inner late: value value']);
});

test('a late value of a try is disposed also when a later try has handed on a body [R6, R11]', async () => {
  const clock = new ManualClock();
  const work = deferred();
  let disposed = 0;
  const policy = pipeline(
    retry({ maxAttempts: 2, backoff: constant({ delay: 10 }), clock }),
    timeout({ duration: 10, clock }),
  );
  const call = policy.execute<unknown>(({ attempt }) =>
    attempt === 1 ? work.promise : held('value', new Promise(() => {})),
  );
  await clock.advance(25);
  assert.equal(await call, 'value');
  work.resolve({ [Symbol.dispose]: () => disposed++ });
  await turn();
  assert.equal(disposed, 1);
});

test('of two guards that wait for one task the first to ask is obeyed, and no error is its own cause [R8, 43]', async () => {
  const clock = new ManualClock();
  const events: string[] = [];
  const patient = (name: string, duration: number) =>
    timeout({ name, duration, mode: 'cooperative', clock, onEvent: (event) => events.push(`${name} ${event.type}`) });
  const call = pipeline(patient('outer', 10), patient('inner', 20)).execute(
    ({ signal }) => new Promise((_, reject) => clock.schedule(30, () => reject(signal.reason))),
  );
  const rejected = assert.rejects(call, (error) => (error as Error).name === 'outer' && !(error as Error).cause);
  await clock.advance(30);
  await rejected;
  assert.deepEqual(events, ['outer timeout']);
});

test('a body handed on to guards that only wait for the task to stop is let go of at once [R8, R11]', async () => {
  const clock = new ManualClock();
  const { guard, log } = scribe();
  const patient = timeout({ duration: 10, mode: 'cooperative', clock });
  const rejected = assert.rejects(
    patient.execute((context) =>
      guard('inner').execute(
        () => new Promise((resolve) => clock.schedule(20, () => resolve(held('v', new Promise(() => {}))))),
        context,
      ),
    ),
    { code: 'ERR_TIMEOUT' },
  );
  await clock.advance(20);
  await rejected;
  assert.deepEqual(log, ['inner in', 'inner out: value v']);
});

test('a leave, a late or a watch that gives a promise which rejects is reported, and ends nobody [101, R9]', async () => {
  const told: unknown[] = [];
  const before = onListenerError((error) => told.push(error));
  try {
    const bad = (what: string) => async () => Promise.reject(what);
    const policy = guard({ enter() {}, leave: bad('leave'), watch: bad('watch') });
    assert.equal(await policy.execute(async () => 1), 1);
    assert.equal(await policy.execute(() => 1), 1);
    assert.equal(await guard({ enter() {}, leave: bad('alone') }).execute(async () => 1), 1);
    assert.equal(await policy.execute(async () => 1, { priority: 1 }), 1);
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(told.map(String).sort(), ['alone', 'leave', 'leave', 'leave', 'watch', 'watch']);
  } finally {
    onListenerError(before);
  }
});

test('options of a call that are none, and a signal that is none, are refused by name [7]', async () => {
  const call = (options: unknown) => pipeline().execute(() => 1, options as { priority: number });
  await assert.rejects(call(null), /execute: options must be an object, got null/);
  await assert.rejects(call({ signal: null }), /execute: signal must be an AbortSignal, got null/);
});
