import type { Budget } from '../algorithms/budgets.ts';
import { Quantile } from '../algorithms/quantile.ts';
import { type Clock, systemClock } from '../core/clock.ts';
import { emit, type Listener } from '../core/events.ts';
import { checked, duration, integer, made, number, objectWith, positive, typed } from '../core/options.ts';
import { type Classify, classifyGuarded } from '../core/outcome.ts';
import { pipeline } from '../core/pipeline.ts';
import type { Milliseconds, Policy, Task } from '../core/policy.ts';
import { type Denial, Race, type RaceRules } from '../core/race.ts';
import type { Scope } from '../core/scope.ts';
import { expiry } from '../core/timers.ts';

/** A delay that follows how long calls take of late. */
export interface LiveDelay {
  /** The share of calls that are to be answered without a hedge: 0.01 to 0.999. Default 0.95. */
  quantile?: number | undefined;
  /** The least delay, above 0: what is faster than a timer is not worth a second call. Default 1. */
  min?: Milliseconds | undefined;
  /** Calls to learn from before any is hedged for being slow: 1 or more. Default 100. */
  minCalls?: number | undefined;
}

export interface HedgeOptions {
  /**
   * How long a call may take before the next one starts beside it: 0 or more; `Infinity` for never, so that only
   * failures start the next one. Or a quantile of how long calls have taken. Default `{ quantile: 0.95 }`.
   */
  delay?: Milliseconds | LiveDelay | undefined;
  /** Calls there may be besides the first one: 0 to 10. Default 1. */
  maxHedges?: number | undefined;
  /** Bounds hedges over all calls, and retries, that share it. Default none. */
  budget?: Budget | undefined;
  /**
   * Which outcome is taken: a success, and a value that is ignored. A failure starts the next call at once. Default: an
   * error is a failure; an `AbortError` or one of holdfast's own rejections is ignored: it starts nothing.
   */
  classify?: Classify | undefined;
  /**
   * Lets go of values that are not taken. Default: by their `Symbol.asyncDispose`, else `Symbol.dispose`, else an
   * unlocked `body` is cancelled.
   */
  dispose?: ((value: unknown) => unknown) | undefined;
  clock?: Clock | undefined;
  /** Carried by events and errors. Default `'hedge'`. */
  name?: string | undefined;
  onEvent?: Listener<HedgeEvent> | undefined;
}

/** What a hedge tells; `call` is 1 for the first call, 2 for the first hedge. */
export type HedgeEvent =
  /** Another call starts: the last one is slow, or has failed. */
  | { readonly type: 'hedge'; readonly name: string; readonly call: number; readonly reason: 'slow' | 'failed' }
  /** Another call would have started, and none does any more. */
  | { readonly type: 'denied'; readonly name: string; readonly call: number; readonly reason: Denial }
  /** Of several calls this one's outcome is taken. */
  | { readonly type: 'won'; readonly name: string; readonly call: number; readonly calls: number };

export interface Hedge extends Policy {
  /** After which time the next call would start now; `undefined` while there is too little to learn from. */
  readonly delay: Milliseconds | undefined;
  /** Nothing has been learnt yet. `perKey` prefers to forget such a hedge. */
  readonly idle: boolean;
}

/**
 * Starts the task a second time when the first call is slow, and takes whichever outcome is good first: a few more
 * calls for a much shorter tail (Dean, Barroso, *The Tail at Scale*, CACM 2013). For tasks that may run twice.
 *
 * The others are then aborted, with an `AbandonedError` as the reason, before the caller gets the outcome; what they
 * still give is disposed of. A call that fails starts the next one at once (gRPC proposal A6), or after its `retryAfter`;
 * not after an error with `retryable: false`. If none succeeds, the caller gets what the first one gave. No call starts
 * once the caller's deadline is over, or when the budget has nothing left; those under way go on.
 *
 * With a quantile it learns how long first calls take, also of those that are given up: they took at least so long, as in
 * Finagle.
 *
 * @example
 * const quick = hedge({ delay: { quantile: 0.95 }, budget: retryBudget() });
 * const user = await quick.execute(({ signal }) => loadUser(id, { signal }));
 *
 * @throws {RangeError | TypeError} for options out of range, or unknown
 */
export function hedge(options: HedgeOptions = {}): Hedge {
  const {
    delay = {},
    maxHedges = 1,
    budget,
    classify = classifyGuarded,
    dispose,
    clock = systemClock,
    name = 'hedge',
    onEvent,
  } = checked('hedge', options, {
    delay: delayed,
    maxHedges: integer(0, 10),
    budget: made('a budget such as retryBudget(), or an object', 'begin', 'tryRetry', 'end'),
    classify: typed('function'),
    dispose: typed('function'),
    clock: objectWith('now', 'coarse', 'schedule'),
    name: typed('string'),
    onEvent: typed('function'),
  });
  const { quantile = 0.95, min = 1, minCalls = 100 } = typeof delay === 'number' ? {} : delay;
  const latency = typeof delay === 'number' ? undefined : new Quantile(quantile);
  /** For the delay that was last asked for. */
  let queue: { readonly delay: Milliseconds; readonly insert: ReturnType<typeof expiry> } | undefined;

  const rules: RaceRules = {
    name,
    clock,
    maxHedges,
    classify,
    dispose,
    delay: current,
    queueFor(after) {
      if (queue?.delay !== after) queue = { delay: after, insert: expiry(clock, after) };
      return queue.insert;
    },
    ...(budget && {
      begun: () => budget.begin(clock.coarse()),
      allows: () => budget.tryRetry(clock.coarse()),
      ended: (hedges, verdict) => budget.end(hedges, verdict, clock.coarse()),
    }),
    ...(latency && {
      // What was given up took longer than it has: that is news only if it is above the delay already.
      learn: (elapsed, whole) => {
        if (whole || elapsed >= (current() ?? Infinity)) latency.add(elapsed);
      },
    }),
    ...(onEvent && {
      started: (call, reason) => emit(onEvent, { type: 'hedge', name, call, reason }),
      denied: (call, reason) => emit(onEvent, { type: 'denied', name, call, reason }),
      won: (call, calls) => emit(onEvent, { type: 'won', name, call, calls }),
    }),
  };
  const around = {
    name,
    kind: 'hedge',
    get idle() {
      return latency === undefined || latency.count === 0;
    },
    execute: <T>(task: Task<T>, context: unknown) => new Race(rules, task, context as Scope).run() as Promise<T>,
  };
  return Object.defineProperty(pipeline(around as Policy) as Hedge, 'delay', { get: current, enumerable: true });

  function current(): Milliseconds | undefined {
    if (latency === undefined) return delay as Milliseconds;
    return latency.count < minCalls ? undefined : Math.max(latency.estimate, min);
  }
}

function delayed(label: string, value: unknown): void {
  if (typeof value === 'number') duration(label, value);
  else
    checked(label, value as LiveDelay, {
      quantile: number(0.01, 0.999),
      min: positive(Number.MAX_VALUE),
      minCalls: integer(1),
    });
}
