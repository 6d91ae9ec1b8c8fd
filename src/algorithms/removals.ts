import { hear, reportError } from '../core/events.ts';
import type { RemovalReason } from './cache.ts';

/**
 * What left a cache and has not been told yet: kept until the cache's state is consistent, then told in order. What a
 * listener removes in its turn is told when it has returned, so that no listener is inside another.
 */
export class Removals<K, V> {
  private readonly onEvict: (key: K, value: V, reason: RemovalReason) => void;
  /** Key, value and reason of each. */
  private untold: unknown[] = [];
  /** The place of what is being told; -1: nothing is. */
  private at: number = -1;
  /** How many places there were before a listener was told of the first. */
  private begun: number = 0;

  constructor(onEvict: (key: K, value: V, reason: RemovalReason) => void) {
    this.onEvict = onEvict;
  }

  add(key: K, value: V, reason: RemovalReason): void {
    this.untold.push(key, value, reason);
  }

  tell(): void {
    const { untold, onEvict } = this;
    if (untold.length === 0 || this.at >= 0) return;
    this.begun = untold.length;
    for (this.at = 0; this.at < untold.length; this.at += 3) {
      const [key, value, reason] = untold.slice(this.at, this.at + 3) as [K, V, RemovalReason];
      try {
        hear(onEvict(key, value, reason));
      } catch (error) {
        reportError(error);
      }
    }
    this.untold = [];
    this.at = -1;
  }

  /**
   * Asked before a listener puts something in. All that had left before he was told may be told of, all that are there
   * twice, and a thousand more.
   *
   * @throws {RangeError} if it never ends: each insertion makes room, or is refused, for which the next one is told
   */
  check(factory: string, size: number): void {
    if (this.at <= this.begun + 3 * (1_000 + 2 * size)) return;
    throw new RangeError(`${factory}: onEvict puts in without end what it is told of`);
  }
}
