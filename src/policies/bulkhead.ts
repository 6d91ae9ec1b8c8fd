import { Semaphore } from '../algorithms/semaphore.ts';
import { type Follower, Followers, unfollow } from '../core/abort.ts';
import { type Clock, systemClock } from '../core/clock.ts';
import { AbandonedError, BulkheadFullError } from '../core/errors.ts';
import { emit, type Listener } from '../core/events.ts';
import type { Call } from '../core/layer.ts';
import { WaitingLine } from '../core/line.ts';
import { checked, duration, integer, objectWith, oneOf, typed } from '../core/options.ts';
import { guard } from '../core/pipeline.ts';
import type { Milliseconds, Policy } from '../core/policy.ts';

export interface BulkheadOptions {
  /** Slots: calls of cost 1 that may run at once. 1 or more. */
  maxConcurrent: number;
  /** Calls that may wait for a slot. 0 or more. Default 0: a full bulkhead turns calls away. */
  maxQueued?: number | undefined;
  /** How long a call may wait for a slot. 0 or more. Default `Infinity`: as long as its caller does. */
  maxWait?: Milliseconds | undefined;
  /**
   * When a slot is free again. Default `'settle'`: once the task itself has settled, also when a timeout further in or
   * the caller has given it up before. `'abandon'`: once nobody waits for the task any more, though it may still run.
   */
  releaseOn?: 'settle' | 'abandon' | undefined;
  /**
   * How long a call waits until it counts as one step of priority higher, so that calls of low priority are not kept
   * waiting for ever. 0 or more. Default 1_000; 0 is first come, first served, `Infinity` is strictly by priority.
   */
  ageing?: Milliseconds | undefined;
  /**
   * How long `close()` waits for calls that run before it abandons them. 0 or more. Default `Infinity`: as long as they
   * take. A finite one has each call watched, which costs it as much as a timeout does.
   */
  grace?: Milliseconds | undefined;
  clock?: Clock | undefined;
  /** Carried by events and errors. Default `'bulkhead'`. */
  name?: string | undefined;
  onEvent?: Listener<BulkheadEvent> | undefined;
}

/** What a bulkhead tells, once it is so. */
export type BulkheadEvent =
  /** A call waits in line. */
  | { readonly type: 'queued'; readonly name: string; readonly running: number; readonly queued: number }
  /** A call was turned away: there was no room in line, no slot came free in time, or the bulkhead is closed. */
  | {
      readonly type: 'rejected';
      readonly name: string;
      readonly reason: Reason;
      readonly running: number;
      readonly queued: number;
    };

export interface Bulkhead extends Policy {
  /** Slots taken: the costs of the calls that run, added up. */
  readonly running: number;
  /** Calls that wait. */
  readonly queued: number;
  /** Nobody runs or waits. `perKey` prefers to forget such a bulkhead. */
  readonly idle: boolean;
  /**
   * Changes the number of slots: more of them let waiting calls in at once; with fewer, nobody gets in until enough
   * calls have ended. A waiting call that asks for more than there are now gets all of them.
   *
   * @throws {RangeError} unless 1 or more
   */
  resize(maxConcurrent: number): void;
  /**
   * Turns new and waiting calls away from now on. Resolves once no call runs; or when `grace` is over: then the signals
   * of those that still run abort, with an `AbandonedError`, and their callers are let go with it.
   */
  close(): Promise<void>;
}

/** No slot and no room in line, no slot in time, or closed. */
type Reason = 'full' | 'expired' | 'closed';

/**
 * Runs at most `maxConcurrent` tasks at once; up to `maxQueued` more wait in line, the highest priority first, and
 * among equals first come, first served. A free slot is handed to whoever is first, and to nobody else.
 *
 * Cost and priority come from the call's context. A call that costs more than there are slots is a `RangeError`. A
 * task that calls the bulkhead it runs in asks for a slot of its own: it may wait for itself, if there is only one.
 *
 * @example
 * const queries = bulkhead({ maxConcurrent: 10, maxQueued: 100, maxWait: 1_000 });
 * const users = await queries.execute(() => db.query('select * from users'));
 *
 * @throws {BulkheadFullError} from `execute`: no slot and no room in line, no slot in time, or closed
 * @throws {RangeError | TypeError} for options out of range, or unknown
 */
