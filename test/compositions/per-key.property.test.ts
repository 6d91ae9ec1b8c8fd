import assert from 'node:assert/strict';
import fc from 'fast-check';
import { test } from 'vitest';
import { perKey } from '../../src/compositions/per-key.ts';
import { guard } from '../../src/core/pipeline.ts';
import type { Policy } from '../../src/core/policy.ts';

test('keeps at most maxKeys policies, and forgets the one asked for least recently', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 5 }), fc.array(fc.nat(8)), (maxKeys, asked) => {
      const keyed = perKey((_: number) => guard({}), { maxKeys });
      const known = new Map<number, Policy>();
      let recent: number[] = [];
      for (const key of asked) {
        const policy = keyed.for(key);
        assert.equal(policy === known.get(key), recent.includes(key));
        known.set(key, policy);
        recent = [...recent.filter((each) => each !== key), key].slice(-maxKeys);
        assert.equal(keyed.size, recent.length);
      }
    }),
  );
});
