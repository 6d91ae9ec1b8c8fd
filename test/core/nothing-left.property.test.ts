import assert from 'node:assert/strict';
import fc from 'fast-check';
import { inject, test } from 'vitest';
import { play } from './play.ts';
import { crowds, cutting, loners } from './scenarios.ts';

test('no permit, timer, listener or unheard rejection is left, whatever happens [39, 48, 58, 80]', async () => {
  await fc.assert(
    fc.asyncProperty(fc.oneof(loners, crowds), cutting, async (scenario, cuts) => {
      assert.deepEqual((await play(scenario, cuts)).left, []);
    }),
    { numRuns: 5 * inject('runs') },
  );
});
