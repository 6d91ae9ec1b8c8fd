import assert from 'node:assert/strict';
import { test } from 'vitest';
import { Semaphore } from '../../src/algorithms/semaphore.ts';

test('gives out as many slots as it has, by weight [75]', () => {
  const slots = new Semaphore(5);
  const steps: [cost: number, expected: boolean, taken: number][] = [
    [3, true, 3],
    [3, false, 3],
    [2, true, 5],
    [1, false, 5],
    [0, true, 5],
  ];
  for (const [cost, expected, taken] of steps) {
    assert.equal(slots.tryAcquire(cost), expected);
    assert.equal(slots.taken, taken);
  }
  slots.release(3);
  assert.equal(slots.tryAcquire(3), true);
});

test('gives nothing out after lowering until enough has come back [83]', () => {
  const slots = new Semaphore(4);
  for (let i = 0; i < 4; i++) slots.tryAcquire(1);
  slots.limit = 2;
  assert.equal(slots.taken, 4);
  for (const expected of [false, false, true]) {
    slots.release(1);
    assert.equal(slots.tryAcquire(1), expected);
  }
  slots.limit = 3;
  assert.equal(slots.tryAcquire(1), true);
  assert.equal(slots.limit, 3);
});

test('may be without a limit', () => {
  const slots = new Semaphore(Infinity);
  assert.equal(slots.tryAcquire(1e9), true);
  slots.release(1e9);
  assert.equal(slots.taken, 0);
});
