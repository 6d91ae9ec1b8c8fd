import { reportError } from '../core/events.ts';
import { retryAfterOf } from '../core/outcome.ts';
import type { Milliseconds } from '../core/policy.ts';
import type { Random } from '../core/random.ts';
import type { Backoff } from './backoff.ts';
import {
  type CircuitSnapshot,
  type CircuitState,
  Closed,
  type Isolated,
  type Opened,
  type Ticket,
} from './circuit-states.ts';
import type { TripRule } from './trip-rules.ts';

export interface CircuitRules {
  readonly trip: TripRule;
  readonly openDuration: Milliseconds | Backoff;
  readonly maxOpenDuration: Milliseconds;
  readonly halfOpenCalls: number;
  readonly probeLease: Milliseconds;
  readonly random: Random;
}

/**
 * The states of a circuit breaker (Nygard, Release It!, 2007).
 *
 * ```text
 *             the rule holds           time is up
 *     closed ────────────────▶ open ──────────────▶ half-open
 *       ▲                       ▲  a probe failed  │    │
 *       │                       └──────────────────┘    │
 *       └───────────────────────────────────────────────┘
 *                    enough probes succeeded
 * ```
 *
 * The object of a state is its generation: a result that comes with a ticket of another one changes nothing. Nothing
 * ticks: what time has brought is seen when the circuit is next asked, as of the instant it was due. `onChange` is told
 * of each edge, after it.
 */
export class Circuit {
  /** As of the last question: `at` brings it up to date. A closed circuit needs no clock. */
  state: CircuitState;
  /** What the trip rule calls slow, if it does: calls are then timed. */
  readonly slowerThan: Milliseconds | undefined;
  readonly #rules: CircuitRules;
  readonly #onChange: (state: CircuitState) => void;

  constructor(rules: CircuitRules, onChange: (state: CircuitState) => void) {
    this.#rules = rules;
    this.#onChange = onChange;
    const memory = rules.trip();
    // `failureRatio`, where `failureRatio()` was meant, gives a rule: the circuit would never open.
    if (typeof memory?.record !== 'function')
      throw new TypeError('circuitBreaker: trip must be a trip rule, such as failureRatio()');
    this.slowerThan = memory.slowerThan;
    this.state = new Closed(memory);
  }

  /** The state at this time. */
  at(now: Milliseconds): CircuitState {
    const { state } = this;
    if (state.type === 'half-open') {
      const { probeLease } = this.#rules;
      for (const probe of state.probes) {
        // After a step back of the clock nothing lasts longer than its full length from now.
        probe.start = Math.min(probe.start, now);
        if (now - probe.start >= probeLease) {
          this.trip(state, false, probe.start + probeLease);
          break;
        }
      }
    }
    const open = beneath(this.state);
    if (open.type === 'open') {
      open.until = Math.min(open.until, now + open.duration);
      if (open.until <= now && open === this.state) {
        open.type = 'half-open';
        this.#onChange(open);
      }
    }
    return this.state;
  }

  /** Lets a call in; `undefined` turns it away. */
  admit(now: Milliseconds): Ticket | undefined {
    const of = this.at(now);
    if (of.type === 'closed') return this.slowerThan === undefined ? of : { of, start: now };
    if (of.type !== 'half-open' || of.probes.size + of.successes >= this.#rules.halfOpenCalls) return undefined;
    const probe: Ticket = { of, start: now };
    of.probes.add(probe);
    return probe;
  }

  /** Takes a ticket back, whatever became of the call, and says whether its result counts. A probe's place is free. */
  giveBack(ticket: Ticket, now: Milliseconds): boolean {
    const { of } = ticket;
    if (of.type === 'half-open') {
      this.at(now);
      if (!of.probes.delete(ticket)) return false;
    }
    return of === this.state;
  }

  /** Learns how a call ended, unless the state it was admitted in has been left. */
  record(ticket: Ticket, failed: boolean, failure: unknown, now: Milliseconds): void {
    const { of } = ticket;
    if (of !== this.state) return;
    const took = now - ticket.start;
    if (failed) of.failure = failure;
    if (of.type === 'closed') {
      if (of.memory.record(failed, now, took)) this.trip(of, failed, now);
    } else if (failed || took > (this.slowerThan ?? Infinity)) this.trip(of, failed, now);
    else if (++of.successes >= this.#rules.halfOpenCalls) this.close(now);
  }

  /** Opens. Where a success is what opens the circuit, the failure is an earlier one, and what it asked for is over. */
  trip(from: Closed | Opened, failed: boolean, now: Milliseconds): void {
    const { openDuration, maxOpenDuration, random } = this.#rules;
    const { failure } = from;
    const openings = from.openings + 1;
    let own = -1;
    try {
      own =
        typeof openDuration === 'number'
          ? openDuration
          : Math.min(openDuration(openings, from.own, random), maxOpenDuration);
    } catch (error) {
      // No reason to call what fails.
      reportError(error);
    }
    // A backoff that says stop means as long as may be.
    if (!(own >= 0)) own = maxOpenDuration;
    const duration = Math.max(own, failed ? Math.min(retryAfterOf(failure), maxOpenDuration) : 0);
    this.#replace({
      type: 'open',
      openings,
      own,
      duration,
      until: now + duration,
      failure,
      probes: new Set(),
      successes: 0,
    });
  }

