import assert from 'node:assert/strict';
import { test } from 'vitest';
import { BulkheadFullError, RejectedError, ShedError } from '../../src/core/errors.ts';
import type { Classify } from '../../src/core/outcome.ts';
import { pipeline } from '../../src/core/pipeline.ts';
import { bulkhead } from '../../src/policies/bulkhead.ts';
import { type ThrottleEvent, type ThrottleOptions, throttle } from '../../src/policies/throttle.ts';
import { timeout } from '../../src/policies/timeout.ts';
import { ManualClock } from '../../src/testing/manual-clock.ts';
import { seededRandom } from '../../src/testing/seeded-random.ts';
import { reported } from '../core/support.ts';

const fail = (): Promise<never> => Promise.reject(new Error('503'));
const ok = async (): Promise<string> => 'ok';

/** A throttle whose chance is set by hand: at 1 nobody is turned away. */
function setUp(options: ThrottleOptions = {}) {
  const clock = new ManualClock();
  const events: ThrottleEvent[] = [];
  const chance = { next: 1 };
  const policy = throttle({ clock, random: () => chance.next, onEvent: (event) => events.push(event), ...options });
  const probability = (priority?: number): number => policy.rejectionProbability(clock.now(), priority);
  return { clock, chance, events, policy, probability };
}

test('turns calls away with the stated probability, counts them as requests, and never runs their tasks', async () => {
  const { chance, events, policy, probability } = setUp();
  for (let i = 0; i < 3; i++) await assert.rejects(policy.execute(fail), { message: '503' });
  assert.equal(probability(), 3 / 4);
  chance.next = 0.75;
  assert.equal(await policy.execute(ok), 'ok');
  assert.equal(probability(), 2 / 5);
  chance.next = 0.399;
  let ran = false;
  await assert.rejects(
    policy.execute(() => (ran = true)),
    (error) =>
      error instanceof ShedError &&
      error instanceof RejectedError &&
      error.name === 'throttle' &&
      error.retryAfter === undefined,
  );
  assert.equal(ran, false);
  assert.equal(probability(), 3 / 6);
  assert.deepEqual(events, [{ type: 'rejected', name: 'throttle', priority: 0, probability: 2 / 5 }]);
});

test('a call counts once its outcome is known: a first rush of them turns nobody away', async () => {
  const { clock, chance, policy, probability } = setUp();
  chance.next = 0;
  const calls = Array.from({ length: 50 }, () =>
    policy.execute(() => new Promise<void>((resolve) => clock.schedule(10, resolve))),
  );
  assert.equal(probability(), 0);
  await clock.advance(10);
  await Promise.all(calls);
  assert.equal(policy.idle, false);
  assert.equal(probability(), 0);
});

test('counts each priority by itself', async () => {
  const { policy, probability } = setUp();
  await assert.rejects(policy.execute(fail, { priority: -1 }));
  await policy.execute(ok, { priority: 1 });
  assert.deepEqual([probability(-1), probability(), probability(1)], [1 / 2, 0, 0]);
});

test('does not count what says nothing: aborts, rejections further in, what the caller gave up, what classify ignores', async () => {
  const classify: Classify = (outcome) =>
    !outcome.ok && (outcome.error as Error).message === '404' ? 'ignore' : 'failure';
  const { policy, clock } = setUp();
  const caller = new AbortController();
  const given = policy.execute(() => new Promise(() => {}), { signal: caller.signal });
  caller.abort('enough');
  await assert.rejects(given, (reason) => reason === 'enough');
  await assert.rejects(policy.execute(() => Promise.reject(new DOMException('stop', 'AbortError'))));
  const gate = bulkhead({ maxConcurrent: 1, clock });
  const first = gate.execute(() => new Promise<void>((resolve) => clock.schedule(10, resolve)));
  await assert.rejects(pipeline(policy, gate).execute(ok), BulkheadFullError);
  await clock.advance(10);
  await first;
  assert.equal(policy.idle, true);
  const other = setUp({ classify });
  await assert.rejects(other.policy.execute(() => Promise.reject(new Error('404'))));
  assert.equal(other.policy.idle, true);
  await assert.rejects(other.policy.execute(fail));
  assert.equal(other.policy.idle, false);
});

