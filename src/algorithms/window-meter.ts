import { checked, number, positive } from '../core/options.ts';
import type { Milliseconds } from '../core/policy.ts';
import { Ledger } from './ledger.ts';
import { checkCost, type Meter, type MeterLimits, type Reservation } from './meter.ts';

/** The options of `fixedWindow`, `slidingLog` and `slidingWindow`. */
export interface WindowMeterOptions {
  /** What is admitted in a window, and so the highest cost there may be: above 0, up to 2 ** 53. */
  limit: number;
  /** How long a window is: 0.001, which is a microsecond, up to 2 ** 53. */
  interval: Milliseconds;
}

/** Sums of fractions are rounded: three costs of 0.1 fit into a limit of 0.3. */
export const rounding = 1e-9;

/** The limits of a window, once it is sure that they may be so. */
export function windowLimits(factory: string, options: WindowMeterOptions): Required<WindowMeterOptions> {
  const checks = { limit: positive(Number.MAX_SAFE_INTEGER), interval: number(0.001, Number.MAX_SAFE_INTEGER) };
  const { limit, interval } = checked(factory, options, checks);
  checks.limit(`${factory}: limit`, limit);
  checks.interval(`${factory}: interval`, interval);
  return { limit, interval };
}

/** What is left out, or `undefined`, stays as it is. */
export function changed(before: WindowMeterOptions, limits: MeterLimits): WindowMeterOptions {
  const said = Object.entries(limits).filter(([, value]) => value !== undefined);
  return { ...before, ...Object.fromEntries(said) };
}

/**
 * Counts what was admitted, window by window: windows begin at multiples of `interval`, on the clock's scale for as long
 * as that does not step back.
 *
 * ```text
 *        previous          current           ahead[0]
 *   ├────────────────┼───────────┬────┼────────────────┤
 *                               now    reservations alone
 * ```
 *
 * A reservation that finds no room is counted in the first window that has it whole. What comes behind it goes there too,
 * or into a later one: nobody overtakes.
 */
export class WindowMeter implements Meter {
  private readonly factory: string;
  /** Whether the window before counts too, as far as it still overlaps with the last `interval`. */
  private readonly sliding: boolean;
  private readonly ledger = new Ledger();
  private limit: number;
  private interval: Milliseconds;
  /** The window at hand, counted from time 0, and when it ends. */
  private index = -Infinity;
  private end: Milliseconds = -Infinity;
  /** 0 where windows are fixed. */
  private previous = 0;
  private current = 0;
  /** Windows to come, the last of them not empty. */
  private readonly ahead: number[] = [];
  /** By how much the numbers of windows have changed with the interval. */
  private renumbered = 0;

  constructor(factory: string, sliding: boolean, options: WindowMeterOptions) {
    this.factory = factory;
    this.sliding = sliding;
    const { limit, interval } = windowLimits(factory, options);
    this.limit = limit;
    this.interval = interval;
  }

  tryAcquire(now: Milliseconds, cost: number = 1): boolean {
    checkCost(cost);
    const time = this.advance(now);
    const taken = this.current + cost;
    if (this.ahead.length > 0 || taken > this.limit + rounding || !Number.isFinite(now)) return false;
    // Where both windows fit in there is nothing to work out; else times are compared, as for who waits, and not counts.
    if (this.previous > this.limit - taken && this.freeAt(this.index, this.previous, taken) > time) return false;
    this.current = taken;
    return true;
  }

  retryAfter(now: Milliseconds, cost: number = 1): Milliseconds {
    checkCost(cost);
    this.advance(now);
    return cost > this.limit ? Infinity : this.ledger.wait(now, this.place(cost).at);
  }

  reserve(now: Milliseconds, cost: number = 1, maxWait: Milliseconds = Infinity): Reservation | undefined {
    checkCost(cost);
    this.advance(now);
    if (cost > this.limit) return undefined;
    const { at, offset } = this.place(cost);
    if (!(this.ledger.wait(now, at) <= maxWait)) return undefined;
    if (cost > 0) this.add(offset, cost);
    const window = this.index + offset - this.renumbered;
    return this.ledger.reserve(now, at, cost, (given) => {
      this.turn();
      this.add(window + this.renumbered - this.index, -given);
    });
  }

  available(now: Milliseconds): number {
    const time = this.advance(now);
    if (this.ahead.length > 0) return -this.ahead.reduce((sum, count) => sum + count);
    return this.limit - this.current - (this.previous * (this.end - time)) / this.interval;
  }

  update(now: Milliseconds, limits: MeterLimits): void {
    const before = { limit: this.limit, interval: this.interval };
    const { limit, interval } = windowLimits(this.factory, changed(before, limits));
    const time = this.advance(now);
    this.limit = limit;
    if (interval === this.interval) return;
    this.interval = interval;
    // It may not have been asked for a time yet.
    if (time === -Infinity) return;
    const index = this.windowOf(time);
    this.renumbered += index - this.index;
    this.index = index;
    this.end = (index + 1) * interval;
  }

  private advance(now: Milliseconds): Milliseconds {
    const time = this.ledger.advance(now);
    if (time >= this.end) this.turn();
    return time;
  }

  private turn(): void {
    const index = this.windowOf(this.ledger.time);
    const steps = Math.min(index - this.index, this.ahead.length + 2);
    for (let step = 0; step < steps; step++) {
      this.previous = this.sliding ? this.current : 0;
      this.current = this.ahead.shift() ?? 0;
    }
    this.index = index;
    this.end = (index + 1) * this.interval;
  }

  /** Windows begin at `index * interval` as that is rounded, here and wherever a wait is worked out. */
  private windowOf(time: Milliseconds): number {
    const index = Math.floor(time / this.interval);
    if ((index + 1) * this.interval <= time) return index + 1;
    return index * this.interval > time ? index - 1 : index;
  }

  /** When a window has room for so much; `Infinity` if never before it ends. */
  private freeAt(index: number, previous: number, taken: number): Milliseconds {
    if (taken > this.limit + rounding) return Infinity;
    const room = Math.max(0, this.limit - taken);
    const start = index * this.interval;
    return previous > room ? start + this.interval * (1 - room / previous) : start;
  }

  /** Where and when a cost can be had, in no window before the last that is taken. Two behind that all are empty. */
  private place(cost: number): { at: Milliseconds; offset: number } {
    const empty = this.ahead.length + 2;
    for (let offset = this.ahead.length; ; offset++) {
      const index = this.index + offset;
      const previous = offset > 0 && !this.sliding ? 0 : this.count(offset - 1);
      const at = Math.max(this.freeAt(index, previous, this.count(offset) + cost), this.ledger.time);
      // Where windows are shorter than the steps between the clock's numbers, none of them may end after it began.
      if (at < (index + 1) * this.interval || offset === empty) return { at, offset };
    }
  }

  private count(offset: number): number {
    if (offset <= 0) return offset < 0 ? this.previous : this.current;
    return this.ahead[offset - 1] ?? 0;
  }

  private add(offset: number, cost: number): void {
    const ahead = this.ahead;
    if (offset <= 0) this.current = Math.max(this.current + cost, 0);
    else {
      while (ahead.length < offset) ahead.push(0);
      ahead[offset - 1] = (ahead[offset - 1] as number) + cost;
    }
    while (ahead.length > 0 && (ahead.at(-1) as number) < rounding) ahead.pop();
  }
}
