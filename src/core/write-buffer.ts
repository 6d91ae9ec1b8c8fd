import type { Clock } from './clock.ts';
import { isRejection, RejectedError } from './errors.ts';
import { hear, reportError } from './events.ts';
import { WaitingLine } from './line.ts';
import { checked, duration, integer, oneOf, shown, typed } from './options.ts';
import type { Outcome } from './outcome.ts';
import type { Milliseconds } from './policy.ts';
import type { Scope } from './scope.ts';
import { expiry, unqueue } from './timers.ts';
import type { Write, Writes } from './writes.ts';

export interface WriteBehindOptions<K, V> {
  /** How long a write waits, so that a newer one of its key can take its place. 0 or more. Default 1_000. */
  delay?: Milliseconds | undefined;
  /** Keys whose writes may be on their way. 1 or more. Default 10_000. */
  maxBuffered?: number | undefined;
  /** What becomes of a write of one key more. Default `'wait'`: until there is room. `'through'`: until it is written. */
  full?: 'wait' | 'through' | undefined;
  /** Writes sent at once. 1 or more. Default 10. */
  maxConcurrent?: number | undefined;
  /**
   * Gets each write that was accepted and then given up, with the error of `pipeline`. Nothing is kept of it after
   * that. Default: an error goes to `onListenerError`, with this one as its `cause`.
   */
  onFailed?: ((write: PendingWrite<K, V>, error: unknown) => unknown) | undefined;
}

/** A write that was accepted, and has not arrived. */
export interface PendingWrite<K, V> {
  readonly key: K;
  /** Undefined where the key is to be deleted. */
  readonly value: V | undefined;
  readonly deleted: boolean;
}

/** The options of a buffer, with their defaults, once they are checked. */
export function filledBehind<K, V>(label: string, options: WriteBehindOptions<K, V> = {}): Filled<K, V> {
  const {
    delay = 1_000,
    maxBuffered = 10_000,
    full = 'wait',
    maxConcurrent = 10,
    onFailed,
  } = checked(label, options, {
    delay: duration,
    maxBuffered: integer(1),
    full: oneOf('wait', 'through'),
    maxConcurrent: integer(1),
    onFailed: typed('function'),
  });
  return { delay, maxBuffered, full, maxConcurrent, onFailed };
}

interface Filled<K, V> extends WriteBehindOptions<K, V> {
  delay: Milliseconds;
  maxBuffered: number;
  full: 'wait' | 'through';
  maxConcurrent: number;
}

export interface WriteBufferOptions<K, V> extends Filled<K, V> {
  name: string;
  clock: Clock;
  writes: Writes<K, V>;
  /** A write has found no room. */
  onFull(key: K): void;
}

/**
 * Writes that are accepted before they are sent. One is sent when its delay is over; until then a newer one of its key
 * takes its place. Bounded by keys: each may have one write that is being sent, and one more.
 */
export class WriteBuffer<K, V> {
  private readonly options: WriteBufferOptions<K, V>;
  /** The latest write of each key that is accepted and has not arrived. */
  private readonly latest: Map<K, Write<K, V>> = new Map();
  private readonly line: WaitingLine<true>;
  /** Let in, and not there yet. */
  private entering = 0;
  private readonly ripen: ReturnType<typeof expiry>;
  private closed = false;

  constructor(options: WriteBufferOptions<K, V>) {
    this.options = options;
    const { clock, delay, maxBuffered } = options;
    this.ripen = expiry(clock, delay);
    this.line = new WaitingLine({
      clock,
      maxWait: Infinity,
      // First come, first served, whatever their priority: two of them may be of one key.
      ageing: 0,
      take: () => {
        if (this.size + this.entering >= maxBuffered) return undefined;
        this.entering++;
        return true;
      },
      expired: () => this.rejection('no room in the buffer in time'),
    });
  }

  get size(): number {
    return this.latest.size;
  }

  get(key: K): Write<K, V> | undefined {
    return this.latest.get(key);
  }

  values(): Write<K, V>[] {
    return [...this.latest.values()];
  }

  /** Settles once the write is accepted; or has been sent, if it goes through. */
  async accept(write: Write<K, V>, context: Scope): Promise<void> {
    const { writes, maxBuffered, full, onFull } = this.options;
    if (this.closed) throw this.rejection('closed');
    const room = this.size < maxBuffered || this.latest.has(write.key);
    // Nobody overtakes those who wait: they may be of this key.
    if (room && this.line.length + this.entering === 0) return this.enter(write);
    onFull(write.key);
    if (full === 'through') return writes.through(write, context);
    const permit = await this.line.join(context);
    if (isRejection(permit)) throw permit;
    this.entering--;
    if (this.closed) throw this.rejection('closed');
    this.enter(write);
    // If its key was there already, there is still room.
    this.line.admit();
  }

  /** A write has been sent, or given up: there may be room for another. */
  leave(write: Write<K, V>): void {
    if (this.latest.get(write.key) === write) this.latest.delete(write.key);
    this.line.admit();
  }

  /** A write was given up. Where nobody waits for it, somebody has to hear of it. */
  giveUp({ key, value, deleted, context }: Write<K, V>, error: unknown): void {
    const { name, onFailed } = this.options;
    if (context !== undefined) return;
    if (onFailed) hear(onFailed({ key, value, deleted }, error));
    else reportError(new Error(`${name}: the write of ${shown(key)} was given up`, { cause: error }));
  }

  /** Sends a write without further delay. */
  hasten(write: Write<K, V>): Promise<Outcome> {
    if (!write.due) {
      unqueue(write);
      this.options.writes.due(write);
    }
    return write.over;
  }

  /** @throws {AggregateError} once all that is here now is sent or given up, if any was given up */
  async flush(): Promise<void> {
    const outcomes = await Promise.all(this.values().map((write) => this.hasten(write)));
    const errors = outcomes.flatMap((outcome) => (outcome.ok ? [] : [outcome.error]));
    if (errors.length === 0) return;
    const message = `${this.options.name}: ${errors.length} of ${outcomes.length} writes were given up`;
    throw new AggregateError(errors, message);
  }

  close(): Promise<void> {
    this.closed = true;
    this.line.close(() => this.rejection('closed'));
    return this.flush();
  }

  private rejection(message: string): RejectedError {
    return new RejectedError({ name: this.options.name, message });
  }

  private enter(write: Write<K, V>): void {
    const { writes } = this.options;
    const present = this.latest.get(write.key);
    if (present?.begun === false) {
      present.value = write.value;
      present.deleted = write.deleted;
      return writes.changed(present);
    }
    this.latest.set(write.key, write);
    this.ripen(write, () => writes.due(write));
    writes.add(write);
  }
}
