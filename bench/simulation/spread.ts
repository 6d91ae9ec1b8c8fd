import { HashRing } from '../../src/algorithms/hash-ring.ts';
import { MaglevTable } from '../../src/algorithms/maglev-table.ts';
import { moved } from '../../src/algorithms/moves.ts';
import type { Placement } from '../../src/algorithms/placement.ts';
import { RendezvousHash } from '../../src/algorithms/rendezvous-hash.ts';
import type { Requirement } from '../requirement.ts';
import { median, type Scenario } from './scenario.ts';

const nodes = 100;
const namesOf = (seed: number): string[] => Array.from({ length: nodes }, (_, i) => `node ${i} of ${seed}`);
const keys = Array.from({ length: 1_000_000 }, (_, i) => `key ${i}`);
const points = [20, 40, 80, 160, 320, 640, 1_000, 1_280, 1_800, 2_560];

/** Of so many parts each node has some. */
interface Part {
  readonly name: string;
  readonly part: number;
}

const ringOf = (virtualNodes: number) => (seed: number) => new HashRing({ nodes: namesOf(seed), virtualNodes });

/** The whole ring, arc by arc: as with keys without end. */
function* arcs(ring: HashRing): Generator<Part> {
  const all = [...ring.points()];
  let from = (all.at(-1)?.[0] as number) - 2 ** 32;
  for (const [point, name] of all) {
    yield { name, part: (point - from) / 2 ** 32 };
    from = point;
  }
}

function* slots({ table }: MaglevTable): Generator<Part> {
  for (const node of table) yield { name: String(node), part: 1 / table.length };
}

function* owned(placement: Placement): Generator<Part> {
  for (const key of keys) yield { name: placement.owner(key), part: 1 / keys.length };
}

function peakToMean(parts: Iterable<Part>): number {
  const shares = new Map<string, number>();
  for (const { name, part } of parts) shares.set(name, (shares.get(name) ?? 0) + part);
  return nodes * Math.max(...shares.values());
}

interface Scheme<P extends Placement = Placement> {
  readonly label: string;
  readonly make: (seed: number) => P;
  readonly peak: (placement: P) => number;
  readonly mostPeak?: number;
  /** In % of the keys. */
  readonly mostNeedless: number;
}

const scheme = <P extends Placement>(one: Scheme<P>): Scheme => one as unknown as Scheme;
const schemes: readonly Scheme[] = [
  scheme({
    label: 'ring, 160 points a node',
    make: ringOf(160),
    peak: (ring) => peakToMean(arcs(ring)),
    mostNeedless: 0,
  }),
  scheme({
    label: 'ring, 1,280 points (default)',
    make: (seed) => new HashRing({ nodes: namesOf(seed) }),
    peak: (ring) => peakToMean(arcs(ring)),
    mostPeak: 1.1,
    mostNeedless: 0,
  }),
  scheme({
    label: 'maglev of 65,537',
    make: (seed) => new MaglevTable({ nodes: namesOf(seed) }),
    peak: (table) => peakToMean(slots(table)),
    mostPeak: 1.05,
    mostNeedless: 0.6,
  }),
  scheme({
    label: 'rendezvous',
    make: (seed) => new RendezvousHash({ nodes: namesOf(seed) }),
    peak: (placement) => peakToMean(owned(placement)),
    mostNeedless: 0,
  }),
];

/** What part of the keys moves though its node is still there, when another goes. */
function needless(make: (seed: number) => Placement, seed: number): number {
  const [before, after] = [make(seed), make(seed)];
  const gone = `node 7 of ${seed}`;
  after.remove(gone);
  let count = 0;
  for (const { source } of moved(keys.slice(0, 200_000), before, after)) if (source !== gone) count++;
  return (100 * count) / 200_000;
}

export const spread: Scenario = {
  name: 'placement',
  title: 'Even placement',
  about: `A hundred nodes of equal weight, whose names are others for each seed. The peak is what the fullest has, in times of the
mean: of the whole ring or table, or of a million keys for rendezvous. Needless are keys that move when one node goes
though it was not theirs, of 200,000.`,
  run(seeds, progress) {
    const figures: Requirement[] = [];
    const rows = schemes.map(({ label, make, peak, mostPeak, mostNeedless }) => {
      progress(label);
      const peaks = seeds.map((seed) => peak(make(seed)));
      const moves = median(seeds.map((seed) => needless(make, seed)));
      if (mostPeak !== undefined)
        figures.push({ what: `${label}: peak`, value: median(peaks), unit: 'x', atMost: mostPeak });
      figures.push({ what: `${label}: keys moved needlessly`, value: moves, unit: '%', atMost: mostNeedless });
      const [least, most] = [Math.min(...peaks).toFixed(2), Math.max(...peaks).toFixed(2)];
      return [label, median(peaks).toFixed(2), `${least} to ${most}`, `${moves.toFixed(2)} %`];
    });
    const peakOf = (count: number, of: typeof median): number =>
      of(seeds.map((seed) => peakToMean(arcs(ringOf(count)(seed)))));
    progress('rings of all sizes');
    return Promise.resolve({
      header: ['', 'peak', 'of all seeds', 'moved needlessly'],
      rows,
      figures,
      charts: [
        {
          name: 'placement',
          title: 'What the fullest of 100 nodes has, by points on the ring',
          x: 'points of each node',
          y: 'times the mean',
          from: 1,
          lines: [
            { label: 'median of ten fleets', points: points.map((count) => [count, peakOf(count, median)] as const) },
            {
              label: 'the worst',
              points: points.map((count) => [count, peakOf(count, (peaks) => Math.max(...peaks))] as const),
            },
          ],
          levels: [{ label: '1.10', y: 1.1 }],
        },
      ],
    });
  },
};
