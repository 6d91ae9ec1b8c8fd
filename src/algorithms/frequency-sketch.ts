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

  /** Whether there is room for more than four times as many entries. */
  isFarAbove(entries: number): boolean {
    return this.words.length > 4 * wordsFor(entries);
  }

  /** @returns 0 to 15 */
  estimate(hash: number): number {
    const { words } = this;
    const block = (hash & this.mask) * blockWords;
    const places = scrambled(hash);
    // Written out: a loop over the rows takes twice as long.
    const a = ((words[block + (places & 3)] as number) >>> (places & 28)) & highest;
    const b = ((words[block + 4 + ((places >>> 5) & 3)] as number) >>> ((places >>> 5) & 28)) & highest;
    const c = ((words[block + 8 + ((places >>> 10) & 3)] as number) >>> ((places >>> 10) & 28)) & highest;
    const d = ((words[block + 12 + ((places >>> 15) & 3)] as number) >>> ((places >>> 15) & 28)) & highest;
    const ab = a < b ? a : b;
    const cd = c < d ? c : d;
    return ab < cd ? ab : cd;
  }

  /** Nothing above 15 is counted. */
  add(hash: number, times: number): void {
    const before = this.estimate(hash);
    const after = before + times < highest ? before + times : highest;
    if (after === before) return;
    const block = (hash & this.mask) * blockWords;
    const places = scrambled(hash);
    this.raise(block + (places & 3), places & 28, after);
    this.raise(block + 4 + ((places >>> 5) & 3), (places >>> 5) & 28, after);
    this.raise(block + 8 + ((places >>> 10) & 3), (places >>> 10) & 28, after);
    this.raise(block + 12 + ((places >>> 15) & 3), (places >>> 15) & 28, after);
  }

  /** Halves all counters. */
  age(): void {
    const { words } = this;
    for (let i = 0; i < words.length; i++) words[i] = ((words[i] as number) >>> 1) & 0x7777_7777;
  }

  forget(): void {
    this.words.fill(0);
  }

  private raise(index: number, shift: number, to: number): void {
    const word = this.words[index] as number;
    const count = (word >>> shift) & highest;
    if (count < to) this.words[index] = word + ((to - count) << shift);
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

/** What a sketch knows of slots. One class for all who ask, so that their question compiles to what it says. */
export class SlotFrequencies {
  sketch: FrequencySketch = new FrequencySketch();
  hashes: Int32Array;
  private readonly late: boolean;

  /** @param late whether uses are told by `used`, and not one by one as they come */
  constructor(length: number, late: boolean) {
    this.hashes = new Int32Array(length);
    this.late = late;
  }

  of(slot: number): number {
    return this.sketch.estimate(this.hashes[slot] as number);
  }

  /** Takes a smaller sketch, if there is room for far more than so many entries. Of others than these it knows nothing. */
  shrink(entries: number, slots: Iterable<number>): void {
    const { sketch } = this;
    if (!sketch.isFarAbove(entries)) return;
    this.sketch = new FrequencySketch();
    this.sketch.fit(entries);
    for (const slot of slots) {
      const hash = this.hashes[slot] as number;
      this.sketch.add(hash, sketch.estimate(hash));
    }
  }

  used(slot: number, times: number): void {
    if (this.late) this.sketch.add(this.hashes[slot] as number, times);
  }

  grow(length: number): void {
    const grown = new Int32Array(length);
    grown.set(this.hashes);
    this.hashes = grown;
  }
}
