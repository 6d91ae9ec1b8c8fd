/** What is known of a request before it is sent. */
export interface Preparation {
  readonly method: string;
  readonly url: string;
  readonly origin: string;
  /** Sending it twice does no harm, and can be done. */
  readonly repeatable: boolean;
  /** The caller's own, with bytes copied that he may change before the last try. */
  readonly init: RequestInit | undefined;
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
export function prepare(input: RequestInfo | URL, given: RequestInit | undefined): Preparation {
  const body = given?.body ?? undefined;
  const { method, url, headers } = isRequest(input) ? looked(input, given) : checked(input, given, body);
  const { protocol, host } = new URL(url);
  const bytes = ArrayBuffer.isView(body) || body instanceof ArrayBuffer;
  const repeatable =
    /^https?:$/.test(protocol) &&
    (idempotent.includes(method) || headers.has('idempotency-key')) &&
    (body === undefined || bytes || lasting.test(Object.prototype.toString.call(body)));
  const init = repeatable && bytes ? { ...given, body: copied(body) } : given;
  return { method, url, origin: `${protocol}//${host}`, repeatable, init };
}

/** The body is left out, so that a stream stays untouched; the signal too, which would get a listener. */
function checked(input: string | URL, init: RequestInit | undefined, body: unknown): Request {
  return new Request(input, { ...init, body: body === undefined ? null : '', signal: null });
}

function looked(source: Request, init: RequestInit | undefined): Request {
  const method = init?.method ?? source.method;
  if (init?.body === undefined || init.body === null) {
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
