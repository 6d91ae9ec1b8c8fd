import { retryBudget } from '../algorithms/budgets.ts';
import { type Clock, systemClock } from '../core/clock.ts';
import type { Listener } from '../core/events.ts';
import { checked, duration, filled, objectWith, shown, typed } from '../core/options.ts';
import { pipeline } from '../core/pipeline.ts';
import type { Milliseconds, Policy } from '../core/policy.ts';
import type { Random } from '../core/random.ts';
import { type BulkheadEvent, type BulkheadOptions, bulkhead } from '../policies/bulkhead.ts';
import { type CircuitBreakerEvent, type CircuitBreakerOptions, circuitBreaker } from '../policies/circuit-breaker.ts';
import { type FallbackEvent, type FallbackOptions, fallback } from '../policies/fallback.ts';
import { type HedgeEvent, type HedgeOptions, hedge } from '../policies/hedge.ts';
import { type RateLimitEvent, type RateLimitOptions, rateLimit } from '../policies/rate-limit.ts';
import { type RetryEvent, type RetryOptions, retry } from '../policies/retry.ts';
import { type TimeoutEvent, timeout } from '../policies/timeout.ts';

/** One part of a standard pipeline: its options, a policy in its place, or `false` for none. */
type Part<Options> = Options | Policy | false;

/** What both have in common. */
export interface StandardOptions<Added = never, Event = StandardEvent> {
  /** Answers what failed for good. Default none. */
  fallback?: FallbackOptions<Added> | Policy<Added> | false | undefined;
  /** What a call may take in all, waits and further tries included: milliseconds, or a policy. Default 30_000. */
  timeout?: Milliseconds | Policy | false | undefined;
  /** Default: as `circuitBreaker`. */
  circuitBreaker?: Part<CircuitBreakerOptions> | undefined;
  /** Default none: how much may be sent is for the other side to say. */
  rateLimit?: Part<RateLimitOptions> | undefined;
  /** Default: 1_000 at once, none in line. */
  bulkhead?: Part<BulkheadOptions> | undefined;
  /** What one try may take: milliseconds, or a policy. Default: a third of `timeout`, at most 10_000; 10_000 if that is a policy. */
  tryTimeout?: Milliseconds | Policy | false | undefined;
  clock?: Clock | undefined;
  /** Chance, for jitter. */
  random?: Random | undefined;
  /** Carried by events and errors, which add which part speaks: `users.retry`. Default: the factory's name. */
  name?: string | undefined;
  /** Hears what all parts tell, but for policies of your own, and parts with an `onEvent` of their own. */
  onEvent?: Listener<Event> | undefined;
}

export interface StandardPipelineOptions<Added = never> extends StandardOptions<Added> {
  /** Default: as `retry`, with a `retryBudget()` of its own. */
  retry?: Part<RetryOptions> | undefined;
}

export interface StandardHedgingOptions<Added = never> extends StandardOptions<Added> {
  /** Default: one more call after 2_000, and at once when the first has failed. */
  hedge?: Part<Partial<HedgeOptions>> | undefined;
}

/** What the parts of a standard pipeline tell; `name` says which of them. */
export type StandardEvent =
  | RetryEvent
  | TimeoutEvent
  | CircuitBreakerEvent
  | RateLimitEvent
  | BulkheadEvent
  | FallbackEvent
  | HedgeEvent;

/**
 * The policies that a call to another service needs, in the order that makes each of them see what it should. From
 * the outside in:
 *
 *     fallback > timeout of the call > retry > circuit breaker > rate limit > bulkhead > timeout of a try
 *
 * Each part takes the options of its policy, a policy of your own in its place, or `false` to leave it out. `lint`
 * finds nothing against it. As it keeps a breaker, a bulkhead and a budget, make one for each thing that is called.
 *
 * @example
 * const users = standardPipeline({ name: 'users', retry: { maxAttempts: 4 }, fallback: { value: [] } });
 * const list = await users.execute(({ signal }) => fetchUsers(signal));
 *
 * @throws {RangeError | TypeError} for options out of range, or unknown
 */
export function standardPipeline<Added = never>(options: StandardPipelineOptions<Added> = {}): Policy<Added> {
  const part = maker('standardPipeline', 'retry', options);
  return joined<Added>(options, part, part('retry', retry, options.retry, { budget: retryBudget() }));
}

