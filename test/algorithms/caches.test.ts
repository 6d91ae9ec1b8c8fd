import assert from 'node:assert/strict';
import { describe, test } from 'vitest';
import { mostEntries, type RemovalReason } from '../../src/algorithms/cache.ts';
import { onListenerError } from '../../src/core/events.ts';
import { ManualClock } from '../../src/testing/manual-clock.ts';
import { seededRandom } from '../../src/testing/seeded-random.ts';
import { cacheClasses } from './caches.ts';

type Told = [key: unknown, value: unknown, reason: RemovalReason][];

describe.each(Object.entries(cacheClasses))('%s', (name, Made) => {
  test('holds what was put in, and undefined is a value', () => {
    const cache = new Made<string, number | undefined>({ maxEntries: 3 });
    assert.equal(cache.set('a', 1), true);
    cache.set('b', undefined);
    assert.deepEqual([cache.get('a'), cache.get('b'), cache.get('c')], [1, undefined, undefined]);
    assert.deepEqual([cache.has('b'), cache.has('c'), cache.size, cache.weight], [true, false, 2, 2]);
    assert.deepEqual([cache.peek('a'), cache.peek('c')], [1, undefined]);
    assert.deepEqual([cache.delete('b'), cache.delete('b'), cache.size], [true, false, 1]);
    cache.set('a', 2);
    assert.deepEqual([cache.get('a'), cache.size], [2, 1]);
    cache.clear();
    assert.deepEqual([cache.get('a'), cache.size, [...cache], cache.stats], [undefined, 0, [], undefined]);
    cache.set('a', 3);
    assert.deepEqual([...cache], [['a', 3]]);
  });

  test('compares keys as a Map does [100]', () => {
    const [object, array, symbol] = [{}, [], Symbol('key')];
    const keys = [undefined, null, Number.NaN, 0, '', '0', 1, '1', 1n, true, 'true', object, array, symbol];
    const names = ['__proto__', 'constructor', 'toString', 'undefined', 'null', 'NaN', '[object Object]'];
    const all = [...keys, ...names, {}, []];
    const cache = new Made<unknown, number>({ maxEntries: 100 });
    all.forEach((key) => void assert.equal(cache.has(key), false));
    all.forEach((key, i) => void cache.set(key, i));
    all.forEach((key, i) => void assert.equal(cache.get(key), i));
    assert.equal(cache.size, all.length);
    cache.set(-0, 70);
    assert.deepEqual([cache.get(0), cache.size], [70, all.length]);
    assert.deepEqual(new Set([...cache].map(([key]) => key)), new Set(all));
    all.forEach((key) => void assert.equal(cache.delete(key), true));
    cache.set(-0, 1);
    assert.deepEqual([...cache], [[0, 1]]);
  });

  test.each([2.5, '10', Infinity, 0, -1, Number.NaN, true, null, mostEntries + 1])(
    'refuses %j entries, at construction and in resize',
    (bad) => {
      const wrong = (error: Error): boolean =>
        (error instanceof TypeError || error instanceof RangeError) && error.message.startsWith(`${name}: maxEntries`);
      assert.throws(() => new Made({ maxEntries: bad as number }), wrong);
      const cache = new Made<string, number>({ maxEntries: 2 });
      cache.set('a', 1);
      assert.throws(() => cache.resize(bad as number), wrong);
      assert.equal(cache.get('a'), 1);
    },
  );

  test('says why there cannot be more than 8 million entries, and takes no memory for them beforehand', () => {
    assert.throws(() => new Made({ maxEntries: 10_000_000 }), /RangeError: \w+: maxEntries .*8388608.*Map/);
    const before = process.memoryUsage().arrayBuffers;
    const caches = Array.from({ length: 10 }, () => new Made({ maxEntries: mostEntries }));
    assert.ok(process.memoryUsage().arrayBuffers - before < 1_000_000 * caches.length);
  });

  test('refuses options that are unknown, bad, or exclude each other', () => {
    const weigh = (): number => 1;
    for (const options of [
      {},
      { maxEntries: 1, maxWeight: 1, weigh },
      { maxEntries: 1, weigh },
      { maxWeight: 1 },
      { maxEntries: 1, ttl: '1' },
      { maxEntries: 1, ttlFrom: 1 },
      { maxEntries: 1, stats: 1 },
      { maxEntries: 1, onEvict: true },
      { maxEntries: 1, clock: {} },
      { maxEntries: 1, size: 1 },
      { maxWeight: 1, weigh: 1 },
      { maxWeight: '1', weigh },
    ]) {
      assert.throws(() => new Made(options as never), TypeError, JSON.stringify(options));
    }
    for (const options of [
      { maxEntries: 1, ttl: -1 },
      { maxEntries: 1, ttl: Number.NaN },
      { maxEntries: 1, ttlFrom: 'read' },
      { maxWeight: 0, weigh },
      { maxWeight: Infinity, weigh },
      { maxWeight: Number.NaN, weigh },
    ]) {
      assert.throws(() => new Made(options as never), RangeError, JSON.stringify(options));
    }
  });

  test('holds no more than it may, and tells of each removal why', () => {
    const told: Told = [];
    const clock = new ManualClock();
    const cache = new Made<string, number>({ maxEntries: 2, clock, onEvict: (...event) => told.push(event) });
    cache.set('a', 1);
    cache.set('a', 2);
    cache.set('b', 3);
    assert.deepEqual(told.splice(0), [['a', 1, 'replaced']]);
    cache.set('c', 4);
    assert.equal(told.length, 1);
    assert.equal(told.pop()?.[2], 'evicted');
    const held = new Map(cache);
    cache.resize(1);
    const [[gone, , reason] = ['', 0, '']] = told.splice(0) as [string, number, string][];
    assert.equal(reason, 'resized');
    held.delete(gone);
    assert.deepEqual(new Map(cache), held);
    const [[first, value] = ['', 0]] = held;
    cache.delete(first);
    assert.deepEqual(told.splice(0), [[first, value, 'deleted']]);
    cache.set('d', 5);
    cache.clear();
    assert.deepEqual(told.splice(0), [['d', 5, 'cleared']]);
    cache.set('e', 6, { ttl: 10 });
    clock.jump(10);
    assert.equal(cache.size, 0);
    assert.deepEqual(told, [['e', 6, 'expired']]);
  });

  test('an entry lives as long as its ttl, and not a moment longer', () => {
    const clock = new ManualClock({ start: 0.5 });
    const cache = new Made<string, number>({ maxEntries: 9, ttl: 100, clock });
    cache.set('a', 1);
    cache.set('long', 1, { ttl: 1e12 });
    cache.set('short', 1, { ttl: 0.25 });
    cache.set('ever', 1, { ttl: Infinity });
    assert.deepEqual(
      ['a', 'long', 'short', 'ever', 'none'].map((key) => cache.remainingTtl(key)),
      [100, 1e12, 0.25, Infinity, undefined],
    );
    clock.jump(0.125);
    assert.equal(cache.has('short'), true);
    clock.jump(0.125);
    assert.equal(cache.get('short'), undefined);
    clock.jump(99.5);
    assert.equal(cache.get('a'), 1);
    assert.equal(cache.remainingTtl('a'), 0.25);
    clock.jump(0.25);
    assert.deepEqual([cache.has('a'), cache.peek('a'), cache.get('a'), cache.size], [false, undefined, undefined, 2]);
    clock.jump(1e12);
    assert.deepEqual([...cache], [['ever', 1]]);
    assert.equal(clock.pending, 0);
  });

  test('a ttl of 0 ends at once, one that is no number is refused and changes nothing', () => {
    const clock = new ManualClock();
    const cache = new Made<string, number>({ maxEntries: 9, clock });
    cache.set('a', 1);
    assert.equal(cache.set('b', 1, { ttl: 0 }), true);
    assert.equal(cache.has('b'), false);
    for (const ttl of [-1, Number.NaN]) assert.throws(() => cache.set('a', 2, { ttl }), RangeError);
    assert.throws(() => cache.set('a', 2, { ttl: '5' as never }), TypeError);
    assert.throws(() => cache.set('a', 2, { weight: 1 }), TypeError);
    assert.deepEqual([...cache], [['a', 1]]);
  });

  test('a set starts the ttl anew, sooner or later', () => {
    const clock = new ManualClock();
    const cache = new Made<string, number>({ maxEntries: 9, ttl: 1_000, clock });
    cache.set('a', 1);
    clock.jump(900);
    cache.set('a', 2);
    clock.jump(900);
    assert.equal(cache.get('a'), 2);
    cache.set('a', 3, { ttl: 5 });
    clock.jump(5);
    assert.equal(cache.get('a'), undefined);
    cache.set('a', 4, { ttl: 5 });
    cache.set('a', 5, { ttl: Infinity });
    clock.jump(1e15);
    assert.equal(cache.get('a'), 5);
  });

  test('a ttl from access starts anew with each get, and not with peek or has', () => {
    const clock = new ManualClock();
    const cache = new Made<string, number>({ maxEntries: 9, ttl: 100, ttlFrom: 'access', clock });
    cache.set('a', 1);
    cache.set('b', 1);
    clock.jump(60);
    cache.get('a');
    cache.peek('b');
    cache.has('b');
    clock.jump(60);
    assert.deepEqual([cache.peek('a'), cache.peek('b')], [1, undefined]);
    assert.equal(cache.remainingTtl('a'), 40);
    assert.equal(
      cache.getOrInsert('a', () => 2),
      1,
    );
    assert.equal(cache.remainingTtl('a'), 100);
  });

  test('a clock that steps back prolongs no life, and one that says NaN or Infinity is not heard', () => {
    let now = 1_000;
    const cache = new Made<string, number>({
      maxEntries: 9,
      ttl: 100,
      clock: { ...new ManualClock(), coarse: () => now } as never,
    });
    cache.set('a', 1);
    now = 1_040;
    assert.equal(cache.remainingTtl('a'), 60);
    now = 0;
    assert.equal(cache.remainingTtl('a'), 60);
    for (now of [Number.NaN, Infinity, -Infinity]) assert.equal(cache.remainingTtl('a'), 60);
    now = 59;
    assert.equal(cache.get('a'), 1);
    now = 60;
    assert.equal(cache.get('a'), undefined);
  });

  test.each([Number.NaN, Infinity, -Infinity])('a clock that says %d at first keeps nothing for ever', (first) => {
    let now = first;
    const cache = new Made<string, number>({
      maxEntries: 9,
      ttl: 100,
      clock: { ...new ManualClock(), coarse: () => now } as never,
    });
    cache.set('a', 1);
    assert.equal(cache.remainingTtl('a'), 100);
    now = 100;
    assert.equal(cache.has('a'), false);
  });

  test('entries weigh what is said of them, or what weigh says', () => {
    const told: Told = [];
    const cache = new Made<string, string>({
      maxWeight: 10,
      weigh: (value, key) => value.length + key.length,
      onEvict: (...event) => told.push(event),
    });
    assert.equal(cache.set('a', '1234'), true);
    assert.equal(cache.set('b', '', { weight: 4.5 }), true);
    assert.deepEqual([cache.weight, cache.size], [9.5, 2]);
    assert.equal(cache.set('c', '12345'), true);
    assert.ok(cache.weight <= 10 && cache.has('c'));
    assert.ok(told.length > 0 && told.every(([, , reason]) => reason === 'evicted'));
    cache.clear();
    assert.equal(cache.weight, 0);
    cache.set('d', '1');
    cache.set('e', '1');
    cache.set('d', '123456789');
    assert.deepEqual([[...cache], cache.weight], [[['d', '123456789']], 10]);
    cache.set('d', '');
    assert.equal(cache.weight, 1);
    cache.resize(0.5);
    assert.deepEqual([cache.size, cache.weight], [0, 0]);
  });

  test.each([0, -1, Number.NaN, 11, Infinity, '5', undefined, {}])(
    'refuses an entry of weight %j, and the value before it goes',
    (bad) => {
      const told: Told = [];
      const cache = new Made<string, number>({
        maxWeight: 10,
        weigh: (value) => (value === 1 ? 1 : (bad as number)),
        onEvict: (...event) => told.push(event),
      });
      cache.set('a', 1);
      cache.set('b', 1);
      assert.equal(cache.set('a', 2), false);
      assert.equal(
        cache.getOrInsert('c', () => 3),
        3,
      );
      assert.deepEqual(told, [
        ['a', 1, 'replaced'],
        ['a', 2, 'refused'],
        ['c', 3, 'refused'],
      ]);
      assert.deepEqual([[...cache], cache.weight], [[['b', 1]], 1]);
    },
  );

  test('sums of fractions end in nothing, and never keep the last entry out', () => {
    const cache = new Made<number, number>({ maxWeight: 0.3, weigh: (weight) => weight });
    for (let i = 0; i < 100; i++) cache.set(i % 3, [0.1, 0.2, 0.3][i % 7] ?? 0.15);
    cache.set(1, 0.3);
    assert.deepEqual([[...cache], cache.weight], [[[1, 0.3]], 0.3]);
    cache.delete(1);
    assert.equal(cache.weight, 0);
  });

  test('names all entries in their order, whatever sums of fractions say', () => {
    const random = seededRandom(1);
    const cache = new Made<number, number>({ maxWeight: 1, weigh: (weight) => weight, random });
    for (let i = 0; i < 3_000; i++) {
      const key = Math.floor(random() * 20);
      if (random() < 0.6) cache.set(key, [0.1, 0.2, 0.3, 0.7, 0.05][i % 5] ?? 1);
      else cache.get(key);
      assert.equal(new Map(cache).size, cache.size);
    }
  });

  test('a weigh that throws changes nothing', () => {
    const cache = new Made<string, number>({
      maxWeight: 10,
      weigh: (value) => {
        if (value === 2) throw new Error('no scales');
        return 1;
      },
    });
    cache.set('a', 1);
    assert.throws(() => cache.set('a', 2), /no scales/);
    assert.throws(() => cache.set('b', 2), /no scales/);
    assert.deepEqual([[...cache], cache.weight], [[['a', 1]], 1]);
  });

  test('onEvict hears of a removal when the cache has changed, and may change it again', () => {
    const seen: unknown[] = [];
    const cache = new Made<string, number>({
      maxEntries: 2,
      onEvict: (key, value, reason) => {
        seen.push([reason, cache.size, cache.has('c')]);
        if (reason === 'evicted') cache.delete('c');
        else if (reason === 'deleted') cache.set('d', value);
        assert.equal(cache.get(key), undefined);
      },
    });
    cache.set('a', 1);
    cache.set('b', 2);
    assert.equal(cache.set('c', 3), true);
    assert.deepEqual(seen, [
      ['evicted', 2, true],
      ['deleted', 1, false],
    ]);
    assert.deepEqual([cache.get('d'), cache.has('c'), cache.size], [3, false, 2]);
  });

  test('what onEvict throws is reported and stops nothing [101]', async () => {
    const reported: unknown[] = [];
    const before = onListenerError((error) => reported.push(error));
    try {
      const cache = new Made<number, number>({
        maxEntries: 1,
        onEvict: (key) => {
          if (key === 2) return Promise.reject('late') as never;
          throw key;
        },
      });
      for (const key of [1, 2, 3]) assert.equal(cache.set(key, key), true);
      await Promise.resolve();
      assert.deepEqual([[...cache], reported], [[[3, 3]], [1, 'late']]);
    } finally {
      onListenerError(before);
    }
  });

  test('an onEvict that puts in without end what has left is stopped', () => {
    const reported: unknown[] = [];
    const before = onListenerError((error) => reported.push(error));
    try {
      const cache = new Made<number, number>({ maxEntries: 2, onEvict: (key, value) => void cache.set(key, value) });
      for (const key of [1, 2, 3]) cache.set(key, key);
      assert.equal(reported.length, 1);
      assert.match(String(reported[0]), /RangeError: \w+: onEvict puts in without end/);
      assert.equal(cache.size, 2);
    } finally {
      onListenerError(before);
    }
  });

  test('so is one that puts in without end what was replaced, or refused', () => {
    const reported: unknown[] = [];
    const before = onListenerError((error) => reported.push(error));
    try {
      const cache = new Made<string, number>({
        maxWeight: 9,
        weigh: (value) => value,
        onEvict: (key, value) => void cache.set(key, value),
      });
      cache.set('a', 1);
      cache.set('a', 2);
      assert.match(String(reported.pop()), /RangeError: \w+: onEvict puts in without end/);
      assert.equal(cache.set('b', 10), false);
      assert.match(String(reported.pop()), /RangeError: \w+: onEvict puts in without end/);
      assert.deepEqual([reported, cache.has('a'), cache.has('b')], [[], true, false]);
    } finally {
      onListenerError(before);
    }
  });

  test('an onEvict may put back all that was cleared', () => {
    const cache = new Made<number, number>({
      maxEntries: 5_000,
      onEvict: (key, value, reason) => void (reason === 'cleared' && cache.set(key, value + 1)),
    });
    for (let key = 0; key < 5_000; key++) cache.set(key, 0);
    cache.clear();
    assert.deepEqual([cache.size, cache.get(0), cache.get(4_999)], [5_000, 1, 1]);
  });

  test('or some of all that has left at once, few of the whole as they may be', async () => {
    const reported: unknown[] = [];
    const before = onListenerError((error) => reported.push(error));
    try {
      const clock = new ManualClock();
      const cache = new Made<number, number>({
        maxEntries: 5_000,
        clock,
        onEvict: (key, value, reason) => void (reason !== 'replaced' && key >= 4_990 && cache.set(key, value + 1)),
      });
      const fill = (): void => {
        for (let key = 0; key < 5_000; key++) cache.set(key, 0, { ttl: 1 });
      };
      fill();
      cache.clear();
      assert.deepEqual([cache.size, cache.get(4_999)], [10, 1]);
      fill();
      await clock.advance(1);
      assert.deepEqual([cache.size, cache.get(4_999)], [10, 1]);
      assert.deepEqual(reported, []);
    } finally {
      onListenerError(before);
    }
  });

  test('getOrInsert makes a value once', () => {
    const cache = new Made<string, number | undefined>({ maxEntries: 2 });
    const made: string[] = [];
    const make = (key: string): undefined => void made.push(key);
    for (let i = 0; i < 3; i++) assert.equal(cache.getOrInsert('a', make), undefined);
    assert.deepEqual(made, ['a']);
    assert.throws(() =>
      cache.getOrInsert('b', () => {
        throw new Error('no value');
      }),
    );
    assert.equal(cache.has('b'), false);
  });

  test('a make that puts in its own key is put right by what it returns', () => {
    for (const more of [{}, { ttl: 5 }, { onEvict: () => {} }]) {
      const cache = new Made<string, number>({ maxEntries: 2, clock: new ManualClock(), ...more });
      const inner = (key: string): number => {
        cache.set(key, 1);
        return 2;
      };
      assert.equal(cache.getOrInsert('a', inner), 2);
      assert.deepEqual([cache.get('a'), cache.size, [...cache]], [2, 1, [['a', 2]]]);
      cache.getOrInsert('b', () => cache.getOrInsert('b', () => cache.getOrInsert('c', () => 3)));
      assert.deepEqual([cache.size, cache.get('b')], [2, 3]);
    }
  });

  test('counts on request', () => {
    const clock = new ManualClock();
    const cache = new Made<string, number>({ maxEntries: 1, stats: true, clock });
    cache.get('a');
    cache.getOrInsert('a', () => 1);
    cache.getOrInsert('a', () => 1);
    cache.get('a');
    cache.peek('a');
    cache.has('b');
    cache.set('b', 2);
    cache.set('b', 3, { ttl: 5 });
    clock.jump(5);
    assert.deepEqual(cache.stats, { hits: 2, misses: 2, evictions: 1, expirations: 1 });
  });

  test('iterates in the order there was, over what is still there', () => {
    const cache = new Made<number, number>({ maxEntries: 20 });
    for (let key = 0; key < 10; key++) cache.set(key, key);
    const seen: number[] = [];
    for (const [key, value] of cache) {
      assert.ok(!seen.includes(key));
      seen.push(key);
      assert.equal(value, key >= 100 ? -1 : cache.peek(key));
      cache.get(key);
      cache.set(100 + key, -1);
      cache.set(3, 33);
      cache.delete((key + 1) % 10);
    }
    assert.ok(seen.every((key) => key < 10));
    assert.ok(seen.length >= 5);
    for (const _ of cache) cache.clear();
    assert.equal(cache.size, 0);
  });

  test('a snapshot is restored on another clock, through JSON too, but for what has expired', () => {
    const clock = new ManualClock();
    const cache = new Made<string, number>({ maxEntries: 4, ttl: 100, clock });
    cache.set('old', 1);
    clock.jump(30);
    cache.set('ever', 2, { ttl: Infinity });
    cache.set('new', 3);
    clock.jump(20);
    const snapshot = cache.snapshot();
    assert.deepEqual(
      new Map(snapshot.map(([key, ...rest]) => [key, rest])),
      new Map([
        ['old', [1, 50, 100]],
        ['ever', [2, 20, Infinity]],
        ['new', [3, 20, 100]],
      ]),
    );
    const later = new ManualClock({ start: 1e9 });
    const copy = new Made<string, number>({ maxEntries: 4, clock: later });
    copy.restore(JSON.parse(JSON.stringify([...snapshot, ['gone', 4, 100, 100]])));
    assert.deepEqual([...copy], [...cache]);
    assert.deepEqual(copy.snapshot(), snapshot);
    assert.deepEqual(
      ['old', 'ever', 'new'].map((key) => copy.remainingTtl(key)),
      [50, Infinity, 80],
    );
    later.jump(50);
    assert.deepEqual([copy.has('old'), copy.has('new')], [false, true]);
    for (const age of [-1, Number.NaN]) assert.throws(() => copy.restore([['a', 1, age, 5]]), RangeError);
    assert.throws(() => copy.restore([['a', 1, 0, -5]]), RangeError);
  });

  test('grows and shrinks', () => {
    const cache = new Made<number, number>({ maxEntries: 100, ttl: 1e6, clock: new ManualClock() });
    for (let key = 0; key < 1_000; key++) cache.set(key, key);
    assert.equal(cache.size, 100);
    cache.resize(3);
    const kept = [...cache];
    assert.equal(kept.length, 3);
    for (const [key, value] of kept) assert.equal(cache.get(key), value);
    cache.resize(5_000);
    for (let key = 0; key < 10_000; key++) cache.set(key, -key);
    assert.equal(cache.size, 5_000);
    for (const [key, value] of cache) assert.equal(value, -key);
  });

  test('of one entry only the last stays', () => {
    const cache = new Made<number, number>({ maxEntries: 1 });
    for (let key = 0; key < 100; key++) {
      cache.set(key, key);
      assert.deepEqual([...cache], [[key, key]]);
    }
  });
});
