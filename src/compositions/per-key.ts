import { type Clock, systemClock } from '../core/clock.ts';
import { reportError } from '../core/events.ts';
import { checked, duration, integer, objectWith, shown } from '../core/options.ts';
import type { Milliseconds, Policy } from '../core/policy.ts';

export interface PerKeyOptions {
  /** Policies kept at once: 1 or more, `Infinity` for no bound. Default 10_000. */
  maxKeys?: number | undefined;
  /**
   * How long a policy that nobody asks for is kept once it is idle. 0 or more. Default `Infinity`: until its place is
   * wanted.
   */
  maxIdle?: Milliseconds | undefined;
  clock?: Clock | undefined;
}

/** A policy of its own for each key. Also a `Keyed`, of what its policies may add. */
export interface PerKey<Key, P> {
  /** The policy of this key: the one made before, if it is still there. */
  for(key: Key): P;
  /** Policies kept. */
  readonly size: number;
}

/** A place in the line of policies, which ends in itself: `newer` than its end is the one asked for least recently. */
interface Place {
  older: Place;
  newer: Place;
}

interface Entry<Key, P> extends Place {
  readonly key: Key;
  readonly policy: P;
  /** When it was asked for last. */
  asked: Milliseconds;
}

/** How many policies each new key lets be looked at, in search of one to forget: now, or saved up for later. */
const looksForEach = 8;
/** How many may be looked at in one go, so that nobody is held up for long. */
const mostLooks = 1_000;

/**
 * Makes a policy for each key when it is first asked for: a breaker for each host, a limit for each tenant. Keys are
 * told apart as a `Map` does: 0 and -0 are one key, `NaN` is a key, objects are themselves.
 *
 * What is forgotten is what remembers nothing: a policy whose member `idle` is false, such as a circuit breaker's that
 * is open or has counted a call, or a pipeline's with such a breaker in it, is passed over. A policy without `idle` has
 * nothing to remember. When there are `maxKeys`, a new key takes the place of the idle policy that was asked for least
 * recently; and one that nobody has asked for in `maxIdle` goes, if it is idle, when others are asked for.
 *
 * The bound holds always. If none of those looked at is idle, the one asked for least recently goes all the same:
 * calls under way in it end as they would, and the next call of its key begins anew. Up to 1,000 are looked at, but no
 * more than 8 for each new key so far, so that a flood of keys costs time in proportion to their number. (Second chance,
 * after F. J. Corbató, A Paging Experiment with the Multics System, 1968.)
 *
 * @example
 * const breakers = perKey((host: string) => circuitBreaker({ name: host }), { maxIdle: 600_000 });
 * const user = await breakers.for('example.com').execute(({ signal }) => fetch('https://example.com/user', { signal }));
 *
 * @throws {TypeError | RangeError} for an option that is unknown or out of range
 */
export function perKey<Key, P extends Policy<unknown>>(
  factory: (key: Key) => P,
  options: PerKeyOptions = {},
): PerKey<Key, P> {
  const {
    maxKeys = 10_000,
    maxIdle = Infinity,
    clock = systemClock,
  } = checked('perKey', options, {
    maxKeys: integer(1),
    maxIdle: duration,
    clock: objectWith('now', 'coarse', 'schedule'),
  });
  if (typeof factory !== 'function')
    throw new TypeError(`perKey: the factory must be a function, got ${shown(factory)}`);
  // The order is kept beside the Map, whose first key is slow to find once many before it are gone.
  const entries = new Map<Key, Entry<Key, P>>();
  const end = {} as Place;
  end.older = end.newer = end;
  let looks = 0;

  return {
    for(key) {
      let now = 0;
      if (maxIdle < Infinity) forgetOld((now = clock.coarse()));
      const entry = entries.get(key) ?? add(key);
      entry.asked = now;
      moveToEnd(entry);
      return entry.policy;
    },
    get size() {
      return entries.size;
    },
  };

  function add(key: Key): Entry<Key, P> {
    const policy = factory(key);
    if (typeof policy?.execute !== 'function') throw new TypeError('perKey: the factory must return a policy');
    // The factory may itself have asked for the key.
    const made = entries.get(key);
    if (made !== undefined) return made;
    looks = Math.min(looks + looksForEach, entries.size, mostLooks);
    if (entries.size >= maxKeys) forgetOne();
    const entry = { key, policy, asked: 0 } as Entry<Key, P>;
    entry.older = entry.newer = entry;
    entries.set(key, entry);
    return entry;
  }

  function forgetOne(): void {
    const oldest = end.newer as Entry<Key, P>;
    for (let entry = oldest; looks > 0; entry = end.newer as Entry<Key, P>) {
      looks--;
      if (isIdle(entry.policy)) return forget(entry);
      // Out of the way of those behind it.
      moveToEnd(entry);
    }
    forget(oldest);
  }

  /** Two at a time: more than one new key brings. */
  function forgetOld(now: Milliseconds): void {
    for (let i = 0; i < 2 && end.newer !== end; i++) {
      const entry = end.newer as Entry<Key, P>;
      // After a step back of the clock nothing is kept for longer than its full time from now.
      entry.asked = Math.min(entry.asked, now);
      if (now - entry.asked < maxIdle) return;
      if (isIdle(entry.policy)) forget(entry);
      else moveToEnd(entry);
    }
  }

  function forget(entry: Entry<Key, P>): void {
    entries.delete(entry.key);
    unlink(entry);
  }

  function moveToEnd(entry: Entry<Key, P>): void {
    unlink(entry);
    entry.newer = end;
    entry.older = end.older;
    entry.older.newer = end.older = entry;
  }
}

function unlink({ older, newer }: Place): void {
  older.newer = newer;
  newer.older = older;
}

/** One that does not say has nothing to remember; one that fails to say may have. */
function isIdle(policy: Policy<unknown>): boolean {
  try {
    return (policy as { readonly idle?: boolean }).idle !== false;
  } catch (error) {
    reportError(error);
    return false;
  }
}
