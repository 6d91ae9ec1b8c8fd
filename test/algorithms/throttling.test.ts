import assert from 'node:assert/strict';
import { test } from 'vitest';
import { Throttling } from '../../src/algorithms/throttling.ts';

test('rejects with the probability that the Site Reliability Engineering book gives', () => {
  for (const [k, requests, accepts, expected] of [
    [2, 0, 0, 0],
    [2, 1, 0, 1 / 2],
    [2, 1, 1, 0],
    [2, 100, 50, 0],
    [2, 100, 49, 2 / 101],
    [2, 100, 10, 80 / 101],
    [2, 100, 0, 100 / 101],
    [1, 100, 99, 1 / 101],
    [1, 100, 100, 0],
    [1.1, 1_000, 500, 450 / 1_001],
  ] as const) {
    const calls = new Throttling({ k, window: 120_000, minCalls: 1 });
    for (let i = 0; i < requests; i++) calls.record(i < accepts, 0);
    assert.ok(Math.abs(calls.rejectionProbability(0) - expected) < 1e-12, `${accepts} of ${requests}, k = ${k}`);
  }
});

test('counts nothing longer than the window, each priority by itself, and nobody below minCalls', () => {
  const calls = new Throttling({ k: 2, window: 1_000, minCalls: 3 });
  for (let now = 0; now < 3; now++) {
    assert.equal(calls.rejectionProbability(now), 0);
    calls.record(false, now);
  }
  assert.equal(calls.rejectionProbability(3), 3 / 4);
  assert.equal(calls.rejectionProbability(3, 1), 0);
  calls.record(false, 500, 1);
  assert.equal(calls.idle(999), false);
  assert.equal(calls.rejectionProbability(1_000), 0);
  assert.equal(calls.idle(1_000), false);
  assert.equal(calls.idle(1_500), true);
});

test('a clock that steps back forgets nothing early, and one that sleeps for a year forgets all', () => {
  const calls = new Throttling({ k: 2, window: 1_000, minCalls: 1 });
  calls.record(false, 10_000);
  assert.equal(calls.rejectionProbability(0), 1 / 2);
  assert.equal(calls.rejectionProbability(1_000), 0);
  calls.record(false, 1_000);
  assert.equal(calls.rejectionProbability(3.2e10), 0);
});

test('keeps no priority longer than its calls, however many there are', () => {
  const calls = new Throttling({ k: 2, window: 100, minCalls: 1 });
  for (let now = 0; now < 2_000; now++) calls.record(false, now, now);
  // Each was asked for a second time only after it had been forgotten.
  for (let priority = 0; priority < 1_800; priority++) assert.equal(calls.rejectionProbability(2_000, priority), 0);
  assert.equal(calls.rejectionProbability(2_000, 1_999), 1 / 2);
});

test('a hundred thousand priorities at once cost time in proportion to their number', () => {
  const calls = new Throttling({ k: 2, window: 1_000, minCalls: 1 });
  // Looked through for each new one, they would take minutes.
  for (let priority = 0; priority < 100_000; priority++) calls.record(false, 0, priority);
  assert.equal(calls.rejectionProbability(0, 99_999), 1 / 2);
  assert.equal(calls.idle(1_000), true);
});
