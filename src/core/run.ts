import { followSignal } from './abort.ts';
import { discard } from './discard.ts';
import { hear as heed, reportError } from './events.ts';
import { failed, type Outcome } from './outcome.ts';
import { Outward } from './outward.ts';
import type { Life, Scope } from './scope.ts';
import { Wait } from './wait.ts';

/**
 * One call through one frame, wherever it leaves the fast way: it waits, fails in front of a recovery, is stopped, or
 * came with a context. It winds in through the layers, runs the task, and unwinds; here is how it begins and is stopped.
 */
export class Run extends Outward {
  /** Begins at the outermost layer, following whatever may end the call. */
  start(signal: AbortSignal | undefined): void {
    this.source = signal;
    if (signal !== undefined) followSignal(signal, this);
    else this.around?.alive().followers.add(this);
    this.windIn(0, this);
  }

  /** Takes over a call that went its fast way up to here, inside this scope. */
  takeOver(scope: Scope): void {
    scope.belongTo(this);
    this.scope = scope;
    const { works, memory } = scope.life ?? {};
    // What goes on inside it goes on inside the call, and what is remembered is remembered of the call.
    if (works !== undefined) this.alive().works = works;
    if (memory !== undefined) this.alive().memory = memory;
  }

  /** The task of a call taken over is pending: what is given here is to be told of it. */
  waitOn(): void {
    this.sync = false;
    this.watched = this.depth;
    this.first = this.waiting = new Wait(this, 'task', 0, undefined);
  }

  /** That task has settled. */
  arriveFirst(outcome: Outcome): void {
    this.arrive(this.first as Wait, outcome);
  }

  /** The caller has got the promise. */
  handOut(): void {
    this.sync = false;
  }

  /** What this run follows has ended: the caller's signal, or the scope it was called in. */
  override end(reason: unknown, gently: boolean): void {
    if (gently) this.waitOut(this, reason);
    else this.halt(this, reason);
  }

  /** The scope further out in which a stop began that ended this run. */
  private stopper(): Life | undefined {
    let scope = this.around;
    while (scope !== undefined && scope.life?.late === undefined) scope = scope.around;
    return scope?.life;
  }

  override halt(scope: Scope, error: unknown, told?: () => void): void {
    const { waiting } = this;
    const k = scope.position >> 1;
    this.waiting = undefined;
    this.sleep?.cancel();
    this.sleep = undefined;
    const life = scope.alive();
    // What still comes is heard where the stop began.
    const hearing = (k < 0 && this.stopper()) || life;
    if (hearing === life) life.late = (outcome) => this.hear(k, outcome, scope);
    if (waiting?.isWork) this.outlast(waiting, hearing, error);
    // Scopes further in end too: with a life of their own they follow, and a signal first read later is born aborted.
    for (let inner = this.scope; inner !== scope; inner = inner.outer as Scope) inner.alive();
    life.end(error, false);
    if (life.reason === error) told?.();
    const abandoned: Outcome = { ok: false, error, abandoned: true };
    for (let i = this.depth - 1; i > k; i--) this.leave(i, abandoned);
    if (k >= 0) {
      this.leave(k, failed(error));
      this.unwind(k - 1, failed(error));
    } else this.finish(failed(error));
  }

  override waitOut(scope: Scope, error: unknown, told?: () => void): void {
    if (!this.waiting?.isWork) return this.halt(scope, error, told);
    // Who asked first is waited for.
    if (scope.life?.ended) return;
    const life = scope.alive();
    if (scope !== this) life.overdue = { error };
    life.end(error, true);
    if (life.reason === error) told?.();
  }

  /** Abandoned work goes on: those who hold permits around it wait for it, here and in the frames further out. */
  private outlast(wait: Wait, hearing: Life, error: unknown): void {
    this.begun(wait, this.scope);
    wait.late = (outcome) => {
      // Who fails with the very error of the stop has heeded it: that is no news, nor that frames further in have.
      if (wait.kind === 'task' && (outcome.ok || outcome.error !== error)) hearing.late?.(outcome);
    };
  }

  /** What came late: the guard that did not wait for it is told, and a value nobody gets is disposed. */
  protected override hear(k: number, outcome: Outcome, scope: Scope): void {
    try {
      heed(this.plan.layers[k]?.late?.(outcome, scope.outer as Scope));
    } catch (error) {
      reportError(error);
    }
    discard(outcome);
  }
}
