import assert from 'node:assert/strict';
import { test } from 'vitest';
import { S3FifoCache } from '../../src/algorithms/s3fifo-cache.ts';
import { seededRandom } from '../../src/testing/seeded-random.ts';

/** Of 20 entries: 2 in the small queue, 18 in main. */
function full(told: number[] = []): S3FifoCache<number, number> {
  const cache = new S3FifoCache<number, number>({ maxEntries: 20, onEvict: (key) => told.push(key) });
  for (let i = 0; i < 20; i++) {
    cache.set(i, i);
    // Used more than once: they go to main when room is needed, but for the two newest.
    if (i < 18) for (let j = 0; j < 2; j++) cache.get(i);
  }
  return cache;
}

test('keeps what was used more than once through a scan', () => {
  const cache = full();
  for (let i = 100; i < 200; i++) cache.set(i, i);
  for (let i = 0; i < 18; i++) assert.equal(cache.has(i), true);
  assert.deepEqual([cache.has(18), cache.has(198), cache.has(199)], [false, true, true]);
});

test('lets what comes back soon after it left go to main, and what was asked for once go', () => {
  const cache = full();
  cache.set(100, 100);
  // 18 has left, and comes back.
  assert.equal(cache.has(18), false);
  cache.set(18, 18);
  for (let i = 200; i < 217; i++) cache.set(i, i);
  assert.deepEqual([cache.has(18), cache.has(100)], [true, false]);
  // The 18 that left last have ghosts: 100 is one of them, and 200 no longer is when it comes back.
  cache.set(100, 100);
  for (let i = 300; i < 320; i++) cache.set(i, i);
  cache.set(200, 200);
  for (let i = 400; i < 403; i++) cache.set(i, i);
  assert.deepEqual([cache.has(100), cache.has(200)], [true, false]);
});

test('makes room for two where one goes from small to a main queue that is full', () => {
  const told: number[] = [];
  const cache = full(told);
  cache.set(100, 100);
  assert.deepEqual(told.splice(0), [18]);
  cache.get(19);
  cache.get(19);
  cache.set(101, 101);
  // 0 leaves main so that 19 may come there, and 100 leaves small.
  assert.deepEqual(told.splice(0), [0, 100]);
  assert.equal(cache.size, 19);
  cache.set(102, 102);
  assert.deepEqual(told, []);
  assert.equal(cache.size, 20);
});

test('holds as much whatever its chance, and with keys of every kind', () => {
  const kinds = [(i: number) => i, (i: number) => `key ${i}`, (i: number) => i + 0.5, (i: number) => BigInt(i)];
  const hits = [seededRandom(1), seededRandom(2), seededRandom(3)].flatMap((random) =>
    kinds.map((kind) => {
      const cache = new S3FifoCache<unknown, number>({ maxEntries: 50, random });
      let hits = 0;
      for (let i = 0; i < 5_000; i++) {
        const key = kind((i * i) % (i % 2 === 0 ? 67 : 331));
        if (cache.get(key) === undefined) cache.set(key, i);
        else hits++;
      }
      return hits;
    }),
  );
  assert.equal(new Set(hits).size, 1);
});

test('goes on where all keys have one hash, and entries become heavier and lighter', () => {
  for (let seed = 1; seed <= 60; seed++) {
    const random = seededRandom(seed);
    const cache = new S3FifoCache<symbol, number>({ maxWeight: 3, weigh: (weight) => weight, random });
    // Of symbols the description is hashed: the ghost of one is that of all.
    const keys = Array.from({ length: 6 }, () => Symbol('one'));
    for (let i = 0; i < 400; i++) {
      const key = keys[Math.floor(random() * keys.length)] as symbol;
      if (random() < 0.5) cache.set(key, 1 + Math.floor(random() * 3));
      else cache.get(key);
      assert.equal([...cache].length, cache.size);
    }
  }
});