export function bulkhead(options: BulkheadOptions): Bulkhead {
  const {
    maxConcurrent,
    maxQueued = 0,
    maxWait = Infinity,
    releaseOn = 'settle',
    ageing = 1_000,
    grace = Infinity,
    clock = systemClock,
    name = 'bulkhead',
    onEvent,
  } = checked('bulkhead', options, {
    maxConcurrent: integer(1),
    maxQueued: integer(0),
    maxWait: duration,
    releaseOn: oneOf('settle', 'abandon'),
    ageing: duration,
    grace: duration,
    clock: objectWith('now', 'coarse', 'schedule'),
    name: typed('string'),
    onEvent: typed('function'),
  });
  const slots = new Semaphore(0);
  /** Calls that run, those that take no slot too. */
  let calls = 0;
  const line = new WaitingLine<number>({ clock, maxWait, ageing, take, expired: () => rejected('expired') });
  /** Calls that run, if there is a grace. Each takes itself out once it has unwound. */
  const watched = new Followers();
  let closing: Promise<void> | undefined;
  let drained: (() => void) | undefined;
  resize(maxConcurrent);

  return guard<number, Omit<Bulkhead, keyof Policy>>(
    {
      name,
      kind: 'bulkhead',
      holds: releaseOn === 'settle',
      enter(context) {
        const { cost } = context;
        if (cost !== 1 && !(cost % 1 === 0 && cost <= slots.limit))
          throw new RangeError(`${name}: cost must be a whole number up to ${slots.limit}, got ${cost}`);
        if (closing !== undefined) return rejected('closed');
        const { length } = line;
        const permit = length === 0 ? take(cost) : undefined;
        if (permit !== undefined) return permit;
        if (length >= maxQueued) return rejected('full');
        const waiting = line.join(context);
        if (line.length > length) tell();
        return waiting;
      },
      ...(grace < Infinity && { watch: (call: Call) => watched.add(call as unknown as Follower) }),
      leave(cost) {
        slots.release(cost);
        if (line.length > 0) line.admit();
        if (--calls === 0) drained?.();
      },
    },
    {
      get running() {
        return slots.taken;
      },
      get queued() {
        return line.length;
      },
      get idle() {
        return calls + line.length === 0;
      },
      resize,
      close() {
        closing ??= new Promise((resolve) => {
          if (calls === 0) return resolve();
          const timer = grace < Infinity ? clock.schedule(grace, abandonAll) : undefined;
          drained = () => {
            timer?.cancel();
            resolve();
          };
        });
        line.close(() => rejected('closed'));
        return closing;
      },
    },
  );

  function resize(limit: number): void {
    integer(1)('bulkhead: maxConcurrent', limit);
    slots.limit = limit;
    line.admit();
  }

  /** The permit is the number of slots: while that stays the same, the frame keeps its handlers. */
  function take(asked: number): number | undefined {
    // Less than asked for only after the number of slots was lowered: who is in line by then gets them all.
    const cost = Math.min(asked, slots.limit);
    if (!slots.tryAcquire(cost)) return undefined;
    calls++;
    return cost;
  }

  function rejected(reason: Reason): BulkheadFullError {
    tell(reason);
    return new BulkheadFullError({ name, message: `no slot: ${reason}` });
  }

  function abandonAll(): void {
    for (let call = watched.next as Follower; call !== watched; call = watched.next as Follower) {
      unfollow(call);
      (call as unknown as Call).stop(new AbandonedError({ name, message: 'closed' }));
    }
    drained?.();
  }

  function tell(reason?: Reason): void {
    if (!onEvent) return;
    const how = reason ? { type: 'rejected' as const, reason } : { type: 'queued' as const };
    emit(onEvent, { ...how, name, running: slots.taken, queued: line.length });
  }
}
