import { type Cache, entries } from '../algorithms/cache.ts';
import { TinyLfuCache } from '../algorithms/tinylfu-cache.ts';
import { Batches } from '../core/batches.ts';
import { type Clock, systemClock } from '../core/clock.ts';
import { share } from '../core/dispose.ts';
import { RejectedError } from '../core/errors.ts';
import { emit, type Listener, reportError } from '../core/events.ts';
import { type Load, Loads } from '../core/loads.ts';
import { checked, duration, integer, made, object, objectWith, oneOf, shown, typed } from '../core/options.ts';
import type { Outcome } from '../core/outcome.ts';
import { pipeline } from '../core/pipeline.ts';
import type { CallOptions, Context, Milliseconds, Policy } from '../core/policy.ts';
import type { Scope } from '../core/scope.ts';
import { filledBehind, type PendingWrite, type WriteBehindOptions, WriteBuffer } from '../core/write-buffer.ts';
import { Write, Writes } from '../core/writes.ts';
import { bulkhead } from '../policies/bulkhead.ts';

/** At least one of `load` and `loadMany` must be given. */
export interface LoadThroughOptions<K, V> {
  /** Loads a value from the source. `undefined` is a value as any other. */
  load?: ((key: K, context: Context) => V | PromiseLike<V>) | undefined;
  /**
   * Loads the values of all keys that were asked for within one turn of the event loop: an array of one value for each
   * key, in their order, or an `Error` for one that could not be loaded. A single key goes to `load`, if there is one.
   */
  loadMany?:
    | ((keys: readonly K[], context: Context) => readonly (V | Error)[] | PromiseLike<readonly (V | Error)[]>)
    | undefined;
  /** Keys that `loadMany` gets at once. 1 or more. Default Infinity. */
  maxBatch?: number | undefined;
  /** Stores a value in the source. Without it, `set` changes the cache alone. */
  store?: ((key: K, value: V, context: Context) => unknown) | undefined;
  /** Deletes a key in the source. Without it, `delete` changes the cache alone. */
  delete?: ((key: K, context: Context) => unknown) | undefined;
  /**
   * `'through'`, the default: a write is sent to the source, and the cache has it when it has arrived. `'around'`: the
   * same, but the cache forgets the key. `'behind'`: a write is accepted at once, and sent later.
   */
  write?: 'through' | 'around' | 'behind' | undefined;
  /** Where `write` is `'behind'`. */
  behind?: WriteBehindOptions<K, V> | undefined;
  /** Where values are kept: a cache of your own, or how many entries one made here holds. Default `{ maxEntries: 10_000 }`. */
  cache?: Cache<K, V> | { maxEntries: number } | undefined;
  /** How long a value is kept. Default: as the cache says, for ever in one made here. */
  ttl?: Milliseconds | undefined;
  /** Round each call of the source: retries, a timeout, a breaker. A batch is one call. */
  pipeline?: Policy | undefined;
  clock?: Clock | undefined;
  /** Carried by events and errors. Default `'loadThrough'`. */
  name?: string | undefined;
  onEvent?: Listener<LoadThroughEvent<K>> | undefined;
}

/** What `loadThrough` tells. `pending`: keys whose writes are accepted, and have not arrived. */
export type LoadThroughEvent<K> = {
  readonly name: string;
  readonly key: K;
} /** A value was given without a load. */ & (
  | { readonly type: 'hit' }
  /** A call waits for a load, with so many others and itself. */
  | { readonly type: 'miss'; readonly waiting: number }
  /** A write has arrived. */
  | { readonly type: 'written'; readonly pending: number }
  /** A write has been given up. */
  | { readonly type: 'failed'; readonly error: unknown; readonly pending: number }
  /** A write has found no room in the buffer. */
  | { readonly type: 'full'; readonly pending: number }
);

/** A source of values, seen through a cache. */
export interface LoadThrough<K, V> extends AsyncDisposable {
  /** The value that is on its way to the source, or else the one in the cache, or else the one that is loaded. */
  get(key: K, options?: CallOptions): Promise<V>;
  /** All of them, in the order of the keys. Rejects with the first error there is. */
  getMany(keys: Iterable<K>, options?: CallOptions): Promise<V[]>;
  /** Resolves once the value is stored; where writes go behind, once it is accepted. */
  set(key: K, value: V, options?: CallOptions): Promise<void>;
  /** Resolves once the key is deleted; where writes go behind, once that is accepted. */
  delete(key: K, options?: CallOptions): Promise<void>;
  /** Takes a key out of the cache, and lets no load under way put it back: something else has changed the source. */
  forget(key: K): void;
  /** What is accepted and has not arrived, as of now: the latest write of each key. */
  readonly pending: Map<K, PendingWrite<K, V>>;
  /**
   * Sends at once what is accepted by now. Resolves when all of that has arrived; rejects with an `AggregateError` of what
   * was given up. Who aborts no longer waits; the writes go on.
   */
  flush(options?: CallOptions): Promise<void>;
  /** Turns away writes from now on, those that wait for room too, with a `RejectedError`, and does as `flush`. */
  close(options?: CallOptions): Promise<void>;
}

