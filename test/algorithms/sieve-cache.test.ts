import assert from 'node:assert/strict';
import { test } from 'vitest';
import { SieveCache } from '../../src/algorithms/sieve-cache.ts';

test('lets the hand pass who was used, wait where one has left, and come back to the oldest from the newest', () => {
  const cache = new SieveCache<string, number>({ maxEntries: 4 });
  const held = (): string =>
    [...cache]
      .map(([key]) => key)
      .sort()
      .join('');
  for (const key of 'ABCD') cache.set(key, 0);
  cache.get('A');
  cache.get('B');
  // A and B lose their marks, C leaves.
  cache.set('E', 0);
  assert.equal(held(), 'ABDE');
  // On to D, not back to A.
  cache.set('F', 0);
  assert.equal(held(), 'ABEF');
  // E and F came in before the hand, which looks at them before it comes to A and B again.
  cache.get('E');
  cache.set('G', 0);
  assert.equal(held(), 'ABEG');
  // F was the newest then: on to A.
  cache.set('H', 0);
  assert.equal(held(), 'BEGH');
});

test('finds its place again after entries have come and gone without it', () => {
  const cache = new SieveCache<number, number>({ maxEntries: 4 });
  for (let i = 0; i < 4; i++) cache.set(i, i);
  cache.get(0);
  cache.get(1);
  // 2 leaves, and the hand waits at 3.
  cache.set(4, 4);
  for (let i = 0; i < 100; i++) {
    assert.equal(cache.delete(4 + i), true);
    cache.set(5 + i, i);
  }
  cache.set(200, 200);
  assert.deepEqual([cache.has(3), cache.has(0), cache.has(1), cache.has(104)], [false, true, true, true]);
});
