import { remember } from '../core/attempts.ts';
import { type Clock, systemClock } from '../core/clock.ts';
import { dispose } from '../core/dispose.ts';
import { RejectedError, TimeoutError } from '../core/errors.ts';
import { emit, type Listener, reportError } from '../core/events.ts';
import { type Health, tell } from '../core/health.ts';
import { WaitingLine } from '../core/line.ts';
import { checked, duration, objectWith, typed } from '../core/options.ts';
import {
  type Classify,
  classifyAnswered,
  classifyGuarded,
  failed,
  type Outcome,
  succeeded,
  type Verdict,
  verdictOf,
} from '../core/outcome.ts';
import { guard } from '../core/pipeline.ts';
import type { Context, Milliseconds } from '../core/policy.ts';
import type { Router, Target } from '../core/router.ts';
import { byName, healths, priority } from '../core/targets.ts';
import { CallsUnderWay } from '../core/under-way.ts';
import { timeout } from '../policies/timeout.ts';

export interface FailoverOptions<T extends Target> {
  /**
   * Where calls may go, the most preferred first. Those of a lower `priority` go before others: 0, the default, is the
   * first.
   */
  targets: readonly T[];
  /** What says whether a target is well: calls go to none that is not, unless none is. Default: none, all are. */
  health?: readonly Health<T>[] | undefined;
  /** Whether calls go back to a more preferred target as soon as it is well. Default false: only when they have to move. */
  returning?: boolean | undefined;
  /**
   * What moves calls to the next target: failures. Default: an error is a failure, also when a policy further in turned
   * the call away; a value is not; an `AbortError` is ignored.
   */
  classify?: Classify | undefined;
  clock?: Clock | undefined;
  /** Carried by events and errors. Default `'failover'`. */
  name?: string | undefined;
  onEvent?: Listener<FailoverEvent> | undefined;
}

export type FailoverEvent =
  /** Calls go to another target from now on, noticed at the next call where nothing failed: `error` is what did. */
  | {
      readonly type: 'switch';
      readonly name: string;
      readonly from: string;
      readonly to: string;
      readonly why: 'failure' | 'health' | 'return' | 'prepared';
      readonly error: unknown;
    }
  /** A prepared switch did not come about. */
  | {
      readonly type: 'refused';
      readonly name: string;
      readonly from: string;
      readonly to: string;
      readonly error: unknown;
    }
  /** No target is well, so all are taken to be; and then one is again. */
  | { readonly type: 'panic' | 'panic-over'; readonly name: string };

export interface SwitchOptions<T extends Target> {
  /**
   * Asks one of those who take part whether the switch may be, once no call runs any more: the old target, the new one,
   * and every other that is well. What throws, rejects, or gives `false` refuses. The signal aborts when the switch is
   * off, also after this one has agreed.
   */
  confirm?: ((target: T, context: { signal: AbortSignal }) => unknown) | undefined;
  /** How long the calls under way and `confirm` may take together. Default 10_000. */
  timeout?: Milliseconds | undefined;
}

export interface Failover<T extends Target> extends Router<T> {
  /** Where a call would go now. */
  readonly active: T;
  /**
   * Moves calls to another target, the most preferred one from now on, without a call that is lost, run twice or failed
   * by it: holds new calls back, waits for those under way, has everybody confirm, and only then lets go of the calls it
   * has held. If it cannot, the old target stays the active one, and gets them.
   *
   * @throws {TimeoutError} when its time is up
   * @throws {RejectedError} when another switch is under way, the target is not well, or somebody gave `false`; what
   * `confirm` throws goes on as it is
   * @throws {RangeError | TypeError} for a name that no target has, and for options out of range or unknown
   */
  switchTo(name: string, options?: SwitchOptions<T>): Promise<void>;
}

