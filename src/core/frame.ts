import { checked } from './call-options.ts';
import { isRejection } from './errors.ts';
import { bare, heldInUse, isHeld } from './held.ts';
import type { Layer } from './layer.ts';
import { failed, type Outcome, succeeded } from './outcome.ts';
import type { CallOptions, Context, Policy, Task } from './policy.ts';
import { adopted, capture, captured, isThenable, nothing, rejectSoon } from './promise.ts';
import { type FastPlan, Racer } from './racer.ts';
import { type Permits, Row } from './row.ts';
import { Run } from './run.ts';
import { isRemembering, type Life, nobody, Origin, PlainScope, Scope, unwound } from './scope.ts';

/** Handlers that serve as long as every permit is the same as last time. */
interface Kept extends Permits {
  readonly given: (value: unknown) => unknown;
  readonly thrown: (error: unknown) => never;
}

/**
 * A row of guards and recoveries, with the task, or another policy, inside. Built once; each call goes the cheapest way
 * that carries it, and becomes a `Run` at the first thing out of the ordinary (a guard that waits, a failure in front
 * of a recovery, a stop):
 *
 * - pass: nothing to do afterwards. The task's own promise is the answer.
 * - straight: something to record, and nobody settles from outside. One `then`; its handlers, and the context, serve
 *   many calls, as long as permits stay the same and nobody looks into the context.
 * - race: a guard watches. One object that is context and timer-queue node, and one promise.
 *
 * What is done for speed here is measured in bench/core and bench/policies. A permit is looked at only when it is
 * another than last time's. What settles a call is bound, not a closure, whose code V8 looks up at its first call, and
 * these have but one.
 */
export class Frame extends Row implements FastPlan {
  private readonly around: ((task: Task<unknown>) => Task<unknown>) | undefined;
  private shared: Scope = new PlainScope(nobody, -1, 1, undefined);
  private kept: Kept | undefined = undefined;

  constructor(layers: readonly Layer[], around?: Policy<unknown>, inner?: Frame) {
    super(layers, around !== undefined);
    this.around =
      around &&
      ((task) => (context) =>
        around.execute((handed) => (inner as Frame).begin(task, handed, context as Scope), context));
  }

  execute<T>(task: Task<T>, options?: CallOptions | Context): Promise<T>;
  execute(task: Task<unknown>, options?: CallOptions | Context): Promise<unknown> {
    if (typeof task !== 'function')
      return rejectSoon(new TypeError(`execute: the task must be a function, got ${typeof task}`));
    if (options === undefined && this.empty) return passOn(task, this.sharedContext());
    if (options !== undefined || this.runs) return this.begin(task, options, undefined);
    return this.shares && !heldInUse() ? this.goStraight(task) : this.goAlone(task);
  }

  /** With handlers and a context that serve many calls. */
  private goStraight(task: Task<unknown>): Promise<unknown> {
    const { e0, e1, e2, e3 } = this;
    const context = this.sharedContext();
    let p0: unknown;
    let p1: unknown;
    let p2: unknown;
    let p3: unknown;
    let slot = 0;
    let promise: Promise<unknown>;
    try {
      if (e0 !== undefined) {
        if ((p0 = e0(context)) !== this.s0) {
          if (isOdd(p0)) return this.turn(undefined, 0, p0, task);
          this.s0 = p0;
        }
        slot = 1;
        if (e1 !== undefined) {
          if ((p1 = e1(context)) !== this.s1) {
            if (isOdd(p1)) return this.turn(this.aside(task, p0), 1, p1);
            this.s1 = p1;
          }
          slot = 2;
          if (e2 !== undefined) {
            if ((p2 = e2(context)) !== this.s2) {
              if (isOdd(p2)) return this.turn(this.aside(task, p0, p1), 2, p2);
              this.s2 = p2;
            }
            slot = 3;
            if (e3 !== undefined) {
              if ((p3 = e3(context)) !== this.s3) {
                if (isOdd(p3)) return this.turn(this.aside(task, p0, p1, p2), 3, p3);
                this.s3 = p3;
              }
              slot = 4;
            }
          }
        }
      }
      const result = task(context);
      if (this.passes) return pass(result);
      if (result instanceof Promise && result.constructor === Promise) promise = result;
      else if (isThenable(result)) promise = adopted(result);
      else return this.settled(this.aside(task, p0, p1, p2, p3, context.life), result);
      // A call that has looked into the shared context has it for itself from now on.
      if (context.life !== undefined) return this.aside(task, p0, p1, p2, p3, context.life).listen(promise);
      let { kept } = this;
      if (kept === undefined || kept.p0 !== p0 || kept.p1 !== p1 || kept.p2 !== p2 || kept.p3 !== p3) {
        kept = this.keep(p0, p1, p2, p3);
      }
      // Chosen first: V8 inlines `then` only where nothing branches between it and its arguments.
      const thrown = this.recovers ? this.failure.bind(this, task, kept, context) : kept.thrown;
      // A proxy of a promise has a `then` that throws.
      return promise.then(kept.given, thrown);
    } catch (error) {
      return this.fall(this.aside(task, p0, p1, p2, p3, context.life), slot, error);
    }
  }

