import { at, httpUrl, type Origin, type OriginOption, originOf } from '../algorithms/origins.ts';
import {
  type OutlierEjectionEvent,
  type OutlierEjectionOptions,
  outlierEjection as outlierHealth,
} from '../algorithms/outlier.ts';
import { leastLoaded } from '../algorithms/pick-latency.ts';
import { apart, isInPage, isRequest, type Preparation } from '../algorithms/request.ts';
import { Rests } from '../algorithms/rests.ts';
import {
  type ForeignFetch,
  fetchPolicies,
  type GuardedFetchOptions,
  guardedFetch,
  guardedFetchChecks,
  type ResilientFetchEvent,
  type Send,
} from '../compositions/guarded-fetch.ts';
import { type HealthCheckEvent, healthCheck } from '../compositions/health-check.ts';
import { type Balancer, type LoadBalancerEvent, loadBalancer } from '../compositions/load-balancer.ts';
import { perKey } from '../compositions/per-key.ts';
import { cancelBody } from '../core/body.ts';
import { systemClock } from '../core/clock.ts';
import { CircuitOpenError } from '../core/errors.ts';
import type { Listener } from '../core/events.ts';
import type { Health } from '../core/health.ts';
import { HttpError } from '../core/http-error.ts';
import { checked, duration, filled, iterable, made, number, object, shown, typed } from '../core/options.ts';
import type { CallOptions, Context, Milliseconds, Task } from '../core/policy.ts';
import type { Endpoint, Picker } from '../core/router.ts';
import { healths } from '../core/targets.ts';

export type { Origin, OriginOption };

/** Asks an origin whether it is well: yes is an answer with a status from 200 to 299 to a GET, not redirected. */
export interface OriginCheck {
  /** Where, behind the origin's URL. */
  path: string;
  /** From one check of an origin to its next, give or take a tenth. Above 0. Default 2_000. */
  interval?: Milliseconds | undefined;
  /** How long a check may take. Above 0. Default 1_000. */
  timeout?: Milliseconds | undefined;
  /** Checks passed in a row that bring an origin up again. 1 or more. Default 2. */
  rise?: number | undefined;
  /** Checks failed in a row that take an origin down. 1 or more. Default 3. */
  fall?: number | undefined;
}

/** What the policies around a call tell, the balancer, and who says which origins are well; `name` says which of them. */
export type BalancedFetchEvent = ResilientFetchEvent | LoadBalancerEvent | HealthCheckEvent | OutlierEjectionEvent;

export interface BalancedFetchOptions<Fetch extends ForeignFetch = typeof globalThis.fetch>
  extends GuardedFetchOptions<Fetch> {
  /** Where requests may go. There may be none yet. */
  origins: Iterable<OriginOption>;
  /** What stands for all origins in absolute URLs, and in what `key` gets. Default `'http://origins.invalid'`. */
  base?: string | URL | undefined;
  /** Chooses among the eligible. Default `leastLoaded()`. */
  pick?: Picker | undefined;
  /** What a request is about: what `consistentHash` picks by. Default nothing. */
  key?: ((request: Pick<Request, 'method' | 'url' | 'headers'>) => string | undefined) | undefined;
  /** The path of a check, or more about it; nothing is asked before `start()`. Default none. */
  check?: string | OriginCheck | undefined;
  /** As those of `outlierEjection`, which is on by default: origins that fail call after call are left alone. `false`: off. */
  outlierEjection?: OutlierEjectionOptions | false | undefined;
  /** Who else says which origins are well. Default nobody. */
  health?: readonly Health<Origin>[] | undefined;
  /** How long an origin that was added, or is well again, takes to get its whole share. 0 or more. Default 0. */
  slowStart?: Milliseconds | undefined;
  /** Below this share of origins that are up, health is not believed any more. From 0 to 1. Default 0: never. */
  panicThreshold?: number | undefined;
  /** Origins of this zone are preferred. Default none. */
  zone?: string | undefined;
  onEvent?: Listener<BalancedFetchEvent> | undefined;
}

/** What a balanced `fetch` has besides being called. */
export interface Balancing extends Disposable {
  /** In the order they were added. */
  readonly endpoints: readonly Endpoint<Origin>[];
  /** @throws {RangeError | TypeError} for a name that is there already, and for an origin that is none */
  add(origin: OriginOption): void;
  /**
   * No more requests go to it; those under way end as they would.
   *
   * @returns whether it was there
   */
  remove(name: string): boolean;
  /** No more requests go to it; resolves once those under way have ended. It stays, draining, until it is removed. */
  drain(name: string): Promise<void>;
  /** Begins the checks, if there are any to make; until it is disposed of their timers hold the process. */
  start(): void;
}

export type BalancedFetch<Fetch extends ForeignFetch = typeof globalThis.fetch> = Fetch & Balancing;

