import assert from 'node:assert/strict';
import { test } from 'vitest';
import { murmur3 } from '../../src/core/hash.ts';
import known from '../vectors/traffic-murmur3-a.json' with { type: 'json' };
import codes from '../vectors/traffic-smhasher-verification-codes.json' with { type: 'json' };

test(`murmur3 gives what its author's does: ${known.cases.length} cases`, () => {
  for (const each of known.cases) assert.equal(murmur3(each.input, each.seed), Number(each.x86_32), each.input);
});

test('murmur3 has the verification code of SMHasher', () => {
  // One row of the file; the others are of hashes that are not here.
  const row = codes.cases.find(({ hash }) => hash === 'MurmurHash3 x86_32');
  const digests = new DataView(new ArrayBuffer(1_024));
  const bytes = Uint8Array.from({ length: 256 }, (_, i) => i);
  for (let i = 0; i < 256; i++) digests.setUint32(4 * i, murmur3(bytes.subarray(0, i), 256 - i), true);
  assert.equal(murmur3(new Uint8Array(digests.buffer)), Number(row?.code));
});

test('a string is hashed as UTF-8, a lone surrogate as U+FFFD', () => {
  for (const text of ['é', '漢字', '😀', 'a\ud800b']) assert.equal(murmur3(text, 7), murmur3(Buffer.from(text), 7));
  assert.equal(murmur3('\ud800'), murmur3('\ufffd'));
  assert.equal(murmur3('x'.repeat(1_000_000)), murmur3(Buffer.alloc(1_000_000, 'x')));
});
