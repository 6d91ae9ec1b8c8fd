import { parseArgs } from 'node:util';
import { type Case, measure } from '../runner.ts';
import { printTable, rounded } from '../table.ts';
import { task } from '../tasks.ts';
import { shared as policies } from './cases.ts';
import { limits } from './limits.ts';

const { values: options } = parseArgs({
  options: {
    /** Prints the figures for a machine. */
    json: { type: 'boolean', default: false },
    rounds: { type: 'string', default: '121' },
  },
});

const shared = [...policies, ...limits];
const cases: Case[] = [{ name: 'bare await', call: task }];
for (const { name, holdfast, peers, ...rest } of shared) {
  for (const [who, call] of Object.entries({ holdfast, ...peers }))
    cases.push({ name: `${name}: ${who}`, call, ...rest });
}
const times = await measure(cases, Number(options.rounds));
const nanoseconds = (name: string): number => times.get(name) ?? Number.NaN;

const rows = shared.flatMap(({ name, peers, required }) => {
  const ours = nanoseconds(`${name}: holdfast`);
  return Object.keys(peers).map((peer) => {
    const theirs = nanoseconds(`${name}: ${peer}`);
    const faster = rounded(theirs / ours);
    const atLeast = (peer === 'cockatiel' && required) || 1;
    return { name, ours, peer, theirs, faster, required: atLeast, verdict: faster >= atLeast ? 'ok' : 'miss' };
  });
});

if (options.json) {
  console.log(JSON.stringify({ node: process.version, bare: nanoseconds('bare await'), rows }, undefined, 2));
} else {
  const bare = nanoseconds('bare await');
  const inBare = (time: number): string => `${(time / bare).toFixed(2)}x`;
  printTable(
    ['case', 'holdfast, ns', '/ bare', 'peer', 'ns', '/ bare', 'times ours', 'at least', ''],
    rows.map(({ name, ours, peer, theirs, faster, required, verdict }) => [
      name,
      ours.toFixed(0),
      inBare(ours),
      peer,
      theirs.toFixed(0),
      inBare(theirs),
      `${faster.toFixed(1)}x`,
      String(required),
      verdict,
    ]),
  );
}
const missed = rows.filter(({ verdict }) => verdict === 'miss');
for (const { name, peer } of missed) console.error(`missed: ${name}, against ${peer}`);
// The peers keep intervals of their own.
process.exit(missed.length > 0 ? 1 : 0);
