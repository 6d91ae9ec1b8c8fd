import assert from 'node:assert/strict';
import { AsyncLocalStorage } from 'node:async_hooks';
import fc from 'fast-check';
import { describe, test } from 'vitest';
import { type Budget, concurrentRetryBudget, retryBudget, retryThrottle } from '../../src/algorithms/budgets.ts';
import { consecutiveFailures } from '../../src/algorithms/trip-rules.ts';
import { attemptsOf } from '../../src/core/attempts.ts';
import { AbandonedError, BulkheadFullError, RejectedError, TimeoutError } from '../../src/core/errors.ts';
import { held } from '../../src/core/held.ts';
import { guard, pipeline } from '../../src/core/pipeline.ts';
import type { Context, Task } from '../../src/core/policy.ts';
import { bulkhead } from '../../src/policies/bulkhead.ts';
import { circuitBreaker } from '../../src/policies/circuit-breaker.ts';
import { type HedgeEvent, type HedgeOptions, hedge } from '../../src/policies/hedge.ts';
import { retry } from '../../src/policies/retry.ts';
import { timeout } from '../../src/policies/timeout.ts';
import { ManualClock } from '../../src/testing/manual-clock.ts';
import { policyLaws } from '../../src/testing/policy-laws.ts';
import { inEachWay, reported, watched } from '../core/support.ts';

const boom = new Error('boom');
type Step = { readonly takes: number; readonly gives?: unknown; readonly fails?: unknown; readonly deaf?: boolean };

/** A service whose calls go as these steps say, in turn; what it sees is kept. */
function service(clock: ManualClock, steps: readonly Step[]) {
  const starts: number[] = [];
  const contexts: Context[] = [];
  const reasons: unknown[] = [];
  const task: Task<unknown> = (context) => {
    const n = starts.length;
    const step = steps[n] ?? { takes: Infinity };
    starts.push(clock.now());
    contexts.push(context);
    return new Promise((resolve, reject) => {
      const timer = clock.schedule(step.takes, () => ('fails' in step ? reject(step.fails) : resolve(step.gives)));
      context.signal.addEventListener('abort', () => {
        reasons[n] = context.signal.reason;
        if (step.deaf) return;
        timer.cancel();
        reject(context.signal.reason);
      });
    });
  };
  return { task, starts, contexts, reasons };
}

function told(): { events: HedgeEvent[]; onEvent: (event: HedgeEvent) => void; types: () => string[] } {
  const events: HedgeEvent[] = [];
  const types = (): string[] =>
    events.map((event) => `${event.type} ${event.call}${'reason' in event ? ` ${event.reason}` : ''}`);
  return { events, onEvent: (event) => events.push(event), types };
}

inEachWay('a second call starts after the delay only if the first has not settled by then [92]', async (call) => {
  for (const takes of [0, 99, 101, 1_000]) {
    const clock = new ManualClock();
    const { task, starts } = service(clock, [
      { takes, gives: 'first' },
      { takes: 50, gives: 'second' },
    ]);
    const { onEvent, types } = told();
    const result = call(hedge({ delay: 100, clock, onEvent }), task);
    await clock.advance(2_000);
    assert.equal(await result, takes > 150 ? 'second' : 'first');
    assert.deepEqual(starts, takes < 100 ? [0] : [0, 100]);
    assert.deepEqual(types(), takes < 100 ? [] : ['hedge 2 slow', `won ${takes > 150 ? 2 : 1}`]);
    assert.equal(clock.pending, 0);
  }
});

test('further calls start one delay after the other, up to 1 + maxHedges [92, 95]', async () => {
  const clock = new ManualClock();
  for (const maxHedges of [0, 1, 2, 5]) {
    const begun = clock.now();
    const { task, starts } = service(clock, []);
    const controller = new AbortController();
    const result = hedge({ delay: 10, maxHedges, clock }).execute(task, { signal: controller.signal });
    const rejected = assert.rejects(result, (error) => error === 'gone');
    await clock.advance(1_000);
    assert.deepEqual(
      starts.map((at) => at - begun),
      [0, 10, 20, 30, 40, 50].slice(0, 1 + maxHedges),
    );
    assert.equal(clock.pending, maxHedges + 1);
    controller.abort('gone');
    await rejected;
    assert.equal(clock.pending, 0);
  }
});

test('a call that fails starts the next one at once, and the delay begins anew with that [92]', async () => {
  const clock = new ManualClock();
  const { task, starts } = service(clock, [
    { takes: 60, fails: boom },
    { takes: 1_000, gives: 'second' },
    { takes: 5, gives: 'third' },
  ]);
  const { onEvent, types } = told();
  const result = hedge({ delay: 100, maxHedges: 3, clock, onEvent }).execute(task);
  await clock.advance(165);
  assert.equal(await result, 'third');
  assert.deepEqual(starts, [0, 60, 160]);
  assert.deepEqual(types(), ['hedge 2 failed', 'hedge 3 slow', 'won 3']);
});

