import assert from 'node:assert/strict';
import fc from 'fast-check';
import { describe, test } from 'vitest';
import type { Cache, CacheOptions, RemovalReason } from '../../src/algorithms/cache.ts';
import { FifoCache } from '../../src/algorithms/fifo-cache.ts';
import { LruCache } from '../../src/algorithms/lru-cache.ts';
import { cacheClasses } from './caches.ts';

interface Entry {
  readonly value: number;
  readonly weight: number;
  readonly ttl: number;
  since: number;
}

/** A cache under test. */
interface Real {
  readonly cache: Cache<number, number>;
  readonly told: [key: number, value: number, reason: RemovalReason][];
  readonly clock: { time: number };
}

/** What the cache says it holds, and what it may do about it: a plain map, from which leaves what is told to have left. */
class Model {
  readonly entries = new Map<number, Entry>();
  readonly options: Shape;
  bound: number;
  now = 0;
  reading = 0;

  constructor(options: Shape) {
    this.options = options;
    this.bound = options.bound;
  }

  get weight(): number {
    return [...this.entries.values()].reduce((sum, { weight }) => sum + weight, 0);
  }

  /** Time goes on with the clock's steps forth. @returns what is due */
  look({ time }: Real['clock']): number[] {
    this.now += Math.max(time - this.reading, 0);
    this.reading = time;
    return [...this.entries].filter(([, { since, ttl }]) => since + ttl <= this.now).map(([key]) => key);
  }

  renew(key: number): void {
    const entry = this.entries.get(key);
    if (entry !== undefined && this.options.ttlFrom === 'access') entry.since = this.now;
  }
}

interface Shape {
  readonly bound: number;
  readonly weighed: boolean;
  readonly ttl: number;
  readonly ttlFrom: 'write' | 'access';
}

class Deed implements fc.Command<Model, Real> {
  readonly name: string;
  readonly run: (model: Model, real: Real) => void;

  constructor(name: string, run: (model: Model, real: Real) => void) {
    this.name = name;
    this.run = (model, real) => {
      run(model, real);
      verify(model, real);
    };
  }

  check(): boolean {
    return true;
  }

  toString(): string {
    return this.name;
  }
}

/**
 * Each removal is of an entry that was there, and for one of these reasons; what was due has left, and only that.
 *
 * @returns what was told, but for what has expired
 */
function hear(model: Model, real: Real, ...reasons: RemovalReason[]): Real['told'] {
  const due = new Set(model.look(real.clock));
  const rest: Real['told'] = [];
  for (const [key, value, reason] of real.told.splice(0)) {
    if (reason !== 'refused') {
      assert.equal(model.entries.get(key)?.value, value, `${key} left though it was not there`);
      model.entries.delete(key);
    }
    if (reason === 'expired') assert.ok(due.delete(key), `${key} expired before its time`);
    else {
      assert.ok(reasons.includes(reason), `${key} was ${reason}`);
      rest.push([key, value, reason]);
    }
  }
  assert.deepEqual([...due], [], 'due, and still there');
  return rest;
}

function verify(model: Model, { cache, told }: Real): void {
  const { entries, bound, options } = model;
  assert.deepEqual(new Map(cache), new Map([...entries].map(([key, { value }]) => [key, value])));
  assert.equal([...cache].length, entries.size);
  assert.equal(cache.size, entries.size);
  assert.equal(cache.weight, model.weight);
  assert.ok(cache.weight <= bound);
  for (const [key, { value, since, ttl }] of entries) {
    assert.ok(cache.has(key));
    assert.equal(cache.peek(key), value);
    assert.equal(cache.remainingTtl(key), since + ttl - model.now);
  }
  if (options.ttl < Infinity) {
    const snapshot = new Map(cache.snapshot().map(([key, ...rest]) => [key, rest]));
    for (const [key, { value, since, ttl }] of entries) {
      assert.deepEqual(snapshot.get(key), [value, model.now - since, ttl]);
    }
  }
  assert.deepEqual(told, []);
}

