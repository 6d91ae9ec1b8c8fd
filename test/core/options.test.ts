import assert from 'node:assert/strict';
import { test } from 'vitest';
import {
  type Check,
  checked,
  duration,
  integer,
  iterable,
  made,
  number,
  objectWith,
  oneOf,
  positive,
  typed,
} from '../../src/core/options.ts';

const numbers = {
  'minus one': -1,
  zero: 0,
  half: 0.5,
  one: 1,
  many: 1e300,
  Infinity,
  '-Infinity': -Infinity,
  NaN: Number.NaN,
};
const noNumbers = [undefined, null, '5', true, {}, [], 5n, () => {}, Symbol('five')];

/** What each check lets pass. */
const checks: Record<string, [check: Check, passes: (keyof typeof numbers)[], range: string]> = {
  'integer, 1 or more': [integer(1), ['one', 'many', 'Infinity'], 'a positive integer or Infinity'],
  'integer, 0 or more': [integer(0), ['zero', 'one', 'many', 'Infinity'], 'a non-negative integer or Infinity'],
  'integer with a bound': [integer(0, 1), ['zero', 'one'], 'a non-negative integer up to 1'],
  positive: [positive(1e300), ['half', 'one', 'many'], 'a number above 0, up to 1e+300'],
  duration: [duration, ['zero', 'half', 'one', 'many', 'Infinity'], 'a number of milliseconds, 0 or more'],
  number: [number(0, 1), ['zero', 'half', 'one'], 'a number from 0 to 1'],
};

test('a number in range passes; one out of range is a RangeError that says all [7]', () => {
  for (const [name, [check, passes, range]] of Object.entries(checks)) {
    for (const [which, value] of Object.entries(numbers)) {
      if (passes.includes(which as keyof typeof numbers)) check('p: n', value);
      else {
        const message = `p: n must be ${range}, got ${value}`;
        assert.throws(
          () => check('p: n', value),
          (error) => error instanceof RangeError && error.message === message,
          name,
        );
      }
    }
  }
});

test('what is no number is a TypeError, and is shown without running its code [7]', () => {
  for (const [name, [check, , range]] of Object.entries(checks)) {
    for (const value of noNumbers) {
      assert.throws(
        () => check('p: n', value),
        (error) => error instanceof TypeError && error.message.startsWith(`p: n must be ${range}, got `),
        name,
      );
    }
  }
  const hostile = {
    toString() {
      throw new Error('ran');
    },
  };
  assert.throws(() => duration('p: n', hostile), { name: 'TypeError', message: /got an object$/ });
  assert.throws(() => duration('p: n', 'five'), { message: /got "five"$/ });
  assert.throws(() => duration('p: n', () => hostile), { message: /got a function$/ });
  assert.throws(() => duration('p: n', [hostile]), { message: /got an array$/ });
});

test('a list is anything that can be gone through, but not the letters of a string [7]', () => {
  for (const list of [[], new Set([1]), new Map().keys()]) iterable('p: list', list);
  for (const value of [undefined, 5, {}, 'http://a.test', () => {}]) {
    assert.throws(() => iterable('p: list', value), {
      name: 'TypeError',
      message: /^p: list must be iterable, such as an array, got /,
    });
  }
});

test('a function is one, and so is an object with its methods [7]', () => {
  const fn = (): void => {};
  typed('function')('p: f', fn);
  for (const value of [null, 0, 'f', {}]) {
    assert.throws(() => typed('function')('p: f', value), {
      name: 'TypeError',
      message: /^p: f must be a function, got /,
    });
  }
  const clock = objectWith('now', 'schedule');
  clock('p: clock', { now: fn, schedule: fn });
  for (const value of [null, 5, {}, { now: fn }]) {
    assert.throws(() => clock('p: clock', value), {
      name: 'TypeError',
      message: /^p: clock must be an object with now, schedule, got /,
    });
  }
});

test('where what makes a part is given in its stead, the part is named [7]', () => {
  const pick = made('a picker such as roundRobin(), or an object', 'pick');
  pick('p: pick', { pick() {} });
  assert.throws(() => pick('p: pick', () => {}), {
    name: 'TypeError',
    message: 'p: pick must be a picker such as roundRobin(), or an object with pick, got a function',
  });
});

test('a word is one of a few [7]', () => {
  const mode = oneOf('a', 'b');
  mode('p: mode', 'a');
  assert.throws(() => mode('p: mode', 'c'), { name: 'RangeError', message: 'p: mode must be "a" or "b", got "c"' });
  for (const value of [undefined, null, 5]) {
    assert.throws(() => mode('p: mode', value), { name: 'TypeError' });
  }
});

const checkAll = (options: object) =>
  checked('p', options, { maxAttempts: integer(1), backoff: typed('function'), clock: objectWith('now') } as object);

test('options are given back as they are; one that is undefined is left out [7]', () => {
  const options = Object.freeze({ maxAttempts: 1, clock: undefined });
  assert.equal(checkAll(options), options);
});

test('an option that does not pass its check is named, an inherited one too [7]', () => {
  for (const options of [{ maxAttempts: 0 }, Object.create({ maxAttempts: 0 })]) {
    assert.throws(() => checkAll(options), {
      name: 'RangeError',
      message: 'p: maxAttempts must be a positive integer or Infinity, got 0',
    });
  }
});

test('an unknown option is a TypeError that names the nearest known one, and then all by name [7]', () => {
  for (const [typo, meant] of [
    ['maxAttemps', 'maxAttempts'],
    ['maxattempts', 'maxAttempts'],
    ['backof', 'backoff'],
    ['clocks', 'clock'],
    ['attempts', 'maxAttempts'],
  ] as const) {
    assert.throws(
      () => checkAll({ [typo]: 1 }),
      ({ name, message }) => {
        assert.equal(name, 'TypeError');
        assert.equal(
          message,
          `p: unknown option "${typo}"; did you mean "${meant}"? Known: backoff, clock, maxAttempts`,
        );
        return true;
      },
    );
  }
  for (const inherited of ['toString', 'constructor']) {
    assert.throws(() => checkAll({ [inherited]: 1 }), /unknown option/);
  }
  assert.throws(() => checkAll({ max: 1 }), /did you mean "maxAttempts"/);
  for (const value of [undefined, null, 5, 'options', () => {}, [1]]) {
    assert.throws(() => checkAll(value as never), {
      name: 'TypeError',
      message: /^p: options must be an object, got /,
    });
  }
});
