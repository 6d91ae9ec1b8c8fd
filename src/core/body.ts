import { type Follower, followSignal, unfollow } from './abort.ts';

const nothing = (): void => {};

/** Lets go of the connection of a response that nobody gets. What is being read stays. */
export function cancelBody(response: Response | Request): void {
  // Where `fetch` is somebody else's, a body may be anything.
  response.body?.cancel?.()?.catch(nothing);
}

/** The ways to read a body to its end. */
const reads = ['arrayBuffer', 'blob', 'bytes', 'formData', 'json', 'text'] as const;

/** The controller must live as long as the response or its body does, and no longer. */
const controllers = /* @__PURE__ */ new WeakMap<object, AbortController>();

/**
 * Clears up behind a body that was collected before it was read to its end. What it keeps for that must not lead back
 * to the body, as a closure made beside others easily does: hence plain objects.
 */
const collected = /* @__PURE__ */ new FinalizationRegistry<Follower | ReadableStreamDefaultReader>((left) => {
  if ('end' in left) unfollow(left);
  else left.cancel().catch(nothing);
});

/** Hands the abort of a caller's signal on to a body, without keeping the body alive. */
class BodyLink implements Follower {
  previous: Follower | undefined = undefined;
  next: Follower | undefined = undefined;
  private readonly signal: AbortSignal;
  private readonly controller: WeakRef<AbortController>;

  constructor(signal: AbortSignal, controller: AbortController) {
    this.signal = signal;
    this.controller = new WeakRef(controller);
  }

  end(): void {
    unfollow(this);
    this.controller.deref()?.abort(this.signal.reason);
  }
}

/**
 * Lets the caller's signal abort the body of a response through the controller it was fetched with, as `fetch` itself
 * does, until the body has been read, or nobody can read it any more.
 */
export function followBody(response: Response, signal: AbortSignal, controller: AbortController): void {
  if (signal.aborted) controller.abort(signal.reason);
  if (signal.aborted || !response.body || typeof response.body !== 'object') return;
  const link = new BodyLink(signal, controller);
  controllers.set(response, controller);
  controllers.set(response.body, controller);
  collected.register(controller, link);
  followSignal(signal, link);
  for (const name of reads) {
    const read = response[name as 'text'] as (() => Promise<string>) | undefined;
    if (read === undefined) continue;
    const value = (): Promise<string> => {
      const whole = read.call(response);
      whole.catch(nothing).then(() => unfollow(link));
      return whole;
    };
    Object.defineProperty(response, name, { value, configurable: true, writable: true });
  }
}

/**
 * The same response with a body that tells when it is over: read to its end, cancelled, failed, or collected unread.
 * The body is passed on as it is asked for, and nothing is read ahead. `undefined` where there is none that tells.
 */
export function tellingBody(response: Response): { response: Response; done: Promise<unknown> } | undefined {
  // What is known to be empty is hardly ever read.
  if (!response.body || !mayPassOn(response) || response.headers.get('content-length') === '0') return undefined;
  const reader = response.body.getReader();
  return { response: passed(response, reader), done: reader.closed };
}

/**
 * The same response with a body that is copied while it is read, at the reader's own pace: `whole` gets the copy when it has
 * been read to its end, unless it is above `most` bytes. A body that cannot be read so is left as it is.
 */
export function copyingBody(
  response: Response,
  most: number,
  whole: (body: Uint8Array<ArrayBuffer>) => void,
): Response {
  if (!response.body) {
    // Undefined where `fetch` does not show bodies as streams: that does not say that there is none.
    if (response.body === null) whole(new Uint8Array());
    return response;
  }
  if (!mayPassOn(response)) return response;
  let parts: Uint8Array[] | undefined = [];
  let length = 0;
  return passed(response, response.body.getReader(), (part) => {
    length += part?.byteLength ?? 0;
    if (!(length <= most)) parts = undefined;
    // A copy: what the reader gets is his own, to be changed and handed on.
    else if (part !== undefined) parts?.push(part.slice());
    else if (parts !== undefined) whole(joined(parts, length));
  });
}

/** The same response with a body that passes on what is read of it. */
function passed(
  response: Response,
  reader: ReadableStreamDefaultReader<Uint8Array>,
  heard?: (part: Uint8Array | undefined) => void,
): Response {
  const body = passedOn(reader, heard);
  collected.register(body, reader);
  const same = remade(response, body);
  const failure = failureOf(reader);
  for (const name of reads) {
    const read = same[name as 'text'] as (() => Promise<string>) | undefined;
    // Chromium has one and the same TypeError for all that ends a stream made by hand.
    const value = (): Promise<string> | undefined =>
      read?.call(same).catch((error) => {
        throw 'error' in failure ? failure.error : error;
      });
    if (read !== undefined) Object.defineProperty(same, name, { value, configurable: true, writable: true });
  }
  return same;
}

function joined(parts: readonly Uint8Array[], length: number): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.byteLength;
  }
  return whole;
}

/** Reads a body to its end, for nobody; one above `most` bytes is let go of. */
export function drainBody({ body }: Response, most: number): void {
  let left = most;
  const write = ({ byteLength }: Uint8Array): void => {
    left -= byteLength;
    if (!(left >= 0)) throw new Error('too long');
  };
  body?.pipeTo?.(new WritableStream({ write })).catch(nothing);
}

/** Where `fetch` is somebody else's, a response may be of another kind, and its body too, or being read already. */
function mayPassOn({ body, clone }: Response): boolean {
  return body?.locked === false && typeof clone === 'function';
}

/** Apart, as what waits for the reader's end must not keep the new stream. */
function failureOf(reader: ReadableStreamDefaultReader): { error?: unknown } {
  const failure: { error?: unknown } = {};
  reader.closed.catch((error) => {
    failure.error = error;
  });
  return failure;
}

/** Apart, so that what is kept for the reader does not keep the new stream. */
function passedOn(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  heard: (part: Uint8Array | undefined) => void = nothing,
): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = await reader.read();
        heard(value);
        if (done) controller.close();
        else controller.enqueue(value);
      },
      // What has failed before has been let go of.
      cancel: (reason) => reader.cancel(reason).catch(nothing),
    },
    { highWaterMark: 0 },
  );
}

/** Statuses that a response with a body cannot be made with. */
const bodiless: readonly number[] = [204, 205, 304];

/** The same response with another body. */
export function remade(
  face: Response,
  body: BodyInit | null,
  headers: Headers = face.headers,
  Same: typeof Response = face.constructor as typeof Response,
): Response {
  // What it says by its own properties is not seen by what sends it on, as a worker or a server does.
  const canSay = face.status >= 200 && face.status <= 599 && !(body && bodiless.includes(face.status));
  return dressed(new Same(body, { headers, status: canSay ? face.status : 200 }), face);
}

/** What a response made by hand cannot say of itself; also a status above 599, which servers do send. */
function dressed(response: Response, { status, statusText, ok, url, redirected, type }: Response): Response {
  const clone = (): Response => dressed(Object.getPrototypeOf(response).clone.call(response), response);
  return Object.defineProperties(response, {
    status: { value: status },
    statusText: { value: statusText },
    ok: { value: ok },
    url: { value: url },
    redirected: { value: redirected },
    type: { value: type },
    clone: { value: clone },
  });
}
