/** What `held` gives: a value, and what the guards wait for before they leave. */
export class Held {
  readonly value: unknown;
  readonly done: Promise<unknown>;

  constructor(value: unknown, done: PromiseLike<unknown>) {
    this.value = value;
    this.done = Promise.resolve(done);
    // Where nobody waits for it, its failure is nobody's.
    this.done.catch(() => {});
  }
}

let inUse = false;

/**
 * Returned by a task: the caller gets `value` now, and the guards around the task leave when `done` settles, such as
 * when the body of a response has been read. Until then timeouts go on, and their stop aborts the task's signal. A
 * `done` that rejects is a failure to the guards; retries and fallbacks are not asked about it.
 *
 * @example
 * await policy.execute(async ({ signal }) => {
 *   const file = await open(signal);
 *   return held(file, file.closed);
 * });
 */
export function held<T>(value: T, done: PromiseLike<unknown>): T {
  inUse = true;
  // To the type checker the task gives its value: that is what callers get.
  return new Held(value, done) as unknown as T;
}

/** Whether a task gave this through `held`. Costs nothing until somebody calls that. */
export function isHeld(value: unknown): value is Held {
  return inUse && value instanceof Held;
}

/** What a caller gets of a value: what is held in it, or itself. */
export function bare(value: unknown): unknown {
  return isHeld(value) ? value.value : value;
}

/** Whether `held` was ever called: a frame with nothing to do afterwards looks at what its tasks give only then. */
export function heldInUse(): boolean {
  return inUse;
}
