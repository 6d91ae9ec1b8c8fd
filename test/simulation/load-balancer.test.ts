import assert from 'node:assert/strict';
import { test } from 'vitest';
import { leastConnections, powerOfTwoChoices, roundRobin } from '../../src/algorithms/pick.ts';
import { leastLoaded, peakEwma } from '../../src/algorithms/pick-latency.ts';
import { loadBalancer } from '../../src/compositions/load-balancer.ts';
import type { Random } from '../../src/core/random.ts';
import type { Picker } from '../../src/core/router.ts';
import { simulate } from '../../src/testing/simulate.ts';

/** Twenty servers of exponential service times, 10 ms in the mean, one of them perhaps slower; Poisson arrivals. */
interface Column {
  readonly load: number;
  readonly slower: number;
}

const evenly: Column = { load: 0.7, slower: 1 };
const heavily: Column = { load: 0.9, slower: 1 };
const unevenly: Column = { load: 0.7, slower: 5 };
const veryUnevenly: Column = { load: 0.6, slower: 10 };

const seeds = [1, 2, 3];

const exponential = (mean: number) => (random: Random) => -mean * Math.log(1 - random());

interface Tail {
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
}

const known = new Map<string, Promise<Tail>>();

/** The median over all seeds. */
function tail({ load, slower }: Column, pick: () => Picker): Promise<Tail> {
  const key = `${pick.name} ${load} ${slower}`;
  const found = known.get(key) ?? measure();
  known.set(key, found);
  return found;

  async function measure(): Promise<Tail> {
    const tails: Tail[] = [];
    for (const seed of seeds) {
      const servers = Array.from({ length: 20 }, (_, i) => ({
        name: `server ${i}`,
        workers: 1,
        service: exponential(i === 7 ? 10 * slower : 10),
      }));
      const { quantile } = await simulate({
        seed,
        duration: 15_000,
        servers,
        clients: [
          {
            name: 'client',
            arrivals: exponential(10 / 20 / load),
            router: (clock, random) =>
              loadBalancer({ targets: servers.map(({ name }) => ({ name })), pick: pick(), clock, random }),
          },
        ],
      });
      tails.push({ p50: quantile(0.5), p99: quantile(0.99), p999: quantile(0.999) });
    }
    const median = (of: (tail: Tail) => number): number =>
      tails.map(of).sort((a, b) => a - b)[tails.length >> 1] as number;
    return { p50: median(({ p50 }) => p50), p99: median(({ p99 }) => p99), p999: median(({ p999 }) => p999) };
  }
}

test('two choices cut the p99 of round robin by a fifth at 70 % load, and by half at 90 %', async () => {
  for (const [column, most] of [
    [evenly, 0.8],
    [heavily, 0.5],
  ] as const) {
    const ratio = (await tail(column, powerOfTwoChoices)).p99 / (await tail(column, roundRobin)).p99;
    assert.ok(ratio <= most, `${ratio} at ${column.load}`);
  }
});

test('with one server five times slower, peak EWMA halves the p99.9 of two choices', async () => {
  const ratio = (await tail(unevenly, peakEwma)).p999 / (await tail(unevenly, powerOfTwoChoices)).p999;
  assert.ok(ratio <= 0.5, `${ratio}`);
});

test('the least loaded is within a tenth of the best of them, however even or uneven servers are', async () => {
  for (const column of [evenly, heavily, unevenly, veryUnevenly]) {
    const own = await tail(column, leastLoaded);
    for (const pick of [powerOfTwoChoices, peakEwma, leastConnections]) {
      const other = await tail(column, pick);
      const what = `${pick.name} at ${column.load}, ${column.slower}x`;
      for (const share of ['p50', 'p99', 'p999'] as const)
        assert.ok(own[share] <= 1.1 * other[share], `${share} ${own[share]} against ${other[share]} of ${what}`);
    }
  }
});
