import { consecutiveFailures, failureRatio } from '../../src/algorithms/trip-rules.ts';
import { circuitBreaker } from '../../src/policies/circuit-breaker.ts';
import type { Case } from '../runner.ts';
import { failingTask, task } from '../tasks.ts';

const inTime = circuitBreaker();
const inRow = circuitBreaker({ trip: consecutiveFailures({ count: 5 }) });
const inCount = circuitBreaker({ trip: failureRatio({ ratio: 0.5, window: { calls: 100 }, minCalls: 20 }) });
const open = circuitBreaker({ trip: consecutiveFailures({ count: 1 }), openDuration: 300_000 });
await open.execute(failingTask).catch(() => {});

export const breaking: readonly Case[] = [
  { name: 'breaker, time window', call: () => inTime.execute(task), per: 'one then', required: 1.5, stretch: 1.25 },
  { name: 'breaker, count window', call: () => inCount.execute(task), per: 'one then', required: 1.25, stretch: 1.15 },
  { name: 'breaker, in a row', call: () => inRow.execute(task), per: 'one then', required: 1.25, stretch: 1.15 },
  { name: 'breaker, open', call: () => open.execute(task), rejects: true, required: 25, stretch: 18 },
];
