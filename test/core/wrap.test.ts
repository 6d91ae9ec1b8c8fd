import assert from 'node:assert/strict';
import { test } from 'vitest';
import { guard, pipeline } from '../../src/core/pipeline.ts';
import type { Policy } from '../../src/core/policy.ts';
import { wrap } from '../../src/core/wrap.ts';
import { fallback } from '../../src/policies/fallback.ts';
import { retry } from '../../src/policies/retry.ts';
import { scribe } from './support.ts';

const boom = new Error('boom');

test('a wrapped function gets its arguments, and its caller what it gives [6]', async () => {
  const { guard: noted, log } = scribe();
  const add = wrap((a: number, b: number) => a + b, noted('a'));
  const addLater = wrap(async (a: number, b: number) => a + b, noted('b'));
  assert.equal(await add(1, 2), 3);
  assert.equal(await addLater(3, 4), 7);
  assert.deepEqual(log, ['a in', 'a out: value 3', 'b in', 'b out: value 7']);
  const count = wrap((...all: unknown[]) => all, pipeline());
  assert.deepEqual(await count(), []);
  assert.deepEqual(await count(undefined, null), [undefined, null]);
});

test('a wrapped method keeps `this`, each object its own, on every try [6]', async () => {
  class Counter {
    count = 0;
    readonly step: number;
    constructor(step: number) {
      this.step = step;
    }
    add(by: number): number {
      this.count += this.step * by;
      if (this.count < 4) throw boom;
      return this.count;
    }
  }
  const policy = retry({ maxAttempts: 4, backoff: () => 0 });
  const one = Object.assign(new Counter(1), { add: wrap(Counter.prototype.add, policy) });
  const ten = Object.assign(new Counter(10), { add: wrap(Counter.prototype.add, policy) });
  assert.equal(await one.add(1), 4);
  assert.equal(await ten.add(1), 10);
  Counter.prototype.add = wrap(Counter.prototype.add, policy) as never;
  assert.equal(await new Counter(2).add(1), 4);
});

test('a wrapped function may be called with any `this`, or none [6]', async () => {
  const whose = wrap(
    function (this: unknown) {
      return this;
    },
    guard({ leave() {} }),
  );
  const own = {};
  assert.equal(await whose.call(own), own);
  assert.equal(await whose.call(undefined), undefined);
  assert.equal(await whose.bind(own)(), own);
  assert.equal(await whose.apply(own, []), own);
});

test('it is called synchronously, and what it throws is a rejection [1, 2, 6]', async () => {
  let calls = 0;
  const failing = wrap(() => {
    calls++;
    throw boom;
  }, pipeline());
  const result = failing();
  assert.equal(calls, 1);
  await assert.rejects(result, boom);
  await assert.rejects(wrap(async () => Promise.reject(boom), pipeline())(), boom);
});

test('the policy answers in its stead, and any policy will do [6]', async () => {
  const own: Policy<unknown> = { execute: async () => 'own' };
  assert.equal(await wrap(() => 'it', own)(), 'own');
  assert.equal(
    await wrap(
      () => {
        throw boom;
      },
      fallback({ value: 'other' }),
    )(),
    'other',
  );
});

test('what is no function, or no policy, is refused when it is wrapped [6, 7]', () => {
  for (const fn of [undefined, null, 'load', {}]) {
    assert.throws(() => wrap(fn as never, pipeline()), {
      name: 'TypeError',
      message: /^wrap: fn must be a function, got /,
    });
  }
  for (const policy of [undefined, null, {}, () => {}]) {
    assert.throws(() => wrap(() => {}, policy as never), {
      name: 'TypeError',
      message: /^wrap: policy must have a method execute/,
    });
  }
});
