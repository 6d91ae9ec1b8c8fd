import { fallback } from '../../src/policies/fallback.ts';
import type { Case } from '../runner.ts';
import { task } from '../tasks.ts';

const spare = fallback({ value: 0 });

export const fallingBack: readonly Case[] = [
  { name: 'fallback', call: () => spare.execute(task), per: 'one then', required: 1.25, stretch: 1.15 },
];