  /** With a context of its own. */
  private goAlone(task: Task<unknown>): Promise<unknown> {
    const { e0, e1, e2, e3, outside } = this;
    const call = new Racer(this, task);
    let permit: unknown;
    let slot = 0;
    let promise: Promise<unknown>;
    try {
      if (e0 !== undefined) {
        if ((permit = e0(outside > 0 ? nobody : call)) !== this.s0) {
          if (isOdd(permit)) return this.turn(call, 0, permit);
          this.s0 = permit;
        }
        call.p0 = permit;
        slot = 1;
        if (e1 !== undefined) {
          if ((permit = e1(outside > 1 ? nobody : call)) !== this.s1) {
            if (isOdd(permit)) return this.turn(call, 1, permit);
            this.s1 = permit;
          }
          call.p1 = permit;
          slot = 2;
          if (e2 !== undefined) {
            if ((permit = e2(outside > 2 ? nobody : call)) !== this.s2) {
              if (isOdd(permit)) return this.turn(call, 2, permit);
              this.s2 = permit;
            }
            call.p2 = permit;
            slot = 3;
            if (e3 !== undefined) {
              if ((permit = e3(outside > 3 ? nobody : call)) !== this.s3) {
                if (isOdd(permit)) return this.turn(call, 3, permit);
                this.s3 = permit;
              }
              call.p3 = permit;
              slot = 4;
              const turned = this.goFurther(call);
              if (turned !== undefined) return turned;
            }
          }
        }
      }
      const result = task(call);
      if (result instanceof Promise && result.constructor === Promise) promise = result;
      else if (isThenable(result)) promise = adopted(result);
      else return this.settled(call, result);
      return call.listen(promise);
    } catch (error) {
      return this.fall(call, slot + (call.more?.length ?? 0), error);
    }
  }

  /** Into the guards beyond the fourth. Apart, as V8 takes short functions into others. */
  private goFurther(call: Racer): Promise<unknown> | undefined {
    let slot = 4;
    for (const layer of this.further) {
      const permit = layer.enter?.(slot < this.outside ? nobody : call);
      if (isOdd(permit)) return this.turn(call, slot, permit);
      call.grant(slot++, permit);
    }
    return undefined;
  }

  /** The task has given a value at once. */
  private settled(call: Racer, value: unknown): Promise<unknown> {
    if (call.needs(value)) return this.resume(call, succeeded(value));
    this.leave(call, succeeded(value), call);
    call.owner = unwound;
    return Promise.resolve(value);
  }

  /**
   * The context of calls that leave nothing behind: they share one until somebody looks into it; and none where things
   * are remembered in it, as a task may look into it late, when others have got it, too.
   */
  private sharedContext(): Scope {
    if (this.shared.life !== undefined || isRemembering()) this.shared = new PlainScope(nobody, -1, 1, undefined);
    return this.shared;
  }

  /** A call that goes on without the context it had. */
  private aside(task: Task<unknown>, p0?: unknown, p1?: unknown, p2?: unknown, p3?: unknown, life?: Life): Racer {
    const call = new Racer(this, task);
    call.p0 = p0;
    call.p1 = p1;
    call.p2 = p2;
    call.p3 = p3;
    call.life = life;
    return call;
  }

  // Closures are made in functions of their own: what one of them captures would live on the heap for every call of the
  // function around it, whichever way that call goes.

  private keep(p0: unknown, p1: unknown, p2: unknown, p3: unknown): Kept {
    const outlast = (value: unknown): Promise<unknown> =>
      this.resume(this.aside(nothing, p0, p1, p2, p3), succeeded(value));
    const thrown = (error: unknown): never => {
      this.leave(kept, failed(error), nobody);
      throw error;
    };
    const given = (value: unknown): unknown => {
      if (isHeld(value)) return outlast(value);
      this.leave(kept, { ok: true, value }, nobody);
      return value;
    };
    const kept = { p0, p1, p2, p3, given, thrown };
    this.kept = kept;
    return kept;
  }

