import assert from 'node:assert/strict';
import { test } from 'vitest';
import { constant, exponential, noJitter } from '../../src/algorithms/backoff.ts';
import {
  anyOf,
  consecutiveFailures,
  failureRatio,
  slowCallRatio,
  type TripRule,
} from '../../src/algorithms/trip-rules.ts';
import { CircuitOpenError, RejectedError, TimeoutError } from '../../src/core/errors.ts';
import { onListenerError } from '../../src/core/events.ts';
import { guard, pipeline } from '../../src/core/pipeline.ts';
import {
  type CircuitBreaker,
  type CircuitBreakerEvent,
  type CircuitBreakerOptions,
  circuitBreaker,
} from '../../src/policies/circuit-breaker.ts';
import { retry } from '../../src/policies/retry.ts';
import { timeout } from '../../src/policies/timeout.ts';
import { ManualClock } from '../../src/testing/manual-clock.ts';
import published from '../vectors/circuit-breaker.json' with { type: 'json' };

const ok = (): Promise<string> => Promise.resolve('ok');
const down = new Error('down');
const fail = (): Promise<never> => Promise.reject(down);
const rejected = (error: unknown): boolean => error instanceof CircuitOpenError;

/** A breaker that opens at the first failure, for a second, unless told otherwise; its clock; and what it has told. */
function subject(options: CircuitBreakerOptions = {}) {
  const clock = new ManualClock({ start: 1_000 });
  const events: CircuitBreakerEvent[] = [];
  const breaker = circuitBreaker({
    trip: consecutiveFailures({ count: 1 }),
    openDuration: 1_000,
    clock,
    onEvent: (event) => events.push(event),
    ...options,
  });
  return { clock, events, breaker, edges: () => events.map(({ type }) => type).filter((type) => type !== 'rejected') };
}

/** A call under way, that ends when told to. */
function calling(breaker: CircuitBreaker, options?: { signal: AbortSignal }) {
  let end: { resolve(value: unknown): void; reject(error: unknown): void } | undefined;
  let calls = 0;
  const result = breaker.execute(() => {
    calls++;
    return new Promise((resolve, reject) => {
      end = { resolve, reject };
    });
  }, options);
  result.catch(() => {});
  return {
    result,
    get ran() {
      return calls === 1;
    },
    async succeed() {
      end?.resolve('ok');
      await result;
    },
    async fail(error: unknown = down) {
      end?.reject(error);
      await assert.rejects(result);
    },
  };
}

async function halfOpen(options: CircuitBreakerOptions = {}) {
  const made = subject(options);
  made.breaker.open();
  await made.clock.advance(1_000);
  assert.equal(made.breaker.state, 'half-open');
  return made;
}

// ---- closed

test('opens when the rule holds, and the call that opens it gets its own error [54]', async () => {
  const { breaker, edges } = subject({ trip: consecutiveFailures({ count: 2 }) });
  await assert.rejects(breaker.execute(fail), (error) => error === down);
  assert.equal(breaker.state, 'closed');
  await assert.rejects(breaker.execute(fail), (error) => error === down);
  assert.equal(breaker.state, 'open');
  assert.deepEqual(edges(), ['open']);
});

test('by default half of 20 calls or more must have failed within ten seconds [54, 67, O8]', async () => {
  const clock = new ManualClock();
  const breaker = circuitBreaker({ clock });
  for (let call = 0; call < 19; call++) await assert.rejects(breaker.execute(fail));
  assert.equal(breaker.state, 'closed');
  await clock.advance(10_000);
  for (let call = 0; call < 10; call++) await breaker.execute(ok);
  for (let call = 0; call < 9; call++) await assert.rejects(breaker.execute(fail));
  assert.equal(breaker.state, 'closed');
  await assert.rejects(breaker.execute(fail), down);
  assert.equal(breaker.state, 'open');
});

test('a success may be the call that makes the rule hold, and is its caller’s all the same [54]', async () => {
  const { breaker } = subject({ trip: failureRatio({ window: { calls: 4 }, minCalls: 4 }) });
  for (const task of [fail, fail, ok]) await breaker.execute<unknown>(task).catch(() => {});
  assert.equal(breaker.state, 'closed');
  assert.equal(await breaker.execute(ok), 'ok');
  assert.equal(breaker.state, 'open');
  // What it says led here is the last failure.
  await assert.rejects(breaker.execute(ok), (error) => error instanceof CircuitOpenError && error.cause === down);
});

test('a success of an earlier closed circuit does not reset the count of this one [68]', async () => {
  const { breaker } = subject({ trip: consecutiveFailures({ count: 2 }) });
  const early = calling(breaker);
  breaker.close();
  await assert.rejects(breaker.execute(fail));
  await early.succeed();
  assert.equal(breaker.state, 'closed');
  await assert.rejects(breaker.execute(fail));
  assert.equal(breaker.state, 'open');
});

test('aborts and rejections from further in count neither for nor against [61, 62, O3]', async () => {
  const { breaker } = subject({ trip: consecutiveFailures({ count: 2 }) });
  const full = new RejectedError({ name: 'inner', message: 'full' });
  const abort = new DOMException('stop', 'AbortError');
  await assert.rejects(breaker.execute(fail));
  for (const error of [full, abort, full, abort])
    await assert.rejects(
      breaker.execute(() => Promise.reject(error)),
      (e) => e === error,
    );
  assert.equal(breaker.state, 'closed');
  await assert.rejects(breaker.execute(fail));
  assert.equal(breaker.state, 'open');
});

test('an inner breaker that is open, or a guard that is full, does not open an outer one [62, O3]', async () => {
  const outer = subject();
  const inner = subject();
  inner.breaker.open();
  const both = pipeline(outer.breaker, inner.breaker);
  for (let call = 0; call < 3; call++) await assert.rejects(both.execute(ok), rejected);
  assert.equal(outer.breaker.state, 'closed');
  const full = guard({ enter: () => new RejectedError({ name: 'full', message: 'full' }) });
  for (let call = 0; call < 3; call++) await assert.rejects(pipeline(outer.breaker, full).execute(ok));
  assert.equal(outer.breaker.state, 'closed');
});

