import assert from 'node:assert/strict';
import { test } from 'vitest';
import { tokenBucket } from '../../src/algorithms/token-bucket.ts';
import { consecutiveFailures } from '../../src/algorithms/trip-rules.ts';
import { perKey } from '../../src/compositions/per-key.ts';
import type { Keyed } from '../../src/core/keyed.ts';
import { guard, pipeline } from '../../src/core/pipeline.ts';
import type { Policy } from '../../src/core/policy.ts';
import { bulkhead } from '../../src/policies/bulkhead.ts';
import { circuitBreaker } from '../../src/policies/circuit-breaker.ts';
import { rateLimit } from '../../src/policies/rate-limit.ts';
import { retry } from '../../src/policies/retry.ts';
import { timeout } from '../../src/policies/timeout.ts';
import { ManualClock } from '../../src/testing/manual-clock.ts';
import { deferred, reported } from '../core/support.ts';

const fail = (): Promise<never> => Promise.reject(new Error('down'));

test('the same key gives the same policy, made when it is first asked for', () => {
  const made: string[] = [];
  const keyed = perKey((key: string) => {
    made.push(key);
    return guard({}, { key });
  });
  assert.deepEqual([made, keyed.size], [[], 0]);
  const a = keyed.for('a');
  assert.equal(keyed.for('b').key, 'b');
  assert.equal(keyed.for('a'), a);
  assert.deepEqual([made, keyed.size], [['a', 'b'], 2]);
});

test('tells keys apart as a Map does, undefined and null too [100]', () => {
  const keyed = perKey((_: unknown) => guard({}));
  const object = {};
  const keys = [undefined, null, 0, '0', '', Number.NaN, false, object, {}, 'undefined'];
  const policies = new Set(keys.map((key) => keyed.for(key)));
  assert.equal(policies.size, keys.length);
  assert.equal(keyed.for(-0), keyed.for(0));
  assert.equal(keyed.for(Number.NaN), keyed.for(Number.NaN));
  assert.equal(keyed.for(object), keyed.for(object));
});

test('one key’s failures are not another’s [9]', async () => {
  const breakers = perKey((name: string) => circuitBreaker({ name, trip: consecutiveFailures({ count: 1 }) }));
  await assert.rejects(breakers.for('a').execute(fail));
  assert.deepEqual([breakers.for('a').state, breakers.for('b').state], ['open', 'closed']);
});

test('passes over what is not idle, and yet never keeps more than maxKeys [104]', async () => {
  const clock = new ManualClock();
  const trip = consecutiveFailures({ count: 2 });
  const breakers = perKey((_: number) => circuitBreaker({ trip, clock }), { maxKeys: 3 });
  const [open, counting, idle] = [breakers.for(1), breakers.for(2), breakers.for(3)];
  open.open();
  await assert.rejects(counting.execute(fail));
  await idle.execute(() => 1);
  breakers.for(4);
  assert.equal(breakers.for(1), open);
  assert.equal(breakers.for(2), counting);
  assert.notEqual(breakers.for(3), idle);
  // All of them busy: the oldest goes.
  for (const key of [3, 1, 2]) breakers.for(key).open();
  const third = breakers.for(3);
  breakers.for(1);
  breakers.for(5);
  assert.equal(breakers.size, 3);
  assert.equal(breakers.for(3), third);
  assert.notEqual(breakers.for(2), counting);
});

/** Policies that are idle or not as they are told, and how often they were asked. */
function toggled() {
  const busy = new Set<number>();
  const asked: number[] = [];
  const make = (key: number) =>
    guard(
      {},
      {
        key,
        get idle() {
          asked.push(key);
          return !busy.has(key);
        },
      },
    );
  return { busy, asked, make };
}

test('busy policies do not hide the idle ones behind them [104]', () => {
  const { busy, make } = toggled();
  const keyed = perKey(make, { maxKeys: 100 });
  const made = Array.from({ length: 100 }, (_, key) => keyed.for(key));
  for (let key = 0; key < 50; key++) busy.add(key);
  for (let key = 100; key < 1_000; key++) keyed.for(key);
  assert.equal(keyed.size, 100);
  for (let key = 0; key < 50; key++) assert.equal(keyed.for(key), made[key]);
});

