import type { Context, Task } from './policy.ts';

/** Turns a task that needs a target into one that has got it; each run of that task picks anew. */
export interface Router<Target> {
  route<T>(task: (target: Target, context: Context) => T | PromiseLike<T>): Task<T>;
}
