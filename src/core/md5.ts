import { bytesOf } from './utf8.ts';

const sines = /* @__PURE__ */ Int32Array.from({ length: 64 }, (_, i) =>
  Math.floor(Math.abs(Math.sin(i + 1)) * 2 ** 32),
);
const block = /* @__PURE__ */ new Int32Array(16);
const state = /* @__PURE__ */ new Int32Array(4);

/**
 * MD5 (RFC 1321) as four words of 32 bits with a sign, the lowest byte first; they hold until the next call. It is here
 * because ketama rings are made of it, and proves nothing to anybody any more: no signature, no password.
 */
export function md5(data: string | Uint8Array): Int32Array {
  const bytes = bytesOf(data);
  const { length } = bytes;
  state[0] = 0x67452301;
  state[1] = 0xefcdab89;
  state[2] = 0x98badcfe;
  state[3] = 0x10325476;
  // A bit, and 64 for the length, follow the data.
  for (let start = 0; start < length + 9; start += 64) {
    block.fill(0);
    const end = Math.min(length - start, 64);
    for (let i = 0; i < end; i++) {
      block[i >> 2] = (block[i >> 2] as number) | ((bytes[start + i] as number) << ((i & 3) << 3));
    }
    if (end >= 0 && end < 64) block[end >> 2] = (block[end >> 2] as number) | (0x80 << ((end & 3) << 3));
    if (start + 64 >= length + 9) {
      block[14] = length << 3;
      block[15] = length / 2 ** 29;
    }
    digest();
  }
  return state;
}

function step(sum: number, next: number, i: number, word: number, bits: number): number {
  const all = (sum + (block[word & 15] as number) + (sines[i] as number)) | 0;
  return (((all << bits) | (all >>> (32 - bits))) + next) | 0;
}

function digest(): void {
  let a = state[0] as number;
  let b = state[1] as number;
  let c = state[2] as number;
  let d = state[3] as number;
  for (let i = 0; i < 16; i += 4) {
    a = step(a + ((b & c) | (~b & d)), b, i, i, 7);
    d = step(d + ((a & b) | (~a & c)), a, i + 1, i + 1, 12);
    c = step(c + ((d & a) | (~d & b)), d, i + 2, i + 2, 17);
    b = step(b + ((c & d) | (~c & a)), c, i + 3, i + 3, 22);
  }
  for (let i = 16; i < 32; i += 4) {
    a = step(a + ((d & b) | (~d & c)), b, i, 5 * i + 1, 5);
    d = step(d + ((c & a) | (~c & b)), a, i + 1, 5 * i + 6, 9);
    c = step(c + ((b & d) | (~b & a)), d, i + 2, 5 * i + 11, 14);
    b = step(b + ((a & c) | (~a & d)), c, i + 3, 5 * i, 20);
  }
  for (let i = 32; i < 48; i += 4) {
    a = step(a + (b ^ c ^ d), b, i, 3 * i + 5, 4);
    d = step(d + (a ^ b ^ c), a, i + 1, 3 * i + 8, 11);
    c = step(c + (d ^ a ^ b), d, i + 2, 3 * i + 11, 16);
    b = step(b + (c ^ d ^ a), c, i + 3, 3 * i + 14, 23);
  }
  for (let i = 48; i < 64; i += 4) {
    a = step(a + (c ^ (b | ~d)), b, i, 7 * i, 6);
    d = step(d + (b ^ (a | ~c)), a, i + 1, 7 * i + 7, 10);
    c = step(c + (a ^ (d | ~b)), d, i + 2, 7 * i + 14, 15);
    b = step(b + (d ^ (c | ~a)), c, i + 3, 7 * i + 21, 21);
  }
  state[0] = (state[0] as number) + a;
  state[1] = (state[1] as number) + b;
  state[2] = (state[2] as number) + c;
  state[3] = (state[3] as number) + d;
}
