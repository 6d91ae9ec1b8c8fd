const utf8 = /* @__PURE__ */ new TextEncoder();

/**
 * MurmurHash3, x86, 32 bits (Austin Appleby, 2011), without a sign. Fast and even, and no secret keeper: who knows the
 * seed can make keys of one hash. A string is hashed as UTF-8, its lone surrogates as U+FFFD.
 */
export function murmur3(data: string | Uint8Array, seed = 0): number {
  const bytes = typeof data === 'string' ? utf8.encode(data) : data;
  const { length } = bytes;
  const rest = length & 3;
  const whole = length - rest;
  let hash = seed | 0;
  for (let i = 0; i < whole; i += 4) {
    hash ^= scrambled(
      byte(bytes, i) | (byte(bytes, i + 1) << 8) | (byte(bytes, i + 2) << 16) | (byte(bytes, i + 3) << 24),
    );
    hash = (Math.imul((hash << 13) | (hash >>> 19), 5) + 0xe6546b64) | 0;
  }
  let last = 0;
  for (let i = rest - 1; i >= 0; i--) last = (last << 8) | byte(bytes, whole + i);
  hash ^= scrambled(last) ^ length;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

function byte(bytes: Uint8Array, i: number): number {
  return bytes[i] as number;
}

function scrambled(word: number): number {
  const mixed = Math.imul(word, 0xcc9e2d51);
  return Math.imul((mixed << 15) | (mixed >>> 17), 0x1b873593);
}
