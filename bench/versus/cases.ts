import * as cockatiel from 'cockatiel';
import Opossum from 'opossum';
import pLimit from 'p-limit';
import pRetry from 'p-retry';
import pTimeout from 'p-timeout';
import { constant } from '../../src/algorithms/backoff.ts';
import { consecutiveFailures } from '../../src/algorithms/trip-rules.ts';
import { pipeline } from '../../src/core/pipeline.ts';
import { bulkhead } from '../../src/policies/bulkhead.ts';
import { circuitBreaker } from '../../src/policies/circuit-breaker.ts';
import { fallback } from '../../src/policies/fallback.ts';
import { retry } from '../../src/policies/retry.ts';
import { timeout } from '../../src/policies/timeout.ts';
import type { Case } from '../runner.ts';
import { crowd, crowded, failingTask, failingTwice, hangingTask, syncTask, task, waitingTask } from '../tasks.ts';

/** The same work done by holdfast and by others, each with its cheapest settings that still do it. */
export interface Shared extends Pick<Case, 'name' | 'each' | 'rejects'> {
  readonly holdfast: () => unknown;
  readonly peers: Readonly<Record<string, () => unknown>>;
  /** Brings all of them where they are to be measured. Only then: whoever is called has taught V8 something. */
  readonly ready?: () => Promise<unknown>;
  /** How many times the time of holdfast cockatiel takes, at least; anyone else, and it where nothing is said, once. */
  readonly required?: number;
}

const breaker = () => circuitBreaker({ trip: consecutiveFailures({ count: 5 }) });
const three = pipeline(retry(), breaker(), bulkhead({ maxConcurrent: 10 }));
const four = pipeline(retry(), timeout({ duration: 1_000 }), breaker(), bulkhead({ maxConcurrent: 10 }));

const { ConsecutiveBreaker, SamplingBreaker, TimeoutStrategy, handleAll } = cockatiel;
const theirRetry = (delay = 100) =>
  cockatiel.retry(handleAll, { maxAttempts: 2, backoff: new cockatiel.ConstantBackoff(delay) });
const theirTimeout = () => cockatiel.timeout(1_000, TimeoutStrategy.Aggressive);
const theirBreaker = (rule: cockatiel.IBreaker = new ConsecutiveBreaker(5)) =>
  cockatiel.circuitBreaker(handleAll, { halfOpenAfter: 300_000, breaker: rule });
const theirThree = cockatiel.wrap(theirRetry(), theirBreaker(), cockatiel.bulkhead(10));
const theirFour = cockatiel.wrap(theirRetry(), theirTimeout(), theirBreaker(), cockatiel.bulkhead(10));

/** Without percentiles, which holdfast does not keep either. */
const opossum = (settings: Opossum.Options, action: () => Promise<unknown> = task) =>
  new Opossum(action, { timeout: false, rollingPercentilesEnabled: false, ...settings });

const ours = {
  nothing: pipeline(),
  retry: retry(),
  instant: retry({ backoff: constant({ delay: 0 }) }),
  breaker: breaker(),
  windowed: circuitBreaker(),
  bulkhead: bulkhead({ maxConcurrent: 10 }),
  timeout: timeout({ duration: 1_000 }),
  fallback: fallback({ value: 0 }),
  line: bulkhead({ maxConcurrent: 10, maxQueued: crowd }),
  open: circuitBreaker({ trip: consecutiveFailures({ count: 1 }), openDuration: 300_000 }),
  full: bulkhead({ maxConcurrent: 1 }),
  breakerAndTimeout: pipeline(circuitBreaker(), timeout({ duration: 1_000 })),
  withoutRetry: pipeline(circuitBreaker(), timeout({ duration: 1_000 }), bulkhead({ maxConcurrent: 10 })),
};

const theirs = {
  retry: theirRetry(),
  instant: theirRetry(0),
  breaker: theirBreaker(),
  windowed: theirBreaker(new SamplingBreaker({ threshold: 0.5, duration: 10_000 })),
  bulkhead: cockatiel.bulkhead(10),
  timeout: theirTimeout(),
  fallback: cockatiel.fallback(handleAll, 0),
  line: cockatiel.bulkhead(10, crowd),
  open: theirBreaker(new ConsecutiveBreaker(1)),
  full: cockatiel.bulkhead(1),
};

