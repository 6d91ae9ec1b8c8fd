import { fork } from 'node:child_process';
import { once } from 'node:events';
import { LruCache } from '../../src/algorithms/lru-cache.ts';
import { TinyLfuCache } from '../../src/algorithms/tinylfu-cache.ts';
import { say } from '../progress.ts';
import type { Case } from '../runner.ts';
import type { Figure } from '../table.ts';
import { asked, type Store } from './cache-loops.ts';

/** What a process has measured of one cache; times in nanoseconds, memory in bytes an entry, the pause in milliseconds. */
export interface Measured {
  readonly times: Readonly<Record<string, number>>;
  readonly filled?: number;
  readonly churned?: number;
  readonly pause?: number;
}

const sizes = [1_000, 50_000, 1_000_000];
/** At most: a hit against Map.get at 50,000 entries, numbers and strings, and bytes at a million, filled and churned. */
const required: Readonly<Record<string, { hit: readonly number[]; bytes: readonly number[] }>> = {
  LruCache: { hit: [1.45, 1.3], bytes: [54, 83] },
  FifoCache: { hit: [1.3, 1.18], bytes: [] },
  LfuCache: { hit: [], bytes: [] },
  SieveCache: { hit: [1.3, 1.18], bytes: [50, 80] },
  S3FifoCache: { hit: [1.3, 1.18], bytes: [50, 80] },
  TinyLfuCache: { hit: [1.3, 1.18], bytes: [70, 99] },
};

/** One look-up at a time, as where a value is awaited. What many in a row cost is counted below. */
export const lookingUp: readonly Case[] = (['numbers', 'strings'] as const).flatMap((kind) => {
  const { held, found } = asked(kind, 1_000);
  const lookUp = (store: Store): (() => unknown) => {
    for (const key of held) store.set(key, 0);
    let turn = 0;
    return () => store.get(found[turn++ & (found.length - 1)]);
  };
  const per = `Map.get, ${kind}`;
  return [
    { name: per, call: lookUp(new Map()) },
    { name: `LruCache, hit, ${kind}`, call: lookUp(new LruCache({ maxEntries: 1_000 })), per, required: 1.2 },
    { name: `TinyLfuCache, hit, ${kind}`, call: lookUp(new TinyLfuCache({ maxEntries: 1_000 })), per, required: 1.2 },
  ];
});

/** Each cache beside a Map, at three sizes; those whose name contains `only`. */
export async function countCaches(only: string, rounds: number): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const name of Object.keys(required).filter((name) => name.includes(only))) {
    for (const size of sizes) {
      say(`${name}, ${size} entries`);
      figures.push(...figuresOf(name, size, await measured(name, size, Math.ceil(rounds / 8))));
    }
  }
  say('');
  return figures;
}

async function measured(name: string, size: number, rounds: number): Promise<Measured> {
  const child = fork(new URL('./one-cache.js', import.meta.url), [name, String(size), String(rounds)]);
  const [message] = await Promise.race([
    once(child, 'message'),
    once(child, 'exit').then(([code]) => {
      throw new Error(`${name} ended with ${code}`);
    }),
  ]);
  return message as Measured;
}

function figuresOf(name: string, size: number, { times, filled, churned, pause }: Measured): Figure[] {
  const { hit, bytes } = required[name] as (typeof required)[string];
  const ofKind = (kind: string, i: number): Figure[] => {
    const time = (what: string, who = name): number => times[`${who}, ${kind}: ${what}`] as number;
    const what = `${name}, ${size} ${kind}`;
    const atMost = size === 50_000 ? hit[i] : undefined;
    const ratio = (label: string, over: number, under: number, most?: number): Figure =>
      figure(`${what}: ${label}`, over / under, 'x', most);
    return [
      ratio('hit / Map.get', time('hit'), time('hit', 'Map'), atMost),
      // Of the machine more than of the code: two arrays beside the Map are as much as its nearest cache holds.
      ...(name === 'SieveCache' ? [ratio('hit by hand / Map.get', time('hit', 'by hand'), time('hit', 'Map'))] : []),
      ratio('update / Map.set', time('update'), time('update', 'Map')),
      figure(`${what}: an eviction`, time('evict'), 'ns', 1_000),
      ...(size === 50_000
        ? [
            ratio('hit with a ttl / without', time('hit, ttl', `${name} with ttl`), time('hit, ttl'), 1.1),
            ratio('mix with a ttl / without', time('mix, ttl', `${name} with ttl`), time('mix, ttl'), 1.1),
          ]
        : []),
    ];
  };
  const figures = ['numbers', 'strings'].flatMap(ofKind);
  if (filled !== undefined && churned !== undefined && pause !== undefined) {
    figures.push(
      figure(`${name}, ${size} entries: bytes an entry`, filled, 'B', bytes[0]),
      figure(`${name}, ${size} entries, twice as many later: bytes an entry`, churned, 'B', bytes[1]),
      figure(`${name}, ${size} entries: longest eviction, as Map hashes anew`, pause, 'ms'),
    );
  }
  return figures;
}

function figure(name: string, value: number, unit: string, required?: number): Figure {
  return required === undefined ? { name, value, unit } : { name, value, unit, required };
}
