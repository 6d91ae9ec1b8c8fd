import type { Cache } from '../../src/algorithms/cache.ts';
import { TinyLfuCache } from '../../src/algorithms/tinylfu-cache.ts';
import { cache } from '../../src/policies/cache.ts';
import type { Case } from '../runner.ts';
import { crowd, crowded, task, waitingTask } from '../tasks.ts';

const size = 1_000;
const keys = Array.from({ length: size }, (_, i) => `user-${i}`);
let turn = 0;
/** Another key each time, as users have it. */
const key = (): string => keys[(turn = (turn + 1) % size)] as string;

function filled<C extends { set(key: string, value: unknown): unknown }>(cache: C): C {
  for (const each of keys) cache.set(each, { name: each });
  return cache;
}

const store: Cache<string, unknown> = filled(new TinyLfuCache<string, unknown>({ maxEntries: size }));
const timedStore = filled(new TinyLfuCache<string, unknown>({ maxEntries: size, ttl: 3_600_000 }));
const plain = filled(cache({ store: { maxEntries: size } }));
const timed = filled(cache({ store: { maxEntries: size }, ttl: 3_600_000 }));
const stale = filled(cache({ store: { maxEntries: size }, ttl: 3_600_000, staleWhileRevalidate: 60_000 }));
const misses = cache({ store: { maxEntries: size } });

export const caching: readonly Case[] = [
  { name: 'look into a store', call: () => Promise.resolve(store.get(key())) },
  { name: 'look into a store with ttl', call: () => Promise.resolve(timedStore.get(key())) },
  {
    name: 'cache, hit',
    call: () => plain.for(key()).execute(task),
    per: 'look into a store',
    required: 1.3,
    stretch: 1.15,
  },
  {
    name: 'cache with ttl, hit',
    call: () => timed.for(key()).execute(task),
    per: 'look into a store with ttl',
    required: 1.3,
    stretch: 1.15,
  },
  {
    name: 'cache with ttl and stale values, hit',
    call: () => stale.for(key()).execute(task),
    per: 'look into a store with ttl',
    required: 1.3,
    stretch: 1.15,
  },
  {
    name: `cache, ${crowd} misses of one key at once`,
    call: async () => {
      misses.delete('key');
      await crowded(() => misses.for('key').execute(waitingTask))();
    },
    each: crowd,
    per: 'no limit',
    required: 10,
  },
];
