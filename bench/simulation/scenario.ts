import type { Chart } from '../chart.ts';
import type { Requirement } from '../requirement.ts';

/** A question, played through with each seed. */
export interface Scenario {
  /** Names its charts, and is what `--only` looks at. */
  readonly name: string;
  readonly title: string;
  /** What is simulated, in a sentence or two. */
  readonly about: string;
  run(seeds: readonly number[], progress: Progress): Promise<Report>;
}

/** Says what is being done at this moment. */
export type Progress = (what: string) => void;

export interface Report {
  readonly header: readonly string[];
  readonly rows: readonly (readonly string[])[];
  readonly figures: readonly Requirement[];
  readonly charts: readonly Chart[];
}

/** The lower of the two in the middle, where there are two: a figure that has really been seen. */
export function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor((values.length - 1) / 2)] ?? Number.NaN;
}

/** Runs one simulation for each seed, and says so. */
export async function forEachSeed<T>(
  seeds: readonly number[],
  what: string,
  progress: Progress,
  run: (seed: number) => Promise<T>,
): Promise<T[]> {
  const results: T[] = [];
  for (const seed of seeds) {
    progress(`${what}, seed ${seed}`);
    results.push(await run(seed));
  }
  return results;
}
