import assert from 'node:assert/strict';
import fc from 'fast-check';
import { test } from 'vitest';
import { type Due, DueHeap } from '../../src/algorithms/due-heap.ts';

const step = fc.oneof(fc.record({ add: fc.integer({ min: 0, max: 50 }) }), fc.record({ remove: fc.nat() }));

test('the first is the one that is due first, whoever came and went before', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const heap = new DueHeap<Due>();
      const inside: Due[] = [];
      for (const each of steps) {
        if ('add' in each) {
          const one = { due: each.add, at: -1 };
          heap.add(one);
          inside.push(one);
        } else if (inside.length > 0) {
          const [one] = inside.splice(each.remove % inside.length, 1) as [Due];
          heap.remove(one);
          assert.equal(one.at, -1);
          heap.remove(one);
        }
        assert.equal(heap.first?.due ?? Infinity, Math.min(...inside.map(({ due }) => due)));
        // Each knows a place of its own.
        assert.deepEqual(
          inside.map(({ at }) => at).sort((a, b) => a - b),
          [...inside.keys()],
        );
      }
    }),
  );
});
