import type { Clock } from '../core/clock.ts';
import { type Check, duration, integer, objectWith, oneOf, positive, typed } from '../core/options.ts';
import type { Milliseconds } from '../core/policy.ts';
import type { Random } from '../core/random.ts';

/**
 * Why an entry left: `evicted` to make room, `expired` by its ttl, `replaced` by a newer value of its key, `deleted`,
 * `cleared` with all others, `refused` because its weight is not above 0 or above the maximum, `resized` to fit a smaller bound.
 */
export type RemovalReason = 'evicted' | 'expired' | 'replaced' | 'deleted' | 'cleared' | 'refused' | 'resized';

/** Exactly one of `maxEntries` and `maxWeight` must be given. */
export interface CacheOptions<K, V> {
  /** Entries held at most: 1 to 8_388_608, as many as V8's `Map` can hold while they come and go. */
  maxEntries?: number | undefined;
  /** The sum of weights held at most, above 0. There are never more than 8_388_608 entries. */
  maxWeight?: number | undefined;
  /** What an entry weighs, above 0, in the unit of `maxWeight`. Asked once for each `set` that does not say. */
  weigh?: ((value: V, key: K) => number) | undefined;
  /** How long an entry lives that was not given a ttl of its own. Default Infinity. */
  ttl?: Milliseconds | undefined;
  /** What a ttl counts from: the last `set`, or the last `get` too. Default 'write'. */
  ttlFrom?: 'write' | 'access' | undefined;
  /** Its `coarse()` is read once an operation, where there is any ttl. Default the system's: one time for each turn of the event loop. */
  clock?: Clock | undefined;
  /** Chance, for caches that use any. */
  random?: Random | undefined;
  /** Whether `stats` counts. Default false. */
  stats?: boolean | undefined;
  /**
   * Told of each removal once, when the cache has changed: it may call back into it. What it throws goes to
   * `onListenerError`.
   */
  onEvict?: ((key: K, value: V, reason: RemovalReason) => void) | undefined;
}

/** What a cache has counted since it was made. */
export interface CacheStats {
  /** Calls of `get` and `getOrInsert` that found an entry. */
  readonly hits: number;
  /** Those that found none. */
  readonly misses: number;
  /** Entries that left for want of room. */
  readonly evictions: number;
  /** Entries whose ttl ended. */
  readonly expirations: number;
}

/** What `set` may say of one entry. */
export interface EntryOptions {
  /** How long it lives, instead of the cache's `ttl`. 0: it has expired at once; Infinity: it never does. */
  ttl?: Milliseconds | undefined;
  /** What it weighs, instead of asking `weigh`. */
  weight?: number | undefined;
}

/**
 * A bounded map that forgets. Keys are compared as `Map` does, and `undefined` is a value as any other.
 *
 * Iteration goes from what will stay longest to the next victim, in the order there was when it began. Changes on the
 * way are safe: each key comes at most once, with its value of then; what left meanwhile or came in is left out.
 */
export interface Cache<K, V> extends Iterable<[K, V]> {
  /** The value, which counts as a use. */
  get(key: K): V | undefined;
  /** The value, which does not count. */
  peek(key: K): V | undefined;
  /** Whether there is an entry, which does not count as a use. */
  has(key: K): boolean;
  /**
   * Puts in a value, in place of the key's former one, and makes room for it.
   *
   * @returns false if it was refused for its weight, not above 0 or above the maximum: the key has no entry then
   * @throws {RangeError} for a ttl that is not a number from 0 on
   * @throws {TypeError} for a `weight` where there is no `maxWeight`
   */
  set(key: K, value: V, options?: EntryOptions): boolean;
  /** The value, made and put in if there was none. A `make` that throws changes nothing. */
  getOrInsert(key: K, make: (key: K) => V): V;
  /** @returns whether there was an entry */
  delete(key: K): boolean;
  clear(): void;
  /** Until the entry expires: Infinity without a ttl, undefined without an entry. */
  remainingTtl(key: K): Milliseconds | undefined;
  /**
   * Sets the bound, `maxEntries` or `maxWeight`, and lets go of what is above it.
   *
   * @throws {TypeError | RangeError} as at construction
   */
  resize(bound: number): void;
  readonly size: number;
  /** The sum of the weights. Without `weigh` each entry weighs 1. */
  readonly weight: number;
  /** Undefined unless `stats` was set. */
  readonly stats: CacheStats | undefined;
  /**
   * The entries in the order of iteration, with their age and ttl, so that they can be restored on another clock. The
   * age is counted from where the ttl is; it is 0 in a cache that has never seen a ttl.
   */
  snapshot(): [key: K, value: V, age: Milliseconds, ttl: Milliseconds][];
  /** Puts in what a snapshot holds, but for what has expired, so that its order is what it was. */
  restore(entries: Iterable<[key: K, value: V, age: Milliseconds, ttl: Milliseconds]>): void;
}

/** V8's `Map` takes 2 ** 24 entries, those counted that were deleted since its last rehash: half of it can be alive. */
export const mostEntries: number = 2 ** 23;

/** @throws {TypeError | RangeError} saying why there cannot be more */
export function entries(label: string, value: unknown): void {
  integer(1, Number.MAX_SAFE_INTEGER)(label, value);
  if ((value as number) > mostEntries) {
    throw new RangeError(`${label} must be at most ${mostEntries}, got ${value}: V8's Map holds no more in churn`);
  }
}

export const weight: Check = /* @__PURE__ */ positive(Number.MAX_SAFE_INTEGER);

export function cacheChecks(): { readonly [Name in keyof CacheOptions<unknown, unknown>]-?: Check } {
  return {
    maxEntries: entries,
    maxWeight: weight,
    weigh: typed('function'),
    ttl: duration,
    ttlFrom: oneOf('write', 'access'),
    clock: objectWith('coarse'),
    random: typed('function'),
    stats: typed('boolean'),
    onEvict: typed('function'),
  };
}

/** @throws {TypeError} unless there is one bound, and `weigh` where it is a weight */
export function oneBound(factory: string, options: CacheOptions<never, never>): void {
  const { maxEntries, maxWeight, weigh } = options;
  if ((maxEntries === undefined) === (maxWeight === undefined)) {
    throw new TypeError(`${factory}: exactly one of maxEntries and maxWeight must be given`);
  }
  if ((maxWeight === undefined) !== (weigh === undefined)) {
    throw new TypeError(`${factory}: maxWeight and weigh must be given together`);
  }
}
