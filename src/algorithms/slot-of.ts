import { crc16 } from '../core/crc.ts';

/**
 * The slot of a key in a Redis Cluster, 0 to 16,383: CRC-16 of the key, or of what is between its first `{` and the first
 * `}` after that, unless that is nothing. So `{user:7}:cart` and `{user:7}:orders` are in one slot. (Redis Cluster
 * specification, "Key distribution model".)
 */
export function slotOf(key: string | Uint8Array): number {
  return crc16(typeof key === 'string' ? tagOf(key, '{', '}') : tagOf(key, 0x7b, 0x7d)) & 0x3fff;
}

/** What a string and bytes have in common. */
interface Sliced<Part> {
  readonly length: number;
  indexOf(part: Part, from?: number): number;
  slice(from: number, to: number): this;
}

function tagOf<Part, Key extends Sliced<Part>>(key: Key, open: Part, close: Part): Key {
  const start = key.indexOf(open) + 1;
  const end = start === 0 ? -1 : key.indexOf(close, start);
  return end > start ? key.slice(start, end) : key;
}
