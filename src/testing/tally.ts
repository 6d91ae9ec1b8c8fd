import { number } from '../core/options.ts';
import type { Milliseconds } from '../core/policy.ts';
import type { SimulationSecond } from './simulation.ts';

/** Of one client. */
interface Count {
  offered: number;
  served: number;
}

/** A client's call, until it ends. */
export class Call {
  private readonly tally: Tally;
  private readonly count: Count;
  private readonly began: Milliseconds;
  private readonly due: Milliseconds;

  constructor(tally: Tally, count: Count, began: Milliseconds, due: Milliseconds) {
    this.tally = tally;
    this.count = count;
    this.began = began;
    this.due = due;
  }

  answered(now: Milliseconds): void {
    this.tally.ended(this.due);
    if (now > this.due) return this.tally.answeredLate();
    this.count.served++;
    this.tally.serve(now, now - this.began);
  }

  failed(now: Milliseconds): void {
    this.tally.ended(this.due);
    this.tally.fail(now);
  }
}

/** Counts what becomes of the calls of a simulation. */
export class Tally {
  offered = 0;
  served = 0;
  failed = 0;
  readonly series: SimulationSecond[];
  private readonly end: Milliseconds;
  private tooLate = 0;
  /** Calls due before the end that have not ended yet. */
  private due = 0;
  private latencies = new Float64Array(1_024);
  /** How many of them have been sorted. */
  private ranked = 0;

  constructor(duration: Milliseconds) {
    const seconds = Math.ceil(duration / 1_000);
    this.end = duration;
    this.series = Array.from({ length: seconds }, (_, i) => ({ at: 1_000 * i, calls: 0, served: 0, failed: 0 }));
  }

  /** Calls still under way at the end are late, too, if they were due before. */
  get late(): number {
    return this.tooLate + this.due;
  }

  offer(count: Count, began: Milliseconds, due: Milliseconds): Call {
    this.offered++;
    count.offered++;
    if (due < this.end) this.due++;
    return new Call(this, count, began, due);
  }

  tried(now: Milliseconds): void {
    this.second(now).calls++;
  }

  ended(due: Milliseconds): void {
    if (due < this.end) this.due--;
  }

  answeredLate(): void {
    this.tooLate++;
  }

  serve(now: Milliseconds, latency: Milliseconds): void {
    if (this.served === this.latencies.length) {
      const longer = new Float64Array(2 * this.served);
      longer.set(this.latencies);
      this.latencies = longer;
    }
    this.latencies[this.served++] = latency;
    this.second(now).served++;
  }

  fail(now: Milliseconds): void {
    this.failed++;
    this.second(now).failed++;
  }

  /** By nearest rank. */
  quantile(q: number): Milliseconds {
    number(0, 1)('simulate: q', q);
    const latencies = this.latencies.subarray(0, this.served);
    if (this.ranked < this.served) latencies.sort();
    this.ranked = this.served;
    return latencies[Math.max(Math.ceil(q * this.served) - 1, 0)] ?? Number.NaN;
  }

  /** What happens at the very end belongs to the last second. */
  private second(now: Milliseconds): SimulationSecond {
    const { series } = this;
    return series[Math.min(Math.floor(now / 1_000), series.length - 1)] as SimulationSecond;
  }
}
