import { soon } from './abort.ts';
import { isRejection } from './errors.ts';
import { reportError } from './events.ts';
import { heldInUse, isHeld } from './held.ts';
import type { Outcome } from './outcome.ts';
import type { CallOptions, Context, Policy, Task } from './policy.ts';
import { adopted, failed, isThenable, type Layer, nothing, type Plan, Run, succeeded } from './run.ts';
import { nobody, Origin, type Owner, PlainScope, Scope, unwound } from './scope.ts';
import { type Expiring, unqueue } from './timers.ts';

type Enter = (this: Layer, context: Context) => unknown;
type Leave = (this: Layer, permit: unknown, outcome: Outcome, context: Context) => void;

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
 * What is done for speed here is measured in bench/core and bench/policies. The first four guards are unrolled by
 * position: a loop over an array costs twice as much. Their functions are read once: layers are of many shapes, and a
 * look-up in an object of unforeseen shape is dear. A permit is looked at only when it is another than last time's.
 * What settles a call is bound, not a closure, whose code V8 looks up at its first call, and these have but one.
 */
export class Frame implements Plan {
  readonly layers: readonly Layer[];
  readonly hasAround: boolean;
  /** Asks about values too. */
  readonly valued: boolean;
  readonly recovers: boolean;
  /** The guard that watches, and the place of the scope inside it. */
  readonly watcher: Layer | undefined;
  readonly position: number;
  private readonly around: ((task: Task<unknown>) => Task<unknown>) | undefined;
  /** Nothing of its own: the identity. */
  private readonly empty: boolean;
  /** Each call is a run from its start. */
  private readonly runs: boolean;
  private readonly passes: boolean;
  /** Nothing can outlast a call but by what its context is asked for: calls may share one. */
  private readonly shares: boolean;
  /** The places of the guards, which are the slots below. */
  private readonly places: readonly number[];
  /** Slots up to and with the guard that watches: they are outside its scope. */
  private readonly outside: number;
  private readonly further: readonly Layer[];
  private readonly g0: Layer | undefined;
  private readonly g1: Layer | undefined;
  private readonly g2: Layer | undefined;
  private readonly g3: Layer | undefined;
  private readonly e0: Enter;
  private readonly e1: Enter;
  private readonly e2: Enter;
  private readonly e3: Enter;
  private readonly l0: Leave;
  private readonly l1: Leave;
  private readonly l2: Leave;
  private readonly l3: Leave;
  private s0: unknown = undefined;
  private s1: unknown = undefined;
  private s2: unknown = undefined;
  private s3: unknown = undefined;
  private shared: Scope = new PlainScope(nobody, -1, 1, undefined);
  private kept: Kept | undefined = undefined;

  constructor(layers: readonly Layer[], around?: Policy<unknown>, inner?: Frame) {
    const places = [...layers.keys()].filter((i) => layers[i]?.enter !== undefined || layers[i]?.leave !== undefined);
    const [g0, g1, g2, g3, ...further] = places.map((i) => layers[i] as Layer);
    const scoping = layers.filter((layer) => layer.watch !== undefined || layer.within !== undefined);
    const place = layers.indexOf(scoping[0] as Layer);
    this.layers = layers;
    this.hasAround = around !== undefined;
    this.around =
      around &&
      ((task) => (context) =>
        around.execute((handed) => (inner as Frame).begin(task, handed, context as Scope), context));
    this.valued = layers.some((layer) => layer.values === true);
    this.recovers = layers.some((layer) => layer.recover !== undefined);
    this.watcher = scoping[0];
    this.position = place < 0 ? -1 : 2 * place;
    this.empty = layers.length === 0 && !this.hasAround;
    this.runs = this.hasAround || scoping.length > 1 || (place >= 0 && this.watcher?.watch === undefined);
    this.passes = place < 0 && !this.recovers && !layers.some((layer) => layer.leave !== undefined);
    this.shares =
      !this.runs && place < 0 && !this.valued && further.length === 0 && !layers.some((layer) => layer.holds);
    this.places = places;
    this.outside = places.filter((i) => i <= place).length;
    this.further = further;
    this.g0 = g0;
    this.g1 = g1;
    this.g2 = g2;
    this.g3 = g3;
    this.e0 = g0?.enter ?? nothing;
    this.e1 = g1?.enter ?? nothing;
    this.e2 = g2?.enter ?? nothing;
    this.e3 = g3?.enter ?? nothing;
    this.l0 = g0?.leave ?? nothing;
    this.l1 = g1?.leave ?? nothing;
    this.l2 = g2?.leave ?? nothing;
    this.l3 = g3?.leave ?? nothing;
  }