test('with a delay of Infinity only failures start the next one, with 0 all start as soon as a timer can [92]', async () => {
  const clock = new ManualClock();
  const patient = service(clock, [{ takes: 5_000, gives: 'it' }]);
  const one = hedge({ delay: Infinity, clock }).execute(patient.task);
  assert.equal(clock.pending, 1);
  await clock.advance(5_000);
  assert.equal(await one, 'it');
  assert.deepEqual(patient.starts, [0]);

  const hasty = service(clock, [
    { takes: 20, gives: 1 },
    { takes: 10, gives: 2 },
    { takes: 5, gives: 3 },
  ]);
  const other = hedge({ delay: 0, maxHedges: 2, clock }).execute(hasty.task);
  await clock.advance(5);
  assert.equal(await other, 3);
  assert.deepEqual(hasty.starts, [5_000, 5_000, 5_000]);
});

test('losers are aborted as superseded before the caller gets the value, and the winner is not [93, 94]', async () => {
  const clock = new ManualClock();
  const { task, reasons, contexts } = service(clock, [
    { takes: 500, gives: 'first' },
    { takes: 20, gives: 'second' },
    { takes: 500, gives: 'third' },
  ]);
  const seen: unknown[] = [];
  const result = hedge({ delay: 10, maxHedges: 2, clock, name: 'users' })
    .execute(task)
    .then((value) => seen.push(value, [...reasons]));
  await clock.advance(30);
  await result;
  const [value, before] = seen as [unknown, unknown[]];
  assert.equal(value, 'second');
  assert.ok(
    before[0] instanceof AbandonedError && before[0].message.startsWith('superseded') && before[0].name === 'users',
  );
  assert.ok(before[2] instanceof AbandonedError);
  assert.deepEqual(
    contexts.map(({ signal }) => signal.aborted),
    [true, false, true],
  );
  await clock.advance(10_000);
  assert.equal(contexts[1]?.signal.aborted, false);
  assert.equal(clock.pending, 0);
});

test('the signal of the winner stays as it is when the caller aborts afterwards [94]', async () => {
  const clock = new ManualClock();
  for (const wins of [1, 2]) {
    const { task, contexts } = service(clock, [
      { takes: wins === 1 ? 20 : 500, gives: 1 },
      { takes: wins === 1 ? 500 : 20, gives: 2 },
    ]);
    const controller = new AbortController();
    const result = hedge({ delay: 10, clock }).execute(task, { signal: controller.signal });
    await clock.advance(30);
    assert.equal(await result, wins);
    controller.abort('too late');
    await clock.advance(0);
    assert.equal(contexts[wins - 1]?.signal.aborted, false);
  }
});

test('what losers still give is disposed of once, and what they still reject with is silent [93]', async () => {
  const clock = new ManualClock();
  const disposed: string[] = [];
  const thing = (name: string) => ({ name, [Symbol.dispose]: () => disposed.push(name) });
  const { task } = service(clock, [
    { takes: 100, gives: thing('first'), deaf: true },
    { takes: 10, gives: thing('second') },
    { takes: 60, fails: boom, deaf: true },
  ]);
  const result = hedge({ delay: 4, maxHedges: 2, clock }).execute(task);
  await clock.advance(10_000);
  assert.equal(((await result) as { name: string }).name, 'second');
  assert.deepEqual(disposed, ['first']);
});

test('calls that give a value in the same turn: one is taken, the others are disposed of [93]', async () => {
  const clock = new ManualClock();
  const disposed: unknown[] = [];
  const resolvers: ((value: string) => void)[] = [];
  const options = { delay: 1, maxHedges: 2, clock, dispose: (value: unknown) => disposed.push(value) };
  const result = hedge(options).execute(() => new Promise<string>((resolve) => resolvers.push(resolve)));
  await clock.advance(5);
  for (const [i, resolve] of resolvers.entries()) resolve(`value ${i + 1}`);
  await clock.advance(0);
  assert.equal(await result, 'value 1');
  assert.deepEqual(disposed, ['value 2', 'value 3']);
});

test('the body of a response that loses is cancelled, and that of the winner can be read [93, 94]', async () => {
  const clock = new ManualClock();
  const cancelled: string[] = [];
  const response = (name: string): Response =>
    new Response(
      new ReadableStream({
        pull(controller) {
          controller.enqueue(new TextEncoder().encode(name));
          controller.close();
        },
        cancel: () => void cancelled.push(name),
      }),
    );
  const { task } = service(clock, [
    { takes: 50, gives: response('first'), deaf: true },
    { takes: 10, gives: response('second') },
  ]);
  const result = hedge({ delay: 10, clock }).execute(task as Task<Response>);
  await clock.advance(100);
  assert.equal(await (await result).text(), 'second');
  assert.deepEqual(cancelled, ['first']);
});

