import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { runInNewContext } from 'node:vm';
import { test } from 'vitest';
import { crc16, crc32 } from '../../src/core/crc.ts';
import { fnv1a, murmur3 } from '../../src/core/hash.ts';
import { md5 } from '../../src/core/md5.ts';
import { xxhash32, xxhash64 } from '../../src/core/xxhash.ts';
import words from '../vectors/traffic-libhashkit-a.json' with { type: 'json' };
import known from '../vectors/traffic-murmur3-a.json' with { type: 'json' };
import slots from '../vectors/traffic-redis-cluster-slots-a.json' with { type: 'json' };
import codes from '../vectors/traffic-smhasher-verification-codes.json' with { type: 'json' };
import seeded from '../vectors/traffic-xxh64-seeded.json' with { type: 'json' };
import xx from '../vectors/traffic-xxhash-a.json' with { type: 'json' };

type Data = string | Uint8Array;

/** Of each, all that it gives in hexadecimal: one reading for all. */
const hashes: Record<string, (data: Data) => string> = {
  murmur3: (data) => murmur3(data).toString(16),
  xxhash32: (data) => xxhash32(data).toString(16),
  xxhash64: (data) => xxhash64(data).toString(16),
  fnv1a: (data) => fnv1a(data).toString(16),
  crc32: (data) => crc32(data).toString(16),
  crc16: (data) => crc16(data).toString(16),
  md5: (data) => Buffer.from(new Uint8Array(md5(data).slice().buffer)).toString('hex'),
};

test(`murmur3 gives what its author's does: ${known.cases.length} cases`, () => {
  for (const each of known.cases) assert.equal(murmur3(each.input, each.seed), Number(each.x86_32), each.input);
});

test(`xxhash32 and xxhash64 give what their author's do: ${xx.cases.length} cases of each`, () => {
  for (const each of xx.cases) {
    assert.equal(xxhash32(each.input), Number(`0x${each.xxh32}`), each.input);
    assert.equal(xxhash64(each.input), BigInt(`0x${each.xxh64}`), each.input);
  }
});

test(`xxhash64 takes a seed of 64 bits: ${seeded.cases.length} cases`, () => {
  for (const each of seeded.cases) {
    assert.equal(xxhash64(each.input, BigInt(each.seed)), BigInt(`0x${each.xxh64}`), each.input);
  }
});

test(`fnv1a and md5 give what libhashkit's do: ${words.cases.length} words`, () => {
  for (const each of words.cases) {
    assert.equal(fnv1a(each.input), each.fnv1a_32, each.input);
    assert.equal((md5(each.input)[0] as number) >>> 0, each.md5_le32, each.input);
  }
});

test("crc16 is XMODEM's, and crc32 that of gzip", () => {
  // One row of the file; the others are slots, and driven where slots are.
  const rows = slots.cases.filter((each) => each.crc16 !== undefined);
  assert.deepEqual(
    rows.map((each) => crc16(each.key)),
    rows.map((each) => Number(each.crc16)),
  );
  assert.equal(rows.length, 1);
  assert.equal(crc32('123456789'), 0xcbf43926);
});

test('each hash has the verification code of SMHasher', () => {
  const first = (data: Data): number => (md5(data)[0] as number) >>> 0;
  const ours: Record<string, (data: Data, seed: number) => number> = {
    crc32,
    // MD5 knows no seed.
    'md5 first 32 bits': first,
    'FNV (32)': fnv1a,
    'MurmurHash3 x86_32': murmur3,
  };
  let driven = 0;
  for (const { hash: name, code } of codes.cases) {
    const hash = ours[name];
    // The five others are of hashes that are not here.
    if (hash === undefined) continue;
    const digests = new DataView(new ArrayBuffer(1_024));
    const bytes = Uint8Array.from({ length: 256 }, (_, i) => i);
    for (let i = 0; i < 256; i++) digests.setUint32(4 * i, hash(bytes.subarray(0, i), 256 - i), true);
    assert.equal(hash(new Uint8Array(digests.buffer), 0), Number(code), name);
    driven++;
  }
  assert.deepEqual([driven, codes.cases.length], [4, 9]);
});

test('md5 is that of OpenSSL at every length around the ends of blocks', () => {
  for (let length = 0; length <= 200; length++) {
    const bytes = Uint8Array.from({ length }, (_, i) => i * 7 + length);
    assert.equal(hashes.md5?.(bytes), createHash('md5').update(bytes).digest('hex'), String(length));
  }
});

test('a string is hashed as UTF-8, a lone surrogate as U+FFFD', () => {
  const texts = [
    '',
    'a',
    'é',
    '漢字',
    '😀',
    'a\ud800b',
    '\udc00\ud800',
    'x'.repeat(63),
    'x'.repeat(64),
    'é'.repeat(65),
  ];
  texts.push('x'.repeat(65), `${'x'.repeat(63)}é`, 'x'.repeat(100_000));
  for (const [name, hash] of Object.entries(hashes)) {
    for (const text of texts) assert.equal(hash(text), hash(Buffer.from(text)), `${name} of ${text.slice(0, 70)}`);
    assert.equal(hash('\ud800'), hash('\ufffd'), name);
    assert.equal(hash(new Uint8Array([1, 2, 3, 4]).subarray(1, 3)), hash('\u0002\u0003'), name);
  }
});

test('a seed makes another hash of it, and 0 is the seed unless one is given', () => {
  for (const hash of [murmur3, xxhash32, fnv1a, crc32]) {
    assert.equal(hash('key', 0), hash('key'));
    assert.equal(hash('key', 0xffffffff), hash('key', -1));
    assert.equal(new Set([0, 1, 2, 0xffffffff].map((seed) => hash('key', seed))).size, 4);
  }
  assert.equal(xxhash64('key', 0n), xxhash64('key'));
  assert.equal(xxhash64('key', -1n), xxhash64('key', 2n ** 64n - 1n));
});

test('takes strings and bytes, of another realm too, and no other view: its numbers are not its bytes', () => {
  const bytes = new Uint8Array([1, 2, 3]);
  for (const [name, hash] of Object.entries(hashes)) {
    assert.equal(hash(runInNewContext('new Uint8Array([1, 2, 3])')), hash(bytes), name);
    assert.equal(hash(Buffer.from(bytes)), hash(bytes), name);
    for (const other of [new DataView(bytes.buffer), new Uint16Array(2), new Int8Array(2), bytes.buffer, [1, 2, 3], 1])
      assert.throws(() => hash(other as never), TypeError, name);
  }
});
