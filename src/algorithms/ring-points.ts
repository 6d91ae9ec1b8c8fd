const digit = 11;

/**
 * The points of a ring, in order, each beside its node: `point, node, point, node, …`, so that both come from memory at
 * once. A key belongs to the first point at or above its hash, and above the last to the first.
 *
 * ```text
 *   hash >>> shift ──→ starts ──→ … | 17 b | 23 a | 23 c | 40 b | … | 2³² − 1, the first's node
 *                                        a key of 18: a ↑
 * ```
 *
 * The ring is cut into as many equal parts as there are points or more, and `starts` says where each begins: from there
 * the point is one step away on average, however many there are. Of equal points the first has the keys: that of the
 * name that sorts first, whoever came first.
 */
export class RingPoints {
  readonly count: number;
  private readonly cells: Uint32Array;
  private readonly starts: Uint32Array;
  private readonly shift: number;

  private constructor(sorted: Uint32Array) {
    const count = sorted.length / 2;
    const bits = Math.max(1, Math.ceil(Math.log2(count)));
    const cells = new Uint32Array(sorted.length + 2);
    cells.set(sorted);
    cells[sorted.length] = 0xffffffff;
    cells[sorted.length + 1] = sorted[1] ?? 0;
    const starts = new Uint32Array(2 ** bits);
    const shift = 32 - bits;
    let at = 0;
    for (let part = 0; part < starts.length; part++) {
      const from = (part << shift) >>> 0;
      while ((cells[at] as number) < from) at += 2;
      starts[part] = at;
    }
    this.count = count;
    this.cells = cells;
    this.starts = starts;
    this.shift = shift;
  }

  /** Of points and their nodes in any order. Where points are equal, that of the first name must come first. */
  static of(cells: Uint32Array): RingPoints {
    return new RingPoints(sorted(cells));
  }

  nodeOf(hash: number): number {
    return this.cells[this.find(hash) + 1] as number;
  }

  /** As many distinct nodes, from the hash on; fewer where the ring has fewer. */
  nodesOf(hash: number, count: number): number[] {
    const end = 2 * this.count;
    const found = new Set<number>();
    let at = this.find(hash);
    for (let left = this.count; left > 0 && found.size < count; left--) {
      if (at >= end) at = 0;
      found.add(this.cells[at + 1] as number);
      at += 2;
    }
    return [...found];
  }

  /** In order, each with its node. */
  *[Symbol.iterator](): Generator<[point: number, node: number]> {
    for (let at = 0; at < 2 * this.count; at += 2) yield [this.cells[at] as number, this.cells[at + 1] as number];
  }

  /** With those of another node; `names` are those of all. */
  with(more: Uint32Array, names: readonly string[]): RingPoints {
    const fresh = sorted(more);
    const own = this.cells;
    const end = 2 * this.count;
    const all = new Uint32Array(end + fresh.length);
    let at = 0;
    let next = 0;
    for (let to = 0; to < all.length; to += 2) {
      let mine = next === fresh.length;
      if (!mine && at < end) {
        const [old, point] = [own[at] as number, fresh[next] as number];
        mine = old === point ? nameOf(own, at) < nameOf(fresh, next) : old < point;
      }
      all[to] = (mine ? own[at] : fresh[next]) as number;
      all[to + 1] = (mine ? own[at + 1] : fresh[next + 1]) as number;
      if (mine) at += 2;
      else next += 2;
    }
    return new RingPoints(all);

    function nameOf(cells: Uint32Array, cell: number): string {
      return names[cells[cell + 1] as number] as string;
    }
  }

  /** Without those of a node. If it is gone for good, those after it move up one place among the names. */
  without(node: number, gone: boolean): RingPoints {
    const left = new Uint32Array(2 * this.count);
    let to = 0;
    for (let at = 0; at < 2 * this.count; at += 2) {
      const owner = this.cells[at + 1] as number;
      if (owner === node) continue;
      left[to++] = this.cells[at] as number;
      left[to++] = gone && owner > node ? owner - 1 : owner;
    }
    return new RingPoints(left.subarray(0, to));
  }

  /** Where the first point at or above is. The last of the cells is above all. */
  private find(hash: number): number {
    const { cells } = this;
    let at = this.starts[hash >>> this.shift] as number;
    while ((cells[at] as number) < hash) at += 2;
    return at;
  }
}

/** Sorted by radix, which keeps equal points in their order: three passes, where comparing would take some fourteen. */
function sorted(cells: Uint32Array): Uint32Array {
  const size = 1 << digit;
  const places = new Uint32Array(3 * size);
  for (let at = 0; at < cells.length; at += 2) {
    const point = cells[at] as number;
    for (let pass = 0; pass < 3; pass++) {
      const place = pass * size + ((point >>> (pass * digit)) & (size - 1));
      places[place] = (places[place] as number) + 2;
    }
  }
  let from = cells;
  let to = new Uint32Array(cells.length);
  let spare = new Uint32Array(cells.length);
  for (let pass = 0; pass < 3; pass++) {
    let sum = 0;
    for (let i = pass * size; i < (pass + 1) * size; i++) {
      const count = places[i] as number;
      places[i] = sum;
      sum += count;
    }
    for (let at = 0; at < from.length; at += 2) {
      const point = from[at] as number;
      const place = pass * size + ((point >>> (pass * digit)) & (size - 1));
      const target = places[place] as number;
      places[place] = target + 2;
      to[target] = point;
      to[target + 1] = from[at + 1] as number;
    }
    from = to;
    [to, spare] = [spare, to];
  }
  return from;
}