/**
 * Sends all calls to one target, the active one, while the others stand by. When a call to it fails, or its health is
 * gone, the most preferred of the others that is well becomes active, and the call goes on there: each target is tried
 * once at most, then the last failure goes outward, and `attemptsOf` it has the one before. An error that says
 * `retryable: false` moves later calls, but is not tried again; so does a timeout outside that gives a call up.
 *
 * One failure is enough to move, and it stays there until that target fails in turn, or with `returning` goes back as soon
 * as the more preferred one is well. If no target is well, all of them are taken to be: health that is wrong about
 * everything is not to stop everything.
 *
 * @example
 * const nodes = failover({ targets: [{ name: 'primary', url: a }, { name: 'standby', url: b }] });
 * const answer = await retry().execute(nodes.route((node, { signal }) => fetch(node.url, { signal })));
 *
 * @throws {RangeError | TypeError} for no targets, two of one name, and options out of range or unknown
 */
export function failover<T extends Target>(options: FailoverOptions<T>): Failover<T> {
  const {
    targets,
    health = [],
    returning = false,
    classify = classifyAnswered,
    clock = systemClock,
    name = 'failover',
    onEvent,
  } = checked('failover', options, {
    targets: (label, value) => byName(label, value as Iterable<T>),
    health: healths,
    returning: typed('boolean'),
    classify: typed('function'),
    clock: objectWith('now', 'coarse', 'schedule'),
    name: typed('string'),
    onEvent: typed('function'),
  });
  const order = [...byName('failover: targets', targets).values()];
  for (const target of order) priority('failover: target', target);
  order.sort((a, b) => (a.priority ?? 0) - (b.priority ?? 0));
  const learns = health.some(({ record }) => record !== undefined);
  const calls = new CallsUnderWay();
  const line = new WaitingLine<true>({
    clock,
    maxWait: Infinity,
    ageing: 0,
    take: () => (switching ? undefined : true),
    expired: () => new RejectedError({ name, message: 'no time to wait for the switch' }),
  });
  const gate = guard({ enter: (context) => line.join(context) });
  let active = order[0] as T;
  /** Counts the moves: a failure from before the last one tells nothing of the target that is active now. */
  let moves = 0;
  let switching = false;
  let panicking = false;

  return {
    route: (task) => (context) => onward(task, context, new Set()),
    get active() {
      return choose() as T;
    },
    switchTo,
  };

  function onward<R>(task: Routed<T, R>, context: Context, tried: Set<T>, before?: Outcome): Promise<R> {
    if (!switching || calls.isAround(context)) return go(task, context, tried, before);
    let waits = true;
    const entered = (inner: Context): Promise<R> => {
      waits = false;
      return onward(task, inner, tried, before);
    };
    const outcome = gate.execute(entered, context);
    // Who leaves meanwhile does not get what was to be tried again, nor does anybody else.
    if (before?.ok) outcome.catch(() => waits && dispose(before.value));
    return outcome;
  }

  function go<R>(task: Routed<T, R>, context: Context, tried: Set<T>, before: Outcome | undefined): Promise<R> {
    const target = choose(tried);
    if (target === undefined) return giveUp(before as Outcome) as Promise<R>;
    if (before?.ok) dispose(before.value);
    if (tried.size === 0 && !switching)
      move(target, order.indexOf(target) < order.indexOf(active) ? 'return' : 'health');
    const since = moves;
    const begun = learns ? clock.now() : 0;
    const next = (outcome: Outcome): Promise<R> | undefined => {
      const givenUp = !outcome.ok && context.signal.aborted;
      // A timeout speaks against a target that may never answer; who else gives a call up says nothing of it.
      if (givenUp && !(context.signal.reason instanceof TimeoutError)) return undefined;
      const judge = (by: Classify): Verdict => (givenUp ? 'failure' : verdictOf(by, outcome, context));
      if (learns) tellAll(target, judge, begun);
      if (judge(classify) !== 'failure') return undefined;
      tried.add(target);
      const other = choose(tried);
      const error = outcome.ok ? undefined : outcome.error;
      if (other !== undefined && target === active && moves === since && !switching) move(other, 'failure', error);
      const { retryable } = Object(error) as { readonly retryable?: unknown };
      const last = givenUp || other === undefined || retryable === false;
      return last ? undefined : onward(task, context, tried, outcome);
    };
    return calls
      .execute((inner) => task(target, inner), context)
      .then(
        (value) => next(succeeded(value)) ?? value,
        (error) => {
          if (before !== undefined && !before.ok) remember(error, before.error);
          const moved = next(failed(error));
          if (moved === undefined) throw error;
          return moved;
        },
      );
  }

  /** The active target, if a call may still go there; else the most preferred of those left. */
  function choose(tried: ReadonlySet<T> = new Set()): T | undefined {
    const well = order.filter(isWell);
    if (panicking === well.length > 0) {
      panicking = !panicking;
      emit(onEvent, { type: panicking ? 'panic' : 'panic-over', name });
    }
    const left = (well.length > 0 ? well : order).filter((target) => !tried.has(target));
    return !returning && left.includes(active) ? active : left[0];
  }

  function isWell(target: T): boolean {
    return health.length === 0 || health.every((each) => each.state(target.name, clock.coarse()) === 'up');
  }

  function move(to: T, why: (FailoverEvent & { type: 'switch' })['why'], error?: unknown): void {
    if (to === active) return;
    const from = active;
    active = to;
    moves++;
    emit(onEvent, { type: 'switch', name, from: from.name, to: to.name, why, error });
  }

  function tellAll(target: T, judge: (by: Classify) => Verdict, begun: Milliseconds): void {
    const now = clock.now();
    for (const each of health) {
      try {
        tell(each, target, judge(each.classify ?? classifyGuarded), now - begun, now);
      } catch (error) {
        // Its own measure has failed, which is nothing to the call.
        reportError(error);
      }
    }
  }

  async function switchTo(chosen: string, options: SwitchOptions<T> = {}): Promise<void> {
    const { confirm, timeout: within = 10_000 } = checked('switchTo', options, {
      confirm: typed('function'),
      timeout: duration,
    });
    const to = order.find((target) => target.name === chosen);
    if (to === undefined) throw new RangeError(`switchTo: there is no target "${chosen}"`);
    if (switching) throw new RejectedError({ name, message: 'another switch is under way' });
    const from = choose() as T;
    const off = new AbortController();
    switching = true;
    try {
      if (from !== to) await timeout({ duration: within, clock, name }).execute(prepare);
      order.unshift(...order.splice(order.indexOf(to), 1));
      move(to, 'prepared');
    } catch (error) {
      off.abort(error);
      emit(onEvent, { type: 'refused', name, from: from.name, to: to.name, error });
      throw error;
    } finally {
      switching = false;
      line.admit();
    }

    async function prepare(): Promise<void> {
      mustBeWell();
      // A call whose own event has asked for the switch is under way only when that has returned.
      await undefined;
      await calls.drained();
      if (confirm !== undefined && !off.signal.aborted) await Promise.all(party().map((target) => agrees(target)));
      mustBeWell();
    }

    function party(): T[] {
      return order.filter((target) => target === from || target === to || isWell(target));
    }

    async function agrees(target: T): Promise<void> {
      if ((await confirm?.(target, { signal: off.signal })) !== false) return;
      throw new RejectedError({ name, message: `${target.name} does not confirm` });
    }

    /** Where others are, calls go to none that is not, so what it has agreed to take over would go to them. */
    function mustBeWell(): void {
      if (!isWell(to as T) && order.some(isWell)) throw new RejectedError({ name, message: `${chosen} is not well` });
    }
  }
}

type Routed<T, R> = (target: T, context: Context) => R | PromiseLike<R>;

function giveUp(outcome: Outcome): Promise<unknown> {
  return outcome.ok ? Promise.resolve(outcome.value) : Promise.reject(outcome.error);
}
