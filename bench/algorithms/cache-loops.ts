import { xorshift, zipf } from '../hit-ratio/generators.ts';
import type { Case } from '../runner.ts';

/** A Map, and what is held against it. */
export interface Store {
  get(key: unknown): unknown;
  set(key: unknown, value: unknown): unknown;
}

export type Kind = 'numbers' | 'strings';
/** What is done: an entry found; its value replaced; a new one, in place of another; found, or else put in. */
export type Deed = 'hit' | 'update' | 'evict' | 'mix';

/** Done at once, or as often as it takes to find each entry ten times, and forget the case before; a million never fit. */
const least = 2 ** 16;
const most = 2 ** 19;
/** As in the runner: how a loop was compiled is chance, and evened out. */
const loops = 6;

const deeds: Readonly<Record<Deed, (key: string) => string>> = {
  hit: () => 'if (store.get(keys[i & mask]) !== undefined) count++',
  update: () => 'store.set(keys[i & mask], i)',
  evict: (key) => `store.set(${key}, i)`,
  mix: () => 'const key = keys[i & mask]; if (store.get(key) !== undefined) count++; else store.set(key, i)',
};

const made: Readonly<Record<Kind, (number: number) => unknown>> = {
  numbers: (number) => number,
  strings: (number) => `key-${number}`,
};
const fresh: Readonly<Record<Kind, string>> = { numbers: 'i', strings: "'key-' + i" };

/** Keys as one deed after the other asks for them: a power of two of them. */
export interface Asked {
  readonly kind: Kind;
  readonly size: number;
  /** All that fit. */
  readonly held: readonly unknown[];
  /** Of these, at random. */
  readonly found: readonly unknown[];
  /** By Zipf's law, of ten times as many. */
  readonly drawn: readonly unknown[];
}

export function asked(kind: Kind, size: number): Asked {
  const random = xorshift(7);
  const many = Math.max(2 ** 17, 2 ** Math.ceil(Math.log2(size)));
  const held = Array.from({ length: size }, (_, i) => made[kind](i));
  let draws: readonly unknown[] | undefined;
  return {
    kind,
    size,
    held,
    found: Array.from({ length: many }, () => held[Math.floor(random() * size)]),
    get drawn() {
      if (draws !== undefined) return draws;
      const draw = zipf(0.9, 10 * size, random);
      const all = held.concat(Array.from({ length: 9 * size }, (_, i) => made[kind](size + i)));
      return (draws = Array.from({ length: 8 * many }, () => all[draw()]));
    },
  };
}

/** A loop of its own for each: what V8 learns of a shared one would be of all stores at once. */
export function row(name: string, deed: Deed, store: Store, asked: Asked): Case {
  for (const key of asked.held) store.set(key, 0);
  const keys = deed === 'mix' ? asked.drawn : asked.found;
  const body = deeds[deed](fresh[asked.kind]);
  const often = deed === 'hit' || deed === 'update' ? 10 * asked.size : 0;
  const each = often < least || often > most ? least : often;
  const compiled = Array.from({ length: loops }, (_, turn) => {
    const source = `return (from) => {
      let count = 0;
      for (let i = from; i < from + ${each}; i++) { ${body}; }
      return count; // ${name}, ${turn}
    }`;
    return new Function('store', 'keys', 'mask', source)(store, keys, keys.length - 1) as (from: number) => number;
  });
  let turn = 0;
  // Keys never seen before are beyond all others.
  let from = 16 * asked.size;
  return {
    name,
    each,
    call() {
      from += each;
      return compiled[turn++ % loops]?.(from);
    },
  };
}
