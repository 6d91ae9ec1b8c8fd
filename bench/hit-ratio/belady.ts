/** Sets of whole numbers below `size` that know their greatest: a tree of words, each bit of which says whether the word below has any. */
class Positions {
  private readonly levels: Uint32Array[] = [];

  constructor(size: number) {
    let words = size;
    do {
      words = Math.ceil(words / 32);
      this.levels.push(new Uint32Array(words));
    } while (words > 1);
  }

  has(position: number): boolean {
    return (((this.levels[0] as Uint32Array)[position >>> 5] as number) & (1 << (position & 31))) !== 0;
  }

  add(position: number): void {
    let at = position;
    for (const level of this.levels) {
      const before = level[at >>> 5] as number;
      level[at >>> 5] = before | (1 << (at & 31));
      if (before !== 0) return;
      at >>>= 5;
    }
  }

  delete(position: number): void {
    let at = position;
    for (const level of this.levels) {
      const left = (level[at >>> 5] as number) & ~(1 << (at & 31));
      level[at >>> 5] = left;
      if (left !== 0) return;
      at >>>= 5;
    }
  }

  greatest(): number {
    let at = 0;
    for (let i = this.levels.length - 1; i >= 0; i--) {
      at = 32 * at + 31 - Math.clz32((this.levels[i] as Uint32Array)[at] as number);
    }
    return at;
  }
}

/** Where each access's key is asked for next; 0: never again. */
export function nextUses(keys: Uint32Array, unique: number): Uint32Array {
  const next = new Uint32Array(keys.length);
  const seen = new Uint32Array(unique);
  for (let i = keys.length - 1; i >= 0; i--) {
    const key = keys[i] as number;
    next[i] = seen[key] as number;
    seen[key] = i;
  }
  return next;
}

/**
 * Hits of the best cache there can be (Belady, "A study of replacement algorithms for a virtual-storage computer", 1966):
 * it knows the future, lets go of what is asked for last, and takes nothing in that would be just that. What it holds are
 * the places of the next uses: no two keys have the same.
 */
export function belady(next: Uint32Array, size: number): number {
  const held = new Positions(next.length);
  let hits = 0;
  let count = 0;
  for (let i = 0; i < next.length; i++) {
    if (held.has(i)) {
      hits++;
      count--;
      held.delete(i);
    }
    const use = next[i] as number;
    if (use === 0) continue;
    held.add(use);
    if (count < size) count++;
    else held.delete(held.greatest());
  }
  return hits;
}