test('classify decides what a failure is, of values too [61]', async () => {
  const { breaker } = subject({
    classify: (outcome) => (!outcome.ok ? 'ignore' : outcome.value === 503 ? 'failure' : 'success'),
  });
  await assert.rejects(breaker.execute(fail));
  assert.equal(breaker.state, 'closed');
  assert.equal(await breaker.execute(() => 503), 503);
  assert.equal(breaker.state, 'open');
  await assert.rejects(breaker.execute(ok), (error) => error instanceof CircuitOpenError && error.cause === 503);
});

test('counts synchronous throws, whatever is thrown, and any value as a success [58, O1]', async () => {
  const { breaker } = subject({ trip: consecutiveFailures({ count: 2 }) });
  for (const value of [undefined, null, 0, '', false]) assert.equal(await breaker.execute(() => value), value);
  for (let call = 0; call < 2; call++) {
    await assert.rejects(
      breaker.execute(() => {
        throw undefined;
      }),
      (error) => error === undefined,
    );
  }
  assert.equal(breaker.state, 'open');
});

test('an hour of silence clears the window [63, K16]', async () => {
  const { breaker, clock } = subject({ trip: failureRatio({ window: { duration: 5_000 }, minCalls: 3 }) });
  for (let call = 0; call < 2; call++) await assert.rejects(breaker.execute(fail));
  await clock.advance(3_600_000);
  await assert.rejects(breaker.execute(fail));
  assert.equal(breaker.state, 'closed');
});

test('two breakers with the same options share nothing, two pipelines with one breaker its state [9, K20]', async () => {
  const options: CircuitBreakerOptions = Object.freeze({ trip: consecutiveFailures({ count: 2 }) });
  const [one, other] = [circuitBreaker(options), circuitBreaker(options)];
  await assert.rejects(one.execute(fail));
  await assert.rejects(other.execute(fail));
  assert.deepEqual([one.state, other.state], ['closed', 'closed']);
  await assert.rejects(pipeline(one).execute(fail));
  assert.deepEqual([one.state, other.state], ['open', 'closed']);
  await assert.rejects(pipeline(one).execute(ok), rejected);
});

test('a rule of one’s own is told the time, and of each call whether it failed [54]', async () => {
  const seen: unknown[] = [];
  const trip: TripRule = () => ({
    record(failed, now, took) {
      seen.push([failed, now, took]);
      return seen.length === 3;
    },
  });
  const { breaker, clock } = subject({ trip });
  await breaker.execute(ok);
  await clock.advance(10);
  await assert.rejects(breaker.execute(fail));
  assert.equal(breaker.snapshot().state, 'closed');
  await breaker.execute(ok);
  assert.equal(breaker.state, 'open');
  assert.deepEqual(seen, [
    [false, 1_000, Number.NaN],
    [true, 1_010, Number.NaN],
    [false, 1_010, Number.NaN],
  ]);
});

// ---- slow calls

test('times calls from admission to their end, also those that succeed [74]', async () => {
  const { breaker, clock } = subject({ trip: slowCallRatio({ slowerThan: 100, window: { calls: 2 }, minCalls: 2 }) });
  const [quick, slow, slower] = [calling(breaker), calling(breaker), calling(breaker)];
  await clock.advance(100);
  await quick.succeed();
  await clock.advance(1);
  await slow.succeed();
  assert.equal(breaker.state, 'open');
  // The rest of that era counts no more.
  await slower.fail();
  await clock.advance(1_000);
  assert.equal(breaker.state, 'half-open');
});

test('a probe as long as the limit is not slow yet [74]', async () => {
  const { breaker, clock } = await halfOpen({
    trip: slowCallRatio({ slowerThan: 100, window: { calls: 1 }, minCalls: 1 }),
  });
  const probe = calling(breaker);
  await clock.advance(100);
  await probe.succeed();
  assert.equal(breaker.state, 'closed');
});

test('a probe that is slow has failed, where calls are timed [74]', async () => {
  const { breaker, clock, edges } = await halfOpen({
    trip: slowCallRatio({ slowerThan: 100, window: { calls: 1 }, minCalls: 1 }),
  });
  const probe = calling(breaker);
  await clock.advance(101);
  await probe.succeed();
  assert.equal(breaker.state, 'open');
  await clock.advance(1_000);
  await breaker.execute(ok);
  assert.equal(breaker.state, 'closed');
  assert.deepEqual(edges(), ['open', 'half-open', 'open', 'half-open', 'closed']);
});

// ---- open

test('while open the task is not called, and the caller is told for how long and why [55]', async () => {
  const { breaker, clock } = subject();
  await assert.rejects(breaker.execute(fail));
  await clock.advance(400);
  let calls = 0;
  const errors: unknown[] = [];
  for (let call = 0; call < 2; call++) await breaker.execute(() => calls++).catch((error) => errors.push(error));
  assert.equal(calls, 0);
  assert.notEqual(errors[0], errors[1]);
  for (const error of errors) {
    assert.ok(error instanceof CircuitOpenError);
    assert.ok(error instanceof RejectedError);
    const { code, name, message, retryAfter, cause } = error;
    assert.deepEqual(
      { code, name, message, retryAfter, cause },
      {
        code: 'ERR_CIRCUIT_OPEN',
        name: 'circuitBreaker',
        message: 'the circuit is open',
        retryAfter: 600,
        cause: down,
      },
    );
  }
});

test('waiting for as long as the error says is enough, and no shorter [55, 56]', async () => {
  const { breaker, clock } = subject();
  breaker.open();
  await clock.advance(999);
  assert.equal(breaker.state, 'open');
  await assert.rejects(breaker.execute(ok), (error) => error instanceof CircuitOpenError && error.retryAfter === 1);
  await clock.advance(1);
  assert.equal(await breaker.execute(ok), 'ok');
});

test('the first rejection of each period has a stack, the others where that is asked for [55]', async () => {
  const stacks = async (breaker: CircuitBreaker): Promise<boolean[]> => {
    const found: boolean[] = [];
    for (let call = 0; call < 3; call++)
      await breaker.execute(ok).catch((error) => found.push(/\n +at /.test(error.stack)));
    return found;
  };
  const { breaker, clock } = subject();
  breaker.open();
  assert.deepEqual(await stacks(breaker), [true, false, false]);
  await clock.advance(1_000);
  await assert.rejects(breaker.execute(fail));
  assert.deepEqual(await stacks(breaker), [true, false, false]);
  const all = subject({ captureStack: true }).breaker;
  all.open();
  assert.deepEqual(await stacks(all), [true, true, true]);
});

