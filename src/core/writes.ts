import type { Clock } from './clock.ts';
import { isRejection, RejectedError } from './errors.ts';
import { reportError } from './events.ts';
import { WaitingLine } from './line.ts';
import { failed, type Outcome, succeeded } from './outcome.ts';
import type { Context, Milliseconds, Policy } from './policy.ts';
import type { Scope } from './scope.ts';
import { type Batch, type Expiring, expiry, unqueue } from './timers.ts';

/** A value on its way to where it is to be stored, or a key to be deleted there. Waits out its delay in a queue of timeouts. */
export class Write<K, V> implements Expiring {
  previous: Expiring['previous'] = undefined;
  next: Expiring['next'] = undefined;
  batch: Batch | undefined = undefined;
  expire: Expiring['expire'] = undefined;
  readonly key: K;
  value: V | undefined;
  deleted: boolean;
  /** Of the caller who waits for it. A buffered write has none. */
  context: Context | undefined = undefined;
  /** The next write of the same key. */
  after: Write<K, V> | undefined = undefined;
  /** No write of the same key is before it. */
  first = false;
  /** Its delay is over. */
  due = false;
  running = false;
  /** It has been sent, so that its value is settled. */
  begun = false;
  /** What its latest call runs in. */
  scope: Context | undefined = undefined;
  settle: (outcome: Outcome) => void = () => {};
  readonly over: Promise<Outcome> = new Promise((resolve) => {
    this.settle = resolve;
  });

  constructor(key: K, value: V | undefined, deleted: boolean) {
    this.key = key;
    this.value = value;
    this.deleted = deleted;
  }

  /** Whether a call is made inside this write, which would wait for itself. */
  isAround(context: Scope): boolean {
    let scope: Scope | undefined = context;
    while (scope !== undefined && scope !== this.scope) scope = scope.around;
    return scope !== undefined;
  }
}

export interface WritesOptions<K, V> {
  name: string;
  clock: Clock;
  /** How long a write stays in the buffer, so that others of its key can take its place. */
  delay: Milliseconds;
  /** Keys in the buffer. */
  maxBuffered: number;
  /** Whether a write that finds no room goes through, or waits for room. */
  goThrough: boolean;
  /** Under which writes are sent: those whose caller waits for it, and those from the buffer. */
  attended: Policy;
  unattended: Policy;
  send(write: Write<K, V>, context: Context): unknown;
  /** Something has happened to the value of a key, or a write of it is no longer under way: what was read before may be old. */
  changed(key: K): void;
  /** A write has been sent, or given up. */
  settled(write: Write<K, V>, outcome: Outcome): void;
  /** A write has found no room in the buffer. */
  full(key: K): void;
}

/**
 * Writes under way. Those of one key are sent one after another, in the order they came: the next only when nothing of
 * the former runs any more, also if a timeout has given that up, so that a late one never undoes a newer one.
 *
 * A buffered write is accepted at once, and sent when its delay is over; until then a newer one of its key takes its
 * place. The buffer is bounded by keys, each of which may have one more write that is being sent.
 */
export class Writes<K, V> {
  private readonly options: WritesOptions<K, V>;
  /** The latest write of each key that is under way, buffered or not. */
  private readonly last: Map<K, Write<K, V>> = new Map();
  /** The latest buffered write of each key that has not arrived. */
  readonly buffer: Map<K, Write<K, V>> = new Map();
  private readonly line: WaitingLine<true>;
  /** Let into the buffer, and not there yet. */
  private entering = 0;
  private readonly ripen: ReturnType<typeof expiry>;
  private closed = false;

  constructor(options: WritesOptions<K, V>) {
    this.options = options;
    const { clock, delay, maxBuffered } = options;
    this.ripen = expiry(clock, delay);
    this.line = new WaitingLine({
      clock,
      maxWait: Infinity,
      // First come, first served, whatever their priority: two of them may be of one key.
      ageing: 0,
      take: () => {
        if (this.buffer.size + this.entering >= maxBuffered) return undefined;
        this.entering++;
        return true;
      },
      expired: () => this.rejection('no room in the buffer in time'),
    });
  }

