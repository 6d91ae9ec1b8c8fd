import { type Follower, followSignal, soon, unfollow } from './abort.ts';
import { remember } from './attempts.ts';
import { nextTurn, systemClock } from './clock.ts';
import { dispose } from './dispose.ts';
import { isRejection } from './errors.ts';
import { reportError } from './events.ts';
import { isHeld } from './held.ts';
import type { Answer, Guard, Recovery } from './layer.ts';
import type { Outcome } from './outcome.ts';
import type { Milliseconds, Task } from './policy.ts';
import { type Origin, type Owner, PlainScope, Scope, WatchedScope } from './scope.ts';

/** What stands at one place of a frame: a guard, a recovery, or both in one. */
export type Layer = Guard<unknown> & Partial<Recovery<unknown>>;

/** What a run needs to know of its frame. */
export interface Plan {
  readonly layers: readonly Layer[];
  /** The innermost thing is another policy, which runs tasks of its own making. */
  readonly hasAround: boolean;
}

/** What a run waits for: told once of its outcome, or, if the run has gone on without it, told late. */
interface Pending {
  /** The task, or a body it has handed on, is under way: a guard that is patient waits for it. */
  readonly work: boolean;
  readonly go: (outcome: Outcome) => void;
  late: ((outcome: Outcome) => void) | undefined;
}

const nothing = (): void => {};

export const succeeded = (value: unknown): Outcome => ({ ok: true, value });
export const failed = (error: unknown): Outcome => ({ ok: false, error, abandoned: false });

/** Whether it must be waited for. Reading `then` may throw. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  if (value instanceof Promise) return true;
  return (
    ((typeof value === 'object' && value !== null) || typeof value === 'function') &&
    typeof (value as PromiseLike<unknown>).then === 'function'
  );
}

/** A native promise of what may be a foreign thenable. */
export function adopted(promise: PromiseLike<unknown>): Promise<unknown> {
  return promise instanceof Promise ? promise : Promise.resolve(promise);
}

/**
 * One call through one frame, wherever it leaves the fast way: it waits, fails in front of a recovery, is stopped, or
 * came with a context. It winds in through the layers, runs the task, and unwinds.
 *
 * Only one thing is waited for at a time (`pending`), and only what is waited for is heard: whatever is stopped or
 * superseded settles late, and changes nothing.
 */
export class Run extends PlainScope implements Owner, Follower {
  previous: Follower | undefined = undefined;
  override next: Follower | undefined = undefined;
  private readonly plan: Plan;
  private readonly task: Task<unknown>;
  readonly settle: (outcome: Outcome) => void;
  /** By layer; those from `depth` on are not in force. */
  private readonly permits: unknown[];
  /** What each recovery left at its last question; before the first one its permit. */
  private readonly memos: unknown[];
  /** How many layers have been entered. */
  private depth: number;
  /** How many of those that watch have been told. */
  private watched = 0;
  /** The innermost scope in force. */
  private scope: Scope = this;
  private pending: Pending | undefined = undefined;
  private sleep: { cancel(): void } | undefined = undefined;
  /** Delays of nothing in a row. */
  private hurries = 0;
  /** The caller has its value, and the guards wait for what it holds. */
  private given = false;
  private source: AbortSignal | undefined = undefined;
  /** The task that was pending when the call left its fast way. */
  readonly first: Pending = this.pendingTask();

  constructor(
    plan: Plan,
    task: Task<unknown>,
    outer: Scope | Origin,
    settle: (outcome: Outcome) => void,
    permits: unknown[],
    depth: number,
  ) {
    super(outer, -1, outer.attempt, undefined);
    this.owner = this;
    this.plan = plan;
    this.task = task;
    this.settle = settle;
    this.permits = permits;
    this.memos = [...permits];
    this.depth = depth;
  }

  /** Begins at the outermost layer, following whatever may end the call. */
  start(signal: AbortSignal | undefined): void {
    this.source = signal;
    if (signal !== undefined) followSignal(signal, this);
    else if (this.outer instanceof Scope) this.outer.alive().followers.add(this);
    this.windIn(0, this);
  }

  /** Takes over a call that went its fast way up to here, inside this scope. */
  takeOver(scope: Scope): this {
    scope.belongTo(this);
    this.scope = scope;
    return this;
  }

  /** The task of a call taken over is pending: `first` is to be told of it. */
  waitOn(): void {
    this.watched = this.depth;
    this.pending = this.first;
  }

