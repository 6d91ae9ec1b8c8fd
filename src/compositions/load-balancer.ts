import { eligible, type Roll, rollOf } from '../algorithms/eligible.ts';
import { leastLoaded } from '../algorithms/pick-latency.ts';
import { slowStartShare } from '../algorithms/slow-start.ts';
import { type Clock, systemClock } from '../core/clock.ts';
import { NoTargetError } from '../core/errors.ts';
import { emit, hear, type Listener, reportError } from '../core/events.ts';
import { type Health, tell } from '../core/health.ts';
import {
  checked,
  duration,
  iterable,
  made,
  number,
  object,
  objectWith,
  positive,
  shown,
  typed,
} from '../core/options.ts';
import { classifyGuarded, type Verdict } from '../core/outcome.ts';
import { type Place, PlacedCall, type PlacingHost } from '../core/placed-call.ts';
import type { Milliseconds } from '../core/policy.ts';
import { rejectSoon } from '../core/promise.ts';
import { type Random, systemRandom } from '../core/random.ts';
import type { Endpoint, Picker, Router, Target } from '../core/router.ts';
import { priority } from '../core/targets.ts';
import { Tries } from '../core/tried.ts';

export interface LoadBalancerOptions<T extends Target> {
  /** Where calls may go: each has a name of its own, and if it differs a weight, above 0, up to 2 ** 32. There may be none. */
  targets: Iterable<T>;
  /** Chooses among the eligible. Default `leastLoaded()`. */
  pick?: Picker | undefined;
  /** Who says which targets are well: a target is up where all of them say so. Default nobody: all are. */
  health?: readonly Health<NoInfer<T>>[] | undefined;
  /**
   * How long a target that was added, or is well again, takes to get its whole share; it begins with a tenth. 0 or more.
   * Default 0: it gets it at once. Pickers that heed no weights heed this neither.
   */
  slowStart?: Milliseconds | undefined;
  /**
   * Below this share of targets that are up, health is not believed any more, and all are eligible but the draining. From
   * 0 to 1. Default 0: never.
   */
  panicThreshold?: number | undefined;
  /** Targets of this zone are preferred. Default none. */
  zone?: string | undefined;
  clock?: Clock | undefined;
  random?: Random | undefined;
  /** Carried by events and errors. Default `'loadBalancer'`. */
  name?: string | undefined;
  onEvent?: Listener<LoadBalancerEvent> | undefined;
}

export type LoadBalancerEvent =
  /** A target was added or removed, or the last call to one that was to be drained has ended. */
  | { readonly type: 'added' | 'removed' | 'drained'; readonly name: string; readonly target: string }
  /**
   * So few are up that health is not believed any more, of all or of those of a priority; and then it is again. Noticed at
   * the next call.
   */
  | { readonly type: 'panic' | 'panic-over'; readonly name: string; readonly up: number; readonly targets: number }
  /** A call was turned away: `targets` says what keeps calls from each. */
  | { readonly type: 'no-target'; readonly name: string; readonly targets: ReadonlyMap<string, string> };

export interface Balancer<T extends Target = Target> extends Router<T>, Disposable {
  /**
   * The same, for calls about this key: what `consistentHash` picks by. What one execution has tried for a key counts for
   * that key alone.
   *
   * @throws {TypeError} for a key that is no string
   */
  forKey(key: string): Router<T>;
  /**
   * Does nothing after it was disposed of.
   *
   * @throws {RangeError | TypeError} for a name that is there already, and for a target that is none
   */
  add(target: T): void;
  /**
   * No more calls go to it; those under way end as they would.
   *
   * @returns whether it was there
   */
  remove(name: string): boolean;
  /** No more calls go to it; resolves once those under way have ended. It stays, draining, until it is removed. */
  drain(name: string): Promise<void>;
  /** In the order they were added. */
  readonly endpoints: readonly Endpoint<T>[];
}

/** A place, and what users need not see of it. */
interface Seat<T extends Target> {
  readonly place: Place<T>;
  /** When it came, or came back; `-Infinity` if it was there from the start. */
  since: Milliseconds;
}

const nobodyTried: ReadonlySet<string> = /* @__PURE__ */ new Set();

