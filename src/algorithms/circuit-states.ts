import type { Milliseconds } from '../core/policy.ts';
import type { TripMemory } from './trip-rules.ts';

/** What a call was admitted in, and when. Handed back with the call's result, it tells whether that still counts. */
export interface Ticket {
  readonly of: Closed | Opened;
  /** `NaN` where nobody asks for it. */
  start: Milliseconds;
}

/** Calls run and are counted. Is itself the ticket of all its calls, unless they are timed. */
export class Closed implements Ticket {
  readonly type = 'closed';
  readonly of: Closed = this;
  readonly start: Milliseconds = NaN;
  readonly openings = 0;
  readonly own: Milliseconds | undefined = undefined;
  readonly memory: TripMemory;
  /** The last one. */
  failure: unknown;

  constructor(memory: TripMemory, failure?: unknown) {
    this.memory = memory;
    this.failure = failure;
  }
}

/** Calls are turned away until the time is up. Then a few run as probes, and decide whether the circuit closes. */
export interface Opened {
  type: 'open' | 'half-open';
  /** How many times in a row the circuit has opened, without closing in between. */
  readonly openings: number;
  /** What this opening takes by itself, before any hint. */
  readonly own: Milliseconds;
  readonly duration: Milliseconds;
  until: Milliseconds;
  /** The one that led here. */
  failure: unknown;
  readonly probes: Set<Ticket>;
  /** Of the probes so far. */
  successes: number;
}

/** Calls are turned away until the last handle is released: then the circuit is as it was, `below`. */
export interface Isolated {
  readonly type: 'isolated';
  readonly handles: Set<() => void>;
  below: Closed | Opened;
  readonly failure?: undefined;
}

export type CircuitState = Closed | Opened | Isolated;

/**
 * A circuit in ages, fit for JSON, where `null` is for ever. Isolation is not part of it: what lies below is saved. Nor
 * are probes under way, whose places are free again, nor the last failure.
 */
export type CircuitSnapshot =
  | {
      readonly state: 'closed';
      /** What the trip rule remembers, if anything. */
      readonly memory?: unknown;
    }
  | {
      readonly state: 'open' | 'half-open';
      /** Consecutive ones. */
      readonly openings: number;
      /** What the last of them takes by itself, in all, and from now on. */
      readonly own: Milliseconds | null;
      readonly duration: Milliseconds | null;
      readonly remaining: Milliseconds | null;
      /** Of the probes so far. */
      readonly successes: number;
    };