test('counts a timeout inside as a call that was not accepted', async () => {
  const { policy, clock, probability } = setUp();
  const guarded = pipeline(policy, timeout({ duration: 10, clock }));
  const call = assert.rejects(guarded.execute(() => new Promise(() => {})));
  await clock.advance(10);
  await call;
  assert.equal(probability(), 1 / 2);
});

test('reports a classify that gives no verdict, and does not count its calls', async () => {
  const { policy } = setUp({ classify: (async () => 'success') as unknown as Classify });
  assert.equal(await policy.execute(ok), 'ok');
  assert.match(String(reported.splice(0)), /throttle: classify gave/);
  assert.equal(policy.idle, true);
});

test('is idle once its window has passed', async () => {
  const { policy, clock } = setUp({ window: 1_000 });
  assert.equal(policy.idle, true);
  await assert.rejects(policy.execute(fail));
  assert.equal(policy.idle, false);
  await clock.advance(1_000);
  assert.equal(policy.idle, true);
});

test('turns nobody away on fewer calls than minCalls', async () => {
  const { policy, probability } = setUp({ minCalls: 10 });
  for (let i = 0; i < 9; i++) await assert.rejects(policy.execute(fail));
  assert.equal(probability(), 0);
  await assert.rejects(policy.execute(fail));
  assert.equal(probability(), 10 / 11);
});

test('sends k calls for each that is accepted, within 5 %, and all of them again once the trouble is over', async () => {
  for (const k of [1.5, 2, 3]) {
    const seed = Math.round(100 * k);
    const random = seededRandom(seed);
    const clock = new ManualClock();
    const window = 10_000;
    const policy = throttle({ k, window, clock, random });
    /** Calls the other side gets, and accepts: at most `capacity` in each tenth of a second. */
    const run = async (duration: number, capacity: number): Promise<{ sent: number; accepted: number }> => {
      let sent = 0;
      let accepted = 0;
      for (let time = 0; time < duration; time += 100) {
        let room = capacity;
        for (let i = 0; i < 100; i++) {
          const task = (): void => {
            sent++;
            if (room-- <= 0) throw new Error('503');
            accepted++;
          };
          await policy.execute(task).catch(() => {});
        }
        await clock.advance(100);
      }
      return { sent, accepted };
    };
    await run(3 * window, 20);
    const { sent, accepted } = await run(2 * window, 20);
    assert.ok(Math.abs(sent / accepted / k - 1) < 0.05, `k = ${k}, seed ${seed}: ${sent} sent, ${accepted} accepted`);
    // The smaller k, the more slowly it dares.
    await run(k < 2 ? 4 * window : window, Infinity);
    assert.equal(policy.rejectionProbability(clock.now()), 0, `k = ${k}, seed ${seed}`);
  }
});

test('refuses options that make no sense [7]', () => {
  for (const [options, error] of [
    [{ k: 0.9 }, RangeError],
    [{ k: NaN }, RangeError],
    [{ k: Infinity }, RangeError],
    [{ window: 0 }, RangeError],
    [{ window: NaN }, RangeError],
    [{ minCalls: 0 }, RangeError],
    [{ classify: 'all' }, TypeError],
    [{ random: 1 }, TypeError],
    [{ clock: {} }, TypeError],
    [{ ratio: 2 }, TypeError],
    [null, TypeError],
  ] as const) {
    assert.throws(() => throttle(options as unknown as ThrottleOptions), error, JSON.stringify(options));
  }
});

test('asked about no time at all, it says so and goes on counting', async () => {
  const { clock, policy, probability } = setUp();
  for (let i = 0; i < 3; i++) await assert.rejects(policy.execute(fail));
  for (const now of [NaN, Infinity, -Infinity])
    assert.throws(() => policy.rejectionProbability(now), { name: 'RangeError', message: /throttle: now must be/ });
  assert.throws(() => policy.rejectionProbability('0' as unknown as number), TypeError);
  assert.equal(probability(), 3 / 4);
  await clock.advance(120_000);
  assert.equal(probability(), 0);
  assert.equal(policy.idle, true);
});
