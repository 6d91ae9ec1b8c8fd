import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import type { CacheOptions } from '../../src/algorithms/cache.ts';
import { FifoCache } from '../../src/algorithms/fifo-cache.ts';
import { LfuCache } from '../../src/algorithms/lfu-cache.ts';
import { LruCache } from '../../src/algorithms/lru-cache.ts';
import { S3FifoCache } from '../../src/algorithms/s3fifo-cache.ts';
import { SieveCache } from '../../src/algorithms/sieve-cache.ts';
import { TinyLfuCache } from '../../src/algorithms/tinylfu-cache.ts';
import { xorshift } from './generators.ts';

/** What is played with: ours and others'. */
export interface Player {
  get(key: unknown): unknown;
  set(key: unknown, value: unknown): unknown;
}

export interface Policy {
  readonly name: string;
  readonly of: (size: number) => Player;
  /** Asked for by strings instead of numbers. */
  readonly strings?: boolean;
}

/** Each time the same chance. */
const options = (maxEntries: number): CacheOptions<unknown, unknown> => ({ maxEntries, random: xorshift(1) });

export const ours: readonly Policy[] = [
  { name: 'LRU', of: (size) => new LruCache(options(size)) },
  { name: 'FIFO', of: (size) => new FifoCache(options(size)) },
  { name: 'LFU', of: (size) => new LfuCache({ ...options(size), ageing: false }) },
  { name: 'LFU, ageing', of: (size) => new LfuCache(options(size)) },
  { name: 'SIEVE', of: (size) => new SieveCache(options(size)) },
  { name: 'S3-FIFO', of: (size) => new S3FifoCache(options(size)) },
  { name: 'TinyLFU', of: (size) => new TinyLfuCache(options(size)) },
  { name: 'TinyLFU, strings', of: (size) => new TinyLfuCache(options(size)), strings: true },
];

interface Peers {
  readonly 'lru-cache': { readonly LRUCache: new (options: { max: number }) => Player };
  readonly 'quick-lru': { readonly default: new (options: { maxSize: number }) => Player };
  readonly transitory: {
    newCache(): {
      maxSize(size: number): {
        build(): { getIfPresent(key: unknown): unknown; set(key: unknown, value: unknown): unknown; cleanUp(): void };
      };
    };
  };
}

/**
 * Those of others that are installed for comparisons. Other libraries' caches that are plain LRUs, lru-cache among them,
 * give the figures of LRU.
 */
export function peers(): Policy[] {
  const require = createRequire(resolve('bench/versus/package.json'));
  const made: { readonly [Name in keyof Peers]: (peer: Peers[Name]) => (size: number) => Player } = {
    'lru-cache':
      ({ LRUCache }) =>
      (max) =>
        new LRUCache({ max }),
    // It keeps up to twice as many as it is told.
    'quick-lru':
      ({ default: QuickLru }) =>
      (size) =>
        new QuickLru({ maxSize: Math.ceil(size / 2) }),
    transitory:
      ({ newCache }) =>
      (size) => {
        const cache = newCache().maxSize(size).build();
        return {
          get: (key) => cache.getIfPresent(key) ?? undefined,
          set(key, value) {
            cache.set(key, value);
            // What its timer would do when the loop is over.
            cache.cleanUp();
          },
        };
      },
  };
  const of = <Name extends keyof Peers>(name: Name): Policy[] => {
    try {
      return [{ name, of: made[name](require(name) as Peers[Name]) }];
    } catch (error) {
      if ((error as { code?: unknown }).code === 'MODULE_NOT_FOUND') return [];
      throw error;
    }
  };
  return [...of('lru-cache'), ...of('quick-lru'), ...of('transitory')];
}

/** @param names the keys as they are asked for, by number; the numbers themselves if not given */
export function play(player: Player, keys: Uint32Array, names?: readonly unknown[]): number {
  let hits = 0;
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i] as number;
    const name = names === undefined ? key : names[key];
    if (player.get(name) === undefined) player.set(name, true);
    else hits++;
  }
  return hits;
}
