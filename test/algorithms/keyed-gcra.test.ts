import assert from 'node:assert/strict';
import { test } from 'vitest';
import { keyedGcra } from '../../src/algorithms/keyed-gcra.ts';

test('each key has a bucket of its own [86]', () => {
  const meter = keyedGcra({ limit: 2, interval: 1_000 });
  const table: [now: number, key: string, admitted: boolean][] = [
    [0, 'ada', true],
    [0, 'ada', true],
    [0, 'ada', false],
    [0, 'bob', true],
    [499, 'ada', false],
    [500, 'ada', true],
    [500, 'bob', true],
    [500, 'bob', true],
    [500, 'bob', false],
  ];
  for (const [now, key, admitted] of table) assert.equal(meter.tryAcquire(key, now), admitted, `${key} at ${now}`);
  assert.equal(meter.retryAfter('ada', 500), 500);
  assert.equal(meter.retryAfter('cy', 500), 0);
  assert.equal(meter.size, 2);
});

test('keys are told apart as in a Map, whatever they are', () => {
  const object = {};
  const megabyte = 'x'.repeat(2 ** 20);
  const keys: unknown[] = ['__proto__', 'constructor', '', ' ', megabyte, `${megabyte}y`, undefined, null, NaN, 0, '0'];
  keys.push(-1, 0.5, Infinity, 2 ** 53, 1n, true, false, object, {}, Symbol.iterator, '\ud800', '\ud801');
  const meter = keyedGcra<unknown>({ limit: 1, interval: 1_000 });
  for (const key of keys) assert.equal(meter.tryAcquire(key, 0), true);
  for (const key of keys) assert.equal(meter.tryAcquire(key, 0), false);
  assert.equal(meter.tryAcquire(-0, 0), false, '-0 is 0');
  assert.equal(meter.size, keys.length);
});

test('a key is forgotten once its bucket has been full for as long as it takes to fill, all of them at once [90, 104]', () => {
  const meter = keyedGcra({ limit: 1, interval: 1_000, burst: 3 });
  for (let i = 0; i < 10_000; i++) meter.tryAcquire(`key-${i}`, 0, 3);
  assert.equal(meter.tryAcquire('late', 2_999, 3), true);
  assert.equal(meter.size, 10_001);
  meter.retryAfter('other', 3_000);
  assert.equal(meter.size, 10_001, 'now they are old');
  meter.retryAfter('other', 5_998);
  assert.equal(meter.retryAfter('late', 5_998, 3), 1);
  assert.equal(meter.size, 10_001);
  meter.retryAfter('other', 6_000);
  assert.equal(meter.size, 1, 'the late one has been asked for since');
  meter.retryAfter('other', 365 * 86_400_000);
  assert.equal(meter.size, 0);
});

test('a key asked for again stays', () => {
  const meter = keyedGcra({ limit: 10, interval: 1_000 });
  for (let now = 0; now < 20_000; now += 100) {
    assert.equal(meter.tryAcquire('steady', now), true);
    assert.equal(meter.tryAcquire(`key-${now}`, now), true);
    assert.ok(meter.size <= 21);
  }
  assert.equal(meter.tryAcquire('steady', 19_900, 9), true);
  assert.equal(meter.tryAcquire('steady', 19_900), false);
});

test('with as many keys as may be remembered, a new one waits until some are gone, and those there go on [89, 104]', () => {
  const meter = keyedGcra({ limit: 1, interval: 1_000, maxKeys: 2 });
  assert.equal(meter.tryAcquire('ada', 0), true);
  assert.equal(meter.tryAcquire('bob', 900), true);
  assert.equal(meter.tryAcquire('cy', 900), false);
  assert.equal(meter.tryAcquire('cy', 900, 0), true, 'a cost of 0 is only asked for');
  assert.equal(meter.retryAfter('cy', 900, 0), 0);
  assert.equal(meter.retryAfter('cy', 900), 1_100);
  assert.equal(meter.tryAcquire('ada', 1_000), true);
  assert.equal(meter.retryAfter('cy', 1_000), 1_000);
  assert.equal(meter.tryAcquire('cy', 1_999.999), false);
  assert.equal(meter.tryAcquire('cy', 2_000), true, 'bob is gone');
  assert.equal(meter.size, 2);
});

test('what is refused or costs nothing leaves no key behind [91]', () => {
  const meter = keyedGcra({ limit: 2, interval: 1_000 });
  assert.equal(meter.tryAcquire('ada', 0, 0), true);
  assert.equal(meter.tryAcquire('ada', 0, 3), false);
  assert.equal(meter.retryAfter('ada', 0, 3), Infinity);
  assert.equal(meter.tryAcquire('ada', 0, Infinity), false);
  assert.equal(meter.tryAcquire('ada', NaN), false);
  for (const cost of [-1, NaN]) {
    assert.throws(() => meter.tryAcquire('ada', 0, cost), { name: 'RangeError', message: /cost must be .*, got / });
    assert.throws(() => meter.retryAfter('ada', 0, cost), RangeError);
  }
  assert.equal(meter.size, 0);
  assert.equal(meter.tryAcquire('ada', 0, 2), true);
  assert.equal(meter.tryAcquire('ada', NaN), false);
  assert.equal(meter.retryAfter('ada', 0), 500);
});

test('options out of range are refused by name, with their range and value [7]', () => {
  const good = { limit: 1, interval: 1_000 };
  for (const maxKeys of [0, -1, 1.5, NaN, Infinity, 2 ** 24 + 1]) {
    assert.throws(() => keyedGcra({ ...good, maxKeys }), {
      name: 'RangeError',
      message: `keyedGcra: maxKeys must be a positive integer up to 16777216, got ${maxKeys}`,
    });
  }
  assert.throws(() => keyedGcra({ ...good, limit: 0 }), { name: 'RangeError', message: /^keyedGcra: limit must be / });
  assert.throws(() => keyedGcra({ ...good, maxKey: 1 } as never), { name: 'TypeError', message: /"maxKeys"\?/ });
});
