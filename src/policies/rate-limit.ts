import { type Meter, type MeterLimits, parts } from '../algorithms/meter.ts';
import { type Clock, systemClock } from '../core/clock.ts';
import { RateLimitedError } from '../core/errors.ts';
import { emit, type Listener } from '../core/events.ts';
import { checked, duration, integer, made, objectWith, typed } from '../core/options.ts';
import { guard } from '../core/pipeline.ts';
import type { Milliseconds, Policy } from '../core/policy.ts';
import { TimedLine } from '../core/timed-line.ts';

export interface RateLimitOptions {
  /** What says how many calls may begin in what time, such as `tokenBucket`. Its owner alone should charge it. */
  meter: Meter;
  /**
   * Calls that may wait for a permit. 0 or more. Default 0, where `maxWait` is given `Infinity`: so either of the two makes
   * calls wait, and without them a call is turned away at once.
   */
  maxQueued?: number | undefined;
  /** How long a call may wait for a permit. 0 or more. Default `Infinity`: as long as its caller does. */
  maxWait?: Milliseconds | undefined;
  /**
   * How long a call waits until it counts as one step of priority higher, so that calls of low priority are not kept
   * waiting for ever. 0 or more. Default 1_000; 0 is first come, first served, `Infinity` is strictly by priority.
   */
  ageing?: Milliseconds | undefined;
  clock?: Clock | undefined;
  /** Carried by events and errors. Default `'rateLimit'`. */
  name?: string | undefined;
  onEvent?: Listener<RateLimitEvent> | undefined;
}

/** What a rate limit tells, once it is so. */
export type RateLimitEvent =
  /** A call waits in line. */
  | { readonly type: 'queued'; readonly name: string; readonly queued: number }
  /** A call was turned away: there was no permit and no room in line, or no permit in time. */
  | {
      readonly type: 'rejected';
      readonly name: string;
      readonly reason: Reason;
      /** How long until it would have had its permit; `undefined` for never. */
      readonly retryAfter: Milliseconds | undefined;
      readonly queued: number;
    };

export interface RateLimit extends Policy {
  /** What the meter could give now; negative while reservations are out. */
  readonly available: number;
  /** Calls that wait. */
  readonly queued: number;
  /**
   * The meter has as much to give as in the beginning, and nobody waits. `perKey` prefers to forget such a limit. Never
   * after `update`: made anew, it would have its first limits again.
   */
  readonly idle: boolean;
  /**
   * Changes the meter's limits: who now has enough gets in at once, and of those who wait, who can no longer be served in
   * time is turned away when it is his turn.
   *
   * @throws {RangeError} for limits out of range
   */
  update(limits: MeterLimits): void;
}

/** No permit and no room in line, or no permit in time. */
type Reason = 'full' | 'expired';

/**
 * Lets as many tasks begin as its meter allows. Up to `maxQueued` more wait in line, the highest priority first, and
 * among equals first come, first served; who is known to wait in vain is turned away at once.
 *
 * Cost and priority come from the call's context. A cost that the meter can never meet is a `RangeError`; one of 0 asks
 * and charges nothing. Permits are not given back: a task that fails has still been sent.
 *
 * @example
 * const polite = rateLimit({ meter: tokenBucket({ limit: 100, interval: 1_000, burst: 20 }), maxWait: 200 });
 * const user = await polite.execute(({ signal }) => fetch('https://example.com/user', { signal }));
 *
 * @throws {RateLimitedError} from `execute`: no permit and no room in line, or no permit in time. `retryAfter` says how
 * long until there is one, for this call alone and those in line before it
 * @throws {RangeError | TypeError} for options out of range, or unknown
 */
export function rateLimit(options: RateLimitOptions): RateLimit {
  const isMeter = made(
    'a meter such as tokenBucket({ limit, interval }), or an object',
    'tryAcquire',
    'retryAfter',
    'available',
    'update',
  );
  const {
    meter,
    maxWait,
    maxQueued = maxWait === undefined ? 0 : Infinity,
    ageing = 1_000,
    clock = systemClock,
    name = 'rateLimit',
    onEvent,
  } = checked('rateLimit', options, {
    meter: isMeter,
    maxQueued: integer(0),
    maxWait: duration,
    ageing: duration,
    clock: objectWith('now', 'coarse', 'schedule'),
    name: typed('string'),
    onEvent: typed('function'),
  });
  isMeter('rateLimit: meter', meter);
  const line = new TimedLine<true>({
    clock,
    maxWait: maxWait ?? Infinity,
    ageing,
    take: (cost) => meter.tryAcquire(clock.now(), cost) || undefined,
    comesIn: (cost) => meter.retryAfter(clock.now(), cost),
    expired: (after) => rejected('expired', after),
  });
  /** Those that `allOf` asks together: the least that any of them can give does not say that all are full. */
  const meters = (meter as { readonly [parts]?: readonly Meter[] })[parts] ?? [meter];
  let full: readonly number[] | undefined = given();

  return guard<true, Omit<RateLimit, keyof Policy>>(
    {
      name,
      kind: 'rateLimit',
      enter(context) {
        const { cost } = context;
        if (cost === 0) return true;
        // The timer may be late: who waits goes before who comes, whose task then begins after theirs.
        if (line.length > 0) line.admit();
        else if (meter.tryAcquire(clock.now(), cost)) return true;
        const after = line.after(context);
        if (after === Infinity) throw new RangeError(`${name}: cost must be one that the meter can meet, got ${cost}`);
        const { length } = line;
        if (length >= maxQueued) return rejected('full', after);
        const waiting = line.join(context);
        if (onEvent && line.length > length) emit(onEvent, { type: 'queued', name, queued: line.length });
        return waiting;
      },
    },
    {
      get available() {
        return meter.available(clock.now());
      },
      get queued() {
        return line.length;
      },
      get idle() {
        return line.length === 0 && given().every((amount, i) => amount >= (full?.[i] ?? Infinity));
      },
      update(limits) {
        meter.update(clock.now(), limits);
        full = undefined;
        line.admit();
      },
    },
  );

  function given(): number[] {
    return meters.map((each) => each.available(clock.now()));
  }

  function rejected(reason: Reason, after: Milliseconds): RateLimitedError {
    const retryAfter = after < Infinity ? after : undefined;
    if (onEvent) emit(onEvent, { type: 'rejected', name, reason, retryAfter, queued: line.length });
    // Nothing is full where nobody may wait.
    const message = maxQueued === 0 && reason === 'full' ? 'no permit now' : `no permit: ${reason}`;
    return new RateLimitedError({ name, message, retryAfter });
  }
}
