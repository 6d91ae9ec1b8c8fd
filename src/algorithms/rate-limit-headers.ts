import { duration, number, shown } from '../core/options.ts';
import type { Milliseconds } from '../core/policy.ts';
import { parseRetryAfter } from './retry-after.ts';
import { type BareItem, type ListItem, parseList, quoted } from './structured-list.ts';

/** What a server says it allows: an item of `RateLimit-Policy`. */
export interface QuotaPolicy {
  readonly name: string;
  /** What may be used in a window: a whole number. */
  readonly quota: number;
  /** Sent in whole seconds, rounded up. */
  readonly window?: Milliseconds | undefined;
  /** What is counted. Left out, it is requests. */
  readonly unit?: string | undefined;
  /** Whom the quota is for, in base64. */
  readonly partitionKey?: string | undefined;
}

/** What is left of it: an item of `RateLimit`. */
export interface ServiceLimit {
  /** The policy's. */
  readonly name: string;
  /** Sent as a whole number, rounded down; below 0 as 0. */
  readonly remaining: number;
  /** How long until there is more. Sent in whole seconds, rounded up; `Infinity` is left out. */
  readonly reset?: Milliseconds | undefined;
  /** Whom the quota is for, in base64. */
  readonly partitionKey?: string | undefined;
}

/** What the header fields of a rate limit say. */
export interface RateLimitFields {
  readonly policies: readonly QuotaPolicy[];
  readonly limits: readonly ServiceLimit[];
  /** How long to wait before another request makes sense. `undefined`: nothing is said about it. */
  readonly retryAfter: Milliseconds | undefined;
}

/** The most that an integer of a structured field can be. */
const most = 999_999_999_999_999;

/**
 * The header fields in which servers tell clients of rate limits: `RateLimit-Policy` (what is allowed), `RateLimit`
 * (what is left of it) and `Retry-After`.
 *
 * `write` gives them by name, those that have something to say. Times are rounded up to whole seconds, so that who waits
 * as long is not early; and `Retry-After` is never shorter than the `reset` of a limit that has nothing remaining.
 *
 * `read` says what the headers of a response hold. Malformed fields are ignored, and so are items without a quota or
 * a remainder. `retryAfter` is what `Retry-After` asks for; without it, the longest `reset` of the limits that have nothing
 * remaining. A response from a cache, one with an `Age`, says nothing about limits.
 *
 * Source: RateLimit header fields for HTTP, draft-ietf-httpapi-ratelimit-headers; RFC 9651; RFC 9110, section 10.2.3.
 *
 * @example
 * const { policies, limits, retryAfter } = rateLimitHeaders.read(response.headers);
 */
export const rateLimitHeaders: {
  /** @throws {RangeError | TypeError} for numbers below 0, but for `remaining`, or NaN; names that are not ASCII */
  write(fields: { [Name in keyof RateLimitFields]?: RateLimitFields[Name] | undefined }): Record<string, string>;
  /** @param options `now`: our own time in milliseconds since 1970, by which a date in `Retry-After` is judged */
  read(headers: { get(name: string): string | null }, options?: { now?: Milliseconds | undefined }): RateLimitFields;
} = { write, read };

function write({
  policies = [],
  limits = [],
  retryAfter,
}: { [Name in keyof RateLimitFields]?: RateLimitFields[Name] | undefined }): Record<string, string> {
  const fields: Record<string, string> = {};
  if (policies.length > 0) {
    fields['RateLimit-Policy'] = list(policies, ({ name, quota, window, unit, partitionKey }) => [
      quoted('rateLimitHeaders: name', name),
      ['q', whole('quota', quota)],
      ['qu', unit === undefined ? undefined : quoted('rateLimitHeaders: unit', unit)],
      ['w', seconds('window', window)],
      ['pk', bytes(partitionKey)],
    ]);
  }
  if (limits.length > 0) {
    fields.RateLimit = list(limits, ({ name, remaining, reset, partitionKey }) => [
      quoted('rateLimitHeaders: name', name),
      ['r', whole('remaining', remaining < 0 ? 0 : remaining)],
      ['t', seconds('reset', reset)],
      ['pk', bytes(partitionKey)],
    ]);
  }
  const wait = seconds('retryAfter', retryAfter);
  if (wait !== undefined) fields['Retry-After'] = String(Math.max(wait, ...limits.map(exhausted)));
  return fields;
}

