import { emit, type Listener } from '../core/events.ts';
import type { Keyed } from '../core/keyed.ts';
import { checked, typed } from '../core/options.ts';
import { pipeline } from '../core/pipeline.ts';
import type { CallOptions, Context, Policy, Task } from '../core/policy.ts';
import type { Scope } from '../core/scope.ts';
import { SharedWork } from '../core/shared-work.ts';

export interface CoalesceOptions<Key = string> {
  /** Carried by events. Default `'coalesce'`. */
  name?: string | undefined;
  onEvent?: Listener<CoalesceEvent<Key>> | undefined;
}

/** What coalescing tells. */
export interface CoalesceEvent<Key = string> {
  /** A call has found one of its key under way, and waits for that one's outcome. */
  readonly type: 'joined';
  readonly name: string;
  readonly key: Key;
  /** Calls that wait for it now. */
  readonly waiting: number;
}

/** A policy for each key, under which only one task runs at a time. */
export interface Coalesce<Key = string> extends Keyed<Key> {
  /** Keys whose task is running. */
  readonly size: number;
}

/**
 * Lets calls of one key that come while another is under way share that one's run: its task runs once, and all of them
 * get its value, or its error. The next call after that begins anew: nothing is kept (singleflight, as in Go's
 * golang.org/x/sync). Keys are told apart as a `Map` does.
 *
 * A caller who aborts, or whose time is up, leaves alone; when the last one leaves, the task's signal aborts with his
 * reason. What a call says of itself (its priority, its cost) counts if its task is the one that runs; its `deadline` is
 * the latest of all who wait.
 *
 * @example
 * const loads = coalesce();
 * const user = await loads.for(`user-${id}`).execute(({ signal }) => loadUser(id, { signal }));
 *
 * @throws {TypeError} for an option that is unknown or of a wrong type
 */
export function coalesce<Key = string>(options: CoalesceOptions<Key> = {}): Coalesce<Key> {
  const { name = 'coalesce', onEvent } = checked('coalesce', options, {
    name: typed('string'),
    onEvent: typed('function'),
  });
  const works = new Map<Key, SharedWork>();
  /** Gives each call a scope: what a call says of itself, and who may stop it, is its affair. */
  const call = pipeline();

  return {
    for(key) {
      const policy = {
        name,
        kind: 'coalesce',
        // A frame for each key would cost more than the calls it serves.
        execute: (task: Task<unknown>, options: CallOptions | Context = {}) =>
          call.execute((context) => share(key, task, context as Scope), options),
      };
      return policy as Policy;
    },
    get size() {
      return works.size;
    },
  };

  function share(key: Key, task: Task<unknown>, context: Scope): Promise<unknown> {
    const present = works.get(key);
    // Waiting for the work it is part of, it would wait for ever.
    if (present?.isAround(context)) return call.execute(task, context);
    const work =
      present ??
      new SharedWork(context, (ended) => {
        if (works.get(key) === ended) works.delete(key);
      });
    const outcome = work.join(context);
    if (present === undefined) {
      works.set(key, work);
      work.run((scope) => call.execute(task, scope));
    } else if (onEvent) emit(onEvent, { type: 'joined', name, key, waiting: work.waiting });
    return outcome;
  }
}
