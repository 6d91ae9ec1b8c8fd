/** A figure that is no time, with the highest value that passes. */
export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  readonly required?: number;
}

/** Prints rows with their columns one below the other: words to the left, numbers to the right. */
export function printTable(header: readonly string[], rows: readonly (readonly string[])[]): void {
  const column = (index: number): string[] => rows.map((row) => row[index] ?? '');
  const widths = header.map((title, i) => Math.max(title.length, ...column(i).map((cell) => cell.length)));
  const numbers = header.map((_, i) => column(i).every((cell) => /^[-\d.]*x?$/.test(cell)));
  for (const row of [header, ...rows]) {
    const cells = row.map((cell, i) => (numbers[i] ? cell.padStart(widths[i] ?? 0) : cell.padEnd(widths[i] ?? 0)));
    console.log(cells.join('  ').trimEnd());
  }
}

/** As printed, so that what is judged is what is seen. */
export const rounded = (ratio: number): number => Math.round(ratio * 100) / 100;

export function verdict(value: number, required: number | undefined): 'ok' | 'miss' | '' {
  return required === undefined ? '' : value <= required ? 'ok' : 'miss';
}
