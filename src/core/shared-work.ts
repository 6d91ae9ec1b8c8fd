import { type Follower, unfollow } from './abort.ts';
import { discard } from './discard.ts';
import { share } from './dispose.ts';
import { failed, type Outcome, succeeded } from './outcome.ts';
import type { Milliseconds, Task } from './policy.ts';
import { adopted, capture, captured } from './promise.ts';
import { follow, Origin, PlainScope, type Scope } from './scope.ts';

/** A caller who waits for shared work. */
class Waiter implements Follower {
  previous: Follower | undefined = undefined;
  next: Follower | undefined = undefined;
  private readonly work: SharedWork;
  readonly context: Scope;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;

  constructor(work: SharedWork, context: Scope) {
    this.work = work;
    this.context = context;
    this.resolve = captured.resolve;
    this.reject = captured.reject;
  }

  end(reason: unknown, gently: boolean): void {
    this.work.leave(this, reason, gently);
  }
}

/**
 * Work that several callers wait for, in a scope of its own: it ends when the last of them is gone. It has the
 * priority and the cost of the first caller, whose task it is, and the latest deadline of all of them.
 */
export class SharedWork extends PlainScope {
  private readonly waiters: Set<Waiter> = new Set();
  /** Those of them who are inside shared work themselves; made for the first of these. */
  private nested: Set<Waiter> | undefined = undefined;
  private readonly first: Scope;
  private readonly over: (work: SharedWork) => void;
  /** Nobody waits any more. */
  private gone = false;

  /** `over` is told before anybody else when nobody may join any more; maybe twice. */
  constructor(first: Scope, over: (work: SharedWork) => void) {
    const { attempt, priority, cost } = first;
    super(new Origin({ attempt, priority, cost }, undefined, undefined), 0, attempt, undefined);
    this.first = first;
    this.over = over;
  }

  /** The work is begun in the first call: guards around that hold their permits wait for it, whoever else does. */
  override get around(): Scope {
    return this.first;
  }

  override get deadline(): Milliseconds {
    let latest = -Infinity;
    for (const { context } of this.waiters) latest = Math.max(latest, context.deadline);
    return latest;
  }

  get waiting(): number {
    return this.waiters.size;
  }

  /** Whether a call is made inside this work, or inside work that this one waits for: it would wait for itself. */
  isAround(context: Scope, seen: Set<SharedWork> = new Set()): boolean {
    for (let scope: Scope | undefined = context; scope !== undefined; scope = scope.around) {
      if (scope === this) return true;
      if (!(scope instanceof SharedWork) || seen.has(scope)) continue;
      seen.add(scope);
      for (const waiter of scope.nested ?? []) if (this.isAround(waiter.context, seen)) return true;
    }
    return false;
  }

  /** Each caller has a promise of his own, which keeps his async context. */
  join(context: Scope): Promise<unknown> {
    const promise = new Promise<unknown>(capture);
    const waiter = new Waiter(this, context);
    this.waiters.add(waiter);
    if (isNested(context)) (this.nested ??= new Set()).add(waiter);
    follow(context, waiter);
    return promise;
  }

  run(task: Task<unknown>): void {
    void adopted(task(this) as PromiseLike<unknown>).then(
      (value) => this.settled(succeeded(value)),
      (error) => this.settled(failed(error)),
    );
  }

  /** One waiter leaves. The last one takes the work with him, and waits for it if he is patient. */
  leave(waiter: Waiter, reason: unknown, gently: boolean): void {
    const last = this.waiters.size === 1;
    if (last) {
      this.over(this);
      this.alive().end(reason, gently);
      if (gently) return;
      this.gone = true;
    } else {
      this.waiters.delete(waiter);
      this.nested?.delete(waiter);
    }
    unfollow(waiter);
    waiter.reject(reason);
  }

  private settled(outcome: Outcome): void {
    this.over(this);
    if (this.gone) return discard(outcome);
    // One who is stopped with it on its way to him lets go of it, and not of what the others got.
    if (outcome.ok) share(outcome.value, this.waiters.size);
    // Each waiter's own guards wait for what is held, which goes on while one of them is there.
    const held = this.life?.held;
    for (const waiter of this.waiters) {
      if (held === undefined) unfollow(waiter);
      else (waiter.context.alive().held ??= []).push(...held);
      if (outcome.ok) waiter.resolve(outcome.value);
      else waiter.reject(outcome.error);
    }
  }
}

/** Of many who wait few are, so that to look for a circle takes no longer the more there are. */
function isNested(context: Scope): boolean {
  let scope: Scope | undefined = context;
  while (scope !== undefined && !(scope instanceof SharedWork)) scope = scope.around;
  return scope !== undefined;
}
