import { checked, duration, number, typed } from '../core/options.ts';
import type { Milliseconds } from '../core/policy.ts';
import type { Random } from '../core/random.ts';

/**
 * How long to wait before the next try. Pure: `attempt` is the number of the try that has just failed, 1 for the first;
 * `previous` is the delay chosen before it, `undefined` at first. A negative answer or `Infinity` means: stop.
 */
export type Backoff = (attempt: number, previous: Milliseconds | undefined, random: Random) => Milliseconds;

/** Spreads a delay, so that callers who failed together do not come back together. */
export type Jitter = (delay: Milliseconds, random: Random) => Milliseconds;

/** The delay as it is. */
export const noJitter: Jitter = (delay) => delay;

/**
 * Anything from 0 up to, not including, the delay: the least load on who is called
 * (Brooker, Exponential Backoff and Jitter, AWS Architecture Blog, 2015).
 */
export const fullJitter: Jitter = (delay, random) => delay * random();

/** From half the delay up to, not including, all of it: never at once (Brooker, 2015). */
export const equalJitter: Jitter = (delay, random) =>
  // 0.5 + random() / 2 rounds to 1 for the largest number below 1.
  delay * Math.min(0.5 + random() / 2, 1 - Number.EPSILON / 2);

/**
 * The delay, more or less up to `ratio` of it; still capped by the backoff's `max`.
 *
 * @param ratio 0 to 1: 0.2 gives from 80 % to 120 %
 */
export function jitter(ratio: number): Jitter {
  number(0, 1)('jitter: ratio', ratio);
  return (delay, random) => delay * (1 + ratio * (2 * random() - 1));
}

export interface ConstantOptions {
  /** Before each try, 0 or more. `Infinity`: no further try. */
  delay: Milliseconds;
  /** Default `noJitter`. */
  jitter?: Jitter | undefined;
}

export interface LinearOptions {
  /** After the first try, 0 or more. Default 100. */
  initial?: Milliseconds | undefined;
  /** What each further one adds, 0 or more. Default `initial`. */
  increment?: Milliseconds | undefined;
  /** The most there is, jitter included, 0 or more. Default 30_000. */
  max?: Milliseconds | undefined;
  /** Default `noJitter`. */
  jitter?: Jitter | undefined;
}

export interface ExponentialOptions {
  /** After the first try, 0 or more. Default 100. */
  initial?: Milliseconds | undefined;
  /** What each further one is multiplied by, 1 or more. Default 2. */
  factor?: number | undefined;
  /** The most there is, jitter included, 0 or more. Default 30_000. */
  max?: Milliseconds | undefined;
  /** Default `fullJitter`. */
  jitter?: Jitter | undefined;
}

export interface FibonacciOptions {
  /** After the first try, 0 or more. Default 100. */
  initial?: Milliseconds | undefined;
  /** The most there is, jitter included, 0 or more. Default 30_000. */
  max?: Milliseconds | undefined;
  /** Default `fullJitter`. */
  jitter?: Jitter | undefined;
}

export interface DecorrelatedOptions {
  /** The least there is, 0 or more. Default 100. */
  initial?: Milliseconds | undefined;
  /** The most there is, 0 or more. Default 30_000. */
  max?: Milliseconds | undefined;
}

/** The same delay every time. */
export function constant(options: ConstantOptions): Backoff {
  const { delay, jitter = noJitter } = checked('constant', options, {
    delay: duration,
    jitter: typed('function'),
  });
  duration('constant: delay', delay);
  // Never is spread no further: 0 × Infinity is no delay.
  return (_attempt, _previous, random) => (delay === Infinity ? delay : jitter(delay, random));
}

/** `initial + (attempt - 1) × increment`, at most `max`. */
export function linear(options: LinearOptions = {}): Backoff {
  const {
    initial = 100,
    increment = initial,
    max,
    jitter = noJitter,
  } = checked('linear', options, {
    initial: duration,
    increment: duration,
    max: duration,
    jitter: typed('function'),
  });
  return spread(max, jitter, (attempt) => initial + times(attempt - 1, increment));
}

/** `initial × factor ^ (attempt - 1)`, at most `max` (truncated exponential back-off, as in Ethernet, IEEE 802.3). */
export function exponential(options: ExponentialOptions = {}): Backoff {
  const {
    initial = 100,
    factor = 2,
    max,
    jitter = fullJitter,
  } = checked('exponential', options, {
    initial: duration,
    factor: number(1, Infinity),
    max: duration,
    jitter: typed('function'),
  });
  return spread(max, jitter, (attempt) => times(factor ** (attempt - 1), initial));
}

/** `initial × 1, 1, 2, 3, 5, 8 …`, at most `max`: grows more gently than doubling. */
export function fibonacci(options: FibonacciOptions = {}): Backoff {
  const {
    initial = 100,
    max,
    jitter = fullJitter,
  } = checked('fibonacci', options, {
    initial: duration,
    max: duration,
    jitter: typed('function'),
  });
  // Binet's formula, 1843: no loop, and no state between calls.
  const golden = (1 + Math.sqrt(5)) / 2;
  const nth = (attempt: number): number => Math.round(golden ** attempt / Math.sqrt(5));
  return spread(max, jitter, (attempt) => times(nth(attempt), initial));
}

/**
 * Anything from `initial` to three times the delay before, at most `max`: grows by chance, and keeps callers apart
 * (Brooker, Exponential Backoff and Jitter, AWS Architecture Blog, 2015).
 */
export function decorrelated(options: DecorrelatedOptions = {}): Backoff {
  const { initial = 100, max = 30_000 } = checked('decorrelated', options, {
    initial: duration,
    max: duration,
  });
  const cap = finite(max);
  return (_attempt, previous = initial, random) =>
    Math.min(cap, initial + random() * Math.max(0, finite(3 * previous) - initial));
}

function spread(max: Milliseconds = 30_000, jitter: Jitter, grown: (attempt: number) => Milliseconds): Backoff {
  const cap = finite(max);
  return (attempt, _previous, random) => Math.min(jitter(Math.min(grown(attempt), cap), random), cap);
}

/** A million tries on, powers overflow: a delay of 0 is to stay 0, not become 0 × Infinity. */
function times(multiple: number, delay: Milliseconds): Milliseconds {
  return finite(multiple) * finite(delay);
}

function finite(value: number): number {
  return Math.min(value, Number.MAX_VALUE);
}
