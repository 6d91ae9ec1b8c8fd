import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { svg } from '../chart.ts';
import { say } from '../progress.ts';
import { isMet, shown, verdictOf } from '../requirement.ts';
import { printTable } from '../table.ts';
import { capacitySteps, drift } from './adaptive-limits.ts';
import { balancing } from './balancing.ts';
import { hedging } from './hedging.ts';
import { classes, goodput } from './overload.ts';
import { page } from './page.ts';
import { retryStorm } from './retry-storm.ts';
import type { Report } from './scenario.ts';
import { spread } from './spread.ts';
import { suspecting } from './suspicion.ts';
import { switchover } from './switchover.ts';

const seedsOfPage = 10;
const { values: options } = parseArgs({
  options: {
    /** Plays only the scenarios whose name contains this, and leaves the others on the page as they are. */
    only: { type: 'string', default: '' },
    /** How many seeds there are, from 1 on. With fewer than the page has, it is left alone. */
    seeds: { type: 'string', default: String(seedsOfPage) },
  },
});
const all = [goodput, classes, capacitySteps, drift, balancing, suspecting, switchover, spread, hedging, retryStorm];
const scenarios = all.filter(({ name }) => name.includes(options.only));
const seeds = Array.from({ length: Number(options.seeds) }, (_, i) => i + 1);
console.log(`seeds ${seeds.join(', ')}; figures are medians over them\n`);

const reports: Report[] = [];
for (const [i, scenario] of scenarios.entries()) {
  const start = performance.now();
  const report = await scenario.run(seeds, (what) => say(`${i + 1}/${scenarios.length} ${scenario.name}: ${what}`));
  say('');
  console.log(`${scenario.title} (${((performance.now() - start) / 1_000).toFixed(0)} s)`);
  printTable(report.header, report.rows);
  console.log();
  printTable(
    ['figure', 'value', 'required', ''],
    report.figures.map((one) => [one.what, shown(one.value, one.unit), verdictOf(one), isMet(one) ? 'ok' : 'miss']),
  );
  console.log();
  reports.push(report);
}

if (seeds.length === seedsOfPage) {
  const charts = reports.flatMap((report) => report.charts);
  mkdirSync('docs/charts', { recursive: true });
  for (const chart of charts) writeFileSync(`docs/charts/${chart.name}.svg`, svg(chart));
  const file = 'docs/simulations.md';
  const before = existsSync(file) ? readFileSync(file, 'utf8') : '';
  const played = new Map(scenarios.map((scenario, i) => [scenario, reports[i] as Report]));
  writeFileSync(file, page(all, played, seeds, before));
}

const missed = reports.flatMap(({ figures }) => figures.filter((one) => !isMet(one)));
for (const { what } of missed) console.error(`missed: ${what}`);
if (missed.length > 0) process.exitCode = 1;
