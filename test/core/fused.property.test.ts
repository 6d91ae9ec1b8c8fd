import assert from 'node:assert/strict';
import fc from 'fast-check';
import { inject, test } from 'vitest';
import { type Played, play } from './play.ts';
import { crowds, cutting, loners } from './scenarios.ts';

const numRuns = 5 * inject('runs');

// Times are such that no two things are due at once. What follows from one of them happens in one instant, and there
// the form nested by hand takes more microtasks on its way out: what goes on beside that way may come before or after.

test('one call through a pipeline goes as through the same policies nested by hand, step by step [115]', async () => {
  const told = ({ log }: Played) =>
    [...log].map(([at, { inOrder, beside }]) => ({ at, inOrder, beside: [...beside].sort() }));
  await fc.assert(
    fc.asyncProperty(loners, cutting, async (scenario, cuts) => {
      assert.deepEqual(told(await play(scenario, cuts)), told(await play(scenario, [false])));
    }),
    { numRuns },
  );
});

// Where one instant lets several calls go on (a slot is handed over, a signal is shared) they too may come in any order.
test('many calls through one pipeline go as through the same policies nested by hand [115]', async () => {
  const told = ({ log }: Played) =>
    [...log].map(([at, { inOrder, beside }]) => ({ at, all: [...inOrder, ...beside].sort() }));
  await fc.assert(
    fc.asyncProperty(crowds, cutting, async (scenario, cuts) => {
      assert.deepEqual(told(await play(scenario, cuts)), told(await play(scenario, [false])));
    }),
    { numRuns },
  );
});
