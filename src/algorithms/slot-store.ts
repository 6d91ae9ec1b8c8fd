import { type Clock, systemClock } from '../core/clock.ts';
import { type Check, checked, duration } from '../core/options.ts';
import type { Milliseconds } from '../core/policy.ts';
import {
  type CacheOptions,
  cacheChecks,
  type EntryOptions,
  mostEntries,
  oneBound,
  type RemovalReason,
} from './cache.ts';
import { ExpiryWheel } from './expiry-wheel.ts';
import { Removals } from './removals.ts';
import { blank, firstLength, longer, longerFloats } from './slot-arrays.ts';

/**
 * How all caches hold their entries: a `Map` from keys to slots, and for each slot a key, a value and what else is asked
 * for, each in an array of its own. Slots count from 1, so that 0 is a list's end in arrays of links. Room is made before
 * an entry comes in, and who listens to removals is told when all is done. `SlotCache` says what a cache adds.
 */
export abstract class SlotStore<K, V> {
  protected slots: Map<K, number> = new Map();
  protected keys: (K | undefined)[] = blank(firstLength);
  protected values: (V | undefined)[] = blank(firstLength);
  /** Empty unless there is `weigh`: see `weightOf`. */
  protected weights: Float64Array = new Float64Array(0);
  /** Whether a `get` has to `heed` more than its order. */
  protected watched: boolean;
  protected maxEntries: number;
  /** Infinity without `weigh`. */
  protected maxWeight: number;
  /** The sum of weights; 0 without `weigh`. */
  protected total: number = 0;

  protected readonly factory: string;
  protected readonly clock: Clock;
  protected readonly ttl: Milliseconds;
  private readonly renewing: boolean;
  /** Whether a `get` is to be noted: counted, or the beginning of a ttl. */
  private readonly noting: boolean;
  protected readonly weigh: ((value: V, key: K) => number) | undefined;
  /** There if anybody listens. */
  protected readonly removals: Removals<K, V> | undefined;
  protected readonly counts: { hits: number; misses: number; evictions: number; expirations: number } | undefined;
  /** There once any ttl has been seen. */
  protected wheel: ExpiryWheel | undefined = undefined;
  /** What the clock said last. NaN: something is due whatever it says. */
  private reading: Milliseconds = Number.NaN;
  /** Whether a `set` has nothing to weigh or to tell. */
  protected readonly plain: boolean;
  /** Whether an eviction has nothing to weigh, to tell or to count. */
  private readonly simple: boolean;
  /** The highest slot ever taken, and those below it that are not. */
  private used: number = 0;
  private free: number[] = [];
  /** Says whether a key has come in since somebody looked. */
  protected arrivals: number = 0;

  protected constructor(factory: string, options: CacheOptions<K, V>, more: { readonly [name: string]: Check } = {}) {
    const { maxEntries, maxWeight, weigh, ttl, ttlFrom, clock, stats, onEvict }: CacheOptions<K, V> = checked(
      factory,
      options,
      { ...cacheChecks(), ...more },
    );
    oneBound(factory, { maxEntries, maxWeight, weigh });
    this.factory = factory;
    this.maxEntries = maxEntries ?? mostEntries;
    this.maxWeight = maxWeight ?? Infinity;
    this.weigh = weigh;
    this.clock = clock ?? systemClock;
    this.ttl = ttl ?? Infinity;
    this.renewing = ttlFrom === 'access';
    this.removals = onEvict && new Removals(onEvict);
    this.counts = stats ? { hits: 0, misses: 0, evictions: 0, expirations: 0 } : undefined;
    this.noting = stats === true || this.renewing;
    this.watched = this.noting;
    this.plain = weigh === undefined && onEvict === undefined;
    this.simple = this.plain && !stats;
    if (weigh !== undefined) this.weights = new Float64Array(firstLength);
    if (this.ttl < Infinity) this.keepTime();
  }

  protected abstract touch(slot: number): void;
  protected abstract link(slot: number): void;
  protected abstract unlink(slot: number, reason: RemovalReason): void;
  protected abstract victim(): number;
  protected abstract ranked(): ArrayLike<number>;

  protected arriving(_key: K): void {}
  protected bounded(): void {}
  protected reweighed(_slot: number, _by: number): void {}

  protected weightOf(slot: number): number {
    return this.weigh === undefined ? 1 : (this.weights[slot] as number);
  }

  /** A `get` where there is a ttl or statistics. @returns the slot, unless it has expired */
  protected heed(key: K, found: number | undefined): number | undefined {
    // Short, so that the compiler puts it into each `get`.
    const slot = this.wheel !== undefined && this.clock.coarse() !== this.reading ? this.settled(key) : found;
    if (this.noting) this.note(slot);
    return slot;
  }

  private settled(key: K): number | undefined {
    this.settle();
    return this.slots.get(key);
  }

  private note(slot: number | undefined): void {
    if (slot !== undefined && this.renewing) this.wheel?.renew(slot);
    if (this.counts === undefined) return;
    if (slot === undefined) this.counts.misses++;
    else this.counts.hits++;
  }

