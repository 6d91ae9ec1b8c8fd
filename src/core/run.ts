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
import { adopted, isThenable, nothing } from './promise.ts';
import { type Life, type Origin, type Owner, PlainScope, type Scope, WatchedScope, type Work } from './scope.ts';

/** What stands at one place of a frame: a guard, a recovery, or both in one. */
export type Layer = Guard<unknown> & Partial<Recovery<unknown>>;

/** What a run needs to know of its frame. */
export interface Plan {
  readonly layers: readonly Layer[];
  /** The innermost thing is another policy, which runs tasks of its own making. */
  readonly hasAround: boolean;
}

/**
 * What a run waits for: told once of its outcome, or, if the run has gone on without it, told late. Its two ways to
 * settle are bound, not closures: see Frame.
 */
class Wait implements Work {
  private readonly run: Run;
  /** A task, the body it has handed on, a permit, a recovery's answer, what it gives instead, or a delay. */
  readonly kind: 'task' | 'body' | 'permit' | 'answer' | 'instead' | 'delay';
  /** The layer that is waited for. */
  readonly place: number;
  /** What was there before: the value a body belongs to, the outcome an answer is about. */
  readonly before: unknown;
  late: ((outcome: Outcome) => void) | undefined = undefined;
  after: (() => void)[] | undefined = undefined;

  constructor(run: Run, kind: Wait['kind'], place: number, before: unknown) {
    this.run = run;
    this.kind = kind;
    this.place = place;
    this.before = before;
  }

  /** The task, or a body it has handed on, is under way: a guard that is patient waits for it. */
  get isWork(): boolean {
    return this.kind === 'task' || this.kind === 'body';
  }

  fulfilled(value: unknown): void {
    this.run.arrive(this, { ok: true, value });
  }

  rejected(error: unknown): void {
    this.run.arrive(this, failed(error));
  }
}

export const succeeded = (value: unknown): Outcome => ({ ok: true, value });
export const failed = (error: unknown): Outcome => ({ ok: false, error, abandoned: false });

/**
 * One call through one frame, wherever it leaves the fast way: it waits, fails in front of a recovery, is stopped, or
 * came with a context. It winds in through the layers, runs the task, and unwinds.
 *
 * Only one thing is waited for at a time (`waiting`), and only what is waited for is heard: whatever is stopped or
 * superseded settles late, and changes nothing.
 */
export class Run extends PlainScope implements Owner, Follower {
  previous: Follower | undefined = undefined;
  override next: Follower | undefined = undefined;
  private readonly plan: Plan;
  private readonly task: Task<unknown>;
  private readonly resolve: (value: unknown) => void;
  private readonly reject: (error: unknown) => void;
  /** By layer; those from `depth` on are not in force. */
  private readonly permits: unknown[];
  /** What each recovery left at its last question of this execution; before the first one it is given its permit. */
  private memos: unknown[] | undefined = undefined;
  /** How many layers have been entered. */
  private depth: number;
  /** How many of those that watch have been told. */
  private watched = 0;
  /** The innermost scope in force. */
  private scope: Scope = this;
  private waiting: Wait | undefined = undefined;
  private first: Wait | undefined = undefined;
  private sleep: { cancel(): void } | undefined = undefined;
  /** Delays of nothing in a row. */
  private hurries = 0;
  /** The caller has its value, and the guards wait for what it holds. */
  private given = false;
  /** Tells the frames further out that this one, whose value they have, has unwound. */
  private settle: ((outcome: Outcome) => void) | undefined = undefined;
  /** The caller has not got the promise yet. */
  private sync = true;
  private source: AbortSignal | undefined = undefined;

