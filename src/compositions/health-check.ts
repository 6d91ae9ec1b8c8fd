import { RiseFall } from '../algorithms/rise-fall.ts';
import { type Clock, systemClock } from '../core/clock.ts';
import { AbandonedError, TimeoutError } from '../core/errors.ts';
import { emit, type Listener, reportError } from '../core/events.ts';
import type { Health } from '../core/health.ts';
import { checked, integer, iterable, objectWith, positive, typed } from '../core/options.ts';
import type { Milliseconds } from '../core/policy.ts';
import { type Random, systemRandom } from '../core/random.ts';
import type { Target } from '../core/router.ts';
import { named } from '../core/targets.ts';

export interface HealthCheckOptions<T extends Target> {
  /**
   * Whom to check, each with a name of its own. Gone through anew each round, so that those who come and go are seen. Should
   * that fail, it is reported by `onListenerError`, and who was checked last is checked again.
   */
  targets: Iterable<T>;
  /** Has passed if it gives anything but `false`, or a promise of that, in time; what throws or rejects has not. */
  check: (target: T, context: { signal: AbortSignal }) => unknown;
  /** From one check of a target to its next, give or take a tenth. Above 0. Default 2_000. */
  interval?: Milliseconds | undefined;
  /** How long a check may take; then its signal aborts. Above 0. Default 1_000. */
  timeout?: Milliseconds | undefined;
  /** Checks passed in a row that bring a target up again. 1 or more. Default 2. */
  rise?: number | undefined;
  /** Checks failed in a row that take a target down. 1 or more. Default 3. */
  fall?: number | undefined;
  clock?: Clock | undefined;
  random?: Random | undefined;
  /** Carried by events and errors. Default `'healthCheck'`. */
  name?: string | undefined;
  onEvent?: Listener<HealthCheckEvent> | undefined;
}

export type HealthCheckEvent =
  /** The last of so many checks that failed: `error` is what it threw, or its timeout; none where it gave `false`. */
  | { readonly type: 'down'; readonly name: string; readonly target: string; readonly error: unknown }
  | { readonly type: 'up'; readonly name: string; readonly target: string };

/** What is known of a target. */
interface Watch {
  readonly state: RiseFall;
  /** When in a round its turn comes, from 0 to 1. */
  readonly turn: number;
  timer: { cancel(): void } | undefined;
}

interface Check {
  readonly controller: AbortController;
  /** For its deadline. */
  readonly timer: { cancel(): void };
}

/**
 * Asks each target again and again whether it is well: `fall` failed checks in a row take it down, `rise` passed ones
 * bring it up. Until then, and before the first check, it is up. Checks are spread over the interval at random, so that
 * many processes do not ask all at once, and a target is never asked again before its last check has settled: one that
 * does not heed its signal is a failed check each round.
 *
 * Nothing is checked before `start()`, and nothing any more after it is disposed of, whatever is started then; until then
 * its timers hold the process. (Rise and fall as in HAProxy.)
 *
 * @example
 * using health = healthCheck({ targets, check: async ({ url }, { signal }) => (await fetch(`${url}/health`, { signal })).ok });
 * health.start();
 * const nodes = loadBalancer({ targets, health: [health] });
 *
 * @throws {RangeError | TypeError} for options out of range, or unknown, targets without a name, or two of one; from `start`
 * where they are in no array
 */
export function healthCheck<T extends Target>(
  options: HealthCheckOptions<T>,
): Health<T> & Disposable & { start(): void } {
  const checks = {
    targets: iterable,
    check: typed('function'),
    interval: positive(Number.MAX_VALUE),
    timeout: positive(Number.MAX_VALUE),
    rise: integer(1),
    fall: integer(1),
    clock: objectWith('now', 'coarse', 'schedule'),
    random: typed('function'),
    name: typed('string'),
    onEvent: typed('function'),
  };
  const {
    targets,
    check,
    interval = 2_000,
    timeout = 1_000,
    rise = 2,
    fall = 3,
    clock = systemClock,
    random = systemRandom,
    name = 'healthCheck',
    onEvent,
  } = checked('healthCheck', options, checks);
  checks.targets('healthCheck: targets', targets);
  checks.check('healthCheck: check', check);
  /** What can be gone through but once is kept. */
  const all = (targets[Symbol.iterator]() as unknown) === targets ? [...targets] : targets;
  const watches = new Map<string, Watch>();
  /** Of each target its check until that has settled, also where it does not heed that its target is gone. */
  const running = new Map<string, Check>();
  let present: ReadonlyMap<string, T> = new Map();
  let next: { cancel(): void } | undefined;
  let disposed = false;
  if (Array.isArray(all)) listed();

  return {
    state: (target) => (watches.get(target)?.state.up === false ? 'down' : 'up'),
    start() {
      if (next !== undefined || disposed) return;
      present = listed();
      if (!disposed) round();
    },
    [Symbol.dispose]() {
      disposed = true;
      next?.cancel();
      for (const target of watches.keys()) forget(target);
    },
  };

  function listed(): ReadonlyMap<string, T> {
    return named('healthCheck: targets', all);
  }

  function again(): void {
    try {
      present = listed();
    } catch (error) {
      reportError(error);
    }
    // Going through the targets runs the user's code, which may dispose of it.
    if (!disposed) round();
  }

  function round(): void {
    next = clock.schedule(interval, again);
    const gone = new Set(watches.keys());
    for (const target of present.values()) {
      gone.delete(target.name);
      let watch = watches.get(target.name);
      if (watch === undefined) {
        watch = { state: new RiseFall(rise, fall), turn: random() * 0.9, timer: undefined };
        watches.set(target.name, watch);
      }
      const { turn } = watch;
      watch.timer = clock.schedule(interval * (turn + random() * 0.1), ask.bind(undefined, target, watch));
    }
    for (const each of gone) forget(each);
  }

  function ask(target: T, watch: Watch): void {
    const before = running.get(target.name);
    if (before !== undefined) {
      const { signal } = before.controller;
      // Its own deadline may be longer than the interval.
      if (signal.aborted) count(target, watch, false, signal.reason);
      return;
    }
    const controller = new AbortController();
    const timer = clock.schedule(timeout, () => {
      const error = new TimeoutError({ name, message: `no answer in ${timeout} ms`, duration: timeout });
      count(target, watch, false, error);
      controller.abort(error);
    });
    running.set(target.name, { controller, timer });
    const end = (passed: boolean, error?: unknown): void => {
      running.delete(target.name);
      timer.cancel();
      if (!controller.signal.aborted) count(target, watch, passed, error);
    };
    new Promise((resolve) => resolve(check(target, { signal: controller.signal }))).then(
      (answer) => end(answer !== false),
      (error) => end(false, error),
    );
  }

  function count(target: T, { state }: Watch, passed: boolean, error: unknown): void {
    const { up } = state;
    if (state.check(passed) === up) return;
    emit(onEvent, up ? { type: 'down', name, target: target.name, error } : { type: 'up', name, target: target.name });
  }

  function forget(target: string): void {
    // Who hears of the abort may dispose of it, which forgets all.
    watches.get(target)?.timer?.cancel();
    watches.delete(target);
    const check = running.get(target);
    check?.timer.cancel();
    check?.controller.abort(new AbandonedError({ name, message: 'no more checks' }));
  }
}
