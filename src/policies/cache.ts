import type { Budget } from '../algorithms/budgets.ts';
import { type Cache, entries, type RemovalReason } from '../algorithms/cache.ts';
import { EntryNotes } from '../algorithms/entry-notes.ts';
import { Freshness } from '../algorithms/freshness.ts';
import { LruCache } from '../algorithms/lru-cache.ts';
import { TinyLfuCache } from '../algorithms/tinylfu-cache.ts';
import { type Clock, systemClock } from '../core/clock.ts';
import { reclaim, share } from '../core/dispose.ts';
import { emit, type Listener } from '../core/events.ts';
import type { Keyed } from '../core/keyed.ts';
import { type Load, Loads } from '../core/loads.ts';
import { checked, duration, made, number, objectWith, typed } from '../core/options.ts';
import { classifyGuarded, failed } from '../core/outcome.ts';
import { pipeline } from '../core/pipeline.ts';
import type { CallOptions, Context, Milliseconds, Policy, Task } from '../core/policy.ts';
import { rejectSoon } from '../core/promise.ts';
import { type Random, systemRandom } from '../core/random.ts';
import { Scope } from '../core/scope.ts';

export interface CachePolicyOptions<K = string, V = unknown> {
  /**
   * Where values are kept: a cache of your own, whose `ttl` stays unset, or how many entries one made here holds.
   * Default: a `TinyLfuCache` of 10_000 entries.
   */
  store?: Cache<K, unknown> | { maxEntries: number } | undefined;
  /** How long a value is fresh, or a function that says so; 0 for never. Default Infinity: until its place is wanted. */
  ttl?: Milliseconds | ((value: V, key: K) => Milliseconds) | undefined;
  /** Shortens each ttl by a random share of it, at most this one, 0 to 1, so that not all end at once. Default 0. */
  jitter?: number | undefined;
  /** For how long after its ttl a value is still given, while a new one is loaded in the background. Default 0. */
  staleWhileRevalidate?: Milliseconds | undefined;
  /** For how long after its ttl a value is given in place of an error of the load. Default 0. */
  staleIfError?: Milliseconds | undefined;
  /** For how long a failure is remembered, and given to further calls without a load. Default 0: not at all. */
  errorTtl?: Milliseconds | undefined;
  /**
   * How eagerly a fresh value is loaded anew in the background before its ttl ends: the sooner the longer its load took;
   * 1 is right for most, above 1 is sooner. Default 0: never.
   */
  refreshAhead?: number | undefined;
  /** Bounds loads in the background, and retries and hedges that share it. Default none. */
  budget?: Budget | undefined;
  /** What `invalidateTag` knows a value by. */
  tags?: ((value: V, key: K) => readonly string[]) | undefined;
  /** Whether values that leave the cache are let go of by their `Symbol.asyncDispose` or `Symbol.dispose`. Default false. */
  dispose?: boolean | undefined;
  clock?: Clock | undefined;
  /** Chance, for `jitter` and `refreshAhead`. */
  random?: Random | undefined;
  /** Carried by events and errors. Default `'cache'`. */
  name?: string | undefined;
  onEvent?: Listener<CacheEvent<K>> | undefined;
}

/** What a cache tells. */
export type CacheEvent<K = string> = {
  readonly name: string;
  readonly key: K;
} /** A call got a fresh value, or a failure that is remembered. */ & (
  | { readonly type: 'hit' }
  /** A call waits for a load, with so many others and itself: 1 where it is its own. */
  | { readonly type: 'miss'; readonly waiting: number }
  /** A call got a value whose ttl is over; `error`: all who waited for the load that failed with it. */
  | { readonly type: 'stale'; readonly error?: unknown }
  /** A load in the background has given a new value. */
  | { readonly type: 'refreshed' }
  /** A load in the background has failed. */
  | { readonly type: 'failed'; readonly error: unknown }
  /** A load in the background was due, and the budget had nothing left for it. */
  | { readonly type: 'denied' }
  /** An entry has left the store that was made here, unasked. */
  | { readonly type: 'evicted'; readonly reason: RemovalReason }
);

/** A policy for each key, which gives the value that is kept, or runs the task and keeps what it gives. */
export interface CachePolicy<K = string> extends Keyed<K> {
  /** Forgets the value, the failure, and what a load under way will give: those who wait for that get it all the same. */
  delete(key: K): void;
  /** Keeps a value, which wins over whatever a load under way will give. */
  set(key: K, value: unknown): void;
  /** Does `delete` for each key whose value has this tag, and keeps no value with it that is being loaded now. */
  invalidateTag(tag: string): void;
  /** Does `delete` for all keys. */
  clear(): void;
  /** Where the values are. */
  readonly store: Cache<K, unknown>;
}

/** What is known of a load that has failed. */
interface Failure {
  readonly error: unknown;
}

type Run<K> = (key: K, task: Task<unknown>, options: CallOptions | Context | undefined) => Promise<unknown>;

/** The policy of a key, made for every call: as a class it costs half of what closures do. */
class KeyPolicy<K> {
  readonly kind = 'cache';
  readonly name: string;
  private readonly key: K;
  private readonly run: Run<K>;

