import { type Case, measure } from './runner.ts';
import { yardsticks } from './yardsticks.ts';

/**
 * Measures one case in a process that has nothing else, and prints the times of it and of its yardsticks. V8 learns
 * from all that goes through a function: a case among seventy others is the slowest there is, and a program that has one
 * kind of pipeline the fastest.
 */
const [, , path, wanted, rounds] = process.argv;
const exports: Record<string, unknown> = await import(`./${path}.js`);
const cases = Object.values(exports).filter(Array.isArray).flat() as Case[];
const one = cases.find(({ name }) => name === wanted);
if (one === undefined) throw new Error(`${path} has no case ${wanted}`);
const { per = 'bare await' } = one;
const held = [...yardsticks, ...cases].filter(({ name }) => name === 'bare await' || name === per);
console.log(JSON.stringify(Object.fromEntries(await measure([...held, one], Number(rounds)))));
