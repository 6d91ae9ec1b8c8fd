import type { Milliseconds } from '../core/policy.ts';

/** What a window is: the last `calls` calls, or those of the last `duration`. Exactly one of the two. */
export type WindowSize = { duration: Milliseconds; calls?: undefined } | { calls: number; duration?: undefined };

/** How many of the latest calls bore a mark: failed, or slow. */
export interface CallWindow {
  /** Calls in the window. */
  readonly calls: number;
  /** Those of them that bore the mark. */
  readonly marked: number;
  record(marked: boolean, now: Milliseconds): void;
  /** Its contents in ages, plain numbers that survive JSON; `undefined` when it is empty. */
  snapshot(now: Milliseconds): number[] | undefined;
  /** Takes over what `snapshot` of a window of the same size gave; anything else is left alone. */
  restore(saved: unknown, now: Milliseconds): void;
}

/** The last `size` calls: each further one pushes the oldest out. A ring of marks and a running total. */
export class CountWindow implements CallWindow {
  calls = 0;
  marked = 0;
  readonly #ring: Uint8Array;
  #next = 0;

  constructor(size: number) {
    this.#ring = new Uint8Array(size);
  }

  record(marked: boolean): void {
    const ring = this.#ring;
    if (this.calls === ring.length) this.marked -= ring[this.#next] as number;
    else this.calls++;
    this.marked += ring[this.#next] = marked ? 1 : 0;
    if (++this.#next === ring.length) this.#next = 0;
  }

  snapshot(): number[] | undefined {
    return this.calls === 0 ? undefined : [this.#ring.length, this.calls, this.#next, ...this.#ring];
  }

  restore(saved: unknown): void {
    const ring = this.#ring;
    const marks = contents(saved, ring.length, 3, ring.length);
    if (marks === undefined) return;
    [, this.calls, this.#next] = saved as [number, number, number];
    ring.set(marks);
    this.marked = sum(ring);
  }
}

const buckets = 10;

/**
 * The calls of the last `duration`, counted in ten buckets: a ring of totals that turns when it is next asked, and a
 * running total of them all. Recording is O(1), without allocation, whatever the number of calls.
 *
 * ```text
 *            └──────────── duration ────────────┘
 *   gone │ 3 │ 0 │ 7 │ 2 │ 0 │ 0 │ 1 │ 4 │ 2 │ 5 ← now
 * ```
 *
 * A call leaves with its bucket: one younger than 9/10 of the duration is always counted, one as old as the duration
 * never. The first call to come into an empty window begins a bucket, so that it leaves at exactly its duration.
 *
 * Age is the sum of the clock's steps forward. A step back is no time at all: nothing is forgotten early, nothing is
 * counted for longer, and no count goes below zero. (Buckets after Nygard, Release It!, 2007, as in Hystrix, 2012.)
 */
export class TimeWindow implements CallWindow {
  calls = 0;
  marked = 0;
  readonly #duration: Milliseconds;
  /** Calls and marked calls of each bucket, side by side. */
  readonly #ring = new Uint32Array(2 * buckets);
  /** When bucket 0 began; goes back with the clock. */
  #origin: Milliseconds = 0;
  #bucket = 0;
  /** Where the bucket at hand is in the ring. */
  #at = 0;
  #now: Milliseconds = NaN;

  constructor(duration: Milliseconds) {
    this.#duration = duration;
  }

  record(marked: boolean, now: Milliseconds): void {
    // A coarse clock says the same all turn long: most calls stop here.
    if (now !== this.#now) this.advance(now);
    const ring = this.#ring;
    const at = this.#at;
    this.calls++;
    ring[at] = (ring[at] as number) + 1;
    if (!marked) return;
    this.marked++;
    ring[at + 1] = (ring[at + 1] as number) + 1;
  }

  /** Forgets what is too old by now. */
  advance(now: Milliseconds): void {
    if (now < this.#now) this.#origin += now - this.#now;
    this.#now = now;
    // Times the buckets first, so that a step of exactly the duration is exactly ten buckets.
    const bucket = Math.floor(((now - this.#origin) * buckets) / this.#duration);
    for (let old = Math.max(this.#bucket + 1, bucket - buckets + 1); old <= bucket; old++)
      this.#clear((old % buckets) * 2);
    // Rounding may put a clock that steps back an instant before the bucket began.
    this.#bucket = Math.max(this.#bucket, bucket);
    if (this.calls === 0) {
      this.#origin = now;
      this.#bucket = 0;
    }
    this.#at = (this.#bucket % buckets) * 2;
  }

  snapshot(now: Milliseconds): number[] | undefined {
    this.advance(now);
    return this.calls === 0 ? undefined : [this.#duration, now - this.#origin, ...this.#ring];
  }

  restore(saved: unknown, now: Milliseconds): void {
    const counts = contents(saved, this.#duration, 2, 2 * buckets);
    if (counts === undefined) return;
    const age = (saved as number[])[1] as number;
    const ring = this.#ring;
    ring.set(counts);
    this.marked = sum(ring.filter((_, at) => at % 2 === 1));
    this.calls = sum(ring) - this.marked;
    this.#origin = now - age;
    this.#bucket = Math.floor((age * buckets) / this.#duration);
    this.advance(now);
  }

  #clear(at: number): void {
    const ring = this.#ring;
    this.calls -= ring[at] as number;
    this.marked -= ring[at + 1] as number;
    ring[at] = ring[at + 1] = 0;
  }
}

/** The counts of a snapshot, if it was taken of a window of this very size; JSON has null for Infinity. */
function contents(saved: unknown, size: number, from: number, length: number): number[] | undefined {
  return Array.isArray(saved) && (saved[0] ?? Infinity) === size && saved.length === from + length
    ? saved.slice(from)
    : undefined;
}

function sum(counts: Uint8Array | Uint32Array): number {
  let total = 0;
  for (const count of counts) total += count;
  return total;
}
