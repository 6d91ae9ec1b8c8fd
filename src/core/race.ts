import { type Follower, unfollow } from './abort.ts';
import { type Attempt, addAttempt, keepAttempts, type StopReason, worse } from './attempts.ts';
import type { Clock } from './clock.ts';
import { dispose } from './dispose.ts';
import { AbandonedError } from './errors.ts';
import { reportError } from './events.ts';
import { isHeld } from './held.ts';
import { type Classify, failed, type Outcome, retryAfterOf, succeeded, type Verdict } from './outcome.ts';
import type { Milliseconds, Task } from './policy.ts';
import { adopted, capture, captured } from './promise.ts';
import { follow, PlainScope, type Scope } from './scope.ts';
import { type Expiring, expiry, unqueue } from './timers.ts';

/** Why a call that was due did not start. */
export type Denial = 'budget' | 'deadline';

/** Longer than this no failure's `retryAfter` is waited for. */
const longestHint = 60_000;

/** What a race asks of the policy that holds it, and tells it. */
export interface RaceRules {
  readonly name: string;
  readonly clock: Clock;
  /** Calls besides the first. */
  readonly maxHedges: number;
  readonly classify: Classify;
  readonly dispose: ((value: unknown) => unknown) | undefined;
  /** When the next call starts unless something has come before; `undefined` or `Infinity` for never. */
  delay(): Milliseconds | undefined;
  /** How to be told after such a delay. */
  queueFor(delay: Milliseconds): ReturnType<typeof expiry>;
  begun?(): void;
  /** Whether another call may start. */
  allows?(): boolean;
  /** How long the first call took, or, if not `whole`, has taken when it was given up. */
  learn?(elapsed: Milliseconds, whole: boolean): void;
  ended?(hedges: number, verdict: Verdict): void;
  started?(call: number, reason: 'slow' | 'failed'): void;
  denied?(call: number, reason: Denial): void;
  won?(call: number, calls: number): void;
}

interface Runner {
  /** 1 for the first. */
  readonly number: number;
  readonly scope: Scope;
  outcome: Outcome | undefined;
}

/**
 * One task run up to several times side by side, of which one is taken. Each run has a scope of its own inside the one
 * the race is in, so that each can be ended without the others, and what stops the race stops them all.
 */
export class Race implements Follower {
  previous: Follower | undefined = undefined;
  next: Follower | undefined = undefined;
  private readonly rules: RaceRules;
  private readonly task: Task<unknown>;
  private readonly context: Scope;
  private readonly runners: Runner[] = [];
  private readonly attempts: Attempt[] = [];
  private resolve!: (value: unknown) => void;
  private reject!: (error: unknown) => void;
  private running = 0;
  /** How many more may start, and why none does once that is 0. */
  private left: number;
  private why: StopReason = 'exhausted';
  private timer: Expiring | undefined = undefined;
  /** The timer is for the time a failure has asked for. */
  private hinted = false;
  private verdict: Verdict = 'failure';
  /** Before this time none may start: a failure has asked for that. */
  private notBefore: Milliseconds = -Infinity;
  private began: Milliseconds = 0;
  private stopped = false;
  private over = false;
  private taken: Runner | undefined = undefined;

  constructor(rules: RaceRules, task: Task<unknown>, context: Scope) {
    this.rules = rules;
    this.task = task;
    this.context = context;
    this.left = rules.maxHedges;
  }

  run(): Promise<unknown> {
    const { rules } = this;
    const promise = new Promise<unknown>(capture);
    this.resolve = captured.resolve;
    this.reject = captured.reject;
    rules.begun?.();
    if (rules.learn !== undefined) this.began = rules.clock.now();
    follow(this.context, this);
    this.start();
    return promise;
  }

  private start(): void {
    const { context, runners } = this;
    const scope = new PlainScope(context, 0, context.attempt, undefined);
    const runner: Runner = { number: runners.length + 1, scope, outcome: undefined };
    runners.push(runner);
    this.running++;
    const promise = adopted(this.task(scope) as PromiseLike<unknown>);
    promise.then(
      (value) => this.settled(runner, succeeded(value)),
      (error) => this.settled(runner, failed(error)),
    );
    this.wait(this.rules.delay() ?? Infinity, 'slow');
  }

  /** Timers are shared, and run in the async context of whoever set them: a promise keeps this caller's. */
  private wait(delay: Milliseconds, reason: 'slow' | 'failed'): void {
    this.rest();
    if (this.left === 0 || delay === Infinity) return;
    const timer: Expiring = { previous: undefined, next: undefined, batch: undefined, expire: undefined };
    const due = new Promise<unknown>(capture);
    const tell = captured.resolve;
    this.timer = timer;
    this.hinted = reason === 'failed';
    void due.then(() => {
      if (this.timer === timer) this.dare(() => !this.startNext(reason) && this.running === 0 && this.lose());
    });
    const insert = reason === 'slow' ? this.rules.queueFor(delay) : expiry(this.rules.clock, delay);
    insert(timer, tell);
  }

  /** Nothing is waited for but the calls under way. */
  private rest(): void {
    if (this.timer !== undefined) unqueue(this.timer);
    this.timer = undefined;
    this.hinted = false;
  }

  /** Another one is due: whether it has started. */
  private startNext(reason: 'slow' | 'failed'): boolean {
    const { rules } = this;
    const call = this.runners.length + 1;
    const denial = this.isLate(0) ? 'deadline' : rules.allows?.() === false ? 'budget' : undefined;
    if (denial !== undefined) {
      this.noMore(denial);
      rules.denied?.(call, denial);
      return false;
    }
    this.left--;
    rules.started?.(call, reason);
    this.start();
    return true;
  }

