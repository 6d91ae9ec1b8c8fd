import { RejectedError } from './errors.ts';
import { reportError } from './events.ts';
import { shown } from './options.ts';
import { failed, type Outcome, succeeded } from './outcome.ts';
import type { Context, Policy } from './policy.ts';
import type { Scope } from './scope.ts';
import type { Batch, Expiring } from './timers.ts';
import { isInside } from './under-way.ts';

/** A value on its way to where it is to be stored, or a key to be deleted there. May wait out a delay in a queue of timeouts. */
export class Write<K, V> implements Expiring {
  previous: Expiring['previous'] = undefined;
  next: Expiring['next'] = undefined;
  batch: Batch | undefined = undefined;
  expire: Expiring['expire'] = undefined;
  readonly key: K;
  value: V | undefined;
  deleted: boolean;
  /** Of the caller who waits for it, if one does. */
  context: Context | undefined = undefined;
  /** The next write of the same key. */
  after: Write<K, V> | undefined = undefined;
  /** The latest of the same key, as long as it is this one's turn. */
  last: Write<K, V> = this;
  /** It may be sent when it is its turn. */
  due = false;
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
  /** Under which writes are sent: those whose caller waits for them, and the others. */
  attended: Policy;
  unattended: Policy;
  send(write: Write<K, V>, context: Context): unknown;
  /** A write of this key has come, has been sent or given up, or no longer runs: what was read before may be old. */
  changed(key: K): void;
  /** A write has been sent, or given up. */
  settled(write: Write<K, V>, outcome: Outcome): void;
}

/**
 * Writes under way. Those of one key are sent one after another, in the order they came: the next only when nothing of
 * the former runs any more, also if a timeout has given that up, so that a late one never undoes a newer one.
 */
export class Writes<K, V> {
  private readonly options: WritesOptions<K, V>;
  /** Of each key the one whose turn it is. */
  private readonly turns: Map<K, Write<K, V>> = new Map();
  /** Of all that are being sent. */
  private readonly scopes: Set<Context> = new Set();

  constructor(options: WritesOptions<K, V>) {
    this.options = options;
  }

  has(key: K): boolean {
    return this.turns.has(key);
  }

  /** The write comes after all others of its key. It is sent once it is due. */
  add(write: Write<K, V>): void {
    const first = this.turns.get(write.key);
    if (first === undefined) this.turns.set(write.key, write);
    else {
      first.last.after = write;
      first.last = write;
    }
    this.changed(write);
  }

  /** Tells that a write that is under way has another value now. */
  changed({ key }: Write<K, V>): void {
    this.options.changed(key);
  }

  due(write: Write<K, V>): void {
    write.due = true;
    if (this.turns.get(write.key) === write) this.run(write);
  }

  /** Whether a call is made inside any write, for whose end or place others may wait. */
  hasInside(context: Context): boolean {
    return isInside(context, this.scopes);
  }

  /**
   * Sends a write whose caller waits for it, once it is its turn.
   *
   * @throws {RejectedError} from a call made by a write of this key, which would wait for itself
   */
  async through(write: Write<K, V>, context: Scope): Promise<void> {
    if (this.turns.get(write.key)?.isAround(context)) {
      const { name } = this.options;
      throw new RejectedError({ name, message: `the write of ${shown(write.key)} asks for what it writes` });
    }
    write.context = context;
    this.add(write);
    this.due(write);
    const outcome = await write.over;
    if (!outcome.ok) throw outcome.error;
  }

  private run(write: Write<K, V>): void {
    const { attended, unattended, send } = this.options;
    // The policy, and each call it makes: one it has given up may still run.
    let running = 1;
    const ended = (): void => {
      if (--running === 0) this.ended(write);
    };
    const task = async (context: Context): Promise<void> => {
      write.begun = true;
      write.scope = context;
      running++;
      this.scopes.add(context);
      try {
        await send(write, context);
      } finally {
        this.scopes.delete(context);
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
    this.changed(write);
    try {
      this.options.settled(write, outcome);
    } catch (error) {
      reportError(error);
    }
    write.settle(outcome);
  }

  private ended(write: Write<K, V>): void {
    const { key, after, last } = write;
    if (after === undefined) {
      this.turns.delete(key);
      this.changed(write);
    } else {
      this.turns.set(key, after);
      after.last = last;
      if (after.due) this.run(after);
    }
  }
}
