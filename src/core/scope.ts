import { type Follower, Followers, soon, unfollow } from './abort.ts';
import { type Clock, systemClock } from './clock.ts';
import type { Call } from './layer.ts';
import type { Outcome } from './outcome.ts';
import type { CallOptions, Context, Milliseconds } from './policy.ts';
import { type Batch, dueOf, type Expiring, unqueue } from './timers.ts';

/** What a scope asks of the guard that opened it. */
export interface Opener {
  readonly clock?: Clock | undefined;
  readonly within?: Milliseconds | undefined;
}

/** What a scope asks of the run it belongs to. */
export interface Owner {
  /** Ends the winding from this scope outward. */
  halt(scope: Scope, error: unknown, told?: () => void): void;
  /** Aborts the scope's signal, and waits for work that is under way. */
  waitOut(scope: Scope, error: unknown, told?: () => void): void;
}

/** A task, or a body it has handed on, that goes on inside a scope though what called it may not wait for it. */
export interface Work {
  /** What waits for it to settle, permits that hold among them. */
  after: (() => void)[] | undefined;
}

/** The owner of a scope that has unwound: nothing can be done to it any more. */
export const unwound: Owner = { halt() {}, waitOut() {} };

/**
 * Where a call begins: what its caller said, over what the context it is made from says.
 * As a context it stands for a caller who said nothing, and whom nobody can stop.
 */
export class Origin implements Context {
  readonly attempt: number;
  readonly deadline: Milliseconds;
  readonly priority: number;
  readonly cost: number;
  /** The scope the call is made in, if it is made in one. */
  readonly scope: Scope | undefined;

  constructor(
    given: CallOptions & { attempt?: number | undefined },
    from: Context | undefined,
    scope: Scope | undefined,
  ) {
    this.attempt = given.attempt ?? from?.attempt ?? 1;
    this.deadline = given.deadline ?? from?.deadline ?? Infinity;
    this.priority = given.priority ?? from?.priority ?? 0;
    this.cost = given.cost ?? from?.cost ?? 1;
    this.scope = scope;
  }

  /** Never aborts, so each reader may have one of his own: listeners put on it die with it. */
  get signal(): AbortSignal {
    return new AbortController().signal;
  }
}

export const nobody: Origin = /* @__PURE__ */ new Origin({}, undefined, undefined);

/** A scope that somebody looks into or acts on: its signal, who follows it, and what outlasts it. Made when asked for. */
export class Life implements Follower {
  previous: Follower | undefined = undefined;
  next: Follower | undefined = undefined;
  readonly followers: Followers = new Followers();
  controller: AbortController | undefined = undefined;
  ended = false;
  reason: unknown = undefined;
  /** A stop has been asked for, and comes in the next microtask. */
  ending = false;
  /** What goes outward in place of whatever the work still gives, once it has settled: the error of a guard that waits. */
  overdue: { readonly error: unknown } | undefined = undefined;
  /** Hears what comes after a stop of this scope. */
  late: ((outcome: Outcome) => void) | undefined = undefined;
  /** Begun inside and not settled: abandoned, or begun by a frame further in. */
  works: Set<Work> | undefined = undefined;
  /** What results held by frames further in wait for. */
  held: PromiseLike<unknown>[] | undefined = undefined;
  /** Of the outermost scope: what is remembered from one try to the next, by who remembers it. */
  memory: Map<object, unknown> | undefined = undefined;

  get running(): number {
    return this.works?.size ?? 0;
  }

  end(reason: unknown, gently: boolean): void {
    if (!this.ended) {
      this.ended = true;
      this.reason = reason;
      this.controller?.abort(reason);
    }
    this.followers.end(reason, gently);
  }
}

/**
 * A stretch of a call that can be ended on its own: the caller's, one inside each guard that watches, one for each
 * further try. It is the context of what runs inside it; one that a guard watches is also the call which that guard may
 * end, and the node of a timeout queue.
 *
 * Each call makes one, so its fields are few: what follows from others is asked for, and differs by kind of scope.
 */
export abstract class Scope implements Context, Call {
  abstract readonly outer: Scope | Origin;
  /** Twice the place of the layer that opened it, one more for a try of a recovery; -1 for the caller's own. */
  abstract readonly position: number;
  abstract readonly attempt: number;
  /** The guard that watches it. */
  abstract readonly guard: Opener | undefined;
  declare batch: Batch | undefined;
  owner: Owner | undefined;
  life: Life | undefined = undefined;

  constructor(owner: Owner | undefined) {
    this.owner = owner;
  }

  /** Whether anybody can end it: a call that nobody can end has followers in vain. */
  get canEnd(): boolean {
    return this.owner !== undefined;
  }

  get priority(): number {
    return this.outer.priority;
  }

  get cost(): number {
    return this.outer.cost;
  }

  get deadline(): Milliseconds {
    const { outer, guard } = this;
    const within = guard?.within;
    if (within === undefined || within === Infinity) return outer.deadline;
    this.batch ??= { due: (guard?.clock ?? systemClock).now() + within, queue: undefined };
    return Math.min(outer.deadline, dueOf(this.batch));
  }

