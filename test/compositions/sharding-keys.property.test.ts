import assert from 'node:assert/strict';
import fc from 'fast-check';
import { test } from 'vitest';
import { HashRing } from '../../src/algorithms/hash-ring.ts';
import { sharding } from '../../src/compositions/sharding.ts';
import { pipeline } from '../../src/core/pipeline.ts';

const ring = fc
  .subarray(['a', 'b', 'c', 'd'], { minLength: 1 })
  .map((nodes) => new HashRing({ nodes, virtualNodes: 4 }));

test('a key of any letters or bytes has its owners, and follows them, and no two keys are taken for one', async () => {
  // Halves of letters too.
  const text = fc.array(fc.nat(0xffff), { maxLength: 8 }).map((units) => String.fromCharCode(...units));
  const key = fc.oneof(text, fc.uint8Array({ maxLength: 40 }));
  const same = (one: string | Uint8Array) => (typeof one === 'string' ? `text ${one}` : `bytes ${one}`);
  await fc.assert(
    fc.asyncProperty(fc.uniqueArray(key, { selector: same, maxLength: 8 }), ring, ring, async (keys, before, after) => {
      const targets = ['a', 'b', 'c', 'd'].map((name) => ({ name }));
      const shards = sharding({ placement: before, targets });
      const where = (one: string | Uint8Array) => pipeline().execute(shards.forKey(one).route(({ name }) => name));
      for (const one of keys) assert.equal(await where(one), before.owner(one));
      const moving = keys.filter((one) => before.owner(one) !== after.owner(one));
      const moves: (string | Uint8Array)[] = [];
      await shards.reshard({
        to: after,
        keys,
        move: async (one, from, to) => {
          moves.push(one);
          assert.deepEqual([from.name, to.name], [before.owner(one), after.owner(one)]);
        },
      });
      assert.deepEqual(moves.map(same).sort(), moving.map(same).sort());
      for (const one of keys) assert.equal(await where(one), after.owner(one));
    }),
  );
});
