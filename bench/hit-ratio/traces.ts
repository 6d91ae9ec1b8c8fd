import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { generators } from './generators.ts';

/** What is asked for, one key an access. */
export interface Trace {
  readonly name: string;
  readonly keys: Uint32Array;
  /** How many keys there are: they are all below. */
  readonly unique: number;
}

/** What other implementations got, in per cent, on one trace at one size. */
export interface Published {
  readonly trace: string;
  readonly size: number;
  readonly [policy: string]: string | number;
}

/** A trace that is made when it is its turn, and the sizes of caches to play it with. */
export interface Source {
  readonly name: string;
  readonly real: boolean;
  sizes(trace: Trace): readonly number[];
  /** Undefined where a file is missing. */
  load(): Trace | undefined;
}

export const published: readonly Published[] = JSON.parse(readFileSync('test/vectors/hit-ratios.json', 'utf8'));

/** Real traces and mixes of them, from files of a folder, and then those that are made here. */
export function sources(folder: string): Source[] {
  const names = [...new Set(published.map(({ trace }) => trace))];
  return [
    ...names.map((name) => ({
      name,
      real: true,
      sizes: () => published.filter(({ trace }) => trace === name).map(({ size }) => size),
      load: () => (name in mixes ? mix(folder, name) : read(folder, name)),
    })),
    ...Object.entries(generators).map(([name, [accesses, make]]) => ({
      name,
      real: false,
      sizes: ({ unique }: Trace) => [0.01, 0.05, 0.1, 0.25].map((ratio) => Math.round(ratio * unique)),
      load: () => {
        const key = make();
        return dense(
          name,
          Uint32Array.from({ length: accesses }, () => key()),
        );
      },
    })),
  ];
}

/** Phase changes: a trace that comes twice asks for the same keys both times. */
export const mixes: Readonly<Record<string, readonly (readonly [trace: string, times: number])[]>> = {
  'corda-loop-corda': [
    ['corda-vaultservice', 1],
    ['loop', 5],
    ['corda-vaultservice', 1],
  ],
  'multi3-gli-multi3': [
    ['multi3', 3],
    ['gli', 10],
    ['multi3', 3],
  ],
};

/** A gzip of little-endian unsigned 32-bit integers, one an access. */
export function read(folder: string, name: string): Trace | undefined {
  const file = join(folder, `${name}.u32.gz`);
  if (!existsSync(file)) return undefined;
  return dense(name, new Uint32Array(new Uint8Array(gunzipSync(readFileSync(file))).buffer));
}

function mix(folder: string, name: string): Trace | undefined {
  const from = new Map<string, number>();
  const parts: Uint32Array[] = [];
  let unique = 0;
  for (const [part, times] of mixes[name] ?? []) {
    const trace = read(folder, part);
    if (trace === undefined) return undefined;
    if (!from.has(part)) {
      from.set(part, unique);
      unique += trace.unique;
    }
    const keys = trace.keys.map((key) => key + (from.get(part) as number));
    for (let i = 0; i < times; i++) parts.push(keys);
  }
  const keys = new Uint32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    keys.set(part, at);
    at += part.length;
  }
  return { name, keys, unique };
}

/** Numbered anew, in the order of their coming. */
export function dense(name: string, keys: Uint32Array): Trace {
  const numbers = new Map<number, number>();
  const renamed = keys.map((key) => {
    const known = numbers.get(key);
    if (known !== undefined) return known;
    numbers.set(key, numbers.size);
    return numbers.size - 1;
  });
  return { name, keys: renamed, unique: numbers.size };
}