  private isLate(after: Milliseconds): boolean {
    const { deadline } = this.context;
    return deadline < Infinity && this.rules.clock.now() + after >= deadline;
  }

  private noMore(why: StopReason): void {
    this.left = 0;
    this.why = why;
    this.rest();
  }

  private settled(runner: Runner, outcome: Outcome): void {
    runner.outcome = outcome;
    if (this.over) return this.letGo(outcome);
    this.running--;
    this.dare(() => this.judge(runner, outcome), outcome);
    // The first one's is kept: it is given if no other is better.
    if (runner !== this.taken && runner.number > 1) this.letGo(outcome);
  }

  /** What the policy's own functions throw ends the race, and what it was about stays reachable from that. */
  private dare(act: () => void, about?: Outcome): void {
    try {
      act();
    } catch (error) {
      this.finish(undefined, about === undefined ? failed(error) : worse(error, about), 'failure');
    }
  }

  private judge(runner: Runner, outcome: Outcome): void {
    const verdict = this.stopped && !outcome.ok ? 'ignore' : this.rules.classify(outcome, runner.scope);
    // A promise or a missing verdict would let the first good outcome wait for all the others.
    if (verdict !== 'success' && verdict !== 'failure' && verdict !== 'ignore')
      throw new TypeError(`${this.rules.name}: classify gave ${verdict}`);
    this.verdict = verdict;
    if (runner.number === 1) this.learn(verdict === 'success');
    if (verdict === 'success' || (outcome.ok && verdict === 'ignore')) return this.finish(runner, outcome, verdict);
    if (verdict === 'failure') this.goOn(runner, outcome);
    else this.note(runner, outcome, 'ignored');
    if (this.running === 0 && !this.hinted) this.lose();
  }

  /** After a failure the next one starts at once, or when the failure says. */
  private goOn(runner: Runner, outcome: Outcome): void {
    const { clock } = this.rules;
    const by = outcome.ok ? outcome.value : outcome.error;
    const hint = retryAfterOf(by);
    if (this.left > 0) {
      if (!outcome.ok && (Object(by) as { readonly retryable?: unknown }).retryable === false) {
        this.noMore('not-retryable');
      } else if (hint > longestHint) this.noMore('retry-after-too-long');
    }
    if (this.left > 0 && (hint > 0 || this.hinted)) {
      const now = clock.now();
      this.notBefore = Math.max(this.notBefore, now + hint);
      const delay = this.notBefore - now;
      if (!this.isLate(delay)) {
        this.wait(delay, 'failed');
        return this.note(runner, outcome, 'retry-after', delay);
      }
      this.noMore('deadline');
      this.rules.denied?.(this.runners.length + 1, 'deadline');
    }
    if (this.left > 0 && this.startNext('failed')) this.note(runner, outcome, 'backoff', 0);
    else this.note(runner, outcome, this.why);
  }

  private note({ number }: Runner, outcome: Outcome, reason: Attempt['reason'], delay?: Milliseconds): void {
    addAttempt(this.attempts, { attempt: number, outcome, delay, reason, at: undefined });
  }

  /** None was good. */
  private lose(): void {
    const first = this.runners[0] as Runner;
    const outcome = first.outcome as Outcome;
    const alone = this.runners.length === 1 && this.why !== 'budget' && this.why !== 'deadline';
    if (!alone && !outcome.ok) keepAttempts(outcome.error, this.attempts);
    this.finish(first, outcome, this.verdict);
  }

  /** This one is taken, and the others are ended before the caller hears of it. */
  private finish(taken: Runner | undefined, outcome: Outcome, verdict: Verdict): void {
    const { rules, runners, context } = this;
    this.taken = taken;
    this.close();
    if (taken === undefined || runners.length > 1) {
      const error = new AbandonedError({ name: rules.name, message: 'superseded: another call was taken' });
      for (const runner of runners) if (runner !== taken) this.supersede(runner, error);
    }
    if (runners.length > 1 && taken?.outcome === outcome && verdict !== 'failure') {
      rules.won?.(taken.number, runners.length);
    }
    this.settle(verdict);
    // What is held by the one that is taken, those further out wait for; what others hold is their own affair.
    const held = taken?.scope.life?.held;
    if (held !== undefined) (context.alive().held ??= []).push(...held);
    if (outcome.ok) this.resolve(outcome.value);
    else this.reject(outcome.error);
  }

  private supersede({ scope }: Runner, error: AbandonedError): void {
    const life = scope.alive();
    life.late = (outcome) => this.letGo(outcome);
    life.end(error, false);
  }

  private close(): void {
    const first = this.runners[0] as Runner;
    this.over = true;
    this.rest();
    unfollow(this);
    if (first.outcome === undefined) this.learn(false);
    else if (first !== this.taken) this.letGo(first.outcome);
  }

  private settle(verdict: Verdict): void {
    try {
      this.rules.ended?.(this.runners.length - 1, verdict);
    } catch (error) {
      reportError(error);
    }
  }

  private learn(whole: boolean): void {
    const { clock, learn } = this.rules;
    learn?.(clock.now() - this.began, whole);
  }

  /** A value that nobody gets. */
  private letGo(outcome: Outcome): void {
    if (outcome.ok) dispose(isHeld(outcome.value) ? outcome.value.value : outcome.value, this.rules.dispose);
  }

  /** Stopped from outside: the runs hear of it by themselves. `gently`: they are waited for, and none begins. */
  end(reason: unknown, gently: boolean): void {
    this.stopped = true;
    this.noMore(this.why);
    if (gently && this.running > 0) return;
    this.close();
    this.settle('ignore');
    this.reject(reason);
  }
}