test('if all fail the caller gets what the first gave, and the others are reachable from it [95]', async () => {
  const clock = new ManualClock();
  const errors = [new Error('first'), new Error('second'), new Error('third')] as const;
  const { task, starts } = service(clock, [
    { takes: 30, fails: errors[0], deaf: true },
    { takes: 5, fails: errors[1] },
    { takes: 100, fails: errors[2] },
  ]);
  const result = hedge({ delay: 10, maxHedges: 2, clock }).execute(task);
  const rejected = assert.rejects(result, (error) => error === errors[0]);
  await clock.advance(1_000);
  await rejected;
  assert.deepEqual(starts, [0, 10, 15]);
  assert.deepEqual(
    attemptsOf(errors[0]).map(({ attempt, outcome, delay, reason }) => [
      attempt,
      !outcome.ok && outcome.error,
      delay,
      reason,
    ]),
    [
      [2, errors[1], 0, 'backoff'],
      [1, errors[0], undefined, 'exhausted'],
      [3, errors[2], undefined, 'exhausted'],
    ],
  );
});

test('a value that is judged a failure is given if nothing is better, else disposed of [93, 95]', async () => {
  const clock = new ManualClock();
  const disposed: unknown[] = [];
  const options: HedgeOptions = {
    delay: 10,
    clock,
    classify: (outcome) => (outcome.ok && outcome.value === 'good' ? 'success' : 'failure'),
    dispose: (value) => disposed.push(value),
  };
  for (const [second, given, gone] of [
    ['good', 'good', ['bad']],
    ['worse', 'bad', ['worse']],
  ] as const) {
    const { task } = service(clock, [
      { takes: 5, gives: 'bad' },
      { takes: 5, gives: second },
    ]);
    const result = hedge(options).execute(task);
    await clock.advance(100);
    assert.equal(await result, given);
    assert.deepEqual(disposed.splice(0), gone);
  }
});

test('a value that is judged a failure is disposed of, too, when the call is stopped meanwhile [15, 93]', async () => {
  for (const [how, given, hint] of [
    ['abort', [1, 2], 0],
    ['abort', [1], 1_000],
    ['timeout', [1, 2], 0],
    ['cooperative timeout', [1, 2], 0],
  ] as const) {
    const clock = new ManualClock();
    const disposed: number[] = [];
    const thing = (n: number) => ({ retryAfter: hint, [Symbol.dispose]: () => disposed.push(n) });
    const { task } = service(clock, [
      { takes: 5, gives: thing(1) },
      { takes: 100, gives: thing(2), deaf: true },
    ]);
    const patience = timeout({
      duration: how === 'abort' ? 10_000 : 20,
      mode: how === 'cooperative timeout' ? 'cooperative' : 'aggressive',
      clock,
    });
    const controller = new AbortController();
    const result = pipeline(patience, hedge({ delay: 10, clock, classify: () => 'failure' })).execute(task, controller);
    const rejected = assert.rejects(result);
    await clock.advance(20);
    if (how === 'abort') controller.abort();
    await clock.advance(1_000);
    await rejected;
    assert.deepEqual(disposed.sort(), given, how);
  }
});

test('a classify that gives no verdict, or a promise of one, ends the call with an error that says so', async () => {
  const clock = new ManualClock();
  for (const verdict of [undefined, 'ok', Promise.resolve('success')]) {
    const disposed: unknown[] = [];
    const { task, reasons } = service(clock, [
      { takes: 100, gives: 'slow' },
      { takes: 5, gives: 'quick' },
    ]);
    const policy = hedge({
      delay: 10,
      clock,
      name: 'users',
      classify: () => verdict as never,
      dispose: (value) => disposed.push(value),
    });
    const result = watched(policy.execute(task));
    await clock.advance(15);
    const { error } = result.now as { error: Error };
    assert.ok(error instanceof TypeError);
    assert.match(error.message, /^users: classify gave /);
    assert.ok(reasons[0] instanceof AbandonedError);
    assert.deepEqual(disposed, ['quick']);
  }
});

test('a budget bounds hedges, and its refusal cancels nothing [95]', async () => {
  const clock = new ManualClock();
  const none: Budget = { begin() {}, tryRetry: () => false, end() {} };
  const { onEvent, types } = told();
  const slow = service(clock, [{ takes: 500, gives: 'slow' }]);
  const result = hedge({ delay: 10, maxHedges: 3, budget: none, clock, onEvent }).execute(slow.task);
  await clock.advance(500);
  assert.equal(await result, 'slow');
  assert.deepEqual(slow.starts, [0]);
  assert.deepEqual(slow.reasons, []);
  assert.deepEqual(types(), ['denied 2 budget']);

  // A second hedge that is denied leaves the first one running.
  let left = 1;
  const once: Budget = { begin() {}, tryRetry: () => left-- > 0, end() {} };
  const two = service(clock, [
    { takes: 500, gives: 1 },
    { takes: 100, gives: 2 },
  ]);
  const other = hedge({ delay: 10, maxHedges: 3, budget: once, clock }).execute(two.task);
  await clock.advance(200);
  assert.equal(await other, 2);
  assert.equal(two.starts.length, 2);

  const failing = service(clock, [{ takes: 5, fails: boom }]);
  const rejected = assert.rejects(
    hedge({ delay: 10, budget: none, clock }).execute(failing.task),
    (error) => error === boom,
  );
  await clock.advance(10);
  await rejected;
  assert.equal(attemptsOf(boom).at(-1)?.reason, 'budget');
});

