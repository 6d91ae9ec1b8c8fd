import type { Cache, CacheOptions } from '../../src/algorithms/cache.ts';
import { FifoCache } from '../../src/algorithms/fifo-cache.ts';
import { LfuCache } from '../../src/algorithms/lfu-cache.ts';
import { LruCache } from '../../src/algorithms/lru-cache.ts';
import { S3FifoCache } from '../../src/algorithms/s3fifo-cache.ts';
import { SieveCache } from '../../src/algorithms/sieve-cache.ts';
import { TinyLfuCache } from '../../src/algorithms/tinylfu-cache.ts';
import { collectGarbage, heapUsed } from '../counts.ts';
import { type Case, measure } from '../runner.ts';
import { asked, type Deed, type Kind, row } from './cache-loops.ts';
import type { Measured } from './caches.ts';

// One cache beside a Map, in a process of its own: as where it is used, no other class shares its code.
type Class = new (options: CacheOptions<unknown, unknown>) => Cache<unknown, unknown>;
const classes: Readonly<Record<string, Class>> = {
  LruCache,
  FifoCache,
  LfuCache,
  SieveCache,
  S3FifoCache,
  TinyLfuCache,
};
/** The least that anyone would write to know which entries were used: what a cache's own look-up can be held against. */
class ByHand {
  private readonly slots = new Map<unknown, number>();
  private readonly values: unknown[] = [undefined];
  private readonly marks = new Uint8Array(maxEntries + 1);

  get(key: unknown): unknown {
    const slot = this.slots.get(key);
    if (slot === undefined) return undefined;
    if (this.marks[slot] === 0) this.marks[slot] = 1;
    return this.values[slot];
  }

  set(key: unknown, value: unknown): void {
    const slot = this.slots.get(key) ?? this.values.length;
    this.slots.set(key, slot);
    this.values[slot] = value;
  }
}

const [name = '', entries = '', rounds = ''] = process.argv.slice(2);
const Class = classes[name] as Class;
const maxEntries = Number(entries);
const hour = 3_600_000;

const bytes = maxEntries < 1_000_000 ? {} : memory();
const pauses = maxEntries < 1_000_000 ? {} : { pause: longest() };
const times = new Map<string, number>();
const kinds = ['numbers', 'strings'] as const;
// One kind of keys after the other: what a class has learnt of both it does slower. For the same reason a ttl comes last,
// beside which what has none is measured once more.
for (const kind of kinds) for (const [what, time] of await timesOf(plain(kind))) times.set(what, time);
if (maxEntries === 50_000)
  for (const kind of kinds) for (const [what, time] of await timesOf(timed(kind))) times.set(`${what}, ttl`, time);
process.send?.({ times: Object.fromEntries(times), ...bytes, ...pauses } satisfies Measured);

function timesOf(cases: readonly Case[]): Promise<Map<string, number>> {
  return measure(cases, Number(rounds));
}

function plain(kind: Kind): Case[] {
  const keys = asked(kind, maxEntries);
  const of = (deed: Deed, who: string): Case =>
    row(`${who}, ${kind}: ${deed}`, deed, who === 'Map' ? new Map() : new Class({ maxEntries }), keys);
  const cases = [of('hit', 'Map'), of('hit', name), of('update', 'Map'), of('update', name), of('evict', name)];
  return name === 'SieveCache' ? [...cases, row(`by hand, ${kind}: hit`, 'hit', new ByHand(), keys)] : cases;
}

/** Long enough for nothing to expire, and it is a ttl all the same. */
function timed(kind: Kind): Case[] {
  const keys = asked(kind, maxEntries);
  return (['hit', 'mix'] as const).flatMap((deed) => [
    row(`${name}, ${kind}: ${deed}`, deed, new Class({ maxEntries }), keys),
    row(`${name} with ttl, ${kind}: ${deed}`, deed, new Class({ maxEntries, ttl: hour }), keys),
  ]);
}

/** Bytes an entry, without those of keys and values: when it has been filled, and after two million more came in. */
function memory(): { filled: number; churned: number } {
  const used = (): number => {
    collectGarbage();
    collectGarbage();
    return heapUsed() + process.memoryUsage().arrayBuffers;
  };
  const before = used();
  const cache = new Class({ maxEntries });
  for (let i = 0; i < maxEntries; i++) cache.set(i, 1);
  const filled = (used() - before) / maxEntries;
  for (let i = maxEntries; i < 3 * maxEntries; i++) cache.set(i, 1);
  const churned = (used() - before) / maxEntries;
  if (cache.size !== maxEntries) throw new Error(`${name} holds ${cache.size}`);
  return { filled, churned };
}

/** The longest that a single eviction took, in milliseconds: Map hashes all its keys anew now and then. */
function longest(): number {
  const cache = new Class({ maxEntries });
  let most = 0;
  for (let i = 0; i < 4 * maxEntries; i++) {
    const start = performance.now();
    cache.set(i, 1);
    if (i >= maxEntries) most = Math.max(most, performance.now() - start);
  }
  return most;
}
