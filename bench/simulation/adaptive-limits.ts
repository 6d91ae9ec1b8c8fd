import { aimd } from '../../src/algorithms/aimd.ts';
import { gradient } from '../../src/algorithms/gradient.ts';
import type { Limit } from '../../src/algorithms/limit.ts';
import { vegas } from '../../src/algorithms/vegas.ts';
import type { Random } from '../../src/core/random.ts';
import type { Target } from '../../src/core/router.ts';
import { concurrencyLimit } from '../../src/policies/concurrency-limit.ts';
import { simulate } from '../../src/testing/simulate.ts';
import type { SimulationResult } from '../../src/testing/simulation.ts';
import type { Line } from '../chart.ts';
import type { Requirement } from '../requirement.ts';
import { exponentially } from './laws.ts';
import { forEachSeed, median, type Scenario } from './scenario.ts';

export const limits: Readonly<Record<string, (random: Random) => Limit>> = {
  vegas: (random) => vegas({ random }),
  gradient: (random) => gradient({ random }),
  aimd: () => aimd(),
};
/** How far from the best fixed limit each may stay. */
const tolerated: Readonly<Record<string, number>> = { vegas: 0.1, gradient: 0.1, aimd: 0.2 };

export const changeAt = 60_000;
export const changes = ['half the workers', 'twice the workers', 'half as fast', 'twice as fast'] as const;
export type Change = (typeof changes)[number];

export interface Step {
  seed: number;
  change: Change;
  limit: (random: Random) => Limit;
}

/** Half as much again as the larger capacity, 1,000 a second, comes all the time; the capacity changes after a minute. */
export function step({ seed, change, limit }: Step): Promise<SimulationResult> {
  const workers = change.endsWith('workers');
  // What has half the workers is another server, to which calls go before or after.
  const before = change === 'twice the workers' ? 'small' : 'large';
  const then = change === 'half the workers' ? 'small' : 'large';
  const slower = { slower: 2 } as const;
  return simulate({
    seed,
    duration: 2 * changeAt,
    servers: [
      { name: 'large', workers: 10, service: exponentially(10) },
      { name: 'small', workers: 5, service: exponentially(10) },
    ],
    clients: [
      {
        name: 'client',
        arrivals: exponentially(1_000 / 1_500),
        deadline: 200,
        policy: (clock, random) => concurrencyLimit({ limit: limit(random), clock }),
        router: (clock) => ({
          route: (task) => (context) => {
            const target: Target = { name: workers && clock.now() >= changeAt ? then : before };
            return task(target, context);
          },
        }),
      },
    ],
    events: workers
      ? []
      : [
          { at: 0, server: 'large', set: change === 'twice as fast' ? slower : 'up' },
          { at: changeAt, server: 'large', set: change === 'twice as fast' ? 'up' : slower },
        ],
  });
}

/** Calls answered in time from 30 windows of a second after the change on, a second. */
export function afterThirty({ series }: SimulationResult): number {
  const seconds = series.slice(changeAt / 1_000 + 30);
  return seconds.reduce((sum, { served }) => sum + served, 0) / seconds.length;
}

export const fixed = (limit: number): Limit => ({ limit, sample: () => limit });
const fixedLimits = [5, 8, 10, 13, 16, 20, 30, 50, 100];

