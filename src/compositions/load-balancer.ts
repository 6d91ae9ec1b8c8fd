import { eligible, type Roll, rollOf } from '../algorithms/eligible.ts';
import { leastLoaded } from '../algorithms/pick-latency.ts';
import { slowStartShare } from '../algorithms/slow-start.ts';
import { type Clock, systemClock } from '../core/clock.ts';
import { isRejection, NoTargetError } from '../core/errors.ts';
import type { Health } from '../core/health.ts';
import { checked, duration, iterable, number, object, objectWith, positive, shown, typed } from '../core/options.ts';
import { classifyGuarded, type Verdict } from '../core/outcome.ts';
import type { Context, Milliseconds } from '../core/policy.ts';
import { rejectSoon } from '../core/promise.ts';
import { type Random, systemRandom } from '../core/random.ts';
import type { Endpoint, Picker, Router, Target } from '../core/router.ts';
import { memoryOf } from '../core/scope.ts';
import { priority } from '../core/targets.ts';
import { type Host, Visit } from '../core/visit.ts';

export interface LoadBalancerOptions<T extends Target> {
  /** Where calls may go: each has a name of its own and, where it differs, a weight above 0. There may be none yet. */
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
}

export interface Balancer<T extends Target = Target> extends Router<T>, Disposable {
  /** The same, for calls about this key: what `consistentHash` picks by. */
  forKey(key: string): Router<T>;
  /** @throws {RangeError | TypeError} for a name that is there already, and for a target that is none */
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

const nobodyTried: ReadonlySet<string> = /* @__PURE__ */ new Set();

/** An endpoint, and who waits for it to be drained. */
class Place<T extends Target> implements Endpoint<T> {
  readonly target: T;
  weight: number;
  pending = 0;
  state: Endpoint['state'] = 'up';
  /** When it came, or came back; `-Infinity` if it was there from the start. */
  since: Milliseconds;
  drained: (() => void)[] = [];

  constructor(target: T, since: Milliseconds) {
    this.target = target;
    this.weight = target.weight ?? 1;
    this.since = since;
  }
}

/** A call to an endpoint. */
class PlacedCall<T extends Target> extends Visit {
  private readonly place: Place<T>;
  private readonly tried: Set<string> | undefined;
  private readonly told: (
    place: Place<T>,
    verdict: Verdict,
    elapsed: Milliseconds,
    now: Milliseconds,
    turnedAway: boolean,
  ) => void;

  constructor(
    host: Host & { readonly told: PlacedCall<T>['told'] },
    context: Context,
    began: Milliseconds,
    place: Place<T>,
    tried: Set<string> | undefined,
  ) {
    super(host, context, began);
    this.place = place;
    this.tried = tried;
    this.told = host.told;
    place.pending++;
  }

  protected override judge(verdict: Verdict, elapsed: Milliseconds, now: Milliseconds): void {
    const { outcome } = this;
    // Who has answered need not be avoided by what else the same execution does.
    if (verdict === 'success') this.tried?.delete(this.place.target.name);
    this.told(this.place, verdict, elapsed, now, outcome?.ok === false && isRejection(outcome.error));
  }

  protected override leave(): void {
    const { place } = this;
    if (--place.pending > 0) return;
    for (const drained of place.drained.splice(0)) drained();
  }
}

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
  } = checked('loadBalancer', options, {
    targets: iterable,
    pick: objectWith('pick'),
    health: monitors,
    slowStart: duration,
    panicThreshold: number(0, 1),
    zone: typed('string'),
    clock: objectWith('now', 'coarse', 'schedule'),
    random: typed('function'),
  });
  const places = new Map<string, Place<T>>();
  const classify = health.find((monitor) => monitor.classify !== undefined)?.classify ?? classifyGuarded;
  const host = { clock, classify, told };
  const rules = { panicThreshold, zone, random };
  /** Whether a target may change though nobody touches it. */
  const changing = health.length > 0 || slowStart > 0;
  /** Undefined once it holds no more. */
  let roll: Roll<Place<T>> | undefined;
  iterable('loadBalancer: targets', targets);
  for (const target of targets) add(target, -Infinity);

  return {
    ...routerFor(undefined),
    forKey: routerFor,
    add: (target) => add(target, clock.now()),
    remove(name) {
      roll = undefined;
      return places.delete(name);
    },
    drain,
    get endpoints() {
      const now = clock.now();
      for (const place of places.values()) look(place, now);
      return [...places.values()];
    },
    [Symbol.dispose]() {
      roll = undefined;
      places.clear();
    },
  };

  function routerFor(key: string | undefined): Router<T> {
    return {
      route: (task) => (context) => {
        const now = clock.now();
        const tried = triedIn(context);
        try {
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

  /** What the execution has tried so far; undefined where nothing leads from one try to the next. */
  function triedIn(context: Context): Set<string> | undefined {
    const memory = memoryOf(context);
    let tried = memory?.get(host) as Set<string> | undefined;
    if (tried === undefined) memory?.set(host, (tried = new Set()));
    return tried;
  }

  function choose(key: string | undefined, now: Milliseconds, tried: ReadonlySet<string>): Place<T> {
    if (changing) for (const place of places.values()) look(place, now);
    const among = eligible((roll ??= rollOf(places.values())), rules, tried);
    if (among.length === 0) throw noTarget();
    const picked = pick.pick(among, { key, now, random, tried }) as Place<T> | undefined;
    if (picked !== undefined && among.includes(picked)) return picked;
    throw new TypeError('loadBalancer: pick must give one of the eligible');
  }

  function look(place: Place<T>, now: Milliseconds): void {
    const { target, state } = place;
    if (state !== 'draining') {
      place.state = stateOf(target, now);
      if (place.state !== state) roll = undefined;
      if (place.state === 'up' && state !== 'up') place.since = now;
    }
    if (slowStart > 0) place.weight = (target.weight ?? 1) * slowStartShare(now - place.since, slowStart);
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
    pick.settled?.(place, turnedAway ? 'failure' : verdict, elapsed, now);
    for (const monitor of health) monitor.record?.(place.target, verdict, elapsed, now);
  }

  function add(target: T, since: Milliseconds): void {
    object('loadBalancer: target', target);
    typed('string')('loadBalancer: target.name', target.name);
    if (target.weight !== undefined) positive(Number.MAX_VALUE)('loadBalancer: target.weight', target.weight);
    priority('loadBalancer: target', target);
    if (places.has(target.name))
      throw new RangeError(`loadBalancer: target.name must be another for each, got ${shown(target.name)} twice`);
    places.set(target.name, new Place(target, since));
    roll = undefined;
  }

  async function drain(name: string): Promise<void> {
    const place = places.get(name);
    if (place === undefined) throw new RangeError(`loadBalancer: drain must name a target, got ${shown(name)}`);
    place.state = 'draining';
    roll = undefined;
    if (place.pending > 0) await new Promise<void>((resolve) => place.drained.push(resolve));
  }

  function noTarget(): NoTargetError {
    const states = new Map<string, string>();
    for (const { target, state } of places.values()) states.set(target.name, state);
    const each = [...states].map(([name, state]) => `${name} is ${state}`);
    return new NoTargetError({
      name: 'loadBalancer',
      message: states.size === 0 ? 'there are no targets' : `no target is eligible: ${each.join(', ')}`,
      targets: states,
    });
  }
}

function monitors(label: string, value: unknown): void {
  if (!Array.isArray(value)) throw new TypeError(`${label} must be an array, got ${shown(value)}`);
  for (const monitor of value) objectWith('state')(`${label} must be an array of which each`, monitor);
}