test('a call begins and ends once with its budget, whatever its end, with what it took [36, 95, 96]', async () => {
  const clock = new ManualClock();
  const log: string[] = [];
  const budget: Budget = {
    begin: () => log.push('begin'),
    tryRetry: () => log.push('hedge') > 0,
    end: (hedges, verdict) => log.push(`end ${hedges} ${verdict}`),
  };
  const policy = hedge({ delay: 10, maxHedges: 2, budget, clock });
  for (const [steps, aborts, expected] of [
    [[{ takes: 5, gives: 1 }], false, ['begin', 'end 0 success']],
    [
      [
        { takes: 50, gives: 1 },
        { takes: 14, gives: 2 },
      ],
      false,
      ['begin', 'hedge', 'hedge', 'end 2 success'],
    ],
    [
      [
        { takes: 1, fails: boom },
        { takes: 1, fails: boom },
        { takes: 1, fails: boom },
      ],
      false,
      ['begin', 'hedge', 'hedge', 'end 2 failure'],
    ],
    [[], true, ['begin', 'hedge', 'hedge', 'end 2 ignore']],
  ] as const) {
    const controller = new AbortController();
    const settled = policy.execute(service(clock, steps).task, { signal: controller.signal }).catch(() => {});
    await clock.advance(25);
    if (aborts) controller.abort();
    await clock.advance(25);
    await settled;
    assert.deepEqual(log.splice(0), expected);
  }
  const lent = concurrentRetryBudget({ share: 0, min: 2 });
  const calls = [1, 2, 3, 4].map(() =>
    hedge({ delay: 1, clock, budget: lent }).execute(
      service(clock, [
        { takes: 5, gives: 1 },
        { takes: 1, gives: 2 },
      ]).task,
    ),
  );
  await clock.advance(10);
  await Promise.all(calls);
  assert.deepEqual([lent.tryRetry(0), lent.tryRetry(0), lent.tryRetry(0)], [true, true, false]);
});

test('a throttle of failures hears of a hedge that wins as of a success [96]', async () => {
  const clock = new ManualClock();
  const budget = retryThrottle({ maxTokens: 4, tokenRatio: 1 });
  const policy = hedge({ delay: 1, clock, budget });
  for (let i = 0; i < 20; i++) {
    const { task, starts } = service(clock, [
      { takes: 50, gives: 1 },
      { takes: 1, gives: 2 },
    ]);
    const result = policy.execute(task);
    await clock.advance(5);
    assert.equal(await result, 2);
    assert.equal(starts.length, 2);
  }
});

test('superseded losers are nothing to a breaker inside, and one call to a breaker outside [96]', async () => {
  const clock = new ManualClock();
  const inside = circuitBreaker({ trip: consecutiveFailures({ count: 1 }), clock, name: 'inside' });
  const outside = circuitBreaker({ trip: consecutiveFailures({ count: 1 }), clock, name: 'outside' });
  const left: unknown[] = [];
  const seen = guard({ leave: (_, outcome) => void left.push(outcome.ok ? outcome.value : outcome.abandoned) });
  const policy = pipeline(outside, hedge({ delay: 10, clock }), inside, seen);
  for (const deaf of [false, true]) {
    const { task } = service(clock, [
      { takes: 100, fails: boom, deaf },
      { takes: 10, gives: 'it' },
    ]);
    const result = policy.execute(task);
    await clock.advance(200);
    assert.equal(await result, 'it');
    assert.deepEqual([inside.state, outside.state], ['closed', 'closed']);
    assert.deepEqual(left.splice(0), ['it', true]);
  }
});

test('a rejection of a policy inside starts no hedge, and is the answer if nothing else runs [92, 95]', async () => {
  const clock = new ManualClock();
  const one = bulkhead({ maxConcurrent: 1, clock });
  const policy = pipeline(hedge({ delay: 10, maxHedges: 3, clock }), one);
  // The hedges find no slot, the first call goes on.
  const { task, starts } = service(clock, [{ takes: 100, gives: 'it' }]);
  const first = policy.execute(task);
  await assert.rejects(policy.execute(task), BulkheadFullError);
  await clock.advance(100);
  assert.equal(await first, 'it');
  assert.deepEqual(starts, [0]);
  // Said to be a failure, it does.
  let turned = 0;
  const refusing = guard({
    enter: () => {
      if (turned++ === 0) throw new RejectedError({ name: 'x', message: 'no' });
    },
  });
  const eager = pipeline(hedge({ delay: 10, clock, classify: ({ ok }) => (ok ? 'success' : 'failure') }), refusing);
  assert.equal(await eager.execute(() => 'it'), 'it');
});

