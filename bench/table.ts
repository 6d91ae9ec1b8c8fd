/** A figure that is no time, with the highest value that passes. */
export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  readonly required?: number;
}

/** Prints rows with their columns one below the other: words to the left, numbers to the right. */
export function printTable(header: readonly string[], rows: readonly (readonly string[])[]): void {
  const widths = header.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)));
  for (const row of [header, ...rows]) {
    const cells = row.map((cell, column) => {
      const width = widths[column] as number;
      return /^[\d.,-]+x?$/.test(rows[0]?.[column] ?? '') ? cell.padStart(width) : cell.padEnd(width);
    });
    console.log(cells.join('  ').trimEnd());
  }
}

/** As printed, so that what is judged is what is seen. */
export const rounded = (ratio: number): number => Math.round(ratio * 100) / 100;

export function verdict(value: number, required: number | undefined): 'ok' | 'miss' | '' {
  return required === undefined ? '' : value <= required ? 'ok' : 'miss';
}
