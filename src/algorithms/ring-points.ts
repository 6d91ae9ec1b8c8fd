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

  /** @param pairs `point, node, point, node, …` in any order; a node is a place among the names */
  constructor(pairs: Uint32Array, names: readonly string[]) {
    const count = pairs.length / 2;
    const bits = Math.max(1, Math.ceil(Math.log2(Math.max(count, names.length))));
    this.count = count;
    this.bits = bits;
    this.shift = 32 - bits;
    this.mask = 2 ** bits - 1;
    this.cells = new Uint32Array(count + 1);
    this.parts = new Uint32Array(2 ** (bits + 1) + 2);
    this.spread(pairs, names);
    this.cells[count] = (this.cells[0] as number) & this.mask;
    this.tellFirsts();
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

  /** As the constructor takes them, in order. */
  pairs(): Uint32Array {
    const pairs = new Uint32Array(2 * this.count);
    let part = 0;
    for (let at = 0; at < this.count; at++) {
      while ((this.parts[2 * part + 3] as number) <= at) part++;
      const cell = this.cells[at] as number;
      pairs[2 * at] = (part << this.shift) | (cell >>> this.bits);
      pairs[2 * at + 1] = cell & this.mask;
    }
    return pairs;
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
        if (before < rest) break;
        if (before <= rest + mask && (names[before & mask] as string) < (names[node] as string)) break;
        cells[at] = before;
      }
      cells[at] = (rest | node) >>> 0;
    }
  }

  private tellFirsts(): void {
    const { cells, parts, mask } = this;
    for (let part = 0; part + 2 < parts.length; part += 2) {
      const start = parts[part + 1] as number;
      const cell = cells[start] as number;
      // A part without points: the next one's first, at the highest rest there is.
      parts[part] = start < (parts[part + 3] as number) ? cell : cell | ~mask;
    }
  }

  /** Where the first cell at or above a rest of a part is, or the first of a later part. */
  private after(part: number, rest: number): number {
    const end = this.parts[part + 3] as number;
    let at = this.parts[part + 1] as number;
    while (at < end && (this.cells[at] as number) < rest) at++;
    return at;
  }
}
