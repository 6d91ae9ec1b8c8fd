import { fixedWindow } from '../../src/algorithms/fixed-window.ts';
import { tokenBucket } from '../../src/algorithms/token-bucket.ts';
import { rateLimit } from '../../src/policies/rate-limit.ts';
import { ManualClock } from '../../src/testing/manual-clock.ts';
import { collectGarbage } from '../counts.ts';
import type { Case } from '../runner.ts';
import type { Figure } from '../table.ts';
import { task } from '../tasks.ts';

const interval = 1_000;
const roomy = rateLimit({ meter: tokenBucket({ limit: 2 ** 40, interval }) });
const used = rateLimit({ meter: tokenBucket({ limit: 1, interval: 1e9 }) });
void used.execute(task);

export const limitingRate: readonly Case[] = [
  // A look at the clock is most of it.
  { name: 'rate limit', call: () => roomy.execute(task), required: 3.5, stretch: 2.5 },
  { name: 'rate limit, used up', call: () => used.execute(task), rejects: true, required: 25, stretch: 18 },
];

const waiters = 100_000;

interface Release {
  readonly timers: number;
  readonly violations: number;
  /** Of the processor, for one waiter, in microseconds: a busy machine stretches a long release more than a short one. */
  readonly time: number;
}

/** So many calls wait, and get their permits in one instant. */
async function release(length: number): Promise<Release> {
  const clock = new ManualClock();
  const limit = rateLimit({ meter: fixedWindow({ limit: length, interval }), maxQueued: length, clock });
  await limit.execute(task, { cost: length });
  let next = 0;
  let violations = 0;
  const calls = Array.from({ length }, (_, i) =>
    limit.execute(() => {
      if (i !== next++) violations++;
    }),
  );
  const timers = clock.pending;
  // What was left by those who came is not theirs who go.
  collectGarbage();
  const start = process.cpuUsage();
  await clock.advance(interval);
  await Promise.all(calls);
  const { user, system } = process.cpuUsage(start);
  return { timers, violations, time: (user + system) / length };
}

export async function countWaiters(): Promise<Figure[]> {
  const short: Release[] = [];
  const long: Release[] = [];
  for (let round = 0; round < 7; round++) {
    for (let i = 0; i < 3; i++) short.push(await release(waiters / 10));
    long.push(await release(waiters));
  }
  const time = (releases: readonly Release[]): number => median(releases.map((one) => one.time));
  const most = (of: 'timers' | 'violations'): number => Math.max(...[...short, ...long].map((one) => one[of]));
  const name = `${waiters} waiting for a permit`;
  return [
    { name: `${name}: timers`, value: most('timers'), unit: '', required: 1 },
    { name: `${name}: order violations`, value: most('violations'), unit: '', required: 0 },
    { name: `${name}: time of each / a tenth of them`, value: time(long) / time(short), unit: 'x', required: 2 },
  ];
}

function median(numbers: readonly number[]): number {
  return [...numbers].sort((a, b) => a - b)[numbers.length >> 1] as number;
}