test('an error with retryable: false starts no other call, and leaves those that run alone [92]', async () => {
  const clock = new ManualClock();
  const final = Object.assign(new Error('final'), { retryable: false });
  const alone = service(clock, [{ takes: 5, fails: final }]);
  const rejected = assert.rejects(
    hedge({ delay: 10, maxHedges: 3, clock }).execute(alone.task),
    (error) => error === final,
  );
  await clock.advance(100);
  await rejected;
  assert.deepEqual(alone.starts, [0]);
  const two = service(clock, [
    { takes: 50, gives: 'it' },
    { takes: 5, fails: final },
  ]);
  const result = hedge({ delay: 10, maxHedges: 3, clock }).execute(two.task);
  await clock.advance(100);
  assert.equal(await result, 'it');
  assert.equal(two.starts.length, 2);
});

test('a retryAfter is waited for before the next call starts; one above a minute ends hedging [92]', async () => {
  const clock = new ManualClock();
  const busy = (retryAfter: number) => Object.assign(new Error('busy'), { retryAfter });
  const { task, starts } = service(clock, [
    { takes: 5, fails: busy(200) },
    { takes: 20, gives: 'it' },
  ]);
  const result = hedge({ delay: 10, clock }).execute(task);
  await clock.advance(1_000);
  assert.equal(await result, 'it');
  assert.deepEqual(starts, [0, 205]);

  const long = busy(60_001);
  const other = service(clock, [{ takes: 5, fails: long }]);
  const rejected = assert.rejects(hedge({ delay: 10, clock }).execute(other.task), (error) => error === long);
  await clock.advance(5);
  await rejected;
  assert.equal(clock.pending, 0);

  // The longest of several counts, also where a plain failure comes meanwhile.
  const many = service(clock, [
    { takes: 30, fails: busy(100) },
    { takes: 30, fails: boom },
    { takes: 5, gives: 'it' },
  ]);
  const begun = clock.now();
  const third = hedge({ delay: 10, maxHedges: 2, clock }).execute(many.task);
  await clock.advance(1_000);
  assert.equal(await third, 'it');
  assert.deepEqual(
    many.starts.map((at) => at - begun),
    [0, 10, 20],
  );
});

test('no call starts that could not end before the deadline of the caller [92]', async () => {
  for (const deadline of [50, 100, 101]) {
    const clock = new ManualClock();
    const { task, starts } = service(clock, [{ takes: 500, gives: 'it' }]);
    const { onEvent, types } = told();
    const result = hedge({ delay: 100, clock, onEvent }).execute(task, { deadline });
    await clock.advance(500);
    assert.equal(await result, 'it');
    assert.deepEqual(starts, deadline > 100 ? [0, 100] : [0]);
    assert.deepEqual(types(), deadline > 100 ? ['hedge 2 slow', 'won 1'] : ['denied 2 deadline']);
  }
  const clock = new ManualClock();
  const busy = Object.assign(new Error('busy'), { retryAfter: 60 });
  const { task } = service(clock, [{ takes: 5, fails: busy }]);
  const { onEvent, types } = told();
  const rejected = assert.rejects(
    hedge({ delay: 10, clock, onEvent }).execute(task, { deadline: 65 }),
    (error) => error === busy,
  );
  await clock.advance(5);
  await rejected;
  assert.deepEqual(types(), ['denied 2 deadline']);
  assert.equal(attemptsOf(busy).at(-1)?.reason, 'deadline');
});

test('the caller’s abort ends all calls at once, and what they still give is disposed of [13, 15]', async () => {
  const clock = new ManualClock();
  const disposed: number[] = [];
  const thing = (n: number) => ({ [Symbol.dispose]: () => disposed.push(n) });
  const { task, reasons } = service(clock, [
    { takes: 100, gives: thing(1), deaf: true },
    { takes: 100, gives: thing(2), deaf: true },
  ]);
  const controller = new AbortController();
  const result = watched(hedge({ delay: 10, clock }).execute(task, { signal: controller.signal }));
  await clock.advance(20);
  controller.abort(boom);
  await clock.advance(0);
  assert.deepEqual(result.now, { error: boom });
  assert.deepEqual(reasons, [boom, boom]);
  await clock.advance(1_000);
  assert.deepEqual(disposed, [1, 2]);
  assert.equal(clock.pending, 0);
});