test('makes no timer, and half opens when it is next asked, by a call or a look [56, 103]', async () => {
  const { breaker, clock, edges } = subject();
  await assert.rejects(breaker.execute(fail));
  assert.equal(clock.pending, 0);
  await clock.advance(3_600_000);
  assert.deepEqual(edges(), ['open']);
  assert.equal(breaker.state, 'half-open');
  assert.deepEqual(edges(), ['open', 'half-open']);
  assert.equal(clock.pending, 0);
});

test('looking at the state takes no probe’s place [56]', async () => {
  const { breaker } = await halfOpen();
  for (let look = 0; look < 10; look++) assert.equal(breaker.state, 'half-open');
  const probe = calling(breaker);
  assert.equal(breaker.state, 'half-open');
  assert.ok(probe.ran);
});

test('results that arrive while it is open change nothing [69]', async () => {
  const { breaker, clock, edges } = subject();
  const [early, late] = [calling(breaker), calling(breaker)];
  await assert.rejects(breaker.execute(fail));
  await clock.advance(900);
  await early.fail(Object.assign(new Error('busy'), { retryAfter: 60_000 }));
  await late.succeed();
  assert.equal(breaker.state, 'open');
  await clock.advance(100);
  assert.equal(breaker.state, 'half-open');
  assert.deepEqual(edges(), ['open', 'half-open']);
});

test('stays open for 2^31 ms and longer, if it is told to [51, O9]', async () => {
  for (const openDuration of [2 ** 31, 2 ** 40, Infinity]) {
    const { breaker, clock } = subject({ openDuration });
    breaker.open();
    await clock.advance(1);
    assert.equal(breaker.state, 'open');
    await clock.advance(2 ** 31 - 2);
    assert.equal(breaker.state, 'open');
    await clock.advance(1);
    assert.equal(breaker.state, openDuration === 2 ** 31 ? 'half-open' : 'open');
  }
});

test('a clock that steps back does not keep it open for longer than its time from then [66, K17]', async () => {
  const { breaker, clock } = subject();
  breaker.open();
  await clock.advance(600);
  clock.jump(-3_600_000);
  await assert.rejects(breaker.execute(ok), (error) => error instanceof CircuitOpenError && error.retryAfter === 1_000);
  await clock.advance(999);
  assert.equal(breaker.state, 'open');
  await clock.advance(1);
  assert.equal(breaker.state, 'half-open');
});

test('nor does a step back of the wall clock matter [66, K17]', async () => {
  const { breaker, clock } = subject();
  breaker.open();
  clock.jumpWall(-3_600_000);
  await clock.advance(1_000);
  assert.equal(breaker.state, 'half-open');
});

test('opens for as long as the backoff says of openings in a row, and anew after a close [70]', async () => {
  const { breaker, clock, events } = subject({
    openDuration: exponential({ initial: 1_000, factor: 2, max: 60_000, jitter: noJitter }),
    maxOpenDuration: 5_000,
  });
  const durations = async (openings: number): Promise<void> => {
    for (let opening = 0; opening < openings; opening++) {
      await assert.rejects(breaker.execute(fail), down);
      const open = events.filter(({ type }) => type === 'open').at(-1);
      assert.ok(open?.type === 'open');
      await clock.advance(open.duration - 1);
      assert.equal(breaker.state, 'open');
      await clock.advance(1);
      assert.equal(breaker.state, 'half-open');
    }
    await breaker.execute(ok);
    assert.equal(breaker.state, 'closed');
  };
  await durations(5);
  await durations(2);
  const told = events.flatMap((event) => (event.type === 'open' ? [event.duration] : []));
  assert.deepEqual(told, [1_000, 2_000, 4_000, 5_000, 5_000, 1_000, 2_000]);
});

test('a backoff is given the opening’s number, what the one before took, and chance; to stop is the longest time [70]', async () => {
  const given: unknown[] = [];
  const answers = [100, -1, Number.NaN, Infinity];
  const random = (): number => 0.5;
  const { breaker, clock } = subject({
    openDuration(opening, previous, chance) {
      given.push([opening, previous, chance === random]);
      return answers[opening - 1] as number;
    },
    maxOpenDuration: 7_000,
    random,
  });
  for (const duration of [100, 7_000, 7_000, 7_000]) {
    await assert.rejects(breaker.execute(fail), down);
    await assert.rejects(
      breaker.execute(ok),
      (error) => error instanceof CircuitOpenError && error.retryAfter === duration,
    );
    await clock.advance(duration);
  }
  assert.deepEqual(given, [
    [1, undefined, true],
    [2, 100, true],
    [3, 7_000, true],
    [4, 7_000, true],
  ]);
});

test('a failure that asks to be left alone for longer is heard, up to the most allowed [70]', async () => {
  for (const [retryAfter, openDuration, expected] of [
    [2_500, 1_000, 2_500],
    [500, 1_000, 1_000],
    [999_999, 1_000, 10_000],
    [Infinity, 1_000, 10_000],
    [-1, 1_000, 1_000],
    [Number.NaN, 1_000, 1_000],
    ['9999', 1_000, 1_000],
    [2_500, constant({ delay: 500 }), 2_500],
    [2_500, 20_000, 20_000],
    [25_000, 20_000, 20_000],
  ] as const) {
    const { breaker } = subject({ openDuration, maxOpenDuration: 10_000 });
    await assert.rejects(breaker.execute(() => Promise.reject(Object.assign(new Error('busy'), { retryAfter }))));
    await assert.rejects(
      breaker.execute(ok),
      (error) => error instanceof CircuitOpenError && error.retryAfter === expected,
    );
  }
});

test('the hint of an earlier failure is over where a success opens it [70]', async () => {
  const { breaker } = subject({ trip: failureRatio({ window: { calls: 2 }, minCalls: 2 }) });
  const busy = Object.assign(new Error('busy'), { retryAfter: 60_000 });
  await assert.rejects(breaker.execute(() => Promise.reject(busy)));
  await breaker.execute(ok);
  await assert.rejects(
    breaker.execute(ok),
    (error) => error instanceof CircuitOpenError && error.retryAfter === 1_000 && error.cause === busy,
  );
});

