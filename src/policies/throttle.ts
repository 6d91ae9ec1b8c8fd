import { Throttling } from '../algorithms/throttling.ts';
import { type Clock, systemClock } from '../core/clock.ts';
import { ShedError } from '../core/errors.ts';
import { emit, type Listener } from '../core/events.ts';
import { checked, integer, number, objectWith, positive, typed } from '../core/options.ts';
import { type Classify, classifyGuarded, verdictOf } from '../core/outcome.ts';
import { guard } from '../core/pipeline.ts';
import type { Milliseconds, Policy } from '../core/policy.ts';
import { type Random, systemRandom } from '../core/random.ts';

export interface ThrottleOptions {
  /**
   * How many calls to send for each that is accepted: 1 to 1_000. Default 2. Less spares the other side more; more
   * notices sooner that it is well again.
   */
  k?: number | undefined;
  /** How long a call counts. Above 0. Default 120_000. */
  window?: Milliseconds | undefined;
  /** Turns nobody away on fewer calls of his priority in the window than this. 1 or more. Default 1. */
  minCalls?: number | undefined;
  /**
   * What the other side accepted (`'success'`) and what it did not (`'failure'`). What is ignored does not count. Default:
   * an error is a failure, unless it is an `AbortError` or a `RejectedError`; these are ignored.
   */
  classify?: Classify | undefined;
  clock?: Clock | undefined;
  random?: Random | undefined;
  /** Carried by events and errors. Default `'throttle'`. */
  name?: string | undefined;
  onEvent?: Listener<ThrottleEvent> | undefined;
}

/** What a throttle tells: it has turned a call away. */
export interface ThrottleEvent {
  readonly type: 'rejected';
  readonly name: string;
  readonly priority: number;
  /** How likely that was. */
  readonly probability: number;
}

export interface Throttle extends Policy {
  /**
   * How likely a call is to be turned away: 0 up to, not including, 1.
   *
   * @param now on the clock's monotonic scale
   * @param priority default 0
   * @throws {TypeError | RangeError} for a `now` that is no finite number: what is counted is forgotten by it
   */
  rejectionProbability(now: Milliseconds, priority?: number): number;
  /** Nothing is counted: made anew, it would do the same. */
  readonly idle: boolean;
}

/**
 * Stops calls at their source when the other side does not accept them: each is turned away with the probability
 * `max(0, (requests - k × accepts) / (requests + 1))` over the last `window`, so that the other side gets about `k` calls
 * for each that it accepts, however many are made here, and is sent more as soon as it accepts more.
 *
 * A call counts once its outcome is known, one turned away here at once. Each priority is counted by itself: where the
 * other side refuses low ones first, they are turned away here first. (*Site Reliability Engineering*, O'Reilly, 2016,
 * chapter 21: client-side throttling.)
 *
 * @example
 * const search = throttle({ k: 1.5, name: 'search' });
 * const found = await search.execute(({ signal }) => client.search(query, { signal }));
 *
 * @throws {ShedError} from `execute`: turned away
 * @throws {TypeError | RangeError} for an option that is unknown or out of range
 */
export function throttle(options: ThrottleOptions = {}): Throttle {
  const {
    k = 2,
    window = 120_000,
    minCalls = 1,
    classify = classifyGuarded,
    clock = systemClock,
    random = systemRandom,
    name = 'throttle',
    onEvent,
  } = checked('throttle', options, {
    k: number(1, 1_000),
    window: positive(Infinity),
    minCalls: integer(1),
    classify: typed('function'),
    clock: objectWith('now', 'coarse', 'schedule'),
    random: typed('function'),
    name: typed('string'),
    onEvent: typed('function'),
  });
  const calls = new Throttling({ k, window, minCalls });

  return guard<void, Omit<Throttle, keyof Policy>>(
    {
      name,
      kind: 'throttle',
      enter({ priority }) {
        const now = clock.coarse();
        const probability = calls.rejectionProbability(now, priority);
        if (probability === 0 || random() >= probability) return;
        calls.record(false, now, priority);
        if (onEvent) emit(onEvent, { type: 'rejected', name, priority, probability });
        return new ShedError({ name, message: 'the other side accepts too few calls' });
      },
      leave(_permit, outcome, context) {
        const verdict = verdictOf(classify, outcome, context);
        if (verdict === 'ignore') return;
        // Taken for a failure, a promise or a missing verdict would turn away whatever comes.
        if (verdict !== 'success' && verdict !== 'failure') throw new TypeError(`${name}: classify gave ${verdict}`);
        calls.record(verdict === 'success', clock.coarse(), context.priority);
      },
    },
    {
      rejectionProbability(now, priority) {
        number(-Number.MAX_VALUE, Number.MAX_VALUE)(`${name}: now`, now);
        return calls.rejectionProbability(now, priority);
      },
      get idle() {
        return calls.idle(clock.coarse());
      },
    },
  );
}