  execute<T>(task: Task<T>, options?: CallOptions | Context): Promise<T>;
  execute(task: Task<unknown>, options?: CallOptions | Context): Promise<unknown> {
    if (typeof task !== 'function')
      return rejectSoon(new TypeError(`execute: the task must be a function, got ${typeof task}`));
    if (options !== undefined || this.runs) return this.begin(task, options, undefined);
    if (this.empty) return passOn(task, this.sharedContext());
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
    let more: unknown[] | undefined;
    let slot = 0;
    let result: unknown;
    try {
      if (g0 !== undefined) {
        if ((p0 = this.e0.call(g0, context)) !== this.s0) {
          if (isOdd(p0)) return this.turn(this.aside(task), [], p0);
          this.s0 = p0;
        }
        slot = 1;
        if (g1 !== undefined) {
          if ((p1 = this.e1.call(g1, context)) !== this.s1) {
            if (isOdd(p1)) return this.turn(this.aside(task), [p0], p1);
            this.s1 = p1;
          }
          slot = 2;
          if (g2 !== undefined) {
            if ((p2 = this.e2.call(g2, context)) !== this.s2) {
              if (isOdd(p2)) return this.turn(this.aside(task), [p0, p1], p2);
              this.s2 = p2;
            }
            slot = 3;
            if (g3 !== undefined) {
              if ((p3 = this.e3.call(g3, context)) !== this.s3) {
                if (isOdd(p3)) return this.turn(this.aside(task), [p0, p1, p2], p3);
                this.s3 = p3;
              }
              slot = 4;
              for (const layer of this.further) {
                const permit = layer.enter?.(context);
                more ??= [];
                if (isOdd(permit)) return this.turn(this.aside(task), [p0, p1, p2, p3, ...more], permit);
                more.push(permit);
                slot++;
              }
            }
          }
        }
      }
      result = task(context);
      if (this.passes) return pass(result);
      if (!isThenable(result)) {
        if (isHeld(result) || context.life !== undefined)
          return this.resume(this.taken(task, context), [p0, p1, p2, p3], succeeded(result));
        this.leave(p0, p1, p2, p3, more, { ok: true, value: result }, nobody);
        return Promise.resolve(result);
      }
    } catch (error) {
      return this.fall(this.aside(task), [p0, p1, p2, p3, ...(more ?? [])].slice(0, slot), error);
    }
    const promise = adopted(result);
    if (context.life !== undefined) return this.taken(task, context).listen(promise, p0, p1, p2, p3, more);
    let { kept } = this;
    if (kept === undefined || kept.p0 !== p0 || kept.p1 !== p1 || kept.p2 !== p2 || kept.p3 !== p3) {
      kept = this.keep(p0, p1, p2, p3);
    }
    return promise.then(kept.given, this.recovers ? this.failure(task, p0, p1, p2, p3) : kept.thrown);
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
          if (isOdd(p0)) return this.turn(outside > 0 ? this.aside(task) : racer, [], p0);
          this.s0 = p0;
        }
        slot = 1;
        if (g1 !== undefined) {
          if ((p1 = this.e1.call(g1, outside > 1 ? nobody : racer)) !== this.s1) {
            if (isOdd(p1)) return this.turn(outside > 1 ? this.aside(task) : racer, [p0], p1);
            this.s1 = p1;
          }
          slot = 2;
          if (g2 !== undefined) {
            if ((p2 = this.e2.call(g2, outside > 2 ? nobody : racer)) !== this.s2) {
              if (isOdd(p2)) return this.turn(outside > 2 ? this.aside(task) : racer, [p0, p1], p2);
              this.s2 = p2;
            }
            slot = 3;
            if (g3 !== undefined) {
              if ((p3 = this.e3.call(g3, outside > 3 ? nobody : racer)) !== this.s3) {
                if (isOdd(p3)) return this.turn(outside > 3 ? this.aside(task) : racer, [p0, p1, p2], p3);
                this.s3 = p3;
              }
              slot = 4;
              for (const layer of this.further) {
                const permit = layer.enter?.(slot < outside ? nobody : racer);
                more ??= [];
                if (isOdd(permit))
                  return this.turn(slot < outside ? this.aside(task) : racer, [p0, p1, p2, p3, ...more], permit);
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
    const given = (value: unknown): unknown => {
      if (isHeld(value)) return this.resume(this.aside(nothing), [p0, p1, p2, p3], succeeded(value));
      this.leave(p0, p1, p2, p3, undefined, { ok: true, value }, nobody);
      return value;
    };
    const thrown = (error: unknown): never => {
      this.leave(p0, p1, p2, p3, undefined, failed(error), nobody);
      throw error;
    };
    this.kept = { p0, p1, p2, p3, given, thrown };
    return this.kept;
  }

  private failure(task: Task<unknown>, p0: unknown, p1: unknown, p2: unknown, p3: unknown) {
    return (error: unknown): Promise<unknown> => this.resume(this.aside(task), [p0, p1, p2, p3], failed(error));
  }

  /** Leaves from the inside out. Written out: it is the larger part of what a call costs. */
  leave(
    p0: unknown,
    p1: unknown,
    p2: unknown,
    p3: unknown,
    more: unknown[] | undefined,
    outcome: Outcome,
    context: Context,
  ): void {
    const { g0, g1, g2, g3, outside } = this;
    if (more !== undefined) this.leaveFurther(more, outcome, context);
    if (g0 === undefined) return;
    if (g1 !== undefined) {
      if (g2 !== undefined) {
        if (g3 !== undefined) {
          try {
            this.l3.call(g3, p3, outcome, outside > 3 ? nobody : context);
          } catch (error) {
            reportError(error);
          }
        }
        try {
          this.l2.call(g2, p2, outcome, outside > 2 ? nobody : context);
        } catch (error) {
          reportError(error);
        }
      }
      try {
        this.l1.call(g1, p1, outcome, outside > 1 ? nobody : context);
      } catch (error) {
        reportError(error);
      }
    }
    try {
      this.l0.call(g0, p0, outcome, outside > 0 ? nobody : context);
    } catch (error) {
      reportError(error);
    }
  }

  private leaveFurther(more: unknown[], outcome: Outcome, context: Context): void {
    for (let i = more.length - 1; i >= 0; i--) {
      try {
        this.further[i]?.leave?.(more[i], outcome, i + 4 < this.outside ? nobody : context);
      } catch (error) {
        reportError(error);
      }
    }
  }

  /** A guard waits, or turns the call away: `permit` is a promise or a rejection. */
  private turn(call: Racer, permits: unknown[], permit: unknown): Promise<unknown> {
    if (!isThenable(permit)) return this.fall(call, permits, permit);
    return this.takeOver(call, permits, permits.length, (run, place) => run.waitToEnter(place, permit));
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

  byPlace(permits: readonly unknown[]): unknown[] {
    const { places } = this;
    const all = new Array<unknown>(this.layers.length);
    for (let slot = 0; slot < permits.length && slot < places.length; slot++)
      all[places[slot] as number] = permits[slot];
    return all;
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

/**
 * A call on its fast way that has a context of its own: what its task sees, the permits it got, and, under a guard that
 * watches, the node of a timeout queue and what settles the promise.
 */
class Racer extends Scope implements Expiring {
  private readonly frame: Frame;
  /** The task; or what the call has become, if it left its fast way. */
  private work: Task<unknown> | Run;
  p0: unknown = undefined;
  p1: unknown = undefined;
  p2: unknown = undefined;
  p3: unknown = undefined;
  /** The permits beyond the fourth. */
  more: unknown[] | undefined = undefined;
  previous: Expiring['previous'] = undefined;
  override next: Expiring['next'] = undefined;
  override batch: Expiring['batch'] = undefined;
  expire: Expiring['expire'] = undefined;
  private resolve: ((value: unknown) => void) | undefined = undefined;
  private reject: ((error: unknown) => void) | undefined = undefined;

  constructor(frame: Frame, task: Task<unknown>) {
    super(undefined);
    this.frame = frame;
    this.work = task;
  }

  get outer(): Scope | Origin {
    return this.work instanceof Run ? this.work : nobody;
  }

  get position(): number {
    return this.frame.position;
  }

  get attempt(): number {
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

  permits(): unknown[] {
    return [this.p0, this.p1, this.p2, this.p3, ...(this.more ?? [])];
  }

  listen(
    task: Promise<unknown>,
    p0: unknown,
    p1: unknown,
    p2: unknown,
    p3: unknown,
    more: unknown[] | undefined,
  ): Promise<unknown> {
    this.p0 = p0;
    this.p1 = p1;
    this.p2 = p2;
    this.p3 = p3;
    this.more = more;
    return this.frame.watcher === undefined
      ? task.then(this.given.bind(this), this.thrown.bind(this))
      : this.race(task, this.frame.watcher);
  }

  private race(task: Promise<unknown>, watcher: Layer): Promise<unknown> {
    const promise = new Promise<unknown>(capture);
    this.resolve = captured.resolve;
    this.reject = captured.reject;
    try {
      watcher.watch?.(this, nobody);
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
      return frame.resume(this, this.permits(), succeeded(value));
    }
    this.owner = unwound;
    frame.leave(this.p0, this.p1, this.p2, this.p3, this.more, { ok: true, value }, this);
    return value;
  }

  private thrown(error: unknown): Promise<unknown> {
    const { frame } = this;
    if (frame.recovers || this.life !== undefined) return frame.resume(this, this.permits(), failed(error));
    this.owner = unwound;
    frame.leave(this.p0, this.p1, this.p2, this.p3, this.more, failed(error), this);
    throw error;
  }

  becomeRun(
    permits: unknown[],
    place: number,
    inside: boolean,
    resolve: (value: unknown) => void,
    reject: (error: unknown) => void,
  ): Run {
    const { frame, work } = this;
    const run = new Run(frame, work as Task<unknown>, nobody, resolve, reject, frame.byPlace(permits), place);
    if (inside) {
      run.takeOver(this);
      this.work = run;
    }
    return run;
  }

  private fulfilled(value: unknown): void {
    const { frame } = this;
    if (this.owner !== undefined) return this.running().arriveFirst(succeeded(value));
    if ((frame.valued || this.life !== undefined || isHeld(value)) && this.needs(value)) {
      return this.running().arriveFirst(succeeded(value));
    }
    this.owner = unwound;
    if (this.next !== undefined) unqueue(this);
    frame.leave(this.p0, this.p1, this.p2, this.p3, this.more, { ok: true, value }, this);
    this.resolve?.(value);
  }

  private rejected(error: unknown): void {
    const { frame } = this;
    if (this.owner !== undefined || frame.recovers || this.life !== undefined) {
      return this.running().arriveFirst(failed(error));
    }
    this.close();
    frame.leave(this.p0, this.p1, this.p2, this.p3, this.more, failed(error), this);
    this.reject?.(error);
  }

  protected override ownedBy(): Owner | undefined {
    return this.owner ?? this.running();
  }

  /** The run that waits on for the task: stopped, or asked about, a call goes on as one. */
  private running(): Run {
    if (this.work instanceof Run) return this.work;
    const run = this.becomeRun(
      this.permits(),
      this.frame.layers.length,
      true,
      this.resolve ?? nothing,
      this.reject ?? nothing,
    );
    run.waitOn();
    return run;
  }

  override close(): void {
    super.close();
    if (this.next !== undefined) unqueue(this);
  }
}

/** What settles the promise made last. An executor of its own would cost each call a closure and what that captures. */
const captured: { resolve: (value: unknown) => void; reject: (error: unknown) => void } = {
  resolve: nothing,
  reject: nothing,
};

function capture(resolve: (value: unknown) => void, reject: (error: unknown) => void): void {
  captured.resolve = resolve;
  captured.reject = reject;
}

/** A permit that is none: a promise of one, or a rejection. */
function isOdd(permit: unknown): boolean {
  return typeof permit === 'object' && permit !== null && (isThenable(permit) || isRejection(permit));
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
  if (!isThenable(result)) return Promise.resolve(isHeld(result) ? result.value : result);
  return adopted(result).then((value) => (isHeld(value) ? value.value : value));
}

/**
 * Rejects in a microtask. A promise that is born rejected runs the host's hook for unhandled rejections, and the one
 * that takes it back once the caller has attached: 0.4 microseconds together.
 */
function rejectSoon(error: unknown): Promise<never> {
  return new Promise((_, reject) => soon(() => reject(error)));
}

/** @throws {TypeError | RangeError} for what a caller may not say about a call */
function checked(options: CallOptions | Context): CallOptions {
  const { signal } = options;
  if (typeof options !== 'object') throw new TypeError(`execute: options must be an object, got ${typeof options}`);
  if (signal !== undefined && typeof signal.addEventListener !== 'function') {
    throw new TypeError('execute: signal must be an AbortSignal');
  }
  for (const name of ['deadline', 'priority', 'cost'] as const) {
    const value = options[name];
    if (value === undefined) continue;
    if (typeof value !== 'number') throw new TypeError(`execute: ${name} must be a number, got ${typeof value}`);
    if (Number.isNaN(value) || (name === 'cost' && value < 0)) {
      throw new RangeError(`execute: ${name} must be a number${name === 'cost' ? ', 0 or more' : ''}, got ${value}`);
    }
  }
  return options;
}
