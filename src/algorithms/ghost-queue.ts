import { firstLength } from './slot-arrays.ts';

/** Room for this many times what may be remembered: the rest is for gaps. */
const slack = 17 / 16;
/** The link of the last one in a chain is this and the number of its bucket. */
const end = 2 ** 30;
const gap = 2 ** 31 - 1;
/** With so many buckets the lower half of a hash is in the bucket's number, and need not be kept. */
const manyBuckets = 2 ** 16;

/**
 * Who left lately: a queue of 32-bit hashes of keys, first in, first out, from which any can be taken. A key that is not
 * in a queue of `n` is mistaken for one that is in `n` of `2 ** 32` cases.
 *
 * The hashes stand in a ring in the order of their coming, and those of one bucket are chained, the newest first. Who is
 * taken out leaves a gap; gaps are closed when the ring is full of them. That is 8 bytes each, or 6 where there are many,
 * and a constant time for each call in the mean.
 */
export class GhostQueue {
  private hashes: Uint32Array | Uint16Array = new Uint32Array(firstLength);
  /** Of each place: the next older one of its bucket, or the chain's end, or a gap. */
  private links: Uint32Array = new Uint32Array(firstLength);
  private buckets: Uint32Array = emptyBuckets(firstLength);
  /** What is kept of a hash is what is left after so many bits. */
  private shift: number = 0;
  private oldest: number = 0;
  /** Places from the oldest to the newest, gaps too. */
  private span: number = 0;
  private live: number = 0;

  get size(): number {
    return this.live;
  }

  /** @param most how many are remembered then: the oldest are forgotten */
  add(hash: number, most: number): void {
    while (this.live > 0 && this.live >= most) this.forget();
    if (most < 1) return;
    if (this.span === this.links.length) this.tidy(most);
    this.live++;
    this.append(hash);
  }

  /** @returns whether it was there; it no longer is */
  take(hash: number): boolean {
    const { hashes, links, buckets } = this;
    const kept = hash >>> this.shift;
    let place = buckets[hash & (buckets.length - 1)] as number;
    while (place < end && hashes[place] !== kept) place = links[place] as number;
    if (place >= end) return false;
    this.unchain(place);
    links[place] = gap;
    this.live--;
    return true;
  }

  private append(hash: number): void {
    const { links, buckets } = this;
    const { length } = links;
    const place = this.oldest + this.span < length ? this.oldest + this.span : this.oldest + this.span - length;
    const bucket = hash & (buckets.length - 1);
    this.hashes[place] = hash >>> this.shift;
    links[place] = buckets[bucket] as number;
    buckets[bucket] = place;
    this.span++;
  }

  private forget(): void {
    const place = this.oldest;
    this.oldest = place + 1 === this.links.length ? 0 : place + 1;
    this.span--;
    if (this.links[place] === gap) return;
    this.unchain(place);
    this.live--;
  }

  private unchain(place: number): void {
    const { links, buckets } = this;
    const bucket = this.bucketOf(place);
    const next = links[place] as number;
    let before = buckets[bucket] as number;
    if (before === place) buckets[bucket] = next;
    else {
      while (links[before] !== place) before = links[before] as number;
      links[before] = next;
    }
  }

  private bucketOf(place: number): number {
    let link = this.links[place] as number;
    while (link < end) link = this.links[link] as number;
    return link - end;
  }

  /** Makes the ring longer, or closes its gaps. */
  private tidy(most: number): void {
    const { links } = this;
    const all = new Uint32Array(this.live);
    let count = 0;
    for (let i = 0; i < this.span; i++) {
      const place = (this.oldest + i) % links.length;
      if (links[place] === gap) continue;
      const kept = this.hashes[place] as number;
      all[count++] = this.shift === 0 ? kept : (kept << this.shift) | (this.bucketOf(place) & (manyBuckets - 1));
    }
    const length = Math.max(links.length, Math.min(2 * links.length, Math.ceil(most * slack)));
    this.buckets = emptyBuckets(2 ** Math.ceil(Math.log2(length / 2)));
    this.links = new Uint32Array(length);
    this.shift = this.buckets.length < manyBuckets ? 0 : 16;
    this.hashes = this.shift === 0 ? new Uint32Array(length) : new Uint16Array(length);
    this.oldest = 0;
    this.span = 0;
    for (const hash of all) this.append(hash);
  }
}

function emptyBuckets(count: number): Uint32Array<ArrayBuffer> {
  return Uint32Array.from({ length: count }, (_, bucket) => end + bucket);
}
