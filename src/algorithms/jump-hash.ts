import { integer, shown } from '../core/options.ts';
import { Word64 } from '../core/word64.ts';
import { xxhash64Word } from '../core/xxhash.ts';

const mostBuckets = 2 ** 31 - 1;
const checkBuckets = /* @__PURE__ */ integer(1, mostBuckets);
const checkKey = /* @__PURE__ */ integer(0, Number.MAX_SAFE_INTEGER);
const noSeed = /* @__PURE__ */ new Word64(0, 0);

/**
 * Jump consistent hash: the bucket of a key, 0 to `buckets - 1`, with nothing to keep and the buckets as even as can be.
 * From n to n + 1 buckets, one key in n + 1 moves, and each into the new one; only the last bucket can go. So buckets are
 * numbers and no names: right for shards that are counted, not for nodes that come and go.
 *
 * It takes some ln(buckets) steps. A string counts by its `xxhash64`; a number or a bigint is the 64 bits themselves.
 * (Lamping and Veach, "A fast, minimal memory, consistent hash algorithm", 2014.)
 *
 * @throws {RangeError} for a number of buckets that is not from 1 to 2 ** 31 - 1, and for a key that is not a safe integer,
 *   0 or above, or a bigint of 64 bits without a sign
 */
export function jumpHash(key: bigint | number | string, buckets: number): number {
  // Looked at here first: a check costs as much as three steps.
  if (buckets !== buckets >>> 0 || (buckets - 1) >>> 0 >= mostBuckets) checkBuckets('jumpHash: buckets', buckets);
  if (typeof key === 'number') {
    if (!Number.isSafeInteger(key) || key < 0) checkKey('jumpHash: key', key);
    return jump(Math.floor(key / 2 ** 32) | 0, key | 0, buckets);
  }
  const { high, low } = typeof key === 'string' ? xxhash64Word(key, noSeed) : wordOf(key);
  return jump(high, low, buckets);
}

function wordOf(key: bigint): Word64 {
  if (typeof key === 'bigint' && key >= 0n && key < 2n ** 64n) return Word64.of(key);
  throw new RangeError(`jumpHash: key must be of 64 bits without a sign, got ${shown(key)}`);
}

function jump(high: number, low: number, buckets: number): number {
  let bucket = 0;
  let next = 0;
  while (next < buckets) {
    bucket = next;
    // key × 2862933555777941757 + 1. The factor is 0x27bb2ee687b0b0fd, and 16 × 16 bits are a product without doubles.
    const lower = low & 0xffff;
    const upper = low >>> 16;
    const first = Math.imul(lower, 0xb0fd) + 1;
    const second = Math.imul(upper, 0xb0fd) + (first >>> 16);
    const third = Math.imul(lower, 0x87b0) + (second & 0xffff);
    const carried = Math.imul(upper, 0x87b0) + (second >>> 16) + (third >>> 16);
    high = (Math.imul(high, 0x87b0b0fd) + Math.imul(low, 0x27bb2ee6) + carried) | 0;
    low = (third << 16) | (first & 0xffff);
    next = Math.floor((bucket + 1) * (2 ** 31 / ((high >>> 1) + 1)));
  }
  return bucket;
}
