import { consecutiveFailures } from '../../src/algorithms/trip-rules.ts';
import { pipeline } from '../../src/core/pipeline.ts';
import type { Policy } from '../../src/core/policy.ts';
import { bulkhead } from '../../src/policies/bulkhead.ts';
import { circuitBreaker } from '../../src/policies/circuit-breaker.ts';
import { retry } from '../../src/policies/retry.ts';
import { timeout } from '../../src/policies/timeout.ts';
import type { Case } from '../runner.ts';
import { syncTask, task, waitingTask } from '../tasks.ts';

const breaker = () => circuitBreaker({ trip: consecutiveFailures({ count: 5 }) });
const slots = () => bulkhead({ maxConcurrent: 10 });
const limit = () => timeout({ duration: 1_000 });

/** retry(timeout(breaker(bulkhead))) */
export function pipelineOfFour(): Policy {
  return pipeline(retry(), limit(), breaker(), slots());
}

const three = pipeline(retry(), breaker(), slots());
const four = pipelineOfFour();
// The same with the breaker's default rule, whose time window wants the time once a turn of the event loop.
const threeInTime = pipeline(retry(), circuitBreaker(), slots());
const fourInTime = pipeline(retry(), limit(), circuitBreaker(), slots());

export const pipelines: readonly Case[] = [
  { name: 'three', call: () => three.execute(task), per: 'one then', required: 1.3, stretch: 1.15 },
  { name: 'three, time window', call: () => threeInTime.execute(task), per: 'one then' },
  { name: 'four', call: () => four.execute(task), per: 'one race', required: 1.6, stretch: 1.4 },
  { name: 'four, time window', call: () => fourInTime.execute(task), per: 'one race' },
  { name: 'four, sync', call: () => four.execute(syncTask), per: 'bare sync', required: 1.6, stretch: 1.25 },
  { name: 'four, wait', call: () => four.execute(waitingTask), per: 'bare wait', required: 1.3, stretch: 1.2 },
  { name: 'four, time window, wait', call: () => fourInTime.execute(waitingTask), per: 'bare wait' },
];