// ---- half open

test('never lets more probes run at once than it may, and turns the others away [57, K14]', async () => {
  const { breaker, edges } = await halfOpen({ halfOpenCalls: 3 });
  const probes = [calling(breaker), calling(breaker), calling(breaker)];
  const surplus = calling(breaker);
  assert.deepEqual(
    [...probes, surplus].map(({ ran }) => ran),
    [true, true, true, false],
  );
  await assert.rejects(
    surplus.result,
    (error) => error instanceof CircuitOpenError && error.message === 'the circuit is half-open',
  );
  await probes[0]?.succeed();
  // Two run and one has succeeded: that is three, enough to close.
  assert.equal(calling(breaker).ran, false);
  await probes[1]?.succeed();
  assert.equal(breaker.state, 'half-open');
  await probes[2]?.succeed();
  assert.equal(breaker.state, 'closed');
  assert.deepEqual(edges(), ['open', 'half-open', 'closed']);
});

test('one failed probe opens it again, whatever the others give then [59]', async () => {
  const { breaker, clock, edges } = await halfOpen({ halfOpenCalls: 3 });
  const [first, second, third] = [calling(breaker), calling(breaker), calling(breaker)];
  await first.succeed();
  await second.fail();
  assert.equal(breaker.state, 'open');
  await third.succeed();
  assert.equal(breaker.state, 'open');
  await clock.advance(1_000);
  assert.equal(breaker.state, 'half-open');
  assert.deepEqual(edges(), ['open', 'half-open', 'open', 'half-open']);
});

test('what began while it was closed says nothing about a half-open circuit [59, K13, O4]', async () => {
  const { breaker, clock, edges } = subject({ trip: consecutiveFailures({ count: 1 }) });
  const [failing, succeeding] = [calling(breaker), calling(breaker)];
  await assert.rejects(breaker.execute(fail));
  await clock.advance(1_000);
  const probe = calling(breaker);
  await failing.fail();
  await succeeding.succeed();
  assert.equal(breaker.state, 'half-open');
  await probe.succeed();
  assert.equal(breaker.state, 'closed');
  assert.deepEqual(edges(), ['open', 'half-open', 'closed']);
});

test('a probe of one half-open period says nothing about the next [59]', async () => {
  const { breaker, clock } = await halfOpen({ halfOpenCalls: 2 });
  const [stale, failing] = [calling(breaker), calling(breaker)];
  await failing.fail();
  await clock.advance(1_000);
  const [first, second] = [calling(breaker), calling(breaker)];
  await stale.fail();
  assert.equal(breaker.state, 'half-open');
  assert.equal(calling(breaker).ran, false);
  await first.succeed();
  await second.succeed();
  assert.equal(breaker.state, 'closed');
});

test('each probe gives its place back once, however it ends [58, 61, K15]', async () => {
  const ignored = (error: unknown) => (): Promise<never> => Promise.reject(error);
  const { breaker } = await halfOpen();
  for (const task of [
    ignored(new DOMException('stop', 'AbortError')),
    ignored(new RejectedError({ name: 'inner', message: 'full' })),
    () => {
      throw new RejectedError({ name: 'inner', message: 'full' });
    },
  ]) {
    await assert.rejects(breaker.execute(task));
    assert.equal(breaker.state, 'half-open');
  }
  // A caller who has gone is no failure, and no probe.
  const caller = new AbortController();
  const gone = calling(breaker, caller);
  caller.abort();
  await assert.rejects(gone.result, { name: 'AbortError' });
  assert.equal(breaker.state, 'half-open');
  const next = calling(breaker);
  assert.ok(next.ran);
  // What the abandoned one gives later is heard by nobody.
  await gone.fail();
  assert.equal(breaker.state, 'half-open');
  await next.succeed();
  assert.equal(breaker.state, 'closed');
  assert.equal(await breaker.execute(ok), 'ok');
});

test('a caller who goes does not count while it is closed either [61, K15]', async () => {
  const { breaker } = subject({ classify: () => 'failure' });
  const caller = new AbortController();
  const gone = calling(breaker, caller);
  caller.abort();
  await assert.rejects(gone.result);
  await gone.fail();
  assert.equal(breaker.state, 'closed');
});

test('a probe that hangs has failed once its lease is over, and what it gives later changes nothing [60, K14, O5]', async () => {
  const { breaker, clock, edges } = await halfOpen({ probeLease: 5_000 });
  const hung = calling(breaker);
  await clock.advance(4_999);
  assert.equal(calling(breaker).ran, false);
  assert.equal(breaker.state, 'half-open');
  await clock.advance(1);
  assert.equal(breaker.state, 'open');
  await clock.advance(1_000);
  const next = calling(breaker);
  assert.ok(next.ran);
  await hung.succeed();
  assert.equal(breaker.state, 'half-open');
  await next.succeed();
  assert.equal(breaker.state, 'closed');
  assert.deepEqual(edges(), ['open', 'half-open', 'open', 'half-open', 'closed']);
});

test('the circuit opens as of the end of the lease, whenever it is next asked [56, 60]', async () => {
  const { breaker, clock, edges } = await halfOpen({ probeLease: 5_000 });
  calling(breaker);
  await clock.advance(5_400);
  await assert.rejects(breaker.execute(ok), (error) => error instanceof CircuitOpenError && error.retryAfter === 600);
  await clock.advance(600);
  calling(breaker);
  await clock.advance(60_000);
  assert.equal(await breaker.execute(ok), 'ok');
  assert.deepEqual(edges(), ['open', 'half-open', 'open', 'half-open', 'open', 'half-open', 'closed']);
});

test('a result that comes when the lease is over is too late, also if nobody has asked meanwhile [60]', async () => {
  const { breaker, clock } = await halfOpen({ probeLease: 5_000 });
  const hung = calling(breaker);
  await clock.advance(5_000);
  await hung.succeed();
  assert.equal(breaker.state, 'open');
});

