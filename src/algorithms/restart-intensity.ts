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

  /** Whether it may be restarted now; if so, it is. */
  restart(now: Milliseconds): boolean {
    // Nothing to remember for ever.
    if (this.maxRestarts === Infinity) return true;
    // What lies in the future, after a step back of the clock, is taken to have been now.
    this.times = this.times.map((time) => Math.min(time, now)).filter((time) => now - time <= this.within);
    if (this.times.length >= this.maxRestarts) return false;
    this.times.push(now);
    return true;
  }
}
