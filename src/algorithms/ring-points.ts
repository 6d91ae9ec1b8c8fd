/**
 * The points of a ring, each with its node. A key belongs to the first point at or above its hash; above the last, to the
 * first of all.
 *
 * The ring is cut into 2 ** bits equal parts, as many as there are points or more. Of a point in its part only the lower
 * bits are left to be told, and they and the node fit into one number: a cell. Of each part are kept its first cell, which
 * most often is the answer, and where its cells begin.
 *
 * ```text
 *   hash = part | rest       parts: … | first cell, start | first cell, start | …
 *                                                      ↓
 *   cells, in order:  … | rest, node | rest, node | rest, node | …
 * ```
 *
 * So a look-up takes one or two looks into memory, however many points there are. Of equal points the first has the keys:
 * that of the name that sorts first, whoever came first.
 */
export class RingPoints {
  readonly count: number;
  private readonly bits: number;
  private readonly shift: number;
  /** What of a cell is the node. */
  private readonly mask: number;
  private readonly cells: Uint32Array;
  private readonly parts: Uint32Array;

  private constructor(bits: number, cells: Uint32Array, parts: Uint32Array) {
    this.count = cells.length - 1;
    this.bits = bits;
    this.shift = 32 - bits;
    this.mask = 2 ** bits - 1;
    this.cells = cells;
    this.parts = parts;
  }

  /** @param pairs `point, node, point, node, …` in any order; a node is a place among the names */
  static of(pairs: Uint32Array, names: readonly string[]): RingPoints {
    const count = pairs.length / 2;
    const bits = bitsFor(count, names.length);
    const made = new RingPoints(bits, new Uint32Array(count + 1), new Uint32Array(2 ** (bits + 1) + 2));
    made.spread(pairs, names);
    return made.finished();
  }

  nodeOf(hash: number): number {
    const { parts, mask } = this;
    const part = (hash >>> this.shift) << 1;
    const rest = (hash << this.bits) >>> 0;
    const first = parts[part] as number;
    return (first >= rest ? first : (this.cells[this.after(part, rest)] as number)) & mask;
  }

  /** As many distinct nodes, from the hash on; fewer where the ring has fewer. */
  nodesOf(hash: number, most: number): number[] {
    const { count } = this;
    const found = new Set<number>();
    let at = this.after((hash >>> this.shift) << 1, (hash << this.bits) >>> 0);
    for (let left = count; left > 0 && found.size < most; left--) {
      if (at === count) at = 0;
      found.add((this.cells[at++] as number) & this.mask);
    }
    return [...found];
  }

  /** As `of` takes them, in order. */
  pairs(): Uint32Array {
    const { count, cells, parts, bits, shift, mask } = this;
    const pairs = new Uint32Array(2 * count);
    let part = 0;
    for (let at = 0; at < count; at++) {
      while ((parts[2 * part + 3] as number) <= at) part++;
      const cell = cells[at] as number;
      pairs[2 * at] = (part << shift) | (cell >>> bits);
      pairs[2 * at + 1] = cell & mask;
    }
    return pairs;
  }

  /** With the points of one more node, which may have some already. */
  with(more: Uint32Array, names: readonly string[]): RingPoints {
    const { count, cells, bits, shift, mask } = this;
    const all = new Uint32Array(count + more.length / 2 + 1);
    if (bitsFor(all.length - 1, names.length) > bits) {
      const pairs = new Uint32Array(2 * (all.length - 1));
      pairs.set(this.pairs());
      pairs.set(more, 2 * count);
      return RingPoints.of(pairs, names);
    }
    const parts = this.parts.slice();
    const fresh = RingPoints.of(more, names).pairs();
    let [from, to, counted] = [0, 0, 0];
    for (let i = 0; i < fresh.length; i += 2) {
      const part = ((fresh[i] as number) >>> shift) << 1;
      const rest = ((fresh[i] as number) << bits) >>> 0;
      const node = fresh[i + 1] as number;
      let at = Math.max(from, this.after(part, rest));
      const end = this.parts[part + 3] as number;
      while (at < end && isBefore(cells[at] as number, rest, node, mask, names)) at++;
      all.set(cells.subarray(from, at), to);
      to += at - from;
      all[to++] = (rest | node) >>> 0;
      from = at;
      // Up to here no more than those before this one have come.
      for (; counted <= part; counted += 2) parts[counted + 1] = (parts[counted + 1] as number) + i / 2;
    }
    all.set(cells.subarray(from, count), to);
    for (; counted < parts.length; counted += 2) parts[counted + 1] = (parts[counted + 1] as number) + fresh.length / 2;
    return new RingPoints(bits, all, parts).finished();
  }

