import { codel } from '../algorithms/codel.ts';
import { type OverloadDetector, Place, type ShedOrder, ShedQueue, type ShedReason } from '../algorithms/shed-queue.ts';
import { type Follower, unfollow } from '../core/abort.ts';
import { type Clock, systemClock } from '../core/clock.ts';
import { timeLeft } from '../core/deadline.ts';
import { ShedError } from '../core/errors.ts';
import { emit, type Listener, reportError } from '../core/events.ts';
import { checked, duration, integer, made, objectWith, oneOf, typed } from '../core/options.ts';
import { guard } from '../core/pipeline.ts';
import type { Context, Milliseconds, Policy } from '../core/policy.ts';
import { follow } from '../core/scope.ts';
import { tolerance } from '../core/timers.ts';

export interface ShedOptions {
  /** Calls that may run at once: what there is to serve with. 1 or more. */
  maxConcurrent: number;
  /** Calls that may wait. 0 or more. Default 1_000. */
  maxQueued?: number | undefined;
  /** How long a call may wait. 0 or more. Default `Infinity`: until its deadline, or until it is given up. */
  maxWait?: Milliseconds | undefined;
  /**
   * Tells an overload by how long calls wait, and says when to give one up. Default `codel()`. One for each `shed`. What it
   * throws is reported, and gives nobody up.
   */
  detector?: OverloadDetector | undefined;
  /**
   * Who of one priority is served first: `'fifo'`, who came first; `'lifo'`, who came last; `'adaptive'`, the default,
   * who came first, and under overload who came last, as he is the one who can still be served in time.
   */
  order?: ShedOrder | undefined;
  clock?: Clock | undefined;
  /** Carried by events and errors. Default `'shed'`. */
  name?: string | undefined;
  onEvent?: Listener<ShedEvent> | undefined;
}

/** What `shed` tells, once it is so. */
export type ShedEvent =
  /** A call waits in line. */
  | {
      readonly type: 'queued';
      readonly name: string;
      readonly priority: number;
      readonly running: number;
      readonly queued: number;
    }
  /** A call was given up: out of time, no room in line, or one too many in an overload. */
  | {
      readonly type: 'rejected';
      readonly name: string;
      readonly reason: ShedReason;
      readonly priority: number;
      readonly running: number;
      readonly queued: number;
    };

export interface Shed extends Policy {
  /** Calls that run. */
  readonly running: number;
  /** Calls that wait. */
  readonly queued: number;
  /** Calls wait, and have waited for too long for too long: some are given up. */
  readonly overloaded: boolean;
  /** Nobody runs or waits, and no overload is remembered. `perKey` prefers to forget it then. */
  readonly idle: boolean;
}

/** A caller in line, who hears when his call is stopped. */
class Waiter extends Place implements Follower {
  previous: Follower | undefined = undefined;
  next: Follower | undefined = undefined;
  readonly settle: (given: undefined | ShedError | Promise<never>) => void;
  readonly #context: Context;
  readonly #stopped: (waiter: Waiter, reason: unknown) => void;

  constructor(
    context: Context,
    now: Milliseconds,
    left: Milliseconds,
    settle: Waiter['settle'],
    stopped: (waiter: Waiter, reason: unknown) => void,
  ) {
    super(context.priority, now, now + left);
    this.settle = settle;
    this.#context = context;
    this.#stopped = stopped;
  }

  /** Of work that is shared it is the latest of all who have come to wait for it. */
  get deadline(): Milliseconds {
    return this.#context.deadline;
  }

  end(reason: unknown): void {
    this.#stopped(this, reason);
  }
}

/**
 * Keeps a service that is asked for more than it can do at doing what it can: runs at most `maxConcurrent` tasks at once,
 * and sees to it that those who wait do not wait in vain. A call that is out of time is never started. Once calls wait
 * for too long for too long, some are given up, and the newest goes first: it is the one that can still be served in
 * time. A higher priority is served first, and given up last.
 *
 * What runs keeps its place until the task has settled, also when nobody waits for it any more.
 *
 * @example
 * const service = shed({ maxConcurrent: 10, maxWait: 500 });
 * const page = await service.execute(() => render(request), { priority: request.signedIn ? 1 : 0 });
 *
 * @throws {ShedError} from `execute`: given up, as it was out of time, without room, or one too many
 * @throws {TypeError | RangeError} for an option that is unknown or out of range
 */
