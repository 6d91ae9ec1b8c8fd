import assert from 'node:assert/strict';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { test } from 'vitest';
import type { Cache } from '../../src/algorithms/cache.ts';
import { seededRandom } from '../../src/testing/seeded-random.ts';
import { cacheClasses } from './caches.ts';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** Puts in more than there is room for, so that the cache has looked for victims, and lets go of all. */
function past(cache: Cache<object, object>): WeakRef<object>[] {
  const refs: WeakRef<object>[] = [];
  const keys = Array.from({ length: 3_000 }, () => ({}));
  for (const key of keys) {
    const value = {};
    refs.push(new WeakRef(key), new WeakRef(value));
    cache.set(key, value);
    cache.get(key);
    if (refs.length % 3 > 0) cache.get(key);
  }
  for (const key of keys) cache.delete(key);
  return refs;
}

test.each(Object.entries(cacheClasses))('%s holds on to no key or value that has left', async (_, Made) => {
  const cache = new Made<object, object>({ maxEntries: 1_000, random: seededRandom(1) });
  const refs = past(cache);
  for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve, collect()));
  assert.equal(refs.filter((ref) => ref.deref() !== undefined).length, 0);
  assert.equal(cache.size, 0);
});
