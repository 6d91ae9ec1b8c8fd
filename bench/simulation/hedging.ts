import { hedge } from '../../src/policies/hedge.ts';
import { simulate } from '../../src/testing/simulate.ts';
import type { SimulationResult } from '../../src/testing/simulation.ts';
import { exponentially } from './laws.ts';
import { forEachSeed, median, type Scenario } from './scenario.ts';

/** Calls that mostly take 25 ms; one of fifty takes 500 ms longer. */
export function tail({
  seed,
  duration,
  hedged,
}: {
  seed: number;
  duration: number;
  hedged: boolean;
}): Promise<SimulationResult> {
  const usual = exponentially(20);
  return simulate({
    seed,
    duration,
    servers: [{ name: 'service', workers: 200, service: (random) => 5 + usual(random) + (random() < 0.02 ? 500 : 0) }],
    clients: [
      {
        name: 'client',
        arrivals: exponentially(10),
        policy: hedged ? (clock) => hedge({ delay: { quantile: 0.95 }, clock }) : undefined,
      },
    ],
  });
}

export const hedging: Scenario = {
  name: 'hedging',
  title: 'Hedging the tail',
  about: `A service takes 25 ms on average, and for 2 % of the calls 500 ms more; 100 calls a second come for ten minutes.
\`hedge({ delay: { quantile: 0.95 } })\` calls a second time what takes longer than 95 % of the calls before.`,
  async run(seeds, progress) {
    const both = await forEachSeed(seeds, 'plain and hedged', progress, async (seed) => ({
      plain: await tail({ seed, duration: 600_000, hedged: false }),
      hedged: await tail({ seed, duration: 600_000, hedged: true }),
    }));
    const extra = (result: SimulationResult): number => (result.perServer.service?.calls ?? 0) / result.offered - 1;
    const row = (name: string, of: (pair: (typeof both)[number]) => SimulationResult): string[] => [
      name,
      ...[0.5, 0.95, 0.99, 0.999].map((q) => `${median(both.map((pair) => of(pair).quantile(q))).toFixed(0)} ms`),
      `${(100 * median(both.map((pair) => extra(of(pair))))).toFixed(1)} %`,
    ];
    const quantiles = Array.from({ length: 200 }, (_, i) => (i + 0.5) / 200);
    const { plain, hedged } = both[0] as (typeof both)[number];
    return {
      header: ['', 'p50', 'p95', 'p99', 'p99.9', 'more calls'],
      rows: [row('plain', ({ plain }) => plain), row('hedged', ({ hedged }) => hedged)],
      figures: [
        {
          what: 'p99, plain to hedged',
          value: median(both.map(({ plain, hedged }) => plain.quantile(0.99) / hedged.quantile(0.99))),
          unit: 'x',
          atLeast: 2,
        },
        { what: 'more calls', value: 100 * median(both.map(({ hedged }) => extra(hedged))), unit: '%', atMost: 6 },
      ],
      charts: [
        {
          name: 'hedging',
          title: 'What part of the calls took at most how long',
          x: 'milliseconds',
          y: '% of calls',
          lines: [
            { label: 'plain', points: quantiles.map((q) => [plain.quantile(q), 100 * q] as const) },
            { label: 'hedged', points: quantiles.map((q) => [hedged.quantile(q), 100 * q] as const) },
          ],
        },
      ],
    };
  },
};
