import { soon, unfollow } from './abort.ts';
import { worse } from './attempts.ts';
import { nextTurn, systemClock } from './clock.ts';
import { giveBack } from './discard.ts';
import { isHeld } from './held.ts';
import { Inward } from './inward.ts';
import type { Answer, Layer, Recovery } from './layer.ts';
import { failed, type Outcome, succeeded } from './outcome.ts';
import type { Milliseconds } from './policy.ts';
import { isThenable, nothing } from './promise.ts';
import type { Scope, Work } from './scope.ts';
import { Wait } from './wait.ts';

/** How a call unwinds: guards leave and recoveries are asked, from the inside out. */
export abstract class Outward extends Inward {
  protected succeed(value: unknown): void {
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
  protected ask(i: number, outcome: Outcome): Outcome | undefined {
    const layer = this.plan.layers[i] as Layer & Recovery<unknown>;
    const { memos } = this;
    this.closeTo(2 * i + 2);
    try {
      const answer = layer.recover(outcome, this.scope, memos !== undefined && i in memos ? memos[i] : this.permits[i]);
      return isThenable(answer) ? this.listen(answer, 'answer', i, outcome) : this.answer(i, outcome, answer);
    } catch (error) {
      return worse(error, outcome);
    }
  }

  protected answer(i: number, outcome: Outcome, answer: Answer<unknown>): Outcome | undefined {
    if (!answer) return outcome;
    const { again, memo, instead } = answer as { again: Milliseconds; memo?: unknown; instead?: unknown };
    if (again < 0 || again === Infinity) return outcome;
    if (again >= 0) return this.rest(i, again, memo);
    // Also where neither is said: a value of nothing must not come of a failure.
    if (!('instead' in Object(answer)))
      throw new RangeError(`recover: again must be a number of milliseconds, got ${again}`);
    return isThenable(instead) ? this.listen(instead, 'instead', i, outcome) : succeeded(instead);
  }

  /** Sleeps, and winds in again from inside the layer, in a scope of a try of its own. */
  protected rest(i: number, delay: Milliseconds, memo: unknown): undefined {
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

  protected wake(wait: Wait): void {
    if (this.waiting !== wait) return;
    this.sleep = undefined;
    this.goOn(wait);
  }

  /** Leaves one layer: its scopes close, and a guard that waited for late work has its error go on instead. */
  protected pass(i: number, outcome: Outcome): Outcome {
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

  protected leave(i: number, outcome: Outcome): void {
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

  protected finish(outcome: Outcome): void {
    this.close();
    unfollow(this);
    if (this.given) this.settle?.(outcome);
    else if (outcome.ok) this.resolve(outcome.value);
    else if (this.sync) soon(() => this.reject(outcome.error));
    else this.reject(outcome.error);
  }

  /** What came late is told, and disposed. */
  protected abstract hear(k: number, outcome: Outcome, scope: Scope): void;
}

/** Says what came of work that was waited for too long; an error that cannot be changed stays as it is. */
function causeOf(error: unknown, cause: unknown): void {
  if (error instanceof Error && error.cause === undefined && Object.isExtensible(error)) error.cause = cause;
}
