import { parseArgs } from 'node:util';
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
import { measure } from './runner.ts';
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

const all = [
  ...frame,
  ...retrying,
  ...timingOut,
  ...breaking,
  ...limiting,
  ...limitingRate,
  ...fallingBack,
  ...hedging,
  ...caching,
  ...metering,
  ...placing,
  ...picking,
  ...lookingUp,
  ...pipelines,
];
const cases = all.filter(({ name }) => name.includes(options.only));
const needed = all.filter(({ name }) => cases.some((one) => one.name === name || one.per === name));
const times = await measure([...yardsticks, ...needed], Number(options.rounds));
const nanoseconds = (name: string): number => times.get(name) ?? Number.NaN;

const timed = [...yardsticks, ...cases].map(({ name, per = 'bare await', required, stretch }) => {
  const ratio = rounded(nanoseconds(name) / nanoseconds(per));
  const toBare = rounded(nanoseconds(name) / nanoseconds('bare await'));
  return {
    name,
    nanoseconds: nanoseconds(name),
    toBare,
    per,
    ratio,
    required,
    stretch,
    verdict: verdict(ratio, required),
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
counted.push(...(await countCaches(options.only, Number(options.rounds))));
const figures = counted.map((one) => ({ ...one, verdict: verdict(one.value, one.required) }));

if (options.json) {
  console.log(
    JSON.stringify({ node: process.version, rounds: Number(options.rounds), timed, counted: figures }, undefined, 2),
  );
} else {
  printTable(
    ['case', 'ns', '/ bare', '/ yardstick', 'yardstick', 'required', 'stretch', ''],
    timed.map((one) => [
      one.name,
      one.nanoseconds.toFixed(0),
      `${one.toBare.toFixed(2)}x`,
      `${one.ratio.toFixed(2)}x`,
      one.per,
      one.required?.toFixed(2) ?? '',
      one.stretch?.toFixed(2) ?? '',
      one.verdict,
    ]),
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
if (missed.length > 0) process.exitCode = 1;