  // ---- in, outside to inside

  private windIn(from: number, context: Scope): void {
    const { layers } = this.plan;
    this.scope = context;
    for (let i = from; i < layers.length; i++) {
      this.depth = i;
      const layer = layers[i] as Layer;
      if (layer.enter !== undefined) {
        let permit: unknown;
        try {
          permit = layer.enter(this.scope);
          if (isThenable(permit)) return this.waitToEnter(i, permit);
        } catch (error) {
          return this.unwind(i - 1, failed(error));
        }
        if (isRejection(permit)) return this.unwind(i - 1, failed(permit));
        this.permits[i] = permit;
      }
      this.goInside(i, layer);
    }
    this.runTask();
  }

  /** Opens the scopes that begin inside a layer. */
  private goInside(i: number, layer: Layer): void {
    this.depth = i + 1;
    this.memos[i] = this.permits[i];
    if (layer.watch !== undefined || layer.within !== undefined) {
      this.scope = new WatchedScope(this.scope, 2 * i, this, layer);
    }
    if (layer.recover !== undefined && layer.retries !== false && this.scope.attempt !== 1) {
      this.scope = new PlainScope(this.scope, 2 * i + 1, 1, this);
    }
  }

  /** Goes on in the promise's `then`, which keeps the async context of the caller. */
  waitToEnter(i: number, promise: PromiseLike<unknown>): void {
    const layer = this.plan.layers[i] as Layer;
    const context = this.scope;
    this.depth = i;
    this.listen(promise, {
      work: false,
      go: (outcome) => {
        if (!outcome.ok) return this.unwind(i - 1, outcome);
        if (isRejection(outcome.value)) return this.unwind(i - 1, failed(outcome.value));
        this.permits[i] = outcome.value;
        this.goInside(i, layer);
        if (!this.doomed()) this.windIn(i + 1, this.scope);
      },
      // A permit that arrives after a stop is given back at once.
      late: (outcome) => {
        if (outcome.ok && !isRejection(outcome.value)) giveBack(layer, outcome.value, abandonedBy(context), context);
      },
    });
  }

  private runTask(): void {
    let result: unknown;
    try {
      result = this.task(this.scope);
      if (!isThenable(result)) return this.succeed(result);
    } catch (error) {
      return this.unwind(this.depth - 1, failed(error));
    }
    this.listen(result, this.pendingTask());
  }

  private pendingTask(): Pending {
    return { work: true, go: (outcome) => this.conclude(outcome), late: undefined };
  }

  /** The task has settled. */
  conclude(outcome: Outcome): void {
    if (outcome.ok) this.succeed(outcome.value);
    else this.unwind(this.depth - 1, outcome);
  }

  // ---- waiting

  private listen(promise: PromiseLike<unknown>, pending: Pending): void {
    this.pending = pending;
    this.watch();
    adopted(promise).then(
      (value) => this.arrive(pending, succeeded(value)),
      (error) => this.arrive(pending, failed(error)),
    );
  }

  arrive(pending: Pending, outcome: Outcome): void {
    if (this.pending === pending) {
      this.pending = undefined;
      pending.go(outcome);
    } else pending.late?.(outcome);
  }

  /** Tells the guards that watch, and have not been told, that the call is pending inside them. */
  private watch(): void {
    const { layers } = this.plan;
    for (; this.watched < this.depth; this.watched++) {
      const layer = layers[this.watched] as Layer;
      if (layer.watch === undefined) continue;
      const scope = this.openedAt(this.watched) as Scope;
      try {
        layer.watch(scope, scope.outer as Scope);
      } catch (error) {
        reportError(error);
      }
    }
  }

  // ---- out, inside to outside

  private succeed(value: unknown): void {
    const holding = [...(this.scope.life?.held ?? [])];
    if (isHeld(value)) {
      holding.push(value.done);
      value = value.value;
    }
    if (holding.length === 0) return this.unwind(this.depth - 1, succeeded(value));
    const done = Promise.all(holding);
    const around = this.around?.alive();
    if (around !== undefined) (around.held ??= []).push(done);
    this.given = true;
    this.settle(succeeded(value));
    this.listen(done, {
      work: true,
      go: (outcome) => this.unwind(this.depth - 1, outcome.ok ? succeeded(value) : outcome),
      late: undefined,
    });
  }

