import { type Follower, unfollow } from './abort.ts';
import type { Clock } from './clock.ts';
import { timeLeft } from './deadline.ts';
import type { RejectedError } from './errors.ts';
import type { Context, Milliseconds } from './policy.ts';
import { capture, captured } from './promise.ts';
import { follow } from './scope.ts';
import { dueOf, type Expiring, expiry, tolerance, unqueue } from './timers.ts';

export interface WaitingLineOptions<Permit> {
  clock: Clock;
  /** How long anybody waits at most. */
  maxWait: Milliseconds;
  /** How long a waiter waits to gain a step of priority: `Infinity` for never, 0 makes all of them equal. */
  ageing: Milliseconds;
  /** Takes what is waited for, if there is enough of it: asked for whoever is first, until it gives nothing. */
  take(cost: number): Permit | undefined;
  /** Makes what a waiter gets whose time is up, or cannot suffice; `after` is what `WaitingLine.after` says then. */
  expired(after: Milliseconds | undefined): RejectedError;
  /**
   * Where what is waited for comes with time: how long until `take` would give that much, `Infinity` for never. The line
   * then asks again when it is time, on one timer for all, and keeps nobody for whom that is too late.
   */
  comesIn?(cost: number): Milliseconds;
}

/** Those of one priority who wait, in the order they came. */
interface Rank<Permit> {
  readonly line: WaitingLine<Permit>;
  /** How much earlier than they did their priority lets them have come. */
  readonly lead: Milliseconds;
  /** What they ask for, added up. */
  cost: number;
  first: Waiter<Permit> | undefined;
  last: Waiter<Permit> | undefined;
}

/** A caller in line, who hears when his call is stopped. Thousands may wait, so it is kept small: bytes are time. */
class Waiter<Permit> implements Follower {
  previous: Follower | undefined = undefined;
  next: Follower | undefined = undefined;
  readonly rank: Rank<Permit>;
  ahead: Waiter<Permit> | undefined;
  behind: Waiter<Permit> | undefined = undefined;
  readonly cost: number;
  readonly arrived: Milliseconds;
  readonly settle: (given: Permit | RejectedError | Promise<never>) => void;
  timer: Expiring | undefined = undefined;

  constructor(rank: Rank<Permit>, cost: number, arrived: Milliseconds, settle: Waiter<Permit>['settle']) {
    this.rank = rank;
    this.ahead = rank.last;
    this.cost = cost;
    this.arrived = arrived;
    this.settle = settle;
  }

  end(reason: unknown): void {
    this.rank.line.leave(this, () => Promise.reject(reason));
  }
}

/**
 * Callers who wait for something that each is handed directly: what comes free goes to whoever is first, with no
 * moment between in which somebody else could take it. Who is first waits until there is enough for him, also while
 * there would be enough for one behind him, so that heavy calls are not starved by light ones.
 *
 * First come, first served among equals. A waiter's priority grows by one for each `ageing` he has waited, so that
 * nobody waits for ever; as all age alike, what counts is `arrived - priority × ageing`, which never changes. Within
 * one priority that is the order of arrival, so a list for each priority will do: joining, leaving and admitting take
 * time in proportion to the priorities in line, not to the callers.
 */
export class WaitingLine<Permit> {
  readonly #options: WaitingLineOptions<Permit>;
  /** One for each priority in line, none of them empty. */
  readonly #ranks: Rank<Permit>[] = [];
  length = 0;
  /** When the line looks again whether there is enough for who is first, or somebody's time is up. */
  #timer: { cancel(): void } | undefined = undefined;
  #due: Milliseconds = 0;

  constructor(options: WaitingLineOptions<Permit>) {
    this.#options = options;
  }

