import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { countCaches, lookingUp } from './algorithms/caches.ts';
import { countMeters, metering } from './algorithms/meters.ts';
import { countPicks, picking } from './algorithms/pick.ts';
import { placing } from './algorithms/placement.ts';
import { frame } from './core/frame.ts';
import { pipelines } from './core/pipeline.ts';
import { count } from './counts.ts';
import { limiting } from './policies/bulkhead.ts';
import { caching } from './policies/cache.ts';
import { breaking } from './policies/circuit-breaker.ts';
import { fallingBack } from './policies/fallback.ts';
import { hedging } from './policies/hedge.ts';
import { countWaiters, limitingRate } from './policies/rate-limit.ts';
import { retrying } from './policies/retry.ts';
import { timingOut } from './policies/timeout.ts';
import { say } from './progress.ts';
import { type Case, measure } from './runner.ts';
import { type Figure, printTable, rounded, verdict } from './table.ts';
import { yardsticks } from './yardsticks.ts';

const { values: options } = parseArgs({
  options: {
    /** Prints the figures for a machine. */
    json: { type: 'boolean', default: false },
    /** Measures only the cases whose name contains this, and the yardsticks. */
    only: { type: 'string', default: '' },
    rounds: { type: 'string', default: '121' },
  },
});

/** By the files they are in. */
const groups: Record<string, readonly Case[]> = {
  'core/frame': frame,
  'policies/retry': retrying,
  'policies/timeout': timingOut,
  'policies/circuit-breaker': breaking,
  'policies/bulkhead': limiting,
  'policies/rate-limit': limitingRate,
  'policies/fallback': fallingBack,
  'policies/hedge': hedging,
  'policies/cache': caching,
  'algorithms/meters': metering,
  'algorithms/placement': placing,
  'algorithms/pick': picking,
  'algorithms/caches': lookingUp,
  'core/pipeline': pipelines,
};
const all = Object.values(groups).flat();
const cases = all.filter(({ name }) => name.includes(options.only));
const needed = all.filter(({ name }) => cases.some((one) => one.name === name || one.per === name));
const rounds = Number(options.rounds);
const together = await measure([...yardsticks, ...needed], rounds);
const alone = new Map<string, number>();
for (const [path, group] of Object.entries(groups)) {
  // What goes through no frame shares nothing with the rest.
  if (path.startsWith('algorithms/')) continue;
  for (const one of group.filter((each) => cases.includes(each))) {
    say(`alone: ${one.name}`);
    alone.set(one.name, ratioOf(one, new Map(Object.entries(await measuredAlone(path, one.name)))));
  }
}
say('');
const nanoseconds = (name: string): number => together.get(name) ?? Number.NaN;

function ratioOf({ name, per = 'bare await' }: Case, times: ReadonlyMap<string, number>): number {
  return rounded((times.get(name) ?? Number.NaN) / (times.get(per) ?? Number.NaN));
}

async function measuredAlone(path: string, name: string): Promise<Record<string, number>> {
  const script = fileURLToPath(new URL('alone.js', import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, [
    ...process.execArgv,
    script,
    path,
    name,
    `${rounds}`,
  ]);
  return JSON.parse(stdout);
}

const timed = [...yardsticks, ...cases].map((one) => {
  const { name, per = 'bare await', required, stretch } = one;
  const ratio = alone.get(name) ?? ratioOf(one, together);
  return {
    name,
    nanoseconds: nanoseconds(name),
    per,
    alone: ratio,
    together: ratioOf(one, together),
    required,
    stretch,
    verdict: verdict(ratio, required),
    amongAll: verdict(ratioOf(one, together), required),
  };
});

const counted: Figure[] = [];
if (options.only === '') {
  const extra = nanoseconds('retry, failing twice, no delay') - nanoseconds('loop of three tries');
  counted.push(
    { name: 'failing twice, no delay, above the two failures', value: extra / 1_000, unit: 'µs', required: 3 },
    // First, as it says how much the heap has grown: a million keys would leave theirs.
    ...(await count()),
    ...countMeters(),
    ...countPicks(),
    ...(await countWaiters()),
  );
}
counted.push(...(await countCaches(options.only, rounds)));
const figures = counted.map((one) => ({ ...one, verdict: verdict(one.value, one.required) }));

if (options.json) {
  console.log(JSON.stringify({ node: process.version, rounds, timed, counted: figures }, undefined, 2));
} else {
  printTable(
    ['case', 'ns', 'alone', '', 'together', '', 'yardstick', 'required', 'stretch'],
    timed.map((one) => [
      one.name,
      one.nanoseconds.toFixed(0),
      `${one.alone.toFixed(2)}x`,
      one.verdict,
      `${one.together.toFixed(2)}x`,
      one.amongAll,
      one.per,
      one.required?.toFixed(2) ?? '',
      one.stretch?.toFixed(2) ?? '',
    ]),
  );
  console.log(
    [
      '',
      'alone: to the yardstick, each case in a process of its own, as in a program that has one kind of pipeline.',
      'together: the same with all cases taking turns in one process, which share what V8 learns. ns is of that one.',
    ].join('\n'),
  );
  if (figures.length > 0) {
    console.log();
    printTable(
      ['count', 'value', '', 'at most', ''],
      figures.map((one) => [one.name, one.value.toFixed(2), one.unit, String(one.required ?? ''), one.verdict]),
    );
  }
}
const missed = [...timed, ...figures].filter((one) => one.verdict === 'miss');
for (const { name } of missed) console.error(`missed: ${name}`);
// No program has as many kinds of calls; but what is required says nothing of kinds, so this is a miss too.
const apart = timed.filter((one) => one.amongAll === 'miss' && one.verdict !== 'miss');
for (const { name } of apart) console.error(`missed together with all others: ${name}`);
if (missed.length + apart.length > 0) process.exitCode = 1;
