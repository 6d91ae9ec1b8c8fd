import assert from 'node:assert/strict';
import { test } from 'vitest';
import { KeyHash } from '../../src/algorithms/key-hash.ts';
import { seededRandom } from '../../src/testing/seeded-random.ts';

const kinds: [kind: string, key: (i: number) => unknown][] = [
  ['integers', (i) => i],
  ['integers far apart', (i) => i * 2 ** 20],
  ['fractions', (i) => i + 0.5],
  ['short strings', (i) => `${i}`],
  [
    'URLs told apart in their middle',
    (i) => `https://api.example.com/v1/customers/${i}/orders?expand=items,payments,refunds`,
  ],
  ['JSON told apart in its middle', (i) => JSON.stringify({ select: 'x'.repeat(300), id: i, order: 'y'.repeat(300) })],
  ['bigints', (i) => BigInt(i) * 10n ** 30n],
  ['objects', () => ({})],
];

test.each(kinds)('keys that differ differ in their hashes: %s', (_, key) => {
  const hash = new KeyHash(seededRandom(1));
  const hashes = new Set(Array.from({ length: 10_000 }, (_, i) => hash.of(key(i))));
  // By chance there is one collision in a hundred such runs.
  assert.ok(hashes.size > 9_990, `${hashes.size}`);
});

test('keys that are equal to a Map have equal hashes', () => {
  const hash = new KeyHash(seededRandom(1));
  const object = {};
  for (const [one, other] of [
    [0, -0],
    [Number.NaN, 0 / 0],
    ['abc', ['a', 'b', 'c'].join('')],
    [1n, BigInt('1')],
    [object, object],
    [undefined, undefined],
  ]) {
    assert.equal(hash.of(one), hash.of(other));
  }
});
