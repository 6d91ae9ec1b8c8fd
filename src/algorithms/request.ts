/** What is known of a request before it is sent. */
export interface Preparation {
  readonly method: string;
  readonly url: string;
  readonly headers: Headers;
  readonly origin: string;
  /** Sending it twice does no harm, and can be done. */
  readonly repeatable: boolean;
  /**
   * What to call `fetch` with: the caller's own, but for what he may change before the last try (a `URL`, bytes), and for
   * what can be read only once.
   */
  readonly input: string | Request;
  readonly init: RequestInit | undefined;
  /** The caller's signal. */
  readonly signal: RequestInit['signal'];
  /** A request that is used up by sending it: to be cloned, if it is to be sent again. */
  readonly source: Request | undefined;
}

/** Methods that do nothing more when repeated: RFC 9110, section 9.2.2. */
const idempotent: readonly string[] = ['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE'];

/** Bodies that can be read any number of times. All else is taken for a stream, which goes once. */
const lasting = /^\[object (?:String|Blob|File|FormData|URLSearchParams|ArrayBuffer)\]$/;

/** By its looks: another implementation's requests are of a class of their own. */
export function isRequest(input: unknown): input is Request {
  return typeof (input as Request | undefined)?.url === 'string' && typeof (input as Request).clone === 'function';
}

/**
 * Looks at what `fetch` was given, and sends nothing.
 *
 * @throws {TypeError} that `fetch` would reject with: bad input is told here from errors of the network, which are
 * `TypeError`s too
 */
export function prepare(input: string | URL | Request, asked?: RequestInit): Preparation {
  // A request in place of init: what it says is behind getters, which copying would lose.
  if (isRequest(asked)) return prepare(new Request(input, asked));
  const init = asked && flat(asked);
  const given = isRequest(input) ? input : undefined;
  const body = init?.body ?? undefined;
  const { method, url, headers } = given === undefined ? checked(input, init) : looked(given, init);
  const { protocol, host } = new URL(url);
  const bytes = ArrayBuffer.isView(body) || body instanceof ArrayBuffer;
  const repeatable =
    /^https?:$/.test(protocol) &&
    (idempotent.includes(method) || headers.has('idempotency-key')) &&
    (body === undefined || bytes || lasting.test(Object.prototype.toString.call(body)));
  return {
    method,
    url,
    headers,
    origin: `${protocol}//${host}`,
    repeatable,
    input: given ?? (typeof input === 'string' ? input : url),
    init: repeatable && bytes ? { ...init, body: copied(body) } : init,
    signal: init?.signal === undefined ? given?.signal : init.signal,
    // Firefox has no `body` to show.
    source: body === undefined && given?.body !== null ? given : undefined,
  };
}

/** The same request, to another address. */
export function addressed(input: string | Request, address: string): string | Request {
  return isRequest(input) ? new (input.constructor as typeof Request)(address, input) : address;
}

/** Or in a worker of one. */
export function isInPage(): boolean {
  return (globalThis as { location?: unknown }).location !== undefined;
}

/**
 * What a request says, apart, beside its body as a whole: in a page it can only be sent to another address so. As a stream
 * it would need HTTP/2, and leave to be one; not every browser sends that at all.
 */
export function apart(request: Request, init: RequestInit | undefined, body: Blob): RequestInit {
  const { method, headers, mode, credentials, cache, redirect, referrer, referrerPolicy, integrity, keepalive } =
    request;
  const said = { method, headers, mode, credentials, cache, redirect, referrer, referrerPolicy, integrity, keepalive };
  return { ...said, signal: request.signal, ...(init && flat(init)), body };
}

/** With what it has inherited, which `fetch` reads too, and copying would lose; headers that can be read once are a list. */
export function flat(init: RequestInit): RequestInit {
  const all: Record<string, unknown> = {};
  for (const name in init) all[name] = init[name as keyof RequestInit];
  if (typeof Object(all.headers).next === 'function') all.headers = [...(all.headers as Iterable<[string, string]>)];
  return all;
}

/** The body is left out, so that a stream stays untouched; the signal too, which would get a listener. */
function checked(input: string | URL | Request, init: RequestInit | undefined): Request {
  return new Request(input, { ...init, body: (init?.body ?? undefined) === undefined ? null : '', signal: null });
}

function looked(source: Request, init: RequestInit | undefined): Request {
  const method = init?.method ?? source.method;
  if ((init?.body ?? undefined) === undefined) {
    // Throws: its body is gone.
    if (source.bodyUsed || source.body?.locked) source.clone();
    if (init?.method === undefined && init?.headers === undefined) return source;
  }
  const body = (init?.body ?? source.body) ? '' : null;
  return new Request(source.url, { method, headers: init?.headers ?? source.headers, body });
}

function copied(bytes: ArrayBuffer | ArrayBufferView): Uint8Array<ArrayBuffer> {
  return ArrayBuffer.isView(bytes)
    ? new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength).slice()
    : new Uint8Array(bytes.slice(0));
}