  constructor(
    plan: Plan,
    task: Task<unknown>,
    outer: Scope | Origin,
    resolve: (value: unknown) => void,
    reject: (error: unknown) => void,
    permits: unknown[],
    depth: number,
  ) {
    super(outer, -1, outer.attempt, undefined);
    this.owner = this;
    this.plan = plan;
    this.task = task;
    this.resolve = resolve;
    this.reject = reject;
    this.permits = permits;
    this.depth = depth;
  }

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
    // What goes on inside it goes on inside the call.
    if (scope.life?.works !== undefined) this.alive().works = scope.life.works;
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
    if (layer.watch !== undefined || layer.within !== undefined) {
      this.scope = new WatchedScope(this.scope, 2 * i, this, layer);
    }
    if (layer.recover !== undefined && layer.retries !== false && this.scope.attempt !== 1) {
      this.scope = new PlainScope(this.scope, 2 * i + 1, 1, this);
    }
  }

  /** Goes on in the promise's `then`, which keeps the async context of the caller. */
  waitToEnter(i: number, promise: PromiseLike<unknown>): void {
    this.depth = i;
    this.listen(promise, 'permit', i, this.scope);
  }

  private enter(wait: Wait, outcome: Outcome): void {
    const { place } = wait;
    if (!outcome.ok) return this.unwind(place - 1, outcome);
    if (isRejection(outcome.value)) return this.unwind(place - 1, failed(outcome.value));
    this.permits[place] = outcome.value;
    this.goInside(place, this.plan.layers[place] as Layer);
    this.goOn(wait);
  }

  /** Goes on, unless a stop has been asked for: it comes in the next microtask, and nothing new begins before. */
  private goOn(wait: Wait): void {
    this.waiting = wait;
    if (this.doomed()) soon(() => this.goInFrom(wait));
    else this.goInFrom(wait);
  }

  private goInFrom(wait: Wait): void {
    const { kind, place, before } = wait;
    if (this.waiting !== wait) return;
    this.waiting = undefined;
    this.windIn(
      place + 1,
      kind === 'delay' ? new PlainScope(this.scope, 2 * place + 1, before as number, this) : this.scope,
    );
  }

  private runTask(): void {
    let result: unknown;
    try {
      const { task } = this;
      result = task(this.scope);
      if (!isThenable(result)) return this.succeed(result);
    } catch (error) {
      return this.unwind(this.depth - 1, failed(error));
    }
    this.listen(result, 'task', 0, undefined);
  }

  /** The task has settled. */
  conclude(outcome: Outcome): void {
    if (outcome.ok) return this.succeed(outcome.value);
    // It gave up because a guard that waits for it has asked: those between see no more than if nobody had waited.
    const ended = this.scope.endedLife();
    const abandoned = ended !== undefined && outcome.error === ended.reason;
    this.unwind(this.depth - 1, abandoned ? { ...outcome, abandoned } : outcome);
  }

  // ---- waiting

  private listen(promise: PromiseLike<unknown>, kind: Wait['kind'], place: number, before: unknown): void {
    const wait = new Wait(this, kind, place, before);
    this.waiting = wait;
    this.watch();
    adopted(promise).then(wait.fulfilled.bind(wait), wait.rejected.bind(wait));
  }

  arrive(wait: Wait, outcome: Outcome): void {
    const { kind, place } = wait;
    if (this.waiting !== wait) return this.miss(wait, outcome);
    this.waiting = undefined;
    if (kind === 'task') this.conclude(outcome);
    else if (kind === 'permit') this.enter(wait, outcome);
    else if (kind === 'body') this.unwind(this.depth - 1, outcome.ok ? succeeded(wait.before) : outcome);
    else {
      const before = wait.before as Outcome;
      let answered: Outcome | undefined;
      try {
        if (!outcome.ok) answered = worse(outcome.error, before);
        else answered = kind === 'answer' ? this.answer(place, before, outcome.value as Answer<unknown>) : outcome;
      } catch (error) {
        answered = worse(error, before);
      }
      if (answered !== undefined) this.unwind(place - 1, this.pass(place, answered));
    }
  }

  /** What nobody waits for any more. */
  private miss(wait: Wait, outcome: Outcome): void {
    wait.late?.(outcome);
    if (!outcome.ok) return;
    if (wait.kind === 'instead') discard(outcome);
    else if (wait.kind === 'answer') decline(outcome.value as Answer<unknown>);
    // A permit that arrives after a stop is given back at once.
    else if (wait.kind === 'permit' && !isRejection(outcome.value)) {
      const context = wait.before as Scope;
      const abandoned: Outcome = { ok: false, error: context.signal.reason, abandoned: true };
      giveBack(this.plan.layers[wait.place] as Layer, outcome.value, abandoned, context);
    }
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
    if (holding.length === 0 || this.scope.ended) return this.unwind(this.depth - 1, succeeded(value));
    const done = Promise.all(holding);
    const around = this.around?.alive();
    if (around !== undefined) {
      // Guards further out wait for this frame to unwind, and see with what.
      const unwound = new Promise<unknown>((resolve, reject) => {
        this.settle = (outcome) => (outcome.ok ? resolve(outcome.value) : reject(outcome.error));
      });
      unwound.catch(nothing);
      (around.held ??= []).push(unwound);
    }
    this.given = true;
    this.resolve(value);
    this.listen(done, 'body', 0, value);
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
    const { memos } = this;
    this.closeTo(2 * i + 2);
    try {
      const answer = layer.recover(outcome, this.scope, memos !== undefined && i in memos ? memos[i] : this.permits[i]);
      if (!isThenable(answer)) return this.answer(i, outcome, answer);
      this.listen(answer, 'answer', i, outcome);
      return undefined;
    } catch (error) {
      return worse(error, outcome);
    }
  }

  private answer(i: number, outcome: Outcome, answer: Answer<unknown>): Outcome | undefined {
    if (answer === undefined || answer === null) return outcome;
    if ('again' in answer) {
      const { again, memo } = answer;
      if (again < 0 || again === Infinity) return outcome;
      if (!(again >= 0)) throw new RangeError(`recover: again must be a number of milliseconds, got ${again}`);
      this.rest(i, again, memo);
      return undefined;
    }
    const { instead } = answer;
    if (!isThenable(instead)) return succeeded(instead);
    this.listen(instead, 'instead', i, outcome);
    return undefined;
  }

  /** Sleeps, and winds in again from inside the layer, in a scope of a try of its own. */
  private rest(i: number, delay: Milliseconds, memo: unknown): void {
    const attempt = this.scope.attempt + 1;
    this.closeTo(2 * i + 1);
    // What a try held that is not taken is its own affair.
    if (this.scope.life !== undefined) this.scope.life.held = undefined;
    this.memos ??= [];
    this.memos.length = i;
    this.memos[i] = memo;
    this.depth = i + 1;
    this.watched = Math.min(this.watched, this.depth);
    const wait = new Wait(this, 'delay', i, attempt);
    this.waiting = wait;
    this.watch();
    const wake = this.wake.bind(this, wait);
    if (delay > 0) {
      this.hurries = 0;
      this.sleep = ((this.plan.layers[i] as Layer).clock ?? systemClock).schedule(delay, wake);
    } else if (++this.hurries % 64 === 0) nextTurn(wake);
    else soon(wake);
  }

  private wake(wait: Wait): void {
    if (this.waiting !== wait) return;
    this.sleep = undefined;
    this.goOn(wait);
  }

  /** Leaves one layer: its scopes close, and a guard that waited for late work has its error go on instead. */
  private pass(i: number, outcome: Outcome): Outcome {
    const overdue = this.openedAt(i)?.life?.overdue;
    if (overdue !== undefined) {
      const { error } = overdue;
      if (!this.given && (outcome.ok || outcome.error !== error)) {
        this.hear(i, outcome, this.openedAt(i) as Scope);
        if (!outcome.ok) causeOf(error, outcome.error);
      }
      outcome = failed(error);
    }
    this.leave(i, outcome);
    return outcome;
  }

  private leave(i: number, outcome: Outcome): void {
    const layer = this.plan.layers[i] as Layer;
    const works = layer.holds ? this.at(2 * i + 2).life?.works : undefined;
    this.closeTo(2 * i);
    this.depth = i;
    if (layer.leave === undefined) return;
    const permit = this.permits[i];
    const context = this.scope;
    // What is begun inside later, by a further try, is not waited for: it has a permit of its own.
    let running = works?.size ?? 0;
    if (running === 0) giveBack(layer, permit, outcome, context);
    else {
      const settled = (): void => void (--running === 0 && giveBack(layer, permit, outcome, context));
      for (const work of works as Set<Work>) (work.after ??= []).push(settled);
    }
  }

  private finish(outcome: Outcome): void {
    this.close();
    unfollow(this);
    if (this.given) this.settle?.(outcome);
    else if (outcome.ok) this.resolve(outcome.value);
    else if (this.sync) soon(() => this.reject(outcome.error));
    else this.reject(outcome.error);
  }

  // ---- stopped

  /** What this run follows has ended: the caller's signal, or the scope it was called in. */
  end(reason: unknown, gently: boolean): void {
    if (gently) this.waitOut(this, reason);
    else this.halt(this, reason);
  }

  /** The scope further out in which a stop began that ended this run. */
  private stopper(): Life | undefined {
    let scope = this.around;
    while (scope !== undefined && scope.life?.late === undefined) scope = scope.around;
    return scope?.life;
  }

  halt(scope: Scope, error: unknown, told?: () => void): void {
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

  waitOut(scope: Scope, error: unknown, told?: () => void): void {
    if (!this.waiting?.isWork) return this.halt(scope, error, told);
    // Who asked first is waited for.
    if (scope.life?.ended) return;
    const life = scope.alive();
    if (scope !== this) life.overdue = { error };
    life.end(error, true);
    if (life.reason === error) told?.();
  }

  /**
   * Abandoned work goes on: those who hold permits around it wait for it, here and in the frames further out.
   * A policy that runs tasks of its own is not work: the tasks it runs are, and their own runs see to them.
   */
  private outlast(wait: Wait, hearing: Life, error: unknown): void {
    const lives: Life[] = [];
    let each = this.plan.hasAround ? undefined : (this.scope as Scope | undefined);
    for (; each !== undefined; each = each.around) lives.push(each.alive());
    for (const life of lives) (life.works ??= new Set()).add(wait);
    wait.late = (outcome) => {
      // Who fails with the very error of the stop has heeded it: that is no news, nor that frames further in have.
      if (wait.kind === 'task' && (outcome.ok || outcome.error !== error)) hearing.late?.(outcome);
      for (const { works } of lives) works?.delete(wait);
      for (const settled of wait.after ?? []) settled();
    };
  }

  /** What came late: the guard that did not wait for it is told, and a value nobody gets is disposed. */
  private hear(k: number, outcome: Outcome, scope: Scope): void {
    try {
      this.plan.layers[k]?.late?.(outcome, scope.outer as Scope);
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

  private doomed(): boolean {
    for (let each: Scope | undefined = this.scope; each !== undefined; each = each.around) {
      if (each.life?.ending || (each instanceof Run && each.source?.aborted)) return true;
    }
    return false;
  }
}

function giveBack(layer: Layer, permit: unknown, outcome: Outcome, context: Scope): void {
  try {
    layer.leave?.(permit, outcome, context);
  } catch (error) {
    reportError(error);
  }
}

/** Disposes a value that nobody gets. */
function discard(outcome: Outcome): void {
  if (outcome.ok) dispose(isHeld(outcome.value) ? outcome.value.value : outcome.value);
}

/** An answer that comes too late: what it promises is let go of. */
function decline(answer: Answer<unknown>): void {
  const { instead } = Object(answer) as { instead?: unknown };
  if (instead instanceof Promise) instead.then((value) => discard(succeeded(value)), nothing);
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