/**
 * Reads and writes a source through a cache, which so never holds what is older than the source: a load that began before
 * a write of its key ended is for those who asked for it, and is not kept. Calls that ask for a key while it is loaded
 * share that load, which is aborted when the last of them leaves. Errors are not kept. Writes of one key are sent one
 * after another; after one that failed the cache has forgotten the key, for nobody knows what has become of it.
 *
 * What is accepted and not written is in memory alone: a crash loses it.
 *
 * @example
 * const users = loadThrough({
 *   loadMany: (ids: readonly string[], { signal }) => db.users(ids, { signal }),
 *   store: (id, user) => db.save(id, user),
 * });
 * const [ada, grace] = await users.getMany(['ada', 'grace']);
 *
 * @throws {RejectedError} from a `get` or a write made by the very one it would wait for; from a write after `close`
 * @throws {TypeError} from a `get`, if `loadMany` gives anything but a result for each key
 * @throws {RangeError | TypeError} for options out of range, or unknown, or that do not go together
 */
export function loadThrough<K, V>(options: LoadThroughOptions<K, V>): LoadThrough<K, V> {
  const {
    load,
    loadMany,
    maxBatch = Infinity,
    store,
    delete: remove,
    write: mode = 'through',
    behind,
    cache: given = { maxEntries: 10_000 },
    ttl,
    pipeline: policy = pipeline(),
    clock = systemClock,
    name = 'loadThrough',
    onEvent,
  } = checked('loadThrough', options, {
    load: typed('function'),
    loadMany: typed('function'),
    maxBatch: integer(1),
    store: typed('function'),
    delete: typed('function'),
    write: oneOf('through', 'around', 'behind'),
    behind: object,
    cache: kept,
    ttl: duration,
    pipeline: objectWith('execute'),
    clock: objectWith('now', 'coarse', 'schedule'),
    name: typed('string'),
    onEvent: typed('function'),
  });
  if (!load && !loadMany) throw new TypeError('loadThrough: load or loadMany must be given');
  if (options.maxBatch !== undefined && !loadMany) throw new TypeError('loadThrough: maxBatch needs loadMany');
  if (options.write !== undefined && !store) throw new TypeError('loadThrough: write needs store');
  if (behind && mode !== 'behind') throw new TypeError("loadThrough: behind needs write: 'behind'");
  const limits = filledBehind('loadThrough: behind', behind);
  const cache = 'get' in given ? given : new TinyLfuCache<K, V>({ ...given, clock });
  /** Gives each call a scope: what a call says of itself, and who may stop it, is its affair. */
  const call = pipeline();
  const loads = new Loads<K>(name);
  /** Asked for by a write, of what is to be deleted: they do not wait for that, as it may wait for them. For nobody else. */
  const innerLoads = new Loads<K>(name);
  const batches = loadMany && new Batches<K>(maxBatch, loadAll);
  const writes = new Writes<K, V>({
    name,
    attended: pipeline(policy),
    unattended: pipeline(
      bulkhead({ maxConcurrent: limits.maxConcurrent, maxQueued: Infinity, ageing: 0, clock, name }),
      policy,
    ),
    send: ({ key, value, deleted }, context) => (deleted ? remove?.(key, context) : store?.(key, value as V, context)),
    changed: (key) => loads.letGo(key),
    settled,
  });
  const onFull = (key: K): void => onEvent && emit(onEvent, { type: 'full', name, key, pending: buffer.size });
  const buffer = new WriteBuffer<K, V>({ ...limits, name, clock, writes, onFull });
  let closing: Promise<void> | undefined;

  const get = (key: K, options?: CallOptions): Promise<V> =>
    call.execute((context) => read(key, context as Scope), options) as Promise<V>;
  const close = (options?: CallOptions): Promise<void> => call.execute(() => (closing ??= buffer.close()), options);
  return {
    get,
    // All keys are there before the first is asked for, and what is no list of them is a rejection.
    getMany: async (keys, options) => Promise.all([...keys].map((key) => get(key, options))),
    set: (key, value, options) =>
      call.execute((context) => (store ? send(new Write<K, V>(key, value, false), context) : put(key, value)), options),
    delete: (key, options) =>
      call.execute((context) => (remove ? send(new Write<K, V>(key, undefined, true), context) : forget(key)), options),
    forget,
    get pending() {
      const each = buffer.values();
      return new Map(each.map(({ key, value, deleted }) => [key, { key, value, deleted }]));
    },
    flush: (options) => call.execute(() => buffer.flush(), options),
    close,
    [Symbol.asyncDispose]: close,
  };

  function read(key: K, context: Scope): unknown {
    const write = buffer.get(key);
    if (write === undefined || !write.deleted) {
      const value = write === undefined ? cache.get(key) : write.value;
      if (value !== undefined || write !== undefined || cache.has(key)) {
        if (onEvent) emit(onEvent, { type: 'hit', name, key });
        return value;
      }
    }
    const those = write !== undefined && writes.hasInside(context) ? innerLoads : loads;
    if (those.has(key) && batches?.isAround(key, context)) {
      throw new RejectedError({ name, message: `the load of ${shown(key)} asks for what it loads` });
    }
    const present = those.find(key, context);
    const load = present ?? those.begin(key, context);
    const outcome = load.join(context);
    if (onEvent) emit(onEvent, { type: 'miss', name, key, waiting: load.waiting });
    if (present === undefined) {
      load.run((scope) => call.execute((inner) => loaded(key, load, inner as Scope), scope));
      load.starting = false;
    }
    return outcome;
  }

  async function loaded(key: K, current: Load, context: Scope): Promise<unknown> {
    // What the source gives for a key that is to be deleted only the source knows, when it is.
    for (let write = buffer.get(key); write !== undefined; write = buffer.get(key)) {
      if (!write.deleted) return write.value;
      if (writes.hasInside(context)) break;
      await buffer.hasten(write);
    }
    const undisturbed = !writes.has(key);
    const value = await (batches ? batches.ask(key, context) : loadOne(key, context));
    if (undisturbed && loads.counts(key, current)) keep(key, value as V);
    return value;
  }

  function loadOne(key: K, context: Context): Promise<unknown> {
    return policy.execute((inner) => load?.(key, inner), context);
  }

  async function loadAll(keys: readonly K[], context: Context): Promise<unknown> {
    const [first] = keys as readonly [K];
    if (load && keys.length === 1) return [await loadOne(first, context)];
    return policy.execute((inner) => loadMany?.(keys, inner) as unknown, context);
  }

  function send(write: Write<K, V>, context: Context): Promise<void> {
    if (closing !== undefined) throw new RejectedError({ name, message: 'closed' });
    return mode === 'behind' ? buffer.accept(write, context as Scope) : writes.through(write, context as Scope);
  }

  function settled(write: Write<K, V>, outcome: Outcome): void {
    const { key, value, deleted, begun } = write;
    buffer.leave(write);
    if (outcome.ok && !deleted && mode !== 'around') keep(key, value as V);
    // What was never sent has changed nothing.
    else if (begun) cache.delete(key);
    const pending = buffer.size;
    if (onEvent && outcome.ok) emit(onEvent, { type: 'written', name, key, pending });
    else if (onEvent && !outcome.ok) emit(onEvent, { type: 'failed', name, key, error: outcome.error, pending });
    if (!outcome.ok) buffer.giveUp(write, outcome.error);
  }

  function put(key: K, value: V): void {
    loads.letGo(key);
    keep(key, value);
  }

  function forget(key: K): void {
    loads.letGo(key);
    cache.delete(key);
  }

  function keep(key: K, value: V): void {
    // What the cache has is not to be disposed of by callers who were stopped with it on its way.
    share(value, Infinity);
    try {
      cache.set(key, value, ttl === undefined ? undefined : { ttl });
    } catch (error) {
      // A cache that fails to weigh a value does not undo that it was loaded or stored.
      reportError(error);
      cache.delete(key);
    }
  }
}

function kept(label: string, value: unknown): void {
  const isCache = made('{ maxEntries }, a new LruCache, or an object', 'get', 'has', 'set', 'delete');
  if (typeof value !== 'object' || value === null || 'get' in value) isCache(label, value);
  else {
    const { maxEntries } = checked(label, value as { maxEntries: number }, { maxEntries: entries });
    entries(`${label}: maxEntries`, maxEntries);
  }
}
