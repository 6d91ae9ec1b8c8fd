import assert from 'node:assert/strict';
import fc from 'fast-check';
import { test } from 'vitest';
import { HashRing } from '../../src/algorithms/hash-ring.ts';
import { roundRobin } from '../../src/algorithms/pick.ts';
import { consistentHash } from '../../src/algorithms/pick-hash.ts';
import { endpoints } from './endpoints.ts';

const call = { now: 0, random: () => 0, tried: new Set<string>() };

test('round robin picks whose turn is longest ago, whoever is eligible from call to call', () => {
  fc.assert(
    fc.property(fc.array(fc.subarray([0, 1, 2, 3, 4, 5], { minLength: 1 }), { maxLength: 60 }), (calls) => {
      const all = endpoints(6);
      const { pick } = roundRobin();
      /** From the longest ago to the last. */
      const order = [...all];
      for (const places of calls) {
        const eligible = all.filter((_, i) => places.includes(i));
        const next = order.find((endpoint) => eligible.includes(endpoint)) as (typeof all)[0];
        assert.equal(pick(eligible, call), next);
        order.push(...order.splice(order.indexOf(next), 1));
      }
    }),
  );
});

test('a key goes where a ring of the eligible alone has it, whoever came, went, or has another weight', () => {
  const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j'];
  const target = fc.record({ name: fc.constantFrom(...names), weight: fc.constantFrom(0.01, 0.05, 0.1) });
  const targets = fc.uniqueArray(target, { selector: ({ name }) => name, minLength: 1 });
  const phase = fc.record({ targets, calls: fc.nat(300) });
  fc.assert(
    fc.property(fc.array(phase, { maxLength: 8 }), (phases) => {
      const { pick } = consistentHash();
      for (const { targets, calls } of phases) {
        const eligible = endpoints(targets.length, (i) => ({ target: targets[i] as (typeof targets)[0] }));
        const ring = new HashRing({ nodes: targets });
        for (let key = 0; key <= calls; key++) {
          assert.equal(pick(eligible, { ...call, key: `${key}` }).target.name, ring.owner(`${key}`));
        }
      }
    }),
  );
});
