import { murmur3 } from '../core/hash.ts';
import { checked, integer } from '../core/options.ts';
import { iterable, NodePlacement } from './placed-nodes.ts';
import type { PlacementKey, PlacementNode } from './placement.ts';

export interface RendezvousHashOptions {
  /** Names, or `{ name, weight }`. Default none. */
  nodes?: Iterable<PlacementNode> | undefined;
  /** Another seed places keys in another way: 0 to 2 ** 32 - 1. Default 0. */
  seed?: number | undefined;
}

/** What the scores are made of, in the order of the names, which decides where they are equal. */
interface Nodes {
  readonly names: readonly string[];
  readonly hashes: Int32Array;
  readonly weights: Float64Array;
}

/**
 * Rendezvous hashing, or highest random weight: each key scores each node, and the best has it.
 *
 * ```text
 *   distance = −ln(1 − hash(key, node)) ÷ weight        a number in [0, 1); the least distance wins
 * ```
 *
 * The distances are exponentially distributed, each node's at the rate of its weight, so that each has exactly its share
 * of the keys. A node that comes, goes or is reweighed moves only keys of its own. No points and no table, but a look-up
 * takes time for each node: right up to some hundred of them. (Thaler and Ravishankar, "Using name-based mappings to
 * increase hit rates", 1998; weights: Schindelhauer and Schomaker, "Weighted distributed hash tables", 2005.)
 *
 * @throws {TypeError | RangeError} for an option that is unknown or out of range, and for a name given twice
 */
export class RendezvousHash extends NodePlacement {
  private readonly seed: number;
  private scored: Nodes | undefined = undefined;

  constructor(options: RendezvousHashOptions = {}) {
    const { nodes, seed = 0 } = checked('RendezvousHash', options, {
      nodes: iterable,
      seed: integer(0, 2 ** 32 - 1),
    });
    super('RendezvousHash', nodes);
    this.seed = seed;
  }

  owner(key: PlacementKey): string {
    const { names, hashes, weights } = this.scored ?? this.made();
    if (names.length === 0) throw this.none();
    const hash = murmur3(key, this.seed);
    let best = 0;
    let least = Infinity;
    for (let i = 0; i < names.length; i++) {
      const part = scoreOf(hash, hashes, i);
      const weight = weights[i] as number;
      // −ln(1 − x) is never less than x: few nodes need the logarithm.
      if (part >= least * weight) continue;
      const distance = -Math.log1p(-part) / weight;
      if (distance >= least) continue;
      least = distance;
      best = i;
    }
    return names[best] as string;
  }

  owners(key: PlacementKey, count: number): string[] {
    const most = this.most(count);
    const { names, hashes, weights } = this.scored ?? this.made();
    const hash = murmur3(key, this.seed);
    const distances = Float64Array.from(
      names,
      (_, i) => -Math.log1p(-scoreOf(hash, hashes, i)) / (weights[i] as number),
    );
    return Array.from(distances.keys())
      .sort((a, b) => (distances[a] as number) - (distances[b] as number))
      .slice(0, most)
      .map((i) => names[i] as string);
  }

  snapshot(): RendezvousHash {
    return this.isFixed ? this : this.fix(new RendezvousHash({ seed: this.seed }));
  }

  protected changed(): void {
    this.scored = undefined;
  }

  private made(): Nodes {
    const names = [...this.names].sort();
    this.scored = {
      names,
      // Two for each node: were one of 32 bits the same for two of them, one of the two would have no keys.
      hashes: Int32Array.from(names.flatMap((name) => [murmur3(name, this.seed), murmur3(name, ~this.seed)])),
      weights: Float64Array.from(names, (name) => this.nodes.get(name)?.weight as number),
    };
    return this.scored;
  }
}

/** From 0 up to 1. */
function scoreOf(key: number, hashes: Int32Array, i: number): number {
  let hash = key ^ (hashes[2 * i] as number);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b) ^ (hashes[2 * i + 1] as number);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32;
}