test('a timeout outside ends all calls, one inside ends each by itself [107, 113]', async () => {
  const clock = new ManualClock();
  const deaf = { takes: 1_000, gives: 'late', deaf: true };
  const late: unknown[] = [];
  const outer = service(clock, [deaf, deaf]);
  const total = pipeline(
    timeout({ duration: 50, clock, onLate: (outcome) => late.push(outcome) }),
    hedge({ delay: 10, clock }),
  ).execute(outer.task);
  const rejected = assert.rejects(total, TimeoutError);
  await clock.advance(50);
  await rejected;
  assert.ok(outer.reasons.length === 2 && outer.reasons.every((reason) => reason instanceof TimeoutError));
  await clock.advance(1_000);
  assert.deepEqual(late, [
    { ok: true, value: 'late' },
    { ok: true, value: 'late' },
  ]);

  const inner = service(clock, [
    { takes: 1_000, gives: 1 },
    { takes: 40, gives: 2 },
  ]);
  const begun = clock.now();
  const each = pipeline(hedge({ delay: 100, clock }), timeout({ duration: 50, clock })).execute(inner.task);
  await clock.advance(100);
  assert.equal(await each, 2);
  assert.deepEqual(
    inner.starts.map((at) => at - begun),
    [0, 50],
  );
});

test('a cooperative timeout outside waits for the calls that run, and none begins any more [44]', async () => {
  const clock = new ManualClock();
  const { task, starts } = service(clock, [
    { takes: 100, gives: 'late', deaf: true },
    { takes: 5, fails: boom, deaf: true },
  ]);
  const result = watched(
    pipeline(timeout({ duration: 14, mode: 'cooperative', clock }), hedge({ delay: 10, maxHedges: 5, clock })).execute(
      task,
    ),
  );
  await clock.advance(99);
  assert.equal(result.now, 'pending');
  await clock.advance(1);
  assert.ok((result.now as unknown as { error: unknown }).error instanceof TimeoutError);
  assert.equal(starts.length, 2);
  assert.equal(clock.pending, 0);
});

test('inside a retry there are at most (1 + r)(1 + h) calls, and a shared budget bounds the sum [110]', async () => {
  const clock = new ManualClock();
  const failing = (calls: { n: number }) => () => {
    calls.n++;
    return Promise.reject(boom);
  };
  for (const [r, h] of [
    [0, 2],
    [1, 1],
    [2, 3],
  ] as const) {
    const calls = { n: 0 };
    const policy = pipeline(retry({ maxAttempts: 1 + r, clock }), hedge({ delay: 5, maxHedges: h, clock }));
    const rejected = assert.rejects(policy.execute(failing(calls)), (error) => error === boom);
    await clock.advance(100_000);
    await rejected;
    assert.equal(calls.n, (1 + r) * (1 + h));
  }
  const calls = { n: 0 };
  const budget = retryBudget({ ratio: 0, minPerSecond: 1, window: 5_000 });
  const policy = pipeline(
    retry({ maxAttempts: 10, backoff: () => 1, budget, clock }),
    hedge({ delay: 5, maxHedges: 2, budget, clock }),
  );
  const rejected = assert.rejects(policy.execute(failing(calls)), (error) => error === boom);
  await clock.advance(1_000);
  await rejected;
  assert.equal(calls.n, 1 + 5);
});

test('each call has a context of its own, and the number of the retry around it [12, R2, R10]', async () => {
  const clock = new ManualClock();
  const contexts: Context[] = [];
  const policy = pipeline(retry({ maxAttempts: 2, backoff: () => 0, clock }), hedge({ delay: 5, clock }));
  const rejected = assert.rejects(
    policy.execute(
      (context) => {
        contexts.push(context);
        return Promise.reject(boom);
      },
      { priority: 3, cost: 2, deadline: 1_000 },
    ),
  );
  await clock.advance(100);
  await rejected;
  assert.deepEqual(
    contexts.map(({ attempt, priority, cost, deadline }) => [attempt, priority, cost, deadline]),
    [1, 1, 2, 2].map((attempt) => [attempt, 3, 2, 1_000]),
  );
  assert.equal(new Set(contexts.map(({ signal }) => signal)).size, 4);
});

test('a bulkhead outside that holds waits for losers that do not stop [80]', async () => {
  const clock = new ManualClock();
  const slots = bulkhead({ maxConcurrent: 1, clock });
  const { task } = service(clock, [
    { takes: 100, gives: 1, deaf: true },
    { takes: 10, gives: 2 },
  ]);
  const result = pipeline(slots, hedge({ delay: 10, clock })).execute(task);
  await clock.advance(50);
  assert.equal(await result, 2);
  assert.equal(slots.running, 1);
  await clock.advance(50);
  assert.equal(slots.running, 0);
});

