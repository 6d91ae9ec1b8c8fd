import { checked, integer, shown } from '../core/options.ts';
import type { Policy } from '../core/policy.ts';

export interface PerKeyOptions {
  /** Policies kept at once: 1 or more, `Infinity` for no bound. Default 10_000. */
  maxKeys?: number | undefined;
}

/** A policy of its own for each key. Also a `Keyed`, of what its policies may add. */
export interface PerKey<Key, P> {
  /** The policy of this key: the one made before, if it is still there. */
  for(key: Key): P;
  /** Policies kept. */
  readonly size: number;
}

/** How many policies that are not idle are passed over, in search of one to forget. */
const passes = 8;

/**
 * Makes a policy for each key when it is first asked for: a breaker for each host, a limit for each tenant. Keys are
 * told apart as a `Map` does: 0 and -0 are one key, `NaN` is a key, objects are themselves.
 *
 * When there are `maxKeys`, a new key takes the place of the one that was asked for least recently. A policy whose
 * member `idle` is false, such as a circuit breaker's that is open or has counted a call, is passed over for a while,
 * and the next one goes. Calls under way in a policy that is forgotten end as they would; the next call of its key
 * begins anew.
 *
 * @example
 * const breakers = perKey((host: string) => circuitBreaker({ name: host }));
 * const user = await breakers.for('example.com').execute(({ signal }) => fetch('https://example.com/user', { signal }));
 *
 * @throws {TypeError | RangeError} for an option that is unknown or out of range
 */
export function perKey<Key, P extends Policy<unknown>>(
  factory: (key: Key) => P,
  options: PerKeyOptions = {},
): PerKey<Key, P> {
  const { maxKeys = 10_000 } = checked('perKey', options, { maxKeys: integer(1) });
  if (typeof factory !== 'function')
    throw new TypeError(`perKey: the factory must be a function, got ${shown(factory)}`);
  /** In the order they were last asked for. */
  const policies = new Map<Key, P>();

  return {
    for(key) {
      let policy = policies.get(key);
      if (policy === undefined) {
        policy = factory(key);
        if (typeof policy?.execute !== 'function') throw new TypeError('perKey: the factory must return a policy');
        if (policies.size >= maxKeys) forgetOne();
      } else policies.delete(key);
      policies.set(key, policy);
      return policy;
    },
    get size() {
      return policies.size;
    },
  };

  function forgetOne(): void {
    let oldest: [Key] | undefined;
    let passed = 0;
    for (const [key, policy] of policies) {
      oldest ??= [key];
      if ((policy as { idle?: boolean }).idle !== false) return void policies.delete(key);
      if (++passed === passes) break;
    }
    if (oldest) policies.delete(oldest[0]);
  }
}