  unwind(from: number, outcome: Outcome): void {
    for (let i = from; i >= 0; i--) {
      const layer = this.plan.layers[i] as Layer;
      this.depth = i + 1;
      if (layer.recover !== undefined && (!outcome.ok || layer.values) && !this.given && !this.at(2 * i + 2).ended) {
        const answered = this.ask(i, outcome);
        if (answered === undefined) return;
        outcome = answered;
      }
      outcome = this.pass(i, outcome);
    }
    this.finish(outcome);
  }

  /** Asks a recovery; `undefined`: it is being waited for, or has said *again*. */
  private ask(i: number, outcome: Outcome): Outcome | undefined {
    const layer = this.plan.layers[i] as Layer & Recovery<unknown>;
    this.closeTo(2 * i + 2);
    try {
      const answer = layer.recover(outcome, this.scope, this.memos[i]);
      if (!isThenable(answer)) return this.answer(i, outcome, answer);
      const go = (settled: Outcome): void => {
        this.goOutward(
          i,
          settled.ok ? this.answer(i, outcome, settled.value as Answer<unknown>) : worse(settled.error, outcome),
        );
      };
      this.listen(answer, { work: false, go, late: undefined });
      return undefined;
    } catch (error) {
      return worse(error, outcome);
    }
  }

  private answer(i: number, outcome: Outcome, answer: Answer<unknown>): Outcome | undefined {
    if (answer === undefined || answer === null) return outcome;
    if ('again' in answer) {
      const { again, memo } = answer;
      if (Number.isNaN(again))
        return worse(new RangeError('recover: again must be a number of milliseconds, got NaN'), outcome);
      if (again < 0 || again === Infinity) return outcome;
      this.memos[i] = memo;
      this.rest(i, again);
      return undefined;
    }
    const { instead } = answer;
    if (!isThenable(instead)) return succeeded(instead);
    const go = (settled: Outcome): void => this.goOutward(i, settled.ok ? settled : worse(settled.error, outcome));
    this.listen(instead, { work: false, go, late: discard });
    return undefined;
  }

  private goOutward(i: number, outcome: Outcome | undefined): void {
    if (outcome !== undefined) this.unwind(i - 1, this.pass(i, outcome));
  }

  /** Sleeps, and winds in again from inside the layer, in a scope of a try of its own. */
  private rest(i: number, delay: Milliseconds): void {
    const attempt = this.scope.attempt + 1;
    this.closeTo(2 * i + 1);
    // What a try held that is not taken is its own affair.
    if (this.scope.life !== undefined) this.scope.life.held = undefined;
    this.depth = i + 1;
    this.watched = Math.min(this.watched, this.depth);
    const pending: Pending = { work: false, go: nothing, late: undefined };
    const wake = (): void => {
      if (this.pending !== pending || this.doomed()) return;
      this.pending = this.sleep = undefined;
      this.windIn(i + 1, new PlainScope(this.scope, 2 * i + 1, attempt, this));
    };
    this.pending = pending;
    this.watch();
    if (delay > 0) {
      this.hurries = 0;
      this.sleep = ((this.plan.layers[i] as Layer).clock ?? systemClock).schedule(delay, wake);
    } else if (++this.hurries % 64 === 0) nextTurn(wake);
    else soon(wake);
  }

  /** Leaves one layer: its scopes close, and a guard that waited for late work has its error go on instead. */
  private pass(i: number, outcome: Outcome): Outcome {
    const overdue = this.openedAt(i)?.life?.overdue;
    if (overdue !== undefined) {
      const { error } = overdue;
      this.hear(i, outcome, this.scope);
      if (!outcome.ok && outcome.error !== error) causeOf(error, outcome.error);
      outcome = failed(error);
    }
    this.leave(i, outcome);
    return outcome;
  }

  private leave(i: number, outcome: Outcome): void {
    const layer = this.plan.layers[i] as Layer;
    const life = layer.holds ? this.at(2 * i + 2).life : undefined;
    this.closeTo(2 * i);
    this.depth = i;
    if (layer.leave === undefined) return;
    const permit = this.permits[i];
    const context = this.scope;
    if (life === undefined || life.running === 0) giveBack(layer, permit, outcome, context);
    else (life.idle ??= []).push(() => giveBack(layer, permit, outcome, context));
  }

  private finish(outcome: Outcome): void {
    this.close();
    unfollow(this);
    if (!this.given) this.settle(outcome);
  }

