import { type Clock, systemClock } from './clock.ts';
import type { Milliseconds } from './policy.ts';

/** Calls that began to wait within one step of a queue share one stamp, so that no call reads the clock. */
export interface Batch {
  due: Milliseconds | undefined;
  readonly queue: TimeoutQueue | undefined;
}

/** When the calls of a batch are due: never before their start + duration, at most one step after it. */
export function dueOf(batch: Batch): Milliseconds {
  return (batch.due ??= (batch.queue as TimeoutQueue).close());
}

/** A call that waits in a queue: a node of its circular list. */
export interface Expiring {
  previous: Expiring | undefined;
  next: Expiring | undefined;
  batch: Batch | undefined;
  expire: ((call: Expiring) => void) | undefined;
}

/**
 * Takes a call out of its queue; nothing happens if it is in none. It does the same as `unfollow`, apart from it: on
 * this path every call comes by, and code that sees few kinds of nodes is fast.
 */
export function unqueue(call: Expiring): void {
  const { previous, next } = call;
  if (previous === undefined) return;
  const queue = call.batch?.queue;
  if (next === call) queue?.emptied();
  else {
    previous.next = next;
    (next as Expiring).previous = previous;
    if (queue?.last === call) queue.last = previous;
  }
  call.previous = call.next = undefined;
}

/** One microsecond: what rounding may take from a sum of times. */
export const tolerance = 0.001;

const queues = new WeakMap<Clock, Map<Milliseconds, TimeoutQueue>>();

/**
 * All the calls on one clock that may take one and the same time, in the order they began: the head expires first.
 *
 * The first call of a step opens a batch and arms the step's timer; when that fires, the whole batch is stamped with
 * the time then plus the duration. A second timer, armed only while a stamped call waits, expires the head. A call so
 * costs two links and no clock, and most are gone before their batch is stamped. Stamping by a cached clock instead
 * was tried: it expires early after the loop was blocked. A clock other than the system's is read for each call, and
 * is exact.
 */
export class TimeoutQueue {
  /** Its next is the first. One pointer, not two: each from an old object to a young one costs more than a call's links. */
  last: Expiring | undefined = undefined;
  private readonly clock: Clock;
  private readonly duration: Milliseconds;
  private readonly step: Milliseconds;
  private batch: Batch | undefined = undefined;
  private stepping = false;
  /** Idle, and forgotten: whoever kept this queue asks for the one in force. */
  dropped = false;
  /** Whose timers it goes by: fake ones of a test may be gone before they have run, and this queue would wait on. */
  readonly host: typeof setTimeout = setTimeout;
  private timer: { cancel(): void } | undefined = undefined;

  constructor(clock: Clock, duration: Milliseconds) {
    this.clock = clock;
    this.duration = duration;
    this.step = clock === systemClock && duration > 0 ? Math.min(Math.max(duration / 25, 1), 50) : 0;
  }

  /** Calls `expire` with the call once its time is up, unless it is unlinked before. */
  insert(call: Expiring, expire: (call: Expiring) => void): void {
    call.expire = expire;
    // A call whose deadline has been read already brings a batch of its own, and no step's timer.
    const stamped = this.step === 0 || call.batch !== undefined;
    call.batch ??= this.step === 0 ? this.open() : (this.batch ??= this.open());
    if (call.batch.queue !== this) call.batch = { due: dueOf(call.batch), queue: this };
    const { last } = this;
    if (last === undefined) call.previous = call.next = call;
    else {
      const first = last.next as Expiring;
      call.previous = last;
      call.next = first;
      last.next = first.previous = call;
    }
    this.last = call;
    if (stamped && this.timer === undefined) this.arm();
  }

  private open(): Batch {
    if (this.step === 0) return { due: this.clock.now() + this.duration, queue: this };
    if (!this.stepping) {
      this.stepping = true;
      this.clock.schedule(this.step, () => {
        this.stepping = false;
        if (this.batch !== undefined) dueOf(this.batch);
        if (this.last === undefined) this.drop();
        else if (this.timer === undefined) this.arm();
      });
    }
    return { due: undefined, queue: this };
  }

  /** Ends the batch at hand, the only one without a stamp, and gives its stamp. */
  close(): Milliseconds {
    this.batch = undefined;
    return this.clock.now() + this.duration;
  }

  private arm(): void {
    const due = dueOf((this.last as Expiring).next?.batch as Batch);
    this.timer = this.clock.schedule(Math.max(due - this.clock.now(), 0), () => {
      this.timer = undefined;
      const now = this.clock.now();
      while (this.last !== undefined) {
        const first = this.last.next as Expiring;
        const { due } = first.batch as Batch;
        if (due === undefined || due > now + tolerance) break;
        unqueue(first);
        first.expire?.(first);
      }
      if (this.last !== undefined && this.timer === undefined) this.arm();
    });
  }

  /** The last call has gone. */
  emptied(): void {
    this.last = undefined;
    this.timer?.cancel();
    this.timer = undefined;
    if (!this.stepping) this.drop();
  }

  private drop(): void {
    this.dropped = true;
    const of = queues.get(this.clock);
    if (of?.get(this.duration) === this) of.delete(this.duration);
  }
}

/** How to let calls expire after `duration` on `clock`: a call so inserted expires unless it is taken out before. */
export function expiry(
  clock: Clock,
  duration: Milliseconds,
): (call: Expiring, expire: (call: Expiring) => void) => void {
  let queue: TimeoutQueue | undefined;
  return (call, expire) => {
    if (queue === undefined || queue.dropped || queue.host !== setTimeout) queue = queueOf(clock, duration);
    queue.insert(call, expire);
  };
}

function queueOf(clock: Clock, duration: Milliseconds): TimeoutQueue {
  let of = queues.get(clock);
  if (of === undefined) queues.set(clock, (of = new Map()));
  let queue = of.get(duration);
  if (queue?.host !== setTimeout) of.set(duration, (queue = new TimeoutQueue(clock, duration)));
  return queue;
}
