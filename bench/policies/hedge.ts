import { coalesce } from '../../src/policies/coalesce.ts';
import { hedge } from '../../src/policies/hedge.ts';
import type { Case } from '../runner.ts';
import { failingTwice, task } from '../tasks.ts';

const fixed = hedge({ delay: 1_000 });
const live = hedge();
const patient = hedge({ delay: Infinity, maxHedges: 2 });
const loads = coalesce();

export const hedging: readonly Case[] = [
  { name: 'hedge that never fires', call: () => fixed.execute(task), per: 'one race' },
  { name: 'hedge at a live quantile', call: () => live.execute(task), per: 'one race' },
  {
    name: 'hedge, two calls failing',
    call: failingTwice((fails) => patient.execute(fails)),
    per: 'loop of three tries',
  },
  { name: 'coalesce, nobody joins', call: () => loads.for('key').execute(task), per: 'one race' },
];