export function shed(options: ShedOptions): Shed {
  const {
    maxConcurrent,
    maxQueued = 1_000,
    maxWait = Infinity,
    detector = codel(),
    order = 'adaptive',
    clock = systemClock,
    name = 'shed',
    onEvent,
  } = checked('shed', options, {
    maxConcurrent: integer(1),
    maxQueued: integer(0),
    maxWait: duration,
    detector: made('a detector such as codel(), or an object', 'shouldShed'),
    order: oneOf('adaptive', 'fifo', 'lifo'),
    clock: objectWith('now', 'coarse', 'schedule'),
    name: typed('string'),
    onEvent: typed('function'),
  });
  integer(1)('shed: maxConcurrent', maxConcurrent);
  /** Whoever waits must be served, whatever becomes of it. */
  const judge: OverloadDetector = {
    shouldShed(now, delay) {
      try {
        return detector.shouldShed(now, delay);
      } catch (error) {
        reportError(error);
        return false;
      }
    },
    get overloaded() {
      return detector.overloaded;
    },
  };
  const queue = new ShedQueue<Waiter>({ maxQueued, order, detector: judge, dropped });
  let running = 0;
  let timer: { cancel(): void } | undefined;
  /** When that runs: at the first due time of the line, or earlier. */
  let armed: Milliseconds = Infinity;

  return guard<undefined, Omit<Shed, keyof Policy>>(
    {
      name,
      kind: 'shed',
      holds: true,
      enter(context) {
        // Nobody waits while a place is free.
        if (running >= maxConcurrent) return wait(context);
        if (timeLeft(context, clock, Infinity) === 0) return rejected('expired', context.priority);
        if (judge.shouldShed(clock.coarse(), 0)) return rejected('overloaded', context.priority);
        running++;
        return undefined;
      },
      leave() {
        const next = queue.length > 0 ? queue.take(clock.now()) : undefined;
        // Not before: a place that is free for a moment might be taken by whoever hears that a call was given up.
        if (next === undefined) running--;
        else settle(next, undefined);
        arm();
      },
    },
    {
      get running() {
        return running;
      },
      get queued() {
        return queue.length;
      },
      get overloaded() {
        return queue.length > 0 && detector.overloaded;
      },
      get idle() {
        return running + queue.length === 0 && detector.idle?.(clock.coarse()) !== false;
      },
    },
  );

  function wait(context: Context): Promise<undefined | ShedError> | ShedError {
    const { priority } = context;
    const left = timeLeft(context, clock, maxWait);
    if (left === 0) return rejected('expired', priority);
    const now = clock.now();
    const room = queue.hasRoom(priority, now);
    if (!room) arm();
    if (!room) return rejected('full', priority);
    return new Promise((settle) => {
      const waiter = new Waiter(context, now, left, settle, stopped);
      follow(context, waiter);
      queue.join(waiter);
      arm();
      if (onEvent) emit(onEvent, { type: 'queued', name, priority, running, queued: queue.length });
    });
  }

  /** One timer for all who wait. */
  function arm(): void {
    const { due } = queue;
    if (timer !== undefined && due < Infinity && due >= armed) return;
    timer?.cancel();
    timer = undefined;
    if (due === Infinity) return;
    armed = due;
    timer = clock.schedule(Math.max(due - clock.now(), 0), () => {
      timer = undefined;
      queue.expire(clock.now() + tolerance);
      arm();
    });
  }

  function stopped(waiter: Waiter, reason: unknown): void {
    queue.leave(waiter);
    settle(waiter, Promise.reject(reason));
    arm();
  }

  function dropped(waiter: Waiter, reason: ShedReason): void {
    settle(waiter, rejected(reason, waiter.priority));
  }

  function settle(waiter: Waiter, given: Parameters<Waiter['settle']>[0]): void {
    unfollow(waiter);
    waiter.settle(given);
  }

  function rejected(reason: ShedReason, priority: number): ShedError {
    if (onEvent) emit(onEvent, { type: 'rejected', name, reason, priority, running, queued: queue.length });
    return new ShedError({ name, message: `shed: ${reason}` });
  }
}
