import assert from 'node:assert/strict';
import { test } from 'vitest';
import {
  duration,
  known,
  numberBetween,
  oneOf,
  optionalFunction,
  optionalObject,
  positiveInteger,
  positiveNumber,
  wholeNumber,
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
const checks: Record<
  string,
  [check: (label: string, value: unknown) => number, passes: (keyof typeof numbers)[], range: string]
> = {
  positiveInteger: [positiveInteger, ['one', 'many', 'Infinity'], 'a positive integer or Infinity'],
  wholeNumber: [wholeNumber, ['zero', 'one', 'many', 'Infinity'], 'a whole number (0 or more) or Infinity'],
  positiveNumber: [positiveNumber, ['half', 'one', 'many', 'Infinity'], 'a number above 0'],
  duration: [duration, ['zero', 'half', 'one', 'many', 'Infinity'], 'a number of milliseconds, 0 or more, or Infinity'],
  numberBetween: [(label, value) => numberBetween(label, value, 0, 1), ['zero', 'half', 'one'], 'a number from 0 to 1'],
};

test('a number in range passes as it is, 0 as 0; one out of range is a RangeError that says all [7]', () => {
  for (const [name, [check, passes, range]] of Object.entries(checks)) {
    for (const [which, value] of Object.entries(numbers)) {
      if (passes.includes(which as keyof typeof numbers)) assert.equal(check('p: n', value), value, name);
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
});

test('a function or an object that may be left out may be undefined, and nothing else [7]', () => {
  const fn = (): void => {};
  assert.equal(optionalFunction('p: f', fn), fn);
  assert.equal(optionalFunction('p: f', undefined), undefined);
  for (const value of [null, 0, 'f', {}]) {
    assert.throws(() => optionalFunction('p: f', value), {
      name: 'TypeError',
      message: /^p: f must be a function, got /,
    });
  }
  const clock = { now: fn, schedule: fn };
  assert.equal(optionalObject('p: clock', clock, ['now', 'schedule']), clock);
  assert.equal(optionalObject('p: clock', undefined, ['now']), undefined);
  for (const value of [null, 5, {}, { now: fn }]) {
    assert.throws(() => optionalObject('p: clock', value as object, ['now', 'schedule']), {
      name: 'TypeError',
      message: /^p: clock must be an object with now, schedule, got /,
    });
  }
});

test('a word is one of a few [7]', () => {
  assert.equal(oneOf('p: mode', 'a', ['a', 'b']), 'a');
  assert.throws(() => oneOf('p: mode', 'c', ['a', 'b']), {
    name: 'RangeError',
    message: 'p: mode must be "a" or "b", got "c"',
  });
  for (const value of [undefined, null, 5]) {
    assert.throws(() => oneOf('p: mode', value, ['a', 'b']), { name: 'TypeError' });
  }
});

test('an unknown option is a TypeError that names the nearest known one [7]', () => {
  const names = ['maxAttempts', 'backoff', 'clock'] as const;
  const options: { readonly [name in (typeof names)[number]]?: unknown } = Object.freeze({
    maxAttempts: 1,
    clock: undefined,
  });
  assert.equal(known('p', options, names), options);
  for (const [typo, meant] of [
    ['maxAttemps', 'maxAttempts'],
    ['MAXATTEMPTS', 'maxAttempts'],
    ['backof', 'backoff'],
    ['clocks', 'clock'],
    ['attempts', 'maxAttempts'],
  ] as const) {
    assert.throws(() => known('p', { [typo]: 1 } as object, names as never), {
      name: 'TypeError',
      message: `p: unknown option "${typo}"; did you mean "${meant}"? Known are: maxAttempts, backoff, clock`,
    });
  }
  for (const value of [undefined, null, 5, 'options', () => {}]) {
    assert.throws(() => known('p', value as never, names as never), {
      name: 'TypeError',
      message: /^p: options must be an object, got /,
    });
  }
});
