import { mkdirSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { type Chart, svg } from '../chart.ts';
import { say } from '../progress.ts';
import { isMet, shown, verdictOf } from '../requirement.ts';
import { printTable } from '../table.ts';
import { belady, nextUses } from './belady.ts';
import { changes, overTime } from './phases.ts';
import { ours, peers, play } from './players.ts';
import {
  cellRows,
  changeHeader,
  changeRows,
  chartsOverSize,
  elsewhere,
  figures,
  page,
  type Result,
  summaryHeader,
  summaryRows,
  withPublished,
} from './report.ts';
import type { Cell } from './summary.ts';
import { sources, type Trace } from './traces.ts';

const { values: options } = parseArgs({
  options: {
    /** Prints the figures for a machine. */
    json: { type: 'boolean', default: false },
    /** Plays only the traces whose name contains this, and leaves the page alone. */
    only: { type: 'string', default: '' },
    /** Where the files of real traces are. */
    traces: { type: 'string', default: '../shared/traces' },
  },
});

const others = peers();
const policies = [...ours, ...others];
const leftOut = others.length === 0 ? ['other libraries (npm ci --prefix bench/versus)'] : [];
/** Of mixes, the sizes at which phases differ most. */
const changing: Readonly<Record<string, number>> = {
  'corda-loop-corda': 512,
  'multi3-gli-multi3': 998,
  'zipf-shift': 2_500,
};
const inCharts = ['TinyLFU', 'LRU', 'SIEVE', 'S3-FIFO', 'transitory'];
const charts: Chart[] = [];
const cells: Cell[] = [];
for (const { name, real, sizes, load } of sources(options.traces).filter(({ name }) => name.includes(options.only))) {
  say(name);
  const trace = load();
  if (trace === undefined) {
    leftOut.push(name);
    continue;
  }
  const next = nextUses(trace.keys, trace.unique);
  const strings = Array.from({ length: trace.unique }, (_, i) => `key-${i}`);
  for (const size of sizes(trace)) cells.push(cell(trace, real, next, strings, size));
  if (name in changing) {
    say(`${name}, over time`);
    const shown = inCharts.flatMap((name) => policies.filter((policy) => policy.name === name));
    charts.push(overTime(shown, trace, changing[name] as number));
  }
}
const tinyLfu = ours.filter(({ name }) => name === 'TinyLFU' && options.only === '');
if (tinyLfu.length > 0) say('changes of phase');
const result: Result = {
  cells,
  policies: ['opt', ...policies.map(({ name }) => name)],
  changes: tinyLfu.flatMap(changes),
  charts: [...chartsOverSize(withPublished(cells)), ...charts],
  leftOut,
};
say('');
const judged = figures(cells, result.changes);

if (options.json) {
  const rows = judged.map((one) => ({ ...one, met: isMet(one) }));
  console.log(JSON.stringify({ node: process.version, leftOut, cells, changes: result.changes, figures: rows }));
} else print();

if (options.only === '') {
  mkdirSync('docs/charts', { recursive: true });
  for (const chart of result.charts) writeFileSync(`docs/charts/${chart.name}.svg`, svg(chart));
  writeFileSync('docs/hit-ratios.md', page(result, judged));
}
for (const name of leftOut) console.error(`left out: ${name}`);
const missed = judged.filter((one) => !isMet(one));
for (const { what } of missed) console.error(`missed: ${what}`);
if (missed.length > 0) process.exitCode = 1;

function cell(trace: Trace, real: boolean, next: Uint32Array, strings: readonly string[], size: number): Cell {
  const { name, keys, unique } = trace;
  const share = (hits: number): number => (100 * hits) / keys.length;
  const ratios: Record<string, number> = { opt: share(belady(next, size)) };
  for (const policy of policies) {
    say(`${name}, ${size} entries: ${policy.name}`);
    ratios[policy.name] = share(play(policy.of(size), keys, policy.strings ? strings : undefined));
  }
  return { trace: name, real, accesses: keys.length, unique, size, ratios };
}

function print(): void {
  const known = withPublished(cells);
  for (const real of [true, false]) {
    const of = known.filter((cell) => cell.real === real);
    if (of.length === 0) continue;
    const names = real ? [...result.policies, ...elsewhere] : result.policies;
    printTable(['trace', 'entries', '%', ...names], cellRows(of, names));
    console.log();
    printTable(summaryHeader, summaryRows(of, names));
    console.log();
  }
  if (result.changes.length > 0) {
    printTable(changeHeader, changeRows(result.changes));
    console.log();
  }
  printTable(
    ['figure', 'value', 'required', ''],
    judged.map((one) => [one.what, shown(one.value, one.unit), verdictOf(one), isMet(one) ? 'ok' : 'miss']),
  );
}