  /** @param arrivals as they were when the key was known not to be there */
  protected put(key: K, value: V, options: EntryOptions | undefined, arrivals: number | undefined): boolean {
    this.removals?.check(this.factory, this.slots.size);
    const ttl = options?.ttl ?? this.ttl;
    if (!(ttl >= 0) || typeof ttl !== 'number') duration(`${this.factory}: ttl`, ttl);
    const weight = this.weighed(key, value, options?.weight);
    if (ttl < Infinity && this.wheel === undefined) this.keepTime();
    this.catchUp();
    let slot = arrivals === this.arrivals ? undefined : this.slots.get(key);
    if (!(weight > 0 && weight <= this.maxWeight)) {
      if (slot !== undefined) this.remove(slot, 'replaced');
      this.removals?.add(key, value, 'refused');
      this.removals?.tell();
      return false;
    }
    if (slot === undefined) slot = this.insert(key, value, weight);
    else this.replace(slot, value, weight);
    if (this.wheel !== undefined) this.start(this.wheel, slot, ttl);
    this.removals?.tell();
    return true;
  }

  protected start(wheel: ExpiryWheel, slot: number, ttl: Milliseconds): void {
    // Too short for the clock to tell: found due though it says the same again.
    if (wheel.start(slot, ttl)) this.reading = Number.NaN;
  }

  private weighed(key: K, value: V, given: number | undefined): number {
    if (this.weigh === undefined) {
      if (given === undefined) return 1;
      throw new TypeError(`${this.factory}: an entry has no weight without maxWeight`);
    }
    const weight: unknown = given ?? this.weigh(value, key);
    return typeof weight === 'number' ? weight : Number.NaN;
  }

  /** The key is not there. */
  protected insert(key: K, value: V, weight: number): number {
    this.arriving(key);
    const slot = this.simple && this.slots.size === this.maxEntries ? this.inherited() : this.vacant(weight);
    this.slots.set(key, slot);
    // As in a Map, -0 is 0.
    this.keys[slot] = (key as unknown) === 0 ? (0 as K) : key;
    this.values[slot] = value;
    if (this.weigh !== undefined) {
      this.weights[slot] = weight;
      this.total += weight;
    }
    this.arrivals = (this.arrivals + 1) | 0;
    this.link(slot);
    return slot;
  }

  /** The slot of who leaves, where nobody has to know: neither emptied first nor put among the free. */
  private inherited(): number {
    const slot = this.victim();
    this.slots.delete(this.keys[slot] as K);
    this.unlink(slot, 'evicted');
    this.wheel?.stop(slot);
    return slot;
  }

  private vacant(weight: number): number {
    while (this.slots.size >= this.maxEntries || this.total + weight > this.maxWeight) {
      this.remove(this.victim(), 'evicted');
    }
    return this.take();
  }

  private replace(slot: number, value: V, weight: number): void {
    this.removals?.add(this.keys[slot] as K, this.values[slot] as V, 'replaced');
    this.values[slot] = value;
    this.touch(slot);
    if (this.weigh === undefined) return;
    const by = weight - (this.weights[slot] as number);
    if (by === 0) return;
    this.weights[slot] = weight;
    this.total += by;
    this.reweighed(slot, by);
    let linked = true;
    // Sums of fractions are not exact: the last one is never asked to make room for itself.
    while (this.total > this.maxWeight && this.slots.size > 1) {
      const victim = this.victim();
      if (victim !== slot) this.remove(victim, 'evicted');
      else {
        // Its own turn: it is put aside until others have made room, so that it is there when `set` says so.
        this.unlink(slot, 'replaced');
        linked = false;
      }
    }
    if (!linked) this.link(slot);
  }

  private take(): number {
    const slot = this.free.pop();
    if (slot !== undefined) return slot;
    const { length } = this.keys;
    if (++this.used === length) this.grow(Math.min(2 * length, this.maxEntries + 1));
    return this.used;
  }

  protected grow(length: number): void {
    this.keys = longer(this.keys, length);
    this.values = longer(this.values, length);
    if (this.weigh !== undefined) this.weights = longerFloats(this.weights, length);
    this.wheel?.grow(length);
  }

  protected remove(slot: number, reason: RemovalReason): void {
    const key = this.keys[slot] as K;
    this.slots.delete(key);
    this.unlink(slot, reason);
    this.wheel?.stop(slot);
    this.removals?.add(key, this.values[slot] as V, reason);
    if (this.counts !== undefined) {
      if (reason === 'evicted' || reason === 'resized') this.counts.evictions++;
      else if (reason === 'expired') this.counts.expirations++;
    }
    // An empty cache weighs 0, whatever sums of fractions say.
    if (this.weigh !== undefined) this.total = this.slots.size === 0 ? 0 : this.total - (this.weights[slot] as number);
    this.keys[slot] = undefined;
    this.values[slot] = undefined;
    this.free.push(slot);
  }

  protected reset(): void {
    this.slots = new Map();
    this.keys = blank(firstLength);
    this.values = blank(firstLength);
    if (this.weigh !== undefined) this.weights = new Float64Array(firstLength);
    this.total = 0;
    this.used = 0;
    this.free = [];
    if (this.wheel !== undefined) this.keepTime();
  }

  private keepTime(): void {
    this.reading = this.clock.coarse();
    this.wheel = new ExpiryWheel(this.keys.length, this.reading);
    this.watched = true;
  }

  /** What has expired leaves. */
  protected catchUp(): void {
    if (this.wheel !== undefined && this.clock.coarse() !== this.reading) this.expire(this.wheel);
  }

  private expire(wheel: ExpiryWheel): void {
    this.reading = this.clock.coarse();
    for (const slot of wheel.advance(this.reading)) this.remove(slot, 'expired');
  }

  protected settle(): void {
    this.catchUp();
    this.removals?.tell();
  }
}
