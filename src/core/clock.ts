import type { Milliseconds } from './policy.ts';

/** Where a policy gets its time from. The system's unless told otherwise; `ManualClock` in tests. */
export interface Clock {
  /** Monotonic: says nothing about the date, never jumps. */
  now(): Milliseconds;
  /** The same, read at most once a turn of the event loop: for windows, ttl, ageing. */
  coarse(): Milliseconds;
  /** Since 1970: for dates in HTTP alone. */
  wall(): Milliseconds;
  /** Runs `run` once, after `delay` or later, never before. */
  schedule(delay: Milliseconds, run: () => void): { cancel(): void };
}

/** Timers of the run time take 31 bits; a longer one would fire at once. */
const longest = 2 ** 31 - 1;

declare const setImmediate: ((run: () => void) => { unref(): void }) | undefined;

/** Runs `run` once the microtasks at hand are done and the event loop has turned. */
export function nextTurn(run: () => void): void {
  // Looked up at call time, so that fake timers are seen.
  if (typeof setImmediate === 'function') setImmediate(run);
  else setTimeout(run, 0);
}

declare const process: { nextTick?(run: () => void): void } | undefined;

/**
 * Called in a microtask, runs `run` once there is no other left. In Node that takes no turn of the event loop, and so a
 * tenth of its time; elsewhere it is a turn.
 */
export function afterMicrotasks(run: () => void): void {
  if (typeof process === 'object' && process.nextTick !== undefined) process.nextTick(run);
  else nextTurn(run);
}

let turn: Milliseconds | undefined;
/** With whose timers the turn ends: fake ones of a test may be gone before they have run. */
let host: typeof setTimeout | undefined;

/** The run time's clock and timers. */
export const systemClock: Clock = {
  now: () => performance.now(),
  coarse() {
    if (turn === undefined || host !== setTimeout) {
      turn = performance.now();
      host = setTimeout;
      nextTurn(() => {
        turn = undefined;
      });
    }
    return turn;
  },
  wall: () => Date.now(),
  schedule(delay, run) {
    const due = performance.now() + delay;
    let timer = setTimeout(fire, Math.min(delay, longest));
    // The run time counts whole milliseconds and may be up to one early: a look at the clock sends it back to wait.
    function fire(): void {
      const left = due - performance.now();
      if (left > 0) timer = setTimeout(fire, Math.min(Math.ceil(left), longest));
      else run();
    }
    return { cancel: () => clearTimeout(timer) };
  },
};