/** The most that a `Retry-After` can keep requests from an origin. */
const longestRest: Milliseconds = 300_000;

/**
 * A `fetch` over several origins that can all answer the same: each try goes to one picked for it, a further try to one
 * that has not been tried, and who is ill is left out. It has all of `resilientFetch`, with a breaker for each of the
 * origins; it takes what `fetch` takes and gives what `fetch` gives.
 *
 * URLs are relative, such as `'/users?page=2'`, or begin with `base`; all others are refused. What is not safe to repeat
 * goes to one origin, once.
 *
 * An origin whose circuit is open, or that has asked by `Retry-After` to be left alone, is passed over at once for another.
 * Where all have asked for that, a further try waits for the first of them; where all circuits are open, the call is rejected.
 *
 * @throws {NoTargetError} from a call: no origin is eligible; `targets` says which there are, and why not
 * @throws {TypeError} from a call: bad input, an absolute URL that does not begin with `base`, or an error of the network
 * that did not pass
 * @throws {TimeoutError} from a call: no response in time
 * @throws {CircuitOpenError} from a call: all eligible origins are being tried out, or are believed in by panic alone
 * @throws {HttpError} from a call, with `throwOnFailure`
 * @throws {RangeError | TypeError} for options out of range, or unknown
 *
 * @example
 * using users = balancedFetch({ origins: ['http://10.0.0.1:8080', 'http://10.0.0.2:8080'], check: '/health' });
 * users.start();
 * const response = await users('/users/7', { signal });
 */
