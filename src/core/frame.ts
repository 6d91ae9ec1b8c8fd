import { soon } from './abort.ts';
import { isRejection } from './errors.ts';
import { reportError } from './events.ts';
import { heldInUse, isHeld } from './held.ts';
import type { Outcome } from './outcome.ts';
import type { CallOptions, Context, Policy, Task } from './policy.ts';
import { adopted, failed, isThenable, type Layer, type Plan, Run, succeeded } from './run.ts';
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
  readonly ok: (value: unknown) => unknown;
  readonly bad: (error: unknown) => never;
}

/**
 * A row of guards and recoveries, with the task, or another policy, inside. Built once; each call goes the cheapest
 * way that carries it, and becomes a `Run` at the first thing out of the ordinary:
 *
 * - pass: nothing to do afterwards. The task's own promise is the answer.
 * - static: something to record, and nobody settles from outside. One `then`, with handlers kept while permits stay
 *   the same.
 * - race: a guard watches. One object that is context and timer-queue node, and one promise.
 *
 * The first four guards are unrolled by position: a loop over an array of them costs twice as much
 * (bench/core/frame.ts). For the same reason a permit is looked at only when it is another than last time's.
 */
export class Frame implements Plan {
  readonly layers: readonly Layer[];
  readonly hasAround: boolean;
  /** Layers with something to do on the way in or out, by slot, and the places they stand at. */
  private readonly places: readonly number[];
  private readonly g0: Layer | undefined;
  private readonly g1: Layer | undefined;
  private readonly g2: Layer | undefined;
  private readonly g3: Layer | undefined;
  // Their functions, read once: layers are of many shapes, and a look-up in an object of unforeseen shape is dear.
  private readonly e0: Enter;
  private readonly l0: Leave;
  private readonly e1: Enter;
  private readonly l1: Leave;
  private readonly e2: Enter;
  private readonly l2: Leave;
  private readonly e3: Enter;
  private readonly l3: Leave;
  private readonly further: readonly Layer[];
  readonly watcher: Layer | undefined;
  /** Of the scope that a call is in which goes its fast way. */
  readonly scopePosition: number;
  /** Slots up to and with the guard that watches: they are outside its scope. */
  private readonly outside: number;
  readonly recovers: boolean;
  readonly valued: boolean;
  private readonly holds: boolean;
  private readonly empty: boolean;
  private readonly form: 'pass' | 'static' | 'own' | 'race' | 'run';
  private readonly around: ((task: Task<unknown>) => Task<unknown>) | undefined;
  private s0: unknown = undefined;
  private s1: unknown = undefined;
  private s2: unknown = undefined;
  private s3: unknown = undefined;
  private kept: Kept | undefined = undefined;
  private shared: Scope = new PlainScope(nobody, -1, 1, undefined);

  constructor(layers: readonly Layer[], around: Policy<unknown> | undefined, inner: Frame | undefined) {
    this.layers = layers;
    this.hasAround = around !== undefined;
    this.around =
      around && inner && ((task) => (context) => around.execute(inner.taskInside(task, context as Scope), context));
    this.places = layers.flatMap((layer, i) => (layer.enter !== undefined || layer.leave !== undefined ? [i] : []));
    const slots = this.places.map((i) => layers[i] as Layer);
    [this.g0, this.g1, this.g2, this.g3] = slots;
    this.e0 = this.g0?.enter ?? nothing;
    this.l0 = this.g0?.leave ?? nothing;
    this.e1 = this.g1?.enter ?? nothing;
    this.l1 = this.g1?.leave ?? nothing;
    this.e2 = this.g2?.enter ?? nothing;
    this.l2 = this.g2?.leave ?? nothing;
    this.e3 = this.g3?.enter ?? nothing;
    this.l3 = this.g3?.leave ?? nothing;
    this.further = slots.slice(4);
    const scoping = layers.filter((layer) => layer.watch !== undefined || layer.within !== undefined);
    this.watcher = scoping[0];
    const watcherPlace = layers.findIndex((layer) => layer === this.watcher);
    this.scopePosition = watcherPlace < 0 ? -1 : 2 * watcherPlace;
    this.outside = this.places.filter((i) => i <= watcherPlace).length;
    this.empty = layers.length === 0 && !this.hasAround;
    this.recovers = layers.some((layer) => layer.recover !== undefined);
    this.valued = layers.some((layer) => layer.values === true);
    this.holds = layers.some((layer) => layer.holds === true);
    this.form =
      this.hasAround || scoping.length > 1 || (scoping.length === 1 && this.watcher?.watch === undefined)
        ? 'run'
        : scoping.length === 1
          ? 'race'
          : this.holds
            ? 'own'
            : this.recovers || layers.some((layer) => layer.leave !== undefined)
              ? 'static'
              : 'pass';
  }

