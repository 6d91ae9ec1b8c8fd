import type { Verdict } from './outcome.ts';
import type { Context, Milliseconds, Task } from './policy.ts';
import type { Random } from './random.ts';

/** Where a call may go: the user's own object, which is what the task gets. */
export interface Target {
  /** Tells it from the others. */
  readonly name: string;
  /** Its share of the calls in proportion to the others'. Default 1. */
  readonly weight?: number;
  /** Where it stands: a balancer with a `zone` prefers targets of its own. */
  readonly zone?: string;
  /** The lowest goes first, and the next helps out where too few of those are up. Default 0. */
  readonly priority?: number;
}

/** Turns a task that needs a target into one that has got it; each run of that task picks anew. */
export interface Router<Target> {
  route<T>(task: (target: Target, context: Context) => T | PromiseLike<T>): Task<T>;
}

/** A target as a balancer sees it: the same object for as long as the target is there. */
export interface Endpoint<T extends Target = Target> {
  readonly target: T;
  /** The target's weight, less while it starts slowly. */
  readonly weight: number;
  /** Calls to it that have not ended, given up ones too. */
  readonly pending: number;
  readonly state: 'up' | 'down' | 'ejected' | 'draining';
}

/** What a picker may look at. */
export interface PickCall {
  /** What the call is about, from `forKey`. */
  readonly key?: string | undefined;
  readonly now: Milliseconds;
  readonly random: Random;
  /** Names of targets this execution has tried already; they are not eligible, unless there is no other. */
  readonly tried: ReadonlySet<string>;
}

/** Chooses where a call goes. */
export interface Picker {
  /** One of the eligible, of which there is one or more. They are only to be read: the next call may be shown the same list. */
  pick<T extends Target>(eligible: readonly Endpoint<T>[], call: PickCall): Endpoint<T>;
  /** A call has ended, or a timeout has given it up. */
  settled?(endpoint: Endpoint, verdict: Verdict, elapsed: Milliseconds, now: Milliseconds): void;
}
