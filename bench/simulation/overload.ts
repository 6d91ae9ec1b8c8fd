import { shed } from '../../src/policies/shed.ts';
import { simulate } from '../../src/testing/simulate.ts';
import type { SimulationClient, SimulationResult } from '../../src/testing/simulation.ts';
import type { Line } from '../chart.ts';
import type { Requirement } from '../requirement.ts';
import { exponentially } from './laws.ts';
import { forEachSeed, median, type Scenario } from './scenario.ts';

/** Calls a second that ten workers can do. */
export const capacity = 1_000;
const deadline = 200;
const loads = [1.5, 2, 10];
const policies = ['unbounded queue', 'shed'] as const;

interface Overload {
  seed: number;
  duration: number;
  /** Of each class, by priority, the demand in times of capacity. */
  demand: readonly { name: string; load: number; priority?: number }[];
  policy: (typeof policies)[number];
}

/** Calls that are worth something for 200 ms come to ten workers who take 10 ms each. */
export function overload({ seed, duration, demand, policy }: Overload): Promise<SimulationResult> {
  let shared: ReturnType<typeof shed> | undefined;
  const shedding: SimulationClient['policy'] = (clock) => (shared ??= shed({ maxConcurrent: 10, clock }));
  return simulate({
    seed,
    duration,
    servers: [{ name: 'service', workers: 10, service: exponentially(10) }],
    clients: demand.map(({ load, ...client }) => ({
      ...client,
      deadline,
      arrivals: exponentially(1_000 / (load * capacity)),
      policy: policy === 'shed' ? shedding : undefined,
    })),
  });
}

const duration = 60_000;
const inTime = (served: number): number => served / ((capacity * duration) / 1_000);
const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;

export const goodput: Scenario = {
  name: 'overload',
  title: 'Goodput under overload',
  about: `Ten workers take 10 ms a call, which makes 1,000 calls a second; an answer is worth something for 200 ms. More
calls come than that, for a minute. Either they wait in a line without end, or \`shed({ maxConcurrent: 10 })\` decides.
Goodput is what is answered in time, in parts of capacity.`,
  async run(seeds, progress) {
    const figures: Requirement[] = [];
    const rows: string[][] = [];
    const lines: Line[] = [];
    for (const policy of policies) {
      const shares: string[] = [];
      for (const load of loads) {
        const results = await forEachSeed(seeds, `${policy} at ${load}x`, progress, (seed) =>
          overload({ seed, duration, demand: [{ name: 'all', load }], policy }),
        );
        const value = median(results.map(({ served }) => inTime(served)));
        shares.push(percent(value));
        if (policy === 'shed') {
          figures.push({ what: `shed, at ${load}x: goodput`, value: 100 * value, unit: '%', atLeast: 97 });
        }
        if (load === 1.5) {
          const { series } = results[0] as SimulationResult;
          lines.push({ label: policy, points: series.map(({ at, served }) => [at / 1_000, served] as const) });
        }
      }
      rows.push([policy, ...shares]);
    }
    return {
      header: ['', ...loads.map((load) => `${load}x`)],
      rows,
      figures,
      charts: [
        {
          name: 'overload',
          title: 'Calls answered in time, when 1.5 times as many come as can be served',
          x: 'seconds',
          y: 'calls a second',
          lines,
          levels: [{ label: 'capacity', y: capacity }],
        },
      ],
    };
  },
};

export const classes: Scenario = {
  name: 'classes',
  title: 'Two classes under overload',
  about: `The same service. Critical calls (priority 1) alone would take 79 % of it; the others make up the rest of the load.`,
  async run(seeds, progress) {
    const figures: Requirement[] = [];
    const rows: string[][] = [];
    for (const load of loads) {
      const demand = [
        { name: 'critical', load: 0.79, priority: 1 },
        { name: 'others', load: load - 0.79 },
      ];
      const results = await forEachSeed(seeds, `two classes at ${load}x`, progress, (seed) =>
        overload({ seed, duration, demand, policy: 'shed' }),
      );
      const share = (name: string): number =>
        median(results.map(({ perClient }) => (perClient[name]?.served ?? 0) / (perClient[name]?.offered ?? 0)));
      const all = median(results.map(({ served }) => inTime(served)));
      rows.push([`${load}x`, percent(share('critical')), percent(share('others')), percent(all)]);
      figures.push({
        what: `critical calls served, at ${load}x`,
        value: 100 * share('critical'),
        unit: '%',
        atLeast: 99,
      });
    }
    return { header: ['load', 'critical calls served', 'others served', 'goodput'], rows, figures, charts: [] };
  },
};