  /** Without those of a node. If it is gone for good, those after it move up one place among the names. */
  without(node: number, isGone: boolean): RingPoints {
    const { count, cells, bits, mask } = this;
    const left = new Uint32Array(count + 1);
    const dropped: number[] = [];
    let to = 0;
    for (let at = 0; at < count; at++) {
      const cell = cells[at] as number;
      const owner = cell & mask;
      if (owner === node) dropped.push(at);
      else left[to++] = isGone && owner > node ? cell - 1 : cell;
    }
    const parts = this.parts.slice();
    let fewer = 0;
    for (let i = 1; i < parts.length; i += 2) {
      const start = parts[i] as number;
      while ((dropped[fewer] as number) < start) fewer++;
      parts[i] = start - fewer;
    }
    return new RingPoints(bits, left.slice(0, to + 1), parts).finished();
  }

  /** Sorts by radix with a single digit, the part, of which few points share one: those are put in order as they come. */
  private spread(pairs: Uint32Array, names: readonly string[]): void {
    const { cells, parts, bits, shift, mask } = this;
    for (let i = 0; i < pairs.length; i += 2) {
      const next = (((pairs[i] as number) >>> shift) << 1) + 3;
      parts[next] = (parts[next] as number) + 1;
    }
    for (let i = 3; i < parts.length; i += 2) parts[i] = (parts[i] as number) + (parts[i - 2] as number);
    const taken = new Uint32Array(2 ** bits);
    for (let i = 0; i < pairs.length; i += 2) {
      const point = pairs[i] as number;
      const node = pairs[i + 1] as number;
      const rest = (point << bits) >>> 0;
      const part = point >>> shift;
      const start = parts[2 * part + 1] as number;
      let at = start + (taken[part] as number);
      taken[part] = (taken[part] as number) + 1;
      for (; at > start; at--) {
        const before = cells[at - 1] as number;
        if (isBefore(before, rest, node, mask, names)) break;
        cells[at] = before;
      }
      cells[at] = (rest | node) >>> 0;
    }
  }

  private finished(): this {
    const { count, cells, parts, mask } = this;
    // Above the last cell, the first has the keys.
    cells[count] = (cells[0] as number) & mask;
    for (let part = 0; part + 2 < parts.length; part += 2) {
      const start = parts[part + 1] as number;
      const cell = cells[start] as number;
      // A part without points: the next one's first, at the highest rest there is.
      parts[part] = start < (parts[part + 3] as number) ? cell : cell | ~mask;
    }
    return this;
  }

  /** Where the first cell at or above a rest of a part is, or the first of a later part. */
  private after(part: number, rest: number): number {
    const end = this.parts[part + 3] as number;
    let at = this.parts[part + 1] as number;
    while (at < end && (this.cells[at] as number) < rest) at++;
    return at;
  }
}

/** As many as there are points need, and to tell the nodes apart. */
function bitsFor(points: number, nodes: number): number {
  return Math.max(1, Math.ceil(Math.log2(Math.max(points, nodes))));
}

/** Whether a cell comes before a point of another node with the rest, in the same part. */
function isBefore(cell: number, rest: number, node: number, mask: number, names: readonly string[]): boolean {
  return cell < rest || (cell <= rest + mask && (names[cell & mask] as string) < (names[node] as string));
}
