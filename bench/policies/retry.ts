import { constant } from '../../src/algorithms/backoff.ts';
import { retry } from '../../src/policies/retry.ts';
import type { Case } from '../runner.ts';
import { failingTwice, task } from '../tasks.ts';

const patient = retry();
const instant = retry({ backoff: constant({ delay: 0 }) });

export const retrying: readonly Case[] = [
  { name: 'retry', call: () => patient.execute(task), per: 'one then', required: 1.25, stretch: 1.15 },
  {
    name: 'retry, failing twice, no delay',
    call: failingTwice((fails) => instant.execute(fails)),
    per: 'loop of three tries',
  },
];
