/** One trace at one size: hit ratios in per cent, by policy. `opt`, `LRU` and `FIFO` are always among them. */
export interface Cell {
  readonly trace: string;
  readonly real: boolean;
  readonly accesses: number;
  readonly unique: number;
  readonly size: number;
  readonly ratios: Readonly<Record<string, number>>;
}

export interface Summary {
  readonly hit: number;
  /** Of the optimum. */
  readonly reached: number;
  /** Of what lies between LRU and the optimum, where that is more than half a point. */
  readonly closed: number;
  /** Of FIFO's misses. */
  readonly saved: number;
  /** Points above LRU in the worst cell. */
  readonly worst: number;
  /** Cells that are not more than half a point below LRU. */
  readonly safe: number;
  readonly cells: number;
}

export function summary(cells: readonly Cell[], policy: string): Summary {
  const known = cells.filter(({ ratios }) => policy in ratios);
  const value = ({ ratios }: Cell, name = policy): number => ratios[name] as number;
  const above = known.map((cell) => value(cell) - value(cell, 'LRU'));
  const gap = (cell: Cell): number => value(cell, 'opt') - value(cell, 'LRU');
  return {
    hit: overTraces(known, (cell) => value(cell)),
    reached: overTraces(known, (cell) => (100 * value(cell)) / value(cell, 'opt')),
    closed: overTraces(
      known.filter((cell) => gap(cell) > 0.5),
      (cell) => (100 * (value(cell) - value(cell, 'LRU'))) / gap(cell),
    ),
    saved: overTraces(known, (cell) => 100 * (1 - (100 - value(cell)) / (100 - value(cell, 'FIFO')))),
    worst: Math.min(...above),
    safe: above.filter((points) => points >= -0.5).length,
    cells: known.length,
  };
}

/** The mean over traces, each of which is the mean over its sizes first. */
export function overTraces(cells: readonly Cell[], of: (cell: Cell) => number): number {
  const names = [...new Set(cells.map(({ trace }) => trace))];
  return mean(names.map((name) => mean(cells.filter(({ trace }) => trace === name).map(of))));
}

export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
