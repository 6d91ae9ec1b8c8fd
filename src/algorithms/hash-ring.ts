import { murmur3 } from '../core/hash.ts';
import { checked, integer, oneOf, typed } from '../core/options.ts';
import { ketamaHash, ketamaPairs, libmemcachedLabel, spymemcachedLabel } from './ketama.ts';
import { iterable, NodePlacement, type PlacedNode } from './placed-nodes.ts';
import type { PlacementKey, PlacementNode } from './placement.ts';
import { RingPoints } from './ring-points.ts';

export interface HashRingOptions {
  /** Names, or `{ name, weight, port }`. Default none. */
  nodes?: Iterable<PlacementNode> | undefined;
  /** Points of a node of weight 1, up to 65,536; with ketama of a node on average, 8 or more. Default 1,280; ketama 160. */
  virtualNodes?: number | undefined;
  /** Where the points lie: 'ketama' as libmemcached has them, 'ketama-spy' as spymemcached. Default 'murmur3'. */
  scheme?: 'murmur3' | 'ketama' | 'ketama-spy' | undefined;
  /** Hashes names and keys to 32 bits. Default `murmur3`; the ketama schemes have their own. */
  hash?: ((data: PlacementKey) => number) | undefined;
}

const labels = { murmur3: undefined, ketama: libmemcachedLabel, 'ketama-spy': spymemcachedLabel };
const mostPoints = 2 ** 20;

/**
 * Consistent hashing: nodes have many points each on a ring of 2 ** 32, and a key belongs to the first point at or above
 * its hash.
 *
 * With the 'murmur3' scheme a node's points depend on its name and weight alone. So a node that comes takes only what is
 * its own from then on, one that goes leaves only what was, and a new weight takes or leaves only the difference. With
 * 1,280 points a node, the fullest of 100 equal nodes has 1.06 times the mean of all keys; with 160 it has 1.21 times.
 * (Karger and others, "Consistent hashing and random trees", 1997.)
 *
 * The ketama schemes put each key where clients of libmemcached (weighted ketama) or spymemcached do. They count the points
 * of all anew whenever a node changes, so a few keys move needlessly.
 *
 * @throws {TypeError | RangeError} for an option that is unknown or out of range, and for a name given twice
 */
export class HashRing extends NodePlacement {
  /** The hash of a key, as the ranges of `moves` count: 0 to 2 ** 32 - 1. */
  readonly hash: (data: PlacementKey) => number;
  private readonly options: HashRingOptions;
  private readonly virtualNodes: number;
  private readonly ketamaLabel: ((node: PlacedNode) => string) | undefined;
  /** Made when first asked for. */
  private ring: RingPoints | undefined = undefined;

  constructor(options: HashRingOptions = {}) {
    const { nodes, ...rest } = checked('HashRing', options, {
      nodes: iterable,
      virtualNodes: integer(1, 65_536),
      scheme: oneOf(...Object.keys(labels)),
      hash: typed('function'),
    });
    super('HashRing', nodes);
    const { scheme = 'murmur3', hash } = rest;
    this.options = rest;
    this.ketamaLabel = labels[scheme];
    this.virtualNodes = rest.virtualNodes ?? (this.ketamaLabel ? 160 : 1_280);
    if (this.ketamaLabel && hash) throw new TypeError(`HashRing: hash and the scheme ${scheme} exclude each other`);
    if (this.ketamaLabel && this.virtualNodes < 8) {
      throw new RangeError(`HashRing: virtualNodes must be 8 or more with ${scheme}, got ${this.virtualNodes}`);
    }
    this.hash = this.ketamaLabel ? ketamaHash : (hash ?? murmur3);
    this.check(this.nodes);
  }

  owner(key: PlacementKey): string {
    if (this.names.length === 0) throw this.none();
    return this.names[(this.ring ?? this.made()).nodeOf(this.hash(key) >>> 0)] as string;
  }

  owners(key: PlacementKey, count: number): string[] {
    const most = this.most(count);
    if (most === 0) return [];
    return (this.ring ?? this.made()).nodesOf(this.hash(key) >>> 0, most).map((node) => this.names[node] as string);
  }

  /** Who has the keys of a hash: 0 to 2 ** 32 - 1. */
  ownerOfPoint(point: number): string {
    integer(0, 2 ** 32 - 1)('HashRing: point', point);
    if (this.names.length === 0) throw this.none();
    return this.names[(this.ring ?? this.made()).nodeOf(point)] as string;
  }

  /** All points in order. Of equal ones the first has the keys. */
  *points(): Generator<[point: number, name: string]> {
    const { names } = this;
    const pairs = (this.ring ?? this.made()).pairs();
    for (let i = 0; i < pairs.length; i += 2) yield [pairs[i] as number, names[pairs[i + 1] as number] as string];
  }

  snapshot(): HashRing {
    if (this.isFixed) return this;
    const copy = this.fix(new HashRing(this.options));
    copy.ring = this.ring ?? this.made();
    return copy;
  }

  protected override check(nodes: ReadonlyMap<string, PlacedNode>): void {
    if (this.ketamaLabel) return;
    for (const { weight } of nodes.values()) {
      const points = this.virtualNodes * weight;
      if (points > mostPoints) {
        throw new RangeError(`HashRing: virtualNodes × weight must be at most ${mostPoints}, got ${points}`);
      }
    }
  }

  protected changed(index: number, before: PlacedNode | undefined, after: PlacedNode | undefined): void {
    // Ketama counts everybody's points anew.
    let ring = this.ketamaLabel ? undefined : this.ring;
    // Made anew when next asked, should the user's hash throw now.
    this.ring = undefined;
    if (before) ring = ring?.without(index, after === undefined);
    if (after) ring = ring?.with(this.pairsOf([after], index), this.names);
    this.ring = ring;
  }

  private made(): RingPoints {
    const nodes = [...this.nodes.values()];
    const { ketamaLabel } = this;
    const pairs = ketamaLabel ? ketamaPairs(nodes, this.virtualNodes, ketamaLabel) : this.pairsOf(nodes, 0);
    this.ring = RingPoints.of(pairs, this.names);
    return this.ring;
  }

  /** Each point is made of two hashes of the name, so that no two nodes have more than a few in common. */
  private pairsOf(nodes: readonly PlacedNode[], from: number): Uint32Array {
    const counts = nodes.map(({ weight }) => Math.max(1, Math.round(this.virtualNodes * weight)));
    const pairs = new Uint32Array(2 * counts.reduce((sum, count) => sum + count, 0));
    let at = 0;
    nodes.forEach(({ name }, i) => {
      const first = this.hash(name) | 0;
      const second = this.hash(`${name}#`) | 0;
      const count = counts[i] as number;
      for (let k = 0; k < count; k++) {
        let point = (first + Math.imul(k, 0x9e3779b9)) | 0;
        point = Math.imul(point ^ (point >>> 16), 0x85ebca6b) ^ second;
        point = Math.imul(point ^ (point >>> 13), 0xc2b2ae35);
        pairs[at++] = point ^ (point >>> 16);
        pairs[at++] = from + i;
      }
    });
    return pairs;
  }
}
