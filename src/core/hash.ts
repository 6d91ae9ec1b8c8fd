import { bytesOf, wordAt } from './utf8.ts';

/**
 * MurmurHash3, x86, 32 bits (Austin Appleby, 2011), without a sign. Fast and even, and no secret keeper: who knows the
 * seed can make keys of one hash. A string is hashed as UTF-8, its lone surrogates as U+FFFD.
 */
export function murmur3(data: string | Uint8Array, seed = 0): number {
  const bytes = bytesOf(data);
  const { length } = bytes;
  const rest = length & 3;
  const whole = length - rest;
  let hash = seed | 0;
  for (let i = 0; i < whole; i += 4) {
    hash ^= scrambled(wordAt(bytes, i));
    hash = (Math.imul((hash << 13) | (hash >>> 19), 5) + 0xe6546b64) | 0;
  }
  let last = 0;
  for (let i = rest - 1; i >= 0; i--) last = (last << 8) | (bytes[whole + i] as number);
  hash ^= scrambled(last) ^ length;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

function scrambled(word: number): number {
  const mixed = Math.imul(word, 0xcc9e2d51);
  return Math.imul((mixed << 15) | (mixed >>> 17), 0x1b873593);
}

/**
 * FNV-1a, 32 bits (Glenn Fowler, Landon Curt Noll and Phong Vo, 1991), without a sign; the seed changes the offset basis.
 * The simplest there is. Keys that differ in their last letter alone stay close together, so put them on no ring by it.
 */
export function fnv1a(data: string | Uint8Array, seed = 0): number {
  const bytes = bytesOf(data);
  let hash = seed ^ 0x811c9dc5;
  for (let i = 0; i < bytes.length; i++) hash = Math.imul(hash ^ (bytes[i] as number), 0x01000193);
  return hash >>> 0;
}