  /** A failure in front of a recovery. */
  private failure(task: Task<unknown>, { p0, p1, p2, p3 }: Kept, { life }: Scope, error: unknown): Promise<unknown> {
    return this.resume(this.aside(task, p0, p1, p2, p3, life), failed(error));
  }

  /** The guard of a slot waits, or turns the call away: `permit` is a promise or a rejection. */
  private turn(
    call: Racer | undefined,
    slot: number,
    permit: unknown,
    task: Task<unknown> = nothing,
  ): Promise<unknown> {
    // Nobody has been entered, and nobody is asked: the way that has to be short.
    if (slot === 0 && !this.recovers && isRejection(permit)) return rejectSoon(permit);
    call ??= this.aside(task);
    if (!isThenable(permit)) return this.fall(call, slot, permit);
    if (this.watcher === undefined && slot === this.places.length - 1) {
      // Nobody can end this call, and behind this guard there is only the task: the wait needs no run. One that fails
      // fails the call by itself, where nobody has to hear of it.
      const alone = slot === 0 && !this.recovers;
      const failLast = alone ? undefined : this.fail.bind(this, call, slot);
      return adopted(permit).then(this.enterLast.bind(this, call, slot), failLast);
    }
    return this.takeOver(call, slot, (run, place) => run.waitToEnter(place, permit));
  }

  private enterLast(call: Racer, slot: number, permit: unknown): unknown {
    if (isRejection(permit)) return this.fail(call, slot, permit);
    call.grant(slot, permit);
    try {
      const result = call.run();
      if (isThenable(result)) return call.listen(adopted(result));
      return this.settled(call, result);
    } catch (error) {
      return this.fall(call, slot + 1, error);
    }
  }

  private fail(call: Racer, slot: number, error: unknown): Promise<unknown> {
    if (slot === 0 && !this.recovers) throw error;
    return this.fall(call, slot, error);
  }

  /** The guard of this slot has turned the call away, or, behind the last one, the task has thrown. */
  private fall(call: Racer, slot: number, error: unknown): Promise<unknown> {
    if (slot === 0 && !this.recovers && this.places.length > 0) return rejectSoon(error);
    return this.takeOver(call, slot, (run, place) => run.unwind(place - 1, failed(error)));
  }

  /** The task has settled, and a recovery is to be asked, or something outlasts the call. */
  resume(call: Racer, outcome: Outcome): Promise<unknown> {
    return this.takeOver(call, Infinity, (run) => run.conclude(outcome));
  }

  /** The call becomes a run, with all slots before this one entered. */
  private takeOver(call: Racer, slot: number, goOn: (run: Run, place: number) => void): Promise<unknown> {
    const promise = new Promise<unknown>(capture);
    const run = call.becomeRun(slot, captured.resolve, captured.reject);
    goOn(run, this.placeOf(slot));
    run.handOut();
    return promise;
  }

  /** Begins a run: the caller says something about the call, or it is made inside the scope `from`. */
  private begin(
    task: Task<unknown>,
    options: CallOptions | Context | undefined,
    from: Scope | undefined,
  ): Promise<unknown> {
    let outer: Scope | Origin = from ?? nobody;
    let signal: AbortSignal | undefined;
    // What a caller hands in may be a proxy, or a signal of somebody's own making, and throw when it is looked at.
    try {
      if (options instanceof Scope) outer = options;
      else if (options !== undefined) {
        signal = checked(options).signal;
        if (signal?.aborted) return rejectSoon(signal.reason);
        outer = new Origin(options, from, from);
      }
      const ended = signal === undefined && (outer instanceof Scope ? outer : outer.scope)?.endedLife();
      if (ended) return rejectSoon(ended.reason);
      const promise = new Promise<unknown>(capture);
      const run = new Run(this, this.around?.(task) ?? task, outer, captured.resolve, captured.reject, [], 0);
      run.start(signal);
      run.handOut();
      return promise;
    } catch (error) {
      return rejectSoon(error);
    }
  }
}

/** A permit that is none: a promise of one, or a rejection. */
function isOdd(permit: unknown): boolean {
  return typeof permit === 'object' && (isRejection(permit) || isThenable(permit));
}

/** The identity: small enough to melt into its caller. */
function passOn(task: Task<unknown>, context: Context): Promise<unknown> {
  try {
    return pass(task(context));
  } catch (error) {
    return rejectSoon(error);
  }
}

/** Nothing to do afterwards: the task's own promise is the answer. */
function pass(result: unknown): Promise<unknown> {
  if (result instanceof Promise && !heldInUse()) return result;
  if (!isThenable(result)) return Promise.resolve(bare(result));
  return adopted(result).then(bare);
}
