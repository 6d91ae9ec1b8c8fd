import { bytesOf, wordAt } from './utf8.ts';
import { Word64 } from './word64.ts';

const prime1 = 0x9e3779b1;
const prime2 = 0x85ebca77;
const prime3 = 0xc2b2ae3d;
const prime4 = 0x27d4eb2f;
const prime5 = 0x165667b1;

/** XXH32 (Yann Collet, 2012), without a sign. A string is hashed as UTF-8, its lone surrogates as U+FFFD. */
export function xxhash32(data: string | Uint8Array, seed = 0): number {
  const bytes = bytesOf(data);
  const { length } = bytes;
  let i = 0;
  let hash = (seed + prime5) | 0;
  if (length >= 16) {
    let a = (seed + prime1 + prime2) | 0;
    let b = (seed + prime2) | 0;
    let c = seed | 0;
    let d = (seed - prime1) | 0;
    for (; i <= length - 16; i += 16) {
      a = round32(a, wordAt(bytes, i));
      b = round32(b, wordAt(bytes, i + 4));
      c = round32(c, wordAt(bytes, i + 8));
      d = round32(d, wordAt(bytes, i + 12));
    }
    hash = (turned(a, 1) + turned(b, 7) + turned(c, 12) + turned(d, 18)) | 0;
  }
  hash = (hash + length) | 0;
  for (; i <= length - 4; i += 4) {
    hash = Math.imul(turned((hash + Math.imul(wordAt(bytes, i), prime3)) | 0, 17), prime4);
  }
  for (; i < length; i++) {
    hash = Math.imul(turned((hash + Math.imul(bytes[i] as number, prime5)) | 0, 11), prime1);
  }
  hash = Math.imul(hash ^ (hash >>> 15), prime2);
  hash = Math.imul(hash ^ (hash >>> 13), prime3);
  return (hash ^ (hash >>> 16)) >>> 0;
}

function turned(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits));
}

function round32(sum: number, word: number): number {
  return Math.imul(turned((sum + Math.imul(word, prime2)) | 0, 13), prime1);
}

/** The primes of XXH64, each in two halves. */
const high1 = 0x9e3779b1;
const low1 = 0x85ebca87;
const high2 = 0xc2b2ae3d;
const low2 = 0x27d4eb4f;
const high3 = 0x165667b1;
const low3 = 0x9e3779f9;
const high4 = 0x85ebca77;
const low4 = 0xc2b2ae63;
const high5 = 0x27d4eb2f;
const low5 = 0x165667c5;

/** XXH64 (Yann Collet, 2014), without a sign. A string is hashed as UTF-8, its lone surrogates as U+FFFD. */
export function xxhash64(data: string | Uint8Array, seed = 0n): bigint {
  return xxhash64Word(data, Word64.of(seed)).toBigInt();
}

/** The same, in two halves. */
export function xxhash64Word(data: string | Uint8Array, seed: Word64): Word64 {
  const bytes = bytesOf(data);
  const { length } = bytes;
  const { high, low } = seed;
  let i = 0;
  let hash = new Word64(high, low).add(high5, low5);
  if (length >= 32) {
    const a = new Word64(high, low).add(high1, low1).add(high2, low2);
    const b = new Word64(high, low).add(high2, low2);
    const c = new Word64(high, low);
    const d = new Word64(~high1, ~low1).add(0, 1).add(high, low);
    for (; i <= length - 32; i += 32) {
      round64(a, bytes, i);
      round64(b, bytes, i + 8);
      round64(c, bytes, i + 16);
      round64(d, bytes, i + 24);
    }
    hash = new Word64(a.high, a.low).rotate(1);
    for (const [lane, bits] of [
      [b, 7],
      [c, 12],
      [d, 18],
    ] as const) {
      const copy = new Word64(lane.high, lane.low).rotate(bits);
      hash.add(copy.high, copy.low);
    }
    for (const lane of [a, b, c, d]) {
      lane.multiply(high2, low2).rotate(31).multiply(high1, low1);
      hash.xor(lane.high, lane.low).multiply(high1, low1).add(high4, low4);
    }
  }
  hash.add(0, length);
  for (; i <= length - 8; i += 8) {
    const lane = new Word64(0, 0);
    round64(lane, bytes, i);
    hash.xor(lane.high, lane.low).rotate(27).multiply(high1, low1).add(high4, low4);
  }
  if (i <= length - 4) {
    const lane = new Word64(0, wordAt(bytes, i)).multiply(high1, low1);
    hash.xor(lane.high, lane.low).rotate(23).multiply(high2, low2).add(high3, low3);
    i += 4;
  }
  for (; i < length; i++) {
    const lane = new Word64(0, bytes[i] as number).multiply(high5, low5);
    hash.xor(lane.high, lane.low).rotate(11).multiply(high1, low1);
  }
  return hash.fold(33).multiply(high2, low2).fold(29).multiply(high3, low3).fold(32);
}

function round64(sum: Word64, bytes: Uint8Array, i: number): void {
  const lane = new Word64(wordAt(bytes, i + 4), wordAt(bytes, i)).multiply(high2, low2);
  sum.add(lane.high, lane.low).rotate(31).multiply(high1, low1);
}
