import type { Chart, Line } from '../chart.ts';
import { type Keys, loop, recency, xorshift, zipf } from './generators.ts';
import { type Policy, play } from './players.ts';
import type { Trace } from './traces.ts';

const size = 2_000;
/** In capacities of accesses: a phase, and what a cache is given to find itself in a new one. */
const long = 100;
const given = 10;

/** Each goes on as it began, whatever was before. */
const kinds: Readonly<Record<string, () => Keys>> = {
  popularity: () => zipf(1, 4 * size, xorshift(3)),
  loop: () => loop(1.5 * size),
  recency: () => recency(size / 2, xorshift(4)),
  'popularity and scan': () => {
    const random = xorshift(5);
    const hot = zipf(0.8, size, random);
    let fresh = size;
    return () => (random() < 0.5 ? hot() : fresh++);
  },
};

export interface Change {
  readonly from: string;
  readonly to: string;
  /** In per cent, as many accesses after the change as are given to find itself, and of as many. */
  readonly ratio: number;
  /** On the very same accesses, of a cache that has been in this phase for long. */
  readonly steady: number;
  /** And of a new one, which has nothing to forget. */
  readonly fresh: number;
}

/** How a cache does in a new phase, against itself, were the phase not new. */
export function changes({ of }: Policy): Change[] {
  return Object.entries(kinds).flatMap(([to, make]) => {
    const phase = keysOf(make(), (long + 2 * given) * size);
    const [before, middle, end] = [
      phase.subarray(0, long * size),
      phase.subarray(long * size, (long + given) * size),
      phase.subarray((long + given) * size),
    ];
    const ratioAfter = (beginning: Uint32Array = new Uint32Array()): number => {
      const cache = of(size);
      play(cache, beginning);
      play(cache, middle);
      return (100 * play(cache, end)) / end.length;
    };
    const steady = ratioAfter(before);
    const fresh = ratioAfter();
    const others = Object.entries(kinds).filter(([name]) => name !== to);
    return others.map(([from, make]) => {
      // Keys of their own.
      const other = keysOf(make(), long * size).map((key) => key + 2 ** 31);
      return { from, to, ratio: ratioAfter(other), steady, fresh };
    });
  });
}

function keysOf(key: Keys, length: number): Uint32Array {
  return Uint32Array.from({ length }, () => key());
}

/** Hit ratios along a trace, of a hundredth of it each. */
export function overTime(policies: readonly Policy[], { name, keys }: Trace, size: number): Chart {
  const step = Math.ceil(keys.length / 100);
  const lines = policies.map(({ name: label, of }): Line => {
    const cache = of(size);
    const points: [number, number][] = [];
    for (let at = 0; at < keys.length; at += step) {
      const part = keys.subarray(at, at + step);
      points.push([at, (100 * play(cache, part)) / part.length]);
    }
    return { label, points };
  });
  return { name: `hit-ratio-over-time-${name}`, title: `${name}, ${size} entries`, x: 'accesses', y: 'hits, %', lines };
}
