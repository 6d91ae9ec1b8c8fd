import { hear, reportError } from './events.ts';
import { isHeld } from './held.ts';
import type { Layer } from './layer.ts';
import { failed, type Outcome, succeeded } from './outcome.ts';
import type { Task } from './policy.ts';
import { nothing } from './promise.ts';
import type { Permits, Row } from './row.ts';
import { Run } from './run.ts';
import { nobody, type Origin, type Owner, Scope, unwound } from './scope.ts';
import { type Expiring, unqueue } from './timers.ts';

/** What a call on its fast way asks of its frame. */
export interface FastPlan extends Row {
  resume(call: Racer, outcome: Outcome): Promise<unknown>;
}

/**
 * A call on its fast way that has a context of its own: what its task sees, the permits it got, and, under a guard that
 * watches, the node of a timeout queue and what settles the promise.
 */
export class Racer extends Scope implements Permits, Expiring {
  private readonly frame: FastPlan;
  /** The task; or what the call has become, if it left its fast way. */
  private work: Task<unknown> | Run;
  p0: unknown = undefined;
  p1: unknown = undefined;
  p2: unknown = undefined;
  p3: unknown = undefined;
  /** The permits beyond the fourth; few frames have any, so that there is no field for them else. */
  declare more: unknown[] | undefined;
  previous: Expiring['previous'] = undefined;
  next: Expiring['next'] = undefined;
  override batch: Expiring['batch'] = undefined;
  expire: Expiring['expire'] = undefined;
  resolve: ((value: unknown) => void) | undefined = undefined;
  reject: ((error: unknown) => void) | undefined = undefined;

  constructor(frame: FastPlan, task: Task<unknown>) {
    super(undefined);
    this.frame = frame;
    this.work = task;
  }

  /** Runs the task, which has waited. */
  run(): unknown {
    const task = this.work as Task<unknown>;
    return task(this);
  }

  override get canEnd(): boolean {
    return this.frame.watcher !== undefined;
  }

  get outer(): Scope | Origin {
    return this.work instanceof Run ? this.work : nobody;
  }

  get position(): number {
    return this.frame.position;
  }

  // Nobody has said anything about such a call.

  get attempt(): number {
    return 1;
  }

  override get cost(): number {
    return 1;
  }

  get guard(): Layer | undefined {
    return this.frame.watcher;
  }

  /** Whether a value asks for more than leaving: a recovery looks at it, it is held, or something outlasts the task. */
  needs(value: unknown): boolean {
    const { life } = this;
    return this.frame.valued || isHeld(value) || (life !== undefined && (life.running > 0 || life.held !== undefined));
  }

  grant(slot: number, permit: unknown): void {
    // By name: a field that is chosen by its name at run time is looked up.
    if (slot < 1) this.p0 = permit;
    else if (slot < 2) this.p1 = permit;
    else if (slot < 3) this.p2 = permit;
    else if (slot < 4) this.p3 = permit;
    else (this.more ??= []).push(permit);
  }

  listen(task: Promise<unknown>): Promise<unknown> {
    const { watcher } = this.frame;
    return watcher === undefined ? task.then(this.given.bind(this), this.thrown.bind(this)) : this.race(task, watcher);
  }

  private race(task: Promise<unknown>, watcher: Layer): Promise<unknown> {
    const promise = new Promise<unknown>((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
    try {
      hear(watcher.watch?.(this, nobody));
    } catch (error) {
      reportError(error);
    }
    task.then(this.fulfilled.bind(this), this.rejected.bind(this));
    return promise;
  }

  private given(value: unknown): unknown {
    const { frame } = this;
    // What has no life was never looked into.
    if ((frame.valued || this.life !== undefined || isHeld(value)) && this.needs(value)) {
      return frame.resume(this, succeeded(value));
    }
    this.owner = unwound;
    frame.leave(this, { ok: true, value }, this);
    return value;
  }

  private thrown(error: unknown): Promise<unknown> {
    const { frame } = this;
    if (frame.recovers || this.life !== undefined) return frame.resume(this, failed(error));
    this.owner = unwound;
    frame.leave(this, failed(error), this);
    throw error;
  }

  /** With all slots before this one entered. */
  becomeRun(slot: number, resolve: (value: unknown) => void, reject: (error: unknown) => void): Run {
    const { frame, work } = this;
    const permits = frame.byPlace([this.p0, this.p1, this.p2, this.p3, ...(this.more ?? [])].slice(0, slot));
    const run = new Run(frame, work as Task<unknown>, nobody, resolve, reject, permits, frame.placeOf(slot));
    if (slot >= frame.outside) {
      run.takeOver(this);
      this.work = run;
    }
    return run;
  }

  private fulfilled(value: unknown): void {
    const { frame } = this;
    const special = frame.valued || this.life !== undefined || isHeld(value);
    if (this.owner !== undefined || (special && this.needs(value))) {
      return this.running().arriveFirst(succeeded(value));
    }
    this.owner = unwound;
    if (this.next !== undefined) unqueue(this);
    frame.leave(this, { ok: true, value }, this);
    this.resolve?.(value);
  }

  private rejected(error: unknown): void {
    const { frame } = this;
    if (this.owner !== undefined || frame.recovers || this.life !== undefined) {
      return this.running().arriveFirst(failed(error));
    }
    this.close();
    frame.leave(this, failed(error), this);
    this.reject?.(error);
  }

  protected override ownedBy(): Owner | undefined {
    return this.owner ?? this.running();
  }

  /** The run that waits on for the task: stopped, or asked about, a call goes on as one. */
  private running(): Run {
    if (this.work instanceof Run) return this.work;
    const run = this.becomeRun(Infinity, this.resolve ?? nothing, this.reject ?? nothing);
    run.waitOn();
    return run;
  }

  override close(): void {
    super.close();
    if (this.next !== undefined) unqueue(this);
  }
}
