import { timeLeft } from './deadline.ts';
import { isRejection, type RejectedError } from './errors.ts';
import { type Waiter, WaitingLine, type WaitingLineOptions } from './line.ts';
import type { Context, Milliseconds } from './policy.ts';
import { dueOf, tolerance } from './timers.ts';

export interface TimedLineOptions<Permit> extends Omit<WaitingLineOptions<Permit>, 'expired'> {
  /** How long until `take` would give that much: 0 for now, `Infinity` for never. NaN, for nobody knows, is never. */
  comesIn(cost: number): Milliseconds;
  /** Makes what a waiter gets whose time is up, or cannot suffice; `after` is what `TimedLine.after` says then, or NaN. */
  expired(after: Milliseconds): RejectedError;
}

/**
 * A line for what comes with time alone, so that nobody need call when there is more. One timer serves all who wait: it is
 * set for when there is enough for who is first, or the time of one of another priority is up. The clock decides, never
 * the timer, which may be early.
 *
 * As it is known how long a wait will be, nobody is kept who waits in vain: who is first knows it at once, and so does
 * who comes, as long as there can ever be enough at once for him and all before him.
 */
export class TimedLine<Permit> extends WaitingLine<Permit> {
  readonly #comesIn: (cost: number) => Milliseconds;
  readonly #expired: (after: Milliseconds) => RejectedError;
  readonly #maxWait: Milliseconds;
  /** What those in line ask for, added up for each lead. */
  readonly #asked: Map<Milliseconds, number> = new Map();
  #timer: { cancel(): void } | undefined = undefined;
  #due: Milliseconds = 0;
  /** How long it takes for who is joining. */
  #coming: Milliseconds = 0;

  constructor({ comesIn, expired, maxWait, ...options }: TimedLineOptions<Permit>) {
    // Below, only callers with a deadline of their own have timers of their own.
    super({
      ...options,
      maxWait: Infinity,
      expired: (waiter) => (waiter === undefined ? expired(this.#coming) : this.#sendAway(waiter)),
    });
    this.#comesIn = comesIn;
    this.#expired = expired;
    this.#maxWait = maxWait;
  }

  override join(context: Context): Promise<Permit | RejectedError> | RejectedError {
    const { clock } = this.options;
    const after = this.after(context);
    const left = timeLeft(context, clock, this.#maxWait);
    // To begin at its deadline is no use to a call.
    const inTime = after <= left + tolerance && left > 0 && clock.now() + after < context.deadline;
    if (!inTime) return this.#expired(after);
    this.#add(context.cost, this.lead(context));
    this.#coming = after;
    const joined = super.join(context);
    // The clock has moved on, and his time is over by now: he never was in line.
    if (isRejection(joined)) this.#add(-context.cost, this.lead(context));
    if (this.length === 1) this.admit();
    return joined;
  }

  override admit(): void {
    for (let first = this.first(); first !== undefined; first = this.first()) {
      let permit: Permit | Promise<never> | undefined;
      let gone: Waiter<Permit> | undefined = first;
      try {
        permit = this.options.take(first.cost);
        if (permit === undefined) gone = this.#hopeless(first);
      } catch (error) {
        // Nobody else hears of it, in a timer; and he would wait for ever.
        permit = Promise.reject(error);
      }
      if (gone === undefined) return;
      this.remove(gone);
      gone.settle(permit ?? this.#sendAway(gone));
    }
  }

  /**
   * How long until there is enough for who comes now, and for those who go before him. What they ask for together may be
   * more than there ever is at once; then as if he were alone.
   */
  after(context: Context): Milliseconds {
    return this.#after(context.cost, this.lead(context));
  }

  /** To say whose time is up it has to be exact. */
  protected override arrival(): Milliseconds {
    return this.options.clock.now();
  }

  protected override remove(waiter: Waiter<Permit>): void {
    super.remove(waiter);
    this.#add(-waiter.cost, waiter.rank.lead);
    if (this.length > 0) return;
    // Sums of fractions are not exact.
    this.#asked.clear();
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #add(cost: number, lead: Milliseconds): void {
    const all = (this.#asked.get(lead) ?? 0) + cost;
    if (all > 0) this.#asked.set(lead, all);
    else this.#asked.delete(lead);
  }

  #sendAway({ cost, rank }: Waiter<Permit>): RejectedError {
    let after = Number.NaN;
    try {
      after = this.#after(cost, rank.lead);
    } catch {
      // His time is up, whether or not it can be told how long it would have been.
    }
    return this.#expired(after);
  }

  #after(cost: number, lead: Milliseconds): Milliseconds {
    let all = cost;
    for (const [other, cost] of this.#asked) if (other >= lead) all += cost;
    const after = this.#comesIn(all);
    return after < Infinity ? after : this.#comesIn(cost);
  }

  /** There is not enough for who is first: who is to be sent away now? If nobody is, the line looks again in time. */
  #hopeless(first: Waiter<Permit>): Waiter<Permit> | undefined {
    const now = this.options.clock.now();
    const after = this.#comesIn(first.cost);
    const { batch } = first.timer ?? {};
    const latest = Math.min(first.arrived + this.#maxWait + tolerance, batch ? dueOf(batch) - tolerance : Infinity);
    if (!(after < Infinity && now + after <= latest)) return first;
    // In less than a microsecond time may not move on at all.
    let next = Math.max(after, tolerance);
    for (const rank of this.ranks) {
      // Within a rank, who is first has the least time left; and who is first of all has enough.
      const other = rank.first as Waiter<Permit>;
      const left = other.arrived + this.#maxWait - now;
      if (other === first || left > next) continue;
      if (left <= tolerance) return other;
      next = left;
    }
    this.#wake(now, next);
    return undefined;
  }

  #wake(now: Milliseconds, next: Milliseconds): void {
    if (this.#timer !== undefined) {
      if (Math.abs(now + next - this.#due) < tolerance) return;
      this.#timer.cancel();
    }
    this.#due = now + next;
    this.#timer = this.options.clock.schedule(next, () => {
      this.#timer = undefined;
      this.admit();
    });
  }
}
