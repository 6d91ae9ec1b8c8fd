import { firstLength } from './slot-arrays.ts';

/** Room for this many times what may be remembered: the rest is for gaps. */
const slack = 17 / 16;
const gap = 2 ** 32 - 1;

/**
 * Who left lately: a queue of 32-bit hashes of keys, first in, first out, from which any can be taken. A key that is not
 * in a queue of `n` is mistaken for one that is in `n` of `2 ** 32` cases.
 *
 * The hashes stand in a ring in the order of their coming, and those of one bucket are chained, the newest first. Who is
 * forgotten stays in its chain: a chain has ended where the next one is not older. Who is taken leaves a gap; gaps are
 * closed when the ring is full of them. That is 11 bytes each, and a constant time for each call in the mean.
 */
export class GhostQueue {
  /** At `2 * place` a hash, and behind it the place and 1 of the next older one in its chain, 0, or a gap. */
  private ring: Uint32Array = new Uint32Array(2 * firstLength);
  /** The place and 1 of the newest one of each chain, or 0. */
  private buckets: Uint32Array = new Uint32Array(firstLength);
  private newest: number = firstLength - 1;
  /** Places from the oldest to the newest, gaps too. */
  private span: number = 0;
  private live: number = 0;

  get size(): number {
    return this.live;
  }

  /** @param most how many are remembered then: the oldest are forgotten */
  add(hash: number, most: number): void {
    while (this.live > 0 && this.live >= most) {
      if (this.ring[2 * this.oldest + 1] !== gap) this.live--;
      this.span--;
    }
    if (most < 1) return;
    if (2 * this.span === this.ring.length) this.tidy(most);
    this.live++;
    this.append(hash);
  }

  /** @returns whether it was there; it no longer is */
  take(hash: number): boolean {
    const { ring, buckets, newest, span } = this;
    const bucket = hash & (buckets.length - 1);
    let before = 0;
    let age = -1;
    for (let link = buckets[bucket] as number; link !== 0; ) {
      const place = link - 1;
      const older = newest - place + (place > newest ? ring.length >> 1 : 0);
      const next = ring[2 * place + 1] as number;
      if (older <= age || older >= span || next === gap) return false;
      if (ring[2 * place] === hash >>> 0) {
        if (before === 0) buckets[bucket] = next;
        else ring[2 * before - 1] = next;
        ring[2 * place + 1] = gap;
        this.live--;
        return true;
      }
      before = link;
      age = older;
      link = next;
    }
    return false;
  }

  private get oldest(): number {
    const place = this.newest - this.span + 1;
    return place < 0 ? place + (this.ring.length >> 1) : place;
  }

  private append(hash: number): void {
    const { ring, buckets } = this;
    const place = 2 * this.newest + 2 === ring.length ? 0 : this.newest + 1;
    const bucket = hash & (buckets.length - 1);
    ring[2 * place] = hash;
    ring[2 * place + 1] = buckets[bucket] as number;
    buckets[bucket] = place + 1;
    this.newest = place;
    this.span++;
  }

  /** Makes the ring longer, or closes its gaps. */
  private tidy(most: number): void {
    const { ring, oldest } = this;
    const places = ring.length >> 1;
    const length = Math.max(places, Math.min(2 * places, Math.ceil(most * slack)));
    this.ring = new Uint32Array(2 * length);
    this.buckets = new Uint32Array(2 ** Math.ceil(Math.log2(length / 2)));
    this.newest = length - 1;
    this.span = 0;
    for (let i = 0; i < places; i++) {
      const place = (oldest + i) % places;
      if (ring[2 * place + 1] !== gap) this.append(ring[2 * place] as number);
    }
  }
}
