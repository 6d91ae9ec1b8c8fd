import assert from 'node:assert/strict';
import { describe, test } from 'vitest';
import type { Cache } from '../../src/algorithms/cache.ts';
import { FifoCache } from '../../src/algorithms/fifo-cache.ts';
import { LfuCache } from '../../src/algorithms/lfu-cache.ts';
import { LruCache } from '../../src/algorithms/lru-cache.ts';
import { S3FifoCache } from '../../src/algorithms/s3fifo-cache.ts';
import { SieveCache } from '../../src/algorithms/sieve-cache.ts';
import cells from '../vectors/hit-ratios.json' with { type: 'json' };
import { models } from './cache-models.ts';
import { madeTraces, mixTraces, readTrace } from './traces.ts';

/** Each column of the table that one of ours must equal, and its model. The other columns are others' caches. */
const columns = {
  lru: { model: 'LruCache', make: (maxEntries) => new LruCache({ maxEntries }) },
  fifo: { model: 'FifoCache', make: (maxEntries) => new FifoCache({ maxEntries }) },
  lfu: { model: 'LfuCache without ageing', make: (maxEntries) => new LfuCache({ maxEntries, ageing: false }) },
  sieve: { model: 'SieveCache', make: (maxEntries) => new SieveCache({ maxEntries }) },
  s3fifo: { model: 'S3FifoCache', make: (maxEntries) => new S3FifoCache({ maxEntries }) },
} satisfies Record<string, { model: keyof typeof models; make: (maxEntries: number) => Cache<number, true> }>;
type Column = keyof typeof columns;
const names = Object.keys(columns) as Column[];

/** They take long: the bench of hit ratios plays them. */
const forTheBench = ['orm-busy', 'corda-loop-corda', 'loop'];
const mixes = { 'multi3-gli-multi3': [['multi3', 3] as const, ['gli', 10] as const, ['multi3', 3] as const] };

const traces = [...new Set(cells.map(({ trace }) => trace))].filter((name) => !forTheBench.includes(name));
const read = (name: string): Uint32Array | undefined =>
  name in mixes ? mixTraces(mixes[name as keyof typeof mixes]) : readTrace(name);
const there = traces.filter((name) => read(name) !== undefined);
const missing = traces.filter((name) => !there.includes(name));
if (missing.length > 0) {
  console.warn(`There are no traces beside the project: the rows of ${missing.join(', ')} are left out.`);
}

function hits(cache: Cache<number, true>, keys: Uint32Array): number {
  let hits = 0;
  for (const key of keys) {
    if (cache.get(key) === true) hits++;
    else cache.set(key, true);
  }
  return hits;
}

test.each(there)(
  'LRU, FIFO, LFU, SIEVE and S3-FIFO hit as often as others have published: %s',
  (name) => {
    const keys = read(name) as Uint32Array;
    for (const cell of cells.filter(({ trace }) => trace === name)) {
      assert.equal(keys.length, cell.accesses);
      for (const column of names) {
        const ratio = (100 * hits(columns[column].make(cell.size), keys)) / keys.length;
        assert.equal(ratio.toFixed(2), cell[column].toFixed(2), `${column}, ${cell.size} entries`);
      }
    }
  },
  120_000,
);

test('all rows of the table are played, but for those of the bench and those whose traces are not there', () => {
  const rows = (names: readonly string[]): number => cells.filter(({ trace }) => names.includes(trace)).length;
  assert.equal(rows(forTheBench), 20);
  assert.equal(rows(there) + rows(missing) + rows(forTheBench), 96);
});

describe.each(Object.entries(madeTraces))('%s', (_name, keys) => {
  test.each(names)('%s hits whenever its slow and obvious model does', (column) => {
    const size = 100;
    const { model: name, make } = columns[column];
    const cache: Cache<number, true> = make(size);
    const model = models[name](size);
    for (const key of keys) {
      const known = model.has(key);
      assert.equal(cache.get(key) === true, known);
      if (known) model.use(key);
      else {
        cache.set(key, true);
        model.insert(key);
      }
    }
  });
});
