import { checked, integer } from '../core/options.ts';
import type { Milliseconds } from '../core/policy.ts';
import { type BucketOptions, bucketChecks, bucketLimits, waitFor } from './bucket.ts';
import { checkCost, type KeyedMeter } from './meter.ts';

export interface KeyedGcraOptions extends BucketOptions {
  /** Keys that may be remembered at once: 1 to 2 ** 24. Default 1_000_000. */
  maxKeys?: number | undefined;
}

/**
 * A `gcra` for each key: of every key at most `burst + limit × stretch ÷ interval` are admitted in any stretch of time.
 *
 * A key takes a number and a place in a Map, and keys are compared as there. Once its bucket has filled up there is
 * nothing to remember, and it is forgotten, at most twice as long after it was last asked for as a bucket takes to fill,
 * or as two intervals if those are longer. Keys asked for are in the young one of two generations; when that is as old as
 * this it becomes the old one, and whatever the old one still held goes with it, all at once and without a search.
 *
 * ```text
 *   asked for ──→ young ──── asked for again ────╮
 *                   │                            │
 *               period over                      │
 *                   ↓                            │
 *                  old ──────────────────────────╯──→ young
 *                   │
 *               period over: full again, gone
 * ```
 *
 * While `maxKeys` are remembered a new key is refused, and its `retryAfter` is when some of them go: to forget one early
 * would give it its burst again, to anybody who sends keys enough.
 *
 * @example
 * const perAddress = keyedGcra({ limit: 5, interval: 1_000 });
 * const allowed = perAddress.tryAcquire('192.0.2.1', performance.now());
 *
 * @throws {TypeError | RangeError} for an option that is unknown, missing or out of range
 */
export function keyedGcra<Key = string>(options: KeyedGcraOptions): KeyedMeter<Key> {
  return new KeyedGcra(options);
}

class KeyedGcra<Key> implements KeyedMeter<Key> {
  readonly #limit: number;
  readonly #interval: Milliseconds;
  /** In tokens × milliseconds, as all levels: see `Bucket`. */
  readonly #capacity: number;
  readonly #maxKeys: number;
  /** What a bucket needs to fill up, or more. */
  readonly #period: Milliseconds;
  #young: Generation<Key> = new Generation();
  #old: Generation<Key> = new Generation();
  /** When the young generation began. Goes back with the clock. */
  #since: Milliseconds = Infinity;
  /** Of a key is kept what its level would have been then. Not long ago, so that little is rounded. */
  #origin: Milliseconds = 0;

  constructor(options: KeyedGcraOptions) {
    const { maxKeys, ...bucket } = checked('keyedGcra', options, { ...bucketChecks(), maxKeys: integer(1, 2 ** 24) });
    const { limit, interval, burst } = bucketLimits('keyedGcra', bucket);
    this.#limit = limit;
    this.#interval = interval;
    this.#capacity = burst * interval;
    this.#maxKeys = maxKeys ?? 1_000_000;
    this.#period = Math.max(interval, this.#capacity / limit);
  }

  get size(): number {
    return this.#young.size + this.#old.size;
  }

  tryAcquire(key: Key, now: Milliseconds, cost: number = 1): boolean {
    checkCost(cost);
    const price = cost * this.#interval;
    const gained = this.#gainedBy(now);
    const shard = this.#shardOf(key);
    const slot = shard.slots.get(key);
    if (slot !== undefined) {
      // Not `<`: a time that is NaN is refused, and changes nothing.
      if (!(shard.levelOf(slot, gained, this.#capacity) >= price)) return false;
      shard.charge(slot, price);
      return true;
    }
    if (price === 0) return true;
    if (this.size >= this.#maxKeys || !(price <= this.#capacity && gained < Infinity)) return false;
    shard.add(key, this.#capacity - gained - price);
    this.#young.size++;
    return true;
  }

  retryAfter(key: Key, now: Milliseconds, cost: number = 1): Milliseconds {
    checkCost(cost);
    const price = cost * this.#interval;
    if (price > this.#capacity) return Infinity;
    const gained = this.#gainedBy(now);
    const shard = this.#shardOf(key);
    const slot = shard.slots.get(key);
    if (slot !== undefined) {
      if (shard.levelOf(slot, gained, this.#capacity) >= price) return 0;
      return waitFor(price, shard.levels[slot] as number, this.#limit, this.#origin, now);
    }
    if (price === 0 || this.size < this.#maxKeys) return 0;
    const periods = this.#old.size > 0 ? 1 : 2;
    return waitFor(periods * this.#period, 0, 1, this.#since, now);
  }

  /** What a level has gained since the origin. Forgets first who can be forgotten. */
  #gainedBy(now: Milliseconds): number {
    const age = now - this.#since;
    if (age < 0 || age >= this.#period) this.#turn(now, age);
    return (now - this.#origin) * this.#limit;
  }

  #turn(now: Milliseconds, age: Milliseconds): void {
    this.#since = now;
    if (age >= this.#period) {
      this.#old = age >= 2 * this.#period ? new Generation() : this.#young;
      this.#young = new Generation();
    }
    if (this.size === 0) this.#origin = now;
  }

  /** Where the key is, or will be, among the young; an old one is moved there. */
  #shardOf(key: Key): Shard<Key> {
    const at = shardAt(key);
    const shard = (this.#young.shards[at] ??= new Shard());
    if (this.#old.size > 0) this.#recall(key, at, shard);
    return shard;
  }

  #recall(key: Key, at: number, shard: Shard<Key>): void {
    const old = this.#old.shards[at];
    const slot = old?.slots.get(key);
    if (old === undefined || slot === undefined) return;
    old.slots.delete(key);
    this.#old.size--;
    shard.add(key, old.levels[slot] as number);
    this.#young.size++;
  }
}

class Generation<Key> {
  size = 0;
  /** A Map of a million keys grows within 50 ms; so many smaller ones need less than one each. */
  readonly shards: (Shard<Key> | undefined)[] = new Array(128);
}

/** The levels of some of the keys: where in the row, a Map says. */
class Shard<Key> {
  readonly slots: Map<Key, number> = new Map();
  levels: Float64Array = new Float64Array(8);
  #length = 0;

  add(key: Key, level: number): void {
    if (this.#length === this.levels.length) {
      const longer = new Float64Array(2 * this.#length);
      longer.set(this.levels);
      this.levels = longer;
    }
    this.slots.set(key, this.#length);
    this.levels[this.#length++] = level;
  }

  /** Now. Never below 0: then the clock has stepped back, and an empty bucket is the most that is sure. */
  levelOf(slot: number, gained: number, capacity: number): number {
    let level = (this.levels[slot] as number) + gained;
    if (level > capacity) level = capacity;
    else if (level < 0) level = 0;
    else return level;
    this.levels[slot] = level - gained;
    return level;
  }

  charge(slot: number, price: number): void {
    this.levels[slot] = (this.levels[slot] as number) - price;
  }
}

/** The end of a string is where keys differ most. Keys of other kinds share one shard. */
function shardAt(key: unknown): number {
  if (typeof key === 'number') return key & 127;
  if (typeof key !== 'string') return 0;
  let hash = key.length;
  for (let i = Math.max(0, key.length - 8); i < key.length; i++) hash = Math.imul(hash, 31) + key.charCodeAt(i);
  return Math.imul(hash, 0x9e3779b1) >>> 25;
}
