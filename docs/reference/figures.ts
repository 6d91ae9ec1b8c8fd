import { createHistogram } from 'node:perf_hooks';
import type { Milliseconds } from '../../src/core/policy.ts';
import type { ClientName } from './clients.ts';
import type { Plan } from './plan.ts';
import type { Call, Result } from './traffic.ts';
import type { Arrival } from './upstream.ts';

/** A state the breaker went into, and when. */
export interface Transition {
  readonly at: Milliseconds;
  readonly to: 'open' | 'half-open' | 'closed';
}

export interface Waits {
  readonly p50: Milliseconds;
  readonly p99: Milliseconds;
}

/** How one client fared. Ratios are from 0 to 1, times in milliseconds. */
export interface ClientFigures {
  readonly calls: number;
  /** Got the upstream's own answer, whole and in time. */
  readonly answered: number;
  /** Got an older copy: better than nothing, and not counted as available. */
  readonly degraded: number;
  readonly failed: number;
  /** The share of calls that were answered. */
  readonly availability: number;
  /** The same of the calls made before and after the outage. */
  readonly availabilityOutsideOutage: number;
  /** How long callers waited: those who were answered, and all of them until they knew. */
  readonly waits: { readonly answered: Waits; readonly all: Waits };
  /** Requests that reached the upstream. */
  readonly requests: number;
  readonly requestsDuringOutage: number;
  /** The same for each half second in which calls were made. */
  readonly requestsByHalfSecond: readonly number[];
}

/** What a run came to; `--json` prints it. */
export interface Figures {
  readonly seed: number;
  readonly duration: Milliseconds;
  readonly outage: { readonly from: Milliseconds; readonly to: Milliseconds };
  readonly bare: ClientFigures;
  readonly pipeline: ClientFigures;
  readonly breaker: readonly Transition[];
}

/** Everything that happened, in no order. */
export interface Happenings {
  readonly calls: readonly Call[];
  readonly arrivals: readonly Arrival[];
  readonly breaker: readonly Transition[];
}

export function figuresOf(plan: Plan, { calls, arrivals, breaker }: Happenings): Figures {
  const { seed, duration, outage } = plan;
  return { seed, duration, outage, bare: figuresOfClient('bare'), pipeline: figuresOfClient('pipeline'), breaker };

  function figuresOfClient(client: ClientName): ClientFigures {
    const own = calls.filter((call) => call.client === client);
    const outside = own.filter((call) => !isDuring(call.startedAt));
    const requests = arrivals.filter((arrival) => arrival.client === client).map((arrival) => arrival.at);
    return {
      calls: own.length,
      answered: count(own, 'answered'),
      degraded: count(own, 'degraded'),
      failed: count(own, 'failed'),
      availability: count(own, 'answered') / own.length,
      availabilityOutsideOutage: count(outside, 'answered') / outside.length,
      waits: { answered: waitsOf(own.filter((call) => call.result === 'answered')), all: waitsOf(own) },
      requests: requests.length,
      requestsDuringOutage: requests.filter(isDuring).length,
      requestsByHalfSecond: Array.from(
        { length: Math.ceil(duration / 500) },
        (_, slot) => requests.filter((at) => Math.floor(at / 500) === slot).length,
      ),
    };
  }

  function isDuring(at: Milliseconds): boolean {
    return at >= outage.from && at < outage.to;
  }
}

function count(calls: readonly Call[], result: Result): number {
  return calls.filter((call) => call.result === result).length;
}

export function waitsOf(calls: readonly Pick<Call, 'waited'>[]): Waits {
  const histogram = createHistogram();
  // It takes whole numbers from 1 on, so microseconds.
  for (const { waited } of calls) histogram.record(Math.max(1, Math.round(waited * 1_000)));
  return { p50: histogram.percentile(50) / 1_000, p99: histogram.percentile(99) / 1_000 };
}
