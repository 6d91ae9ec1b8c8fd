import type { Milliseconds } from '../core/policy.ts';

/**
 * Tells whether something that dies may be restarted: at most `maxRestarts` times within any stretch of `within`, its ends
 * included. (Erlang/OTP, supervisor: maximum restart intensity.)
 */
export class RestartIntensity {
  private readonly maxRestarts: number;
  private readonly within: Milliseconds;
  private times: Milliseconds[] = [];

  constructor(maxRestarts: number, within: Milliseconds) {
    this.maxRestarts = maxRestarts;
    this.within = within;
  }

  /** The number of this restart among those within the time, from 1; 0 when it would be one too many. */
  restart(now: Milliseconds): number {
    // What lies in the future, after a step back of the clock, is taken to have been now.
    this.times = this.times.map((time) => Math.min(time, now)).filter((time) => now - time <= this.within);
    if (this.times.length >= this.maxRestarts) return 0;
    return this.times.push(now);
  }
}
