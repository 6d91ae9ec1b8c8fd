import { LRUCache } from 'lru-cache';
import { LRUMap } from 'mnemonist';
import QuickLru from 'quick-lru';
import { lru } from 'tiny-lru';
import { newCache } from 'transitory';
import { LruCache } from '../../src/algorithms/lru-cache.ts';
import { TinyLfuCache } from '../../src/algorithms/tinylfu-cache.ts';
import { asked, type Deed, type Kind, row, type Store } from '../algorithms/cache-loops.ts';
import type { Case } from '../runner.ts';

/** Entries that each holds at most. */
const size = 50_000;
const kinds = ['numbers', 'strings'] as const;
const deeds = ['hit', 'update', 'evict', 'mix'] as const;

const ours: Readonly<Record<string, () => Store>> = {
  LruCache: () => new LruCache<unknown, unknown>({ maxEntries: size }),
  TinyLfuCache: () => new TinyLfuCache<unknown, unknown>({ maxEntries: size }),
};
const theirs: Readonly<Record<string, (deed: Deed) => Store>> = {
  'lru-cache': () => new LRUCache<string, number>({ max: size }) as Store,
  mnemonist: () => new LRUMap<unknown, unknown>(size),
  'tiny-lru': () => lru<unknown>(size) as Store,
  // It keeps up to twice what it is told; where all are to be found, half would not do.
  'quick-lru': (deed) => new QuickLru({ maxSize: deed === 'evict' || deed === 'mix' ? size / 2 : size }),
  transitory: () => {
    const cache = newCache<string, number>().maxSize(size).build() as unknown as Store & {
      getIfPresent(key: unknown): unknown;
      cleanUp(): void;
    };
    return {
      get: (key) => cache.getIfPresent(key) ?? undefined,
      set(key, value) {
        cache.set(key, value);
        // What its timer would do when the loop is over: without it, it keeps whatever comes.
        cache.cleanUp();
      },
    };
  },
};
/** How many times as fast as lru-cache, at least, with numbers. */
const required: Readonly<Record<string, Readonly<Partial<Record<Deed, number>>>>> = {
  LruCache: { hit: 1.2, update: 1.5, evict: 1.05, mix: 1.1 },
  TinyLfuCache: { mix: 0.9 },
};

/** A case of ours, and that of a peer that does the same. */
export interface Comparison {
  readonly name: string;
  readonly ours: string;
  readonly peer: string;
  readonly theirs: string;
  /** How many times our time the peer takes, at least; undefined: it is only shown. */
  readonly required: number | undefined;
}

const caseName = (who: string, kind: Kind, deed: Deed): string => `${who}, ${kind}: ${deed}`;

/** Those of these names. No other is made: a class that two kinds of cases go through is slower for both. */
export function cachesOf(names: ReadonlySet<string>): Case[] {
  return kinds.flatMap((kind) => {
    const makers = deeds.flatMap((deed) =>
      Object.entries({ ...ours, ...theirs })
        .map(([who, make]) => ({ name: caseName(who, kind, deed), deed, make }))
        .filter(({ name }) => names.has(name)),
    );
    if (makers.length === 0) return [];
    const keys = asked(kind, size);
    return makers.map(({ name, deed, make }) => row(name, deed, make(deed), keys));
  });
}

export const comparisons: readonly Comparison[] = Object.keys(ours).flatMap((who) =>
  kinds.flatMap((kind) =>
    deeds.flatMap((deed) =>
      Object.keys(theirs).map((peer) => ({
        name: `${who}, ${size} ${kind}: ${deed}`,
        ours: caseName(who, kind, deed),
        peer,
        theirs: caseName(peer, kind, deed),
        required: atLeast(who, kind, deed, peer),
      })),
    ),
  ),
);

function atLeast(who: string, kind: Kind, deed: Deed, peer: string): number | undefined {
  if (peer === 'lru-cache') return kind === 'numbers' ? required[who]?.[deed] : undefined;
  // To let go of half of all at once costs next to nothing, and a good part of the hits: no LRU can keep up with that.
  const alike = peer !== 'quick-lru' || deed === 'hit' || deed === 'update';
  return who === 'LruCache' && alike ? 1 : undefined;
}
