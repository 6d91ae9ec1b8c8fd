import { type Clock, systemClock } from '../core/clock.ts';
import { timeLeft } from '../core/deadline.ts';
import { TimeoutError } from '../core/errors.ts';
import { emit, type Listener } from '../core/events.ts';
import { checked, duration, objectWith, oneOf, typed } from '../core/options.ts';
import type { Outcome } from '../core/outcome.ts';
import { guard } from '../core/pipeline.ts';
import type { Milliseconds, Policy } from '../core/policy.ts';
import type { WatchedScope } from '../core/scope.ts';
import { type Expiring, expiry } from '../core/timers.ts';

export interface TimeoutOptions {
  /** What the task may take. 0 or more; 0 stops whatever has to be waited for, `Infinity` and `undefined` nothing. */
  duration: Milliseconds | undefined;
  /**
   * `'aggressive'`, the default: the caller is let go when the time is up, whatever the task does. `'cooperative'`: he
   * is let go once the task, whose signal has been aborted, has stopped; until then nothing else begins.
   */
  mode?: 'aggressive' | 'cooperative' | undefined;
  /** Gets what the task still gave after its time was up. A late value is then disposed. */
  onLate?: Listener<Outcome> | undefined;
  clock?: Clock | undefined;
  /** Carried by events and errors. Default `'timeout'`. */
  name?: string | undefined;
  onEvent?: Listener<TimeoutEvent> | undefined;
}

/** What a timeout tells, once it is so. */
export type TimeoutEvent =
  /** A task's time was up before it had settled, and its signal has been aborted. */
  | { readonly type: 'timeout'; readonly name: string; readonly duration: Milliseconds }
  /** A task has settled after its time was up. */
  | { readonly type: 'late'; readonly name: string; readonly outcome: Outcome };

/**
 * Lets a task take no longer than `duration`. Then its signal aborts, with a `TimeoutError` as the reason, and that
 * very error is what the caller gets; what the task still gives goes to `onLate`. A caller's own `deadline` counts, if
 * it comes earlier.
 *
 * Time is measured from when the task gives a promise: code that runs in one go cannot be stopped. A task is never
 * stopped early; where calls share the system's clock it is at most 4 % late, and no more than 50 ms, as one timer
 * serves them all.
 *
 * @example
 * const quick = timeout({ duration: 2_000 });
 * const response = await quick.execute(({ signal }) => fetch(url, { signal }));
 *
 * @throws {TimeoutError} from `execute`
 * @throws {RangeError | TypeError} for options out of range, or unknown
 */
export function timeout(options: TimeoutOptions): Policy {
  const {
    duration: within = Infinity,
    mode = 'aggressive',
    onLate,
    clock = systemClock,
    name = 'timeout',
    onEvent,
  } = checked('timeout', options, {
    duration,
    mode: oneOf('aggressive', 'cooperative'),
    onLate: typed('function'),
    clock: objectWith('now', 'coarse', 'schedule'),
    name: typed('string'),
    onEvent: typed('function'),
  });
  if (!('duration' in options)) throw new TypeError('timeout: duration must be given, undefined for none');
  if (within === Infinity) return guard({ name, kind: 'timeout' });
  const insert = expiry(clock, within);
  const expire = (call: Expiring): void => end(call as WatchedScope, within);

  return guard({
    name,
    kind: 'timeout',
    clock,
    within,
    watch(call, context) {
      const left = timeLeft(context, clock, within);
      if (left === within) return insert(call as WatchedScope, expire);
      // Its deadline, if that was read before, was counted from later on.
      (call as WatchedScope).batch = undefined;
      expiry(clock, left)(call as WatchedScope, () => end(call as WatchedScope, left));
    },
    late(outcome) {
      emit(onLate, outcome);
      if (onEvent) emit(onEvent, { type: 'late', name, outcome });
    },
  });

  function end(call: WatchedScope, allowed: Milliseconds): void {
    const error = new TimeoutError({ name, message: `no result within ${allowed} ms`, duration: allowed });
    // What had already arrived goes first, and then there was no timeout.
    const told = onEvent && (() => emit(onEvent, { type: 'timeout', name, duration: allowed }));
    call[mode === 'aggressive' ? 'stop' : 'abort'](error, told);
  }
}
