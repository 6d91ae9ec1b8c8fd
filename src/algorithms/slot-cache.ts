import { duration } from '../core/options.ts';
import type { Milliseconds } from '../core/policy.ts';
import { type Cache, type CacheStats, type EntryOptions, entries, weight } from './cache.ts';
import { SlotStore } from './slot-store.ts';

/**
 * What all caches share above their `SlotStore`. One adds the order in which entries leave. It provides
 *
 * - `get`, of the same few lines in each class, so that each has its own place in the compiler's memory:
 *   ```ts
 *   let slot = this.slots.get(key);
 *   if (this.watched) slot = this.heed(key, slot);
 *   if (slot === undefined) return undefined;
 *   … the touch …
 *   return this.values[slot] as V;
 *   ```
 * - `touch(slot)`: used, or its value replaced
 * - `link(slot)`: a new entry; its key, value and weight are in place
 * - `unlink(slot, reason)`: it leaves, for whatever reason, or comes back at once by `link`; its key is still in place
 * - `victim()`: the slot that is to leave next, never asked of an empty cache, and not always obeyed. It may move entries
 *   about; what is remembered of those evicted belongs into `unlink`
 * - `ranked()`: all slots, the next victim last
 * - `grow(length)` and `reset()`, each calling super's: arrays of slots get longer; everything is forgotten
 *
 * and may override `arriving(key)`: a new key, before room is made for it; `bounded()`: another bound, before what is
 * above it leaves; `reweighed(slot, by)`: an entry in place has become heavier. Fields are set in constructors alone, all
 * of them, so that the instances of a class have one shape.
 */
export abstract class SlotCache<K, V> extends SlotStore<K, V> implements Cache<K, V> {
  abstract get(key: K): V | undefined;

  peek(key: K): V | undefined {
    this.settle();
    const slot = this.slots.get(key);
    return slot === undefined ? undefined : this.values[slot];
  }

  has(key: K): boolean {
    this.settle();
    return this.slots.has(key);
  }

  set(key: K, value: V, options?: EntryOptions): boolean {
    if (!this.plain || options !== undefined) return this.put(key, value, options, undefined);
    if (this.wheel !== undefined) this.catchUp();
    let slot = this.slots.get(key);
    if (slot === undefined) slot = this.insert(key, value, 1);
    else {
      this.values[slot] = value;
      this.touch(slot);
    }
    if (this.wheel !== undefined) this.start(this.wheel, slot, this.ttl);
    return true;
  }

  getOrInsert(key: K, make: (key: K) => V): V {
    let slot = this.slots.get(key);
    if (this.watched) slot = this.heed(key, slot);
    if (slot !== undefined) {
      this.touch(slot);
      return this.values[slot] as V;
    }
    const { arrivals } = this;
    const value = make(key);
    if (this.plain && this.wheel === undefined && arrivals === this.arrivals) this.insert(key, value, 1);
    else this.put(key, value, undefined, arrivals);
    return value;
  }

  delete(key: K): boolean {
    this.settle();
    const slot = this.slots.get(key);
    if (slot === undefined) return false;
    this.remove(slot, 'deleted');
    this.removals?.tell();
    return true;
  }

  clear(): void {
    this.catchUp();
    if (this.removals !== undefined) {
      for (const slot of this.slots.values()) {
        this.removals.add(this.keys[slot] as K, this.values[slot] as V, 'cleared');
      }
    }
    this.reset();
    this.removals?.tell();
  }

  remainingTtl(key: K): Milliseconds | undefined {
    this.settle();
    const slot = this.slots.get(key);
    if (slot === undefined) return undefined;
    return this.wheel === undefined ? Infinity : this.wheel.remaining(slot);
  }

  resize(bound: number): void {
    if (this.weigh === undefined) {
      entries(`${this.factory}: maxEntries`, bound);
      this.maxEntries = bound;
    } else {
      weight(`${this.factory}: maxWeight`, bound);
      this.maxWeight = bound;
    }
    this.catchUp();
    this.bounded();
    while (this.slots.size > this.maxEntries || this.total > this.maxWeight) this.remove(this.victim(), 'resized');
    this.removals?.tell();
  }

  get size(): number {
    this.settle();
    return this.slots.size;
  }

  get weight(): number {
    this.settle();
    return this.weigh === undefined ? this.slots.size : this.total;
  }

  get stats(): CacheStats | undefined {
    this.settle();
    return this.counts && { ...this.counts };
  }

  *[Symbol.iterator](): Generator<[K, V]> {
    this.settle();
    for (const key of Array.from(this.ranked(), (slot) => this.keys[slot] as K)) {
      this.settle();
      const slot = this.slots.get(key);
      if (slot !== undefined) yield [key, this.values[slot] as V];
    }
  }

  snapshot(): [key: K, value: V, age: Milliseconds, ttl: Milliseconds][] {
    this.settle();
    const { keys, values, wheel } = this;
    return Array.from(this.ranked(), (slot) => [
      keys[slot] as K,
      values[slot] as V,
      wheel === undefined ? 0 : wheel.age(slot),
      wheel === undefined ? Infinity : wheel.ttl(slot),
    ]);
  }

  restore(entries: Iterable<[key: K, value: V, age: Milliseconds, ttl: Milliseconds]>): void {
    for (const [key, value, age, kept] of [...entries].reverse()) {
      // JSON has no Infinity.
      const ttl = kept ?? Infinity;
      duration(`${this.factory}: age`, age);
      duration(`${this.factory}: ttl`, ttl);
      if (age >= ttl || !this.set(key, value, { ttl })) continue;
      const slot = this.slots.get(key);
      if (slot !== undefined && this.wheel !== undefined) this.wheel.start(slot, ttl, this.wheel.now - age);
    }
  }
}
