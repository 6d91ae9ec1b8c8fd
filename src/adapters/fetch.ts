import { exponential } from '../algorithms/backoff.ts';
import { prepare } from '../algorithms/request.ts';
import { parseRetryAfter } from '../algorithms/retry-after.ts';
import { isFromFetch, isTransient } from '../algorithms/transient.ts';
import { perKey } from '../compositions/per-key.ts';
import { cancelBody, followBody, tellingBody } from '../core/body.ts';
import { type Clock, systemClock } from '../core/clock.ts';
import { emit, type Listener } from '../core/events.ts';
import { held } from '../core/held.ts';
import { HttpError } from '../core/http-error.ts';
import { checked, duration, filled, object, objectWith, oneOf, typed } from '../core/options.ts';
import { isAbort } from '../core/outcome.ts';
import { pipeline } from '../core/pipeline.ts';
import type { CallOptions, Context, Milliseconds, Policy, Task } from '../core/policy.ts';
import type { Random } from '../core/random.ts';
import {
  type CircuitBreaker,
  type CircuitBreakerEvent,
  type CircuitBreakerOptions,
  circuitBreaker,
} from '../policies/circuit-breaker.ts';
import { type RetryEvent, type RetryOptions, retry } from '../policies/retry.ts';
import { type TimeoutEvent, timeout } from '../policies/timeout.ts';

export { HttpError, isTransient, parseRetryAfter };

/** Another implementation's `fetch`, such as undici's own, with requests and responses of types of its own. */
export type ForeignFetch = (
  input: never,
  init?: never,
) => Promise<{
  readonly status: number;
  readonly headers: { get(name: string): string | null };
  readonly body: unknown;
}>;

/** What the policies around a call tell; `name` says which of them. */
export type ResilientFetchEvent = RetryEvent | TimeoutEvent | CircuitBreakerEvent;

export interface ResilientFetchOptions<Fetch extends ForeignFetch = typeof globalThis.fetch> {
  /** What a call may take in all, with its retries and the waits between them. Default 30_000. */
  timeout?: Milliseconds | undefined;
  /** As those of `retry`, but for `backoff`: by default exponential, from 200 to 10_000, with full jitter. */
  retry?: RetryOptions | undefined;
  /** As those of `circuitBreaker`: each origin has a breaker of its own. `false`: none. */
  breaker?: CircuitBreakerOptions | false | undefined;
  /** What each try may take. Default: a third of `timeout`, at most 10_000, so that a try that hangs is not the last. */
  tryTimeout?: Milliseconds | undefined;
  /** A policy of your own in place of all of the above; giving both is an error. */
  pipeline?: Policy<Awaited<ReturnType<Fetch>>> | undefined;
  /** Rejects with an `HttpError` instead of giving a response with a status of 400 or more. Default false. */
  throwOnFailure?: boolean | undefined;
  /**
   * When a try is over. `'headers'`, the default: once `fetch` has given its response. `'body'`: once the body has been
   * read, cancelled, or has failed; until then timeouts go on, and bulkheads keep their slots.
   */
  holdUntil?: 'headers' | 'body' | undefined;
  /** What sends requests. Default: the global `fetch`, looked up at each try. */
  fetch?: Fetch | undefined;
  clock?: Clock | undefined;
  /** Chance, for the jitter of backoffs. */
  random?: Random | undefined;
  /** Carried by errors and events, which add which part of it speaks. Default `'resilientFetch'`. */
  name?: string | undefined;
  onEvent?: Listener<ResilientFetchEvent> | undefined;
}

/** What a `pipeline` stands in for. */
const replaced = ['timeout', 'retry', 'breaker', 'tryTimeout', 'random', 'onEvent'] as const;

