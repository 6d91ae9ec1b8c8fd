import assert from 'node:assert/strict';
import { test } from 'vitest';
import { balancedFetch } from '../../src/adapters/fetch.ts';
import { roundRobin } from '../../src/algorithms/pick.ts';
import { ManualClock } from '../../src/testing/manual-clock.ts';
import { serve } from './server.ts';

/** Retries without a wait, no timeout unless the clock is moved, and origins one after another. */
const quick = () => ({ clock: new ManualClock(), random: () => 0, pick: roundRobin() });

test('sends each try to another origin, and gives the response of the one that is well', async () => {
  const [a, b] = [await serve(503), await serve(200)];
  const get = balancedFetch({ ...quick(), origins: [a.origin, b.origin] });
  for (let i = 0; i < 4; i++) {
    const response = await get('/users?x=1');
    assert.deepEqual([response.status, response.url], [200, `${b.origin}/users?x=1`]);
  }
  assert.ok(a.requests.length >= 1);
  assert.equal(b.requests.length, 4);
});