test('windows go by the coarse clock, leases and open times by the exact one [56, 60, 63]', async () => {
  class Coarse extends ManualClock {
    override coarse(): number {
      return Math.floor(this.now() / 10_000) * 10_000;
    }
  }
  const clock = new Coarse();
  const trip = failureRatio({ window: { duration: 10_000 }, minCalls: 2 });
  const breaker = circuitBreaker({ trip, openDuration: 1_000, probeLease: 500, clock });
  await clock.advance(1);
  await assert.rejects(breaker.execute(fail));
  await clock.advance(9_999);
  await assert.rejects(breaker.execute(fail));
  await clock.advance(1);
  assert.equal(breaker.state, 'closed');
  await assert.rejects(breaker.execute(fail));
  await clock.advance(1_000);
  const hung = calling(breaker);
  await clock.advance(500);
  await hung.succeed();
  assert.equal(breaker.state, 'open');
});

test('a clock that steps back does not make a lease longer than it is from then [60, 66]', async () => {
  const { breaker, clock } = await halfOpen({ probeLease: 5_000 });
  calling(breaker);
  await clock.advance(4_000);
  clock.jump(-3_600_000);
  assert.equal(breaker.state, 'half-open');
  await clock.advance(4_999);
  assert.equal(breaker.state, 'half-open');
  await clock.advance(1);
  assert.equal(breaker.state, 'open');
});

test('a classify that throws is reported, and the probe’s place is free again [58]', async () => {
  const reported: unknown[] = [];
  const before = onListenerError((error) => reported.push(error));
  try {
    const broken = new Error('broken');
    const verdicts: (() => 'success')[] = [
      () => {
        throw broken;
      },
      () => 'success',
    ];
    const { breaker } = await halfOpen({ classify: () => (verdicts.shift() as () => 'success')() });
    assert.equal(await breaker.execute(ok), 'ok');
    assert.deepEqual(reported, [broken]);
    assert.equal(breaker.state, 'half-open');
    await breaker.execute(ok);
    assert.equal(breaker.state, 'closed');
  } finally {
    onListenerError(before);
  }
});

test('a classify that gives no verdict, or promises one, is reported and not taken for a success [61]', async () => {
  const reported: unknown[] = [];
  const before = onListenerError((error) => reported.push(String(error)));
  try {
    for (const answer of [undefined, 'fail', Promise.resolve('success')]) {
      const { breaker } = await halfOpen({ name: 'users', classify: () => answer as 'success' });
      assert.equal(await breaker.execute(ok), 'ok');
      assert.equal(breaker.state, 'half-open');
      assert.deepEqual(reported.splice(0), [`TypeError: users: classify gave ${answer}`]);
    }
  } finally {
    onListenerError(before);
  }
});

test('a backoff that throws is reported, and the circuit opens for as long as may be [54, 58]', async () => {
  const reported: unknown[] = [];
  const before = onListenerError((error) => reported.push(error));
  try {
    const broken = new Error('broken');
    let healthy = true;
    const { breaker, clock } = await halfOpen({
      probeLease: 5_000,
      maxOpenDuration: 60_000,
      openDuration() {
        if (healthy) return 1_000;
        throw broken;
      },
    });
    healthy = false;
    await assert.rejects(breaker.execute(fail), down);
    assert.deepEqual(reported.splice(0), [broken]);
    await assert.rejects(breaker.execute(ok), { code: 'ERR_CIRCUIT_OPEN', retryAfter: 60_000 });
    await clock.advance(60_000);
    calling(breaker);
    await clock.advance(5_000);
    await assert.rejects(breaker.execute(ok), { code: 'ERR_CIRCUIT_OPEN', retryAfter: 60_000 });
    assert.deepEqual(reported.splice(0), [broken]);
    await clock.advance(60_000);
    assert.equal(await breaker.execute(ok), 'ok');
    assert.equal(breaker.state, 'closed');
  } finally {
    onListenerError(before);
  }
});

// ---- by hand

test('stays isolated until the last handle is released, each of them once [71]', async () => {
  const { breaker, edges } = subject();
  const [one, other] = [breaker.isolate(), breaker.isolate()];
  assert.equal(breaker.state, 'isolated');
  await assert.rejects(
    breaker.execute(ok),
    (error) => error instanceof CircuitOpenError && error.retryAfter === undefined,
  );
  one.release();
  one.release();
  one[Symbol.dispose]();
  assert.equal(breaker.state, 'isolated');
  other[Symbol.dispose]();
  assert.equal(breaker.state, 'closed');
  assert.equal(await breaker.execute(ok), 'ok');
  one.release();
  const again = breaker.isolate();
  other.release();
  assert.equal(breaker.state, 'isolated');
  again.release();
  assert.deepEqual(edges(), ['isolated', 'closed', 'isolated', 'closed']);
});

test('calls under way when it is isolated end as they would, and are not counted [59, 71]', async () => {
  const { breaker } = subject({ trip: consecutiveFailures({ count: 2 }) });
  await assert.rejects(breaker.execute(fail));
  const [during, after] = [calling(breaker), calling(breaker)];
  const handle = breaker.isolate();
  await during.fail();
  assert.equal(breaker.state, 'isolated');
  handle.release();
  await after.succeed();
  // The failure from before is still counted: one more opens it.
  await assert.rejects(breaker.execute(fail));
  assert.equal(breaker.state, 'open');
});

test('is what it was after an isolation: open for the time that is left, half open with new probes [71]', async () => {
  const { breaker, clock, edges } = subject();
  breaker.open();
  await clock.advance(400);
  breaker.isolate().release();
  await assert.rejects(breaker.execute(ok), (error) => error instanceof CircuitOpenError && error.retryAfter === 600);
  const handle = breaker.isolate();
  await clock.advance(600);
  assert.equal(breaker.state, 'isolated');
  handle.release();
  assert.equal(breaker.state, 'half-open');
  const hung = calling(breaker);
  breaker.isolate().release();
  await hung.fail();
  assert.equal(breaker.state, 'half-open');
  await breaker.execute(ok);
  assert.deepEqual(edges(), [
    'open',
    'isolated',
    'open',
    'isolated',
    'open',
    'half-open',
    'isolated',
    'open',
    'half-open',
    'closed',
  ]);
});