  execute<T>(task: Task<T>, options?: CallOptions | Context): Promise<T> {
    if (options === undefined && this.empty) return this.passOn(task) as Promise<T>;
    const answer =
      options !== undefined || this.form === 'run'
        ? this.run(task, options)
        : this.form === 'race' || this.form === 'own'
          ? this.race(task)
          : this.plain(task);
    return answer as Promise<T>;
  }

  /** What a policy between two frames runs: the inner frame, in the context it hands on, or else the one it got. */
  private taskInside(task: Task<unknown>, scope: Scope): Task<unknown> {
    return (handed: CallOptions | Context | undefined) => this.begin(task, handed ?? scope, scope);
  }

  // ---- static and pass

  /** The identity: small enough to melt into the caller. */
  private passOn(task: Task<unknown>): Promise<unknown> {
    try {
      const result = task(this.plainContext());
      return result instanceof Promise && !heldInUse() ? result : pass(result);
    } catch (error) {
      return typeof task === 'function' ? rejectSoon(error) : refuse(task);
    }
  }

  private plain(task: Task<unknown>): Promise<unknown> {
    if (typeof task !== 'function') return refuse(task);
    const { g0, g1, g2, g3 } = this;
    const context = this.plainContext();
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
          if (isOdd(p0)) return this.turn(task, undefined, [], 0, p0);
          this.s0 = p0;
        }
        slot = 1;
        if (g1 !== undefined) {
          if ((p1 = this.e1.call(g1, context)) !== this.s1) {
            if (isOdd(p1)) return this.turn(task, undefined, [p0], 1, p1);
            this.s1 = p1;
          }
          slot = 2;
          if (g2 !== undefined) {
            if ((p2 = this.e2.call(g2, context)) !== this.s2) {
              if (isOdd(p2)) return this.turn(task, undefined, [p0, p1], 2, p2);
              this.s2 = p2;
            }
            slot = 3;
            if (g3 !== undefined) {
              if ((p3 = this.e3.call(g3, context)) !== this.s3) {
                if (isOdd(p3)) return this.turn(task, undefined, [p0, p1, p2], 3, p3);
                this.s3 = p3;
              }
              slot = 4;
              for (const layer of this.further) {
                const permit = layer.enter?.(context);
                more ??= [];
                if (isOdd(permit)) return this.turn(task, undefined, [p0, p1, p2, p3, ...more], slot, permit);
                more.push(permit);
                slot++;
              }
            }
          }
        }
      }
      result = task(context);
      if (this.form === 'pass') return pass(result);
      if (!isThenable(result)) {
        if (this.valued || isBusy(context, result))
          return this.resume(task, undefined, [p0, p1, p2, p3, ...(more ?? [])], succeeded(result));
        this.leave(p0, p1, p2, p3, more, succeeded(result), context);
        return Promise.resolve(result);
      }
    } catch (error) {
      return this.fall(task, undefined, [p0, p1, p2, p3, ...(more ?? [])], slot, error);
    }
    const promise = adopted(result);
    if (more !== undefined || this.valued || heldInUse())
      return this.listen(promise, task, context, p0, p1, p2, p3, more);
    const kept = this.keep(p0, p1, p2, p3);
    return promise.then(kept.ok, this.recovers ? this.failure(task, p0, p1, p2, p3) : kept.bad);
  }

  /**
   * The context of calls that nobody can stop and that leave nothing behind: they share one until somebody looks into
   * it (reads its signal, hands it to another policy), and later calls share the next.
   */
  private plainContext(): Scope {
    if (this.shared.life !== undefined) this.shared = new PlainScope(nobody, -1, 1, undefined);
    return this.shared;
  }

  // Closures are made in functions of their own: what one of them captures would live on the heap for every call of
  // the function around it, whichever way that call goes.

  /** Listens with handlers of this call's own, where something may outlast the task. */
  private listen(
    promise: Promise<unknown>,
    task: Task<unknown>,
    context: Scope,
    p0: unknown,
    p1: unknown,
    p2: unknown,
    p3: unknown,
    more: unknown[] | undefined,
  ): Promise<unknown> {
    return promise.then(
      (value) => {
        if (this.valued || isBusy(context, value))
          return this.resume(task, undefined, [p0, p1, p2, p3, ...(more ?? [])], succeeded(value));
        this.leave(p0, p1, p2, p3, more, succeeded(value), context);
        return value;
      },
      (error) => {
        if (this.recovers || isBusy(context, undefined))
          return this.resume(task, undefined, [p0, p1, p2, p3, ...(more ?? [])], failed(error));
        this.leave(p0, p1, p2, p3, more, failed(error), context);
        throw error;
      },
    );
  }

  private failure(
    task: Task<unknown>,
    p0: unknown,
    p1: unknown,
    p2: unknown,
    p3: unknown,
  ): (error: unknown) => Promise<unknown> {
    return (error: unknown): Promise<unknown> => this.resume(task, undefined, [p0, p1, p2, p3], failed(error));
  }

  /** The handlers for these permits: those of last time, if the permits are. */
  private keep(p0: unknown, p1: unknown, p2: unknown, p3: unknown): Kept {
    const { kept } = this;
    if (kept !== undefined && kept.p0 === p0 && kept.p1 === p1 && kept.p2 === p2 && kept.p3 === p3) return kept;
    return this.keepNew(p0, p1, p2, p3);
  }

  private keepNew(p0: unknown, p1: unknown, p2: unknown, p3: unknown): Kept {
    this.kept = {
      p0,
      p1,
      p2,
      p3,
      ok: (value) => {
        if (isHeld(value)) return this.resume(nothing, undefined, [p0, p1, p2, p3], succeeded(value));
        this.leave(p0, p1, p2, p3, undefined, succeeded(value), nobody);
        return value;
      },
      bad: (error) => {
        this.leave(p0, p1, p2, p3, undefined, failed(error), nobody);
        throw error;
      },
    };
    return this.kept;
  }

  /** Leaves from the inside out. Written out, since it is the larger part of what a call costs. */
  leave(
    p0: unknown,
    p1: unknown,
    p2: unknown,
    p3: unknown,
    more: unknown[] | undefined,
    outcome: Outcome,
    context: Context,
  ): void {
    const { g0, g1, g2, g3 } = this;
    if (more !== undefined) this.leaveFurther(more, outcome, context);
    if (g0 === undefined) return;
    if (g1 !== undefined) {
      if (g2 !== undefined) {
        try {
          if (g3 !== undefined) this.l3.call(g3, p3, outcome, context);
        } catch (error) {
          reportError(error);
        }
        try {
          this.l2.call(g2, p2, outcome, context);
        } catch (error) {
          reportError(error);
        }
      }
      try {
        this.l1.call(g1, p1, outcome, context);
      } catch (error) {
        reportError(error);
      }
    }
    try {
      this.l0.call(g0, p0, outcome, context);
    } catch (error) {
      reportError(error);
    }
  }

  private leaveFurther(more: unknown[], outcome: Outcome, context: Context): void {
    for (let i = more.length - 1; i >= 0; i--) {
      try {
        this.further[i]?.leave?.(more[i], outcome, context);
      } catch (error) {
        reportError(error);
      }
    }
  }

  // ---- race

  private race(task: Task<unknown>): Promise<unknown> {
    if (typeof task !== 'function') return refuse(task);
    const { g0, g1, g2, g3, outside } = this;
    const racer = new Racer(this, task);
    let slot = 0;
    let result: unknown;
    try {
      if (g0 !== undefined) {
        const context = outside > 0 ? nobody : racer;
        if ((racer.p0 = this.e0.call(g0, context)) !== this.s0) {
          if (isOdd(racer.p0)) return this.turn(task, context === racer ? racer : undefined, [], 0, racer.p0);
          this.s0 = racer.p0;
        }
        slot = 1;
        if (g1 !== undefined) {
          const context = outside > 1 ? nobody : racer;
          if ((racer.p1 = this.e1.call(g1, context)) !== this.s1) {
            if (isOdd(racer.p1)) return this.turn(task, context === racer ? racer : undefined, [racer.p0], 1, racer.p1);
            this.s1 = racer.p1;
          }
          slot = 2;
          if (g2 !== undefined) {
            const context = outside > 2 ? nobody : racer;
            if ((racer.p2 = this.e2.call(g2, context)) !== this.s2) {
              if (isOdd(racer.p2))
                return this.turn(task, context === racer ? racer : undefined, [racer.p0, racer.p1], 2, racer.p2);
              this.s2 = racer.p2;
            }
            slot = 3;
            if (g3 !== undefined) {
              const context = outside > 3 ? nobody : racer;
              if ((racer.p3 = this.e3.call(g3, context)) !== this.s3) {
                if (isOdd(racer.p3))
                  return this.turn(
                    task,
                    context === racer ? racer : undefined,
                    [racer.p0, racer.p1, racer.p2],
                    3,
                    racer.p3,
                  );
                this.s3 = racer.p3;
              }
              slot = 4;
              for (const layer of this.further) {
                const permit = layer.enter?.(slot < outside ? nobody : racer);
                racer.more ??= [];
                if (isOdd(permit))
                  return this.turn(task, slot < outside ? undefined : racer, racer.permits(), slot, permit);
                racer.more.push(permit);
                slot++;
              }
            }
          }
        }
      }
      result = task(racer);
      if (!isThenable(result)) {
        if (this.valued || isBusy(racer, result)) return this.resume(task, racer, racer.permits(), succeeded(result));
        this.leaveRacer(racer, succeeded(result));
        return Promise.resolve(result);
      }
    } catch (error) {
      const inside = slot > outside || slot === this.places.length;
      return this.fall(task, inside ? racer : undefined, racer.permits(), slot, error);
    }
    const promise = adopted(result);
    if (this.watcher !== undefined) return this.listenRacing(promise, racer);
    return promise.then(racer.given.bind(racer), racer.thrown.bind(racer));
  }

  // Bound functions, not closures: V8 looks the code of a new closure up at its first call, and these have but one.

  private listenRacing(task: Promise<unknown>, racer: Racer): Promise<unknown> {
    const promise = new Promise<unknown>(capture);
    racer.resolve = captured.resolve;
    racer.reject = captured.reject;
    try {
      this.watcher?.watch?.(racer, nobody);
    } catch (error) {
      reportError(error);
    }
    task.then(racer.fulfilled.bind(racer), racer.rejected.bind(racer));
    return promise;
  }

  /** Unwinds a call that stayed on its fast way. */
  leaveRacer(racer: Racer, outcome: Outcome): void {
    racer.close();
    this.leave(racer.p0, racer.p1, racer.p2, racer.p3, racer.more, outcome, racer);
  }

  /** Whether a value or a failure of a racer needs more than the fast way. */
  asks(racer: Racer, outcome: Outcome): boolean {
    return outcome.ok ? this.valued || isBusy(racer, outcome.value) : this.recovers || isBusy(racer, undefined);
  }

  // ---- everything else

  /** A guard waits, or turns the call away: `permit` is a promise or a rejection. */
  private turn(
    task: Task<unknown>,
    racer: Racer | undefined,
    permits: unknown[],
    slot: number,
    permit: unknown,
  ): Promise<unknown> {
    if (!isThenable(permit)) return this.fall(task, racer, permits, slot, permit);
    const place = this.places[slot] as number;
    return this.takeOver(task, racer, permits, place, (run) => run.waitToEnter(place, permit));
  }

  /** A guard has turned the call away, or, behind the last slot, the task has thrown. */
  private fall(
    task: Task<unknown>,
    racer: Racer | undefined,
    permits: unknown[],
    slot: number,
    error: unknown,
  ): Promise<unknown> {
    if (slot === 0 && !this.recovers && this.places.length > 0) return rejectSoon(error);
    const place = this.places[slot] ?? this.layers.length;
    return this.takeOver(task, racer, permits, place, (run) => run.unwind(place - 1, failed(error)));
  }

  /** The task has settled, and a recovery is to be asked, or something outlasts the call. */
  resume(task: Task<unknown>, racer: Racer | undefined, permits: unknown[], outcome: Outcome): Promise<unknown> {
    return this.takeOver(task, racer, permits, this.layers.length, (run) => run.conclude(outcome));
  }

  private takeOver(
    task: Task<unknown>,
    racer: Racer | undefined,
    permits: unknown[],
    place: number,
    goOn: (run: Run) => void,
  ): Promise<unknown> {
    return launch((settle) => {
      const run = new Run(this, task, nobody, settle, this.byPlace(permits), place);
      if (racer !== undefined) run.takeOver(racer);
      goOn(run);
    });
  }

  byPlace(permits: readonly unknown[]): unknown[] {
    const all: unknown[] = [];
    for (const [slot, place] of this.places.entries()) all[place] = permits[slot];
    return all;
  }

  private run(task: Task<unknown>, options: CallOptions | Context | undefined): Promise<unknown> {
    return typeof task === 'function' ? this.begin(task, options, undefined) : refuse(task);
  }

  /** Begins a call whose caller says something about it; in `from`, where that says nothing else. */
  private begin(
    task: Task<unknown>,
    options: CallOptions | Context | undefined,
    from: Scope | undefined,
  ): Promise<unknown> {
    let outer: Scope | Origin = nobody;
    let signal: AbortSignal | undefined;
    if (options instanceof Scope) {
      outer = options;
      const cause = outer.endedLife();
      if (cause !== undefined) return rejectSoon(cause.reason);
    } else if (options !== undefined) {
      try {
        signal = checked(options).signal;
      } catch (error) {
        return rejectSoon(error);
      }
      if (signal?.aborted) return rejectSoon(signal.reason);
      outer = new Origin(options, from, from);
    }
    return launch((settle) => {
      new Run(this, this.around?.(task) ?? task, outer, settle, [], 0).start(signal);
    });
  }
}

