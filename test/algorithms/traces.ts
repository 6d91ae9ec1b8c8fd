import { existsSync, readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';

/** Real traces lie beside the project, not in it: their licences do not let them be passed on. */
const folder = new URL('../../../shared/traces/', import.meta.url);

/** One key an access; undefined if it is not there. */
export function readTrace(name: string): Uint32Array | undefined {
  const file = new URL(`${name}.u32.gz`, folder);
  return existsSync(file) ? new Uint32Array(new Uint8Array(gunzipSync(readFileSync(file))).buffer) : undefined;
}

/** Traces one after the other, each with keys of its own, the same whenever it comes; undefined if one is not there. */
export function mixTraces(parts: readonly (readonly [name: string, times: number])[]): Uint32Array | undefined {
  const from = new Map<string, number>();
  const all: number[][] = [];
  let keys = 0;
  for (const [name, times] of parts) {
    const trace = readTrace(name);
    if (trace === undefined) return undefined;
    if (!from.has(name)) {
      from.set(name, keys);
      keys += new Set(trace).size;
    }
    const moved = Array.from(trace, (key) => key + (from.get(name) as number));
    for (let i = 0; i < times; i++) all.push(moved);
  }
  return Uint32Array.from(all.flat());
}

/** Made here, each the same in every run. */
export const madeTraces: Readonly<Record<string, Uint32Array>> = {
  'skewed, with scans': made((chance, i) => (i % 5_000 < 4_000 ? skewed(chance) : 10_000 + i)),
  'skewed, and shifting': made((chance, i) => (skewed(chance) + 100 * Math.floor(i / 3_000)) % 1_000),
  loop: made((_, i) => i % 150),
  'loop and skewed': made((chance, i) => (i % 2 === 0 ? skewed(chance) : 2_000 + ((i >> 1) % 120))),
  recent: made((chance, i) => (i % 3 === 0 ? i : Math.max(0, i - 1 - Math.floor(-60 * Math.log(1 - chance))))),
};

function skewed(chance: number): number {
  return Math.floor(1_000 ** chance);
}

/** @param of the key of an access, by chance and its number */
function made(of: (chance: number, i: number) => number): Uint32Array {
  let state = 42;
  return Uint32Array.from({ length: 20_000 }, (_, i) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return of((state >>> 0) / 2 ** 32, i);
  });
}
