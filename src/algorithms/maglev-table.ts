import { murmur3 } from '../core/hash.ts';
import { checked, integer, oneOf } from '../core/options.ts';
import { Word64 } from '../core/word64.ts';
import { xxhash64Word } from '../core/xxhash.ts';
import { iterable, NodePlacement, type PlacedNode } from './placed-nodes.ts';
import type { PlacementKey, PlacementNode } from './placement.ts';

export interface MaglevTableOptions {
  /** Names, or `{ name, weight }`, no more than there are slots. Default none. */
  nodes?: Iterable<PlacementNode> | undefined;
  /** Slots: a prime up to 5,000,011, a hundred times the nodes or more. Default 65,537. */
  size?: number | undefined;
  /** 'envoy' fills and asks the table as Envoy does, so the order of the nodes counts. Default 'murmur3'. */
  scheme?: 'murmur3' | 'envoy' | undefined;
}

const empty = 0xffffffff;
const noSeed = /* @__PURE__ */ new Word64(0, 0);
const one = /* @__PURE__ */ new Word64(0, 1);

/**
 * Maglev hashing: a table of slots, each of which belongs to a node; a key's hash picks the slot.
 *
 * To fill the table, the nodes take turns. Each has an order of its own over all slots, `offset + i × skip`, and takes the
 * first that is free; one of half the weight takes every second turn. So shares are even to a slot, a look-up is one
 * step, and when a node changes, a few keys of others move too: 0.57 % of all on average, 0.64 % at worst, with 100 nodes and
 * 65,537 slots.
 * (Eisenbud and others, "Maglev: a fast and reliable software network load balancer", 2016; weights as in Envoy.)
 *
 * The table is filled anew when it is asked after a change.
 *
 * @throws {TypeError | RangeError} for an option that is unknown or out of range, and for a name given twice
 */
export class MaglevTable extends NodePlacement {
  private readonly options: MaglevTableOptions;
  private readonly slots: number;
  private readonly isEnvoy: boolean;
  private filled: Uint32Array | undefined = undefined;

  constructor(options: MaglevTableOptions = {}) {
    const { nodes, ...rest } = checked('MaglevTable', options, {
      nodes: iterable,
      size: integer(1, 5_000_011),
      scheme: oneOf('murmur3', 'envoy'),
    });
    super('MaglevTable', nodes);
    this.options = rest;
    this.slots = rest.size ?? 65_537;
    this.isEnvoy = rest.scheme === 'envoy';
    if (!isPrime(this.slots)) throw new RangeError(`MaglevTable: size must be a prime, got ${this.slots}`);
    this.check(this.nodes);
  }

  /** Of each slot, the place of its node among the names as iterated. Empty where there are no nodes. */
  get table(): Uint32Array {
    return this.filled ?? this.fill();
  }

  owner(key: PlacementKey): string {
    const { names } = this;
    if (names.length === 0) throw this.none();
    return names[(this.filled ?? this.fill())[this.slotOf(key)] as number] as string;
  }

  owners(key: PlacementKey, count: number): string[] {
    const most = this.most(count);
    const { table } = this;
    const found = new Set<number>();
    let slot = most > 0 ? this.slotOf(key) : 0;
    for (let left = table.length; left > 0 && found.size < most; left--) {
      found.add(table[slot] as number);
      slot = (slot + 1) % this.slots;
    }
    return [...found].map((node) => this.names[node] as string);
  }

  snapshot(): MaglevTable {
    if (this.isFixed) return this;
    const copy = this.fix(new MaglevTable(this.options));
    copy.filled = this.table;
    return copy;
  }

  protected override check(nodes: ReadonlyMap<string, PlacedNode>): void {
    if (nodes.size > this.slots) {
      throw new RangeError(`MaglevTable: size must be at least the number of nodes, ${nodes.size}, got ${this.slots}`);
    }
  }

  protected changed(): void {
    this.filled = undefined;
  }

  private slotOf(key: PlacementKey): number {
    // A multiplication takes a fraction of what a remainder does, and is as even.
    return this.isEnvoy ? modulo(xxhash64Word(key, noSeed), this.slots) : ((murmur3(key) * this.slots) / 2 ** 32) | 0;
  }

  private fill(): Uint32Array {
    const { slots, names, isEnvoy } = this;
    const table = new Uint32Array(names.length > 0 ? slots : 0).fill(empty);
    const order = names.map((_, i) => i);
    // So that nobody need agree on the order in which nodes came.
    if (!isEnvoy) order.sort((a, b) => ((names[a] as string) < (names[b] as string) ? -1 : 1));
    const all = [...this.nodes.values()];
    // In this order also for the sum, which another order rounds in another way.
    const nodes = order.map((index) => all[index] as PlacedNode);
    const total = nodes.reduce((sum, { weight }) => sum + weight, 0);
    const largest = nodes.reduce((most, { weight }) => Math.max(most, weight), 0) / total;
    const turns = nodes.map(({ name, weight }, i) => {
      const [offset, skip] = isEnvoy
        ? envoyHashes(name, slots)
        : [murmur3(name) % slots, murmur3(name, 1) % (slots - 1)];
      return { index: order[i] as number, at: offset, skip: skip + 1, weight: weight / total, due: 0 };
    });
    let left = table.length;
    // As Envoy counts turns, to the last bit.
    for (let round = 1; left > 0; round++) {
      for (const turn of turns) {
        if (left === 0 || round * turn.weight < turn.due) continue;
        turn.due += largest;
        while (table[turn.at] !== empty) turn.at = (turn.at + turn.skip) % slots;
        table[turn.at] = turn.index;
        left--;
      }
    }
    this.filled = table;
    return table;
  }
}

function envoyHashes(name: string, slots: number): [offset: number, skip: number] {
  return [modulo(xxhash64Word(name, noSeed), slots), modulo(xxhash64Word(name, one), slots - 1)];
}

/** Of 64 bits, by a number below 2 ** 26. */
function modulo({ high, low }: Word64, by: number): number {
  return (((high >>> 0) % by) * (2 ** 32 % by) + (low >>> 0)) % by;
}

function isPrime(n: number): boolean {
  for (let i = 2; i * i <= n; i++) if (n % i === 0) return false;
  return n > 1;
}
