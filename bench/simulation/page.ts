import { isMet, type Report, type Requirement, type Scenario } from './scenario.ts';

/** The page of all that was simulated. */
export function page(scenarios: readonly Scenario[], reports: readonly Report[], seeds: readonly number[]): string {
  const sections = scenarios.map((scenario, i) => section(scenario, reports[i] as Report));
  return `# Simulations

Written by \`npm run simulate\`, which plays all of this and fails where a figure is missed. It goes the same way every time.
Figures are medians over the seeds ${seeds[0]} to ${seeds.at(-1)}, where nothing else is said; charts show the first. How such
simulations are made: [simulation](simulation.md).

${sections.join('\n')}`;
}

function section({ title, about }: Scenario, { header, rows, figures, charts }: Report): string {
  const required = figures.map((one) => [
    one.what,
    shown(one.value, one.unit),
    verdictOf(one),
    isMet(one) ? 'yes' : '**no**',
  ]);
  return [
    `## ${title}\n`,
    `${about}\n`,
    table(header, rows),
    ...charts.map(({ name, title }) => `![${title}](charts/${name}.svg)\n`),
    table(['figure', 'value', 'required', 'met'], required),
  ].join('\n');
}

function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |\n`;
  return [header, header.map(() => '---'), ...rows].map(line).join('');
}

export function shown(value: number, unit: string): string {
  return value === Infinity ? 'never' : `${Math.round(100 * value) / 100} ${unit}`;
}

export function verdictOf({ atLeast, atMost, unit }: Requirement): string {
  return atLeast === undefined ? `≤ ${atMost} ${unit}` : atLeast === Infinity ? 'never' : `≥ ${atLeast} ${unit}`;
}
