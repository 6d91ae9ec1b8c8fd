import assert from 'node:assert/strict';
import fc from 'fast-check';
import { test } from 'vitest';
import { EntryNotes } from '../../src/algorithms/entry-notes.ts';

test('notes are those of a plain list, for any history', () => {
  const key = fc.integer({ min: 0, max: 5 });
  const step = fc.oneof(
    fc.record({ do: fc.constant('set' as const), key, took: fc.nat(), tags: fc.array(fc.constantFrom('x', 'y', 'z')) }),
    fc.record({ do: fc.constant('delete' as const), key }),
    fc.record({ do: fc.constant('clear' as const) }),
  );
  fc.assert(
    fc.property(fc.array(step), (steps) => {
      const notes = new EntryNotes<number>(() => true);
      const model = new Map<number, { took: number; tags: string[] }>();
      for (const each of steps) {
        if (each.do === 'set') {
          notes.set(each.key, each.took, each.tags);
          model.set(each.key, each);
          // What the caller does with his own is his own affair.
          each.tags = [...each.tags];
        } else if (each.do === 'delete') {
          notes.delete(each.key);
          model.delete(each.key);
        } else {
          notes.clear();
          model.clear();
        }
        assert.equal(notes.size, model.size);
        for (const tag of ['x', 'y', 'z']) {
          const expected = [...model].filter(([, { tags }]) => tags.includes(tag)).map(([key]) => key);
          assert.deepEqual(notes.tagged(tag).sort(), expected.sort());
        }
        for (const key of [0, 1, 2, 3, 4, 5]) assert.equal(notes.took(key), model.get(key)?.took ?? 0);
      }
    }),
  );
});

test('what has gone is dropped before it is more than what is there, or than a few', () => {
  let oldest = 0;
  let asked = 0;
  const notes = new EntryNotes<number>((key) => {
    asked++;
    return key >= oldest;
  });
  for (let key = 0; key < 100_000; key++) {
    notes.set(key, 1, ['all', `own ${key}`]);
    oldest = Math.max(0, key - 999);
    assert.ok(notes.size <= 2_001 || key < 128);
  }
  // A few looks for each.
  assert.ok(asked < 250_000, `${asked}`);
  assert.deepEqual(notes.tagged('own 5'), []);
  assert.ok(notes.tagged('all').length <= 2_001);
});
