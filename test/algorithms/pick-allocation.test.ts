import assert from 'node:assert/strict';
import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { test } from 'vitest';
import { powerOfTwoChoices } from '../../src/algorithms/pick.ts';
import { weightedRoundRobin } from '../../src/algorithms/pick-weighted.ts';
import { endpoints } from './endpoints.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** A generator whose numbers V8 need not box, as it does those of `Math.random`. */
const state = new Float64Array([1]);
const random = (): number => {
  state[0] = ((state[0] as number) * 16_807) % 2_147_483_647;
  return (state[0] as number) / 2_147_483_647;
};

const picks = 5_000;

test('two choices among any number, and smooth turns of up to 64, allocate nothing', () => {
  for (const [make, size] of [
    [powerOfTwoChoices, 2],
    [powerOfTwoChoices, 10_000],
    [weightedRoundRobin, 3],
    [weightedRoundRobin, 64],
  ] as const) {
    const all = endpoints(size, (i) => ({ weight: 1 + (i % 5) / 2, pending: i % 7 }));
    const call = { key: undefined, now: 0, random, tried: new Set<string>() };
    const { pick } = make();
    let least = Infinity;
    // The first rounds run unoptimised, and box numbers; in some others something else is at work.
    for (let round = 0; round < 100 && least >= 1; round++) {
      collectGarbage();
      const before = getHeapStatistics().used_heap_size;
      for (let i = 0; i < picks; i++) pick(all, call);
      const grown = getHeapStatistics().used_heap_size - before;
      if (grown >= 0) least = Math.min(least, grown / picks);
    }
    assert.ok(least < 1, `${make.name} of ${size}: ${least} bytes a pick`);
  }
});