/**
 * Spreads calls over targets: each try of a routed task gets a target picked for it. Targets come and go while it runs.
 *
 * A retry, or a hedge, outside picks anew, and avoids the targets that its execution has tried and that have not
 * answered well; once all have been tried, the last one alone. That holds for all tries whose contexts come from one
 * another.
 *
 * A call is in flight until its task has settled, also when nobody waits for it any more. A timeout that gives it up
 * speaks against the target at once.
 *
 * @example
 * const nodes = loadBalancer({ targets: [{ name: 'a', url: 'http://a' }, { name: 'b', url: 'http://b' }] });
 * const users = await retry().execute(nodes.route(({ url }, { signal }) => fetch(`${url}/users`, { signal })));
 *
 * @throws {NoTargetError} from routed tasks: no target is eligible; `targets` says which there are, and why not
 * @throws {RangeError | TypeError} for options out of range, or unknown
 */
export function loadBalancer<T extends Target>(options: LoadBalancerOptions<T>): Balancer<T> {
  const {
    targets,
    pick = leastLoaded(),
    health = [],
    slowStart = 0,
    panicThreshold = 0,
    zone,
    clock = systemClock,
    random = systemRandom,
    name = 'loadBalancer',
    onEvent,
  } = checked('loadBalancer', options, {
    targets: iterable,
    pick: made('a picker such as roundRobin(), or an object', 'pick'),
    health: monitors,
    slowStart: duration,
    panicThreshold: number(0, 1),
    zone: typed('string'),
    clock: objectWith('now', 'coarse', 'schedule'),
    random: typed('function'),
    name: typed('string'),
    onEvent: typed('function'),
  });
  const seats = new Map<string, Seat<T>>();
  /** Who waits until those that drain have no calls any more; they may have been removed meanwhile. */
  const draining = new Map<Place<T>, (() => void)[]>();
  const classify = health.find((monitor) => monitor.classify !== undefined)?.classify ?? classifyGuarded;
  const host: PlacingHost<T> = { clock, classify, told, drained };
  const rules = { zone, random };
  const tries = new Tries();
  /** Whether a target may change though nobody touches it. */
  const changing = health.length > 0 || slowStart > 0;
  /** Undefined once it holds no more. */
  let roll: Roll<Place<T>> | undefined;
  let panicking = false;
  let disposed = false;
  iterable('loadBalancer: targets', targets);
  for (const target of targets) add(target, -Infinity);

  return {
    ...routerFor(undefined),
    forKey(key) {
      typed('string')('loadBalancer: key', key);
      return routerFor(key);
    },
    add(target) {
      if (disposed) return;
      add(target, clock.now());
      emit(onEvent, { type: 'added', name, target: target.name });
    },
    remove(target) {
      roll = undefined;
      const was = seats.delete(target);
      if (was) emit(onEvent, { type: 'removed', name, target });
      return was;
    },
    drain,
    get endpoints() {
      const now = clock.now();
      for (const seat of seats.values()) look(seat, now);
      return placesOf();
    },
    [Symbol.dispose]() {
      disposed = true;
      roll = undefined;
      seats.clear();
    },
  };

  function routerFor(key: string | undefined): Router<T> {
    return {
      route: (task) => (context) => {
        const now = clock.now();
        const tried = tries.of(context, key);
        try {
          // Who is gone for good need not be remembered: an execution may go on for ever.
          if (tried !== undefined && tried.size > seats.size)
            for (const each of tried) if (!seats.has(each)) tried.delete(each);
          const place = choose(key, now, tried ?? nobodyTried);
          const { name } = place.target;
          // The last one tried is the last in the set.
          tried?.delete(name);
          tried?.add(name);
          return new PlacedCall(host, context, now, place, tried).run(task, place.target);
        } catch (error) {
          return rejectSoon(error);
        }
      },
    };
  }

  function choose(key: string | undefined, now: Milliseconds, tried: ReadonlySet<string>): Place<T> {
    if (changing) for (const seat of seats.values()) look(seat, now);
    const among = eligible(roll ?? callRoll(), rules, tried);
    if (among.length === 0) throw noTarget();
    const picked = pick.pick(among, { key, now, random, tried }) as Place<T> | undefined;
    if (picked !== undefined && among.includes(picked)) return picked;
    throw new TypeError('loadBalancer: pick must give one of the eligible');
  }

  function callRoll(): Roll<Place<T>> {
    const { panics, up, all } = (roll = rollOf(placesOf(), panicThreshold));
    if (panics !== panicking) {
      panicking = panics;
      emit(onEvent, { type: panics ? 'panic' : 'panic-over', name, up: up.length, targets: all.length });
    }
    // A listener may have had somebody drained. Not kept then, so that the next call tells whether that ends the panic.
    return roll ?? rollOf(placesOf(), panicThreshold);
  }

  function placesOf(): Place<T>[] {
    return Array.from(seats.values(), ({ place }) => place);
  }

  function look(seat: Seat<T>, now: Milliseconds): void {
    const { place } = seat;
    const { target, state } = place;
    const seen = state === 'draining' ? state : stateOf(target, now);
    // Whoever was asked may have had it drained.
    if (seen !== state && place.state === state) {
      place.state = seen;
      roll = undefined;
      if (seen === 'up') seat.since = now;
    }
    // A clock that steps back makes nobody wait longer.
    seat.since = Math.min(seat.since, now);
    if (slowStart > 0) place.weight = (target.weight ?? 1) * slowStartShare(now - seat.since, slowStart);
  }

  function stateOf({ name }: T, now: Milliseconds): 'up' | 'down' | 'ejected' {
    for (const monitor of health) {
      const state = monitor.state(name, now);
      if (state !== 'up') return state;
    }
    return 'up';
  }

  function told(
    place: Place<T>,
    verdict: Verdict,
    elapsed: Milliseconds,
    now: Milliseconds,
    turnedAway: boolean,
  ): void {
    // Whose own circuit is open has nothing in flight, and would draw all calls to it.
    try {
      hear(pick.settled?.(place, turnedAway ? 'failure' : verdict, elapsed, now));
    } catch (error) {
      reportError(error);
    }
    for (const monitor of health) tell(monitor, place.target, verdict, elapsed, now);
  }

  function add(target: T, since: Milliseconds): void {
    object('loadBalancer: target', target);
    typed('string')('loadBalancer: target.name', target.name);
    if (target.weight !== undefined) positive(2 ** 32)('loadBalancer: target.weight', target.weight);
    priority('loadBalancer: target', target);
    if (seats.has(target.name))
      throw new RangeError(`loadBalancer: targets must have names of their own, got ${shown(target.name)} twice`);
    const place: Place<T> = { target, weight: target.weight ?? 1, pending: 0, state: 'up' };
    seats.set(target.name, { place, since });
    roll = undefined;
  }

  async function drain(target: string): Promise<void> {
    const place = seats.get(target)?.place;
    if (place === undefined) throw new RangeError(`loadBalancer: drain must name a target, got ${shown(target)}`);
    const first = place.state !== 'draining';
    place.state = 'draining';
    roll = undefined;
    if (place.pending > 0) {
      await new Promise<void>((resolve) => draining.set(place, [...(draining.get(place) ?? []), resolve]));
    }
    if (first) emit(onEvent, { type: 'drained', name, target });
  }

  function drained(place: Place<T>): void {
    for (const resolve of draining.get(place) ?? []) resolve();
    draining.delete(place);
  }

  function noTarget(): NoTargetError {
    const targets = new Map<string, string>();
    for (const { target, state } of placesOf()) targets.set(target.name, state);
    emit(onEvent, { type: 'no-target', name, targets });
    const each = [...targets].map(([target, state]) => `${target} is ${state}`);
    const none = disposed ? 'there are no targets: it was disposed of' : 'there are no targets';
    const message = targets.size === 0 ? none : `no target is eligible: ${each.join(', ')}`;
    return new NoTargetError({ name, message, targets });
  }
}

function monitors(label: string, value: unknown): void {
  if (!Array.isArray(value)) throw new TypeError(`${label} must be an array, got ${shown(value)}`);
  for (const monitor of value) objectWith('state')(`${label} must be an array of which each`, monitor);
}
