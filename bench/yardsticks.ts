import type { Case } from './runner.ts';
import { crowd, crowded, failingTwice, syncTask, task, threeTries, waitingTask } from './tasks.ts';

const oneThen = (): Promise<unknown> =>
  task().then(
    (value) => value,
    (error) => {
      throw error;
    },
  );

export const oneRace = (): Promise<unknown> =>
  new Promise((resolve, reject) => {
    task().then(
      (value) => {
        resolve(value);
      },
      (error) => {
        reject(error);
      },
    );
  });

/** What everything is held against: a bare call, and the least that anyone would write by hand. */
export const yardsticks: readonly Case[] = [
  { name: 'bare await', call: task },
  { name: 'one then', call: oneThen },
  { name: 'one race', call: oneRace },
  { name: 'bare sync', call: syncTask },
  { name: 'bare wait', call: waitingTask },
  { name: 'no limit', call: crowded(task), each: crowd },
  { name: 'loop of three tries', call: failingTwice(threeTries) },
];
