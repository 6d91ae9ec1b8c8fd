import assert from 'node:assert/strict';
import { test } from 'vitest';
import { LfuCache } from '../../src/algorithms/lfu-cache.ts';

const keys = (cache: Iterable<[string, unknown]>): string => Array.from(cache, ([key]) => key).join('');

test('lets go of what was used least often, and of those the one unused for longest', () => {
  const cache = new LfuCache<string, number>({ maxEntries: 4, ageing: false });
  for (const key of 'abcdaabbbc') cache.getOrInsert(key, () => 0);
  assert.equal(keys(cache), 'bacd');
  cache.set('c', 1);
  assert.equal(keys(cache), 'bcad');
  cache.set('e', 0);
  assert.equal(keys(cache), 'bcae');
  cache.get('e');
  cache.get('e');
  assert.equal(keys(cache), 'beca');
});

test.each([true, false])('forgets what was used often and no longer is, unless ageing is off: %s', (ageing) => {
  const cache = new LfuCache<string | number, number>({ maxEntries: 4, ageing });
  cache.set('once much used', 0);
  for (let i = 0; i < 20; i++) cache.get('once much used');
  for (let i = 0; i < 1_000; i++) cache.set(i, i);
  assert.equal(cache.has('once much used'), !ageing);
});

test('begins anew after clear, its age too', () => {
  const cache = new LfuCache<string, number>({ maxEntries: 2 });
  for (const key of 'aaaabbbbccccdddd') cache.getOrInsert(key, () => 0);
  cache.clear();
  for (const key of 'abbc') cache.getOrInsert(key, () => 0);
  assert.equal(keys(cache), 'cb');
});

test('says what ageing may be', () => {
  assert.throws(() => new LfuCache({ maxEntries: 1, ageing: 1 as never }), /^TypeError: LfuCache: ageing .*boolean.*1/);
});
