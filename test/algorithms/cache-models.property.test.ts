import assert from 'node:assert/strict';
import fc from 'fast-check';
import { describe, test } from 'vitest';
import type { Cache, CacheOptions } from '../../src/algorithms/cache.ts';
import { FifoCache } from '../../src/algorithms/fifo-cache.ts';
import { LfuCache } from '../../src/algorithms/lfu-cache.ts';
import { LruCache } from '../../src/algorithms/lru-cache.ts';
import { S3FifoCache } from '../../src/algorithms/s3fifo-cache.ts';
import { SieveCache } from '../../src/algorithms/sieve-cache.ts';
import { type CacheModel, models } from './cache-models.ts';

type Make = (options: CacheOptions<number, number>) => Cache<number, number>;

const caches: Record<keyof typeof models, Make> = {
  LruCache: (options) => new LruCache(options),
  FifoCache: (options) => new FifoCache(options),
  LfuCache: (options) => new LfuCache(options),
  'LfuCache without ageing': (options) => new LfuCache({ ...options, ageing: false }),
  SieveCache: (options) => new SieveCache(options),
  S3FifoCache: (options) => new S3FifoCache(options),
};

/** As a program asks: get, and put in what was not there. */
function access(cache: Cache<number, number>, model: CacheModel, key: number): void {
  const known = model.has(key);
  assert.equal(cache.get(key), known ? key : undefined);
  if (known) model.use(key);
  else {
    cache.set(key, key);
    model.insert(key);
  }
}

function same(cache: Cache<number, number>, model: CacheModel): void {
  assert.deepEqual(
    Array.from(cache, ([key]) => key),
    model.ranked(),
  );
}

const uses = ['get', 'get', 'set', 'getOrInsert', 'peek', 'has', 'delete', 'resize', 'clear'] as const;

describe.each(Object.entries(models))('%s', (name, modelOf) => {
  const make = caches[name as keyof typeof models];

  test('hits whenever a slow and obvious model does, access by access', () => {
    // Some keys far more often than others, and now and then a row of new ones.
    const key = fc.oneof(fc.nat(4), fc.nat(15), fc.nat(60));
    const run = fc.tuple(fc.nat(60), fc.integer({ min: 2, max: 20 })).map(([from, length]) => ({ from, length }));
    const accesses = fc.array(fc.oneof({ weight: 10, arbitrary: key }, { weight: 1, arbitrary: run }), {
      maxLength: 400,
      size: 'max',
    });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 24 }), accesses, (maxEntries, accesses) => {
        const cache = make({ maxEntries });
        const model = modelOf(maxEntries);
        for (const each of accesses) {
          if (typeof each === 'number') access(cache, model, each);
          else for (let i = 0; i < each.length; i++) access(cache, model, each.from + i);
        }
        same(cache, model);
      }),
    );
  });

  test('keeps the order of the model through every operation', () => {
    const steps = fc.array(fc.tuple(fc.constantFrom(...uses), fc.nat(12)), { maxLength: 150, size: 'max' });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 12 }), steps, (maxEntries, steps) => {
        const cache = make({ maxEntries });
        let model = modelOf(maxEntries);
        for (const [use, key] of steps) {
          const known = model.has(key);
          if (use === 'get') assert.equal(cache.get(key), known ? key : undefined);
          else if (use === 'set') cache.set(key, key);
          else if (use === 'getOrInsert') cache.getOrInsert(key, () => key);
          else if (use === 'delete') assert.equal(cache.delete(key), known);
          else if (use === 'resize') cache.resize(key + 1);
          else if (use === 'clear') cache.clear();
          else assert.equal(cache[use](key), use === 'has' ? known : known ? key : undefined);

          if (use === 'clear') model = modelOf(model.bound);
          else if (use === 'resize') {
            model.bound = key + 1;
            model.shrink();
          } else if (use === 'delete' && known) model.delete(key);
          else if ((use === 'get' || use === 'set' || use === 'getOrInsert') && known) model.use(key);
          else if (use === 'set' || use === 'getOrInsert') model.insert(key);
          same(cache, model);
        }
      }),
    );
  });

  test('lets go of entries in the order in which it names them', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 24 }), fc.array(fc.nat(30), { maxLength: 200 }), (maxWeight, keys) => {
        const gone: number[] = [];
        const cache = make({ maxWeight, weigh: () => 1, onEvict: (key) => gone.push(key) });
        for (const key of keys) if (cache.get(key) === undefined) cache.set(key, key);
        const order = Array.from(cache, ([key]) => key);
        gone.length = 0;
        // No room but for itself.
        cache.set(-1, -1, { weight: maxWeight });
        assert.deepEqual(gone.reverse(), order);
      }),
    );
  });
});
