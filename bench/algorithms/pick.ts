import { powerOfTwoChoices } from '../../src/algorithms/pick.ts';
import { leastLoaded, peakEwma } from '../../src/algorithms/pick-latency.ts';
import { weightedRoundRobin } from '../../src/algorithms/pick-weighted.ts';
import type { Endpoint, PickCall, Picker } from '../../src/core/router.ts';
import { collectGarbage, heapUsed } from '../counts.ts';
import { type Case, lowerDecile } from '../runner.ts';
import type { Figure } from '../table.ts';

/** A generator whose numbers V8 need not box, as it does those of `Math.random`. */
const state = new Float64Array([1]);
const random = (): number => {
  state[0] = ((state[0] as number) * 16_807) % 2_147_483_647;
  return (state[0] as number) / 2_147_483_647;
};
const call: PickCall = { key: undefined, now: 0, random, tried: new Set() };
const times = 1_000;

function endpoints(count: number): Endpoint[] {
  return Array.from({ length: count }, (_, i) => {
    return { target: { name: `host ${i}` }, weight: 1 + (i % 5) / 2, pending: i % 7, state: 'up' };
  });
}

/** `free`: required to allocate nothing. */
const picks: readonly { make: () => Picker; size: number; free?: boolean }[] = [
  ...[8, 64, 1_000].map((size) => ({ make: powerOfTwoChoices, size, free: true })),
  ...[8, 64].map((size) => ({ make: weightedRoundRobin, size, free: true })),
  ...[8, 64, 1_000].map((size) => ({ make: peakEwma, size })),
  ...[8, 64, 1_000].map((size) => ({ make: leastLoaded, size })),
];

const drawing = 'two random numbers';

/** A loop of its own for each, as in the runner: one that others use could inline nothing. */
function loopOf(name: string, asked: string, count: number, picker?: Picker, all?: Endpoint[]): () => number {
  const loop = `let sum = 0; for (let i = 0; i < ${count}; i++) sum += ${asked}; return sum;`;
  const make = new Function('picker', 'all', 'call', 'random', `return () => { ${loop} } // ${name}`);
  return make(picker, all, call, random) as () => number;
}

const nameOf = ({ make, size }: (typeof picks)[number]): string => `${make.name} of ${size}`;

function loopOfPick(one: (typeof picks)[number], count: number): () => number {
  const picker = one.make();
  const all = endpoints(one.size);
  for (const endpoint of all) picker.settled?.(endpoint, 'success', 10, 0);
  return loopOf(nameOf(one), 'picker.pick(all, call).pending', count, picker, all);
}

/** Many at once: to wait for one would take longer than the pick. */
export const picking: readonly Case[] = [
  { name: drawing, call: loopOf(drawing, 'random() + random()', times), each: times },
  ...picks.map((one) => ({ name: nameOf(one), call: loopOfPick(one, times), each: times, per: drawing })),
];

/** What a pick leaves on the heap. */
export function countPicks(): Figure[] {
  const calls = 5_000;
  return picks
    .filter(({ free }) => free)
    .map((one) => {
      const loop = loopOfPick(one, calls);
      const samples: number[] = [];
      for (let round = 0; round < 41; round++) {
        collectGarbage();
        const before = heapUsed();
        loop();
        samples.push(Math.max(0, heapUsed() - before) / calls);
      }
      return { name: `${nameOf(one)}: bytes a pick`, value: Math.round(lowerDecile(samples)), unit: 'B', required: 0 };
    });
}
