import assert from 'node:assert/strict';
import fc from 'fast-check';
import { test } from 'vitest';
import { Semaphore } from '../../src/algorithms/semaphore.ts';

test('never has more taken than given, and loses none [75, 76]', () => {
  const step = fc.oneof(
    fc.record({ acquire: fc.integer({ min: 0, max: 5 }) }),
    fc.record({ release: fc.nat() }),
    fc.record({ resize: fc.integer({ min: 1, max: 12 }) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const slots = new Semaphore(6);
      const held: number[] = [];
      const taken = (): number => held.reduce((sum, cost) => sum + cost, 0);
      for (const each of steps) {
        if ('acquire' in each) {
          const fits = taken() + each.acquire <= slots.limit;
          assert.equal(slots.tryAcquire(each.acquire), fits);
          if (fits) held.push(each.acquire);
        } else if ('release' in each) {
          if (held.length > 0) slots.release(held.splice(each.release % held.length, 1)[0]!);
        } else slots.limit = each.resize;
        assert.equal(slots.taken, taken());
      }
    }),
  );
});