test('opened and closed by hand it goes on as by itself, and tells only of changes [73]', async () => {
  const { breaker, clock, edges } = subject({ trip: consecutiveFailures({ count: 2 }) });
  breaker.close();
  breaker.open();
  await clock.advance(400);
  breaker.open();
  await clock.advance(600);
  assert.equal(breaker.state, 'half-open');
  breaker.open();
  assert.equal(breaker.state, 'open');
  breaker.close();
  assert.equal(breaker.state, 'closed');
  await assert.rejects(breaker.execute(fail));
  breaker.close();
  await assert.rejects(breaker.execute(fail));
  assert.equal(breaker.state, 'closed');
  assert.deepEqual(edges(), ['open', 'half-open', 'open', 'closed']);
});

test('opened or closed while isolated it is so afterwards [71, 73]', async () => {
  const { breaker, edges } = subject();
  let handle = breaker.isolate();
  breaker.open();
  assert.equal(breaker.state, 'isolated');
  handle.release();
  assert.equal(breaker.state, 'open');
  handle = breaker.isolate();
  breaker.close();
  handle.release();
  assert.equal(breaker.state, 'closed');
  assert.deepEqual(edges(), ['isolated', 'open', 'isolated', 'closed']);
});

test('opened while isolated it is open afterwards, also where its time was over [71]', async () => {
  for (const look of [true, false]) {
    const { breaker, clock } = subject();
    breaker.open();
    await clock.advance(1_000);
    if (look) assert.equal(breaker.state, 'half-open');
    const handle = breaker.isolate();
    await clock.advance(1_000);
    breaker.open();
    await clock.advance(400);
    handle.release();
    await assert.rejects(breaker.execute(ok), (error) => error instanceof CircuitOpenError && error.retryAfter === 600);
  }
});

test('a listener who isolates it for a moment, when told that it is isolated, ends no isolation but his own [71, 73]', () => {
  const seen: string[] = [];
  const breaker: CircuitBreaker = circuitBreaker({
    onEvent({ type }) {
      seen.push(type);
      if (type === 'isolated') breaker.isolate().release();
    },
  });
  const handle = breaker.isolate();
  assert.equal(breaker.state, 'isolated');
  handle.release();
  assert.equal(breaker.state, 'closed');
  assert.deepEqual(seen, ['isolated', 'closed']);
});

test('a result from before a reset by hand changes nothing [59]', async () => {
  const { breaker } = subject();
  const early = calling(breaker);
  breaker.close();
  await early.fail();
  assert.equal(breaker.state, 'closed');
});

// ---- snapshots

const throughJson = (breaker: CircuitBreaker): ReturnType<CircuitBreaker['snapshot']> =>
  JSON.parse(JSON.stringify(breaker.snapshot()));

test('goes on from a snapshot on another clock, with as much time as was left [72]', async () => {
  const { breaker, clock } = subject({
    openDuration: exponential({ initial: 1_000, factor: 2, max: 60_000, jitter: noJitter }),
  });
  await assert.rejects(breaker.execute(fail));
  await clock.advance(400);
  assert.deepEqual(breaker.snapshot(), {
    state: 'open',
    openings: 1,
    own: 1_000,
    duration: 1_000,
    remaining: 600,
    successes: 0,
  });
  assert.deepEqual(throughJson(breaker), breaker.snapshot());
  const other = subject({
    clock: new ManualClock({ start: 7e9 }),
    restore: throughJson(breaker),
    openDuration: exponential({ initial: 1_000, factor: 2, max: 60_000, jitter: noJitter }),
  });
  await assert.rejects(
    other.breaker.execute(ok),
    (error) => error instanceof CircuitOpenError && error.retryAfter === 600,
  );
});

test('a snapshot keeps the number of openings and the probes that have succeeded, and frees those under way [72]', async () => {
  const openDuration = exponential({ initial: 1_000, factor: 2, max: 60_000, jitter: noJitter });
  const { breaker, clock } = await halfOpen({ halfOpenCalls: 3, openDuration });
  await breaker.execute(ok);
  calling(breaker);
  const restored = circuitBreaker({ restore: throughJson(breaker), clock, halfOpenCalls: 3, openDuration });
  assert.equal(restored.state, 'half-open');
  const probes = [calling(restored), calling(restored), calling(restored)];
  assert.deepEqual(
    probes.map(({ ran }) => ran),
    [true, true, false],
  );
  await probes[0]?.fail();
  await assert.rejects(
    restored.execute(ok),
    (error) => error instanceof CircuitOpenError && error.retryAfter === 2_000,
  );
  // With fewer probes wanted than have succeeded, one more is let through.
  const fewer = circuitBreaker({ restore: throughJson(breaker), clock, trip: consecutiveFailures() });
  assert.equal(await fewer.execute(ok), 'ok');
  assert.equal(fewer.state, 'closed');
});

test('a snapshot of a closed circuit keeps what its rule has counted [72]', async () => {
  const trip = failureRatio({ window: { duration: 10_000 }, minCalls: 3 });
  const { breaker, clock } = subject({ trip });
  assert.deepEqual(breaker.snapshot(), { state: 'closed' });
  assert.ok(breaker.idle);
  await assert.rejects(breaker.execute(fail));
  await clock.advance(5_000);
  await assert.rejects(breaker.execute(fail));
  assert.ok(!breaker.idle);
  const saved = throughJson(breaker);
  const again = (): CircuitBreaker => circuitBreaker({ trip, clock, restore: saved });
  const [soon, late] = [again(), again()];
  await assert.rejects(soon.execute(fail));
  assert.equal(soon.state, 'open');
  await clock.advance(5_000);
  await assert.rejects(late.execute(fail));
  assert.equal(late.state, 'closed');
});

test('a rule that cannot say what it remembers may remember something: its breaker is never idle [104]', async () => {
  const { breaker } = subject({
    trip: () => {
      let failures = 0;
      return { record: (failed) => failed && ++failures === 2 };
    },
  });
  await assert.rejects(breaker.execute(fail));
  assert.equal(breaker.idle, false);
  assert.deepEqual(breaker.snapshot(), { state: 'closed' });
});