function read(
  headers: { get(name: string): string | null },
  options: { now?: Milliseconds | undefined } = {},
): RateLimitFields {
  const items = (name: string): ListItem[] => parseList(headers.get(name) ?? '') ?? [];
  // Of several the first counts, as everywhere that only one makes sense.
  const cached = Number.parseFloat(headers.get('age') ?? '') > 0;
  const policies = items('ratelimit-policy').flatMap((item) => policyOf(item) ?? []);
  const limits = cached ? [] : items('ratelimit').flatMap((item) => limitOf(item) ?? []);
  let longest: Milliseconds | undefined;
  for (const { remaining, reset } of limits)
    if (remaining === 0 && reset !== undefined) longest = Math.max(reset, longest ?? 0);
  return { policies, limits, retryAfter: parseRetryAfter(headers, options) ?? longest };
}

function policyOf({ type, value, parameters }: ListItem): QuotaPolicy | undefined {
  const quota = count(parameters.get('q'));
  const window = count(parameters.get('w'));
  if (!names.includes(type) || typeof quota !== 'number' || window === null) return undefined;
  return {
    name: value,
    quota,
    ...(window !== undefined && { window: window * 1_000 }),
    ...text('unit', parameters.get('qu'), 'string'),
    ...text('partitionKey', parameters.get('pk'), 'bytes'),
  };
}

function limitOf({ type, value, parameters }: ListItem): ServiceLimit | undefined {
  const remaining = count(parameters.get('r'));
  const reset = count(parameters.get('t'));
  if (!names.includes(type) || typeof remaining !== 'number' || reset === null) return undefined;
  return {
    name: value,
    remaining,
    ...(reset !== undefined && { reset: reset * 1_000 }),
    ...text('partitionKey', parameters.get('pk'), 'bytes'),
  };
}

/** Policies have strings for names; in earlier drafts they had tokens. */
const names: readonly string[] = ['string', 'token'];

/** `undefined` for none, `null` for what is no whole number of 0 or more. */
function count(item: BareItem | undefined): number | undefined | null {
  if (item === undefined) return undefined;
  return item.type === 'integer' && Number(item.value) >= 0 ? Number(item.value) : null;
}

function text<Name extends string>(
  name: Name,
  item: BareItem | undefined,
  type: BareItem['type'],
): { readonly [N in Name]?: string } {
  return (item?.type === type ? { [name]: item.value } : {}) as { readonly [N in Name]?: string };
}

/** Items with the parameters that have a value. */
function list<T>(items: readonly T[], parts: (item: T) => [string, ...[key: string, value: unknown][]]): string {
  return items
    .map((item) => {
      const [name, ...parameters] = parts(item);
      const given = parameters.filter(([, value]) => value !== undefined);
      return [name, ...given.map(([key, value]) => `${key}=${value}`)].join(';');
    })
    .join(', ');
}

function whole(label: string, value: number): number {
  number(0, Infinity)(`rateLimitHeaders: ${label}`, value);
  return Math.min(Math.floor(value), most);
}

/** Up to a second more, but not for a rounding error of less than a microsecond. */
function seconds(label: string, value: Milliseconds | undefined): number | undefined {
  if (value === undefined) return undefined;
  duration(`rateLimitHeaders: ${label}`, value);
  return value < Infinity ? Math.min(Math.max(Math.ceil(value / 1_000 - 1e-6), 0), most) : undefined;
}

function bytes(base64: string | undefined): string | undefined {
  if (base64 === undefined) return undefined;
  if (!/^[A-Za-z\d+/]*={0,2}$/.test(base64))
    throw new RangeError(`rateLimitHeaders: partitionKey must be base64, got ${shown(base64)}`);
  return `:${base64}:`;
}

function exhausted({ remaining, reset }: ServiceLimit): number {
  return (remaining < 1 ? seconds('reset', reset) : undefined) ?? 0;
}
