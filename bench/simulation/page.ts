import { markdown, requirements } from '../requirement.ts';
import type { Report, Scenario } from './scenario.ts';

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
  return [
    `## ${title}\n`,
    `${about}\n`,
    markdown(header, rows),
    ...charts.map(({ name, title }) => `![${title}](charts/${name}.svg)\n`),
    requirements(figures),
  ].join('\n');
}