/** A call that goes its fast way under a guard that watches: its context, its node in a timeout queue, its permits. */
class Racer extends Scope implements Expiring {
  private readonly frame: Frame;
  /** The task; or what the call has become, if it left its fast way. */
  private work: Task<unknown> | Run;
  p0: unknown = undefined;
  p1: unknown = undefined;
  p2: unknown = undefined;
  p3: unknown = undefined;
  more: unknown[] | undefined = undefined;
  previous: Expiring['previous'] = undefined;
  override next: Expiring['next'] = undefined;
  override batch: Expiring['batch'] = undefined;
  expire: Expiring['expire'] = undefined;
  resolve: ((value: unknown) => void) | undefined = undefined;
  reject: ((error: unknown) => void) | undefined = undefined;

  constructor(frame: Frame, task: Task<unknown>) {
    super(undefined);
    this.frame = frame;
    this.work = task;
  }

  get outer(): Scope | Origin {
    return this.work instanceof Run ? this.work : nobody;
  }

  get position(): number {
    return this.frame.scopePosition;
  }

  get attempt(): number {
    return 1;
  }

  get guard(): Layer | undefined {
    return this.frame.watcher;
  }

  permits(): unknown[] {
    return [this.p0, this.p1, this.p2, this.p3, ...(this.more ?? [])];
  }

