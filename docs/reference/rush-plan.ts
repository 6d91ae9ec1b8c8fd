import type { Milliseconds } from '../../src/core/policy.ts';

/** Everything about the rush that is decided before it starts. Nothing in it is left to chance. */
export interface RushPlan {
  readonly duration: Milliseconds;
  /** A server that can do only so much, and is asked for more: `workers` at once, each busy for `work` with a call. */
  readonly overload: {
    readonly workers: number;
    readonly work: Milliseconds;
    /** How far apart calls are, which one in so many is critical, and when an answer comes too late. */
    readonly interval: Milliseconds;
    readonly criticalEvery: number;
    readonly patience: Milliseconds;
    /** How long a call may wait for a worker who is to be done with it in time. */
    readonly maxWait: Milliseconds;
  };
  /** A server that allows only so many requests in any `window`, and clients who have more to send. */
  readonly quota: {
    readonly limit: number;
    readonly window: Milliseconds;
    readonly interval: Milliseconds;
    /** How many calls may wait for a permit, and how long. */
    readonly maxQueued: number;
    readonly maxWait: Milliseconds;
  };
}

export const rushPlan: RushPlan = {
  duration: 4_000,
  overload: { workers: 2, work: 50, interval: 10, criticalEvery: 5, patience: 250, maxWait: 150 },
  quota: { limit: 50, window: 1_000, interval: 10, maxQueued: 4, maxWait: 250 },
};

/** Calls a second that the server can do, and that it is asked for. */
export function loadOf({ overload }: RushPlan): { capacity: number; asked: number } {
  return { capacity: (1_000 * overload.workers) / overload.work, asked: 1_000 / overload.interval };
}
