import { timeout } from '../../src/policies/timeout.ts';
import type { Case } from '../runner.ts';
import { task } from '../tasks.ts';

const aggressive = timeout({ duration: 1_000 });
const cooperative = timeout({ duration: 1_000, mode: 'cooperative' });

export const timingOut: readonly Case[] = [
  { name: 'timeout', call: () => aggressive.execute(task), per: 'one race', required: 1.55, stretch: 1.35 },
  { name: 'timeout, cooperative', call: () => cooperative.execute(task), per: 'one race' },
];