test('what the winner holds, those further out wait for; what others hold, they do not [R11]', async () => {
  const clock = new ManualClock();
  const slots = bulkhead({ maxConcurrent: 1, clock });
  const wait = (ms: number) => new Promise<void>((resolve) => clock.schedule(ms, resolve));
  let calls = 0;
  const result = pipeline(slots, hedge({ delay: 10, clock })).execute(async () => {
    const n = ++calls;
    await wait(n === 1 ? 500 : 5);
    return held(n, wait(40));
  });
  await clock.advance(20);
  assert.equal(await result, 2);
  assert.equal(slots.running, 1);
  await clock.advance(34);
  assert.equal(slots.running, 1);
  await clock.advance(446);
  assert.equal(slots.running, 0);
});

test('a timeout outside still ends the body that the winner holds [94, R11]', async () => {
  const clock = new ManualClock();
  const contexts: Context[] = [];
  const result = pipeline(timeout({ duration: 100, clock }), hedge({ delay: 10, clock })).execute((context) => {
    contexts.push(context);
    void context.signal;
    const n = contexts.length;
    return new Promise<number>((resolve) =>
      clock.schedule(n === 1 ? 500 : 5, () => resolve(held(n, new Promise(() => {})))),
    );
  });
  await clock.advance(50);
  assert.equal(await result, 2);
  assert.equal(contexts[1]?.signal.aborted, false);
  await clock.advance(50);
  assert.equal(contexts[1]?.signal.aborted, true);
});

test('a hedge runs in the async context of its caller, and not of whoever set the timer [81]', async () => {
  const clock = new ManualClock();
  const storage = new AsyncLocalStorage<string>();
  const seen: string[] = [];
  const policy = hedge({ delay: 10, maxHedges: 2, clock });
  const callers = ['ada', 'grace'].map((caller) =>
    storage.run(caller, () =>
      policy.execute(() => {
        seen.push(`${caller}: ${storage.getStore()}`);
        return new Promise((resolve) => clock.schedule(25, () => resolve('it')));
      }),
    ),
  );
  await clock.advance(50);
  await Promise.all(callers);
  assert.deepEqual(seen.sort(), [...Array(3).fill('ada: ada'), ...Array(3).fill('grace: grace')]);
});

test('a classify that throws ends the call with that, the error before reachable from it [21]', async () => {
  const clock = new ManualClock();
  const bad = new Error('bad judge');
  const { task, reasons } = service(clock, [
    { takes: 100, gives: 1 },
    { takes: 5, fails: boom },
  ]);
  const classify = () => {
    throw bad;
  };
  const rejected = assert.rejects(hedge({ delay: 10, clock, classify }).execute(task), (error) => error === bad);
  await clock.advance(20);
  await rejected;
  assert.ok(reasons[0] instanceof AbandonedError);
  assert.deepEqual(attemptsOf(bad)[0]?.outcome, { ok: false, error: boom, abandoned: false });
  assert.equal(clock.pending, 0);
});

test('a budget that throws ends the call with that, or is reported, and no call hangs [21]', async () => {
  const clock = new ManualClock();
  const bad = new Error('bad budget');
  const fails = (): never => {
    throw bad;
  };
  const budget: Budget = { begin() {}, tryRetry: fails, end() {} };
  for (const steps of [[{ takes: 100, gives: 1 }], [{ takes: 5, fails: boom }]]) {
    const { task } = service(clock, steps);
    const rejected = assert.rejects(hedge({ delay: 10, clock, budget }).execute(task), (error) => error === bad);
    await clock.advance(20);
    await rejected;
    assert.equal(clock.pending, 0);
  }
  const late: Budget = { begin() {}, tryRetry: () => true, end: fails };
  assert.equal(await hedge({ delay: 10, clock, budget: late }).execute(() => 'it'), 'it');
  const controller = new AbortController();
  const { task } = service(clock, []);
  const aborted = assert.rejects(
    hedge({ delay: 10, clock, budget: late }).execute(task, { signal: controller.signal }),
    (error) => error === 'gone',
  );
  controller.abort('gone');
  await aborted;
  assert.deepEqual(reported.splice(0), [bad, bad]);
});

test('a listener that throws, and a dispose that rejects, are reported and change nothing [101]', async () => {
  const clock = new ManualClock();
  const { task } = service(clock, [
    { takes: 50, gives: 1, deaf: true },
    { takes: 5, gives: 2 },
  ]);
  const onEvent = () => {
    throw boom;
  };
  const dispose = () => Promise.reject(boom);
  const result = hedge({ delay: 10, clock, onEvent, dispose }).execute(task);
  await clock.advance(100);
  assert.equal(await result, 2);
  assert.deepEqual(reported.splice(0), [boom, boom, boom]);
});

