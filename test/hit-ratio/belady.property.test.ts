import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { test } from 'vitest';
import { belady, nextUses } from '../../bench/hit-ratio/belady.ts';
import { dense } from '../../bench/hit-ratio/traces.ts';

/** The most hits there can be: every choice of what to hold is tried. */
function most(keys: readonly number[], size: number): number {
  const best = (at: number, held: readonly number[]): number => {
    if (at === keys.length) return 0;
    const key = keys[at] as number;
    if (held.includes(key)) return 1 + best(at + 1, held);
    const choices =
      held.length < size ? [[...held, key]] : held.map((left) => [...held.filter((k) => k !== left), key]);
    return Math.max(...[held, ...choices].map((next) => known(at + 1, next)));
  };
  const memo = new Map<string, number>();
  const known = (at: number, held: readonly number[]): number => {
    const name = `${at}: ${[...held].sort()}`;
    if (!memo.has(name)) memo.set(name, best(at, held));
    return memo.get(name) as number;
  };
  return known(0, []);
}

test('the optimum is that of all choices there are', () => {
  void fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 5 }), { minLength: 1, maxLength: 16 }),
      fc.integer({ min: 1, max: 4 }),
      (keys, size) => {
        const trace = dense('', Uint32Array.from(keys));
        assert.equal(belady(nextUses(trace.keys, trace.unique), size), most(keys, size));
      },
    ),
  );
});

/** The same rule in the plainest way. */
function plain(keys: readonly number[], size: number): number {
  const next = (key: number, from: number): number => {
    const at = keys.indexOf(key, from);
    return at < 0 ? Infinity : at;
  };
  let held: number[] = [];
  let hits = 0;
  for (const [i, key] of keys.entries()) {
    if (held.includes(key)) hits++;
    else held.push(key);
    held = held.sort((a, b) => next(a, i + 1) - next(b, i + 1)).slice(0, size);
  }
  return hits;
}

test('the optimum of long histories is that of the plain rule', () => {
  const history = fc.array(fc.integer({ min: 0, max: 40 }), { minLength: 100, maxLength: 400 });
  void fc.assert(
    fc.property(history, fc.integer({ min: 1, max: 45 }), (keys, size) => {
      const trace = dense('', Uint32Array.from(keys));
      assert.equal(belady(nextUses(trace.keys, trace.unique), size), plain(keys, size));
    }),
  );
});
