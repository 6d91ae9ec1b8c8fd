import { failed, type Outcome } from './outcome.ts';
import type { Life, Work } from './scope.ts';

/** Who is told. */
interface Waiter {
  arrive(wait: Wait, outcome: Outcome): void;
}

/**
 * What a run waits for: told once of its outcome, or, if the run has gone on without it, told late. Its two ways to
 * settle are bound, not closures: see Frame.
 */
export class Wait implements Work {
  private readonly run: Waiter;
  /** A task, the body it has handed on, a permit, a recovery's answer, what it gives instead, or a delay. */
  readonly kind: 'task' | 'body' | 'permit' | 'answer' | 'instead' | 'delay';
  /** The layer that is waited for. */
  readonly place: number;
  /** What was there before: the value a body belongs to, the outcome an answer is about. */
  readonly before: unknown;
  late: ((outcome: Outcome) => void) | undefined = undefined;
  after: (() => void)[] | undefined = undefined;
  private lives: Life[] | undefined = undefined;

  constructor(run: Waiter, kind: Wait['kind'], place: number, before: unknown) {
    this.run = run;
    this.kind = kind;
    this.place = place;
    this.before = before;
  }

  /** The task, or a body it has handed on, is under way: a guard that is patient waits for it. */
  get isWork(): boolean {
    return this.kind === 'task' || this.kind === 'body';
  }

  /** It goes on inside a scope, whose guards may have to wait for it. */
  goesOnIn(life: Life): void {
    (this.lives ??= []).push(life);
    (life.works ??= new Set()).add(this);
  }

  settled(): void {
    if (this.lives === undefined) return;
    for (const { works } of this.lives) works?.delete(this);
    for (const settled of this.after ?? []) settled();
  }

  fulfilled(value: unknown): void {
    this.run.arrive(this, { ok: true, value });
  }

  rejected(error: unknown): void {
    this.run.arrive(this, failed(error));
  }
}
