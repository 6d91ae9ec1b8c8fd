/** Words of 32 bits in a block: one cache line, and all that is read of a key. */
const blockWords = 16;
const highest = 15;

/**
 * How often each key was used of late, about: never less than counted since the last ageing, seldom more.
 *
 * A count-min sketch of 4-bit counters with conservative update. A key has four, one in each row of one block, and the
 * lowest counts; only those that are lowest are raised. `age` halves them all, so that what was is forgotten.
 *
 * Cormode and Muthukrishnan, "An improved data stream summary: the count-min sketch and its applications", 2005; Estan
 * and Varghese, "New directions in traffic measurement and accounting", 2002 (conservative update); Einziger, Friedman and
 * Manes, "TinyLFU: a highly efficient cache admission policy", 2017 (ageing).
 */
export class FrequencySketch {
  private words: Int32Array = new Int32Array(blockWords);
  /** One less than the number of blocks, a power of two. */
  private mask: number = 0;

  /** Has room for so many entries at least, and keeps what is counted: a block that becomes two is copied to both. */
  fit(entries: number): void {
    const length = wordsFor(entries);
    while (this.words.length < length) {
      const doubled = new Int32Array(2 * this.words.length);
      doubled.set(this.words);
      doubled.set(this.words, this.words.length);
      this.words = doubled;
    }
    this.mask = this.words.length / blockWords - 1;
  }

  /** @returns 0 to 15 */
  estimate(hash: number): number {
    const { words } = this;
    const block = (hash & this.mask) * blockWords;
    const places = scrambled(hash);
    let lowest = highest;
    for (let row = 0; row < 4; row++) {
      const place = places >>> (5 * row);
      const word = words[block + 4 * row + (place & 3)] as number;
      const count = (word >>> (place & 28)) & highest;
      if (count < lowest) lowest = count;
    }
    return lowest;
  }

  /** @returns how much of it was counted: nothing above 15 is */
  add(hash: number, times: number): number {
    const before = this.estimate(hash);
    const after = Math.min(before + times, highest);
    if (after === before) return 0;
    const { words } = this;
    const block = (hash & this.mask) * blockWords;
    const places = scrambled(hash);
    for (let row = 0; row < 4; row++) {
      const place = places >>> (5 * row);
      const index = block + 4 * row + (place & 3);
      const shift = place & 28;
      const word = words[index] as number;
      const count = (word >>> shift) & highest;
      if (count < after) words[index] = word + ((after - count) << shift);
    }
    return after - before;
  }

  /** Halves all counters. */
  age(): void {
    const { words } = this;
    for (let i = 0; i < words.length; i++) words[i] = ((words[i] as number) >>> 1) & 0x7777_7777;
  }
}

/**
 * 64 counters an entry, as the false ones cost most where there are few entries and many keys, up to 32 KiB; then, on
 * the way to a million entries, 16.
 */
function wordsFor(entries: number): number {
  const wanted = Math.max(Math.min(8 * entries, 8_192), 2 * entries, blockWords);
  return 2 ** Math.round(Math.log2(wanted));
}

/** The block is taken from the hash itself, the counters in it from this: both have to look like chance. */
function scrambled(hash: number): number {
  let mixed = Math.imul(hash ^ (hash >>> 16), 0x85eb_ca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2_ae35);
  return mixed ^ (mixed >>> 16);
}
