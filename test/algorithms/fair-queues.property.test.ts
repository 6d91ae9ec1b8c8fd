import assert from 'node:assert/strict';
import fc from 'fast-check';
import { test } from 'vitest';
import { FairQueues } from '../../src/algorithms/fair-queues.ts';

const queue = fc.nat(3);
/** The largest of each queue. */
const costs = [1, 1, 3, 9];
const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ join: queue, less: fc.nat(1) }) },
  { weight: 4, arbitrary: fc.constant({ serve: true }) },
  { weight: 1, arbitrary: fc.record({ leave: queue, at: fc.nat(9) }) },
);

test('serves queues in shares that differ by no more than their two largest costs', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 400 }), (steps) => {
      const fair = new FairQueues(4);
      const waiting: number[][] = [[], [], [], []];
      const served = [0, 0, 0, 0];
      /** By pairs: how far apart they have been while neither was empty. */
      const apart = new Map<string, { least: number; most: number }>();
      for (const each of steps) {
        if ('join' in each) {
          fair.join(each.join);
          waiting[each.join]?.push((costs[each.join] as number) - each.less);
        } else if ('leave' in each) {
          const line = waiting[each.leave] as number[];
          if (line.length > 0) {
            line.splice(each.at % line.length, 1);
            fair.leave(each.leave);
          }
        } else {
          const next = fair.next();
          assert.equal(next === undefined, waiting.flat().length === 0);
          if (next !== undefined) {
            const cost = waiting[next]?.shift() as number;
            assert.ok(cost !== undefined);
            served[next] = (served[next] as number) + cost;
            fair.serve(next, cost);
          }
        }
        assert.equal(fair.length, waiting.flat().length);
        for (let a = 0; a < 4; a++) {
          assert.equal(fair.lengthOf(a), waiting[a]?.length);
          for (let b = 0; b < a; b++) {
            const difference = (served[a] as number) - (served[b] as number);
            const { least, most } = apart.get(`${a} ${b}`) ?? { least: difference, most: difference };
            const seen = { least: Math.min(least, difference), most: Math.max(most, difference) };
            const bound = (costs[a] as number) + (costs[b] as number);
            assert.ok(seen.most - seen.least <= bound, `${seen.most - seen.least} apart`);
            if (waiting[a]?.length === 0 || waiting[b]?.length === 0) apart.delete(`${a} ${b}`);
            else apart.set(`${a} ${b}`, seen);
          }
        }
      }
    }),
  );
});

test('a queue that was empty is served next but one, and has saved up nothing', () => {
  const fair = new FairQueues(3);
  const serve = (): number => {
    const next = fair.next() as number;
    fair.serve(next, 1);
    return next;
  };
  for (let i = 0; i < 20; i++) fair.join(0);
  assert.deepEqual([serve(), serve(), serve()], [0, 0, 0]);
  for (let i = 0; i < 4; i++) fair.join(1);
  assert.deepEqual([serve(), serve(), serve(), serve(), serve()], [1, 0, 1, 0, 1]);
});

test('a queue of heavy calls has its turn less often', () => {
  const fair = new FairQueues(2);
  for (let i = 0; i < 20; i++) fair.join(i % 2);
  const served = Array.from({ length: 10 }, () => {
    const next = fair.next() as number;
    fair.serve(next, next === 0 ? 4 : 1);
    return next;
  });
  assert.deepEqual(served, [0, 1, 1, 1, 1, 0, 1, 1, 1, 1]);
});

test('joins the shortest queue of a hand, the first among equals', () => {
  const fair = new FairQueues(4);
  assert.equal(fair.shortest([2, 0, 3]), 2);
  fair.join(2);
  assert.equal(fair.shortest([2, 0, 3]), 0);
  fair.join(0);
  fair.join(3);
  fair.leave(3);
  assert.equal(fair.shortest([2, 0, 3]), 3);
});
