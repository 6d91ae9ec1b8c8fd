import type { Milliseconds } from '../../../src/core/policy.ts';
import { seededRandom } from '../../../src/testing/seeded-random.ts';

/** What may be wrong with a server: it takes long, its process is killed, or stopped, or it answers 503 to everything. */
export type Illness = 'slow' | 'killed' | 'hung' | 'failing';

/** Servers that are ill together, and for how long. */
export interface Spell {
  readonly illness: Illness;
  readonly servers: readonly string[];
  readonly from: Milliseconds;
  readonly to: Milliseconds;
}

/** A place for servers; who calls sits in the first one. */
export interface Region {
  readonly name: string;
  readonly servers: readonly string[];
  /** What the way there and back takes. */
  readonly distance: Milliseconds;
}

/** Everything about a run that is decided before it starts. */
export interface Plan {
  readonly seed: number;
  readonly duration: Milliseconds;
  /** How many calls each client makes, and how far apart at least. */
  readonly calls: number;
  readonly interval: Milliseconds;
  /** A caller who has waited this long goes away. */
  readonly patience: Milliseconds;
  readonly regions: readonly Region[];
  /** One after another. */
  readonly spells: readonly Spell[];
  /** One process is replaced by another. */
  readonly rolling: { readonly leaver: string; readonly newcomer: string; readonly at: Milliseconds };
  /** How long a server works for a call. Calls below 0 need none. */
  work(call: number): Milliseconds;
}

/** What a slow server takes on top. */
export const slowness: Milliseconds = 250;

/** A list that is kept by hand names a process for so long after it has gone. */
export const handTakes: Milliseconds = 500;

const interval: Milliseconds = 20;
const north: Region = { name: 'north', servers: ['n1', 'n2', 'n3'], distance: 0 };
const south: Region = { name: 'south', servers: ['s1', 's2', 's3'], distance: 40 };

/** Draws the whole schedule from the seed: 50 calls a second of each client, and who is struck by what, and when. */
export function makePlan(seed: number, duration: Milliseconds): Plan {
  const random = seededRandom(seed);
  const calls = Math.floor(duration / interval);
  const works = Array.from({ length: calls }, () => 5 - 10 * Math.log(1 - random()));
  const [slow, killed, hung] = shuffled(north.servers) as [string, string, string];
  const leaver = shuffled(north.servers)[0] as string;
  /** A part of the run, which begins up to a fiftieth of it later. */
  const spell = (illness: Illness, servers: readonly string[], from: number, to: number): Spell => {
    const later = random() / 50;
    return { illness, servers, from: (from + later) * duration, to: (to + later) * duration };
  };
  return {
    seed,
    duration,
    calls,
    interval,
    patience: 2_000,
    regions: [north, south],
    spells: [
      spell('slow', [slow], 0.04, 0.16),
      spell('killed', [killed], 0.22, 0.35),
      spell('hung', [hung], 0.42, 0.55),
      spell('failing', north.servers, 0.62, 0.75),
    ],
    rolling: { leaver, newcomer: 'n4', at: (0.86 + random() / 50) * duration },
    work: (call) => (call < 0 ? 0 : (works[call] as number)),
  };

  function shuffled(names: readonly string[]): string[] {
    return names
      .map((name) => ({ name, place: random() }))
      .sort((a, b) => a.place - b.place)
      .map(({ name }) => name);
  }
}
