import CachePolicy from 'http-cache-semantics';
import { type Asked, described, urlOf, withoutHash } from '../algorithms/asked.ts';
import { LruCache } from '../algorithms/lru-cache.ts';
import { flat, isRequest } from '../algorithms/request.ts';
import { TinyLfuCache } from '../algorithms/tinylfu-cache.ts';
import { cancelBody, copyingBody, drainBody, remade } from '../core/body.ts';
import { type Clock, systemClock } from '../core/clock.ts';
import { emit, type Listener } from '../core/events.ts';
import { HttpError } from '../core/http-error.ts';
import { checked, duration, objectWith, positive, typed } from '../core/options.ts';
import type { Milliseconds } from '../core/policy.ts';

export interface CachingFetchOptions {
  /** What sends requests, such as a `resilientFetch`. Default: the global `fetch`, looked up at each call. */
  fetch?: typeof globalThis.fetch | undefined;
  /** The bytes of all bodies kept, with their URLs and headers. Default 50_000_000. */
  maxWeight?: number | undefined;
  /** Whether several people's requests go through it: nothing `private` is then kept. Default false. */
  shared?: boolean | undefined;
  /**
   * For how long a response that is over may stand in for an error of the network or a status of 500, 502, 503 or 504,
   * where it does not say so itself, and does not forbid it. Default 0.
   */
  staleIfError?: Milliseconds | undefined;
  clock?: Clock | undefined;
  /** Carried by events. Default `'cachingFetch'`. */
  name?: string | undefined;
  onEvent?: Listener<CachingFetchEvent> | undefined;
}

/**
 * What a caching `fetch` tells: a response was fresh; there was none; one that is over was given, while another is fetched
 * or in place of an error; the server said that one is still good; or could not be asked in the background.
 */
export interface CachingFetchEvent {
  readonly type: 'hit' | 'miss' | 'stale' | 'validated' | 'failed';
  readonly name: string;
  readonly url: string;
}

type Send = (headers?: Record<string, string>) => Promise<Response>;

interface Entry {
  /** What the request had, on some of which the response depends. */
  readonly asked: Record<string, string>;
  readonly policy: CachePolicy;
  /** What a response says of itself besides its headers and body. */
  readonly face: Response;
  readonly headers: Headers;
  readonly body: Uint8Array<ArrayBuffer>;
}

const safe: readonly string[] = ['GET', 'HEAD', 'OPTIONS', 'TRACE'];
/** Statuses that a response which is over may stand in for: RFC 5861, section 4. */
const failures: readonly number[] = [500, 502, 503, 504];
/** Forbids to give what is over: RFC 9111, sections 5.2.2.2 and 5.2.2.4. */
const strict = /\b(?:must-revalidate|no-cache)\b/;
/** The same for what several people share: sections 5.2.2.8 and 5.2.2.10, unless it says itself that it may be stale. */
const strictShared = /\b(?:must-revalidate|no-cache|proxy-revalidate)\b|^(?!.*\bstale-).*\bs-maxage\b/;
/** Whose response it is, whether or not `Vary` says so: what one may see is not for another. */
const personal: readonly string[] = ['authorization', 'cookie'];
/** About the message they come in, not about what is kept: RFC 9111, section 3.2. */
const ofMessage = /^(?:connection|keep-alive|te|trailer|transfer-encoding|upgrade|content-(?:length|encoding|range))$/;
/** Responses of one URL that depend on headers of the request. */
const mostVariants = 10;

/**
 * A `fetch` that keeps what servers allow to be kept, and asks them whether it is still good when it is over: the private
 * cache of RFC 9111, with `stale-while-revalidate` and `stale-if-error` of RFC 5861. It takes what `fetch` takes, and gives
 * what `fetch` gives. Only GET is kept; POST, PUT, PATCH and DELETE forget what is kept of their URL.
 *
 * The rules of freshness are those of the package http-cache-semantics (K. Lesiński), which has to be installed beside it.
 *
 * @example
 * const get = cachingFetch({ fetch: resilientFetch(), staleIfError: 3_600_000 });
 * const response = await get('https://api.example.com/users');
 *
 * @throws {TypeError | RangeError} for options out of range, or unknown
 */
