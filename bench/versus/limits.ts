import { Sema } from 'async-sema';
import Bottleneck from 'bottleneck';
import { RateLimiter, TokenBucket } from 'limiter';
import PQueue from 'p-queue';
import pThrottle from 'p-throttle';
import { RateLimiterMemory } from 'rate-limiter-flexible';
import { keyedGcra } from '../../src/algorithms/keyed-gcra.ts';
import { tokenBucket } from '../../src/algorithms/token-bucket.ts';
import { bulkhead } from '../../src/policies/bulkhead.ts';
import { rateLimit } from '../../src/policies/rate-limit.ts';
import { crowd, crowded, task } from '../tasks.ts';
import type { Shared } from './cases.ts';

/** So much that there is always a permit: what is measured is the asking. */
const limit = 1e9;
const interval = 1_000;

const bucket = tokenBucket({ limit, interval });
const theirBucket = new TokenBucket({ bucketSize: limit, tokensPerInterval: limit, interval });
const theirWindow = new RateLimiter({ tokensPerInterval: limit, interval });

const polite = rateLimit({ meter: tokenBucket({ limit, interval }) });
const theirs = {
  reservoir: new Bottleneck({ reservoir: limit }),
  throttled: pThrottle({ limit, interval })(task),
  queue: new PQueue({ intervalCap: limit, interval }),
};

const keys = Array.from({ length: 1_000 }, (_, i) => `tenant-${i}`);
let turn = 0;
const key = (): string => keys[turn++ % keys.length] as string;
const keyed = keyedGcra({ limit, interval });
const theirKeyed = new RateLimiterMemory({ points: limit, duration: 1 });

const slots = {
  ours: bulkhead({ maxConcurrent: 10 }),
  line: bulkhead({ maxConcurrent: 10, maxQueued: crowd }),
  bottleneck: new Bottleneck({ maxConcurrent: 10 }),
  queue: new PQueue({ concurrency: 10 }),
  sema: new Sema(10),
};

/** The least that lets a task run under a semaphore. */
async function guarded(): Promise<unknown> {
  await slots.sema.acquire();
  try {
    return await task();
  } finally {
    slots.sema.release();
  }
}

export const limits: readonly Shared[] = [
  {
    name: 'a permit, asked for',
    holdfast: () => bucket.tryAcquire(performance.now()),
    peers: {
      'limiter, token bucket': () => theirBucket.tryRemoveTokens(1),
      'limiter, window': () => theirWindow.tryRemoveTokens(1),
    },
  },
  {
    name: 'a permit of one key in 1000',
    holdfast: () => keyed.tryAcquire(key(), performance.now()),
    peers: { 'rate-limiter-flexible': () => theirKeyed.consume(key()) },
  },
  {
    name: 'rate limit',
    holdfast: () => polite.execute(task),
    peers: {
      limiter: () => theirWindow.removeTokens(1).then(task),
      bottleneck: () => theirs.reservoir.schedule(task),
      'p-throttle': () => theirs.throttled(),
      'p-queue': () => theirs.queue.add(task),
      'rate-limiter-flexible': () => theirKeyed.consume('one').then(task),
    },
  },
  {
    name: '10 at once',
    holdfast: () => slots.ours.execute(task),
    peers: {
      bottleneck: () => slots.bottleneck.schedule(task),
      'p-queue': () => slots.queue.add(task),
      'async-sema': guarded,
    },
  },
  {
    name: `${crowd} tasks in line, 10 at once`,
    each: crowd,
    holdfast: crowded(() => slots.line.execute(task)),
    // Not bottleneck, which sets a timer for each task: a single crowd takes it some ten seconds.
    peers: {
      'p-queue': crowded(() => slots.queue.add(task) as Promise<unknown>),
      'async-sema': crowded(guarded),
    },
  },
];
