import assert from 'node:assert/strict';
import { describe, test } from 'vitest';
import type { Cache, CacheOptions } from '../../src/algorithms/cache.ts';
import { FifoCache } from '../../src/algorithms/fifo-cache.ts';
import { LruCache } from '../../src/algorithms/lru-cache.ts';

/** Every cache keeps these laws. `order` of one says more in a test of its own. */
const classes: Record<string, new <K, V>(options: CacheOptions<K, V>) => Cache<K, V>> = { LruCache, FifoCache };

describe.each(Object.entries(classes))('%s', (_name, Made) => {
  test('holds what was put in, and undefined is a value', () => {
    const cache = new Made<string, number | undefined>({ maxEntries: 3 });
    assert.equal(cache.set('a', 1), true);
    cache.set('b', undefined);
    assert.deepEqual([cache.get('a'), cache.get('b'), cache.get('c')], [1, undefined, undefined]);
    assert.deepEqual([cache.has('b'), cache.has('c'), cache.size, cache.weight], [true, false, 2, 2]);
    assert.deepEqual([cache.delete('b'), cache.delete('b'), cache.size], [true, false, 1]);
    cache.clear();
    assert.deepEqual([cache.get('a'), cache.size, [...cache]], [undefined, 0, []]);
  });
});
