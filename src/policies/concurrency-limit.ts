import { gradient } from '../algorithms/gradient.ts';
import type { Limit } from '../algorithms/limit.ts';
import { type Clock, systemClock } from '../core/clock.ts';
import { ConcurrencyLimitedError, TimeoutError } from '../core/errors.ts';
import { emit, type Listener } from '../core/events.ts';
import { WaitingLine } from '../core/line.ts';
import { checked, duration, integer, made, number, objectWith, shown, typed } from '../core/options.ts';
import { type Classify, classifyGuarded, type Outcome, type Verdict } from '../core/outcome.ts';
import { guard } from '../core/pipeline.ts';
import type { Context, Milliseconds, Policy } from '../core/policy.ts';

export interface ConcurrencyLimitOptions {
  /** What learns how many calls may run at once: `gradient`, `vegas`, `aimd`, or your own. Default `gradient()`. */
  limit?: Limit | undefined;
  /** Calls that may wait, all partitions together: 0 or more. Default 0: what is above the limit is turned away. */
  maxQueued?: number | undefined;
  /** How long a call may wait. 0 or more. Default `Infinity`: as long as its caller does. */
  maxWait?: Milliseconds | undefined;
  /** How long a call waits to count as one step of priority higher, within its partition. 0 or more. Default 1_000. */
  ageing?: Milliseconds | undefined;
  /** Shares of the limit for calls of some priority and above. Default: none, all calls share all of it. */
  partitions?: readonly LimitPartition[] | undefined;
  /**
   * What a call that has ended teaches. `'success'`: how long it took. `'failure'`: that it was dropped, by too much
   * load; a success after its caller's deadline counts so, too. `'ignore'`: nothing. Default: an error is a failure,
   * unless it is an `AbortError` or a `RejectedError`.
   */
  classify?: Classify | undefined;
  clock?: Clock | undefined;
  /** Carried by events and errors. Default `'concurrencyLimit'`. */
  name?: string | undefined;
  onEvent?: Listener<ConcurrencyLimitEvent> | undefined;
}

/**
 * Has calls from this priority up to the next partition's; the lowest has those below it as well. Calls of a partition
 * that uses less than its share are always let in; what others leave unused, any may borrow.
 */
export interface LimitPartition {
  priority: number;
  /** Part of the limit, 0 to 1; all shares together are at most 1. 0: only what others leave. */
  share: number;
}

interface Now {
  readonly name: string;
  readonly limit: number;
  readonly running: number;
  readonly queued: number;
}

/** What a concurrency limit tells, once it is so. */
export type ConcurrencyLimitEvent =
  /** A call waits in line; or the limit has changed. */
  | ({ readonly type: 'queued' | 'limit' } & Now)
  /** A call was turned away: there was no room in line, or it could not be let in in time. */
  | ({ readonly type: 'rejected'; readonly reason: Reason } & Now);

export interface ConcurrencyLimit extends Policy {
  /** Calls that may run at once, as learnt by now. */
  readonly limit: number;
  /** Calls that run, and those that go on though nobody waits for them any more. */
  readonly running: number;
  /** Calls that wait. */
  readonly queued: number;
  /** Nobody runs or waits, and nothing has been learnt yet. */
  readonly idle: boolean;
}

type Reason = 'full' | 'expired';

/** Calls of a partition. */
interface Part extends LimitPartition {
  running: number;
  readonly line: WaitingLine<Permit>;
}

interface Permit {
  readonly part: Part;
  readonly start: Milliseconds;
}

/**
 * Runs as many tasks at once as what they call can bear, and finds out how many that is: from how long they take, and
 * whether they come to nothing. The rest waits in line, if there is one, or is turned away.
 *
 * A task is in flight until it has settled, also if its caller has been let go. One task may run whatever the limit
 * says: without any, nothing would be learnt. Each call counts as one, whatever its cost.
 *
 * @example
 * const upstream = concurrencyLimit({ limit: gradient({ max: 500 }), maxQueued: 50, maxWait: 100 });
 * const user = await upstream.execute(({ signal }) => fetch('https://example.com/user', { signal }));
 *
 * @throws {ConcurrencyLimitedError} from `execute`: the limit is reached and no room in line, or not below it in time
 * @throws {RangeError | TypeError} for options out of range, or unknown
 */
