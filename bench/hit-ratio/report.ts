import type { Chart } from '../chart.ts';
import { isMet, markdown, type Requirement, requirements } from '../requirement.ts';
import { generators } from './generators.ts';
import type { Change } from './phases.ts';
import { type Cell, overTraces, summary } from './summary.ts';
import { published } from './traces.ts';

/** The columns of others that ours must give to the last hit, and which of ours. */
const same = { opt: 'opt', LRU: 'lru', FIFO: 'fifo', LFU: 'lfu', SIEVE: 'sieve', 'S3-FIFO': 's3fifo' };
/** What has been measured elsewhere, shown beside ours. */
export const elsewhere: readonly string[] = ['arc', 'lirs', 'caffeine-3.2.2', 'caffeine-head'];

/** What is required of cells with names of real traces, of generated ones, and of phase changes. */
export function figures(cells: readonly Cell[], changes: readonly Change[]): Requirement[] {
  const real = cells.filter((cell) => cell.real);
  const made = cells.filter((cell) => !cell.real);
  return [...(real.length > 0 ? ofReal(real) : []), ...(made.length > 0 ? ofMade(made) : []), ...ofChanges(changes)];
}

function ofReal(cells: readonly Cell[]): Requirement[] {
  const ours = summary(cells, 'TinyLFU');
  const { reached: strings } = summary(cells, 'TinyLFU, strings');
  const names = [...new Set(cells.map(({ trace }) => trace))];
  const behind = names.filter((name) => {
    const of = cells.filter(({ trace }) => trace === name);
    return overTraces(of, at('TinyLFU')) < overTraces(of, at('caffeine-head'));
  });
  const alike = [
    ...Object.entries(same).map(([name, reference]) => ({
      what: `${name}: cells that differ from the reference`,
      value: cells.filter((cell) => !(Math.abs(at(name)(cell) - at(reference)(cell)) < 0.0051)).length,
      unit: '',
      atMost: 0,
    })),
    { what: 'TinyLFU: worst cell, against LRU', value: ours.worst, unit: 'points', atLeast: -2 },
  ];
  // Of means, only those over all are known to be within reach.
  if (cells.length < published.length) return alike;
  return [
    ...alike,
    { what: 'TinyLFU: mean of hits ÷ optimum', value: ours.reached, unit: '%', atLeast: 90.5 },
    { what: 'TinyLFU: mean of the gap closed between LRU and optimum', value: ours.closed, unit: '%', atLeast: 47 },
    {
      what: `TinyLFU: of ${ours.cells} cells, those within 0.5 points of LRU or above`,
      value: ours.safe,
      unit: '',
      atLeast: 90,
    },
    { what: `TinyLFU: traces below Caffeine's mean${listed(behind)}`, value: behind.length, unit: '', atMost: 0 },
    {
      what: 'TinyLFU: mean of hits ÷ optimum, string keys against numbers',
      value: Math.abs(strings - ours.reached),
      unit: 'points',
      atMost: 0.5,
    },
  ];
}

function ofMade(cells: readonly Cell[]): Requirement[] {
  if (new Set(cells.map(({ trace }) => trace)).size < Object.keys(generators).length) return [];
  const { reached } = summary(cells, 'TinyLFU');
  return [{ what: 'TinyLFU: mean of hits ÷ optimum, generated traces', value: reached, unit: '%', atLeast: 83 }];
}

function ofChanges(changes: readonly Change[]): Requirement[] {
  if (changes.length === 0) return [];
  const worst = Math.max(...changes.map(({ steady, ratio }) => steady - ratio));
  const what = 'TinyLFU: below its steady state, ten capacities after the worst change of phase';
  return [{ what, value: worst, unit: 'points', atMost: 2 }];
}

const listed = (names: readonly string[]): string => (names.length === 0 ? '' : ` (${names.join(', ')})`);

/** A policy's hit ratio, ours by its name and others' by theirs. */
function at(name: string): (cell: Cell) => number {
  return ({ trace, size, ratios }) =>
    (ratios[name] ?? published.find((one) => one.trace === trace && one.size === size)?.[name] ?? Number.NaN) as number;
}

export interface Result {
  readonly cells: readonly Cell[];
  readonly policies: readonly string[];
  readonly changes: readonly Change[];
  readonly charts: readonly Chart[];
  /** Traces and peers that were not there. */
  readonly leftOut: readonly string[];
}

const digits = (value: number): string => value.toFixed(2);

export const summaryHeader: readonly string[] = [
  'policy',
  'hits, %',
  '÷ optimum, %',
  'gap closed, %',
  "of FIFO's misses saved, %",
  'worst against LRU, points',
  'cells ≥ LRU − 0.5',
];

export function summaryRows(cells: readonly Cell[], policies: readonly string[]): string[][] {
  return policies.map((name) => {
    const { hit, reached, closed, saved, worst, safe, cells: of } = summary(cells, name);
    return [name, ...[hit, reached, closed, saved, worst].map(digits), `${safe}/${of}`];
  });
}

