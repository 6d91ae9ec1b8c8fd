import assert from 'node:assert/strict';
import { test } from 'vitest';
import { roundRobin } from '../../src/algorithms/pick.ts';
import { Rests } from '../../src/algorithms/rests.ts';
import type { Endpoint } from '../../src/core/router.ts';

const endpoints: readonly Endpoint[] = ['a', 'b', 'c'].map((name) => ({
  target: { name },
  weight: 1,
  pending: 0,
  state: 'up',
}));

test('picks nobody who has asked to be left alone, unless there is nobody else', () => {
  const rests = new Rests(100);
  const picker = rests.sparing(roundRobin());
  const picked = (now: number, among = endpoints): string => {
    const call = { now, random: () => 0, tried: new Set<string>() };
    return among.map(() => picker.pick(among, call).target.name).join('');
  };
  assert.equal(picked(0), 'abc');
  rests.rest('b', 10, 0);
  assert.deepEqual([rests.left('a', 4), rests.left('b', 4), rests.left('b', 10)], [0, 6, 0]);
  rests.rest('b', 10, 0);
  assert.doesNotMatch(picked(9), /b/);
  assert.equal(picked(9, endpoints.slice(1, 2)), 'b');
  assert.match(picked(10), /b/);
});

test('leaves nobody alone for longer than the most, after a step back of the clock too', () => {
  const rests = new Rests(100);
  rests.rest('a', Infinity, 1_000);
  assert.deepEqual(
    [1_000, 1_099, 500, 599, 600].map((now) => rests.left('a', now)),
    [100, 1, 100, 1, 0],
  );
  rests.rest('a', 50, 0);
  rests.forget('a');
  assert.equal(rests.left('a', 0), 0);
});

test('hands on what the picker learns by', () => {
  const heard: unknown[] = [];
  const picker = new Rests(1).sparing({ ...roundRobin(), settled: (...told) => heard.push(told) });
  const told = [endpoints[0] as Endpoint, 'failure', 5, 7] as const;
  picker.settled?.(...told);
  assert.deepEqual(heard, [told]);
});
