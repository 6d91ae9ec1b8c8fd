import assert from 'node:assert/strict';
import { test } from 'vitest';
import { Freshness } from '../../src/algorithms/freshness.ts';

const none = { ttl: 100, jitter: 0, staleWhileRevalidate: 0, staleIfError: 0, refreshAhead: 0 };

test('values are kept for their ttl and the longest allowance, and what is left tells their age', () => {
  for (const [staleWhileRevalidate, staleIfError, kept] of [
    [0, 0, 100],
    [50, 0, 150],
    [50, 70, 170],
    [80, 70, 180],
  ] as const) {
    const freshness = new Freshness({ ...none, staleWhileRevalidate, staleIfError });
    assert.equal(
      freshness.keepFor('ttl', 1, 'a', () => 0.5),
      kept,
    );
    assert.equal(freshness.matters, kept > 100);
    for (const age of [0, 99, 100, 120, 149, 150, 169, 179]) {
      const left = freshness.left(kept - age);
      assert.equal(left, 100 - age);
      assert.equal(freshness.mayBeGiven(left), age < 100 + staleWhileRevalidate);
      assert.equal(freshness.mayReplaceError(left), staleIfError > 0 && age < 100 + staleIfError);
    }
    assert.equal(freshness.left(undefined), -Infinity);
    assert.equal(freshness.mayBeGiven(-Infinity), false);
  }
});

test('without a ttl a store keeps values as long as it likes, and with an allowance for good', () => {
  assert.equal(new Freshness({ ...none, ttl: undefined }).keepFor('ttl', 1, 'a', Math.random), undefined);
  assert.equal(
    new Freshness({ ...none, ttl: undefined, staleIfError: 1 }).keepFor('ttl', 1, 'a', () => 0),
    Infinity,
  );
});

test('endless allowances leave the ttl to be told, to less than a millisecond', () => {
  const freshness = new Freshness({ ...none, staleWhileRevalidate: Infinity, staleIfError: Infinity });
  const kept = freshness.keepFor('ttl', 1, 'a', () => 0) as number;
  assert.ok(Math.abs(freshness.left(kept) - 100) < 0.01);
  assert.ok(freshness.mayBeGiven(freshness.left(kept - 365 * 86_400_000)));
});

test('a value is due the likelier the longer it takes to load: exp(−left ÷ (beta × took))', () => {
  const freshness = new Freshness({ ...none, refreshAhead: 2 });
  for (const [left, took, threshold] of [
    [100, 50, Math.exp(-1)],
    [10, 50, Math.exp(-0.1)],
    [100, 5, Math.exp(-10)],
  ] as const) {
    assert.equal(
      freshness.isDue(left, took, () => 1 - threshold * 1.001),
      false,
    );
    assert.equal(
      freshness.isDue(left, took, () => 1 - threshold * 0.999),
      true,
    );
  }
  assert.equal(
    freshness.isDue(Infinity, 1e9, () => 0.999),
    false,
  );
  assert.equal(
    freshness.isDue(1, 0, () => 0.999),
    false,
  );
  assert.equal(
    freshness.isDue(0, 0, () => 0),
    true,
  );
  assert.equal(
    new Freshness(none).isDue(1, 1e9, () => 0.999),
    false,
  );
});
