import {
  type Around,
  type ForeignFetch,
  fetchPolicies,
  type GuardedFetchOptions,
  guardedFetch,
  guardedFetchChecks,
} from '../compositions/guarded-fetch.ts';
import { perKey } from '../compositions/per-key.ts';
import { type Clock, systemClock } from '../core/clock.ts';
import { checked, objectWith } from '../core/options.ts';
import { pipeline as row } from '../core/pipeline.ts';
import type { Context, Policy } from '../core/policy.ts';

export interface ResilientFetchOptions<Fetch extends ForeignFetch = typeof globalThis.fetch>
  extends GuardedFetchOptions<Fetch> {
  /** A policy of your own in place of timeouts, retry and breakers; giving both is an error. */
  pipeline?: Policy<Awaited<ReturnType<Fetch>>> | undefined;
}

/** What a `pipeline` stands in for. */
const replaced = ['timeout', 'retry', 'breaker', 'tryTimeout', 'random', 'onEvent'] as const;

/**
 * A `fetch` that tries again where that is safe and may help, does not wait for ever, and for a while leaves alone a
 * server that is down. It takes what `fetch` takes and gives what `fetch` gives, a response that failed for good too.
 * Around each call stand, the outermost first, a timeout for all of it, a retry, a circuit breaker for the origin, and
 * a timeout for each try.
 *
 * A failure is an error of the network, a timeout, or the status 408, 425, 429, 500, 502, 503 or 504, whose response
 * travels as an `HttpError` as far as the policies go. Sent again is what does nothing more when repeated: GET, HEAD,
 * OPTIONS, TRACE, PUT, DELETE, and what has an `Idempotency-Key`; unless the body is a stream. `Retry-After` is heeded.
 *
 * Source: RFC 9110, section 9.2.2, and The Idempotency-Key HTTP Header Field (IETF draft).
 *
 * @throws {TypeError} from a call, as `fetch` does: for bad input, or an error of the network that did not pass
 * @throws {TimeoutError} from a call: no response in time
 * @throws {CircuitOpenError} from a call: the origin is being left alone
 * @throws {HttpError} from a call, with `throwOnFailure`
 * @throws {RangeError | TypeError} for options out of range, or unknown
 *
 * @example
 * const get = resilientFetch({ timeout: 5_000, retry: { maxAttempts: 4 } });
 * const response = await get('https://api.example.com/users', { signal });
 */
export function resilientFetch(options?: ResilientFetchOptions): typeof globalThis.fetch;
export function resilientFetch<Fetch extends ForeignFetch>(
  options: ResilientFetchOptions<Fetch> & { fetch: Fetch },
): Fetch;
export function resilientFetch(options: ResilientFetchOptions = {}): typeof globalThis.fetch {
  const {
    pipeline,
    retry,
    clock = systemClock,
    name = 'resilientFetch',
  } = checked('resilientFetch', options, {
    ...guardedFetchChecks(),
    pipeline: objectWith('execute'),
  });
  const around = pipeline === undefined ? standard(options, clock, name) : given(options, pipeline);
  const maxAttempts = pipeline === undefined ? (retry?.maxAttempts ?? 3) : Infinity;
  return guardedFetch(options, name, maxAttempts, around);
}

function given(options: ResilientFetchOptions, policy: Policy<Response>): Around {
  const both = replaced.find((option) => options[option] !== undefined);
  if (both !== undefined) throw new TypeError(`resilientFetch: pipeline and ${both} exclude each other`);
  // In a frame, which takes out what is held for a policy that knows nothing of that.
  const framed = row(policy);
  return (send, call) => framed.execute((context) => send(context), call);
}

function standard(options: ResilientFetchOptions, clock: Clock, name: string): Around {
  const { outside, each, breakerOf } = fetchPolicies(options, clock, name);
  const breakers = breakerOf && perKey(breakerOf);

  return (send, call, { origin, repeatable }) => {
    const once = (context: Context): Promise<Response> => each.execute(send, context);
    if (breakers === undefined) return outside(repeatable).execute(once, call);
    return outside(repeatable).execute((context) => breakers.for(origin).execute(once, context), call);
  };
}