/** Carries what must not be tried again through whatever retries; the caller gets its cause. */
class Final extends Error {
  readonly retryable = false;
}

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
    throwOnFailure = false,
    holdUntil = 'headers',
    fetch: own,
    clock = systemClock,
    name = 'resilientFetch',
  } = checked('resilientFetch', options, {
    timeout: duration,
    retry: object,
    breaker: (label, value) => value === false || object(label, value),
    tryTimeout: duration,
    pipeline: objectWith('execute'),
    throwOnFailure: typed('boolean'),
    holdUntil: oneOf('headers', 'body'),
    fetch: typed('function'),
    clock: objectWith('now', 'coarse', 'wall', 'schedule'),
    random: typed('function'),
    name: typed('string'),
    onEvent: typed('function'),
  });
  const guarded = options.pipeline === undefined ? standard(options, clock, name) : given(options, options.pipeline);
  const maxAttempts = options.pipeline === undefined ? (options.retry?.maxAttempts ?? 3) : Infinity;

  return async (...asked) => {
    const { method, url, origin, repeatable, input, init, signal, source } = prepare(...asked);
    const caller = signal ?? undefined;
    const tries: Try[] = [];
    let cloned = false;
    let only: Promise<Response> | undefined;

    const task = (context: Context): Promise<Response> => {
      if (repeatable) return attempt(context);
      // Whatever runs it once more gets what the first run came to.
      return only === undefined ? (only = attempt(context)) : only.then(refuse);
    };
    let result: unknown;
    try {
      const response = await guarded(task, caller && { signal: caller }, origin, repeatable);
      result = response;
      if (throwOnFailure && response.status >= 400) throw httpError(response, false);
      return response;
    } catch (error) {
      if (error instanceof Final) throw error.cause;
      if (!(error instanceof HttpError)) throw error;
      result = error.response;
      if (throwOnFailure || !tries.some(({ response }) => response === result)) throw error;
      return error.response;
    } finally {
      for (const { response, controller } of tries) {
        if (response !== result) cancelBody(response);
        else if (controller && caller) followBody(response, caller, controller);
      }
      if (cloned && source?.bodyUsed === false) cancelBody(source);
    }

    async function attempt(context: Context): Promise<Response> {
      // A retry has moved on: what the try before it gave is not wanted any more.
      while (tries.length > 0 && tries[0]?.attempt !== context.attempt) cancelBody((tries.shift() as Try).response);
      const response = await send(context);
      if (isTransient(response)) throw httpError(response, repeatable);
      const told = holdUntil === 'body' ? tellingBody(response) : undefined;
      return told === undefined ? response : held(told.response, told.done);
    }

    async function send({ signal, attempt }: Context): Promise<Response> {
      // A try's signal falls silent once the try is over; the caller's then still has to reach the body.
      const controller = caller && holdUntil === 'headers' ? new AbortController() : undefined;
      const abort = (): void => controller?.abort(signal.reason);
      signal.addEventListener('abort', abort);
      try {
        const again = source !== undefined && repeatable && attempt < maxAttempts;
        cloned ||= again;
        const fetch = own ?? globalThis.fetch;
        const response = await fetch(again ? source.clone() : input, { ...init, signal: controller?.signal ?? signal });
        if (signal.aborted) {
          cancelBody(response);
          throw signal.reason;
        }
        tries.push({ response, attempt, controller });
        return response;
      } catch (error) {
        const mayPass = signal.aborted || isTransient(error) || isFromFetch(error);
        const called = isAbort(error) && !signal.aborted;
        throw called || (repeatable && mayPass) ? error : new Final(name, { cause: error });
      } finally {
        signal.removeEventListener('abort', abort);
      }
    }

    function refuse(): never {
      throw new Final(name, { cause: new TypeError(`${name}: ${method} ${url} must not be sent twice`) });
    }

    function httpError(response: Response, retryable: boolean): HttpError {
      const wait = parseRetryAfter(response.headers, { now: clock.wall() });
      const message = `${method} ${url.replace(/[?#].*/s, '')} was answered ${response.status}`;
      return new HttpError({ name, message, response, retryable, retryAfter: wait });
    }
  };
}

/** A try that has got a response. */
interface Try {
  readonly response: Response;
  readonly attempt: number;
  /** Aborts its body. */
  readonly controller: AbortController | undefined;
}

/** Runs a task under what stands around each call. */
type Guarded = (
  task: Task<Response>,
  options: CallOptions | undefined,
  origin: string,
  repeatable: boolean,
) => Promise<Response>;

function given(options: ResilientFetchOptions, policy: Policy<Response>): Guarded {
  const both = replaced.find((option) => options[option] !== undefined);
  if (both !== undefined) throw new TypeError(`resilientFetch: pipeline and ${both} exclude each other`);
  return (task, call) => policy.execute(task, call);
}

function standard(options: ResilientFetchOptions, clock: Clock, name: string): Guarded {
  const { random, onEvent, breaker = {} } = options;
  const named = (of: string) => ({ clock, onEvent, name: `${name}.${of}` });
  const limit = (of: 'timeout' | 'tryTimeout', standard: Milliseconds): Policy =>
    timeout({ duration: options[of] ?? standard, ...named(of) });

  const total = limit('timeout', 30_000);
  const each = limit('tryTimeout', Math.min(10_000, (options.timeout ?? 30_000) / 3));
  const backoff = exponential({ initial: 200, max: 10_000 });
  const retries = filled(options.retry, { ...named('retry'), random, backoff });
  const heard = retries.onEvent;
  if (heard !== undefined) typed('function')('retry: onEvent', heard);
  const again = retry({
    ...retries,
    onEvent(event) {
      emit(heard, event);
      const { outcome } = event;
      if (event.type === 'retry' && !outcome.ok && outcome.error instanceof HttpError)
        cancelBody(outcome.error.response);
    },
  });
  const breakerOf = (origin: string): CircuitBreaker => {
    const options = filled(breaker === false ? undefined : breaker, { ...named('breaker'), random });
    return circuitBreaker({ ...options, name: `${options.name} ${origin}` });
  };
  // Bad options are told now, not at the first call.
  breakerOf('');
  const breakers = breaker === false ? undefined : perKey(breakerOf);
  const repeated = pipeline(total, again);

  return (task, call, origin, repeatable) => {
    const outside = repeatable ? repeated : total;
    const once = (context: Context): Promise<Response> => each.execute(task, context);
    if (breakers === undefined) return outside.execute(once, call);
    return outside.execute((context) => breakers.for(origin).execute(once, context), call);
  };
}
