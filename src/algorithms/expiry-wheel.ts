import type { Milliseconds } from '../core/policy.ts';
import { longerFloats, longerLinks } from './slot-arrays.ts';

/** Buckets of a level. Each of the next level is as long as all of them. */
const buckets = 64;
/** The last one's buckets are 12 days long, and go round in 2 years. */
const levels = 6;
/** Node 0 is none, the heads of the buckets come next, then the slots. */
const heads = 1 + buckets * levels;
const none: readonly number[] = [];

/**
 * Which slots have lived as long as they may, found without looking at the others: a hierarchical timing wheel (Varghese
 * and Lauck, 1987) that moves only when it is told the time.
 *
 * ```text
 *   level 0   64 buckets of 1 ms     ──╮ what comes nearer moves down
 *   level 1   64 buckets of 64 ms    ←─╯
 *   …         each bucket a ring of slots
 * ```
 *
 * Starting, stopping and the moves down are a few writes to typed arrays each, at most six moves in a slot's life and one
 * more every two years. What is put off stays where it is, and is filed anew when its bucket comes up. Time never goes
 * back: after a clock's step back it stands still there, and goes on with the clock's next step forth.
 */
export class ExpiryWheel {
  /** The clock's time, and all it has gone back. */
  now: Milliseconds;
  private reading: Milliseconds;
  /** Rings. At `2 * node` the next one, and behind it the one before: 0 outside. */
  private links: Uint32Array;
  /** Of each slot, side by side, since when it lives and how long. */
  private lives: Float64Array;

  /** @param length one more than the highest slot; all of them start now, without an end */
  constructor(length: number, reading: Milliseconds) {
    // What is no time is not heard, here as later.
    const now = Math.abs(reading) < Infinity ? reading : 0;
    this.now = now;
    this.reading = now;
    this.links = new Uint32Array(2 * (heads + length));
    for (let head = 1; head < heads; head++) this.links[head << 1] = this.links[(head << 1) | 1] = head;
    this.lives = new Float64Array(2 * length);
    for (let slot = 0; slot < length; slot++) {
      this.lives[slot << 1] = now;
      this.lives[(slot << 1) | 1] = Infinity;
    }
  }

  /** What is new must be started. */
  grow(length: number): void {
    this.links = longerLinks(this.links, 2 * (heads + length));
    this.lives = longerFloats(this.lives, 2 * length);
  }

  /** From now on, or from a time before. @returns whether it is due already, and will be when time goes on */
  start(slot: number, ttl: Milliseconds, since: Milliseconds = this.now): boolean {
    const { lives } = this;
    const end = since + ttl;
    const before = (lives[slot << 1] as number) + (lives[(slot << 1) | 1] as number);
    lives[slot << 1] = since;
    lives[(slot << 1) | 1] = ttl;
    // Put off, it stays where it is filed, and is filed anew when that comes up.
    if (this.links[(heads + slot) << 1] === 0 || end < before) this.file(slot, end);
    return end <= this.now;
  }

  /** Starts the same ttl again. */
  renew(slot: number): void {
    this.lives[slot << 1] = this.now;
  }

  stop(slot: number): void {
    const { links } = this;
    const node = heads + slot;
    const after = links[node << 1] as number;
    if (after === 0) return;
    const before = links[(node << 1) | 1] as number;
    links[before << 1] = after;
    links[(after << 1) | 1] = before;
    links[node << 1] = 0;
  }

  age(slot: number): Milliseconds {
    return this.now - (this.lives[slot << 1] as number);
  }

  ttl(slot: number): Milliseconds {
    return this.lives[(slot << 1) | 1] as number;
  }

  remaining(slot: number): Milliseconds {
    return this.end(slot) - this.now;
  }

  private end(slot: number): Milliseconds {
    return (this.lives[slot << 1] as number) + (this.lives[(slot << 1) | 1] as number);
  }

  /** Goes on to what the clock says. @returns what is due, and filed nowhere */
  advance(reading: Milliseconds): readonly number[] {
    const before = this.now;
    const step = reading - this.reading;
    if (!(Math.abs(step) < Infinity)) return none;
    // No sum of steps: without steps back the time is the clock's to the last digit.
    const back = before - this.reading;
    this.reading = reading;
    if (step > 0) this.now = reading + back;
    let due: number[] | undefined;
    for (let level = 0, length = 1; level < levels; level++, length *= buckets) {
      const from = Math.floor(before / length);
      const passed = Math.floor(this.now / length) - from;
      if (passed === 0 && level > 0) break;
      for (let i = Math.min(passed, buckets - 1); i >= 0; i--) {
        const head = 1 + level * buckets + ((from + passed - i) & (buckets - 1));
        if (this.links[head << 1] !== head) due = this.sift(head, due);
      }
    }
    return due ?? none;
  }

  /** Takes out of a bucket what is due, and files the rest. */
  private sift(head: number, already: number[] | undefined): number[] | undefined {
    const { links } = this;
    let due = already;
    let node = links[head << 1] as number;
    links[head << 1] = links[(head << 1) | 1] = head;
    while (node !== head) {
      const after = links[node << 1] as number;
      links[node << 1] = 0;
      const slot = node - heads;
      const end = this.end(slot);
      if (end > this.now) this.file(slot, end);
      else if (due === undefined) due = [slot];
      else due.push(slot);
      node = after;
    }
    return due;
  }

  private file(slot: number, end: Milliseconds): void {
    this.stop(slot);
    if (end === Infinity) return;
    const { links } = this;
    const left = end - this.now;
    let level = 0;
    let length = 1;
    while (left >= length * buckets && level < levels - 1) {
      level++;
      length *= buckets;
    }
    const node = heads + slot;
    const head = 1 + level * buckets + (Math.floor(end / length) & (buckets - 1));
    const last = links[(head << 1) | 1] as number;
    links[last << 1] = node;
    links[(node << 1) | 1] = last;
    links[node << 1] = head;
    links[(head << 1) | 1] = node;
  }
}
