import { type Clock, systemClock } from '../core/clock.ts';
import { TimeoutError } from '../core/errors.ts';
import { checked, duration, objectWith, typed } from '../core/options.ts';
import type { Milliseconds } from '../core/policy.ts';
import { isThenable } from '../core/promise.ts';

export interface DrainOptions {
  /** Says to the world whether this process is ready for work; called with `false` at once. A promise it gives is waited for. */
  ready: (on: boolean) => void;
  /**
   * How long the process goes on as before, until those who send it work have seen that it is not ready. 0 or more, less
   * than `deadline`. Default 0: it does not wait.
   */
  settle?: Milliseconds | undefined;
  /**
   * Takes no new work, and finishes what is under way. The signal aborts at the deadline: time to cut off the rest. Not called
   * where `ready` and `settle` take until then.
   */
  finish: (context: { signal: AbortSignal }) => PromiseLike<unknown>;
  /** How long all of it may take, from the call on. */
  deadline: Milliseconds;
  clock?: Clock | undefined;
}

/**
 * Takes a process out of service without dropping what it has accepted: says that it is not ready, goes on until that is
 * known, then finishes what is under way. It resolves at the deadline at the latest, whether that is done or not.
 *
 * @returns `clean`: whether `finish` was done in time
 * @throws what `ready` throws or rejects with, and what `finish` does; `RangeError` and `TypeError` for options out of range, or unknown
 *
 * @example
 * process.once('SIGTERM', async () => { // a second signal ends the process at once
 *   const { clean } = await drain({
 *     ready: (on) => { healthy = on; },
 *     settle: 5_000,
 *     finish: ({ signal }) => server.stop(signal),
 *     deadline: 30_000,
 *   });
 *   process.exit(clean ? 0 : 1);
 * });
 */
export async function drain(options: DrainOptions): Promise<{ clean: boolean }> {
  const {
    ready,
    settle = 0,
    finish,
    deadline,
    clock = systemClock,
  } = checked('drain', options, {
    ready: typed('function'),
    settle: duration,
    finish: typed('function'),
    deadline: duration,
    clock: objectWith('schedule'),
  });
  typed('function')('drain: ready', ready);
  typed('function')('drain: finish', finish);
  duration('drain: deadline', deadline);
  if (settle > 0 && settle >= deadline)
    throw new RangeError(`drain: settle must be less than deadline, ${deadline}, got ${settle}`);
  const ending = new AbortController();
  let settling: { cancel(): void } | undefined;
  return new Promise((resolve, reject) => {
    const timer = clock.schedule(deadline, () => {
      settling?.cancel();
      resolve({ clean: false });
      ending.abort(new TimeoutError({ name: 'drain', message: `not done in ${deadline} ms`, duration: deadline }));
    });
    work()
      .then(() => resolve({ clean: true }), reject)
      .finally(() => timer.cancel());
  });

  async function work(): Promise<void> {
    // Also of a function that is typed to give nothing.
    const told: unknown = ready(false);
    if (isThenable(told)) await told;
    // Its signal would tell it nothing any more.
    if (ending.signal.aborted) return;
    if (settle > 0) await new Promise<void>((resolve) => (settling = clock.schedule(settle, resolve)));
    await finish({ signal: ending.signal });
  }
}
