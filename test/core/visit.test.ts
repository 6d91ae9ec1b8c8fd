import assert from 'node:assert/strict';
import { test } from 'vitest';
import { loadBalancer } from '../../src/compositions/load-balancer.ts';
import { held } from '../../src/core/held.ts';
import { pipeline } from '../../src/core/pipeline.ts';
import { bulkhead } from '../../src/policies/bulkhead.ts';
import { retry } from '../../src/policies/retry.ts';

test.each([
  ['alone', pipeline()],
  ['inside a retry', retry()],
])('a call is at its target until the body that a policy inside it has handed on is done: %s', async (_, outside) => {
  for (const fails of [false, true]) {
    const nodes = loadBalancer({ targets: [{ name: 'a' }] });
    const slots = bulkhead({ maxConcurrent: 1 });
    let finish = (): void => {};
    const done = new Promise<void>((resolve, reject) => (finish = fails ? () => reject(new Error('broken')) : resolve));
    const task = nodes.route((_, context) => slots.execute(async () => held('it', done), context));
    assert.equal(await outside.execute(task), 'it');
    assert.deepEqual([nodes.endpoints[0]?.pending, slots.running], [1, 1]);
    finish();
    for (let i = 0; i < 20; i++) await Promise.resolve();
    assert.deepEqual([nodes.endpoints[0]?.pending, slots.running], [0, 0]);
  }
});
