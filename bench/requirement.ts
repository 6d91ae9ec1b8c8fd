/** A figure, and what it has to be. */
export interface Requirement {
  readonly what: string;
  readonly value: number;
  readonly unit: string;
  readonly atLeast?: number;
  readonly atMost?: number;
}

export function isMet({ value, atLeast = -Infinity, atMost = Infinity }: Requirement): boolean {
  return value >= atLeast && value <= atMost;
}

export function shown(value: number, unit: string): string {
  return value === Infinity ? 'never' : `${Math.round(100 * value) / 100} ${unit}`;
}

export function verdictOf({ atLeast, atMost, unit }: Requirement): string {
  return atLeast === undefined ? `≤ ${atMost} ${unit}` : atLeast === Infinity ? 'never' : `≥ ${atLeast} ${unit}`;
}

/** As Markdown. */
export function requirements(figures: readonly Requirement[]): string {
  const rows = figures.map((one) => [
    one.what,
    shown(one.value, one.unit),
    verdictOf(one),
    isMet(one) ? 'yes' : '**no**',
  ]);
  return markdown(['figure', 'value', 'required', 'met'], rows);
}

export function markdown(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |\n`;
  return [header, header.map(() => '---'), ...rows].map(line).join('');
}
