/** Hears what a policy did. It cannot change the call: what it throws goes to `onListenerError`. */
export type Listener<Event> = (event: Event) => void;

declare const process: { emitWarning?(warning: Error | string): void } | undefined;
declare const console: { error(...data: unknown[]): void };

let report = (error: unknown): void => {
  if (typeof process === 'object' && typeof process.emitWarning === 'function') {
    process.emitWarning(error instanceof Error ? error : String(error));
  } else console.error(error);
};

/**
 * Sets what hears of errors thrown, or promises rejected, by listeners and by the `leave` and `late` of guards.
 * By default a process warning where there is a process, else `console.error`. What the hook itself throws is dropped.
 *
 * @returns what was set before
 */
export function onListenerError(hook: (error: unknown) => void): (error: unknown) => void {
  const before = report;
  report = hook;
  return before;
}

/** Reports what user code threw where it must not change the call. */
export function reportError(error: unknown): void {
  try {
    // The hook of last resort has nobody to report to: a promise of it that rejects must not end the process.
    Promise.resolve(report(error) as unknown).catch(() => {});
  } catch {}
}

/**
 * Tells a listener, if there is one. Callers test `listener` themselves before they build a costly event.
 * A listener that throws, or returns a promise that rejects, is reported and changes nothing.
 */
export function emit<Event>(listener: Listener<Event> | undefined, event: Event): void {
  if (listener === undefined) return;
  try {
    hear(listener(event));
  } catch (error) {
    reportError(error);
  }
}

/** What a listener, or a guard's `leave`, `late` or `watch`, gave: where it is a promise, its failure is reported. */
export function hear(returned: unknown): void {
  // Whatever its class or realm; what an arrow function gives by the way is mostly a number.
  if (typeof returned === 'object') Promise.resolve(returned).catch(reportError);
}
