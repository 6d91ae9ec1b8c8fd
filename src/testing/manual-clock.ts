import { type Clock, nextTurn } from '../core/clock.ts';
import { checked, where } from '../core/options.ts';
import type { Milliseconds } from '../core/policy.ts';

interface Timer {
  readonly due: Milliseconds;
  /** Timers due at one time run in the order they were scheduled. */
  readonly order: number;
  /** Gone once the timer has run or was cancelled. */
  run: (() => void) | undefined;
}

export interface ManualClockOptions {
  /** What `now()` says first. Default 0. */
  start?: Milliseconds | undefined;
  /** What `wall()` says first, in milliseconds since 1970. Default the beginning of 2026, UTC. */
  wall?: Milliseconds | undefined;
}

const finite = /* @__PURE__ */ where<number>('number', 'a finite number of milliseconds', (n) => Number.isFinite(n));

/**
 * A clock that stands still until it is moved by hand, so that what takes an hour is tested in a millisecond and goes
 * the same way every time.
 *
 * ```ts
 * import { timeout } from 'holdfast';
 * import { ManualClock } from 'holdfast/testing';
 *
 * const clock = new ManualClock();
 * const call = timeout({ duration: 1_000, clock }).execute(() => new Promise(() => {}));
 * call.catch((error) => console.log(error.code)); // ERR_TIMEOUT
 * await clock.advance(1_000);
 * ```
 */
export class ManualClock implements Clock {
  /** Time moved so far, the scale of the timers: a step of `now()` or `wall()` does not touch it. */
  #elapsed: Milliseconds = 0;
  #start: Milliseconds;
  #wallStart: Milliseconds;
  #scheduled = 0;
  #pending = 0;
  /** A binary heap, the timer due first at the top; cancelled ones stay until they come up or are half of it. */
  #heap: Timer[] = [];
  #moving: Promise<void> = Promise.resolve();

  /** @throws {RangeError | TypeError} for anything but finite numbers, and for an unknown option */
  constructor(options: ManualClockOptions = {}) {
    const { start = 0, wall = 1_767_225_600_000 }: ManualClockOptions = checked('ManualClock', options, {
      start: finite,
      wall: finite,
    });
    this.#start = start;
    this.#wallStart = wall;
  }

  /** Timers scheduled, neither run nor cancelled yet. */
  get pending(): number {
    return this.#pending;
  }

  now(): Milliseconds {
    return this.#start + this.#elapsed;
  }

  /** The same as `now()`. */
  coarse(): Milliseconds {
    return this.now();
  }

  wall(): Milliseconds {
    return this.#wallStart + this.#elapsed;
  }

  /** @throws {RangeError} for a delay that is not a number */
  schedule(delay: Milliseconds, run: () => void): { cancel(): void } {
    if (!(delay <= Infinity)) throw new RangeError(`ManualClock: delay must be a number of milliseconds, got ${delay}`);
    const timer: Timer = { due: this.#elapsed + Math.max(delay, 0), order: this.#scheduled++, run };
    this.#pending++;
    this.#push(timer);
    return {
      cancel: () => {
        if (timer.run === undefined) return;
        timer.run = undefined;
        this.#pending--;
        if (this.#heap.length > 64 && this.#heap.length > 2 * this.#pending) {
          // Sorted, it is a heap.
          this.#heap = this.#heap.filter((each) => each.run !== undefined).sort(compare);
        }
      },
    };
  }

  /**
   * Moves time on by `duration`, and runs what falls due on the way, in order of time, then of scheduling; during each
   * timer `now()` is the very time it is due. Before, between and after them the event loop is given a turn, so that
   * everything that follows from a timer by promises alone, however long the chain, has happened before the next one,
   * and before the returned promise resolves. `advance(0)` runs what is due now.
   *
   * A call during another waits for it. What a timer throws rejects the promise, and leaves time where it is.
   *
   * @throws {RangeError} when time would go back, or for ever: use `jump`
   */
  advance(duration: Milliseconds): Promise<void> {
    where<number>(
      'number',
      '0 or more milliseconds, and finite',
      (n) => n >= 0 && n < Infinity,
    )('ManualClock: duration', duration);
    const moved = this.#moving.then(() => this.#advance(this.#elapsed + duration));
    this.#moving = moved.catch(() => {});
    return moved;
  }

  /** Steps what `now()` says, forth or back, as a faulty clock would. Timers run after as long as they would have. */
  jump(by: Milliseconds): void {
    finite('ManualClock: by', by);
    this.#start += by;
  }

  /** Steps what `wall()` says, forth or back, as somebody who sets the date would. */
  jumpWall(by: Milliseconds): void {
    finite('ManualClock: by', by);
    this.#wallStart += by;
  }

  /** What has to be waited for before the next timer. */
  protected settle(): Promise<void> | undefined {
    // A turn of the real event loop: microtasks run until none is left. In browsers a timer of 0, in Node an immediate.
    return new Promise(nextTurn);
  }

  async #advance(end: Milliseconds): Promise<void> {
    await this.settle();
    for (let timer = this.#due(end); timer !== undefined; timer = this.#due(end)) {
      this.#elapsed = timer.due;
      this.#pending--;
      const { run } = timer;
      timer.run = undefined;
      run?.();
      const settled = this.settle();
      if (settled !== undefined) await settled;
    }
    this.#elapsed = end;
  }

  /** Takes out the next timer that is due at `end`, and what was cancelled before it. */
  #due(end: Milliseconds): Timer | undefined {
    for (let top = this.#heap[0]; top !== undefined && top.due <= end; top = this.#heap[0]) {
      this.#pop();
      if (top.run !== undefined) return top;
    }
    return undefined;
  }

  #push(timer: Timer): void {
    const heap = this.#heap;
    let at = heap.length;
    while (at > 0) {
      const above = (at - 1) >> 1;
      if (compare(heap[above] as Timer, timer) < 0) break;
      heap[at] = heap[above] as Timer;
      at = above;
    }
    heap[at] = timer;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop() as Timer;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      let below = 2 * at + 1;
      if (below >= heap.length) break;
      if (below + 1 < heap.length && compare(heap[below + 1] as Timer, heap[below] as Timer) < 0) below++;
      if (compare(last, heap[below] as Timer) < 0) break;
      heap[at] = heap[below] as Timer;
      at = below;
    }
    heap[at] = last;
  }
}

function compare(a: Timer, b: Timer): number {
  return a.due - b.due || a.order - b.order;
}