test('a rule is given back what it has said, and nothing where it has said nothing [72]', () => {
  const given: unknown[] = [];
  const rule =
    (saved: unknown): TripRule =>
    () => ({
      record: () => false,
      snapshot: () => saved,
      restore: (saved) => given.push(saved),
    });
  for (const trip of [rule(undefined), anyOf(rule(undefined), rule(0), rule(undefined))])
    circuitBreaker({ trip, restore: throughJson(circuitBreaker({ trip })) });
  assert.deepEqual(given, [0]);
});

test('isolation is not saved: what lies below is [71, 72, K18]', async () => {
  const { breaker, clock } = subject();
  const handle = breaker.isolate();
  assert.deepEqual(breaker.snapshot(), { state: 'closed' });
  assert.ok(!breaker.idle);
  const restored = circuitBreaker({ restore: throughJson(breaker), clock });
  assert.equal(await restored.execute(ok), 'ok');
  handle.release();
  breaker.open();
  breaker.isolate();
  assert.equal(circuitBreaker({ restore: throughJson(breaker), clock }).state, 'open');
});

test('a circuit that is open for ever is so by way of JSON [72]', async () => {
  const { breaker, clock } = subject({ openDuration: Infinity });
  breaker.open();
  const saved = throughJson(breaker);
  assert.deepEqual(saved, { state: 'open', openings: 1, own: null, duration: null, remaining: null, successes: 0 });
  const restored = circuitBreaker({ restore: saved, clock });
  await clock.advance(1e15);
  assert.equal(restored.state, 'open');
});

test('a snapshot in which successes are no whole number does not keep the circuit half open for ever [72]', async () => {
  const restore = { state: 'half-open', openings: 1, own: 1, duration: 1, remaining: 0, successes: 0.5 } as const;
  const { breaker } = subject({ halfOpenCalls: 2, restore });
  assert.equal(await breaker.execute(ok), 'ok');
  assert.equal(await breaker.execute(ok), 'ok');
  assert.equal(breaker.state, 'closed');
});

// ---- events and options

test('tells of each edge once it has happened, and of each rejection [73, 102]', async () => {
  const { breaker, clock, events } = subject({ name: 'users' });
  await assert.rejects(breaker.execute(fail));
  await assert.rejects(breaker.execute(ok));
  await clock.advance(1_000);
  const probe = calling(breaker);
  await assert.rejects(breaker.execute(ok));
  await probe.succeed();
  breaker.isolate();
  await assert.rejects(breaker.execute(ok));
  assert.deepEqual(events, [
    { type: 'open', name: 'users', duration: 1_000, cause: down },
    { type: 'rejected', name: 'users', state: 'open', retryAfter: 1_000 },
    { type: 'half-open', name: 'users' },
    { type: 'rejected', name: 'users', state: 'half-open', retryAfter: undefined },
    { type: 'closed', name: 'users' },
    { type: 'isolated', name: 'users' },
    { type: 'rejected', name: 'users', state: 'isolated', retryAfter: undefined },
  ]);
});

test('a listener sees the state it is told of, may act on it, and may throw [73, 101, K4, O6]', async () => {
  const reported: unknown[] = [];
  const before = onListenerError((error) => reported.push(error));
  try {
    const seen: string[] = [];
    const clock = new ManualClock();
    const breaker: CircuitBreaker = circuitBreaker({
      trip: consecutiveFailures({ count: 1 }),
      clock,
      onEvent(event) {
        seen.push(`${event.type} ${breaker.state}`);
        if (event.type === 'half-open') breaker.close();
        throw event.type;
      },
    });
    await assert.rejects(breaker.execute(fail), down);
    await clock.advance(5_000);
    assert.equal(await breaker.execute(ok), 'ok');
    assert.deepEqual(seen, ['open open', 'half-open half-open', 'closed closed']);
    assert.deepEqual(reported, ['open', 'closed', 'half-open']);
  } finally {
    onListenerError(before);
  }
});

test('says which option is out of range or unknown [7]', () => {
  for (const [options, expected] of [
    [
      { openDuration: -1 },
      /^RangeError: circuitBreaker: openDuration must be a number of milliseconds, 0 or more, got -1/,
    ],
    [{ openDuration: Number.NaN }, /^RangeError: circuitBreaker: openDuration/],
    [{ openDuration: '5s' }, /^TypeError: circuitBreaker: openDuration .* got "5s"/],
    [{ maxOpenDuration: -1 }, /^RangeError: circuitBreaker: maxOpenDuration/],
    [{ probeLease: Number.NaN }, /^RangeError: circuitBreaker: probeLease/],
    [{ halfOpenCalls: 0 }, /^RangeError: circuitBreaker: halfOpenCalls/],
    [{ halfOpenCalls: 1.5 }, /^RangeError: circuitBreaker: halfOpenCalls/],
    [{ halfOpenCalls: Infinity }, /^RangeError: circuitBreaker: halfOpenCalls/],
    [{ trip: { count: 5 } }, /^TypeError: circuitBreaker: trip must be a function/],
    // Not called: it would never open.
    [{ trip: failureRatio }, /^TypeError: circuitBreaker: trip must be a trip rule, such as failureRatio\(\)/],
    [{ trip: () => undefined }, /^TypeError: circuitBreaker: trip must be a trip rule/],
    [{ classify: 'failure' }, /^TypeError: circuitBreaker: classify must be a function/],
    [{ clock: {} }, /^TypeError: circuitBreaker: clock must be an object with now, coarse, schedule, got an object/],
    [{ name: 5 }, /^TypeError: circuitBreaker: name must be a string, got 5/],
    [{ captureStack: 1 }, /^TypeError: circuitBreaker: captureStack must be a boolean, got 1/],
    [{ random: 0.5 }, /^TypeError: circuitBreaker: random must be a function/],
    [{ onEvent: 5 }, /^TypeError: circuitBreaker: onEvent must be a function/],
    [{ treshold: 5 }, /^TypeError: circuitBreaker: unknown option "treshold"/],
    [{ restore: 5 }, /^TypeError: circuitBreaker: restore.state/],
    [{ restore: null }, /^TypeError: circuitBreaker: restore.state/],
    [
      { restore: { state: 'isolated' } },
      /^RangeError: circuitBreaker: restore.state must be "closed" or "open" or "half-open", got "isolated"/,
    ],
    [{ restore: { state: 'open' } }, /^TypeError: circuitBreaker: restore.openings/],
    [
      { restore: { state: 'open', openings: 1, own: -1, duration: 1, remaining: 1, successes: 0 } },
      /^RangeError: circuitBreaker: restore.own/,
    ],
    [
      { restore: { state: 'open', openings: 1, own: 1, duration: 1, remaining: Number.NaN, successes: 0 } },
      /^RangeError: circuitBreaker: restore.remaining/,
    ],
    [5, /^TypeError: circuitBreaker: options must be an object/],
  ] as [CircuitBreakerOptions, RegExp][]) {
    assert.throws(
      () => circuitBreaker(options),
      (error) => expected.test(String(error)),
      `${expected}`,
    );
  }
});