export function concurrencyLimit(options: ConcurrencyLimitOptions = {}): ConcurrencyLimit {
  const {
    limit = gradient(),
    maxQueued = 0,
    maxWait = Infinity,
    ageing = 1_000,
    partitions = [{ priority: 0, share: 1 }],
    classify = classifyGuarded,
    clock = systemClock,
    name = 'concurrencyLimit',
    onEvent,
  } = checked('concurrencyLimit', options, {
    limit: made('a limit such as aimd(), or an object', 'sample'),
    maxQueued: integer(0),
    maxWait: duration,
    ageing: duration,
    partitions: checkPartitions,
    classify: typed('function'),
    clock: objectWith('now', 'coarse', 'schedule'),
    name: typed('string'),
    onEvent: typed('function'),
  });
  /** The highest first. */
  const parts = partitions.map(partOf).sort((a, b) => b.priority - a.priority);
  const lowest = parts.at(-1) as Part;
  let running = 0;
  let learnt = false;

  return guard<Permit, Omit<ConcurrencyLimit, keyof Policy>>(
    {
      name,
      kind: 'concurrencyLimit',
      holds: true,
      enter(context) {
        const part = parts.find(({ priority }) => context.priority >= priority) ?? lowest;
        const { line } = part;
        const { length } = line;
        const permit = length === 0 ? take(part) : undefined;
        if (permit !== undefined) return permit;
        if (queued() >= maxQueued) return rejected('full');
        const waiting = line.join(context);
        if (line.length > length) tell('queued');
        return waiting;
      },
      leave({ part, start }, outcome, context) {
        const inFlight = running--;
        part.running--;
        try {
          learn(start, inFlight, verdictOn(outcome, context), context.deadline);
        } finally {
          for (const { line } of parts) if (line.length > 0) line.admit();
        }
      },
    },
    {
      get limit() {
        return limit.limit;
      },
      get running() {
        return running;
      },
      get queued() {
        return queued();
      },
      get idle() {
        return running + queued() === 0 && !learnt;
      },
    },
  );

  function partOf({ priority, share }: LimitPartition): Part {
    const line = new WaitingLine({
      clock,
      maxWait,
      ageing,
      take: () => take(part),
      expired: () => rejected('expired'),
    });
    const part: Part = { priority, share, running: 0, line };
    return part;
  }

  function take(part: Part): Permit | undefined {
    const most = limit.limit;
    if (!(running < most || part.running < part.share * most || running === 0)) return undefined;
    running++;
    part.running++;
    return { part, start: clock.now() };
  }

  /** A timeout further out says that the call took too long, as one further in does; all other callers just left. */
  function verdictOn(outcome: Outcome, context: Context): Verdict {
    if (outcome.ok || !outcome.abandoned) return classify(outcome, context);
    return isTimeout(outcome.error) ? 'failure' : 'ignore';
  }

  function learn(start: Milliseconds, inFlight: number, verdict: Verdict, deadline: Milliseconds): void {
    if (verdict === 'ignore') return;
    // Taken for a success, a promise or a missing verdict would let the limit grow for ever.
    if (verdict !== 'success' && verdict !== 'failure') throw new TypeError(`${name}: classify gave ${verdict}`);
    const now = clock.now();
    // The clock was set back meanwhile: how long it took is not known.
    if (!(now >= start)) return;
    learnt = true;
    const before = limit.limit;
    // An answer that comes after its caller's deadline is as good as none.
    const dropped = verdict === 'failure' || now > deadline;
    if (limit.sample(now - start, inFlight, dropped) !== before) tell('limit');
  }

  function queued(): number {
    let sum = 0;
    for (const { line } of parts) sum += line.length;
    return sum;
  }

  function rejected(reason: Reason): ConcurrencyLimitedError {
    tell('rejected', reason);
    return new ConcurrencyLimitedError({ name, message: `at the limit of ${limit.limit}: ${reason}` });
  }

  function tell(type: ConcurrencyLimitEvent['type'], reason?: Reason): void {
    if (onEvent === undefined) return;
    const now: Now = { name, limit: limit.limit, running, queued: queued() };
    emit(onEvent, (reason === undefined ? { type, ...now } : { type, reason, ...now }) as ConcurrencyLimitEvent);
  }
}

/** Holdfast's own, or what `AbortSignal.timeout` aborts with. */
function isTimeout(error: unknown): boolean {
  return error instanceof TimeoutError || (error as Error | null | undefined)?.name === 'TimeoutError';
}

function checkPartitions(label: string, value: unknown): void {
  if (!Array.isArray(value) || value.length === 0)
    throw new TypeError(`${label} must be an array with at least one partition, got ${shown(value)}`);
  const partitions = value as LimitPartition[];
  for (const [i, partition] of partitions.entries()) {
    const at = `${label}[${i}]`;
    const { priority, share } = checked<LimitPartition>(at, partition, {
      priority: number(-Infinity, Infinity),
      share: number(0, 1),
    });
    if (priority === undefined || share === undefined) throw new TypeError(`${at} must have a priority and a share`);
    if (partitions.some((other) => other !== partition && other.priority === priority))
      throw new RangeError(`${label} must each have a priority of its own, got ${priority} twice`);
  }
  const sum = partitions.reduce((all, { share }) => all + share, 0);
  // Ten tenths add up to a little less or more.
  if (sum > 1 + 1e-9) throw new RangeError(`${label} must have shares of at most 1 together, got ${sum}`);
}
