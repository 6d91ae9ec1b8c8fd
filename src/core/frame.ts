import { checked } from './call-options.ts';
import { isRejection } from './errors.ts';
import { hear, reportError } from './events.ts';
import { heldInUse, isHeld } from './held.ts';
import type { Layer } from './layer.ts';
import { failed, type Outcome, succeeded } from './outcome.ts';
import type { CallOptions, Context, Policy, Task } from './policy.ts';
import { adopted, capture, captured, isThenable, nothing, rejectSoon } from './promise.ts';
import { type FastPlan, Racer } from './racer.ts';
import { Row } from './row.ts';
import { Run } from './run.ts';
import { nobody, Origin, PlainScope, Scope, unwound } from './scope.ts';

/** Handlers that serve as long as every permit is the same as last time. */
interface Kept {
  readonly p0: unknown;
  readonly p1: unknown;
  readonly p2: unknown;
  readonly p3: unknown;
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
    if (options === undefined && this.empty) return passOn(task, this.sharedContext());
    if (typeof task !== 'function') return rejectSoon(noTask(task));
    if (options !== undefined || this.runs) return this.begin(task, options, undefined);
    return this.shares && !heldInUse() ? this.goStraight(task) : this.goAlone(task);
  }

  /** With handlers and a context that serve many calls. */
  private goStraight(task: Task<unknown>): Promise<unknown> {
    const { g0, g1, g2, g3 } = this;
    const context = this.sharedContext();
    let p0: unknown;
    let p1: unknown;
    let p2: unknown;
    let p3: unknown;
    let slot = 0;
    let result: unknown;
    try {
      if (g0 !== undefined) {
        if ((p0 = this.e0.call(g0, context)) !== this.s0) {
          if (isOdd(p0)) return this.turn(task, undefined, [], p0);
          this.s0 = p0;
        }
        slot = 1;
        if (g1 !== undefined) {
          if ((p1 = this.e1.call(g1, context)) !== this.s1) {
            if (isOdd(p1)) return this.turn(task, undefined, [p0], p1);
            this.s1 = p1;
          }
          slot = 2;
          if (g2 !== undefined) {
            if ((p2 = this.e2.call(g2, context)) !== this.s2) {
              if (isOdd(p2)) return this.turn(task, undefined, [p0, p1], p2);
              this.s2 = p2;
            }
            slot = 3;
            if (g3 !== undefined) {
              if ((p3 = this.e3.call(g3, context)) !== this.s3) {
                if (isOdd(p3)) return this.turn(task, undefined, [p0, p1, p2], p3);
                this.s3 = p3;
              }
              slot = 4;
            }
          }
        }
      }
      result = task(context);
      if (this.passes) return pass(result);
      if (!isThenable(result)) {
        if (isHeld(result) || context.life !== undefined)
          return this.resume(this.taken(task, context), [p0, p1, p2, p3], succeeded(result));
        this.leave(p0, p1, p2, p3, undefined, { ok: true, value: result }, nobody);
        return Promise.resolve(result);
      }
    } catch (error) {
      return this.fall(this.aside(task), [p0, p1, p2, p3].slice(0, slot), error);
    }
    const promise = adopted(result);
    if (context.life !== undefined) return this.taken(task, context).listen(promise, p0, p1, p2, p3, undefined);
    let { kept } = this;
    if (kept === undefined || kept.p0 !== p0 || kept.p1 !== p1 || kept.p2 !== p2 || kept.p3 !== p3) {
      kept = this.keep(p0, p1, p2, p3);
    }
    return promise.then(kept.given, this.recovers ? this.failure.bind(this, task, p0, p1, p2, p3) : kept.thrown);
  }

  /** With a context of its own. */
  private goAlone(task: Task<unknown>): Promise<unknown> {
    const { g0, g1, g2, g3, outside } = this;
    const racer = new Racer(this, task);
    let p0: unknown;
    let p1: unknown;
    let p2: unknown;
    let p3: unknown;
    let more: unknown[] | undefined;
    let slot = 0;
    let result: unknown;
    try {
      if (g0 !== undefined) {
        if ((p0 = this.e0.call(g0, outside > 0 ? nobody : racer)) !== this.s0) {
          if (isOdd(p0)) return this.turn(task, outside > 0 ? undefined : racer, [], p0);
          this.s0 = p0;
        }
        slot = 1;
        if (g1 !== undefined) {
          if ((p1 = this.e1.call(g1, outside > 1 ? nobody : racer)) !== this.s1) {
            if (isOdd(p1)) return this.turn(task, outside > 1 ? undefined : racer, [p0], p1);
            this.s1 = p1;
          }
          slot = 2;
          if (g2 !== undefined) {
            if ((p2 = this.e2.call(g2, outside > 2 ? nobody : racer)) !== this.s2) {
              if (isOdd(p2)) return this.turn(task, outside > 2 ? undefined : racer, [p0, p1], p2);
              this.s2 = p2;
            }
            slot = 3;
            if (g3 !== undefined) {
              if ((p3 = this.e3.call(g3, outside > 3 ? nobody : racer)) !== this.s3) {
                if (isOdd(p3)) return this.turn(task, outside > 3 ? undefined : racer, [p0, p1, p2], p3);
                this.s3 = p3;
              }
              slot = 4;
              for (const layer of this.further) {
                const permit = layer.enter?.(slot < outside ? nobody : racer);
                more ??= [];
                if (isOdd(permit))
                  return this.turn(task, slot < outside ? undefined : racer, [p0, p1, p2, p3, ...more], permit);
                more.push(permit);
                slot++;
              }
            }
          }
        }
      }
      result = task(racer);
      if (!isThenable(result)) {
        if (racer.needs(result)) return this.resume(racer, [p0, p1, p2, p3, ...(more ?? [])], succeeded(result));
        this.leave(p0, p1, p2, p3, more, { ok: true, value: result }, racer);
        racer.owner = unwound;
        return Promise.resolve(result);
      }
    } catch (error) {
      return this.fall(racer, [p0, p1, p2, p3, ...(more ?? [])].slice(0, slot), error);
    }
    return racer.listen(adopted(result), p0, p1, p2, p3, more);
  }

  /** The context of calls that leave nothing behind: they share one until somebody looks into it. */
  private sharedContext(): Scope {
    if (this.shared.life !== undefined) this.shared = new PlainScope(nobody, -1, 1, undefined);
    return this.shared;
  }

  /** A call that has looked into the shared context has it for itself from now on. */
  private taken(task: Task<unknown>, context: Scope): Racer {
    const racer = this.aside(task);
    racer.life = context.life;
    return racer;
  }

  /** A call that goes on without the context it had. */
  private aside(task: Task<unknown>): Racer {
    return new Racer(this, task);
  }

  // Closures are made in functions of their own: what one of them captures would live on the heap for every call of the
  // function around it, whichever way that call goes.

  private keep(p0: unknown, p1: unknown, p2: unknown, p3: unknown): Kept {
    const { g0, l0, g1 } = this;
    const outlast = (value: unknown): Promise<unknown> =>
      this.resume(this.aside(nothing), [p0, p1, p2, p3], succeeded(value));
    const thrown = (error: unknown): never => {
      this.leave(p0, p1, p2, p3, undefined, failed(error), nobody);
      throw error;
    };
    const given =
      g1 !== undefined
        ? (value: unknown): unknown => {
            if (isHeld(value)) return outlast(value);
            this.leave(p0, p1, p2, p3, undefined, { ok: true, value }, nobody);
            return value;
          }
        : g0 === undefined
          ? (value: unknown): unknown => (isHeld(value) ? outlast(value) : value)
          : (value: unknown): unknown => {
              if (isHeld(value)) return outlast(value);
              try {
                hear(l0.call(g0, p0, { ok: true, value }, nobody));
              } catch (error) {
                reportError(error);
              }
              return value;
            };
    this.kept = { p0, p1, p2, p3, given, thrown };
    return this.kept;
  }

  /** A failure in front of a recovery. */
  private failure(task: Task<unknown>, p0: unknown, p1: unknown, p2: unknown, p3: unknown, error: unknown) {
    return this.resume(this.aside(task), [p0, p1, p2, p3], failed(error));
  }

  /** A guard waits, or turns the call away: `permit` is a promise or a rejection. */
  private turn(task: Task<unknown>, own: Racer | undefined, permits: unknown[], permit: unknown): Promise<unknown> {
    // Nobody has been entered, and nobody is asked: the way that has to be short.
    if (permits.length === 0 && !this.recovers && isRejection(permit)) return rejectSoon(permit);
    const call = own ?? this.aside(task);
    if (!isThenable(permit)) return this.fall(call, permits, permit);
    if (this.watcher === undefined && permits.length === this.places.length - 1) {
      // Nobody can end this call, and behind this guard there is only the task: the wait needs no run. One that fails
      // fails the call by itself, where nobody has to hear of it.
      const alone = permits.length === 0 && !this.recovers;
      const failLast = alone ? undefined : this.failLast.bind(this, call, permits);
      return adopted(permit).then(this.enterLast.bind(this, call, permits), failLast);
    }
    return this.takeOver(call, permits, permits.length, (run, place) => run.waitToEnter(place, permit));
  }

  private enterLast(call: Racer, permits: unknown[], permit: unknown): unknown {
    if (isRejection(permit)) return this.failLast(call, permits, permit);
    permits.push(permit);
    const [p0, p1, p2, p3, ...further] = permits;
    const more = further.length > 0 ? further : undefined;
    try {
      const result = call.run();
      if (isThenable(result)) return call.listen(adopted(result), p0, p1, p2, p3, more);
      if (call.needs(result)) return this.resume(call, permits, succeeded(result));
      this.leave(p0, p1, p2, p3, more, { ok: true, value: result }, call);
      call.owner = unwound;
      return result;
    } catch (error) {
      return this.fall(call, permits, error);
    }
  }

  private failLast(call: Racer, permits: unknown[], error: unknown): Promise<unknown> {
    if (permits.length === 0 && !this.recovers) throw error;
    return this.fall(call, permits, error);
  }

  /** The next guard has turned the call away, or, behind the last one, the task has thrown. */
  private fall(call: Racer, permits: unknown[], error: unknown): Promise<unknown> {
    if (permits.length === 0 && !this.recovers && this.places.length > 0) return rejectSoon(error);
    return this.takeOver(call, permits, permits.length, (run, place) => run.unwind(place - 1, failed(error)));
  }

  /** The task has settled, and a recovery is to be asked, or something outlasts the call. */
  resume(call: Racer, permits: unknown[], outcome: Outcome): Promise<unknown> {
    return this.takeOver(call, permits, Infinity, (run) => run.conclude(outcome));
  }

  /** The call becomes a run, with all slots before this one entered. */
  private takeOver(
    call: Racer,
    permits: unknown[],
    slot: number,
    goOn: (run: Run, place: number) => void,
  ): Promise<unknown> {
    const promise = new Promise<unknown>(capture);
    const place = this.places[slot] ?? this.layers.length;
    const run = call.becomeRun(permits, place, slot >= this.outside, captured.resolve, captured.reject);
    goOn(run, place);
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
    if (options instanceof Scope) outer = options;
    else if (options !== undefined) {
      try {
        signal = checked(options).signal;
      } catch (error) {
        return rejectSoon(error);
      }
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
  }
}

/** A permit that is none: a promise of one, or a rejection. */
function isOdd(permit: unknown): boolean {
  return typeof permit === 'object' && permit !== null && (isRejection(permit) || isThenable(permit));
}

/** The identity: small enough to melt into its caller. */
function passOn(task: Task<unknown>, context: Context): Promise<unknown> {
  try {
    return pass(task(context));
  } catch (error) {
    return rejectSoon(typeof task === 'function' ? error : noTask(task));
  }
}

/** Nothing to do afterwards: the task's own promise is the answer. */
function pass(result: unknown): Promise<unknown> {
  if (result instanceof Promise && !heldInUse()) return result;
  if (!isThenable(result)) return Promise.resolve(isHeld(result) ? result.value : result);
  return adopted(result).then((value) => (isHeld(value) ? value.value : value));
}

function noTask(task: unknown): TypeError {
  return new TypeError(`execute: the task must be a function, got ${typeof task}`);
}