  // The four ways to settle are written out down to the leave, since each call of a function counts here. Whatever has
  // a life has been looked into, and is asked about first.

  /** The task gave a value, and nobody settles from outside. */
  given(value: unknown): unknown {
    const { frame } = this;
    if (frame.valued || this.life !== undefined || isHeld(value)) return this.concluded(succeeded(value));
    frame.leave(this.p0, this.p1, this.p2, this.p3, this.more, { ok: true, value }, this);
    return value;
  }

  thrown(error: unknown): unknown {
    const { frame } = this;
    if (frame.recovers || this.life !== undefined) return this.concluded(failed(error));
    frame.leave(this.p0, this.p1, this.p2, this.p3, this.more, failed(error), this);
    throw error;
  }

  /** The task gave a value in time. */
  fulfilled(value: unknown): void {
    const { frame } = this;
    if (this.owner !== undefined || frame.valued || this.life !== undefined || isHeld(value))
      return this.settled(succeeded(value));
    this.owner = unwound;
    if (this.next !== undefined) unqueue(this);
    frame.leave(this.p0, this.p1, this.p2, this.p3, this.more, { ok: true, value }, this);
    this.resolve?.(value);
  }

  rejected(error: unknown): void {
    this.settled(failed(error));
  }

  private concluded(outcome: Outcome): unknown {
    const { frame } = this;
    if (frame.asks(this, outcome)) return frame.resume(this.work as Task<unknown>, this, this.permits(), outcome);
    frame.leaveRacer(this, outcome);
    if (!outcome.ok) throw outcome.error;
    return outcome.value;
  }

