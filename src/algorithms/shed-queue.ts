import type { Milliseconds } from '../core/policy.ts';
import { type Due, DueHeap } from './due-heap.ts';

/** Tells whether more is asked than can be done, by how long calls wait. */
export interface OverloadDetector {
  /**
   * Whether to give a call up now. Asked for each call that is to start, and again after each that is given up.
   *
   * @param now on a monotonic scale
   * @param delay the longest that anybody in line has waited; 0 when nobody has
   */
  shouldShed(now: Milliseconds, delay: Milliseconds): boolean;
  /** More has been asked than could be done, as of the last answer. */
  readonly overloaded: boolean;
  /** Whether it remembers nothing that would make a difference. Default: it never does once nobody runs or waits. */
  idle?(now: Milliseconds): boolean;
}

/** Out of time: its deadline, or its longest wait, has come. No room. Given up by the detector. */
export type ShedReason = 'expired' | 'full' | 'overloaded';

/** First come, first served; the reverse; or the first as long as there is no overload, and then the other. */
export type ShedOrder = 'fifo' | 'lifo' | 'adaptive';

/** A call in line. */
export abstract class Place implements Due {
  at = -1;
  readonly priority: number;
  readonly arrived: Milliseconds;
  /** When it is sent away. */
  readonly due: Milliseconds;
  /** When it makes no sense to start it any more; others see to it that it goes. It may come to be later. */
  abstract readonly deadline: Milliseconds;
  rank: Rank | undefined = undefined;
  ahead: Place | undefined = undefined;
  behind: Place | undefined = undefined;

  constructor(priority: number, arrived: Milliseconds, due: Milliseconds) {
    this.priority = priority;
    this.arrived = arrived;
    this.due = due;
  }
}

/** Those of one priority, in the order they came. */
interface Rank {
  readonly priority: number;
  first: Place | undefined;
  last: Place | undefined;
}

export interface ShedQueueOptions<P extends Place> {
  maxQueued: number;
  order: ShedOrder;
  detector: OverloadDetector;
  /** Told of each call given up, once it is out of line. */
  dropped(place: P, reason: ShedReason): void;
}

/**
 * Calls that wait, and are given up when there are too many. Whoever is out of time goes first, before anybody is
 * started or turned away. Otherwise the highest priority is served first and given up last: who goes is the oldest of
 * the lowest.
 *
 * The detector is told how long the oldest of all has waited, whoever is served. Told the waits of those who are
 * served, it would see none when the newest goes first, and take an overload for its end.
 */
export class ShedQueue<P extends Place> {
  readonly #options: ShedQueueOptions<P>;
  /** One for each priority in line, highest first; none is empty. */
  readonly #ranks: Rank[] = [];
  /** Those who are sent away some day. */
  readonly #dues = new DueHeap<P>();
  length = 0;

  constructor(options: ShedQueueOptions<P>) {
    this.#options = options;
  }

  /** When `expire` has something to do again. */
  get due(): Milliseconds {
    return this.#dues.first?.due ?? Infinity;
  }

  /** Whether a call may join: there is room, or somebody of a lower priority to make some. */
  hasRoom(priority: number, now: Milliseconds): boolean {
    const { maxQueued } = this.#options;
    if (this.length >= maxQueued) this.expire(now);
    const lowest = this.#ranks.at(-1);
    return this.length < maxQueued || (lowest !== undefined && lowest.priority < priority);
  }

  /** Waits in line, where `hasRoom` has said so. */
  join(place: P): void {
    const full = this.length >= this.#options.maxQueued;
    const victim = full ? this.#expendable() : undefined;
    if (victim !== undefined) this.leave(victim);
    const rank = this.#rank(place.priority);
    place.rank = rank;
    place.ahead = rank.last;
    if (rank.last === undefined) rank.first = place;
    else rank.last.behind = place;
    rank.last = place;
    this.length++;
    if (place.due < Infinity) this.#dues.add(place);
    if (victim !== undefined) this.#options.dropped(victim, 'full');
  }

  /** Takes out whoever is to start now, once those have been given up who are to be. */
  take(now: Milliseconds): P | undefined {
    const { detector } = this.#options;
    this.expire(now);
    while (this.length > 0) {
      if (detector.shouldShed(now, now - this.#longest())) {
        this.#drop(this.#expendable(), 'overloaded');
        continue;
      }
      const next = this.#next();
      if (next.deadline <= now) {
        this.#drop(next, 'expired');
        continue;
      }
      this.leave(next);
      return next;
    }
    return undefined;
  }

  /** Gives up whoever is out of time. */
  expire(now: Milliseconds): void {
    for (let first = this.#dues.first; first !== undefined && first.due <= now; first = this.#dues.first) {
      this.#drop(first, 'expired');
    }
  }

  /** Takes somebody out of line, and tells nobody. */
  leave(place: P): void {
    const { ahead, behind } = place;
    const rank = place.rank as Rank;
    if (ahead === undefined) rank.first = behind;
    else ahead.behind = behind;
    if (behind === undefined) rank.last = ahead;
    else behind.ahead = ahead;
    if (rank.first === undefined) this.#ranks.splice(this.#ranks.indexOf(rank), 1);
    this.length--;
    this.#dues.remove(place);
  }

  #drop(place: P, reason: ShedReason): void {
    this.leave(place);
    this.#options.dropped(place, reason);
  }

  #next(): P {
    const { order, detector } = this.#options;
    const { first, last } = this.#ranks[0] as Rank;
    return (order === 'lifo' || (order === 'adaptive' && detector.overloaded) ? last : first) as P;
  }

  #expendable(): P {
    return (this.#ranks.at(-1) as Rank).first as P;
  }

  /** When the oldest came. */
  #longest(): Milliseconds {
    let oldest = Infinity;
    for (const { first } of this.#ranks) oldest = Math.min(oldest, (first as Place).arrived);
    return oldest;
  }

  #rank(priority: number): Rank {
    const ranks = this.#ranks;
    let at = 0;
    for (; at < ranks.length; at++) {
      const rank = ranks[at] as Rank;
      if (rank.priority === priority) return rank;
      if (rank.priority < priority) break;
    }
    const rank: Rank = { priority, first: undefined, last: undefined };
    ranks.splice(at, 0, rank);
    return rank;
  }
}