const opossums = {
  breaker: opossum({}),
  withTimeout: opossum({ timeout: 1_000 }),
  withBoth: opossum({ timeout: 1_000, capacity: 10 }),
  withFallback: opossum({}).fallback(() => 0),
  open: opossum({ resetTimeout: 300_000 }, failingTask),
  full: opossum({ capacity: 1 }, hangingTask),
};

const limit = pLimit(10);
const line = pLimit(10);

export const shared: readonly Shared[] = [
  {
    name: 'nothing',
    holdfast: () => ours.nothing.execute(task),
    peers: { cockatiel: () => cockatiel.noop.execute(task) },
  },
  {
    name: 'retry',
    holdfast: () => ours.retry.execute(task),
    peers: { cockatiel: () => theirs.retry.execute(task), 'p-retry': () => pRetry(task, { retries: 2 }) },
  },
  {
    name: 'retry, failing twice, no delay',
    holdfast: failingTwice((fails) => ours.instant.execute(fails)),
    peers: {
      cockatiel: failingTwice((fails) => theirs.instant.execute(fails)),
      'p-retry': failingTwice((fails) => pRetry(fails, { retries: 2, minTimeout: 0 })),
    },
  },
  {
    name: 'breaker, in a row',
    holdfast: () => ours.breaker.execute(task),
    peers: { cockatiel: () => theirs.breaker.execute(task) },
  },
  {
    name: 'breaker, time window',
    holdfast: () => ours.windowed.execute(task),
    peers: { cockatiel: () => theirs.windowed.execute(task), opossum: () => opossums.breaker.fire() },
  },
  {
    name: 'breaker, open',
    rejects: true,
    ready: () =>
      Promise.allSettled([ours.open.execute(failingTask), theirs.open.execute(failingTask), opossums.open.fire()]),
    holdfast: () => ours.open.execute(task),
    peers: { cockatiel: () => theirs.open.execute(task), opossum: () => opossums.open.fire() },
  },
  {
    name: 'bulkhead',
    holdfast: () => ours.bulkhead.execute(task),
    peers: { cockatiel: () => theirs.bulkhead.execute(task), 'p-limit': () => limit(task) },
  },
  {
    name: 'bulkhead, full',
    rejects: true,
    ready: async () => {
      void ours.full.execute(hangingTask);
      void theirs.full.execute(hangingTask);
      void opossums.full.fire();
    },
    holdfast: () => ours.full.execute(task),
    peers: { cockatiel: () => theirs.full.execute(task), opossum: () => opossums.full.fire() },
  },
  {
    name: `${crowd} tasks, 10 at once`,
    each: crowd,
    holdfast: crowded(() => ours.line.execute(task)),
    peers: { cockatiel: crowded(() => theirs.line.execute(task)), 'p-limit': crowded(() => line(task)) },
  },
  {
    name: 'timeout',
    holdfast: () => ours.timeout.execute(task),
    peers: {
      cockatiel: () => theirs.timeout.execute(task),
      'p-timeout': () => pTimeout(task(), { milliseconds: 1_000 }),
    },
  },
  {
    name: 'fallback',
    holdfast: () => ours.fallback.execute(task),
    peers: {
      cockatiel: () => theirs.fallback.execute(task),
      'opossum, breaker too': () => opossums.withFallback.fire(),
    },
  },
  {
    name: 'breaker, timeout',
    holdfast: () => ours.breakerAndTimeout.execute(task),
    peers: { opossum: () => opossums.withTimeout.fire() },
  },
  {
    name: 'breaker, timeout, bulkhead',
    holdfast: () => ours.withoutRetry.execute(task),
    peers: { opossum: () => opossums.withBoth.fire() },
  },
  {
    name: 'three: retry, breaker, bulkhead',
    required: 6,
    holdfast: () => three.execute(task),
    peers: { cockatiel: () => theirThree.execute(task) },
  },
  {
    name: 'four: retry, timeout, breaker, bulkhead',
    required: 60,
    holdfast: () => four.execute(task),
    peers: { cockatiel: () => theirFour.execute(task) },
  },
  {
    name: 'four, sync',
    holdfast: () => four.execute(syncTask),
    peers: { cockatiel: () => theirFour.execute(syncTask) },
  },
  {
    name: 'four, wait',
    holdfast: () => four.execute(waitingTask),
    peers: { cockatiel: () => theirFour.execute(waitingTask) },
  },
];
