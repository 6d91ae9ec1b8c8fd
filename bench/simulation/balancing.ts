import { leastConnections, powerOfTwoChoices, roundRobin, uniformRandom } from '../../src/algorithms/pick.ts';
import { consistentHash } from '../../src/algorithms/pick-hash.ts';
import { leastLoaded, peakEwma } from '../../src/algorithms/pick-latency.ts';
import { weightedRoundRobin } from '../../src/algorithms/pick-weighted.ts';
import { loadBalancer } from '../../src/compositions/load-balancer.ts';
import type { Picker } from '../../src/core/router.ts';
import { simulate } from '../../src/testing/simulate.ts';
import type { SimulationResult } from '../../src/testing/simulation.ts';
import type { Line } from '../chart.ts';
import { exponentially } from './laws.ts';
import { forEachSeed, median, type Progress, type Scenario } from './scenario.ts';

const size = 20;
const duration = 60_000;

/** How much of what all servers together could do comes, and how many times slower one of them is. */
export interface Column {
  readonly load: number;
  readonly slower: number;
}

export const columns: Readonly<Record<'even' | 'heavy' | 'uneven' | 'veryUneven', Column>> = {
  even: { load: 0.7, slower: 1 },
  heavy: { load: 0.9, slower: 1 },
  uneven: { load: 0.7, slower: 5 },
  veryUneven: { load: 0.6, slower: 10 },
};

export interface Balance extends Column {
  seed: number;
  duration: number;
  pick: () => Picker;
}

/** Poisson arrivals at twenty servers of exponential service times, 10 ms in the mean: one client, which sees all calls. */
export function balance({ seed, duration, load, slower, pick }: Balance): Promise<SimulationResult> {
  const targets = Array.from({ length: size }, (_, i) => ({ name: `server ${i}` }));
  return simulate({
    seed,
    duration,
    servers: targets.map(({ name }, i) => ({ name, workers: 1, service: exponentially(i === 7 ? 10 * slower : 10) })),
    clients: [
      {
        name: 'client',
        arrivals: exponentially(10 / size / load),
        router: (clock, random) => {
          const nodes = loadBalancer({ targets, pick: pick(), clock, random });
          if (pick !== consistentHash) return nodes;
          const key = (): string => `user ${Math.floor(random() * users)}`;
          return { route: (task) => (context) => nodes.forKey(key()).route(task)(context) };
        },
      },
    ],
  });
}

const users = 10_000;
const pickers: readonly (() => Picker)[] = [
  uniformRandom,
  consistentHash,
  roundRobin,
  weightedRoundRobin,
  powerOfTwoChoices,
  peakEwma,
  leastConnections,
  leastLoaded,
];
const quantiles = { p50: 0.5, p99: 0.99, 'p99.9': 0.999 } as const;
type Tail = Record<keyof typeof quantiles, number>;

/** Infinity where more calls come to a server than it can take, and the longer that goes on, the longer all take. */
function tailOf(results: readonly SimulationResult[]): Tail {
  const growing = median(results.map(({ offered, served }) => served / offered)) < 0.99;
  const at = (q: number): number => (growing ? Infinity : median(results.map(({ quantile }) => quantile(q))));
  return { p50: at(0.5), p99: at(0.99), 'p99.9': at(0.999) };
}

const percent = (load: number): string => `${Math.round(100 * load)} % load`;
const titleOf = ({ load, slower }: Column): string =>
  slower === 1 ? percent(load) : `${percent(load)}, one ${slower} times slower`;
const rowOf = (tail: Tail): string =>
  tail.p50 < Infinity
    ? Object.values(tail)
        .map((each) => each.toFixed(0))
        .join(' / ')
    : 'grows without end';

export const balancing: Scenario = {
  name: 'balancing',
  title: 'Pickers of a load balancer',
  about: `Twenty servers take 10 ms a call in the mean, of exponential times, one call at once; calls of one client come in a
Poisson stream, for a minute. The table says how many ms calls took: p50 / p99 / p99.9. \`consistentHash\` picks by one of
${users.toLocaleString('en')} users. The first chart is of one minute of each load, all servers alike.`,
  async run(seeds, progress) {
    const tails = new Map<string, Tail>();
    const slowest: Line[] = [];
    const rows: string[][] = [];
    for (const pick of pickers) {
      const row = [`\`${pick.name}\``];
      for (const column of Object.values(columns)) {
        const title = titleOf(column);
        const results = await forEachSeed(seeds, `${title}, ${pick.name}`, progress, (seed) =>
          balance({ seed, duration, pick, ...column }),
        );
        const tail = tailOf(results);
        tails.set(`${pick.name}, ${title}`, tail);
        row.push(rowOf(tail));
        if (column === columns.uneven && tail.p50 < Infinity) {
          const shares = Array.from({ length: 199 }, (_, i) => 0.99 + (i + 1) / 20_000);
          const { quantile } = results[0] as SimulationResult;
          slowest.push({ label: pick.name, points: shares.map((q) => [quantile(q), 100 * q] as const) });
        }
      }
      rows.push(row);
    }
    const of = (pick: () => Picker, column: Column): Tail => tails.get(`${pick.name}, ${titleOf(column)}`) as Tail;
    const { even, heavy, uneven } = columns;
    return {
      header: ['', ...Object.values(columns).map(titleOf)],
      rows,
      figures: [
        ...[even, heavy].map((column, i) => ({
          what: `two choices, ${titleOf(column)}: p99 to that of round robin`,
          value: of(powerOfTwoChoices, column).p99 / of(roundRobin, column).p99,
          unit: 'x',
          atMost: [0.8, 0.5][i] as number,
        })),
        {
          what: `peak EWMA, ${titleOf(uneven)}: p99.9 to that of two choices`,
          value: of(peakEwma, uneven)['p99.9'] / of(powerOfTwoChoices, uneven)['p99.9'],
          unit: 'x',
          atMost: 0.5,
        },
        ...Object.values(columns).map((column) => ({
          what: `least loaded, ${titleOf(column)}: p50, p99 and p99.9 to the best of each, the worst`,
          value: Math.max(
            ...(Object.keys(quantiles) as (keyof Tail)[]).map(
              (q) => of(leastLoaded, column)[q] / Math.min(...pickers.map((pick) => of(pick, column)[q])),
            ),
          ),
          unit: 'x',
          atMost: 1.1,
        })),
      ],
      charts: [
        {
          name: 'balancing-load',
          title: 'Milliseconds that 99 % of the calls took at most, by load',
          x: '% of what the servers can do',
          y: 'p99, milliseconds',
          lines: await byLoad(seeds.slice(0, 1), progress),
        },
        {
          name: 'balancing-slow-server',
          title: 'What part of the calls took at most how long, with one server five times slower',
          x: 'milliseconds',
          y: '% of calls',
          from: 99,
          lines: slowest,
        },
      ],
    };
  },
};

async function byLoad(seeds: readonly number[], progress: Progress): Promise<Line[]> {
  const lines: Line[] = [];
  for (const pick of [uniformRandom, roundRobin, powerOfTwoChoices, leastLoaded]) {
    const points: [number, number][] = [];
    for (const load of [0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9]) {
      const [result] = await forEachSeed(seeds, `${percent(load)}, ${pick.name}`, progress, (seed) =>
        balance({ seed, duration, pick, load, slower: 1 }),
      );
      points.push([100 * load, (result as SimulationResult).quantile(0.99)]);
    }
    lines.push({ label: pick.name, points });
  }
  return lines;
}
