import { shown } from './options.ts';
import type { Policy } from './policy.ts';

/**
 * A function of `fn`'s own signature, `this` included, each call of which runs under the policy.
 * Who needs the signal uses `policy.execute(({ signal }) => …)`.
 *
 * @example
 * const load = wrap(loadUsers, pipeline(retry(), timeout({ duration: 2_000 })));
 */
export function wrap<This, Args extends unknown[], Result, Added = never>(
  fn: (this: This, ...args: Args) => Result,
  policy: Policy<Added>,
): (this: This, ...args: Args) => Promise<Awaited<Result> | Added> {
  if (typeof fn !== 'function') throw new TypeError(`wrap: fn must be a function, got ${shown(fn)}`);
  if (typeof policy?.execute !== 'function')
    throw new TypeError(`wrap: policy must have a method execute, got ${shown(policy)}`);
  return function (...args) {
    return policy.execute(() => fn.apply(this, args) as Awaited<Result> | PromiseLike<Awaited<Result>>);
  };
}
