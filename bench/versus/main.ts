import { parseArgs } from 'node:util';
import { type Case, measure } from '../runner.ts';
import { printTable, rounded } from '../table.ts';
import { task } from '../tasks.ts';
import { type Comparison, caches, comparisons } from './caches.ts';
import { shared as policies } from './cases.ts';
import { limits } from './limits.ts';
import { placementComparisons, placements } from './placement.ts';

const { values: options } = parseArgs({
  options: {
    /** Prints the figures for a machine. */
    json: { type: 'boolean', default: false },
    /** Measures only the cases whose name contains this. */
    only: { type: 'string', default: '' },
    rounds: { type: 'string', default: '121' },
  },
});

const shared = [...policies, ...limits];
const cases: Case[] = [];
for (const { name, holdfast, peers, ...rest } of shared) {
  for (const [who, call] of Object.entries({ holdfast, ...peers }))
    cases.push({ name: `${name}: ${who}`, call, ...rest });
}
const all: Comparison[] = [
  ...shared.flatMap(({ name, peers, required }) =>
    Object.keys(peers).map((peer) => ({
      name,
      ours: `${name}: holdfast`,
      peer,
      theirs: `${name}: ${peer}`,
      required: (peer === 'cockatiel' && required) || 1,
    })),
  ),
  ...comparisons,
  ...placementComparisons,
].filter(({ name }) => name.includes(options.only));
const needed = new Set(all.flatMap(({ ours, theirs }) => [ours, theirs]));
const bareAwait: Case = { name: 'bare await', call: task };
const rounds = Number(options.rounds);
const times = new Map([
  ...(await measure([bareAwait, ...[...cases, ...placements].filter(({ name }) => needed.has(name))], rounds)),
  // Each round of theirs is as long as many of the others.
  ...(await measure(
    caches.filter(({ name }) => needed.has(name)),
    Math.ceil(rounds / 8),
  )),
]);
const nanoseconds = (name: string): number => times.get(name) ?? Number.NaN;

const rows = all.map((one) => {
  const [ours, theirs] = [nanoseconds(one.ours), nanoseconds(one.theirs)];
  const faster = rounded(theirs / ours);
  const verdict = one.required === undefined ? '' : faster >= one.required ? 'ok' : 'miss';
  return { ...one, ours, theirs, faster, verdict };
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
      String(required ?? ''),
      verdict,
    ]),
  );
}
const missed = rows.filter(({ verdict }) => verdict === 'miss');
for (const { name, peer } of missed) console.error(`missed: ${name}, against ${peer}`);
// The peers keep intervals of their own.
process.exit(missed.length > 0 ? 1 : 0);
