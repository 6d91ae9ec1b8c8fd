import { type Follower, unfollow } from './abort.ts';
import type { Clock } from './clock.ts';
import { TimeoutError } from './errors.ts';
import { hear, reportError } from './events.ts';
import { isHeld } from './held.ts';
import { type Classify, failed, type Outcome, succeeded, type Verdict, verdictOf } from './outcome.ts';
import type { Context, Milliseconds } from './policy.ts';
import { adopted, isThenable, rejectSoon } from './promise.ts';
import { follow, heldIn } from './scope.ts';

/** Who sends calls to targets. */
export interface Host {
  readonly clock: Clock;
  readonly classify: Classify;
}

/**
 * A call at a target. Judged once: when it ends, or earlier, when it is given up. A timeout further out speaks against the
 * target, which may never answer; anything else that gives the call up says nothing about it. Left once: when the work
 * itself has ended.
 */
export abstract class Visit implements Follower {
  previous: Follower | undefined = undefined;
  next: Follower | undefined = undefined;
  private readonly host: Host;
  private readonly context: Context;
  private readonly began: Milliseconds;
  /** What the task gave; nothing yet of a call that was given up. */
  protected outcome: Outcome | undefined = undefined;
  private judged = false;

  constructor(host: Host, context: Context, began: Milliseconds) {
    this.host = host;
    this.context = context;
    this.began = began;
  }

  /** Tells what the call says about its target. */
  protected abstract judge(verdict: Verdict, elapsed: Milliseconds, now: Milliseconds): void;
  /** The call is at the target no longer. */
  protected abstract leave(): void;

  /** Runs the task at the target; what it throws comes as a rejection. */
  run<T, R>(task: (target: T, context: Context) => R | PromiseLike<R>, target: T): R | Promise<R> {
    let result: R | PromiseLike<R>;
    follow(this.context, this);
    try {
      result = task(target, this.context);
      // Reading `then` may throw.
      if (!isThenable(result)) {
        this.settled(succeeded(result));
        return result;
      }
    } catch (error) {
      this.settled(failed(error));
      return rejectSoon(error);
    }
    return adopted(result).then(
      (value) => {
        this.settled(succeeded(value));
        return value as R;
      },
      (error) => {
        this.settled(failed(error));
        throw error;
      },
    );
  }

  /** The call is given up, though its work may go on. */
  end(reason: unknown): void {
    this.tell(() => (reason instanceof TimeoutError ? 'failure' : 'ignore'));
  }

  private settled(outcome: Outcome): void {
    const value = outcome.ok ? outcome.value : undefined;
    // Handed on by the task itself, or by a policy that it has called.
    const done = isHeld(value) ? value.done : outcome.ok ? heldIn(this.context) : undefined;
    const leave = (): void => {
      unfollow(this);
      this.leave();
    };
    const given = isHeld(value) ? succeeded(value.value) : outcome;
    this.outcome = given;
    this.tell(() => verdictOf(this.host.classify, given, this.context));
    if (done !== undefined) done.then(leave, leave);
    else leave();
  }

  private tell(verdict: () => Verdict): void {
    if (this.judged) return;
    this.judged = true;
    const now = this.host.clock.now();
    try {
      hear(this.judge(verdict(), now - this.began, now));
    } catch (error) {
      reportError(error);
    }
  }
}