  /**
   * Waits in line. The promise gives what `take` gave, or what `expired` or `close` made; it rejects with the reason
   * when the call is stopped. Who has no time to wait at all, or is known to have too little, does not.
   */
  join(context: Context): Promise<Permit | RejectedError> | RejectedError {
    const { clock, maxWait, comesIn, expired } = this.#options;
    const { cost } = context;
    const lead = this.#lead(context);
    const left = timeLeft(context, clock, maxWait);
    const after = this.#after(cost, lead);
    if (left === 0 || (after !== undefined && !suffices(left, context, clock.now(), after))) return expired(after);
    const rank = this.#rank(lead);
    // Where it also says whose time is up it must be exact, as nobody is sent away early.
    const arrived = comesIn === undefined ? clock.coarse() : clock.now();
    const promise = new Promise<unknown>(capture) as Promise<Permit | RejectedError>;
    const waiter = new Waiter<Permit>(rank, cost, arrived, captured.resolve);
    if (rank.last === undefined) rank.first = waiter;
    else rank.last.behind = waiter;
    rank.last = waiter;
    rank.cost += cost;
    this.length++;
    follow(context, waiter);
    if (left < (comesIn === undefined ? Infinity : maxWait)) {
      waiter.timer = { previous: undefined, next: undefined, batch: undefined, expire: undefined };
      expiry(clock, left)(waiter.timer, () => this.leave(waiter, () => expired(this.#afterAll(waiter))));
    }
    // Only a higher priority may go before those who wait already; and who comes first has the timer set.
    if (this.#ranks.length > 1 || (comesIn !== undefined && this.length === 1)) this.admit();
    return promise;
  }

  /** Hands out what there is, to be called whenever there is more. */
  admit(): void {
    for (let first = this.#first(); first !== undefined; first = this.#first()) {
      const permit = this.#options.take(first.cost);
      const gone = permit === undefined ? this.#hopeless(first) : first;
      if (gone === undefined) return;
      this.#remove(gone);
      gone.settle(permit ?? this.#options.expired(this.#afterAll(gone)));
    }
  }

  /**
   * Where what is waited for comes with time: how long until there is enough for who comes now, and for those who go
   * before him. What they ask for together may be more than there ever is at once; then as if he were alone.
   */
  after(context: Context): Milliseconds | undefined {
    return this.#after(context.cost, this.#lead(context));
  }

  /** Sends everybody away. */
  close(error: () => RejectedError): void {
    for (let first = this.#first(); first !== undefined; first = this.#first()) {
      this.#remove(first);
      first.settle(error());
    }
  }

  /** Sends one waiter away; those behind move up, if there is enough for them. */
  leave(waiter: Waiter<Permit>, error: () => RejectedError | Promise<never>): void {
    this.#remove(waiter);
    waiter.settle(error());
    this.admit();
  }

  #after(cost: number, lead: Milliseconds): Milliseconds | undefined {
    const { comesIn } = this.#options;
    if (comesIn === undefined) return undefined;
    let all = cost;
    for (const rank of this.#ranks) if (rank.lead >= lead) all += rank.cost;
    const after = comesIn(all);
    return after < Infinity ? after : comesIn(cost);
  }

  #afterAll({ cost, rank }: Waiter<Permit>): Milliseconds | undefined {
    return this.#after(cost, rank.lead);
  }

  /** There is not enough for who is first: who is to be sent away now? If nobody is, the line looks again in time. */
  #hopeless(first: Waiter<Permit>): Waiter<Permit> | undefined {
    const { clock, maxWait, comesIn } = this.#options;
    if (comesIn === undefined) return undefined;
    const now = clock.now();
    const after = comesIn(first.cost);
    const { batch } = first.timer ?? {};
    const latest = batch === undefined ? first.arrived + maxWait + tolerance : dueOf(batch) - tolerance;
    if (after === Infinity || now + after > latest) return first;
    // Within a rank, who is first has the least time left. Below a microsecond time may not move on at all.
    let next = Math.max(after, tolerance);
    for (const rank of this.#ranks) {
      const other = rank.first as Waiter<Permit>;
      const left = other.arrived + maxWait - now;
      if (other === first || left > next) continue;
      if (left <= tolerance) return other;
      next = left;
    }
    if (this.#timer !== undefined) {
      if (Math.abs(now + next - this.#due) < tolerance) return undefined;
      this.#timer.cancel();
    }
    this.#due = now + next;
    this.#timer = clock.schedule(next, () => {
      this.#timer = undefined;
      this.admit();
    });
    return undefined;
  }

  #lead({ priority }: Context): Milliseconds {
    // Without ageing a step of priority weighs more than any wait.
    return priority * Math.min(this.#options.ageing, 1e12) || 0;
  }

  #rank(lead: Milliseconds): Rank<Permit> {
    for (const rank of this.#ranks) if (rank.lead === lead) return rank;
    const rank: Rank<Permit> = { line: this, lead, cost: 0, first: undefined, last: undefined };
    this.#ranks.push(rank);
    return rank;
  }

  #first(): Waiter<Permit> | undefined {
    let best: Waiter<Permit> | undefined;
    let earliest = Infinity;
    for (const { first, lead } of this.#ranks) {
      const came = (first as Waiter<Permit>).arrived - lead;
      if (best !== undefined && !(came < earliest)) continue;
      best = first;
      earliest = came;
    }
    return best;
  }

  #remove(waiter: Waiter<Permit>): void {
    const { rank, cost, ahead, behind } = waiter;
    if (ahead === undefined) rank.first = behind;
    else ahead.behind = behind;
    if (behind === undefined) rank.last = ahead;
    else behind.ahead = ahead;
    if (rank.first === undefined) this.#ranks.splice(this.#ranks.indexOf(rank), 1);
    rank.cost -= cost;
    unfollow(waiter);
    if (waiter.timer !== undefined) unqueue(waiter.timer);
    if (--this.length > 0) return;
    this.#timer?.cancel();
    this.#timer = undefined;
  }
}

/** Whether what comes after that comes in time: within what is left, and before the caller's deadline. */
function suffices(left: Milliseconds, { deadline }: Context, now: Milliseconds, after: Milliseconds): boolean {
  return after < Infinity && after <= left + tolerance && now + after < deadline;
}