  private settled(outcome: Outcome): void {
    const { owner, frame } = this;
    if (owner !== undefined || frame.asks(this, outcome)) {
      const run = this.becomeRun();
      run.arrive(run.first, outcome);
      return;
    }
    frame.leaveRacer(this, outcome);
    if (outcome.ok) this.resolve?.(outcome.value);
    else this.reject?.(outcome.error);
  }

  /** Stopped, or asked about: from here on the call is a run, unless it is over. */
  protected override ownedBy(): Owner | undefined {
    return this.owner ?? this.becomeRun();
  }

  private becomeRun(): Run {
    const { frame, work } = this;
    if (work instanceof Run) return work;
    const settle = (outcome: Outcome): void =>
      outcome.ok ? this.resolve?.(outcome.value) : this.reject?.(outcome.error);
    const run = new Run(frame, work, nobody, settle, frame.byPlace(this.permits()), frame.layers.length);
    run.takeOver(this).waitOn();
    return run;
  }

  override belongTo(run: Run): void {
    super.belongTo(run);
    this.work = run;
  }
}

const nothing = (): void => {};

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

/** Something of this call outlasts its task: what it holds, or work abandoned further in. */
function isBusy(scope: Scope, value: unknown): boolean {
  const { life } = scope;
  return isHeld(value) || (life !== undefined && (life.running > 0 || life.held !== undefined));
}

