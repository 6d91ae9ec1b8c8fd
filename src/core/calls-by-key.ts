import { systemClock } from './clock.ts';
import type { RejectedError } from './errors.ts';
import { WaitingLine } from './line.ts';
import { guard } from './pipeline.ts';
import type { Context, Policy, Task } from './policy.ts';
import { nothing } from './promise.ts';
import { isInside } from './under-way.ts';

/** The calls of a key. */
interface Calls<K> {
  readonly id: string;
  readonly key: K;
  readonly contexts: Set<Context>;
  /** Calls that wait until the key is let go of; there only while it is held. */
  line: WaitingLine<true> | undefined;
  /** What it is held for is being done: nobody may enter. */
  working: boolean;
  empty: () => void;
}

/** Calls by key, of which one can be held: new calls of it wait, until those under way have ended and something is done. */
export class CallsByKey<K> {
  private readonly byId: Map<string, Calls<K>> = new Map();
  /** Of all calls under way. */
  private readonly contexts: Set<Context> = new Set();
  /** Each lets go of a key. */
  private readonly waiting: Set<() => void> = new Set();
  private readonly expired: () => RejectedError;
  /** Whose turn it is to enter: read by the guard in the same go. */
  private entering: Calls<K> | undefined = undefined;
  private readonly gate: Policy = guard({ enter: (context) => this.entering?.line?.join(context) });
  private readonly policy: Policy = guard<{ readonly calls: Calls<K>; readonly context: Context }>({
    holds: true,
    enter: (context) => {
      const calls = this.entering as Calls<K>;
      calls.contexts.add(context);
      this.contexts.add(context);
      return { calls, context };
    },
    leave: ({ calls, context }) => {
      calls.contexts.delete(context);
      this.contexts.delete(context);
      if (calls.contexts.size > 0) return;
      calls.empty();
      this.forget(calls);
    },
  });

  /** @param expired makes what a call gets that has no time to wait */
  constructor(expired: () => RejectedError) {
    this.expired = expired;
  }

  /** Keys with calls under way, or held. */
  get keys(): [id: string, key: K][] {
    return [...this.byId.values()].map(({ id, key }) => [id, key]);
  }

  /** Whether a call is made inside one under way; only a context that was handed on can tell. */
  isAround(context: Context): boolean {
    return isInside(context, this.contexts);
  }

  /**
   * Runs the task once its key is not held. Inside another call it is as if that one's key were its own: what holds either
   * key may wait for the other's calls, so it waits for nothing but work that is being done, which waits for no call.
   */
  execute<T>(id: string, key: K, task: Task<T>, context: Context): Promise<T> {
    const calls = this.of(id, key);
    this.entering = calls;
    if (calls.line !== undefined && (calls.working || !this.isAround(context)))
      return this.gate.execute((inner) => this.execute(id, key, task, inner), context);
    const outcome = this.policy.execute(task, context);
    // Who had been called off before has not entered.
    this.forget(calls);
    return outcome;
  }

  /** Lets go of all keys whose calls are still waited for. */
  giveUp(): void {
    for (const leave of this.waiting) leave();
  }

  /** Holds the key, waits until no call of it runs, and then works; not when it is given up, or called off, before that. */
  async hold(id: string, key: K, signal: AbortSignal | undefined, work: () => Promise<void>): Promise<void> {
    const calls = this.of(id, key);
    const line: WaitingLine<true> = new WaitingLine<true>({
      clock: systemClock,
      maxWait: Infinity,
      ageing: 0,
      take: () => (calls.line === line ? undefined : true),
      expired: this.expired,
    });
    calls.line = line;
    let giveUp: () => void = nothing;
    try {
      const empty = new Promise<boolean>((resolve) => {
        giveUp = () => resolve(false);
        calls.empty = () => {
          calls.working = true;
          resolve(true);
        };
        if (calls.contexts.size === 0) calls.empty();
        else if (signal?.aborted) giveUp();
        else this.waiting.add(giveUp);
      });
      if (await empty) await work();
    } finally {
      this.waiting.delete(giveUp);
      calls.line = undefined;
      calls.working = false;
      calls.empty = nothing;
      line.admit();
      this.forget(calls);
    }
  }

  private of(id: string, key: K): Calls<K> {
    let calls = this.byId.get(id);
    if (calls === undefined) {
      calls = { id, key, contexts: new Set(), line: undefined, working: false, empty: nothing };
      this.byId.set(id, calls);
    }
    return calls;
  }

  private forget(calls: Calls<K>): void {
    if (calls.contexts.size === 0 && calls.line === undefined) this.byId.delete(calls.id);
  }
}
