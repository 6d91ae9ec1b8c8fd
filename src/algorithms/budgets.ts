import { checked, integer, number } from '../core/options.ts';
import type { Verdict } from '../core/outcome.ts';
import type { Milliseconds } from '../core/policy.ts';

/**
 * Bounds how much is tried again, over all calls that share it: a retry multiplies load just when there is too much of
 * it. Give one budget to every retry and hedge in front of one upstream.
 */
export interface Budget {
  /** A call begins: its first try starts. */
  begin(now: Milliseconds): void;
  /** Its try has failed: whether it may have another one, which is then taken. */
  tryRetry(now: Milliseconds): boolean;
  /** The call is over, after `retries` tries more than the first; `verdict` is on the last of them. */
  end(retries: number, verdict: Verdict, now: Milliseconds): void;
}

export interface RetryBudgetOptions {
  /** Retries there may be for each first try, 0 to 1_000. Default 0.2: one for five. */
  ratio?: number | undefined;
  /** Retries a second there may be besides, 0 or more, for callers who come seldom. Default 10. */
  minPerSecond?: number | undefined;
  /** How far back first tries and retries are counted, 1 or more. Default 10_000. */
  window?: Milliseconds | undefined;
}

/**
 * Allows a retry where it and those of the last `window` are at most `ratio` × first tries of that time, and
 * `minPerSecond` × its seconds (after Finagle's RetryBudget, Twitter, 2014).
 *
 * Both are counted in fifty slices of the window, whatever their number. A slice partly out of the window counts with its
 * retries and without its first tries, so that the bound holds exactly; what was spent is back after the window and at
 * most a fiftieth of it.
 *
 * ```text
 *        window ├───────────────────────────────┤ now
 *   first tries      4 │ 9 │ 7 │ 8 │ 6 │ 9 │ 5 │ 2
 *   retries      1 │ 0 │ 2 │ 1 │ 0 │ 0 │ 3 │ 1 │ 0
 * ```
 *
 * @throws {RangeError} for options out of range
 */
export function retryBudget(options: RetryBudgetOptions = {}): Budget {
  const {
    ratio = 0.2,
    minPerSecond = 10,
    window = 10_000,
  } = checked('retryBudget', options, {
    ratio: number(0, 1_000),
    minPerSecond: number(0, Infinity),
    window: number(1, Number.MAX_SAFE_INTEGER),
  });
  const slices = 50;
  // Rings: the slices of a window, and the one that is partly out of it.
  const begun = new Uint32Array(slices + 1);
  const retried = new Uint32Array(slices + 1);
  let origin = 0;
  let last: Milliseconds | undefined;
  let newest = 0;

  return {
    begin(now) {
      const at = catchUp(now);
      begun[at] = (begun[at] as number) + 1;
    },
    tryRetry(now) {
      const at = catchUp(now);
      const oldest = (at + 1) % begun.length;
      const allowed = ratio * (sum(begun) - (begun[oldest] as number)) + (minPerSecond * window) / 1_000;
      if (sum(retried) + 1 > allowed) return false;
      retried[at] = (retried[at] as number) + 1;
      return true;
    },
    end() {},
  };

  /** Forgets the slices that have left the window, and says which is the newest. A clock that steps back stands still. */
  function catchUp(now: Milliseconds): number {
    if (last === undefined) origin = now;
    else if (now < last) origin += now - last;
    last = now;
    // Multiplied first: a step of exactly the window is exactly its slices.
    const slice = Math.floor(((now - origin) * slices) / window);
    for (let next = Math.max(newest, slice - begun.length) + 1; next <= slice; next++) {
      begun[next % begun.length] = retried[next % begun.length] = 0;
    }
    newest = Math.max(newest, slice);
    return newest % begun.length;
  }
}

function sum(counts: Uint32Array): number {
  let total = 0;
  for (const count of counts) total += count;
  return total;
}

export interface ConcurrentRetryBudgetOptions {
  /** Retries at once for each call under way, 0 to 1. Default 0.2. */
  share?: number | undefined;
  /** Retries at once there may be in any case, 0 or more. Default 3. */
  min?: number | undefined;
}

/**
 * Allows a retry while fewer than max(`min`, ⌊`share` × calls under way⌋) are lent (after Envoy's retry budget). A call
 * gives back what it was lent when it is over, not sooner: on its own it has at most `min` retries.
 *
 * @throws {RangeError} for options out of range
 */
export function concurrentRetryBudget(options: ConcurrentRetryBudgetOptions = {}): Budget {
  const { share = 0.2, min = 3 } = checked('concurrentRetryBudget', options, {
    share: number(0, 1),
    min: integer(0),
  });
  let calls = 0;
  let lent = 0;
  return {
    begin() {
      calls++;
    },
    tryRetry() {
      if (lent >= Math.max(min, Math.floor(share * calls))) return false;
      lent++;
      return true;
    },
    end(retries) {
      calls--;
      lent -= retries;
    },
  };
}

export interface RetryThrottleOptions {
  /** Tokens to begin with, and at most, 1 to 1_000. Default 100. */
  maxTokens?: number | undefined;
  /** What a success gives back, 0.001 or more, in thousandths. Default 0.1. */
  tokenRatio?: number | undefined;
}

/**
 * Takes a token for every failure, gives back `tokenRatio` for every success, and allows retries while more than half of
 * the tokens are left, the failure that asks included: they stop once there have been more failures than `tokenRatio` ×
 * successes for a while, and only then (gRPC proposal A6, Client Retries, 2017).
 *
 * @throws {RangeError} for options out of range
 */
export function retryThrottle(options: RetryThrottleOptions = {}): Budget {
  const { maxTokens = 100, tokenRatio = 0.1 } = checked('retryThrottle', options, {
    maxTokens: number(1, 1_000),
    tokenRatio: number(0.001, Infinity),
  });
  // In thousandths, as the proposal has it: sums of 0.1 would drift.
  const max = Math.round(1_000 * maxTokens);
  const reward = Math.round(1_000 * tokenRatio);
  let tokens = max;
  return {
    begin() {},
    tryRetry() {
      // The failure that asks counts already. Where it is denied, `end` counts it.
      if (tokens - 1_000 <= max / 2) return false;
      tokens -= 1_000;
      return true;
    },
    end(_retries, verdict) {
      if (verdict === 'success') tokens = Math.min(max, tokens + reward);
      else if (verdict === 'failure') tokens = Math.max(0, tokens - 1_000);
    },
  };
}
