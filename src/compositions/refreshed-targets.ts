import { equalJitter, exponential } from '../algorithms/backoff.ts';
import type { Clock } from '../core/clock.ts';
import { AbandonedError, TimeoutError } from '../core/errors.ts';
import { reportError } from '../core/events.ts';
import type { Milliseconds } from '../core/policy.ts';
import { nothing } from '../core/promise.ts';
import type { Random } from '../core/random.ts';
import type { Target } from '../core/router.ts';

/** What takes targets as they come, and lets them go: a balancer, for one. */
export interface TargetSet<T extends Target> {
  add(target: T): void;
  remove(name: string): unknown;
}

/** Targets that are looked up again and again, for as long as it has not been disposed of. */
export interface TargetSource<T extends Target> extends Iterable<T>, Disposable {
  /** Begins to look up. A second call does nothing, nor does one after it was disposed of. */
  start(): void;
  /**
   * Resolves once there are targets, or it is sure that there are none, where that counts. Rejects when it is disposed of
   * before.
   */
  readonly ready: Promise<void>;
  /** Adds all there are to a balancer, unless it has them, and from now on adds who comes and removes who goes. */
  feed(set: TargetSet<T>): void;
}

/** What a source tells; `delay` is the time to its next look-up. */
export type TargetSourceEvent<T> =
  | {
      /** A look-up gave targets: the same as before, unless there is a `changed` too. */
      readonly type: 'resolved';
      readonly targets: readonly T[];
      readonly delay: Milliseconds;
    }
  | {
      /** Who came, and who went. One whose weight or priority is another is among both. */
      readonly type: 'changed';
      readonly added: readonly T[];
      readonly removed: readonly T[];
    }
  | {
      /** There is no such name, or nothing behind it. */
      readonly type: 'empty';
      readonly delay: Milliseconds;
    }
  | {
      /** No answer, or none that says anything. */
      readonly type: 'failed';
      readonly error: unknown;
      readonly delay: Milliseconds;
    };

export interface RefreshedTargetsOptions<T extends Target> {
  name: string;
  look: (context: {
    signal: AbortSignal;
  }) => PromiseLike<{ readonly targets: readonly T[]; readonly ttl: Milliseconds }>;
  same: (one: T, other: T) => boolean;
  timeout: Milliseconds;
  minTtl: Milliseconds;
  maxTtl: Milliseconds;
  keepWhenEmpty: boolean;
  clock: Clock;
  random: Random;
  tell: (event: TargetSourceEvent<T>) => void;
  /** Whether no further look-up can fare better: whoever waits for the first answer is told so. */
  hopeless: (error: unknown) => boolean;
}

/**
 * Keeps targets up to date: looks them up, and once more when what was found holds no longer, or, after a failure, a
 * backoff later. Never has two look-ups under way.
 */
export function refreshedTargets<T extends Target>(options: RefreshedTargetsOptions<T>): TargetSource<T> {
  const { name, look, same, timeout, minTtl, maxTtl, keepWhenEmpty, clock, random, tell, hopeless } = options;
  /** After failures: RFC 8767, section 5, asks for no more than a look in 30 s. Never at once. */
  const backoff = exponential({ initial: 1_000, max: 30_000, jitter: equalJitter });
  const current = new Map<string, T>();
  const sets = new Set<TargetSet<T>>();
  let state: 'new' | 'started' | 'disposed' = 'new';
  /** For the next look-up. */
  let timer: { cancel(): void } | undefined;
  let running: { readonly controller: AbortController; readonly timer: { cancel(): void } } | undefined;
  let failures = 0;
  let arrived = nothing as () => void;
  let abandoned = nothing as (error: unknown) => void;
  const ready = new Promise<void>((resolve, reject) => {
    arrived = resolve;
    abandoned = reject;
  });
  ready.catch(nothing);

  return {
    start() {
      if (state !== 'new') return;
      state = 'started';
      ask();
    },
    ready,
    feed(set) {
      sets.add(set);
      for (const target of current.values())
        apply(() => {
          // It may have been made with the targets there were.
          set.remove(target.name);
          set.add(target);
        });
    },
    [Symbol.iterator]: () => current.values(),
    [Symbol.dispose]() {
      state = 'disposed';
      timer?.cancel();
      running?.timer.cancel();
      const error = new AbandonedError({ name, message: 'disposed of' });
      running?.controller.abort(error);
      abandoned(error);
    },
  };

  function ask(): void {
    // One that did not heed its signal is still under way, and a second would not fare better.
    if (running !== undefined) return failed(running.controller.signal.reason);
    const controller = new AbortController();
    const { signal } = controller;
    const limit = clock.schedule(timeout, () => {
      const error = new TimeoutError({ name, message: `no answer in ${timeout} ms`, duration: timeout });
      controller.abort(error);
      failed(error);
    });
    running = { controller, timer: limit };
    const end = (told: () => void): void => {
      running = undefined;
      limit.cancel();
      if (!signal.aborted) told();
    };
    // In an async function, so that what it throws is a failure too.
    (async () => look({ signal }))().then(
      ({ targets, ttl }) => end(() => (targets.length > 0 ? resolved(targets, ttl) : empty())),
      (error) => end(() => failed(error)),
    );
  }

  function resolved(targets: readonly T[], ttl: Milliseconds): void {
    failures = 0;
    // Only ever later: what was found holds as long as it says.
    const delay = next(Math.max(minTtl, Math.min(ttl, maxTtl)) * (1 + random() / 10));
    update(targets);
    tell({ type: 'resolved', targets: [...current.values()], delay });
  }

  function empty(): void {
    const delay = next(backoff(++failures, undefined, random));
    if (!keepWhenEmpty) update([]);
    tell({ type: 'empty', delay });
  }

  function failed(error: unknown): void {
    if (hopeless(error)) abandoned(error);
    const delay = next(backoff(++failures, undefined, random));
    tell({ type: 'failed', error, delay });
  }

  function next(delay: Milliseconds): Milliseconds {
    // Whoever hears of the abort of a look-up may have disposed of it.
    if (state === 'started') timer = clock.schedule(delay, ask);
    return delay;
  }

  function update(targets: readonly T[]): void {
    const kept = targets.map((target) => {
      const before = current.get(target.name);
      return before !== undefined && same(before, target) ? before : target;
    });
    const stay = new Set(kept);
    const removed = [...current.values()].filter((target) => !stay.has(target));
    const added = kept.filter((target) => current.get(target.name) !== target);
    current.clear();
    for (const target of kept) current.set(target.name, target);
    for (const set of sets) {
      for (const target of removed) apply(() => set.remove(target.name));
      for (const target of added) apply(() => set.add(target));
    }
    arrived();
    if (added.length > 0 || removed.length > 0) tell({ type: 'changed', added, removed });
  }

  /** One target that a balancer does not take must not keep others from it. */
  function apply(change: () => void): void {
    try {
      change();
    } catch (error) {
      reportError(error);
    }
  }
}
