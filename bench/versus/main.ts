import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { say } from '../progress.ts';
import { type Case, measure } from '../runner.ts';
import { printTable, rounded } from '../table.ts';
import { task } from '../tasks.ts';
import { type Comparison, cachesOf, comparisons } from './caches.ts';
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
    /** Measures what has this very name, here; else each name has a process of its own, as policies share their code. */
    exactly: { type: 'string' },
  },
});

interface Row extends Comparison {
  readonly bare: number;
  /** In nanoseconds. */
  readonly time: number;
  readonly peerTime: number;
  readonly faster: number;
  readonly verdict: string;
}

const shared = [...policies, ...limits];
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
];
const rounds = Number(options.rounds);
const rows = options.exactly === undefined ? await measuredApart() : await measured(options.exactly);

async function measuredApart(): Promise<Row[]> {
  const rows: Row[] = [];
  for (const name of new Set(all.map(({ name }) => name).filter((name) => name.includes(options.only)))) {
    say(name);
    const script = [...process.execArgv, fileURLToPath(import.meta.url)];
    const { stdout } = await promisify(execFile)(process.execPath, [
      ...script,
      ...['--exactly', name, '--rounds', options.rounds, '--json'],
    ]).catch((error) => error);
    rows.push(...JSON.parse(stdout).rows);
  }
  say('');
  return rows;
}

async function measured(exactly: string): Promise<Row[]> {
  const wanted = all.filter(({ name }) => name === exactly);
  const needed = new Set(wanted.flatMap(({ ours, theirs }) => [ours, theirs]));
  await shared.find(({ name }) => name === exactly)?.ready?.();
  const cases: Case[] = shared.flatMap(({ name, holdfast, peers, each, rejects = false }) =>
    Object.entries({ holdfast, ...peers }).map(([who, call]) => ({
      name: `${name}: ${who}`,
      call,
      rejects,
      ...(each !== undefined && { each }),
    })),
  );
  const bareAwait: Case = { name: 'bare await', call: task };
  const times = new Map([
    ...(await measure([bareAwait, ...[...cases, ...placements].filter(({ name }) => needed.has(name))], rounds)),
    // Each round of theirs is as long as many of the others.
    ...(await measure(cachesOf(needed), Math.ceil(rounds / 8))),
  ]);
  const nanoseconds = (name: string): number => times.get(name) ?? Number.NaN;
  return wanted.map((one) => {
    const [time, peerTime] = [nanoseconds(one.ours), nanoseconds(one.theirs)];
    const faster = rounded(peerTime / time);
    const verdict = one.required === undefined ? '' : faster >= one.required ? 'ok' : 'miss';
    return { ...one, bare: nanoseconds('bare await'), time, peerTime, faster, verdict };
  });
}

if (options.json) {
  console.log(JSON.stringify({ node: process.version, rows }, undefined, 2));
} else {
  printTable(
    ['case', 'holdfast, ns', '/ bare', 'peer', 'ns', '/ bare', 'times ours', 'at least', ''],
    rows.map(({ name, bare, time, peer, peerTime, faster, required, verdict }) => [
      name,
      time.toFixed(0),
      `${(time / bare).toFixed(2)}x`,
      peer,
      peerTime.toFixed(0),
      `${(peerTime / bare).toFixed(2)}x`,
      `${faster.toFixed(2)}x`,
      String(required ?? ''),
      verdict,
    ]),
  );
}
const missed = rows.filter(({ verdict }) => verdict === 'miss');
for (const { name, peer } of missed) console.error(`missed: ${name}, against ${peer}`);
// The peers keep intervals of their own.
process.exit(missed.length > 0 ? 1 : 0);