  constructor(name: string, key: K, run: Run<K>) {
    this.name = name;
    this.key = key;
    this.run = run;
  }

  execute(task: Task<unknown>, options?: CallOptions | Context): Promise<unknown> {
    return this.run(this.key, task, options);
  }
}

const missing: unique symbol = Symbol('holdfast.missing');

/**
 * Keeps what tasks give, and runs a task only for what it has not got. A call whose key has a fresh value gets that, and
 * touches nothing else of what is inside. Calls that come while the key is being loaded wait for that load: it ends when
 * the last of them leaves. Errors are not kept, unless `errorTtl` says so; `undefined` is a value. Keys are told apart as
 * a `Map` does.
 *
 * What is loaded never takes the place of what is newer: after `delete` or `set` a load under way is for its callers alone.
 *
 * Loads in the background have no deadline and no caller who could end them. They follow RFC 5861 (M. Nottingham, *HTTP
 * Cache-Control Extensions for Stale Content*, 2010), and ahead of time XFetch (A. Vattani, F. Chierichetti,
 * K. Lowenstein, *Optimal Probabilistic Cache Stampede Prevention*, VLDB 2015): a hit loads anew where
 * −`refreshAhead` × the time the last load took × ln(a random number) is above what is left of the ttl.
 *
 * @example
 * const users = cache({ ttl: 60_000, staleWhileRevalidate: 30_000, staleIfError: 3_600_000 });
 * const user = await users.for(id).execute(({ signal }) => loadUser(id, { signal }));
 *
 * @throws {RejectedError} from a call made by the very load it would wait for
 * @throws {RangeError | TypeError} for options out of range, or unknown; from a call whose `ttl` gives what is none
 */
