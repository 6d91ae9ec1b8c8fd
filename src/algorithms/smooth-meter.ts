import type { Milliseconds } from '../core/policy.ts';
import { Ledger } from './ledger.ts';
import { checkCost, type Meter, type MeterLimits, type Reservation } from './meter.ts';

/**
 * Spaces calls out: one begins when what the one before it costs has been paid for in time, and pays after it has begun.
 * What idleness has saved up is spent first, and may take another time than what is fresh (Guava's SmoothRateLimiter).
 *
 * ```text
 *   call of 1     call of 3                       call of 1
 *   ├─────────────┼───────────────────────────────┼─────────────┤ due
 * ```
 */
export abstract class SmoothMeter implements Meter {
  /** The highest cost there may be. */
  protected capacity = 0;
  protected stored = 0;
  private readonly ledger = new Ledger(true);
  /** When the next one may begin. */
  private due: Milliseconds = -Infinity;
  /** By how much what is not yet paid for has been stretched. */
  private stretched = 1;

  abstract update(now: Milliseconds, limits: MeterLimits): void;
  /** Stores what this much idleness has earned, takes the cost from what is stored, and says how long that takes. */
  protected abstract spend(idle: Milliseconds, cost: number): Milliseconds;
  /** Keeps within bounds what is stored. */
  protected abstract store(amount: number): void;
  /** What a span of time is worth, once there is nothing stored. */
  protected abstract worth(span: Milliseconds): number;

  tryAcquire(now: Milliseconds, cost: number = 1): boolean {
    checkCost(cost);
    const time = this.ledger.advance(now);
    if (!Number.isFinite(now)) return false;
    const idle = time - this.due;
    if (cost > this.capacity || idle < 0 || cost === 0) return cost === 0 && this.ledger.latest <= time;
    // One that has never been asked before has earned nothing by that.
    this.due = time + this.spend(idle < Infinity ? idle : 0, cost);
    return true;
  }

  retryAfter(now: Milliseconds, cost: number = 1): Milliseconds {
    checkCost(cost);
    this.catchUp(now);
    return cost > this.capacity ? Infinity : this.ledger.wait(now, this.freeAt(cost));
  }

  reserve(now: Milliseconds, cost: number = 1, maxWait: Milliseconds = Infinity): Reservation | undefined {
    checkCost(cost);
    const time = Math.max(this.catchUp(now), this.freeAt(cost));
    if (cost > this.capacity || !(this.ledger.wait(now, time) <= maxWait)) return undefined;
    const { due, stored } = this;
    const span = this.spend(0, cost);
    const spent = stored - this.stored;
    const next = due + span;
    this.due = next;
    const stretched = this.stretched;
    return this.ledger.reserve(now, time, cost, () => {
      // The last of all leaves nothing behind, not even a rounding, by which the next would be a trifle too early.
      if (this.due === next) this.due = due;
      else this.due -= span * (this.stretched / stretched);
      this.store(this.stored + spent);
    });
  }

  available(now: Milliseconds): number {
    const time = this.catchUp(now);
    if (this.due <= time) return this.capacity;
    return this.ledger.latest > time ? -this.worth(this.due - time) : 0;
  }

  protected catchUp(now: Milliseconds): Milliseconds {
    const time = this.ledger.advance(now);
    if (time > this.due) {
      if (this.due > -Infinity) this.spend(time - this.due, 0);
      this.due = time;
    }
    return time;
  }

  /** Has what is not yet paid for take so many times as long. */
  protected stretch(times: number): void {
    const { time } = this.ledger;
    this.due = time + (this.due - time) * times;
    this.stretched *= times;
  }

  /** A cost of 0 waits for nobody but those who were promised something. */
  private freeAt(cost: number): Milliseconds {
    return cost > 0 ? this.due : this.ledger.latest;
  }
}
