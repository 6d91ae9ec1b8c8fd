import { object, shown, typed } from '../core/options.ts';
import { rejectSoon } from '../core/promise.ts';
import { type CachePolicyOptions, cache } from '../policies/cache.ts';

export interface MemoizeOptions<Args extends unknown[], K, V> extends CachePolicyOptions<K, V> {
  /** What tells calls apart. Default the first argument, if there is no more than that. */
  key?: ((...args: Args) => K) | undefined;
}

/** A function that remembers what it gave. */
export interface Memoized<This, Args extends unknown[], Result> {
  (this: This, ...args: Args): Promise<Awaited<Result>>;
  /** Forgets what calls with these arguments gave, and will give if they are under way. */
  delete(...args: Args): void;
  /** Forgets all. */
  clear(): void;
}

/**
 * A function of `fn`'s own signature, `this` included, that remembers what each call gave, as `cache` does and with its
 * options: calls under way with the same key share one run, and errors are not remembered. The key is taken from the
 * arguments alone, so what it remembers is the same for every `this`.
 *
 * @example
 * const user = memoize(loadUser, { ttl: 60_000, staleIfError: 3_600_000 });
 * await user('ada');
 * user.delete('ada');
 *
 * @throws {TypeError} if `fn` takes several arguments and there is no `key`; so does a call with several
 * @throws {RangeError | TypeError} for options out of range, or unknown
 */
export function memoize<This, Args extends unknown[], Result, K = Args[0]>(
  fn: (this: This, ...args: Args) => Result,
  options: MemoizeOptions<Args, K, Awaited<Result>> = {},
): Memoized<This, Args, Result> {
  if (typeof fn !== 'function') throw new TypeError(`memoize: fn must be a function, got ${shown(fn)}`);
  object('memoize: options', options);
  const { key, name = 'memoize', ...rest } = options;
  if (key !== undefined) typed('function')('memoize: key', key);
  else if (fn.length > 1) throw severalArguments(fn.length);
  const results = cache<K, Awaited<Result>>({ name, ...rest });

  function memoized(this: This, ...args: Args): Promise<Awaited<Result>> {
    try {
      return results.for(keyOf(args)).execute(() => fn.apply(this, args) as Awaited<Result>);
    } catch (error) {
      return rejectSoon(error);
    }
  }
  return Object.assign(memoized, {
    delete: (...args: Args) => results.delete(keyOf(args)),
    clear: () => results.clear(),
  });

  function keyOf(args: Args): K {
    if (key !== undefined) return key(...args);
    // One that is left out of the key might be what makes the difference.
    if (args.length > 1) throw severalArguments(args.length);
    return args[0] as K;
  }
}

function severalArguments(count: number): TypeError {
  return new TypeError(`memoize: ${count} arguments need the option key, which says what tells calls apart`);
}
