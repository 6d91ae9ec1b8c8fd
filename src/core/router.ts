import type { Context, Task } from './policy.ts';

/** Where a call may go: the user's own object, which is what the task gets. */
export interface Target {
  /** Tells it from the others. */
  readonly name: string;
  /** Its share of the calls in proportion to the others'. Default 1. */
  readonly weight?: number;
  readonly zone?: string;
  readonly priority?: number;
}

/** Turns a task that needs a target into one that has got it; each run of that task picks anew. */
export interface Router<Target> {
  route<T>(task: (target: Target, context: Context) => T | PromiseLike<T>): Task<T>;
}
