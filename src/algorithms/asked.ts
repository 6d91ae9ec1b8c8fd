import { isInPage, isRequest } from './request.ts';

/** A request that may be answered by what is kept, as the rules see it. */
export interface Asked {
  readonly url: string;
  readonly method: 'GET';
  readonly headers: Record<string, string>;
  /** Nothing may be sent. */
  readonly only: boolean;
}

/** By these a caller does himself what a cache does. */
const own: readonly string[] = [
  'range',
  'if-none-match',
  'if-modified-since',
  'if-match',
  'if-unmodified-since',
  'if-range',
];
/** What `cache` of a request asks for, in the words of a header. */
const modes: Partial<Record<RequestCache, string>> = {
  reload: 'no-cache',
  'no-cache': 'no-cache',
  'force-cache': 'max-stale',
  'only-if-cached': 'max-stale, only-if-cached',
};

/** What may be asked of a cache; of anything else it keeps out of the way. */
export function described(input: string | URL | Request, init: RequestInit | undefined): Asked | undefined {
  const request = plain(input, init);
  const { url, redirect, cache, integrity } = request;
  const headers = Object.fromEntries(request.headers);
  if (!/^https?:/.test(url) || redirect !== 'follow' || cache === 'no-store' || integrity) return undefined;
  if (own.some((field) => field in headers)) return undefined;
  const says = [headers['cache-control'], modes[cache]]
    .filter((each) => each !== undefined)
    .join(', ')
    .toLowerCase();
  if (says !== '') headers['cache-control'] = says;
  return { url: withoutHash(url), method: 'GET', headers, only: /\bonly-if-cached\b/.test(says) };
}

export function withoutHash(url: string): string {
  return url.replace(/#.*/s, '');
}

/** As the platform's own, whoever made it; without the signal, which would get a listener. */
function plain(input: string | URL | Request, init: RequestInit | undefined): Request {
  if (!isRequest(input)) return new Request(whole(input), { ...init, signal: null });
  if (input instanceof Request) return new Request(input, { ...init, signal: null });
  const { url, headers, redirect, cache, integrity } = input;
  return new Request(url, {
    redirect,
    cache,
    integrity,
    ...init,
    headers: init?.headers ?? [...headers],
    signal: null,
  });
}

/** A `balancedFetch` takes relative URLs also where there is no page that they could be relative to. */
function whole(url: string | URL): string | URL {
  return isInPage() || URL.canParse(url) ? url : new URL(url, 'http://origins.invalid');
}

/** Where a request goes to. */
export function urlOf(input: string | URL | Request): string {
  return isRequest(input) ? input.url : new Request(whole(input)).url;
}
