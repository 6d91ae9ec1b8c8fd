/// <reference lib="esnext.disposable" preserve="true" />
import type { Backoff } from '../algorithms/backoff.ts';
import { Circuit } from '../algorithms/circuit.ts';
import type { CircuitSnapshot, CircuitState, Closed, Ticket } from '../algorithms/circuit-states.ts';
import { failureRatio, type TripRule } from '../algorithms/trip-rules.ts';
import { type Clock, systemClock } from '../core/clock.ts';
import { CircuitOpenError } from '../core/errors.ts';
import { emit, type Listener } from '../core/events.ts';
import { checked, duration, integer, objectWith, oneOf, typed } from '../core/options.ts';
import { type Classify, classifyGuarded, type Outcome, verdictOf } from '../core/outcome.ts';
import { guard } from '../core/pipeline.ts';
import type { Context, Milliseconds, Policy } from '../core/policy.ts';
import { type Random, systemRandom } from '../core/random.ts';

export interface CircuitBreakerOptions {
  /** When to open. Default: half of the calls of the last 10 seconds failed, and there were at least 20. */
  trip?: TripRule | undefined;
  /**
   * How long the circuit stays open: milliseconds, or a backoff over the openings in a row, 1 for the first since it
   * was last closed. A backoff that says stop, or throws, means `maxOpenDuration`. Default 5_000.
   */
  openDuration?: Milliseconds | Backoff | undefined;
  /**
   * The most that a backoff, or the `retryAfter` of the failure that opens the circuit, can make of it. That hint
   * counts where it is longer than `openDuration`. Default 300_000.
   */
  maxOpenDuration?: Milliseconds | undefined;
  /** Probes that may run at once when half open, and must all succeed for the circuit to close: 1 or more. Default 1. */
  halfOpenCalls?: number | undefined;
  /** A probe that takes this long has failed; what it gives later changes nothing. 0 or more. Default 30_000. */
  probeLease?: Milliseconds | undefined;
  /** What is a failure. Default: an error is, unless it is an `AbortError` or a `RejectedError`; these are ignored. */
  classify?: Classify | undefined;
  /** Goes on where a circuit was left: what its `snapshot()` gave. */
  restore?: CircuitSnapshot | undefined;
  /** Gives each rejection a stack, not only the first of a period. Costs ten times the rejection. Default false. */
  captureStack?: boolean | undefined;
  clock?: Clock | undefined;
  /** Chance, for a backoff with jitter. */
  random?: Random | undefined;
  /** Carried by events and errors. Default 'circuitBreaker'. */
  name?: string | undefined;
  onEvent?: Listener<CircuitBreakerEvent> | undefined;
}

export type CircuitBreakerState = 'closed' | 'open' | 'half-open' | 'isolated';

export type CircuitBreakerEvent =
  /** `duration` is the whole of the time to stay open, `cause` the last failure. */
  | { readonly type: 'open'; readonly name: string; readonly duration: Milliseconds; readonly cause: unknown }
  | { readonly type: 'half-open' | 'closed' | 'isolated'; readonly name: string }
  /** A call was turned away. `retryAfter` is known of an open circuit alone. */
  | {
      readonly type: 'rejected';
      readonly name: string;
      readonly state: CircuitBreakerState;
      readonly retryAfter: Milliseconds | undefined;
    };

/** Keeps a circuit isolated until it is released; releasing it twice is releasing it once. */
export interface Isolation extends Disposable {
  release(): void;
}

export interface CircuitBreaker extends Policy {
  /** As of now: a circuit whose time is up is half open. Reading it takes no probe's place. */
  readonly state: CircuitBreakerState;
  /** Whether it could be made anew without a difference: closed, and nothing counted. */
  readonly idle: boolean;
  /** Turns all calls away until every isolation is released. Then the circuit is as it was, with its probes anew. */
  isolate(): Isolation;
  /** Opens the circuit as a failure would; nothing if it is open. While isolated: what it returns to. */
  open(): void;
  /** Closes the circuit and forgets what it has counted. While isolated: what it returns to. */
  close(): void;
  /** What `restore` takes: ages, fit for JSON. Isolation, probes under way and the last failure are not part of it. */
  snapshot(): CircuitSnapshot;
}

/**
 * Runs the task while it makes sense to: once too many calls have failed, the circuit opens, and calls are turned away
 * without running for a while. Then a few are let through as probes, and their success closes the circuit again.
 *
 * @example
 * const breaker = circuitBreaker({ trip: failureRatio({ ratio: 0.5, window: { duration: 10_000 }, minCalls: 20 }) });
 * const user = await breaker.execute(({ signal }) => fetch('https://example.com/user', { signal }));
 *
 * @throws {CircuitOpenError} from `execute`, while the circuit is open or isolated, or all its probes are out
 * @throws {TypeError | RangeError} for an option that is unknown or out of range
 */