test('looks at eight policies for each new key at most, and at none twice, when all are busy', () => {
  const { busy, asked, make } = toggled();
  const keyed = perKey(make, { maxKeys: 100 });
  for (let key = 0; key < 1_000; key++) busy.add(key);
  for (let key = 0; key < 100; key++) keyed.for(key);
  assert.equal(asked.length, 0);
  const second = keyed.for(1);
  keyed.for(100);
  // What the first hundred keys have saved up: each of them once.
  assert.deepEqual(asked.splice(0).sort(), Array.from({ length: 100 }, (_, key) => key).sort());
  keyed.for(101);
  assert.equal(asked.length, 8);
  assert.equal(keyed.for(1), second);
  assert.equal(keyed.size, 100);
});

test('holds nobody up to look at more than a thousand', () => {
  const { busy, asked, make } = toggled();
  const keyed = perKey(make, { maxKeys: 3_000 });
  for (let key = 0; key < 3_000; key++) keyed.for(key);
  for (let key = 0; key < 2_000; key++) busy.add(key);
  keyed.for(3_000);
  assert.equal(asked.length, 1_000);
  assert.equal(keyed.size, 3_000);
});

test('forgets what nobody has asked for in maxIdle, if it is idle [104]', async () => {
  const clock = new ManualClock();
  const { busy, make } = toggled();
  const keyed = perKey(make, { maxIdle: 1_000, clock });
  const first = keyed.for(1);
  const second = keyed.for(2);
  const third = keyed.for(3);
  busy.add(2);
  await clock.advance(999);
  assert.equal(keyed.for(3), third);
  assert.equal(keyed.size, 3);
  await clock.advance(1);
  keyed.for(3);
  assert.equal(keyed.size, 2);
  assert.equal(keyed.for(2), second);
  assert.notEqual(keyed.for(1), first);
  // A policy that is busy goes once it is idle again.
  busy.delete(2);
  await clock.advance(1_000);
  keyed.for(4);
  keyed.for(4);
  assert.equal(keyed.size, 1);
  assert.equal(clock.pending, 0);
});

test('a clock that steps back, or sleeps for a year, keeps nothing for longer', async () => {
  const clock = new ManualClock();
  const keyed = perKey(toggled().make, { maxIdle: 1_000, clock });
  keyed.for(1);
  clock.jump(-86_400_000);
  keyed.for(2);
  await clock.advance(1_000);
  keyed.for(3);
  assert.equal(keyed.size, 1);
  clock.jump(365 * 86_400_000);
  keyed.for(4);
  assert.equal(keyed.size, 1);
});

test('a pipeline is idle if all its policies are, however deep [104]', async () => {
  const breaker = () => circuitBreaker({ trip: consecutiveFailures({ count: 1 }) });
  const keyed = perKey(
    (_: string) => pipeline(retry({ maxAttempts: 1 }), pipeline(breaker(), timeout({ duration: 1 }))),
    {
      maxKeys: 2,
    },
  );
  const down = keyed.for('down');
  await assert.rejects(down.execute(fail));
  for (const key of ['a', 'b', 'c']) await keyed.for(key).execute(() => 1);
  assert.equal(keyed.for('down'), down);
  assert.equal((pipeline() as { idle?: boolean }).idle, true);
});

test('a limit is kept for as long as its bucket is not full, a bulkhead while somebody runs [104]', async () => {
  const clock = new ManualClock();
  const limits = perKey((_: number) => rateLimit({ meter: tokenBucket({ limit: 1, interval: 1_000 }), clock }), {
    maxKeys: 2,
    clock,
  });
  const spent = limits.for(1);
  await spent.execute(() => 1);
  for (let key = 2; key < 10; key++) limits.for(key);
  assert.equal(limits.for(1), spent);
  await clock.advance(1_000);
  for (let key = 2; key < 10; key++) limits.for(key);
  assert.notEqual(limits.for(1), spent);

  const bulkheads = perKey((_: number) => bulkhead({ maxConcurrent: 1 }), { maxKeys: 2 });
  const taken = bulkheads.for(1);
  const task = deferred();
  const call = taken.execute(() => task.promise);
  for (let key = 2; key < 10; key++) bulkheads.for(key);
  assert.equal(bulkheads.for(1), taken);
  task.resolve(undefined);
  await call;
  for (let key = 2; key < 10; key++) bulkheads.for(key);
  assert.notEqual(bulkheads.for(1), taken);
});

