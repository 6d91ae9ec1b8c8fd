import { duration } from '../core/options.ts';
import type { Milliseconds } from '../core/policy.ts';
import type { Random } from '../core/random.ts';

export interface FreshnessRules<K, V> {
  readonly ttl: Milliseconds | ((value: V, key: K) => Milliseconds) | undefined;
  readonly jitter: number;
  readonly staleWhileRevalidate: Milliseconds;
  readonly staleIfError: Milliseconds;
  readonly refreshAhead: number;
}

/** A century: an endless allowance from which what is left of a ttl can still be told. */
const longest: Milliseconds = 100 * 365 * 86_400_000;

/**
 * How long values are fresh, and what they are good for after that. A store keeps them for their ttl and the longest of
 * the allowances, so what it has left of one tells its age, and nothing else has to be remembered:
 *
 * ```text
 *   put in ├────── fresh ──────┤── stale while revalidate ──┤
 *          │                   ├────────── stale if error ───────────┤ gone
 *          │        ttl        │                grace                │
 *                       left > 0        left < 0
 * ```
 */
export class Freshness<K, V> {
  /** Whether values can be anything but fresh, or gone. */
  readonly matters: boolean;
  private readonly rules: FreshnessRules<K, V>;
  private readonly grace: Milliseconds;

  constructor(rules: FreshnessRules<K, V>) {
    const { staleWhileRevalidate, staleIfError, refreshAhead } = rules;
    this.rules = rules;
    this.grace = Math.min(Math.max(staleWhileRevalidate, staleIfError), longest);
    this.matters = this.grace > 0 || refreshAhead > 0;
  }

  /**
   * How long a store is to keep a value; `undefined`: as long as it likes.
   *
   * @throws {RangeError | TypeError} for a ttl that is none
   */
  keepFor(label: string, value: V, key: K, random: Random): Milliseconds | undefined {
    const { ttl, jitter } = this.rules;
    const lives = typeof ttl === 'function' ? ttl(value, key) : ttl;
    if (lives === undefined && this.grace === 0) return undefined;
    if (lives !== undefined) duration(label, lives);
    return (lives ?? Infinity) * (1 - jitter * random()) + this.grace;
  }

  /** How long a value is still fresh; below 0 since it is no more. */
  left(kept: Milliseconds | undefined): Milliseconds {
    return (kept ?? -Infinity) - this.grace;
  }

  /** Whether a value may be given without waiting for another one. */
  mayBeGiven(left: Milliseconds): boolean {
    return left > 0 || left > -this.rules.staleWhileRevalidate;
  }

  mayReplaceError(left: Milliseconds): boolean {
    return this.rules.staleIfError > 0 && left > -this.rules.staleIfError;
  }

  /** Whether it is time to load a value anew that took so long to load last time. */
  isDue(left: Milliseconds, took: Milliseconds, random: Random): boolean {
    const { refreshAhead } = this.rules;
    return left <= 0 || (refreshAhead > 0 && left < Infinity && -refreshAhead * took * Math.log(1 - random()) >= left);
  }
}