/** Nothing to do afterwards: the task's own promise is the answer. */
function pass(result: unknown): Promise<unknown> {
  if (!isThenable(result)) return Promise.resolve(isHeld(result) ? result.value : result);
  return heldInUse() ? adopted(result).then((value) => (isHeld(value) ? value.value : value)) : adopted(result);
}

/** A promise that a run settles. */
function launch(begin: (settle: (outcome: Outcome) => void) => void): Promise<unknown> {
  return new Promise((resolve, reject) => {
    let sync = true;
    begin((outcome) => {
      if (outcome.ok) resolve(outcome.value);
      else if (sync) soon(() => reject(outcome.error));
      else reject(outcome.error);
    });
    sync = false;
  });
}

/**
 * Rejects in a microtask. A promise that is born rejected runs the host's hook for unhandled rejections, and the one
 * that takes it back once the caller has attached: 0.4 microseconds together.
 */
function rejectSoon(error: unknown): Promise<never> {
  return new Promise((_, reject) => soon(() => reject(error)));
}

function refuse(task: unknown): Promise<never> {
  return rejectSoon(new TypeError(`execute: the task must be a function, got ${typeof task}`));
}

/** @throws {TypeError | RangeError} for what a caller may not say about a call */
function checked(options: CallOptions | Context): CallOptions {
  const { signal, deadline, priority, cost } = options;
  if (typeof options !== 'object') throw new TypeError(`execute: options must be an object, got ${typeof options}`);
  if (signal !== undefined && typeof signal.addEventListener !== 'function')
    throw new TypeError('execute: signal must be an AbortSignal');
  for (const [name, value] of Object.entries({ deadline, priority, cost })) {
    if (value === undefined) continue;
    if (typeof value !== 'number') throw new TypeError(`execute: ${name} must be a number, got ${typeof value}`);
    if (Number.isNaN(value) || (name === 'cost' && value < 0))
      throw new RangeError(`execute: ${name} must be a number${name === 'cost' ? ', 0 or more' : ''}, got ${value}`);
  }
  return options;
}
