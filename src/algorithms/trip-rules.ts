import { type Check, checked, duration, integer, positive } from '../core/options.ts';
import type { Milliseconds } from '../core/policy.ts';
import { CallWindow, type WindowSize } from './windows.ts';

/**
 * When a circuit opens. Called once for each time a circuit closes, the first included, and gives a memory of its own,
 * so that no two breakers share a counter, and what led to one opening is forgotten before the next.
 */
export type TripRule = () => TripMemory;

/** What a rule remembers of the calls of one closed circuit. */
export interface TripMemory {
  /**
   * Given, each call is timed, at the price of two clock reads; one that takes longer than this is slow, and a probe
   * that does has failed.
   */
  readonly slowerThan?: Milliseconds | undefined;
  /** Says that `record` never looks at `now`: a success then reads no clock, and gives `NaN`. */
  readonly timeless?: boolean;
  /**
   * Notes a call that has ended, and says whether the circuit must open now.
   *
   * @param now on a monotonic scale; coarse, unless calls are timed
   * @param took from admission to the end; `NaN` unless calls are timed
   */
  record(failed: boolean, now: Milliseconds, took: Milliseconds): boolean;
  /** What it remembers, in ages and fit for JSON; `undefined` when that is nothing. Without it a breaker is never idle. */
  snapshot?(now: Milliseconds): unknown;
  /** Takes over what `snapshot` gave, perhaps by way of JSON, and leaves alone what it does not know. */
  restore?(saved: unknown, now: Milliseconds): void;
}

/**
 * Opens after `count` failures in a row. A success in between starts the count anew; what is ignored does not.
 *
 * @param options `count`: 1 or more, default 5
 * @throws {TypeError | RangeError} for an option that is unknown or out of range
 */
export function consecutiveFailures(options: { count?: number | undefined } = {}): TripRule {
  const { count = 5 } = checked('consecutiveFailures', options, { count: integer(1) });
  return () => new Row(count);
}

export interface RatioOptions {
  /** The share of calls that opens the circuit: above 0, up to 1 (all of them). Reached is enough. Default 0.5. */
  ratio?: number | undefined;
  /** `{ duration }`, the calls of the last milliseconds, or `{ calls }`, the last 1 to 2 ** 24. Default 10 seconds. */
  window?: WindowSize | undefined;
  /** Never opens on fewer calls than this: 1 or more, at most the window's `calls`. Default 20, or those `calls` if fewer. */
  minCalls?: number | undefined;
}

export interface SlowCallOptions extends RatioOptions {
  /** A call that takes longer than this is slow, whether it succeeds or fails. 0 or more milliseconds. */
  slowerThan: Milliseconds;
}

/**
 * Opens when at least `ratio` of the calls in the window failed, once there are `minCalls` of them.
 *
 * @throws {TypeError | RangeError} for an option that is unknown or out of range
 */
export function failureRatio(options: RatioOptions = {}): TripRule {
  return ratioRule('failureRatio', options, {});
}

/**
 * Opens when at least `ratio` of the calls in the window took longer than `slowerThan`, once there are `minCalls` of
 * them. Failed or not does not matter here: combine it with `failureRatio` by `anyOf`. Reads the clock twice a call.
 * (After resilience4j's slow-call rate.)
 *
 * @throws {TypeError | RangeError} for an option that is unknown or out of range
 */
export function slowCallRatio(options: SlowCallOptions): TripRule {
  const rule = ratioRule('slowCallRatio', options, { slowerThan: duration });
  duration('slowCallRatio: slowerThan', options.slowerThan);
  return rule;
}

/**
 * Opens when any of the rules would. Each counts every call by itself.
 *
 * @throws {TypeError} when no rule is given, or something else than a rule
 */
export function anyOf(...rules: TripRule[]): TripRule {
  if (rules.length === 0 || rules.some((rule) => typeof rule !== 'function'))
    throw new TypeError('anyOf: takes one trip rule or more');
  return () => new Several(rules.map((rule) => rule()));
}

