import { type Follower, unfollow } from './abort.ts';
import type { Clock } from './clock.ts';
import type { RejectedError } from './errors.ts';
import type { Context, Milliseconds } from './policy.ts';
import { follow, unenforced } from './scope.ts';

export interface WaitingLineOptions<Permit> {
  clock: Clock;
  /** How long anybody waits at most; `Infinity` costs nothing. */
  maxWait: Milliseconds;
  /** How long a waiter waits to gain a step of priority: `Infinity` for never, 0 makes all of them equal. */
  ageing: Milliseconds;
  /** Takes what is waited for, if there is enough of it: asked for whoever is first, until it gives nothing. */
  take(cost: number): Permit | undefined;
  /** Makes what a waiter gets whose time is up. */
  expired(): RejectedError;
}

/** Those of one priority who wait, in the order they came. */
interface Rank<Permit> {
  readonly line: WaitingLine<Permit>;
  readonly priority: number;
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
  /** Of a caller who has less time than everybody in this line. */
  timer: { cancel(): void } | undefined = undefined;

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
 *
 * One timer serves all waiters: as all may wait as long, who came first is due first.
 */
export class WaitingLine<Permit> {
  readonly #options: WaitingLineOptions<Permit>;
  /** One for each priority in line, none of them empty. */
  readonly #ranks: Rank<Permit>[] = [];
  #length = 0;
  #timer: { cancel(): void } | undefined = undefined;

  constructor(options: WaitingLineOptions<Permit>) {
    this.#options = options;
  }

  get length(): number {
    return this.#length;
  }

  /** Takes at once, if there is enough and nobody in line goes before this caller. */
  tryTake(context: Context): Permit | undefined {
    return this.#length === 0 || this.#leads(context) ? this.#options.take(context.cost) : undefined;
  }

  /**
   * Waits in line. The promise gives what `take` gave, or what `expired` or `close` made; it rejects with the reason
   * when the call is stopped. Who has no time to wait at all does not.
   */
  join(context: Context): Promise<Permit | RejectedError> | RejectedError {
    const { clock, maxWait, ageing, expired } = this.#options;
    const deadline = unenforced(context);
    // A coarse time is good enough for ageing, but would let waits end early.
    const arrived = maxWait === Infinity && deadline === Infinity ? clock.coarse() : clock.now();
    const left = deadline - arrived;
    if (Math.min(left, maxWait) <= 0) return expired();
    return new Promise((settle) => {
      const rank = this.#rank(ageing === 0 ? 0 : context.priority);
      const waiter = new Waiter(rank, context.cost, arrived, settle);
      if (rank.last === undefined) rank.first = waiter;
      else rank.last.behind = waiter;
      rank.last = waiter;
      this.#length++;
      follow(context, waiter);
      if (left < maxWait) waiter.timer = clock.schedule(left, () => this.leave(waiter, expired));
      else if (maxWait !== Infinity) this.#arm();
    });
  }

  /** Hands out what there is, to be called whenever there is more. */
  admit(): void {
    for (let first = this.#first(); first !== undefined; first = this.#first()) {
      const permit = this.#options.take(first.cost);
      if (permit === undefined) return;
      this.#remove(first);
      first.settle(permit);
    }
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
    const led = waiter === this.#first();
    this.#remove(waiter);
    waiter.settle(error());
    if (led) this.admit();
  }

  #rank(priority: number): Rank<Permit> {
    for (const rank of this.#ranks) if (rank.priority === priority) return rank;
    const rank: Rank<Permit> = { line: this, priority, first: undefined, last: undefined };
    this.#ranks.push(rank);
    return rank;
  }

  #first(): Waiter<Permit> | undefined {
    let first = this.#ranks[0]?.first;
    for (let i = 1; i < this.#ranks.length; i++) {
      const { priority, first: next } = this.#ranks[i] as Rank<Permit> & { first: Waiter<Permit> };
      if (this.#precedes(priority, next.arrived, first as Waiter<Permit>)) first = next;
    }
    return first;
  }

  #leads({ priority }: Context): boolean {
    const first = this.#first() as Waiter<Permit>;
    return priority > first.rank.priority && this.#precedes(priority, this.#options.clock.coarse(), first);
  }

  /** Whether one goes before another, of a different priority; the one who came earlier, where both count the same. */
  #precedes(priority: number, arrived: Milliseconds, other: Waiter<Permit>): boolean {
    const later = arrived - other.arrived;
    const order = later - (priority - other.rank.priority) * this.#options.ageing;
    return order < 0 || (order === 0 && later < 0);
  }

  #remove(waiter: Waiter<Permit>): void {
    const { rank, ahead, behind } = waiter;
    if (ahead === undefined) rank.first = behind;
    else ahead.behind = behind;
    if (behind === undefined) rank.last = ahead;
    else behind.ahead = ahead;
    if (rank.first === undefined) this.#ranks.splice(this.#ranks.indexOf(rank), 1);
    this.#length--;
    unfollow(waiter);
    waiter.timer?.cancel();
    if (this.#length === 0) {
      this.#timer?.cancel();
      this.#timer = undefined;
    }
  }

  /** Sets the timer to whoever came first of all. */
  #arm(): void {
    if (this.#timer !== undefined) return;
    const { clock, maxWait, expired } = this.#options;
    let oldest = Infinity;
    for (const { first } of this.#ranks) oldest = Math.min(oldest, (first as Waiter<Permit>).arrived);
    this.#timer = clock.schedule(Math.max(oldest + maxWait - clock.now(), 0), () => {
      this.#timer = undefined;
      const now = clock.now();
      for (const rank of [...this.#ranks]) {
        for (let { first } = rank; first !== undefined && first.arrived + maxWait <= now; first = rank.first) {
          this.#remove(first);
          first.settle(expired());
        }
      }
      this.admit();
      if (this.#length > 0) this.#arm();
    });
  }
}
