import assert from 'node:assert/strict';
import { test } from 'vitest';
import { consecutiveFailures } from '../../src/algorithms/trip-rules.ts';
import { perKey } from '../../src/compositions/per-key.ts';
import type { Keyed } from '../../src/core/keyed.ts';
import { guard } from '../../src/core/pipeline.ts';
import type { Policy } from '../../src/core/policy.ts';
import { circuitBreaker } from '../../src/policies/circuit-breaker.ts';
import { ManualClock } from '../../src/testing/manual-clock.ts';

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

test('looks at a few busy policies alone before it forgets the oldest', () => {
  let looks = 0;
  const busy = () =>
    guard(
      {},
      {
        get idle() {
          looks++;
          return false;
        },
      },
    );
  const keyed = perKey((_: number) => busy(), { maxKeys: 1_000 });
  const first = keyed.for(0);
  for (let key = 1; key < 1_000; key++) keyed.for(key);
  keyed.for(1_000);
  assert.equal(looks, 8);
  assert.notEqual(keyed.for(0), first);
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
    () => perKey(make, { maxKey: 1 } as object),
    /^TypeError: perKey: unknown option "maxKey"; did you mean "maxKeys"/,
  );
  assert.throws(
    () => perKey(undefined as unknown as () => Policy),
    /^TypeError: perKey: the factory must be a function, got undefined$/,
  );
});
