import type { Milliseconds } from '../core/policy.ts';

/** What a window is: the last `calls` calls, or those of the last `duration`. Exactly one of the two. */
export type WindowSize = { duration: Milliseconds; calls?: undefined } | { calls: number; duration?: undefined };

/**
 * How many of the latest calls bore a mark: failed, or slow. A ring of totals, one for each bucket of time, that turns
 * when it is next asked, and a running total of them all. Recording is O(1), without allocation.
 *
 * ```text
 *            └──────────── duration ────────────┘
 *   gone │ 3 │ 0 │ 7 │ 2 │ 0 │ 0 │ 1 │ 4 │ 2 │ 5 ← now
 * ```
 *
 * The calls of the last `duration` are in ten buckets. A call leaves with its bucket: one younger than 9/10 of the
 * duration is always counted, one as old as the duration never. The first call to come into an empty window begins a
 * bucket, so that it leaves at exactly its duration. The last `calls` calls are in a bucket each.
 *
 * Age is the sum of the clock's steps forward. A step back is no time at all: nothing is forgotten early, nothing is
 * counted for longer, and no count goes below zero. (Buckets after Nygard, Release It!, 2007, as in Hystrix, 2012.)
 */
export class CallWindow {
  /** Calls in the window. */
  calls = 0;
  /** Those of them that bore the mark. */
  marked = 0;
  readonly #size: number;
  /** It is one of calls. */
  readonly timeless: boolean;
  readonly #buckets: number;
  /** Calls and marked calls of each bucket, side by side. */
  readonly #ring: Uint32Array;
  /** When bucket 0 began; goes back with the clock. */
  #origin: Milliseconds = 0;
  #bucket = 0;
  /** Where the bucket at hand is in the ring. */
  #at = 0;
  #now: Milliseconds = 0;

  constructor({ calls, duration }: WindowSize) {
    this.timeless = calls !== undefined;
    this.#size = calls ?? duration;
    this.#buckets = calls ?? 10;
    this.#ring = new Uint32Array(2 * this.#buckets);
  }

  record(marked: boolean, now: Milliseconds): void {
    if (this.timeless) this.#at = this.#clear(++this.#bucket);
    // A coarse clock says the same all turn long: most calls stop here.
    else if (now !== this.#now) this.advance(now);
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
    const bucket = this.#bucketOf(now - this.#origin);
    // Counted down: above 2 ** 53 one more is the same number.
    for (let old = Math.min(bucket - this.#bucket, this.#buckets); old > 0; old--) this.#clear(this.#bucket + old);
    // Rounding may put a clock that steps back an instant before the bucket began.
    this.#bucket = Math.max(this.#bucket, bucket);
    if (this.calls === 0) {
      this.#origin = now;
      this.#bucket = 0;
    }
    this.#at = (this.#bucket % this.#buckets) * 2;
  }

  /** Its contents in ages, plain numbers that survive JSON; `undefined` when it is empty. */
  snapshot(now: Milliseconds): number[] | undefined {
    if (!this.timeless) this.advance(now);
    return this.calls === 0
      ? undefined
      : [this.#size, this.timeless ? this.#bucket : now - this.#origin, ...this.#ring];
  }

  /** Takes over what `snapshot` of a window of the same size gave; anything else is left alone. */
  restore(saved: unknown, now: Milliseconds): void {
    const ring = this.#ring;
    // JSON has null for Infinity.
    if (!Array.isArray(saved) || (saved[0] ?? Infinity) !== this.#size || saved.length !== 2 + ring.length) return;
    if (!saved.every((each) => each >= 0)) return;
    ring.set(saved.slice(2));
    this.calls = this.marked = 0;
    for (const [at, count] of ring.entries()) this[at % 2 === 0 ? 'calls' : 'marked'] += count;
    this.#bucket = this.#bucketOf(saved[1]);
    this.#now = now;
    this.#origin = now - saved[1];
    if (!this.timeless) this.advance(now);
  }

  /** Multiplied first, so that a step of exactly the duration is exactly ten buckets. */
  #bucketOf(age: number): number {
    return Math.floor((age * this.#buckets) / this.#size);
  }

  /** Forgets what a bucket's place held, and says where that is. */
  #clear(bucket: number): number {
    const ring = this.#ring;
    const at = (bucket % this.#buckets) * 2;
    this.calls -= ring[at] as number;
    this.marked -= ring[at + 1] as number;
    ring[at] = ring[at + 1] = 0;
    return at;
  }
}
