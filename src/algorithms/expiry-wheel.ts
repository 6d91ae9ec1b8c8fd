import type { Milliseconds } from '../core/policy.ts';
import { longerFloats } from './slot-arrays.ts';

/** Buckets of a level. Each of the next level is as long as all of them. */
const buckets = 64;
/** The last one's buckets are 12 days long, and go round in 2 years. */
const levels = 6;
const heads = buckets * levels;
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
  /** Rings: the heads of the buckets first, then the slots. One that is in no bucket is a ring of its own. */
  private next: Uint32Array;
  private prev: Uint32Array;
  private since: Float64Array;
  private ttls: Float64Array;

  /** @param length one more than the highest slot; all of them start now, without an end */
  constructor(length: number, now: Milliseconds) {
    this.now = now;
    this.reading = now;
    this.next = ring(heads + length);
    this.prev = this.next.slice();
    this.since = new Float64Array(length).fill(now);
    this.ttls = new Float64Array(length).fill(Infinity);
  }

  grow(length: number): void {
    const { next, prev, since, ttls } = this;
    this.next = ring(heads + length);
    this.next.set(next);
    this.prev = ring(heads + length);
    this.prev.set(prev);
    this.since = longerFloats(since, length, this.now);
    this.ttls = longerFloats(ttls, length, Infinity);
  }

  /** From now on, or from a time before. */
  start(slot: number, ttl: Milliseconds, since: Milliseconds = this.now): void {
    const before = (this.since[slot] as number) + (this.ttls[slot] as number);
    this.since[slot] = since;
    this.ttls[slot] = ttl;
    // Where it is filed is not after the time it had before. Infinity says that it is not filed.
    if (before === Infinity || since + ttl < before) this.file(slot);
  }

  /** Starts the same ttl again. */
  renew(slot: number): void {
    this.since[slot] = this.now;
  }

  stop(slot: number): void {
    this.unlink(heads + slot);
    this.ttls[slot] = Infinity;
  }

  age(slot: number): Milliseconds {
    return this.now - (this.since[slot] as number);
  }

  ttl(slot: number): Milliseconds {
    return this.ttls[slot] as number;
  }

  remaining(slot: number): Milliseconds {
    return (this.since[slot] as number) + (this.ttls[slot] as number) - this.now;
  }

  /** Goes on to what the clock says. @returns what is due; still there until it is stopped */
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
        const head = level * buckets + ((from + passed - i) & (buckets - 1));
        if (this.next[head] !== head) due = this.sift(head, due);
      }
    }
    return due ?? none;
  }

  /** Takes out of a bucket what is due, and files the rest. */
  private sift(head: number, already: number[] | undefined): number[] | undefined {
    let due = already;
    let node = this.next[head] as number;
    this.next[head] = head;
    this.prev[head] = head;
    while (node !== head) {
      const after = this.next[node] as number;
      this.next[node] = node;
      this.prev[node] = node;
      const slot = node - heads;
      if (this.remaining(slot) > 0) this.file(slot);
      else if (due === undefined) due = [slot];
      else due.push(slot);
      node = after;
    }
    return due;
  }

  private file(slot: number): void {
    const node = heads + slot;
    this.unlink(node);
    const end = (this.since[slot] as number) + (this.ttls[slot] as number);
    if (end === Infinity) return;
    const left = end - this.now;
    let level = 0;
    let length = 1;
    while (left >= length * buckets && level < levels - 1) {
      level++;
      length *= buckets;
    }
    const head = level * buckets + (Math.floor(end / length) & (buckets - 1));
    const last = this.prev[head] as number;
    this.next[last] = node;
    this.prev[node] = last;
    this.next[node] = head;
    this.prev[head] = node;
  }

  private unlink(node: number): void {
    const after = this.next[node] as number;
    const before = this.prev[node] as number;
    this.next[before] = after;
    this.prev[after] = before;
    this.next[node] = node;
    this.prev[node] = node;
  }
}

/** Each node a ring of its own. */
function ring(length: number): Uint32Array {
  const links = new Uint32Array(length);
  for (let i = 0; i < length; i++) links[i] = i;
  return links;
}