  /** Opens the circuit by hand, as if its rule held. Nothing if it is open already. */
  open(now: Milliseconds): void {
    const state = beneath(this.at(now));
    // Below an isolation its time may be over, and it is still called open.
    if (state.type !== 'open' || state.until <= now) this.trip(state, false, now);
  }

  /** Closes the circuit, and forgets what it has counted. */
  close(now: Milliseconds): void {
    this.at(now);
    this.#replace(new Closed(this.#rules.trip()));
  }

  /** Isolates the circuit, until as many releases as there were isolations. Each counts once. */
  isolate(now: Milliseconds): () => void {
    const state = this.at(now);
    // The time of a half-open circuit is over: it half opens again afterwards, with new probes.
    const below: CircuitState =
      state.type === 'half-open' ? { ...state, type: 'open', until: now, probes: new Set(), successes: 0 } : state;
    const isolated: Isolated = below.type === 'isolated' ? below : { type: 'isolated', handles: new Set(), below };
    const { handles } = isolated;
    const release = (): void => {
      const { below } = isolated;
      if (!handles.delete(release) || handles.size) return;
      // The same memory, but a generation of its own: what began before the isolation does not count after it.
      this.#change(below.type === 'closed' ? new Closed(below.memory, below.failure) : below);
    };
    // Before anybody hears of it, who may isolate it for a moment himself.
    handles.add(release);
    this.#change(isolated);
    return release;
  }

  snapshot(now: Milliseconds): CircuitSnapshot {
    const state = beneath(this.at(now));
    if (state.type === 'closed') {
      const memory = state.memory.snapshot?.(now);
      return { state: 'closed', ...(memory !== undefined && { memory }) };
    }
    const { type, openings, own, duration, until, successes } = state;
    return { state: type, openings, own, duration, remaining: Math.max(until - now, 0), successes };
  }

  /** Goes on from a snapshot. Not an edge: nobody is told. */
  restore(saved: CircuitSnapshot, now: Milliseconds): void {
    if (saved.state !== 'closed') {
      const { state: type, openings, own, duration, remaining, successes } = saved;
      this.state = {
        type,
        openings,
        own: own ?? Infinity,
        duration: duration ?? Infinity,
        until: now + (remaining ?? Infinity),
        failure: undefined,
        probes: new Set(),
        // At least one probe more, also where there are to be fewer now: nothing else would close the circuit.
        successes: Math.min(successes, this.#rules.halfOpenCalls - 1),
      };
    } else if (saved.memory !== undefined) (this.state as Closed).memory.restore?.(saved.memory, now);
  }

  /** What lies below an isolation changes unseen. */
  #replace(state: Closed | Opened): void {
    if (this.state.type === 'isolated') this.state.below = state;
    else this.#change(state);
  }

  #change(state: CircuitState): void {
    const before = this.state.type;
    this.state = state;
    if (state.type !== before) this.#onChange(state);
  }
}

function beneath(state: CircuitState): Closed | Opened {
  return state.type === 'isolated' ? state.below : state;
}