/**
 * For calls whose tail is too long: in place of the retry stands a hedge, that starts a second call when the first is
 * slow or has failed, and takes whichever answers first. From the outside in:
 *
 *     fallback > timeout of the call > hedge > circuit breaker > rate limit > bulkhead > timeout of a try
 *
 * For calls that may be made twice, and to something that can bear it.
 *
 * @example
 * const search = standardHedging({ hedge: { delay: { quantile: 0.95, min: 5 } } });
 *
 * @throws {RangeError | TypeError} for options out of range, or unknown
 */
export function standardHedging<Added = never>(options: StandardHedgingOptions<Added> = {}): Policy<Added> {
  const part = maker('standardHedging', 'hedge', options);
  return joined<Added>(
    options,
    part,
    part('hedge', hedge, options.hedge as Part<HedgeOptions> | undefined, { delay: 2_000 }),
  );
}

/** Makes a part: nothing for `false`, the policy that stands in its place, or its factory's with defaults. */
type Maker = <Options extends object, P extends Policy<unknown>>(
  of: string,
  factory: (options: Options) => P,
  said: Options | P | false | undefined,
  defaults: Partial<Options> | undefined,
) => readonly P[];

function maker<Added>(factory: string, repeats: 'retry' | 'hedge', options: StandardOptions<Added>): Maker {
  const {
    clock = systemClock,
    random,
    name = factory,
    onEvent,
  } = checked(factory, options, {
    fallback: part,
    timeout: limit,
    [repeats]: part,
    circuitBreaker: part,
    rateLimit: part,
    bulkhead: part,
    tryTimeout: limit,
    clock: objectWith('now', 'coarse', 'wall', 'schedule'),
    random: typed('function'),
    name: typed('string'),
    onEvent: typed('function'),
  });
  return (of, make, said, defaults) => {
    if (said === false || (said === undefined && defaults === undefined)) return [];
    if (isPolicy(said)) return [said as never];
    const known = { name: `${name}.${of}`, onEvent, ...defaults };
    return [
      make(filled(said, { ...known, ...(timed(of) && { clock }), ...(drawing.includes(of) && { random }) }) as never),
    ];
  };
}

/** All parts but the fallback have to do with time. */
const timed = (of: string): boolean => of !== 'fallback';

/** The parts that leave something to chance. */
const drawing: readonly string[] = ['retry', 'circuitBreaker'];

function joined<Added>(options: StandardOptions<Added>, part: Maker, repeats: readonly Policy[]): Policy<Added> {
  const whole = typeof options.timeout === 'number' ? options.timeout : 30_000;
  const last = part('fallback', fallback<Added>, options.fallback, undefined);
  const inside = [
    ...part('timeout', timeout, asOptions(options.timeout), { duration: 30_000 }),
    ...repeats,
    ...part('circuitBreaker', circuitBreaker as (options: CircuitBreakerOptions) => Policy, options.circuitBreaker, {}),
    ...part('rateLimit', rateLimit as (options: RateLimitOptions) => Policy, options.rateLimit, undefined),
    ...part('bulkhead', bulkhead as (options: BulkheadOptions) => Policy, options.bulkhead, { maxConcurrent: 1_000 }),
    // A try that hangs is not to be the last.
    ...part('tryTimeout', timeout, asOptions(options.tryTimeout), { duration: Math.min(10_000, whole / 3) }),
  ];
  return pipeline(...last, ...inside) as Policy<Added>;
}

function asOptions(
  said: Milliseconds | Policy | false | undefined,
): { duration: Milliseconds } | Policy | false | undefined {
  return typeof said === 'number' ? { duration: said } : said;
}

function isPolicy(value: unknown): boolean {
  return typeof (value as Policy | undefined)?.execute === 'function';
}

function part(label: string, value: unknown): void {
  if (value === false || (typeof value === 'object' && value !== null)) return;
  throw new TypeError(`${label} must be options, a policy or false, got ${shown(value)}`);
}

function limit(label: string, value: unknown): void {
  if (value === false || isPolicy(value)) return;
  if (typeof value !== 'number')
    throw new TypeError(`${label} must be milliseconds, a policy or false, got ${shown(value)}`);
  duration(label, value);
}
