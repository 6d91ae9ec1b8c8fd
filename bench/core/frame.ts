import { guard, pipeline, recovery } from '../../src/core/pipeline.ts';
import type { Case } from '../runner.ts';
import { task } from '../tasks.ts';

const empty = pipeline();
const aGuard = () => guard({ enter() {}, leave() {} });
const aRecovery = () => recovery({ recover: () => undefined });
const one = aGuard();
const recovering = aRecovery();
const five = pipeline(aGuard(), aGuard(), aGuard(), aGuard(), aGuard());
const two = pipeline(aGuard(), aGuard());
const three = pipeline(aGuard(), aGuard(), aGuard());

export const frame: readonly Case[] = [
  { name: 'empty pipeline', call: () => empty.execute(task), required: 1.05, stretch: 1 },
  { name: 'a guard of a user', call: () => one.execute(task), per: 'one then', required: 1.25, stretch: 1.15 },
  {
    name: 'a recovery of a user',
    call: () => recovering.execute(task),
    per: 'one then',
    required: 1.25,
    stretch: 1.15,
  },
  {
    name: 'two guards, three nested',
    call: () => two.execute((context) => three.execute(task, context)),
    per: 'one then',
  },
  { name: 'five guards in a row', call: () => five.execute(task), per: 'two guards, three nested', required: 1 },
];
