import { type Follower, soon } from './abort.ts';
import { worse } from './attempts.ts';
import { decline, discard, giveBack } from './discard.ts';
import { isRejection } from './errors.ts';
import { hear, reportError } from './events.ts';
import type { Answer, Layer, Plan } from './layer.ts';
import { failed, type Outcome, succeeded } from './outcome.ts';
import type { Task } from './policy.ts';
import { adopted, isThenable } from './promise.ts';
import { type Origin, type Owner, PlainScope, type Scope, WatchedScope } from './scope.ts';
import { Wait } from './wait.ts';

/**
 * How a call winds in through the layers of its frame, waits, and runs its task. Only one thing is waited for at a time
 * (`waiting`), and only what is waited for is heard: whatever is stopped or superseded settles late, and changes nothing.
 */
export abstract class Inward extends PlainScope implements Owner, Follower {
  previous: Follower | undefined = undefined;
  next: Follower | undefined = undefined;
  protected readonly plan: Plan;
  protected readonly task: Task<unknown>;
  protected readonly resolve: (value: unknown) => void;
  protected readonly reject: (error: unknown) => void;
  /** By layer; those from `depth` on are not in force. */
  protected readonly permits: unknown[];
  /** What each recovery left at its last question of this execution; before the first one it is given its permit. */
  protected memos: unknown[] | undefined = undefined;
  /** How many layers have been entered. */
  protected depth: number;
  /** How many of those that watch have been told. */
  protected watched = 0;
  /** The innermost scope in force. */
  protected scope: Scope = this;
  protected waiting: Wait | undefined = undefined;
  protected first: Wait | undefined = undefined;
  protected sleep: { cancel(): void } | undefined = undefined;
  /** Delays of nothing in a row. */
  protected hurries = 0;
  /** The caller has its value, and the guards wait for what it holds. */
  protected given = false;
  /** Tells the frames further out that this one, whose value they have, has unwound. */
  protected settle: ((outcome: Outcome) => void) | undefined = undefined;
  /** The caller has not got the promise yet. */
  protected sync = true;
  protected source: AbortSignal | undefined = undefined;

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

  protected windIn(from: number, context: Scope): void {
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
  protected goInside(i: number, layer: Layer): void {
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

  protected enter(wait: Wait, outcome: Outcome): void {
    const { place } = wait;
    if (!outcome.ok) return this.unwind(place - 1, outcome);
    if (isRejection(outcome.value)) return this.unwind(place - 1, failed(outcome.value));
    this.permits[place] = outcome.value;
    this.goInside(place, this.plan.layers[place] as Layer);
    this.goOn(wait);
  }

  /** Goes on, unless a stop has been asked for: it comes in the next microtask, and nothing new begins before. */
  protected goOn(wait: Wait): void {
    this.waiting = wait;
    if (this.doomed()) soon(() => this.goInFrom(wait));
    else this.goInFrom(wait);
  }

  protected goInFrom(wait: Wait): void {
    const { kind, place, before } = wait;
    if (this.waiting !== wait) return;
    this.waiting = undefined;
    this.windIn(
      place + 1,
      kind === 'delay' ? new PlainScope(this.scope, 2 * place + 1, before as number, this) : this.scope,
    );
  }

  protected runTask(): void {
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

  protected listen(promise: PromiseLike<unknown>, kind: Wait['kind'], place: number, before: unknown): undefined {
    const wait = new Wait(this, kind, place, before);
    this.waiting = wait;
    // Those further out that hold permits wait for it, also if whoever has called this frame does not.
    if (wait.isWork && this.around !== undefined) this.begun(wait, this.around);
    this.watch();
    adopted(promise).then(wait.fulfilled.bind(wait), wait.rejected.bind(wait));
  }

  arrive(wait: Wait, outcome: Outcome): void {
    const { kind, place } = wait;
    if (this.waiting !== wait) return this.miss(wait, outcome);
    this.waiting = undefined;
    wait.settled();
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

  /** Work goes on inside this scope, and those it is in. A frame round another policy does none: its inner frame does. */
  protected begun(wait: Wait, inside: Scope): void {
    if (this.plan.hasAround) return;
    for (let each: Scope | undefined = inside; each !== undefined; each = each.around) wait.goesOnIn(each.alive());
  }

  /** What nobody waits for any more. */
  protected miss(wait: Wait, outcome: Outcome): void {
    wait.late?.(outcome);
    wait.settled();
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
  protected watch(): void {
    const { layers } = this.plan;
    for (; this.watched < this.depth; this.watched++) {
      const layer = layers[this.watched] as Layer;
      if (layer.watch === undefined) continue;
      const scope = this.openedAt(this.watched) as Scope;
      try {
        hear(layer.watch(scope, scope.outer as Scope));
      } catch (error) {
        reportError(error);
      }
    }
  }

  /** The innermost scope that a layer at this position is in. */
  protected at(position: number): Scope {
    let scope = this.scope;
    while (scope.position >= position) scope = scope.outer as Scope;
    return scope;
  }

  /** The scope that the guard of a layer has opened. */
  protected openedAt(i: number): Scope | undefined {
    const scope = this.at(2 * i + 1);
    return scope.position === 2 * i ? scope : undefined;
  }

  protected closeTo(position: number): void {
    while (this.scope.position >= position) {
      this.scope.close();
      this.scope = this.scope.outer as Scope;
    }
  }

  protected doomed(): boolean {
    for (let each: Scope | undefined = this.scope; each !== undefined; each = each.around) {
      if (each.life?.ending || (each instanceof Inward && each.source?.aborted)) return true;
    }
    return false;
  }

  abstract end(reason: unknown, gently: boolean): void;
  abstract halt(scope: Scope, error: unknown, told?: () => void): void;
  abstract waitOut(scope: Scope, error: unknown, told?: () => void): void;

  /** The task gave a value. */
  protected abstract succeed(value: unknown): void;
  /** From this layer on outward. */
  abstract unwind(from: number, outcome: Outcome): void;
  protected abstract answer(i: number, outcome: Outcome, answer: Answer<unknown>): Outcome | undefined;
  /** Leaves one layer. */
  protected abstract pass(i: number, outcome: Outcome): Outcome;
}