test('a policy whose idle throws is kept, and what it throws is reported', () => {
  const broken = new Error('broken');
  const keyed = perKey(
    (key: number) =>
      guard(
        {},
        {
          get idle() {
            if (key === 1) throw broken;
            return true;
          },
        },
      ),
    { maxKeys: 2 },
  );
  const first = keyed.for(1);
  keyed.for(2);
  keyed.for(3);
  assert.equal(keyed.for(1), first);
  assert.deepEqual(reported.splice(0), [broken]);
});

test('a factory may ask for keys, also for its own', () => {
  let within: Policy | undefined;
  const keyed = perKey(
    (key: string): Policy => {
      if (key === 'b') keyed.for('a');
      else if (within === undefined) {
        within = guard({});
        within = keyed.for(key);
      }
      return guard({});
    },
    { maxKeys: 2 },
  );
  const a = keyed.for('a');
  assert.equal(a, within);
  const b = keyed.for('b');
  assert.deepEqual([keyed.for('a'), keyed.for('b'), keyed.size], [a, b, 2]);
  keyed.for('c');
  assert.deepEqual([keyed.for('b'), keyed.size], [b, 2]);
});

test('any string is a key: __proto__, none at all, a megabyte', () => {
  const keyed = perKey((_: string) => guard({}), { maxKeys: 3 });
  const keys = ['__proto__', '', 'x'.repeat(1_000_000)];
  const made = keys.map((key) => keyed.for(key));
  assert.equal(new Set(made).size, 3);
  assert.deepEqual(
    keys.map((key) => keyed.for(String(key))),
    made,
  );
  assert.equal(keyed.for(`${'x'.repeat(999_999)}x`), made[2]);
});

test('a factory that throws, or gives no policy, leaves nothing behind', () => {
  const broken = new Error('broken');
  const keyed = perKey((key: string): Policy => {
    if (key === 'throws') throw broken;
    return key === 'nothing' ? (undefined as unknown as Policy) : guard({});
  });
  assert.throws(() => keyed.for('throws'), broken);
  assert.throws(() => keyed.for('nothing'), /^TypeError: perKey: the factory must return a policy$/);
  assert.equal(keyed.size, 0);
});

test('is a Keyed of what its policies may add', () => {
  const plain: Keyed<string> = perKey((name: string) => circuitBreaker({ name }));
  const adding: Keyed<number, 'stale'> = perKey((_: number) => guard({}) as Policy<'stale'>);
  // @ts-expect-error what a policy adds must be said
  const silent: Keyed<number> = perKey((_: number) => guard({}) as Policy<'stale'>);
  assert.ok(plain && adding && silent);
});

test('says which option is out of range or unknown [7]', () => {
  const make = () => guard({});
  assert.throws(
    () => perKey(make, { maxKeys: 0 }),
    /^RangeError: perKey: maxKeys must be a positive integer or Infinity, got 0$/,
  );
  assert.throws(() => perKey(make, { maxKeys: Number.NaN }), RangeError);
  assert.throws(
    () => perKey(make, { maxIdle: -1 }),
    /^RangeError: perKey: maxIdle must be a number of milliseconds, 0 or more, got -1$/,
  );
  assert.throws(
    () => perKey(make, { maxKey: 1 } as object),
    /^TypeError: perKey: unknown option "maxKey"; did you mean "maxKeys"/,
  );
  assert.throws(
    () => perKey(undefined as unknown as () => Policy),
    /^TypeError: perKey: the factory must be a function, got undefined$/,
  );
});
