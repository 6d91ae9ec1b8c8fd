import assert from 'node:assert/strict';
import fc from 'fast-check';
import { test } from 'vitest';
import { FrequencySketch, SlotFrequencies } from '../../src/algorithms/frequency-sketch.ts';
import { KeyHash } from '../../src/algorithms/key-hash.ts';
import { seededRandom } from '../../src/testing/seeded-random.ts';

const hash = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
const deed = fc.oneof(
  { weight: 8, arbitrary: fc.record({ add: fc.nat(30), times: fc.integer({ min: 1, max: 20 }) }) },
  { weight: 1, arbitrary: fc.constant('age' as const) },
  { weight: 1, arbitrary: fc.record({ fit: fc.integer({ min: 1, max: 5_000 }) }) },
);

test('a sketch never says less than was counted, halved as often as it aged, nor more than 15', () => {
  fc.assert(
    fc.property(fc.array(hash, { minLength: 31, maxLength: 31 }), fc.array(deed), (hashes, deeds) => {
      const sketch = new FrequencySketch();
      const counts = new Map<number, number>();
      for (const deed of deeds) {
        if (deed === 'age') {
          sketch.age();
          for (const [hash, count] of counts) counts.set(hash, count >> 1);
        } else if ('fit' in deed) {
          const before = hashes.map((hash) => sketch.estimate(hash));
          sketch.fit(deed.fit);
          assert.deepEqual(
            hashes.map((hash) => sketch.estimate(hash)),
            before,
          );
        } else {
          const key = hashes[deed.add] as number;
          const before = sketch.estimate(key);
          sketch.add(key, deed.times);
          assert.equal(sketch.estimate(key), Math.min(before + deed.times, 15));
          counts.set(key, Math.min((counts.get(key) ?? 0) + deed.times, 15));
        }
        for (const [hash, count] of counts) {
          const estimate = sketch.estimate(hash);
          assert.ok(estimate >= count && estimate <= 15);
        }
      }
      sketch.forget();
      for (const hash of hashes) assert.equal(sketch.estimate(hash), 0);
    }),
  );
});

test('a sketch of a thousand entries counts five thousand keys nearly right', () => {
  const sketch = new FrequencySketch();
  sketch.fit(1_000);
  const random = seededRandom(1);
  const keys = Array.from({ length: 5_000 }, () => Math.floor(random() * 2 ** 32) | 0);
  keys.forEach((key, i) => void sketch.add(key, 1 + (i % 3)));
  const wrong = keys.filter((key, i) => sketch.estimate(key) !== 1 + (i % 3)).length;
  assert.ok(wrong < 250, `${wrong} of 5000 are wrong`);
});

test('keys that a Map takes for one have one hash [100]', () => {
  fc.assert(
    fc.property(fc.anything(), fc.integer(), (key, seed) => {
      const hash = new KeyHash(seededRandom(seed));
      const first = hash.of(key);
      assert.equal(first, first | 0);
      assert.equal(hash.of(key), first);
      if (typeof key === 'string') assert.equal(hash.of([...key].join('')), first);
      if (key === 0) assert.equal(hash.of(-0), hash.of(0));
      if (Number.isNaN(key)) assert.equal(hash.of(Number.NaN), first);
    }),
  );
});

test('keys that differ have different hashes, and different ones by other chance', () => {
  const objects = Array.from({ length: 100 }, () => ({}));
  const texts = Array.from({ length: 20_000 }, (_, i) => `key:${i}`);
  const numbers = Array.from({ length: 20_000 }, (_, i) => i - 10_000);
  const keys = [
    ...objects,
    ...texts,
    ...numbers,
    undefined,
    null,
    true,
    1n,
    0.1,
    Infinity,
    Symbol('s'),
    '',
    'x'.repeat(100),
  ];
  const [a, b] = [new KeyHash(seededRandom(1)), new KeyHash(seededRandom(2))];
  const hashes = keys.map((key) => a.of(key));
  assert.ok(keys.length - new Set(hashes).size < 10);
  assert.ok(keys.filter((key, i) => b.of(key) === hashes[i]).length < 10);
});

test('made for far fewer entries, a sketch takes as little room as if it had never had more, and knows those there are', () => {
  const frequencies = new SlotFrequencies(100, true);
  frequencies.sketch.fit(100_000);
  const keyHash = new KeyHash(seededRandom(1));
  for (let slot = 1; slot < 100; slot++) {
    frequencies.hashes[slot] = keyHash.of(slot);
    for (let use = 0; use < slot % 16; use++) frequencies.sketch.add(keyHash.of(slot), 1);
  }
  const large = frequencies.sketch;
  frequencies.shrink(50_000, []);
  assert.equal(frequencies.sketch, large);
  frequencies.shrink(20, [1, 2, 3, 14]);
  assert.ok(large.isFarAbove(20) && !frequencies.sketch.isFarAbove(20));
  assert.deepEqual(
    [1, 2, 3, 14].map((slot) => frequencies.of(slot)),
    [1, 2, 3, 14],
  );
});
