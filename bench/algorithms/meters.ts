import { allOf } from '../../src/algorithms/all-of.ts';
import { fixedWindow } from '../../src/algorithms/fixed-window.ts';
import { gcra } from '../../src/algorithms/gcra.ts';
import { keyedGcra } from '../../src/algorithms/keyed-gcra.ts';
import { leakyBucket } from '../../src/algorithms/leaky-bucket.ts';
import type { Meter } from '../../src/algorithms/meter.ts';
import { slidingLog } from '../../src/algorithms/sliding-log.ts';
import { slidingWindow } from '../../src/algorithms/sliding-window.ts';
import { tokenBucket } from '../../src/algorithms/token-bucket.ts';
import { warmUp } from '../../src/algorithms/warm-up.ts';
import { collectGarbage, heapUsed } from '../counts.ts';
import { type Case, lowerDecile } from '../runner.ts';
import type { Figure } from '../table.ts';

/** Roomy: what costs least to say is no; a meter is made to say yes. */
const limits = { limit: 1_000_000, interval: 1 };

const meters: Readonly<Record<string, Meter>> = {
  tokenBucket: tokenBucket(limits),
  gcra: gcra(limits),
  fixedWindow: fixedWindow(limits),
  slidingWindow: slidingWindow(limits),
  slidingLog: slidingLog(limits),
  leakyBucket: leakyBucket(limits),
  warmUp: warmUp({ ...limits, duration: 1 }),
  'allOf two': allOf(tokenBucket(limits), gcra(limits)),
};
/** Two meters are asked, and then charged; the log writes down each call, and strikes out one that is too old. */
const required: Readonly<Record<string, number>> = { 'allOf two': 2 };

const keys = Array.from({ length: 1_000_000 }, (_, i) => `key-${i}`);
const keyed = Object.assign(keyedGcra({ limit: 1e12, interval: 1_000_000 }), { keys });

const clockRead = 'performance.now()';
const times = 1_000;

/** A loop of its own for each, as in the runner: one that others use could inline nothing, and would box each time. */
function loopOf(name: string, count: number, asked: string, meter: unknown): (now: Float64Array) => number {
  const loop = `let yes = 0; for (let i = 0; i < ${count}; i++) if (${asked}) yes++; return yes;`;
  return new Function('meter', `return (now) => { ${loop} } // ${name}`)(meter) as (now: Float64Array) => number;
}

/** Many at once: to wait for one would take longer than the call. */
function row(name: string, asked: string, meter?: unknown): Case {
  const loop = loopOf(name, times, asked, meter) as () => number;
  return { name, call: () => loop(), each: times, per: clockRead };
}

export const metering: readonly Case[] = [
  row(clockRead, 'performance.now() > 0'),
  ...Object.entries(meters).map(([name, meter]) => ({
    ...row(`${name}: tryAcquire`, 'meter.tryAcquire(performance.now())', meter),
    required: required[name] ?? 1.1,
  })),
  row('keyedGcra: tryAcquire', 'meter.tryAcquire(meter.keys[i], performance.now())', keyed),
];

/** What a meter costs in memory. */
export function countMeters(): Figure[] {
  return [
    ...Object.entries(meters).map(([name, meter]) => bytesOf(name, 'meter.tryAcquire(now[i])', meter)),
    // V8 boxes the time on its way to a Map.
    bytesOf('keyedGcra', 'meter.tryAcquire(meter.keys[i % 1_000], now[i])', keyed, 16),
    ...millionKeys(),
  ];
}

function bytesOf(name: string, asked: string, meter: unknown, required = 0): Figure {
  const calls = 10_000;
  const loop = loopOf(name, calls, asked, meter);
  const now = Float64Array.from({ length: calls }, (_, i) => i * 0.37);
  const samples: number[] = [];
  for (let round = 0; round < 41; round++) {
    collectGarbage();
    const before = heapUsed();
    loop(now);
    samples.push(Math.max(0, heapUsed() - before) / calls);
  }
  return { name: `${name}: bytes a tryAcquire`, value: Math.round(lowerDecile(samples)), unit: 'B', required };
}

function millionKeys(): Figure[] {
  const memory = (): number => {
    collectGarbage();
    return heapUsed() + process.memoryUsage().arrayBuffers;
  };
  const before = memory();
  const meter = keyedGcra({ limit: 1, interval: 1_000 });
  for (const key of keys) meter.tryAcquire(key, 0);
  const once = (memory() - before) / keys.length;
  // Each is asked for again in the next period: both generations have held it.
  for (const key of keys) meter.tryAcquire(key, 1_500);
  const again = (memory() - before) / keys.length;
  meter.tryAcquire('one', 10_000);
  const name = '1000000 keys in keyedGcra';
  return [
    { name: `${name}: bytes a key`, value: once, unit: 'B', required: 100 },
    { name: `${name}, a period later: bytes a key`, value: again, unit: 'B', required: 100 },
    { name: `${name}, idle: keys left`, value: meter.size, unit: '', required: 1 },
  ];
}
