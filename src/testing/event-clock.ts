import { afterMicrotasks, nextTurn } from '../core/clock.ts';
import type { Milliseconds } from '../core/policy.ts';
import { ManualClock } from './manual-clock.ts';

/** The event loop has a turn after as many waits: what else the program does goes on, slowly. */
const turnEvery = 1_024;

/**
 * A clock for millions of timers. Between them it waits for what follows by promises, as `ManualClock` does, but takes
 * a turn of the event loop only now and then, and does not wait at all after a timer that touched no promise.
 */
export class EventClock extends ManualClock {
  private touched = true;
  private waits = 0;

  /** Promises have been made or settled, or may have been: what comes of them comes before the next timer. */
  touch(): void {
    this.touched = true;
  }

  /** Schedules what says itself whether it touches promises. */
  plan(delay: Milliseconds, run: () => void): { cancel(): void } {
    return super.schedule(delay, run);
  }

  override schedule(delay: Milliseconds, run: () => void): { cancel(): void } {
    return super.schedule(delay, () => {
      this.touched = true;
      run();
    });
  }

  protected override settle(): Promise<void> | undefined {
    if (!this.touched) return undefined;
    this.touched = false;
    return new Promise(this.waits++ % turnEvery === 0 ? nextTurn : afterMicrotasks);
  }
}