export function circuitBreaker(options: CircuitBreakerOptions = {}): CircuitBreaker {
  const {
    trip = failureRatio(),
    openDuration = 5_000,
    maxOpenDuration = 300_000,
    halfOpenCalls = 1,
    probeLease = 30_000,
    classify = classifyGuarded,
    restore,
    captureStack = false,
    clock = systemClock,
    random = systemRandom,
    name = 'circuitBreaker',
    onEvent,
  } = checked('circuitBreaker', options, {
    trip: typed('function'),
    openDuration: (label, value) => typeof value === 'function' || duration(label, value),
    maxOpenDuration: duration,
    // Finite, for all of them must have succeeded some day.
    halfOpenCalls: integer(1, 2 ** 31),
    probeLease: duration,
    classify: typed('function'),
    restore: checkSnapshot,
    captureStack: typed('boolean'),
    clock: objectWith('now', 'coarse', 'schedule'),
    random: typed('function'),
    name: typed('string'),
    onEvent: typed('function'),
  });

  const circuit = new Circuit({ trip, openDuration, maxOpenDuration, halfOpenCalls, probeLease, random }, changed);
  if (restore !== undefined) circuit.restore(restore, clock.now());
  const timed = circuit.slowerThan !== undefined;
  const plain = classify === classifyGuarded;
  /** Nobody has been turned away since the circuit has changed. */
  let first = true;

  return guard<Ticket, Omit<CircuitBreaker, keyof Policy>>(
    {
      name,
      kind: 'circuitBreaker',
      enter() {
        const { state } = circuit;
        if (state.type === 'closed' && !timed) return state;
        const now = clock.now();
        return circuit.admit(now) ?? turnAway(circuit.state, now);
      },
      leave(ticket, outcome, context) {
        const { state } = circuit;
        // Nearly all calls end here. A breaker that looks at nothing else then costs half as much.
        if (ticket === state && plain && outcome.ok) {
          const { memory } = state;
          if (memory.record(false, memory.timeless ? NaN : clock.coarse(), NaN))
            circuit.trip(state, false, clock.coarse());
        } else judge(ticket, outcome, context);
      },
    },
    {
      get state() {
        return circuit.at(clock.now()).type;
      },
      get idle() {
        // Only a closed one has a memory; and one that cannot say what it remembers may remember something.
        const { memory } = circuit.state as Partial<Closed>;
        return memory?.snapshot !== undefined && memory.snapshot(clock.now()) === undefined;
      },
      isolate() {
        const release = circuit.isolate(clock.now());
        return { release, [Symbol.dispose]: release };
      },
      open: () => circuit.open(clock.now()),
      close: () => circuit.close(clock.now()),
      snapshot: () => circuit.snapshot(clock.now()),
    },
  );

  function judge(ticket: Ticket, outcome: Outcome, context: Context): void {
    const now = ticket === circuit.state ? clock.coarse() : clock.now();
    // First, so that a probe's place is free also where `classify` throws.
    if (!circuit.giveBack(ticket, now)) return;
    const verdict = verdictOf(classify, outcome, context);
    if (verdict === 'ignore') return;
    // Taken for a success, a promise or a missing verdict would keep the circuit closed for ever.
    if (verdict !== 'success' && verdict !== 'failure') throw new TypeError(`${name}: classify gave ${verdict}`);
    circuit.record(ticket, verdict === 'failure', outcome.ok ? outcome.value : outcome.error, now);
  }

  function changed(state: CircuitState): void {
    const { type } = state;
    first = true;
    if (onEvent)
      emit(onEvent, type === 'open' ? { type, name, duration: state.duration, cause: state.failure } : { type, name });
  }

  function turnAway(state: CircuitState, now: Milliseconds): CircuitOpenError {
    const { type, failure: cause } = state;
    const retryAfter = type === 'open' ? state.until - now : undefined;
    const error = new CircuitOpenError({
      name,
      message: `the circuit is ${type}`,
      retryAfter,
      cause,
      captureStack: captureStack || first,
    });
    first = false;
    if (onEvent) emit(onEvent, { type: 'rejected', name, state: type, retryAfter });
    return error;
  }
}

/** Numbers that would keep the circuit open for ever do not pass; `null` is what JSON has for Infinity. */
function checkSnapshot(label: string, value: unknown): void {
  const saved = value as Record<string, unknown> | null;
  oneOf('closed', 'open', 'half-open')(`${label}.state`, saved?.state);
  if (saved?.state === 'closed') return;
  for (const name of ['openings', 'own', 'duration', 'remaining', 'successes']) {
    duration(`${label}.${name}`, saved?.[name] === null ? Infinity : saved?.[name]);
  }
}
