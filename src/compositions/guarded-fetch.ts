import { exponential } from '../algorithms/backoff.ts';
import { addressed, type Preparation, prepare } from '../algorithms/request.ts';
import { parseRetryAfter } from '../algorithms/retry-after.ts';
import { isFromFetch, isTransient } from '../algorithms/transient.ts';
import { cancelBody, followBody, tellingBody } from '../core/body.ts';
import { type Clock, systemClock } from '../core/clock.ts';
import { TimeoutError } from '../core/errors.ts';
import { emit, type Listener } from '../core/events.ts';
import { held } from '../core/held.ts';
import { HttpError } from '../core/http-error.ts';
import { type Check, duration, filled, object, objectWith, oneOf, typed } from '../core/options.ts';
import { isAbort } from '../core/outcome.ts';
import { pipeline } from '../core/pipeline.ts';
import type { CallOptions, Context, Milliseconds, Policy } from '../core/policy.ts';
import type { Random } from '../core/random.ts';
import {
  type CircuitBreaker,
  type CircuitBreakerEvent,
  type CircuitBreakerOptions,
  circuitBreaker,
} from '../policies/circuit-breaker.ts';
import { type RetryEvent, type RetryOptions, retry } from '../policies/retry.ts';
import { type TimeoutEvent, timeout } from '../policies/timeout.ts';

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

/** What all that stands in for `fetch` can be told. */
export interface GuardedFetchOptions<Fetch extends ForeignFetch = typeof globalThis.fetch> {
  /** What a call may take in all, with its retries and the waits between them. Default 30_000. */
  timeout?: Milliseconds | undefined;
  /** As those of `retry`, but for `backoff`: by default exponential, from 200 to 10_000, with full jitter. */
  retry?: RetryOptions | undefined;
  /** As those of `circuitBreaker`: each origin has a breaker of its own. `false`: none. */
  breaker?: CircuitBreakerOptions | false | undefined;
  /** What each try may take. Default: a third of `timeout`, at most 10_000, so that a try that hangs is not the last. */
  tryTimeout?: Milliseconds | undefined;
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
  /** Carried by errors and events, which add which part of it speaks. Default: the name of the function that makes it. */
  name?: string | undefined;
  onEvent?: Listener<ResilientFetchEvent> | undefined;
}

export function guardedFetchChecks(): { readonly [Name in keyof GuardedFetchOptions]-?: Check } {
  return {
    timeout: duration,
    retry: object,
    breaker: (label, value) => value === false || object(label, value),
    tryTimeout: duration,
    throwOnFailure: typed('boolean'),
    holdUntil: oneOf('headers', 'body'),
    fetch: typed('function'),
    clock: objectWith('now', 'coarse', 'wall', 'schedule'),
    random: typed('function'),
    name: typed('string'),
    onEvent: typed('function'),
  };
}

/** Sends the request once: to where it says, or to this address in its stead. */
export type Send = (context: Context, address?: string) => Promise<Response>;

/** Runs what sends a request under what stands around each call. */
export type Around = (send: Send, options: CallOptions | undefined, request: Preparation) => Promise<Response>;

/** What stands around each call unless it is told otherwise. */
export interface FetchPolicies {
  /** Around the whole of a call. */
  outside(repeatable: boolean): Policy;
  /** Around each try. */
  readonly each: Policy;
  /** Makes that of an origin, between the two. */
  readonly breakerOf: ((origin: string) => CircuitBreaker) | undefined;
}

export function fetchPolicies(options: GuardedFetchOptions, clock: Clock, name: string): FetchPolicies {
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
    typed('string')('circuitBreaker: name', options.name);
    return circuitBreaker({ ...options, name: `${options.name} ${origin}` });
  };
  // Bad options are told now, not at the first call.
  breakerOf('');
  const repeated = pipeline(total, again);

  return {
    outside: (repeatable) => (repeatable ? repeated : total),
    each,
    breakerOf: breaker === false ? undefined : breakerOf,
  };
}

/** Carries what must not be tried again through whatever retries; the caller gets its cause. */
class Final extends Error {
  readonly retryable = false;
}

/** A try that has got a response. */
interface Try {
  /** What comes of it: the one that was got, or the same with a body that tells. */
  response: Response;
  readonly attempt: number;
  /** Aborts its body. */
  readonly controller: AbortController | undefined;
  /** The policies wait for its body. */
  isHeld: boolean;
}

/**
 * A `fetch` with policies around each call. To them the response of a failure that may pass is an `HttpError`, and so is
 * an error of what must not be sent again one that is not to be tried again; a second run of that is refused.
 */
