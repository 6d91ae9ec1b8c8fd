import assert from 'node:assert/strict';
import { test } from 'vitest';
import { Fall } from '../../src/algorithms/fall.ts';

const said = (rates: readonly number[]): boolean[] => {
  const fall = new Fall(3);
  return rates.map((rate) => fall.add(rate));
};

test('tells of a rate that falls, not of one that rises or falls by less than 5 %', () => {
  const usual = [0.6, 0.6, 0.6, 0.6, 0.6, 0.6, 0.6];
  assert.deepEqual(said([...usual, 0.5]), [...usual.map(() => false), true]);
  assert.ok(!said([...usual, 0.56, 0.9]).includes(true));
});

test('needs some rounds to know what is usual', () => {
  assert.ok(!said([0.6, 0.6, 0.6, 0.6, 0]).includes(true));
});

test('what falls all the time has not fallen', () => {
  const bursts = Array.from({ length: 60 }, (_, i) => (i % 6 === 5 ? 0 : 0.6));
  assert.ok(!said(bursts).slice(6).includes(true));
});