export function cellRows(cells: readonly Cell[], policies: readonly string[]): string[][] {
  return cells.map(({ trace, size, unique, ratios }) => [
    trace,
    String(size),
    ((100 * size) / unique).toFixed(1),
    ...policies.map((name) => (ratios[name] === undefined ? '' : digits(ratios[name]))),
  ]);
}

export function changeRows(changes: readonly Change[]): string[][] {
  return changes.map(({ from, to, ratio, steady, fresh }) => [
    from,
    to,
    ...[ratio, fresh, steady, steady - ratio].map(digits),
  ]);
}

export const changeHeader: readonly string[] = [
  'from',
  'to',
  'hits, %',
  'of a new cache, %',
  'in steady state, %',
  'short by, points',
];

/** The cells with what has been measured elsewhere added. */
export function withPublished(cells: readonly Cell[]): Cell[] {
  return cells.map((cell) => {
    const known = elsewhere.map((name) => [name, at(name)(cell)] as const).filter(([, value]) => !Number.isNaN(value));
    return { ...cell, ratios: { ...cell.ratios, ...Object.fromEntries(known) } };
  });
}

/** Hit ratio over size, a chart for each trace. */
export function chartsOverSize(cells: readonly Cell[]): Chart[] {
  const shown = ['opt', 'TinyLFU', 'LRU', 'SIEVE', 'S3-FIFO', 'caffeine-head'];
  return [...new Set(cells.map(({ trace }) => trace))].map((trace) => {
    const sizes = cells.filter((cell) => cell.trace === trace).sort((a, b) => a.size - b.size);
    const lines = shown
      .filter((name) => sizes.every(({ ratios }) => ratios[name] !== undefined))
      .map((label) => ({ label, points: sizes.map(({ size, ratios }) => [size, ratios[label] as number] as const) }));
    const least = Math.min(...lines.flatMap(({ points }) => points.map(([, y]) => y)));
    // Where all are near each other, a closer look.
    const from = least > 60 ? 10 * Math.floor(least / 10) : 0;
    return { name: `hit-ratio-${trace}`, title: trace, x: 'entries', y: 'hits, %', from, lines };
  });
}

export function page(result: Result, figures: readonly Requirement[]): string {
  const { policies, changes, charts, leftOut } = result;
  const cells = withPublished(result.cells);
  const part = (real: boolean): string => {
    const of = cells.filter((cell) => cell.real === real);
    const names = real ? [...policies, ...elsewhere] : policies;
    if (of.length === 0) return 'Left out.\n';
    return [
      markdown(summaryHeader, summaryRows(of, names)),
      markdown(['trace', 'entries', '% of keys', ...names], cellRows(of, names)),
    ].join('\n');
  };
  return `# Hit ratios

Written by \`npm run bench:hit-ratio\`, which plays all of this and fails where a figure is missed. It goes the same way
every time, but for transitory, which draws lots of its own. A hit ratio is the share of accesses whose key the cache held;
one that was not held is put in.

- **opt** knows the future (Belady, 1966, with the choice to take nothing in): no cache is better.
- **÷ optimum** is a hit ratio divided by that of opt; **gap closed** how much it has of what lies between LRU and opt,
  where that is more than half a point. Both are means over traces, each of which is the mean over its sizes first.
- **LFU** is without ageing here, as in the literature; the other row has it.
- **TinyLFU, strings** has keys that are strings, and nothing else to go by.
- **quick-lru** keeps up to twice what it is told, and was told half, so that it holds no more than others. **mnemonist** and
  **tiny-lru** are plain LRUs, and give the figures of LRU.
- **arc**, **lirs** and **caffeine** were measured with other programs, the last with the Java library itself: its
  release 3.2.2, and its development head of August 2026.
${leftOut.length === 0 ? '' : `\nLeft out: ${leftOut.join(', ')}.\n`}
## Figures

${requirements(figures)}
${figures.every(isMet) ? 'All are met.' : 'Not all are met.'}

## Real traces

The traces are not in the repository, as most have no stated licence: those that the simulator of
[Caffeine](https://github.com/ben-manes/caffeine) comes with, and two that change phase, made of them. orm-busy: © headissue
GmbH, Jens Wilke, CC BY 4.0.

${part(true)}
## Generated traces

Zipf's law with six exponents; with scans between; with what is popular changing; a loop; a loop beside what is popular;
and going back to what is new.

${part(false)}
## A new phase

TinyLFU of 2,000 entries, from ten capacities of accesses after a change of phase to twenty; a new one, which has nothing to
forget, on the same accesses; and one that has been in this phase for a hundred capacities. Every phase has keys of its own:
Zipf's law over four capacities of keys; a loop one and a half capacities long; going back to what is new; and Zipf's law over
one capacity of keys, with a key that never comes again for each of them.

${markdown(changeHeader, changeRows(changes))}
## Charts

${charts.map(({ name, title }) => `![${title}](charts/${name}.svg)\n`).join('\n')}`;
}