describe('a live delay', () => {
  const startsOf = async (clock: ManualClock, policy: ReturnType<typeof hedge>, ...steps: Step[]) => {
    const begun = clock.now();
    const { task, starts } = service(clock, steps);
    const settled = policy.execute(task).catch(() => {});
    await clock.advance(3_000);
    await settled;
    return starts.map((at) => at - begun);
  };

  test('hedges nothing for being slow before it has seen minCalls, and then at the quantile [97]', async () => {
    const clock = new ManualClock();
    const policy = hedge({ delay: { quantile: 0.9, minCalls: 20 }, clock });
    for (let i = 0; i < 20; i++) {
      assert.equal(policy.delay, undefined);
      assert.deepEqual(await startsOf(clock, policy, { takes: i === 7 ? 2_000 : 100, gives: 1 }), [0]);
    }
    const { delay } = policy;
    assert.ok(delay !== undefined && delay >= 100 && delay <= 104);
    const [, second = 0] = await startsOf(clock, policy, { takes: 1_000, gives: 1 }, { takes: 5, gives: 2 });
    assert.equal(Math.round(second * 1_000), Math.round(delay * 1_000));
  });

  test('never starts earlier than min [97]', async () => {
    const clock = new ManualClock();
    for (const min of [undefined, 1, 25]) {
      const policy = hedge({ delay: { min, minCalls: 5 }, clock });
      for (let i = 0; i < 5; i++) await startsOf(clock, policy, { takes: 0, gives: 1 });
      assert.equal(policy.delay, min ?? 1);
      assert.deepEqual(await startsOf(clock, policy, { takes: 500, gives: 1 }, { takes: 1, gives: 2 }), [0, min ?? 1]);
    }
  });

  test('learns of a first call that lost what it took until then, and of hedges and fast failures nothing [96, 97]', async () => {
    const clock = new ManualClock();
    const policy = hedge({ delay: { quantile: 0.5, minCalls: 4 }, clock });
    const calls = async (n: number, ...steps: Step[]) => {
      for (let i = 0; i < n; i++) await startsOf(clock, policy, ...steps);
      return policy.delay as number;
    };
    const near = (delay: number, exact: number) => assert.ok(delay >= exact && delay <= exact * 1.04, `${delay}`);
    near(await calls(4, { takes: 100, gives: 1 }), 100);
    // Fast failures, and hedges that win in no time, do not bring it down.
    near(await calls(50, { takes: 1, fails: boom }, { takes: 1, fails: boom }), 100);
    near(await calls(3, { takes: 1_000, gives: 1 }, { takes: 1, gives: 2 }), 100);
    // First calls given up after more than that count as so long at least: then half of the calls took longer.
    assert.ok((await calls(3, { takes: 1_000, gives: 1 }, { takes: 300, gives: 2 })) > 100);
  });

  test('is idle until it has learnt something; a fixed delay always is [104]', async () => {
    const clock = new ManualClock();
    const live = hedge({ clock });
    assert.deepEqual(
      [live.idle, live.delay, hedge({ delay: 5 }).idle, hedge({ delay: 5 }).delay],
      [true, undefined, true, 5],
    );
    await startsOf(clock, live, { takes: 5, gives: 1 });
    assert.equal(live.idle, false);
  });
});

test('options out of range, or unknown, are errors that say so [7]', () => {
  for (const [options, error] of [
    [{ delay: -1 }, /hedge: delay must be a number of milliseconds, 0 or more, got -1/],
    [{ delay: Number.NaN }, /hedge: delay/],
    [{ delay: '5' }, /hedge: delay/],
    [{ delay: { quantile: 1 } }, /hedge: delay: quantile must be a number from 0.01 to 0.999, got 1/],
    [{ delay: { min: 0 } }, /hedge: delay: min must be a number above 0/],
    [{ delay: { minCalls: 0 } }, /hedge: delay: minCalls must be a positive integer/],
    [{ delay: { percentile: 95 } }, /hedge: delay: unknown option "percentile"/],
    [{ maxHedges: -1 }, /hedge: maxHedges/],
    [{ maxHedges: 11 }, /hedge: maxHedges must be a non-negative integer up to 10, got 11/],
    [{ maxHedges: 1.5 }, /hedge: maxHedges/],
    [{ budget: {} }, /hedge: budget must be a budget such as retryBudget\(\), or an object with begin, tryRetry, end/],
    [{ classify: 1 }, /hedge: classify/],
    [{ maxAttempts: 2 }, /hedge: unknown option "maxAttempts"/],
  ] as [HedgeOptions, RegExp][]) {
    assert.throws(() => hedge(options), error);
  }
});

const laws: Record<string, (clock: ManualClock) => ReturnType<typeof hedge>> = {
  'a hedge': (clock) => hedge({ delay: 20, maxHedges: 2, clock }),
  'a live hedge': (clock) => hedge({ delay: { minCalls: 1, quantile: 0.5 }, budget: retryBudget(), clock }),
};
describe('hedge keeps the laws of all policies', () => {
  for (const [name, policy] of Object.entries(laws)) {
    for (const [law, property] of policyLaws({ fc, policy })) {
      test(`${name} ${law} [1, 2, 3, 4, 5, 8, 13, 48]`, () => fc.assert(property));
    }
  }
});
