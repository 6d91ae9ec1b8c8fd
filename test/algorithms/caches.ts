import type { Cache, CacheOptions } from '../../src/algorithms/cache.ts';
import { FifoCache } from '../../src/algorithms/fifo-cache.ts';
import { LfuCache } from '../../src/algorithms/lfu-cache.ts';
import { LruCache } from '../../src/algorithms/lru-cache.ts';
import { S3FifoCache } from '../../src/algorithms/s3fifo-cache.ts';
import { SieveCache } from '../../src/algorithms/sieve-cache.ts';
import { TinyLfuCache } from '../../src/algorithms/tinylfu-cache.ts';

/** All that keep the laws of `Cache`, to be put to the same tests. */
export const cacheClasses: Record<string, new <K, V>(options: CacheOptions<K, V>) => Cache<K, V>> = {
  LruCache,
  FifoCache,
  LfuCache,
  SieveCache,
  S3FifoCache,
  TinyLfuCache,
};