export function balancedFetch(options: BalancedFetchOptions): BalancedFetch;
export function balancedFetch<Fetch extends ForeignFetch>(
  options: BalancedFetchOptions<Fetch> & { fetch: Fetch },
): BalancedFetch<Fetch>;
export function balancedFetch(options: BalancedFetchOptions): BalancedFetch {
  const {
    origins,
    base = 'http://origins.invalid',
    pick = leastLoaded(),
    key,
    check,
    outlierEjection = {},
    health = [],
    slowStart,
    panicThreshold,
    zone,
    fetch: own,
    clock = systemClock,
    random,
    retry,
    name = 'balancedFetch',
    onEvent,
  } = checked('balancedFetch', options, {
    ...guardedFetchChecks(),
    origins: iterable,
    base: httpUrl,
    pick: made('a picker such as roundRobin(), or an object', 'pick'),
    key: typed('function'),
    check: (label, value) => typeof value === 'string' || object(label, value),
    outlierEjection: (label, value) => value === false || object(label, value),
    health: healths,
    slowStart: duration,
    panicThreshold: number(0, 1),
    zone: typed('string'),
  });
  iterable('balancedFetch: origins', origins);
  const { origin: virtual, pathname } = new URL(base);
  if (pathname !== '/') throw new RangeError(`balancedFetch: base must have no path, got ${shown(String(base))}`);

  const { outside, each, breakerOf } = fetchPolicies(options, clock, name);
  const breakers = breakerOf && perKey(breakerOf);
  const circuits: Health = { state: (name) => (breakers?.for(name).state === 'open' ? 'ejected' : 'up') };
  const outliers =
    outlierEjection === false ? [] : [outlierHealth<Origin>(filled(outlierEjection, named('outlierEjection')))];
  const checks = check === undefined ? [] : [checking(typeof check === 'string' ? { path: check } : check)];
  const rests = new Rests(longestRest);
  /** Turns tries away from origins that are to be left alone. */
  const spared = new CircuitOpenError({ name, message: 'another origin is to be asked' });
  const balancer: Balancer<Origin> = loadBalancer<Origin>({
    targets: Array.from(origins, (origin) => originOf('balancedFetch: origins', origin)),
    pick: rests.sparing(pick),
    health: [...checks, ...health, ...outliers, circuits],
    slowStart,
    panicThreshold,
    zone,
    clock,
    random,
    ...named('balancer'),
  });
  const send = guardedFetch(options, name, retry?.maxAttempts ?? 3, around);
  const call: typeof globalThis.fetch = async (input, init) => {
    const url = new URL(isRequest(input) ? input.url : input, virtual);
    if (url.origin !== virtual)
      throw new TypeError(`${name}: the URL must be relative, or begin with ${virtual}, got ${shown(url.href)}`);
    const asked = isRequest(init) ? init : input;
    const hasBody = isRequest(asked) && asked.body !== null && asked.method !== 'GET' && asked.method !== 'HEAD';
    const other = isRequest(init) ? undefined : init;
    if (hasBody && isInPage() && (other?.body ?? undefined) === undefined)
      return send(url, apart(asked, other, await asked.blob()));
    // Its body can only be read as a stream, which these cannot have.
    if (hasBody && (asked.keepalive || asked.mode === 'no-cors'))
      throw new TypeError(`${name}: a Request with keepalive or no-cors cannot have a body, give it by init`);
    return send(isRequest(input) ? input : url, init);
  };
  const members: Balancing = {
    get endpoints() {
      return balancer.endpoints;
    },
    add: (origin) => balancer.add(originOf('balancedFetch: add', origin)),
    remove(name) {
      rests.forget(name);
      return balancer.remove(name);
    },
    drain: (name) => balancer.drain(name),
    start() {
      for (const health of checks) health.start();
    },
    [Symbol.dispose]() {
      for (const health of checks) health[Symbol.dispose]();
      balancer[Symbol.dispose]();
    },
  };
  return Object.defineProperties(call, Object.getOwnPropertyDescriptors(members)) as BalancedFetch;

  function checking(check: OriginCheck): ReturnType<typeof healthCheck<Origin>> {
    // Their ranges are healthCheck's to tell.
    const told = (): void => {};
    const { path, ...rest } = checked('balancedFetch: check', check, {
      path: typed('string'),
      interval: told,
      timeout: told,
      rise: told,
      fall: told,
    });
    typed('string')('balancedFetch: check.path', path);
    if (!path.startsWith('/')) throw new RangeError(`balancedFetch: check.path must begin with /, got ${shown(path)}`);
    return healthCheck<Origin>({
      ...rest,
      targets: {
        *[Symbol.iterator](): Generator<Origin> {
          for (const { target } of balancer.endpoints) yield target;
        },
      },
      check: async (origin, { signal }) => {
        const fetch = own ?? globalThis.fetch;
        const url = at(origin, path);
        const response = await fetch(url, { signal, redirect: 'manual' });
        cancelBody(response);
        const { status } = response;
        if (status >= 200 && status < 300) return;
        // Not just false: who hears that it is down wants to know why.
        const message = `GET ${url} was answered ${status}`;
        throw new HttpError({ name: `${name}.check`, message, response, retryable: false });
      },
      clock,
      random,
      ...named('check'),
    });
  }

  function named(of: string) {
    return { name: `${name}.${of}`, onEvent };
  }

  function around(send: Send, call: CallOptions | undefined, request: Preparation): Promise<Response> {
    const { method, url, headers, repeatable } = request;
    const path = url.slice(virtual.length);
    const about = key?.({ method, url, headers });
    if (about !== undefined) typed('string')('balancedFetch: what key gives', about);
    const router = about === undefined ? balancer : balancer.forKey(about);
    /** Whom this call has asked. */
    const asked = new Set<string>();
    const routed = router.route((origin, context) => {
      if (isSpared(origin, asked)) throw spared;
      asked.add(origin.name);
      return visit(origin, (context) => send(context, at(origin, path)), context);
    });
    return outside(repeatable).execute((context) => place(routed, context), call);
  }

  /** The picker sees one zone and one priority at a time: there may be somebody in another who need not be left alone. */
  function isSpared({ name }: Origin, asked: ReadonlySet<string>): boolean {
    const now = clock.now();
    if (rests.left(name, now) === 0) return false;
    return balancer.endpoints.some(
      ({ state, target }) => state === 'up' && !asked.has(target.name) && rests.left(target.name, now) === 0,
    );
  }

  /** What turns a try away has asked nobody: another origin is asked instead, at once. */
  async function place(routed: Task<Response>, context: Context): Promise<Response> {
    let open = balancer.endpoints.length;
    let sparing = open;
    for (;;) {
      try {
        return await routed(context);
      } catch (error) {
        const more = error === spared ? sparing-- > 0 : error instanceof CircuitOpenError && --open > 0;
        if (!more) throw error;
      }
    }
  }

  async function visit(origin: Origin, task: Task<Response>, context: Context): Promise<Response> {
    const once = (context: Context): Promise<Response> => each.execute(task, context);
    try {
      return await (breakers === undefined ? once(context) : breakers.for(origin.name).execute(once, context));
    } catch (error) {
      throw error instanceof HttpError && error.retryAfter !== undefined ? elsewhere(origin, error) : error;
    }
  }

  /** An origin asks to be left alone: that is no reason to wait where another one can be asked. */
  function elsewhere({ name: asking }: Origin, error: HttpError): HttpError {
    const now = clock.now();
    const { name, message, response, retryable, retryAfter = 0 } = error;
    const { endpoints } = balancer;
    // One that has gone meanwhile would be remembered for ever.
    if (endpoints.some(({ target }) => target.name === asking)) rests.rest(asking, retryAfter, now);
    const others = endpoints.filter(({ state, target }) => state === 'up' && target.name !== asking);
    const soonest = Math.min(...others.map(({ target }) => rests.left(target.name, now)));
    const wait = others.length === 0 ? retryAfter : soonest || undefined;
    return new HttpError({ name, message, response, retryable, retryAfter: wait });
  }
}