/** What a `set` of this entry may have brought about. */
function settle(model: Model, real: Real, key: number, entry: Entry, accepted: boolean): void {
  // Before it is counted among those that are there: an earlier one of its key leaves first.
  const before = new Map(model.entries);
  const told = hear(model, real, 'evicted', 'replaced', 'refused');
  const refused = !(entry.weight > 0 && entry.weight <= model.bound);
  const expired = (before.get(key)?.since ?? 0) + (before.get(key)?.ttl ?? 0) <= model.now;
  const replaced = told.filter(([, , reason]) => reason === 'replaced');
  assert.deepEqual(replaced, before.has(key) && !expired ? [[key, before.get(key)?.value, 'replaced']] : []);
  assert.deepEqual(
    told.filter(([, , reason]) => reason === 'refused'),
    refused ? [[key, entry.value, 'refused']] : [],
  );
  assert.equal(accepted, !refused);
  const evicted = told.filter(([, , reason]) => reason === 'evicted');
  if (refused) assert.deepEqual(evicted, []);
  else {
    model.entries.set(key, entry);
    // Without the last of them there would have been no room.
    const last = before.get(evicted.at(-1)?.[0] as number);
    if (last !== undefined) assert.ok(model.weight + last.weight > model.bound);
  }
}

const key = fc.integer({ min: 0, max: 12 });
const value = fc.integer({ min: 0, max: 3 });
const lives = fc.oneof(fc.integer({ min: 1, max: 200 }), fc.constantFrom(64, 4_096, 1e9, Infinity));
const weights = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 1, max: 6 }) },
  { weight: 1, arbitrary: fc.constantFrom(0, -1, Number.NaN, 1e9) },
);

const weigh = (value: number): number => value + 0.5;

const deeds = [
  fc.record({ key, value, ttl: fc.option(lives), weight: fc.option(weights) }).map(
    ({ key, value, ttl, weight }) =>
      new Deed(`set(${key}, ${value}, { ttl: ${ttl}, weight: ${weight} })`, (model, real) => {
        const { options } = model;
        const given = options.weighed && weight !== null ? { weight } : {};
        const accepted = real.cache.set(key, value, { ...given, ...(ttl !== null && { ttl }) });
        model.look(real.clock);
        const own = options.weighed ? (weight ?? weigh(value)) : 1;
        settle(model, real, key, { value, weight: own, ttl: ttl ?? options.ttl, since: model.now }, accepted);
      }),
  ),
  fc.record({ key, value }).map(
    ({ key, value }) =>
      new Deed(`getOrInsert(${key}, ${value})`, (model, real) => {
        const { options } = model;
        let made = false;
        const got = real.cache.getOrInsert(key, () => {
          made = true;
          return value;
        });
        model.look(real.clock);
        if (!made) {
          hear(model, real);
          assert.equal(got, model.entries.get(key)?.value);
          model.renew(key);
          return;
        }
        assert.equal(got, value);
        const weight = options.weighed ? weigh(value) : 1;
        settle(model, real, key, { value, weight, ttl: options.ttl, since: model.now }, weight <= model.bound);
      }),
  ),
  key.map(
    (key) =>
      new Deed(`get(${key})`, (model, real) => {
        const got = real.cache.get(key);
        hear(model, real);
        assert.equal(got, model.entries.get(key)?.value);
        model.renew(key);
      }),
  ),
  key.map(
    (key) =>
      new Deed(`delete(${key})`, (model, real) => {
        const deleted = real.cache.delete(key);
        const told = hear(model, real, 'deleted');
        assert.deepEqual(
          told.map(([of]) => of),
          deleted ? [key] : [],
        );
      }),
  ),
  fc.constant(
    new Deed('clear()', (model, real) => {
      real.cache.clear();
      hear(model, real, 'cleared');
      assert.equal(model.entries.size, 0);
    }),
  ),
  fc.integer({ min: 1, max: 12 }).map(
    (bound) =>
      new Deed(`resize(${bound})`, (model, real) => {
        real.cache.resize(bound);
        model.bound = bound;
        const weights = new Map([...model.entries].map(([key, { weight }]) => [key, weight]));
        const told = hear(model, real, 'resized');
        const last = told.at(-1)?.[0];
        if (last !== undefined) assert.ok(model.weight + (weights.get(last) ?? 0) > bound);
      }),
  ),
  fc.oneof(fc.integer({ min: 0, max: 300 }), fc.constantFrom(1e9, -1, -50)).map(
    (by) =>
      new Deed(`jump(${by})`, (model, real) => {
        real.clock.time += by;
        // Seen before the next jump: steps that nobody has seen are none.
        real.cache.has(0);
        hear(model, real);
      }),
  ),
];

