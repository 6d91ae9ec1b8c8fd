import { bulkhead } from '../../src/policies/bulkhead.ts';
import type { Case } from '../runner.ts';
import { crowd, crowded, hangingTask, task } from '../tasks.ts';

const roomy = bulkhead({ maxConcurrent: 10 });
const queued = bulkhead({ maxConcurrent: 10, maxQueued: crowd });
const full = bulkhead({ maxConcurrent: 1 });
void full.execute(hangingTask);

export const limiting: readonly Case[] = [
  { name: 'bulkhead', call: () => roomy.execute(task), per: 'one then', required: 1.25, stretch: 1.15 },
  { name: 'bulkhead, full', call: () => full.execute(task), rejects: true, required: 25, stretch: 18 },
  {
    name: `${crowd} tasks, 10 at once`,
    call: crowded(() => queued.execute(task)),
    each: crowd,
    per: 'no limit',
    required: 4,
    stretch: 3,
  },
];
