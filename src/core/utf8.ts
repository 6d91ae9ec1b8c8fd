import { shown } from './options.ts';

const utf8 = /* @__PURE__ */ new TextEncoder();
const longest = 64;
const room = /* @__PURE__ */ new ArrayBuffer(longest);
/** The first 0, 1, 2 … bytes of the room, each made when first asked for: to make one costs as much as to hash it. */
const views: Uint8Array[] = [];

/**
 * What a hash reads: bytes as they are, a string as UTF-8, its lone surrogates as U+FFFD. Short strings of ASCII, as most
 * keys are, take turns in one place: what is returned holds until the next call, so read it at once and keep it never.
 */
export function bytesOf(data: string | Uint8Array): Uint8Array {
  if (typeof data !== 'string') return checkedBytes(data);
  const { length } = data;
  if (length > longest) return utf8.encode(data);
  const bytes = (views[length] ??= new Uint8Array(room, 0, length));
  let all = 0;
  for (let i = 0; i < length; i++) {
    const unit = data.charCodeAt(i);
    all |= unit;
    bytes[i] = unit;
  }
  return all < 128 ? bytes : utf8.encode(data);
}

function checkedBytes(data: Uint8Array): Uint8Array {
  if (data instanceof Uint8Array) return data;
  // Another realm has a Uint8Array of its own. Other views have no bytes to be read one by one.
  if (ArrayBuffer.isView(data) && data[Symbol.toStringTag] === 'Uint8Array') return data;
  throw new TypeError(`a key must be a string or a Uint8Array, got ${shown(data)}`);
}

/** Four bytes, the lowest first, as a number of 32 bits with a sign. */
export function wordAt(bytes: Uint8Array, i: number): number {
  return (
    (bytes[i] as number) |
    ((bytes[i + 1] as number) << 8) |
    ((bytes[i + 2] as number) << 16) |
    ((bytes[i + 3] as number) << 24)
  );
}
