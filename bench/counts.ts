import { createHook } from 'node:async_hooks';
import { getEventListeners } from 'node:events';
import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { constant } from '../src/algorithms/backoff.ts';
import { bulkhead } from '../src/policies/bulkhead.ts';
import { retry } from '../src/policies/retry.ts';
import { pipelineOfFour } from './core/pipeline.ts';
import { lowerDecile } from './runner.ts';
import type { Figure } from './table.ts';
import { failingTwice, failure, hangingTask, task } from './tasks.ts';
import { oneRace } from './yardsticks.ts';

const calls = 1_000_000;
const policies = 100_000;
const waiting = 100_000;

setFlagsFromString('--expose-gc');
export const collectGarbage = runInNewContext('gc') as () => void;
export const heapUsed = (): number => getHeapStatistics().used_heap_size;
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const pause = (delay: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, delay));

/** What a call costs that no clock shows. The promises are counted last: V8 runs slower from then on. */
export async function count(): Promise<Figure[]> {
  const four = pipelineOfFour();
  const calling = () => four.execute(task);
  return [
    { name: 'bare await: bytes a call', value: await bytesOf(task), unit: 'B' },
    { name: 'four: bytes a call', value: await bytesOf(calling), unit: 'B', required: 900 },
    ...(await onOneSignal()),
    await abortedInLine(),
    ...(await watched()),
  ];
}

/** Few enough calls between two looks at the heap that no collection falls between them. */
async function bytesOf(call: () => Promise<unknown>): Promise<number> {
  const samples: number[] = [];
  for (let round = 0; round < 41; round++) {
    collectGarbage();
    await turn();
    const before = heapUsed();
    for (let i = 0; i < 500; i++) await call();
    const grown = heapUsed() - before;
    if (grown > 0) samples.push(grown / 500);
  }
  return lowerDecile(samples);
}

async function onOneSignal(): Promise<Figure[]> {
  const four = pipelineOfFour();
  const { signal } = new AbortController();
  let most = 0;
  const rounds = async (count: number): Promise<void> => {
    for (let i = 0; i < count; i += 1_000) {
      for (let j = 0; j < 1_000; j++) await four.execute(task, { signal });
      most = Math.max(most, getEventListeners(signal, 'abort').length);
      await turn();
    }
    collectGarbage();
  };
  await rounds(calls / 10);
  const before = heapUsed();
  await rounds(calls);
  const grown = heapUsed() - before;
  const left = getEventListeners(signal, 'abort').length;
  const name = `${calls} calls on one signal`;
  return [
    { name: `${name}: heap grown`, value: grown / 1_000, unit: 'kB', required: 100 },
    { name: `${name}: most listeners`, value: most, unit: '', required: 1 },
    { name: `${name}: listeners left`, value: left, unit: '', required: 0 },
  ];
}

/** The time a waiting call takes to be aborted, in a line of `waiting`, against one a tenth as long. */
async function abortedInLine(): Promise<Figure> {
  const inLine = async (length: number): Promise<number> => {
    const limited = bulkhead({ maxConcurrent: 1, maxQueued: length });
    void limited.execute(hangingTask);
    const controllers = Array.from({ length }, () => new AbortController());
    const ends = controllers.map(({ signal }) => limited.execute(task, { signal }).catch(() => {}));
    const start = performance.now();
    // From everywhere in the line, neither end favoured: 7,919 is prime.
    for (let i = 0; i < length; i++) controllers[(i * 7_919) % length]?.abort(failure);
    await Promise.all(ends);
    return (performance.now() - start) / length;
  };
  const short: number[] = [];
  const long: number[] = [];
  for (let round = 0; round < 3; round++) {
    for (let i = 0; i < 3; i++) short.push(await inLine(waiting / 10));
    long.push(await inLine(waiting));
  }
  const value = lowerDecile(long) / lowerDecile(short);
  return { name: `${waiting} aborted in line / a tenth of them`, value, unit: 'x', required: 2 };
}

/** Promises and timers as the run time itself counts them. */
async function watched(): Promise<Figure[]> {
  let promises = 0;
  let made = 0;
  const alive = new Set<number>();
  const hook = createHook({
    init(id, type) {
      if (type === 'PROMISE') promises++;
      if (type === 'Timeout' || type === 'Immediate') made++;
      if (type === 'Timeout') alive.add(id);
    },
    destroy(id) {
      alive.delete(id);
    },
  }).enable();

  for (let i = 0; i < policies; i += 4) pipelineOfFour();
  const madeByPolicies = made;

  const four = pipelineOfFour();
  const instant = retry({ backoff: constant({ delay: 0 }) });
  const of = async (call: () => unknown): Promise<number> => {
    const before = promises;
    for (let i = 0; i < 1_000; i++) await call();
    return Math.round((promises - before) / 1_000);
  };
  const promisesOfRace = await of(oneRace);
  const promisesOfFour = await of(() => four.execute(task));
  made = 0;
  await failingTwice((fails) => instant.execute(fails))();
  const madeByRetry = made;
  await pause(100);
  await turn();
  const left = alive.size;
  hook.disable();
  return [
    { name: 'four: promises a call, above one race', value: promisesOfFour - promisesOfRace, unit: '', required: 0 },
    { name: 'four: timers left, 100 ms after', value: left, unit: '', required: 0 },
    { name: `${policies} policies made: timers`, value: madeByPolicies, unit: '', required: 0 },
    { name: 'failing twice, no delay: timers', value: madeByRetry, unit: '', required: 0 },
  ];
}