  get signal(): AbortSignal {
    const life = this.alive();
    if (life.controller === undefined) {
      life.controller = new AbortController();
      if (life.ended) life.controller.abort(life.reason);
    }
    return life.controller.signal;
  }

  /** The scope this one is in, also where the caller said more about the call. */
  get around(): Scope | undefined {
    return this.outer instanceof Scope ? this.outer : this.outer.scope;
  }

  /** Whether this scope, or one further out, has ended. */
  get ended(): boolean {
    return this.endedLife() !== undefined;
  }

  endedLife(): Life | undefined {
    if (this.life?.ended) return this.life;
    return this.owner === unwound || !(this.outer instanceof Scope) ? undefined : this.outer.endedLife();
  }

  /** The scope's life, begun now if nobody asked before: already ended if a scope further out has. */
  alive(): Life {
    if (this.life === undefined) {
      const cause = this.endedLife();
      this.life = new Life();
      if (cause !== undefined) {
        this.life.ended = true;
        this.life.reason = cause.reason;
      } else if (this.position >= 0 && this.owner !== unwound && this.outer instanceof Scope) {
        // The caller's own scope follows nothing here: its run follows the caller.
        this.outer.alive().followers.add(this.life);
      }
    }
    return this.life;
  }

  /** The winding has left this scope: it can neither be ended nor time out any more. */
  close(): void {
    this.owner = unwound;
    if (this.life?.next !== undefined) unfollow(this.life);
  }

  belongTo(owner: Owner): void {
    this.owner = owner;
  }

  /** `told` is called once it is so: the signal has aborted, and nobody has left yet. */
  stop(error: unknown, told?: () => void): void {
    // In a microtask of its own: a value that had already arrived wins.
    this.alive().ending = true;
    soon(() => this.ownedBy()?.halt(this, error, told));
  }

  abort(error: unknown, told?: () => void): void {
    this.alive().ending = true;
    soon(() => this.ownedBy()?.waitOut(this, error, told));
  }

  /** The run this scope belongs to; a call that went its fast way makes one now. */
  protected ownedBy(): Owner | undefined {
    return this.owner;
  }
}

/** A scope of a caller, or of a try. */
export class PlainScope extends Scope {
  readonly outer: Scope | Origin;
  readonly position: number;
  readonly attempt: number;

  constructor(outer: Scope | Origin, position: number, attempt: number, owner: Owner | undefined) {
    super(owner);
    this.outer = outer;
    this.position = position;
    this.attempt = attempt;
  }

  get guard(): undefined {
    return undefined;
  }
}

/** The scope inside a guard that watches. */
export class WatchedScope extends Scope implements Expiring {
  readonly outer: Scope;
  readonly position: number;
  readonly guard: Opener;
  previous: Expiring['previous'] = undefined;
  next: Expiring['next'] = undefined;
  override batch: Batch | undefined = undefined;
  expire: ((call: Expiring) => void) | undefined = undefined;

  constructor(outer: Scope, position: number, owner: Owner, guard: Opener) {
    super(owner);
    this.outer = outer;
    this.position = position;
    this.guard = guard;
  }

  get attempt(): number {
    return this.outer.attempt;
  }

  override close(): void {
    super.close();
    if (this.next !== undefined) unqueue(this);
  }
}

/** Follows what a context lives in, until `unfollow`; a context that nobody can end has no followers. */
export function follow(context: Context, follower: Follower): void {
  if (context instanceof Scope && context.canEnd) context.alive().followers.add(follower);
}

/** When all that has been handed on with `held` by policies called inside a context is done; undefined if nothing has. */
export function heldIn(context: Context): Promise<unknown> | undefined {
  const held = context instanceof Scope ? context.life?.held : undefined;
  return held && Promise.allSettled(held);
}

let remembering = false;

/** To be called by whoever will ask for `memoryOf` contexts, before there are any: calls share none from then on. */
export function remember(): void {
  remembering = true;
}

export function isRemembering(): boolean {
  return remembering;
}

/** What is remembered of an execution, the same map in all its tries; none for a context of somebody's own making. */
export function memoryOf(context: Context): Map<object, unknown> | undefined {
  if (!(context instanceof Scope)) return undefined;
  let outermost = context;
  for (let around = context.around; around !== undefined; around = around.around) outermost = around;
  const life = outermost.alive();
  life.memory ??= new Map();
  return life.memory;
}

/** The caller's own deadline, where no timeout between enforces it; `Infinity` where one does, or there is none. */
export function unenforced(context: Context): Milliseconds {
  if (context === nobody) return Infinity;
  let at: Context = context;
  while (at instanceof Scope) {
    if (at.guard?.within !== undefined) return Infinity;
    at = at.outer;
  }
  return at instanceof Origin && at.scope !== undefined && at.scope.deadline === at.deadline
    ? unenforced(at.scope)
    : at.deadline;
}
