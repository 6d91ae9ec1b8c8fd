import { exponential, fullJitter, noJitter } from '../../src/algorithms/backoff.ts';
import { retryBudget } from '../../src/algorithms/budgets.ts';
import type { Clock } from '../../src/core/clock.ts';
import { pipeline } from '../../src/core/pipeline.ts';
import type { Policy } from '../../src/core/policy.ts';
import type { Random } from '../../src/core/random.ts';
import { retry } from '../../src/policies/retry.ts';
import { timeout } from '../../src/policies/timeout.ts';
import { simulate } from '../../src/testing/simulate.ts';
import type { SimulationResult } from '../../src/testing/simulation.ts';
import type { Line } from '../chart.ts';
import { exponentially, unheard } from './laws.ts';
import { forEachSeed, median, type Scenario } from './scenario.ts';

export const strategies = ['immediate retries', 'full jitter', 'a budget', 'full jitter and a budget'] as const;
export type Strategy = (typeof strategies)[number];

export const outage = { from: 30_000, to: 60_000 };
export const duration = 120_000;

export interface Storm {
  /** Each has a policy, and a budget, of its own. */
  clients: number;
  /** Calls a second of all of them together; the service takes two and a half times as many. */
  rate: number;
  strategy: Strategy;
  seed: number;
}

/**
 * Many clients, each of which calls seldom, and a service that answers nothing for 30 s. A call is tried four times at
 * most, and each try for a second, which the service does not notice: it works on what nobody waits for any more.
 */
export function storm({ clients, rate, strategy, seed }: Storm): Promise<SimulationResult> {
  const capacity = capacityOf(rate);
  const deaf = unheard();
  const policy = (clock: Clock, random: Random): Policy => {
    const jittered = strategy.includes('jitter');
    const budget = strategy.includes('budget') ? retryBudget({ minPerSecond: 0.1 }) : undefined;
    const backoff = exponential({
      initial: jittered ? 1_000 : 0,
      max: 30_000,
      jitter: jittered ? fullJitter : noJitter,
    });
    return pipeline(
      retry({ maxAttempts: 4, backoff, budget, clock, random }),
      timeout({ duration: 1_000, clock }),
      deaf,
    );
  };
  const arrivals = exponentially((1_000 * clients) / rate);
  return simulate({
    seed,
    duration,
    // Two seconds of work fit into its line.
    servers: [{ name: 'service', workers: capacity / 50, queue: 2 * capacity, service: exponentially(20) }],
    clients: Array.from({ length: clients }, (_, i) => ({ name: `client ${i}`, arrivals, policy })),
    events: [
      { at: outage.from, server: 'service', set: 'hang' },
      { at: outage.to, server: 'service', set: 'up' },
    ],
  });
}

export function capacityOf(rate: number): number {
  return 2.5 * rate;
}

/**
 * How long after the service's return the load has come below its capacity for good, in means of five seconds; Infinity
 * if it does not.
 */
export function calmAfter({ series }: SimulationResult, rate: number): number {
  const width = 5;
  const above = series.filter((_, i) => {
    const around = series.slice(i, i + width);
    const calls = around.reduce((sum, second) => sum + second.calls, 0);
    return around.length === width && calls >= width * capacityOf(rate);
  });
  const last = above.at(-1);
  if (last === undefined) return 0;
  return last === series.at(-width) ? Infinity : Math.max(0, last.at + 1_000 * width - outage.to);
}

export const retryStorm: Scenario = {
  name: 'retry-storm',
  title: 'A retry storm',
  about: `100,000 clients make 1,000 calls a second, of a service that can take 2,500 and answers nothing from second 30 to
60. Every client has a policy of its own: up to four tries of a second each. The service does not notice that a caller
has given up, and has room for two seconds of work in its line. Either there is no wait between tries, or an exponential
one from a second on with full jitter; and either no budget, or one that allows a retry for five calls, and one in ten
seconds besides.`,
  async run(seeds, progress) {
    const [clients, rate] = [100_000, 1_000];
    const rows: string[][] = [];
    const calm = new Map<Strategy, number>();
    const lines: Line[] = [];
    for (const strategy of strategies) {
      // Those that nothing is asked of are shown, and not measured.
      const required = strategy === 'immediate retries' || strategy === 'full jitter and a budget';
      const results = await forEachSeed(required ? seeds : seeds.slice(0, 1), strategy, progress, async (seed) => {
        const result = await storm({ clients, rate, strategy, seed });
        return { calm: calmAfter(result, rate), series: result.series };
      });
      const first = results[0] as (typeof results)[number];
      calm.set(strategy, median(results.map((one) => one.calm)));
      const end = first.series.slice(-30);
      const mean = (of: (second: (typeof end)[number]) => number): string =>
        (end.reduce((sum, second) => sum + of(second), 0) / end.length).toFixed(0);
      const after = calm.get(strategy) as number;
      rows.push([
        strategy,
        after < Infinity ? `${after / 1_000} s` : 'never',
        mean(({ calls }) => calls),
        mean(({ served }) => served),
      ]);
      lines.push({
        label: strategy,
        points: first.series.map(({ at, calls }) => [at / 1_000, calls] as const),
      });
    }
    const seconds = (strategy: Strategy): number => (calm.get(strategy) as number) / 1_000;
    return {
      header: ['', 'load below capacity after', 'tries a second at the end', 'served a second at the end'],
      rows,
      figures: [
        {
          what: 'full jitter and a budget: load below capacity, after the return',
          value: seconds('full jitter and a budget'),
          unit: 's',
          atMost: 10,
        },
        {
          what: 'immediate retries: load below capacity (never, as is to be shown)',
          value: seconds('immediate retries'),
          unit: 's',
          atLeast: Infinity,
        },
      ],
      charts: [
        {
          name: 'retry-storm',
          title: 'Tries a second at a service that answers nothing for 30 s',
          x: 'seconds',
          y: 'tries a second',
          lines,
          levels: [{ label: 'capacity', y: capacityOf(rate) }],
          shaded: [{ from: outage.from / 1_000, to: outage.to / 1_000 }],
        },
      ],
    };
  },
};