export const capacitySteps: Scenario = {
  name: 'capacity-steps',
  title: 'Adaptive limits where capacity changes',
  about: `1,500 calls a second come, each worth something for 200 ms. A service of ten workers and 10 ms a call can take
1,000 of them; after a minute it has half or twice the workers, or takes half or twice as long for each call. Compared is
what is answered in time, from 30 s after the change on, with the best of the fixed limits ${fixedLimits.join(', ')}.`,
  async run(seeds, progress) {
    const figures: Requirement[] = [];
    const rows: string[][] = [];
    const lines: Line[] = [];
    for (const change of changes) {
      const rate = async (name: string, limit: Step['limit'], of: readonly number[]): Promise<number> => {
        const results = await forEachSeed(of, `${change}, ${name}`, progress, (seed) => step({ seed, change, limit }));
        if (change === 'half the workers' && name in limits) {
          const { series } = results[0] as SimulationResult;
          lines.push({ label: name, points: series.map(({ at, served }) => [at / 1_000, served] as const) });
        }
        return median(results.map(afterThirty));
      };
      const still = [];
      for (const limit of fixedLimits) still.push(await rate(`limit ${limit}`, () => fixed(limit), seeds.slice(0, 3)));
      const best = Math.max(...still);
      const row = [change, `${best.toFixed(0)} (${fixedLimits[still.indexOf(best)]})`];
      for (const [name, limit] of Object.entries(limits)) {
        const value = await rate(name, limit, seeds);
        row.push(`${value.toFixed(0)} (${((100 * value) / best).toFixed(0)} %)`);
        figures.push({
          what: `${name}, ${change}: goodput to that of the best fixed limit`,
          value: (100 * value) / best,
          unit: '%',
          atLeast: 100 * (1 - (tolerated[name] as number)),
        });
      }
      rows.push(row);
    }
    return {
      header: ['change', 'best fixed limit', ...Object.keys(limits)],
      rows,
      figures,
      charts: [
        {
          name: 'capacity-steps',
          title: 'Calls answered in time, when half the workers go after a minute',
          x: 'seconds',
          y: 'calls a second',
          lines,
          levels: [
            { label: 'capacity before', y: 1_000 },
            { label: 'and after', y: 500 },
          ],
        },
      ],
    };
  },
};

/** The mean limit of each of so many hours, of a service that is asked for half as much again as it can do. */
export async function hourly({
  seed,
  hours,
  limit: make,
}: {
  seed: number;
  hours: number;
  limit: Step['limit'];
}): Promise<number[]> {
  const hour = 3_600_000;
  const means = new Array<number>(hours).fill(0);
  await simulate({
    seed,
    duration: hours * hour,
    servers: [{ name: 'service', workers: 10, service: exponentially(300) }],
    clients: [
      {
        name: 'client',
        arrivals: exponentially(20),
        policy: (clock, random) => {
          const limit = make(random);
          const look = (): void => {
            const at = Math.min(Math.floor(clock.now() / hour), hours - 1);
            means[at] = (means[at] as number) + limit.limit / 3_600;
            clock.schedule(1_000, look);
          };
          clock.schedule(1_000, look);
          return concurrencyLimit({ limit, clock });
        },
      },
    ],
  });
  return means;
}

export const drift: Scenario = {
  name: 'drift',
  title: 'Adaptive limits in a day of overload',
  about: `50 calls a second come for 24 hours, to ten workers who take 300 ms a call and so can do 33. Drift is how far the mean
limit of any later hour is from that of the first.`,
  async run([seed = 1], progress) {
    const figures: Requirement[] = [];
    const rows: string[][] = [];
    const lines: Line[] = [];
    for (const [name, limit] of Object.entries(limits)) {
      progress(`${name}, seed ${seed}`);
      const means = await hourly({ seed, hours: 24, limit });
      const first = means[0] as number;
      const value = 100 * Math.max(...means.map((mean) => Math.abs(mean / first - 1)));
      rows.push([name, first.toFixed(1), (means.at(-1) as number).toFixed(1), `${value.toFixed(1)} %`]);
      if (name !== 'aimd') figures.push({ what: `${name}: drift`, value, unit: '%', atMost: 15 });
      lines.push({ label: name, points: means.map((mean, i) => [i + 1, mean] as const) });
    }
    return {
      header: ['', 'mean limit of the first hour', 'of the last', 'drift'],
      rows,
      figures,
      charts: [
        { name: 'drift', title: 'Mean limit of each hour, under steady overload', x: 'hour', y: 'limit', lines },
      ],
    };
  },
};