function ratioRule(
  factory: string,
  options: RatioOptions & { slowerThan?: Milliseconds },
  more: { slowerThan?: Check },
): TripRule {
  const {
    ratio = 0.5,
    window = { duration: 10_000 },
    minCalls = Math.min(20, window.calls ?? 20),
    slowerThan,
  } = checked<RatioOptions & { slowerThan?: Milliseconds }>(factory, options, {
    ratio: positive(1),
    window: checkWindow,
    minCalls: integer(1, options?.window?.calls),
    ...more,
  } as Record<keyof SlowCallOptions, Check>);

  const size = { ...window };
  return () => new Share(new CallWindow(size), ratio, minCalls, slowerThan);
}

function checkWindow(label: string, value: unknown): void {
  const { calls, duration } = checked(label, value as { calls?: number; duration?: Milliseconds }, {
    calls: integer(1, 2 ** 24),
    duration: positive(Infinity),
  });
  if ((calls === undefined) === (duration === undefined))
    throw new TypeError(`${label} must have either duration or calls`);
}

// Classes, not closures: their methods are inlined where a call ends, also in a program that uses several rules.

/** Failures in a row. */
class Row implements TripMemory {
  readonly timeless: boolean = true;
  readonly #count: number;
  #failures = 0;

  constructor(count: number) {
    this.#count = count;
  }

  record(failed: boolean): boolean {
    this.#failures = failed ? this.#failures + 1 : 0;
    return this.#failures >= this.#count;
  }

  snapshot(): number | undefined {
    return this.#failures || undefined;
  }

  restore(saved: unknown): void {
    if (typeof saved === 'number' && saved > 0) this.#failures = saved;
  }
}

/** The share of failed calls, or of slow ones, in a window. */
class Share implements TripMemory {
  readonly slowerThan: Milliseconds | undefined;
  readonly timeless: boolean;
  readonly #window: CallWindow;
  readonly #ratio: number;
  readonly #minCalls: number;

  constructor(window: CallWindow, ratio: number, minCalls: number, slowerThan: Milliseconds | undefined) {
    this.#window = window;
    this.#ratio = ratio;
    this.#minCalls = minCalls;
    this.slowerThan = slowerThan;
    this.timeless = window.timeless;
  }

  record(failed: boolean, now: Milliseconds, took: Milliseconds): boolean {
    const window = this.#window;
    window.record(this.slowerThan === undefined ? failed : took > this.slowerThan, now);
    // A success opens the circuit too, where it is the call that makes them enough. A quotient, for 7 of 100 is 0.07
    // then, whereas 0.07 * 100 is more than 7.
    return window.marked > 0 && window.calls >= this.#minCalls && window.marked / window.calls >= this.#ratio;
  }

  snapshot(now: Milliseconds): unknown {
    return this.#window.snapshot(now);
  }

  restore(saved: unknown, now: Milliseconds): void {
    this.#window.restore(saved, now);
  }
}

class Several implements TripMemory {
  readonly slowerThan: Milliseconds | undefined;
  readonly #memories: readonly TripMemory[];

  constructor(memories: readonly TripMemory[]) {
    const limits = memories.flatMap(({ slowerThan }) => slowerThan ?? []);
    this.slowerThan = limits.length > 0 ? Math.min(...limits) : undefined;
    this.#memories = memories;
  }

  record(failed: boolean, now: Milliseconds, took: Milliseconds): boolean {
    let opens = false;
    // No short cut: each must have counted the call.
    for (const memory of this.#memories) opens = memory.record(failed, now, took) || opens;
    return opens;
  }

  snapshot(now: Milliseconds): unknown[] | undefined {
    const saved = this.#memories.map((memory) => memory.snapshot?.(now));
    return saved.some((each) => each !== undefined) ? saved : undefined;
  }

  restore(saved: unknown, now: Milliseconds): void {
    if (!Array.isArray(saved)) return;
    for (const [at, memory] of this.#memories.entries()) {
      const of: unknown = saved[at];
      // JSON has null for what was nothing.
      if (of !== undefined && of !== null) memory.restore?.(of, now);
    }
  }
}
