/** How long the arrays of a cache are at first. They double, up to one more than there can be entries. */
export const firstLength = 16;

/** Filled, so that its elements are of the most general kind from the first: a change of kind costs compiled code. */
export function blank<T>(length: number): (T | undefined)[] {
  return new Array<T | undefined>(length).fill(undefined);
}

/** Of that very length: `push` would take half as much again. */
export function longer<T>(array: readonly (T | undefined)[], length: number): (T | undefined)[] {
  const grown = blank<T>(length);
  for (let i = 0; i < array.length; i++) grown[i] = array[i];
  return grown;
}

export function longerLinks(links: Uint32Array, length: number): Uint32Array<ArrayBuffer> {
  const grown = new Uint32Array(length);
  grown.set(links);
  return grown;
}

export function longerFloats(floats: Float64Array, length: number): Float64Array<ArrayBuffer> {
  const grown = new Float64Array(length);
  grown.set(floats);
  return grown;
}

export function longerBytes(bytes: Uint8Array, length: number): Uint8Array<ArrayBuffer> {
  const grown = new Uint8Array(length);
  grown.set(bytes);
  return grown;
}
