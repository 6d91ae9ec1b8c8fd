import assert from 'node:assert/strict';
import { expectTypeOf, test } from 'vitest';
import { type Memoized, memoize } from '../../src/compositions/memoize.ts';
import { ManualClock } from '../../src/testing/manual-clock.ts';

const boom = new Error('boom');

test('remembers what each call gave, by its first argument', async () => {
  let runs = 0;
  const square = memoize(async (n: number) => {
    runs++;
    return n * n;
  });
  assert.deepEqual(await Promise.all([square(2), square(2), square(3), square(2)]), [4, 4, 9, 4]);
  assert.equal(await square(3), 9);
  assert.equal(runs, 2);
  square.delete(2);
  await Promise.all([square(2), square(3)]);
  assert.equal(runs, 3);
  square.clear();
  await Promise.all([square(2), square(3)]);
  assert.equal(runs, 5);
});

test('keeps `this`, and the signature [6]', async () => {
  class Users {
    prefix = 'user';
    load = memoize(function (this: Users, id: string): string {
      return `${this.prefix} ${id}`;
    });
  }
  const users = new Users();
  assert.equal(await users.load('ada'), 'user ada');
  const plain = memoize((id: string): string => id);
  expectTypeOf(plain).parameters.toEqualTypeOf<[string]>();
  expectTypeOf(plain).returns.toEqualTypeOf<Promise<string>>();
  expectTypeOf(users.load).toEqualTypeOf<Memoized<Users, [id: string], string>>();
  // @ts-expect-error a number is no id
  void plain(5);
});

test('several arguments need a key, also where they come by surprise', async () => {
  assert.throws(() => memoize((a: number, b: number) => a + b), /memoize: 2 arguments need the option key/);
  const sum = memoize((a: number, b: number) => a + b, { key: (a, b) => `${a} ${b}` });
  assert.deepEqual(await Promise.all([sum(1, 2), sum(2, 2), sum(1, 2)]), [3, 4, 3]);
  sum.delete(1, 2);
  const rest = memoize((...all: number[]) => all.length);
  assert.equal(await rest(1), 1);
  assert.equal(await rest(), 0);
  await assert.rejects(rest(1, 2), TypeError);
  assert.throws(() => rest.delete(1, 2), TypeError);
  const broken = memoize((a: number) => a, {
    key: () => {
      throw boom;
    },
  });
  await assert.rejects(broken(1), boom);
});

test('takes the options of a cache, and does not remember errors [99]', async () => {
  const clock = new ManualClock();
  const events: string[] = [];
  let runs = 0;
  const load = memoize(
    (id: string) => {
      if (++runs === 1) throw boom;
      return `${id} ${runs}`;
    },
    { ttl: 100, clock, store: { maxEntries: 1 }, onEvent: ({ type, name }) => events.push(`${name} ${type}`) },
  );
  await assert.rejects(load('a'), boom);
  assert.equal(await load('a'), 'a 2');
  await clock.advance(99);
  assert.equal(await load('a'), 'a 2');
  await clock.advance(1);
  assert.equal(await load('a'), 'a 3');
  assert.equal(await load('b'), 'b 4');
  assert.equal(await load('a'), 'a 5');
  assert.ok(events.includes('memoize evicted'));
});

test('is called memoize, unless it is given another name', async () => {
  const names: string[] = [];
  for (const name of [undefined, 'users']) {
    await memoize((a: number) => a, { name, onEvent: (event) => names.push(event.name) })(1);
  }
  assert.deepEqual(names, ['memoize', 'users']);
});

test('bad options are told at once [7]', () => {
  for (const bad of [null, 5, 'ttl']) {
    assert.throws(() => memoize((a: number) => a, bad as never), /TypeError: memoize: options must be an object/);
  }
  assert.throws(() => memoize('fn' as never), /memoize: fn must be a function, got "fn"/);
  assert.throws(() => memoize((a: number) => a, { key: 1 } as never), /memoize: key must be a function, got 1/);
  assert.throws(() => memoize((a: number) => a, { ttl: -1 }), RangeError);
  assert.throws(() => memoize((a: number) => a, { tll: 1 } as never), /unknown option "tll"; did you mean "ttl"/);
});
