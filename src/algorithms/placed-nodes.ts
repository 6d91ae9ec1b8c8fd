import { NoTargetError } from '../core/errors.ts';
import { type Check, integer, positive, shown, typed } from '../core/options.ts';
import type { Placement, PlacementKey, PlacementNode } from './placement.ts';

/** A node with all there is to know of it. */
export interface PlacedNode {
  readonly name: string;
  readonly weight: number;
  readonly port: number | undefined;
}

const name: Check = /* @__PURE__ */ typed('string');
const weight: Check = /* @__PURE__ */ positive(2 ** 32);
const port: Check = /* @__PURE__ */ integer(0, 65_535);
const count: Check = /* @__PURE__ */ integer(0);

/** Any iterable but a string, whose letters are no nodes. */
export function iterable(label: string, value: unknown): void {
  if (typeof value === 'object' && value !== null && Symbol.iterator in value) return;
  throw new TypeError(`${label} must be an iterable of nodes, got ${shown(value)}`);
}

/** What all placements share: their nodes, by name, in the order added. */
export abstract class NodePlacement implements Placement {
  /** Replaced whenever one changes, and never touched: snapshots share it. */
  protected nodes: ReadonlyMap<string, PlacedNode>;
  protected names: readonly string[];
  private readonly label: string;
  private fixed: boolean = false;

  protected constructor(label: string, nodes: Iterable<PlacementNode> = []) {
    this.label = label;
    const placed = new Map<string, PlacedNode>();
    for (const node of nodes) {
      const one = this.read(node);
      if (placed.has(one.name)) throw this.twice(one.name);
      placed.set(one.name, one);
    }
    this.nodes = placed;
    this.names = [...placed.keys()];
  }

  abstract owner(key: PlacementKey): string;
  abstract owners(key: PlacementKey, count: number): string[];
  abstract snapshot(): Placement;

  /** A node has come, has gone, or has another weight: `index` is its place among the names, of which it may be gone. */
  protected abstract changed(index: number, before: PlacedNode | undefined, after: PlacedNode | undefined): void;

  /** Throws for nodes that cannot be placed here. */
  protected check(_nodes: ReadonlyMap<string, PlacedNode>): void {}

  get size(): number {
    return this.nodes.size;
  }

  has(name: string): boolean {
    return this.nodes.has(name);
  }

  add(node: PlacementNode): void {
    const placed = this.read(node);
    if (this.nodes.has(placed.name)) throw this.twice(placed.name);
    this.replace(new Map(this.nodes).set(placed.name, placed), placed.name, placed);
  }

  remove(name: string): boolean {
    const nodes = new Map(this.nodes);
    const was = nodes.delete(name);
    this.replace(nodes, name, undefined);
    return was;
  }

  reweigh(name: string, to: number): void {
    weight(`${this.label}: weight`, to);
    const node = this.nodes.get(name);
    if (node === undefined) throw new RangeError(`${this.label}: no node is named ${shown(name)}`);
    const placed = { ...node, weight: to };
    this.replace(new Map(this.nodes).set(name, placed), name, placed);
  }

  [Symbol.iterator](): Iterator<string> {
    return this.names[Symbol.iterator]();
  }

  /** Makes a snapshot of a placement that has been made without nodes. */
  protected fix<Copy extends NodePlacement>(copy: Copy): Copy {
    copy.nodes = this.nodes;
    copy.names = this.names;
    copy.fixed = true;
    return copy;
  }

  protected get isFixed(): boolean {
    return this.fixed;
  }

  protected none(): NoTargetError {
    return new NoTargetError({ name: this.label, message: 'there are no nodes to place a key on' });
  }

  /** How many owners there can be. */
  protected most(asked: number): number {
    count(`${this.label}: count`, asked);
    return Math.min(asked, this.nodes.size);
  }

  private replace(nodes: ReadonlyMap<string, PlacedNode>, name: string, after: PlacedNode | undefined): void {
    if (this.fixed) throw new TypeError(`${this.label}: a snapshot does not change`);
    const before = this.nodes.get(name);
    if (before === undefined && after === undefined) return;
    this.check(nodes);
    const index = before === undefined ? this.names.length : this.names.indexOf(name);
    this.nodes = nodes;
    this.names = [...nodes.keys()];
    this.changed(index, before, after);
  }

  private read(node: PlacementNode): PlacedNode {
    const given = typeof node === 'object' && node !== null ? node : { name: node };
    name(`${this.label}: name`, given.name);
    if (given.weight !== undefined) weight(`${this.label}: weight`, given.weight);
    if (given.port !== undefined) port(`${this.label}: port`, given.port);
    return { name: given.name, weight: given.weight ?? 1, port: given.port };
  }

  private twice(name: string): RangeError {
    return new RangeError(`${this.label}: a node named ${shown(name)} is there already`);
  }
}
