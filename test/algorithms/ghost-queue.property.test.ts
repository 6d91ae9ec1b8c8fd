import assert from 'node:assert/strict';
import fc from 'fast-check';
import { test } from 'vitest';
import { GhostQueue } from '../../src/algorithms/ghost-queue.ts';

/** A list, the newest first. */
class Model {
  hashes: number[] = [];

  add(hash: number, most: number): void {
    while (this.hashes.length > 0 && this.hashes.length >= most) this.hashes.pop();
    if (most >= 1) this.hashes.unshift(hash);
  }

  take(hash: number): boolean {
    const at = this.hashes.indexOf(hash);
    if (at >= 0) this.hashes.splice(at, 1);
    return at >= 0;
  }
}

test('remembers the last ones that have not been taken, and only them', () => {
  // Hashes have all 32 bits and a sign, and some of them are equal, as are the last bits of others.
  const hash = fc.oneof(
    fc.integer({ min: -20, max: 20 }),
    fc.nat(20).map((n) => n << 16),
  );
  const step = fc.oneof(
    fc.record({ add: hash, most: fc.option(fc.integer({ min: 0, max: 40 }), { nil: 30, freq: 20 }) }),
    fc.record({ take: hash }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 400, size: 'max' }), (steps) => {
      const queue = new GhostQueue();
      const model = new Model();
      for (const each of steps) {
        if ('add' in each) {
          queue.add(each.add, each.most);
          model.add(each.add, each.most);
        } else assert.equal(queue.take(each.take), model.take(each.take));
        assert.equal(queue.size, model.hashes.length);
      }
      for (const hash of model.hashes) assert.equal(queue.take(hash), true);
      assert.equal(queue.size, 0);
    }),
  );
});

test('tells hundreds of thousands apart by 32 bits', () => {
  const queue = new GhostQueue();
  const most = 200_000;
  // A step that is odd comes to each number once.
  const hash = (i: number): number => Math.imul(i, 0x9e37_79b1);
  for (let i = 0; i < 300_000; i++) queue.add(hash(i), most);
  assert.equal(queue.size, most);
  let found = 0;
  for (let i = 100_000; i < 300_000; i += 3) if (queue.take(hash(i))) found++;
  assert.equal(found, Math.ceil(most / 3));
  // The gaps are closed on the way.
  for (let i = 300_000; i < 366_667; i++) queue.add(hash(i), most);
  assert.equal(queue.size, most);
  for (let i = 0; i < 500_000; i++) {
    const there = i >= 100_000 && i < 366_667 && (i >= 300_000 || (i - 100_000) % 3 !== 0);
    assert.equal(queue.take(hash(i)), there);
  }
  assert.equal(queue.size, 0);
});
