import type { Clock } from './clock.ts';
import type { RejectedError } from './errors.ts';
import type { Outcome } from './outcome.ts';
import type { Context, Milliseconds } from './policy.ts';

/** A task that is pending, as a guard that watches sees it. Both do nothing once the call has unwound. */
export interface Call {
  /** Lets the caller go now: the signal aborts, what is inside leaves as abandoned, `error` goes on outward. */
  stop(error: unknown): void;
  /** Aborts only the signal; once the work has settled, whatever it gave, `error` goes on outward (its rejection as `cause`). */
  abort(error: unknown): void;
}

/** Decides before a task, learns after it; never runs it again. */
export interface Guard<Permit = void> {
  readonly name?: string;
  /** What made it, such as `'retry'`: whatever it is called, `lint` knows it by this. */
  readonly kind?: string;
  readonly clock?: Clock;
  /**
   * Lets the call in by returning a permit (never a thenable), or a promise of one where it must wait.
   * Turns it away by throwing, or by returning, a `RejectedError`: returning one is a microsecond cheaper.
   * A permit that stays the same object for as long as the guard's state does keeps the call cheap.
   */
  enter?(context: Context): Permit | RejectedError | PromiseLike<Permit | RejectedError>;
  /** Exactly once per permit, whatever happened. What it throws goes to `onListenerError`. */
  leave?(permit: Permit, outcome: Outcome, context: Context): void;
  /** Told of a task that is pending, and may end it. */
  watch?(call: Call, context: Context): void;
  /** What came after a stop of its own. */
  late?(outcome: Outcome, context: Context): void;
  /** The stricter deadline handed inward. */
  readonly within?: Milliseconds;
  /** The permit stays until the work itself has settled, also when its caller has been let go. */
  readonly holds?: boolean;
}

/** What a recovery answers: once more after a delay, this instead, or nothing. */
export type Answer<Added = never> =
  | { again: Milliseconds; memo?: unknown }
  | { instead: Added | PromiseLike<Added> }
  | undefined;

/** Sees an outcome on its way out. */
export interface Recovery<Added = never> {
  readonly name?: string;
  /** What made it, such as `'retry'`: whatever it is called, `lint` knows it by this. */
  readonly kind?: string;
  readonly clock?: Clock;
  /** Asked about values too, not only failures. */
  readonly values?: boolean;
  /**
   * Whether it ever says *again*: its tries are then numbered from 1 in the context. Default true; a recovery that
   * only answers *instead* says false, so that the number of a retry around it shows through.
   */
  readonly retries?: boolean;
  /** `memo` is what the previous answer of this execution left. Not asked about what was abandoned. */
  recover(outcome: Outcome, context: Context, memo: unknown): Answer<Added> | PromiseLike<Answer<Added>>;
}

/** What stands at one place of a frame: a guard, a recovery, or both in one. */
export type Layer = Guard<unknown> & Partial<Recovery<unknown>>;

/** What a run needs to know of its frame. */
export interface Plan {
  readonly layers: readonly Layer[];
  /** The innermost thing is another policy, which runs tasks of its own making. */
  readonly hasAround: boolean;
}