export function cache<K = string, V = unknown>(options: CachePolicyOptions<K, V> = {}): CachePolicy<K> {
  const {
    store: given = { maxEntries: 10_000 },
    ttl,
    jitter = 0,
    staleWhileRevalidate = 0,
    staleIfError = 0,
    errorTtl = 0,
    refreshAhead = 0,
    budget,
    tags,
    dispose = false,
    clock = systemClock,
    random = systemRandom,
    name = 'cache',
    onEvent,
  } = checked('cache', options, {
    store: stored,
    ttl: (label, value) => typeof value === 'function' || duration(label, value),
    jitter: number(0, 1),
    staleWhileRevalidate: duration,
    staleIfError: duration,
    errorTtl: duration,
    refreshAhead: number(0, Number.MAX_VALUE),
    budget: made('a budget such as retryBudget(), or an object', 'begin', 'tryRetry', 'end'),
    tags: typed('function'),
    dispose: typed('boolean'),
    clock: objectWith('now', 'coarse', 'schedule'),
    random: typed('function'),
    name: typed('string'),
    onEvent: typed('function'),
  });
  if (dispose && isCache(given))
    throw new TypeError(
      'cache: dispose and a store of your own exclude each other: its onEvict is told what leaves it',
    );
  const maxEntries = isCache(given) ? 10_000 : given.maxEntries;
  const store = isCache(given) ? given : own();
  const freshness = new Freshness<K, V>({ ttl, jitter, staleWhileRevalidate, staleIfError, refreshAhead });
  const failures = errorTtl > 0 ? new LruCache<K, Failure>({ maxEntries, ttl: errorTtl, clock }) : undefined;
  const notes = tags || refreshAhead > 0 ? new EntryNotes<K>((key) => store.has(key)) : undefined;
  const loads = new Loads<K>(name);
  /** Gives each call a scope: what a call says of itself, and who may stop it, is its affair. */
  const call = pipeline();

  return {
    for: (key) => new KeyPolicy(name, key, execute) as Policy,
    delete: forget,
    set(key, value) {
      loads.letGo(key);
      keep(key, value, 0);
    },
    invalidateTag(tag) {
      loads.invalidate(tag);
      for (const key of notes?.tagged(tag) ?? []) forget(key);
    },
    clear() {
      loads.letAllGo();
      failures?.clear();
      notes?.clear();
      store.clear();
    },
    store,
  };

  function execute(key: K, task: Task<unknown>, options: CallOptions | Context | undefined): Promise<unknown> {
    if (options !== undefined && !(options instanceof Scope && !options.ended)) {
      return call.execute((context) => {
        const value = recall(key, task, context);
        return value === missing ? wait(key, task, context as Scope) : value;
      }, options);
    }
    // The way of a hit, which is to cost no more than a look into the store.
    try {
      const value = recall(key, task, options);
      if (value !== missing) return Promise.resolve(value);
    } catch (error) {
      return rejectSoon(error);
    }
    return call.execute((context) => wait(key, task, context as Scope), options);
  }

  /** What may be given without a load. */
  function recall(key: K, task: Task<unknown>, context: Context | undefined): unknown {
    const value = store.get(key);
    if (value === undefined && !store.has(key)) return missing;
    const left = freshness.matters ? freshFor(key) : Infinity;
    if (!freshness.mayBeGiven(left)) return missing;
    if (freshness.matters && freshness.isDue(left, notes?.took(key) ?? 0, random)) refresh(key, task, context);
    if (onEvent) emit(onEvent, { type: left > 0 ? 'hit' : 'stale', name, key });
    return value;
  }

  /** Below 0 since its ttl is over. */
  function freshFor(key: K): Milliseconds {
    return freshness.left(store.remainingTtl(key));
  }

  /** Waits for a load that is under way, or begins one, unless the last one is remembered to have failed. */
  function wait(key: K, task: Task<unknown>, context: Scope): unknown {
    const present = loads.find(key, context);
    if (present === undefined) {
      const failure = failures?.get(key);
      if (failure !== undefined) {
        if (onEvent && !freshness.mayReplaceError(freshFor(key))) emit(onEvent, { type: 'hit', name, key });
        return instead(key, failure.error);
      }
    }
    const began = present === undefined ? start() : 0;
    const load = present ?? loads.begin(key, context);
    const outcome = load.join(context);
    if (onEvent) emit(onEvent, { type: 'miss', name, key, waiting: load.waiting });
    if (present === undefined) run(key, task, load, began);
    return outcome;
  }

  function refresh(key: K, task: Task<unknown>, context: Context | undefined): void {
    if (loads.has(key) || failures?.has(key)) return;
    if (budget === undefined || budget.tryRetry(clock.coarse())) {
      const began = start();
      run(key, task, loads.beginAside(key, context), began);
    } else if (onEvent) emit(onEvent, { type: 'denied', name, key });
  }

  /** Before anybody can join the load: should one of these throw, there is none. */
  function start(): Milliseconds {
    budget?.begin(clock.coarse());
    return refreshAhead > 0 ? clock.now() : 0;
  }

  function run(key: K, task: Task<unknown>, load: Load, began: Milliseconds): void {
    const { aside, invalid } = load;
    load.run((scope) =>
      call.execute(task, scope).then(
        (value) => {
          budget?.end(aside ? 1 : 0, 'success', clock.coarse());
          try {
            if (loads.counts(key, load)) keep(key, value, refreshAhead > 0 ? clock.now() - began : 0, invalid);
          } catch (error) {
            if (aside && onEvent) emit(onEvent, { type: 'failed', name, key, error });
            throw error;
          }
          if (aside && onEvent) emit(onEvent, { type: 'refreshed', name, key });
          return value;
        },
        (error) => {
          const verdict = classifyGuarded(failed(error), scope);
          budget?.end(aside ? 1 : 0, verdict, clock.coarse());
          if (aside && onEvent) emit(onEvent, { type: 'failed', name, key, error });
          if (!loads.counts(key, load)) throw error;
          if (verdict === 'failure') failures?.set(key, { error });
          if (aside && load.waiting === 1) throw error;
          return instead(key, error);
        },
      ),
    );
    load.starting = false;
  }

  /** The value that may be given in place of the error, or else the error. */
  function instead(key: K, error: unknown): unknown {
    if (!freshness.mayReplaceError(freshFor(key))) throw error;
    emit(onEvent, { type: 'stale', name, key, error });
    return store.peek(key);
  }

  function keep(key: K, value: unknown, took: Milliseconds, invalid?: ReadonlySet<string>): void {
    const labels = tags?.(value as V, key) ?? [];
    if (invalid && labels.some((tag) => invalid.has(tag))) return;
    const ttl = freshness.keepFor(`${name}: ttl`, value as V, key, random);
    failures?.delete(key);
    // What the cache has is not to be disposed of by callers who were stopped with it on its way.
    share(value, Infinity);
    store.set(key, value, ttl === undefined ? undefined : { ttl });
    notes?.set(key, took, labels);
  }

  function forget(key: K): void {
    loads.letGo(key);
    failures?.delete(key);
    notes?.delete(key);
    store.delete(key);
  }

  function own(): Cache<K, unknown> {
    const onEvict = (key: K, value: unknown, reason: RemovalReason): void => {
      if (onEvent && (reason === 'evicted' || reason === 'expired'))
        emit(onEvent, { type: 'evicted', name, key, reason });
      // What took its own place is still there.
      if (dispose && store.peek(key) !== value) reclaim(value);
    };
    return new TinyLfuCache<K, unknown>({
      maxEntries,
      clock,
      random,
      onEvict: dispose || onEvent ? onEvict : undefined,
    });
  }
}

const methods = ['peek', 'has', 'set', 'delete', 'clear', 'remainingTtl'];

function isCache<K>(store: Cache<K, unknown> | { maxEntries: number }): store is Cache<K, unknown> {
  return 'get' in store;
}

function stored(label: string, value: unknown): void {
  if (typeof value !== 'object' || value === null || isCache(value as { maxEntries: number }))
    made('{ maxEntries }, a new LruCache, or an object', ...methods)(label, value);
  else {
    const { maxEntries } = checked(label, value as { maxEntries: number }, { maxEntries: entries });
    entries(`${label}: maxEntries`, maxEntries);
  }
}
