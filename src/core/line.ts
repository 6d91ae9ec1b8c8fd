import { type Follower, unfollow } from './abort.ts';
import type { Clock } from './clock.ts';
import { timeLeft } from './deadline.ts';
import type { RejectedError } from './errors.ts';
import type { Context, Milliseconds } from './policy.ts';
import { capture, captured } from './promise.ts';
import { follow } from './scope.ts';
import { type Expiring, expiry, unqueue } from './timers.ts';

export interface WaitingLineOptions<Permit> {
  clock: Clock;
  /** How long anybody waits at most. */
  maxWait: Milliseconds;
  /** How long a waiter waits to gain a step of priority: `Infinity` for never, 0 makes all of them equal. */
  ageing: Milliseconds;
  /** Takes what is waited for, if there is enough of it: asked for whoever is first, until it gives nothing. */
  take(cost: number): Permit | undefined;
  /** Makes what a waiter gets whose time is up, or who had none. */
  expired(waiter?: Waiter<Permit>): RejectedError;
}

/** Those of one priority who wait, in the order they came. */
export interface Rank<Permit> {
  readonly line: WaitingLine<Permit>;
  /** How much earlier than they did their priority lets them have come. */
  readonly lead: Milliseconds;
  first: Waiter<Permit> | undefined;
  last: Waiter<Permit> | undefined;
}

/** A caller in line, who hears when his call is stopped. Thousands may wait, so it is kept small: bytes are time. */
export class Waiter<Permit> implements Follower {
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
  protected readonly options: WaitingLineOptions<Permit>;
  /** One for each priority in line, none of them empty. */
  protected readonly ranks: Rank<Permit>[] = [];
  length = 0;

  constructor(options: WaitingLineOptions<Permit>) {
    this.options = options;
  }

  /**
   * Waits in line. The promise gives what `take` gave, or what `expired` or `close` made; it rejects with the reason
   * when the call is stopped. Who has no time to wait at all does not.
   */
  join(context: Context): Promise<Permit | RejectedError> | RejectedError {
    const { clock, maxWait, expired } = this.options;
    const left = timeLeft(context, clock, maxWait);
    if (left === 0) return expired();
    const arrived = this.arrival();
    const rank = this.#rank(this.lead(context));
    const promise = new Promise<unknown>(capture) as Promise<Permit | RejectedError>;
    const waiter = new Waiter<Permit>(rank, context.cost, arrived, captured.resolve);
    if (rank.last === undefined) rank.first = waiter;
    else rank.last.behind = waiter;
    rank.last = waiter;
    this.length++;
    follow(context, waiter);
    if (left < Infinity) {
      waiter.timer = { previous: undefined, next: undefined, batch: undefined, expire: undefined };
      expiry(clock, left)(waiter.timer, () => this.leave(waiter, expired));
    }
    // Only a higher priority may go before those who wait already.
    if (this.ranks.length > 1) this.admit();
    return promise;
  }

  /** Hands out what there is, to be called whenever there is more. */
  admit(): void {
    for (let first = this.first(); first !== undefined; first = this.first()) {
      const permit = this.options.take(first.cost);
      if (permit === undefined) return;
      this.remove(first);
      first.settle(permit);
    }
  }

  /** Sends everybody away. */
  close(error: () => RejectedError): void {
    for (let first = this.first(); first !== undefined; first = this.first()) {
      this.remove(first);
      first.settle(error());
    }
  }

  /** Sends one waiter away; those behind move up, if there is enough for them. */
  leave(waiter: Waiter<Permit>, error: (waiter: Waiter<Permit>) => RejectedError | Promise<never>): void {
    this.remove(waiter);
    waiter.settle(error(waiter));
    this.admit();
  }

  /** When somebody comes, to tell whose turn it is. */
  protected arrival(): Milliseconds {
    return this.options.clock.coarse();
  }

  protected lead({ priority }: Context): Milliseconds {
    // Without ageing a step of priority weighs more than any wait.
    return priority * Math.min(this.options.ageing, 1e12) || 0;
  }

  #rank(lead: Milliseconds): Rank<Permit> {
    for (const rank of this.ranks) if (rank.lead === lead) return rank;
    const rank: Rank<Permit> = { line: this, lead, first: undefined, last: undefined };
    this.ranks.push(rank);
    return rank;
  }

  protected first(): Waiter<Permit> | undefined {
    let best: Waiter<Permit> | undefined;
    let earliest = Infinity;
    for (const { first, lead } of this.ranks) {
      const came = (first as Waiter<Permit>).arrived - lead;
      if (best !== undefined && !(came < earliest)) continue;
      best = first;
      earliest = came;
    }
    return best;
  }

  protected remove(waiter: Waiter<Permit>): void {
    const { rank, ahead, behind } = waiter;
    if (ahead === undefined) rank.first = behind;
    else ahead.behind = behind;
    if (behind === undefined) rank.last = ahead;
    else behind.ahead = ahead;
    if (rank.first === undefined) this.ranks.splice(this.ranks.indexOf(rank), 1);
    this.length--;
    unfollow(waiter);
    if (waiter.timer !== undefined) unqueue(waiter.timer);
  }
}