const shape: fc.Arbitrary<Shape> = fc.record({
  bound: fc.integer({ min: 1, max: 8 }),
  weighed: fc.boolean(),
  ttl: fc.constantFrom(Infinity, 100, 5_000),
  ttlFrom: fc.constantFrom('write', 'access'),
});

describe.each(Object.entries(cacheClasses))('%s', (_name, Made) => {
  test('holds what was put in and has not been told to have left, each once, whatever the clock does', () => {
    fc.assert(
      fc.property(shape, fc.commands(deeds, { maxCommands: 60 }), (options, commands) => {
        const clock = { time: 0 };
        const told: Real['told'] = [];
        const { bound, weighed, ttl, ttlFrom } = options;
        const cache = new Made<number, number>({
          ...(weighed ? { maxWeight: bound, weigh } : { maxEntries: bound }),
          ttl,
          ttlFrom,
          clock: { coarse: () => clock.time } as never,
          onEvict: (...event) => told.push(event),
        });
        fc.modelRun(() => ({ model: new Model(options), real: { cache, told, clock } }), commands);
      }),
    );
  });

  test('holds the same whether or not anybody listens, keeps time, or counts', () => {
    const use = fc.tuple(fc.constantFrom('get', 'set', 'getOrInsert', 'delete', 'has'), key);
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 8 }), fc.array(use, { maxLength: 200 }), (maxEntries, uses) => {
        const make = (more: Partial<CacheOptions<number, number>>): Cache<number, number> =>
          new Made({ maxEntries, random: () => 0.5, ...more });
        const plain = make({});
        const others = [make({ stats: true }), make({ ttl: 1e15 }), make({ onEvict: () => {} })];
        uses.forEach(([use, key], i) => {
          const results = [plain, ...others].map((cache) => {
            if (use === 'set') return cache.set(key, i);
            if (use === 'getOrInsert') return cache.getOrInsert(key, () => i);
            return cache[use](key);
          });
          assert.equal(new Set(results).size, 1);
        });
        for (const other of others) assert.deepEqual([...other], [...plain]);
      }),
    );
  });
});

describe.each([
  ['LruCache', LruCache, true],
  ['FifoCache', FifoCache, false],
] as const)('%s', (_name, Made, moves) => {
  test('is, access by access, a list from whose end the last one leaves', () => {
    const use = fc.tuple(
      fc.constantFrom('get', 'get', 'set', 'set', 'getOrInsert', 'peek', 'has', 'delete', 'resize'),
      key,
    );
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 8 }),
        fc.boolean(),
        fc.array(use, { maxLength: 200 }),
        (bound, weighed, uses) => {
          const told: unknown[] = [];
          const cache = new Made<number, number>({
            ...(weighed ? { maxWeight: bound, weigh: () => 1 } : { maxEntries: bound }),
            onEvict: (key, _, reason) => told.push([key, reason]),
          });
          let list: number[] = [];
          let most = bound;
          for (const [use, key] of uses) {
            const known = list.includes(key);
            const expected: unknown[] = [];
            const touch = (): void => {
              if (known && moves) list = [key, ...list.filter((other) => other !== key)];
            };
            const put = (): void => {
              touch();
              if (known) return;
              if (list.length === most) expected.push([list.pop(), 'evicted']);
              list.unshift(key);
            };
            if (use === 'get') {
              assert.equal(cache.get(key), known ? key : undefined);
              touch();
            } else if (use === 'set') {
              cache.set(key, key);
              if (known) expected.push([key, 'replaced']);
              put();
            } else if (use === 'getOrInsert') {
              cache.getOrInsert(key, () => key);
              put();
            } else if (use === 'delete') {
              assert.equal(cache.delete(key), known);
              if (known) expected.push([key, 'deleted']);
              list = list.filter((other) => other !== key);
            } else if (use === 'resize') {
              cache.resize((most = key + 1));
              while (list.length > most) expected.push([list.pop(), 'resized']);
            } else assert.equal(cache[use](key), use === 'has' ? known : known ? key : undefined);
            assert.deepEqual(told.splice(0), expected);
            assert.deepEqual(
              [...cache],
              list.map((key) => [key, key]),
            );
          }
        },
      ),
    );
  });
});
