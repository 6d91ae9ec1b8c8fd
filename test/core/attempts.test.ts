import assert from 'node:assert/strict';
import { test } from 'vitest';
import { type Attempt, addAttempt, attemptsOf, keepAttempts, remember } from '../../src/core/attempts.ts';

const failure = (attempt: number, error: unknown): Attempt => ({
  attempt,
  outcome: { ok: false, error, abandoned: false },
  delay: undefined,
  reason: 'exhausted',
  at: undefined,
});

test('an error without a past has an empty history, whatever was thrown [5]', () => {
  for (const error of [new Error('x'), undefined, null, 0, '', false, 'text', Symbol('s'), {}]) {
    assert.deepEqual(attemptsOf(error), []);
  }
});

test('keeps a history beside a frozen error, and adds nothing to the error [19]', () => {
  const error = Object.freeze(new Error('frozen'));
  const history = [failure(1, error)];
  keepAttempts(error, history);
  assert.equal(attemptsOf(error), history);
  assert.deepEqual(Reflect.ownKeys(error).sort(), ['message', 'stack']);
});

test('a primitive cannot be kept, and that is no error [5]', () => {
  keepAttempts('text', [failure(1, 'text')]);
  keepAttempts(undefined, [failure(1, undefined)]);
  assert.deepEqual(attemptsOf('text'), []);
});

test('forgets the oldest beyond a hundred [37]', () => {
  const history: Attempt[] = [];
  for (let i = 1; i <= 1_000; i++) addAttempt(history, failure(i, 'a'));
  assert.equal(history.length, 100);
  assert.equal(history[0]?.attempt, 901);
  assert.equal(history.at(-1)?.attempt, 1_000);
});

test('the error before stays reachable from the one that replaced it [21, 98]', () => {
  const original = new Error('original');
  const error = new Error('worse');
  remember(error, original);
  assert.deepEqual(
    attemptsOf(error).map(({ attempt, outcome, reason }) => [attempt, !outcome.ok && outcome.error, reason]),
    [[1, original, 'replaced']],
  );
});

test('the history of the error before is the history of the one that replaced it [19, 98]', () => {
  const first = new Error('first');
  const last = new Error('last');
  const error = new Error('worse');
  keepAttempts(last, [failure(1, first), failure(2, last)]);
  remember(error, last);
  assert.deepEqual(attemptsOf(error), attemptsOf(last));

  const worst = new Error('worst');
  remember(worst, error);
  assert.deepEqual(
    attemptsOf(worst).map(({ outcome }) => !outcome.ok && outcome.error),
    [first, last, error],
  );
});

test('an error that replaces itself keeps its history', () => {
  const error = new Error('same');
  keepAttempts(error, [failure(1, error)]);
  remember(error, error);
  assert.equal(attemptsOf(error).length, 1);
});

test('two shared errors that replace each other for ever stay bounded [37]', () => {
  const one = new Error('one');
  const other = new Error('other');
  for (let i = 0; i < 500; i++) {
    remember(one, other);
    remember(other, one);
  }
  assert.ok(attemptsOf(one).length <= 100);
});