  has(key: K): boolean {
    return this.last.has(key);
  }

  /** Settles once the write has been sent, or given up. */
  async through(write: Write<K, V>, context: Context): Promise<void> {
    if (this.closed) throw this.rejection('closed');
    write.context = context;
    write.due = true;
    this.append(write);
    const outcome = await write.over;
    if (!outcome.ok) throw outcome.error;
  }

  /** Settles once the write is in the buffer; or has been sent, if it goes through. */
  async accept(write: Write<K, V>, context: Context): Promise<void> {
    if (this.closed) throw this.rejection('closed');
    const { maxBuffered, goThrough, full } = this.options;
    const room = this.buffer.size < maxBuffered || this.buffer.has(write.key);
    if (room && this.line.length + this.entering === 0) return this.enter(write);
    full(write.key);
    if (goThrough) return this.through(write, context);
    const permit = await this.line.join(context);
    if (isRejection(permit)) throw permit;
    this.entering--;
    if (this.closed) throw this.rejection('closed');
    this.enter(write);
    // Somebody's key may have been there already.
    this.line.admit();
  }

  /** Sends a buffered write without further delay. */
  hasten(write: Write<K, V>): Promise<Outcome> {
    if (!write.due) {
      unqueue(write);
      this.ripe(write);
    }
    return write.over;
  }

  /** @throws {AggregateError} for what was given up of what is in the buffer now, once all the rest is sent */
  async flush(): Promise<void> {
    const outcomes = await Promise.all([...this.buffer.values()].map((write) => this.hasten(write)));
    const errors = outcomes.flatMap((outcome) => (outcome.ok ? [] : [outcome.error]));
    if (errors.length === 0) return;
    throw new AggregateError(
      errors,
      `${this.options.name}: ${errors.length} of ${outcomes.length} writes were given up`,
    );
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
    const { key, value, deleted } = write;
    const present = this.buffer.get(key);
    if (present?.begun === false) {
      present.value = value;
      present.deleted = deleted;
      this.options.changed(key);
      return;
    }
    this.buffer.set(key, write);
    this.append(write);
    this.ripen(write, () => this.ripe(write));
  }

  private append(write: Write<K, V>): void {
    const before = this.last.get(write.key);
    this.last.set(write.key, write);
    this.options.changed(write.key);
    if (before === undefined) this.advance(write);
    else before.after = write;
  }

  private ripe(write: Write<K, V>): void {
    write.due = true;
    if (write.first && !write.running) this.run(write);
  }

  /** Nothing of its key is before it any more. */
  private advance(write: Write<K, V>): void {
    write.first = true;
    if (write.due) this.run(write);
  }

  private run(write: Write<K, V>): void {
    const { attended, unattended, send } = this.options;
    write.running = true;
    // The policy, and each call it makes: one it has given up may still run.
    let running = 1;
    const ended = (): void => {
      if (--running === 0) this.over(write);
    };
    const task = async (context: Context): Promise<void> => {
      write.begun = true;
      write.scope = context;
      running++;
      try {
        await send(write, context);
      } finally {
        ended();
      }
    };
    const policy = write.context === undefined ? unattended : attended;
    void policy
      .execute(task, write.context)
      .then(
        () => this.settled(write, succeeded(undefined)),
        (error) => this.settled(write, failed(error)),
      )
      .then(ended);
  }

  private settled(write: Write<K, V>, outcome: Outcome): void {
    const { key } = write;
    if (this.buffer.get(key) === write) this.buffer.delete(key);
    this.options.changed(key);
    try {
      this.options.settled(write, outcome);
    } catch (error) {
      reportError(error);
    }
    write.settle(outcome);
    this.line.admit();
  }

  private over(write: Write<K, V>): void {
    if (write.after !== undefined) return this.advance(write.after);
    this.last.delete(write.key);
    this.options.changed(write.key);
  }
}