test('an option that is undefined is its default, 0 is 0, and options are left as they are [7]', async () => {
  const { breaker, clock } = subject({
    openDuration: undefined,
    probeLease: undefined,
    classify: undefined,
    restore: undefined,
    trip: undefined,
  });
  breaker.open();
  await clock.advance(4_999);
  assert.equal(breaker.state, 'open');
  await clock.advance(1);
  assert.equal(breaker.state, 'half-open');
  const atOnce = subject(Object.freeze({ openDuration: 0, maxOpenDuration: 0 })).breaker;
  atOnce.open();
  assert.equal(atOnce.state, 'half-open');
  assert.equal(await atOnce.execute(ok), 'ok');
});

test('a call made within another goes by the state of its own time [8]', async () => {
  const { breaker } = subject();
  await assert.rejects(
    breaker.execute(async () => {
      await assert.rejects(breaker.execute(fail), down);
      return breaker.execute(ok);
    }),
    rejected,
  );
  assert.equal(breaker.state, 'open');
});

// ---- with others

test('a timeout inside counts as a failure, one outside leaves the breaker without a word [47, 113]', async () => {
  const never = (): Promise<never> => new Promise(() => {});
  const inside = subject();
  const late = pipeline(inside.breaker, timeout({ duration: 50, clock: inside.clock })).execute(never);
  const outside = subject();
  let settle: (value: unknown) => void = () => {};
  const cut = pipeline(timeout({ duration: 50, clock: outside.clock }), outside.breaker).execute(
    () => new Promise((_, reject) => (settle = reject)),
  );
  const gone = Promise.all([assert.rejects(late, TimeoutError), assert.rejects(cut, TimeoutError)]);
  await inside.clock.advance(50);
  await outside.clock.advance(50);
  await gone;
  assert.deepEqual([inside.breaker.state, outside.breaker.state], ['open', 'closed']);
  // Nor does what the task gives in the end, which nobody hears.
  settle(down);
  await outside.clock.advance(0);
  assert.equal(outside.breaker.state, 'closed');
});

test('a probe cut off by a timeout outside makes room for the next [58, 61, 113]', async () => {
  const { breaker, clock } = await halfOpen();
  const guarded = pipeline(timeout({ duration: 50, clock }), breaker);
  const cut = assert.rejects(
    guarded.execute(() => new Promise(() => {})),
    TimeoutError,
  );
  await clock.advance(50);
  await cut;
  assert.equal(breaker.state, 'half-open');
  await guarded.execute(ok);
  assert.equal(breaker.state, 'closed');
});

test('inside a retry each try is counted, and an open circuit is not tried again [105, K21]', async () => {
  const { breaker, events, clock } = subject({ trip: consecutiveFailures({ count: 2 }) });
  let calls = 0;
  const task = (): Promise<never> => {
    calls++;
    return fail();
  };
  const guarded = pipeline(retry({ maxAttempts: 6, backoff: constant({ delay: 0 }), clock }), breaker);
  await assert.rejects(guarded.execute(task), (error) => error instanceof CircuitOpenError && error.cause === down);
  assert.equal(calls, 2);
  assert.deepEqual(
    events.map(({ type }) => type),
    ['open', 'rejected'],
  );
});

test('outside a retry a call is counted once, with all its tries [106]', async () => {
  const { breaker, clock } = subject({ trip: consecutiveFailures({ count: 2 }) });
  let calls = 0;
  const guarded = pipeline(breaker, retry({ maxAttempts: 3, backoff: constant({ delay: 0 }), clock }));
  const task = (): Promise<string> => (++calls % 3 === 0 ? ok() : fail());
  for (let call = 0; call < 5; call++) await guarded.execute(task);
  assert.deepEqual([calls, breaker.state], [15, 'closed']);
  for (let call = 0; call < 2; call++) await assert.rejects(guarded.execute(fail), down);
  assert.equal(breaker.state, 'open');
});

test('goes through its states as published for other breakers [54, 56, 57, 63, 67, 70]', async () => {
  for (const { origin, trip, openDuration, backoff, halfOpenCalls, steps } of published.circuits.rows) {
    const { breaker, clock } = subject({
      trip: 'count' in trip ? consecutiveFailures(trip as { count: number }) : failureRatio(trip as object),
      openDuration: backoff ? (opening) => backoff[opening - 1] as number : openDuration,
      halfOpenCalls,
    });
    for (const [passes, calls, state] of steps as [number, string, string][]) {
      await clock.advance(passes);
      for (const call of calls)
        await breaker.execute<unknown>(call === 'F' ? fail : ok).catch((error) => assert.equal(error, down));
      assert.equal(breaker.state, state, origin);
    }
  }
});

test('for a success, a rule that does not look at the time has no clock read', async () => {
  let read = 0;
  const tell = () => read++;
  const clock = { now: tell, coarse: tell, wall: tell, schedule: () => ({ cancel() {} }) };
  const reads = async (trip: TripRule): Promise<number> => {
    const breaker = circuitBreaker({ trip, clock });
    read = 0;
    for (let i = 0; i < 10; i++) await breaker.execute(() => i);
    return read;
  };
  assert.equal(await reads(consecutiveFailures()), 0);
  assert.equal(await reads(failureRatio({ window: { calls: 5 } })), 0);
  assert.equal(await reads(failureRatio({ window: { duration: 5_000 } })), 10);
  assert.equal(await reads(() => ({ record: () => false })), 10);
});