export function cachingFetch(options: CachingFetchOptions = {}): typeof globalThis.fetch {
  const {
    fetch,
    maxWeight = 50_000_000,
    shared = false,
    staleIfError = 0,
    clock = systemClock,
    name = 'cachingFetch',
    onEvent,
  } = checked('cachingFetch', options, {
    fetch: typed('function'),
    maxWeight: positive(Number.MAX_SAFE_INTEGER),
    shared: typed('boolean'),
    staleIfError: duration,
    clock: objectWith('now', 'coarse', 'wall', 'schedule'),
    name: typed('string'),
    onEvent: typed('function'),
  });
  /** The most that the wall has been ahead of the time that never goes back: its steps back prolong no life. */
  let ahead = -Infinity;
  class Policy extends CachePolicy {
    now(): number {
      const now = clock.now();
      ahead = Math.max(ahead, clock.wall() - now);
      return now + ahead;
    }
  }
  const store = new TinyLfuCache<string, readonly Entry[]>({ maxWeight, weigh: bytes, clock });
  /** The latest request of each URL of which something is known by now: what was sent before it is out of date. */
  const latest = new LruCache<string, number>({ maxWeight: 2_000_000, weigh: (_, url) => url.length + 100 });
  const forbids = shared ? strictShared : strict;
  let sent = 0;
  const behind = new Set<Entry>();

  const get: typeof globalThis.fetch = async (input, more) => {
    // What such a one says is behind getters, which copying would lose.
    if (isRequest(more)) return get(new Request(input, more));
    const init = more && flat(more);
    const source = isRequest(input) ? input : undefined;
    const method = (init?.method ?? source?.method ?? 'GET').toUpperCase();
    const sendAs = (as: RequestInit | undefined): Promise<Response> => (fetch ?? globalThis.fetch)(input, as);
    const send: Send = (headers) => sendAs(headers ? { ...init, headers } : init);
    const asked = method === 'GET' ? described(input, init) : undefined;
    if (asked === undefined) {
      const response = await send();
      if (!safe.includes(method) && response.status < 400) invalidate(urlOf(input), response);
      return response;
    }
    const signal = init?.signal === undefined ? source?.signal : init.signal;
    if (signal?.aborted) throw signal.reason;
    const entry = store.get(asked.url)?.find((each) => isFor(each, asked));
    if (entry !== undefined) {
      const { response, revalidation } = entry.policy.evaluateRequest(asked);
      if (response !== undefined && !(entry.policy.stale() && forbids.test(directives(entry.headers)))) {
        // Nobody waits for that, and nobody ends it.
        if (revalidation !== undefined && !asked.only) {
          refresh(entry, asked, (headers) => sendAs({ ...init, ...(headers && { headers }), signal: null }));
        }
        return given(entry, asked, entry.policy.stale() ? 'stale' : 'hit');
      }
      if (!asked.only) return validate(entry, asked, send, () => !signal?.aborted);
    }
    if (asked.only) return new Response(null, { status: 504, statusText: 'Gateway Timeout' });
    tell('miss', asked);
    const began = ++sent;
    return keep(asked, await send(), began, true);
  };
  return get;

  /** Asks whether what is kept is still good. */
  async function validate(entry: Entry, asked: Asked, send: Send, isWanted: () => boolean): Promise<Response> {
    const began = ++sent;
    let response: Response;
    try {
      response = await send(conditions(entry, asked));
    } catch (error) {
      const answer = error instanceof HttpError ? error.response : undefined;
      const isFailure = answer === undefined || failures.includes(answer.status);
      const standsIn = isFailure && isWanted() && mayStandIn(entry, asked);
      if (!isFailure) put(asked, undefined, began);
      if (answer && (standsIn || !isWanted())) cancelBody(answer);
      if (standsIn) return given(entry, asked, 'stale');
      throw error;
    }
    if (failures.includes(response.status) && isWanted() && mayStandIn(entry, asked)) {
      cancelBody(response);
      return given(entry, asked, 'stale');
    }
    if (response.status !== 304) return keep(asked, response, began, isWanted());
    // About something else than what is kept: asked again, without conditions.
    if (areOthers(entry.headers, response.headers)) return keep(asked, await send(), began, isWanted());
    const headers = renewed(entry.headers, response.headers);
    const policy = new Policy(asked, told({ status: entry.face.status, headers }), { shared });
    const current = { ...entry, policy, headers };
    put(asked, isKeepable(policy, headers) ? current : undefined, began);
    return given(current, asked, 'validated');
  }

  function refresh(entry: Entry, asked: Asked, send: Send): void {
    if (behind.has(entry)) return;
    behind.add(entry);
    const done = (response?: Response): void => {
      behind.delete(entry);
      if (response === undefined || failures.includes(response.status)) tell('failed', asked);
    };
    validate(entry, asked, send, () => false).then(done, () => done());
  }

  /** The caller reads the body as it comes; once it is whole it is there for others. Nobody may want it but for that. */
  function keep(asked: Asked, response: Response, began: number, wanted: boolean): Response {
    const { status, statusText, ok, url, redirected, type } = response;
    const headers = new Headers(response.headers);
    const policy = new Policy(asked, told(response), { shared });
    const lasts = policy.timeToLive() > 0 || headers.has('etag') || headers.has('last-modified');
    // What another URL answered is not for this one: the way there may change.
    const may = isKeepable(policy, headers) && lasts && !redirected;
    if (failures.includes(status) || !may || Number(headers.get('content-length') ?? 0) > maxWeight) {
      if (!failures.includes(status)) put(asked, undefined, began);
      if (!wanted) cancelBody(response);
      return response;
    }
    const face = { status, statusText, ok, url, redirected, type } as Response;
    const copying = copyingBody(response, maxWeight, (body) =>
      put(asked, { asked: asked.headers, policy, face, headers, body }, began),
    );
    if (!wanted) drainBody(copying, maxWeight);
    return copying;
  }

  /** In place of what was there for such a request, unless something newer has come meanwhile. */
  function put(asked: Asked, entry: Entry | undefined, began: number): void {
    const { url } = asked;
    if ((latest.get(url) ?? 0) > began) return;
    latest.set(url, began);
    const others = (store.peek(url) ?? []).filter((each) => !isFor(each, asked));
    const variants = entry === undefined ? others : [entry, ...others].slice(0, mostVariants);
    if (variants.length > 0) store.set(url, variants);
    else store.delete(url);
  }

  /** RFC 9111, section 4.4: a change has been made there, and where the response points. */
  function invalidate(url: string, { headers }: Response): void {
    const { origin } = new URL(url);
    for (const place of [url, headers.get('location'), headers.get('content-location')]) {
      if (place === null || !URL.canParse(place, url)) continue;
      const changed = new URL(place, url);
      if (changed.origin !== origin) continue;
      const kept = withoutHash(changed.href);
      latest.set(kept, ++sent);
      store.delete(kept);
    }
  }

  function mayStandIn({ policy, headers }: Entry, asked: Asked): boolean {
    const says = directives(headers);
    if (forbids.test(says) || /\bno-cache\b/.test(asked.headers['cache-control'] ?? '')) return false;
    const allowed = Number(/\bstale-if-error="?(\d+)/.exec(says)?.[1] ?? 0) * 1_000;
    return (policy.age() - policy.maxAge()) * 1_000 < Math.max(allowed, staleIfError);
  }

  function given({ policy, face, headers, body }: Entry, asked: Asked, type: CachingFetchEvent['type']): Response {
    tell(type, asked);
    const aged = new Headers(headers);
    aged.set('age', `${Math.max(0, Math.floor(policy.age()))}`);
    return remade(face, body.byteLength > 0 ? body : null, aged, Response);
  }

  function tell(type: CachingFetchEvent['type'], { url }: Asked): void {
    if (onEvent) emit(onEvent, { type, name, url });
  }
}

/** What depends on more than requests say is for no other one. */
function isKeepable(policy: CachePolicy, headers: Headers): boolean {
  return policy.storable() && !headers.get('vary')?.includes('*');
}

/** In small letters, and each once: of several the first counts (RFC 9111, section 4.2.1). What is quoted is one thing. */
function directives(headers: Headers): string {
  const all = new Map<string, string>();
  for (const [each, name = ''] of (headers.get('cache-control') ?? '').matchAll(
    /([^\s,="]+)\s*(?:=\s*(?:"[^"]*"?|[^,]*))?/g,
  )) {
    if (!all.has(name.toLowerCase())) all.set(name.toLowerCase(), each.toLowerCase().replace(/,/g, ' '));
  }
  return [...all.values()].join(', ');
}

/**
 * A response as the rules are told of it: they know directives in small letters alone, and would have what must be
 * revalidated when it is over revalidated before.
 */
function told(response: Pick<Response, 'status' | 'headers'>): { status: number; headers: Record<string, string> } {
  const headers = Object.fromEntries(response.headers);
  if (headers['cache-control'] !== undefined) {
    headers['cache-control'] = directives(response.headers).replace(/\bmust-revalidate\b/g, 'x');
  }
  return { status: response.status, headers };
}

/** Whether a 304 with these headers is not about a response with those. Many servers leave out what they would have to repeat. */
function areOthers(kept: Headers, now: Headers): boolean {
  const [before, after] = [kept, now].map((headers) => headers.get('etag')?.replace(/^W\//, ''));
  return before !== undefined && after !== undefined && before !== after;
}

/** RFC 9111, section 3.2: the headers of what is kept, with what a 304 says in their place. */
function renewed(kept: Headers, now: Headers): Headers {
  const headers = new Headers(kept);
  // It comes from the server itself, and now, unless it says how old it is.
  headers.delete('age');
  headers.delete('date');
  const fields = [...now].filter(([field]) => !ofMessage.test(field));
  for (const [field] of fields) headers.delete(field);
  for (const [field, value] of fields) headers.append(field, value);
  return headers;
}

/** By what to ask whether what is kept is still good. Another site may not allow it to a page, whose own cache does it. */
function conditions({ policy, face }: Entry, asked: Asked): Record<string, string> | undefined {
  return face.type === 'cors' ? undefined : (policy.revalidationHeaders(asked) as Record<string, string>);
}

/** Whether the response is one to such a request. A page is not shown what another site's depends on: it may be anything. */
function isFor({ asked, headers, face }: Entry, { headers: now }: Asked): boolean {
  const hidden = face.type === 'cors' ? Object.keys({ ...asked, ...now }) : [];
  const vary =
    headers
      .get('vary')
      ?.toLowerCase()
      .split(/\s*,\s*/) ?? hidden.filter((field) => field !== 'cache-control');
  return [...vary, ...personal].every((field) => asked[field] === now[field]);
}

function bytes(variants: readonly Entry[], url: string): number {
  let sum = url.length;
  for (const { body, headers, asked } of variants) {
    sum += body.byteLength + 500;
    for (const [field, value] of [...headers, ...Object.entries(asked)]) sum += field.length + value.length;
  }
  return sum;
}