  // ---- stopped

  /** What this run follows has ended: the caller's signal, or the scope it was called in. */
  end(reason: unknown, gently: boolean): void {
    if (gently) this.waitOut(this, reason);
    else this.halt(this, reason);
  }

  halt(scope: Scope, error: unknown): void {
    const { pending } = this;
    const k = scope.position >> 1;
    this.pending = undefined;
    this.sleep?.cancel();
    this.sleep = undefined;
    if (pending?.work) this.outlast(pending, k, scope);
    // Scopes further in end too: with a life of their own they follow, and a signal first read later is born aborted.
    for (let inner = this.scope; inner !== scope; inner = inner.outer as Scope) inner.alive();
    scope.alive().end(error, false);
    const abandoned: Outcome = { ok: false, error, abandoned: true };
    for (let i = this.depth - 1; i > k; i--) this.leave(i, abandoned);
    if (k >= 0) {
      this.leave(k, failed(error));
      this.unwind(k - 1, failed(error));
    } else this.finish(failed(error));
  }

  waitOut(scope: Scope, error: unknown): void {
    const { pending } = this;
    if (!pending?.work) return this.halt(scope, error);
    const life = scope.alive();
    if (scope !== this) life.overdue = { error };
    life.end(error, true);
  }

  /**
   * Abandoned work goes on: those who hold permits around it wait for it, here and in the frames further out.
   * A policy that runs tasks of its own is not work: the tasks it runs are, and their own runs see to them.
   */
  private outlast(pending: Pending, k: number, scope: Scope): void {
    const lives: ReturnType<Scope['alive']>[] = [];
    let each = this.plan.hasAround ? undefined : (this.scope as Scope | undefined);
    for (; each !== undefined; each = each.around) lives.push(each.alive());
    for (const life of lives) life.running++;
    pending.late = (outcome) => {
      this.hear(k, outcome, scope.outer as Scope);
      for (const life of lives) {
        if (--life.running === 0) for (const leave of life.idle?.splice(0) ?? []) leave();
      }
    };
  }

  /** What came late: the guard that did not wait for it is told, and a value nobody gets is disposed. */
  private hear(k: number, outcome: Outcome, context: Scope): void {
    if (this.given) return;
    try {
      this.plan.layers[k]?.late?.(outcome, context);
    } catch (error) {
      reportError(error);
    }
    discard(outcome);
  }

  // ---- scopes

  /** The innermost scope that a layer at this position is in. */
  private at(position: number): Scope {
    let scope = this.scope;
    while (scope.position >= position) scope = scope.outer as Scope;
    return scope;
  }

  /** The scope that the guard of a layer has opened. */
  private openedAt(i: number): Scope | undefined {
    const scope = this.at(2 * i + 1);
    return scope.position === 2 * i ? scope : undefined;
  }

  private closeTo(position: number): void {
    while (this.scope.position >= position) {
      this.scope.close();
      this.scope = this.scope.outer as Scope;
    }
  }

  /** Whether a stop has been asked for, and comes in the next microtask: nothing new begins. */
  private doomed(): boolean {
    if (this.source?.aborted) return this.await();
    for (let scope = this.scope; scope !== this; scope = scope.outer as Scope) {
      if (scope.life?.ending) return this.await();
    }
    return false;
  }

  private await(): true {
    this.pending ??= { work: false, go: nothing, late: undefined };
    return true;
  }
}

function giveBack(layer: Layer, permit: unknown, outcome: Outcome, context: Scope): void {
  try {
    layer.leave?.(permit, outcome, context);
  } catch (error) {
    reportError(error);
  }
}

function abandonedBy(context: Scope): Outcome {
  return { ok: false, error: context.signal.reason, abandoned: true };
}

/** Disposes a value that nobody gets. */
function discard(outcome: Outcome): void {
  if (outcome.ok) dispose(isHeld(outcome.value) ? outcome.value.value : outcome.value);
}

/** A recovery failed itself: its error goes on, and what it was asked about stays reachable from it. */
function worse(error: unknown, outcome: Outcome): Outcome {
  if (!outcome.ok) remember(error, outcome.error);
  return failed(error);
}

/** Says what came of work that was waited for too long; an error that cannot be changed stays as it is. */
function causeOf(error: unknown, cause: unknown): void {
  if (error instanceof Error && error.cause === undefined && Object.isExtensible(error)) error.cause = cause;
}
