import { markdown, requirements } from '../requirement.ts';
import type { Report, Scenario } from './scenario.ts';

/** The page of all that was simulated: what was played now, and of the rest what the page said before. */
export function page(
  scenarios: readonly Scenario[],
  played: ReadonlyMap<Scenario, Report>,
  seeds: readonly number[],
  before: string,
): string {
  const old = new Map(before.split(/^(?=## )/m).map((text) => [text.slice(0, text.indexOf('\n')), text]));
  const sections = scenarios.map((scenario) => {
    const report = played.get(scenario);
    return report === undefined
      ? (old.get(`## ${scenario.title}`)?.trimEnd() ?? '')
      : section(scenario, report).trimEnd();
  });
  return `# Simulations

Written by \`npm run simulate\`, which plays all of this and fails where a figure is missed. It goes the same way every time.
Figures are medians over the seeds ${seeds[0]} to ${seeds.at(-1)}, where nothing else is said; charts show the first. How such
simulations are made: [simulation](simulation.md).

${sections.filter((text) => text !== '').join('\n\n')}
`;
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