export function guardedFetch(
  { throwOnFailure = false, holdUntil = 'headers', fetch: own, clock = systemClock }: GuardedFetchOptions,
  name: string,
  maxAttempts: number,
  around: Around,
): typeof globalThis.fetch {
  /** Of what policies hold, what callers have of it: some (coalesce, cache) give one response to several of them. */
  const givenOf = new WeakMap<object, WeakRef<Response> | undefined>();

  return async (...asked) => {
    const request = prepare(...asked);
    const { method, url, repeatable, input, init, signal, source } = request;
    const caller = signal ?? undefined;
    const tries: Try[] = [];
    let sentTo = url;
    let cloned = false;
    let only: Promise<Response> | undefined;

    const task: Send = (context, address) => {
      if (repeatable) return attempt(context, address);
      // Whatever runs it once more gets what the first run came to.
      return only === undefined ? (only = attempt(context, address)) : only.then(refuse);
    };
    let hasLeft = false;
    let result: unknown;
    try {
      result = await around(task, caller && { signal: caller }, request);
    } catch (error) {
      if (error instanceof Final) throw error.cause;
      hasLeft = caller?.aborted === true || error instanceof TimeoutError;
      if (!(error instanceof HttpError)) throw error;
      result = error.response;
      if (throwOnFailure || !tries.some(({ response }) => response === result)) throw error;
    } finally {
      for (const { response, controller, isHeld } of tries) {
        // Whoever shares the run of a call that has left may have got its response: the policies let go of it.
        if (hasLeft && !isTransient(response)) continue;
        if (response !== result) cancelBody(response);
        else if (controller && caller && !isHeld) followBody(response, caller, controller);
      }
      if (cloned && source?.bodyUsed === false) cancelBody(source);
    }
    const response = given(result as Response);
    if (throwOnFailure && response.status >= 400) throw httpError(response, false);
    return response;

    async function attempt(context: Context, address: string | undefined): Promise<Response> {
      // A retry has moved on: what the try before it gave is not wanted any more.
      while (tries.length > 0 && tries[0]?.attempt !== context.attempt) cancelBody((tries.shift() as Try).response);
      sentTo = address ?? url;
      const got = await send(context, address);
      if (isTransient(got.response)) throw httpError(got.response, repeatable);
      // Nobody reads the body of a HEAD, though Chromium shows one.
      const told = holdUntil === 'body' && method !== 'HEAD' ? tellingBody(got.response) : undefined;
      if (told === undefined) return got.response;
      got.response = told.response;
      got.isHeld = true;
      givenOf.set(told.response, undefined);
      return held(told.response, told.done);
    }

    async function send({ signal, attempt }: Context, address: string | undefined): Promise<Try> {
      // A try's signal falls silent once the try is over; the caller's then still has to reach the body.
      const controller = caller && new AbortController();
      const abort = (): void => controller?.abort(signal.reason);
      signal.addEventListener('abort', abort);
      try {
        const again = source !== undefined && repeatable && attempt < maxAttempts;
        cloned ||= again;
        const fetch = own ?? globalThis.fetch;
        const sent = again ? source.clone() : input;
        const response = await fetch(address === undefined ? sent : addressed(sent, address), {
          ...init,
          signal: controller?.signal ?? signal,
        });
        // Tried again, it would give that again.
        if (!response)
          throw new Final(name, { cause: new TypeError(`${name}: fetch gave ${response}, not a response`) });
        if (signal.aborted) {
          cancelBody(response);
          throw signal.reason;
        }
        const got = { response, attempt, controller, isHeld: false };
        tries.push(got);
        return got;
      } catch (error) {
        if (error instanceof Final) throw error;
        const mayPass = signal.aborted || isTransient(error) || isFromFetch(error);
        const called = isAbort(error) && !signal.aborted;
        throw called || (repeatable && mayPass) ? error : new Final(name, { cause: error });
      } finally {
        // With a body that is held the try goes on.
        if (holdUntil === 'headers') signal.removeEventListener('abort', abort);
      }
    }

    /** Another one again: what callers drop could never be collected were it the one that policies keep. */
    function given(response: Response): Response {
      if (!givenOf.has(response)) return response;
      const passed = givenOf.get(response)?.deref() ?? tellingBody(response)?.response ?? response;
      givenOf.set(response, new WeakRef(passed));
      return passed;
    }

    function refuse(): never {
      throw new Final(name, { cause: new TypeError(`${name}: ${method} ${url} must not be sent twice`) });
    }

    function httpError(response: Response, retryable: boolean): HttpError {
      const wait = parseRetryAfter(response.headers, { now: clock.wall() });
      const message = `${method} ${sentTo.replace(/[?#].*/s, '')} was answered ${response.status}`;
      return new HttpError({ name, message, response, retryable, retryAfter: wait });
    }
  };
}
