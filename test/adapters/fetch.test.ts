import assert from 'node:assert/strict';
import { test } from 'vitest';
import { HttpError, isTransient, parseRetryAfter, resilientFetch } from '../../src/adapters/fetch.ts';
import { consecutiveFailures } from '../../src/algorithms/trip-rules.ts';
import { attemptsOf } from '../../src/core/attempts.ts';
import { CircuitOpenError, TimeoutError } from '../../src/core/errors.ts';
import { ManualClock } from '../../src/testing/manual-clock.ts';
import { serve, until } from './server.ts';

/** Retries without a wait, and no timeout unless the clock is moved. */
const quick = () => ({ clock: new ManualClock(), random: () => 0 });

const reset = (request: { socket: { destroy(): void } }) => request.socket.destroy();

test('gives the very response that fetch gives', async () => {
  const response = new Response('as it is');
  const get = resilientFetch({ ...quick(), fetch: async () => response });
  assert.equal(await get('http://host.test/'), response);
});

test.each([408, 425, 429, 500, 502, 503, 504])(
  'tries again after %i, and gives the response that follows',
  async (status) => {
    const server = await serve(status, 200);
    const response = await resilientFetch(quick())(server.origin);
    assert.deepEqual([response.status, await response.text()], [200, 'status 200']);
    assert.equal(server.requests.length, 2);
  },
);

test.each([204, 304, 400, 401, 404, 409, 422, 501, 505])(
  'gives a response with status %i at the first try',
  async (status) => {
    const server = await serve(status, 200);
    const response = await resilientFetch(quick())(server.origin);
    assert.equal(response.status, status);
    await response.text();
    assert.equal(server.requests.length, 1);
  },
);

test('gives the last response of a failure for good, with its body unread [20]', async () => {
  const server = await serve(500, 502, 503);
  const response = await resilientFetch(quick())(server.origin);
  assert.deepEqual([response.status, response.bodyUsed, await response.text()], [503, false, 'status 503']);
  assert.equal(server.requests.length, 3);
});

test('cancels the bodies it discards when it discards them, and frees their connections [K22]', async () => {
  const endless = (_: unknown, response: { writeHead(status: number): { write(chunk: string): void } }) =>
    void response.writeHead(503).write('begun');
  const server = await serve(endless, endless, 200);
  const clock = new ManualClock();
  let retries = 0;
  const call = resilientFetch({ clock, random: () => 0.5, retry: { onEvent: () => retries++ } })(server.origin);
  // While it still waits to try again.
  await until(() => retries === 1 && server.unfinished.size === 0);
  await clock.advance(100);
  await until(() => retries === 2 && server.unfinished.size === 0);
  await clock.advance(200);
  assert.equal(await (await call).text(), 'status 200');
});

test('tries again after an error of the network, and rejects with the last one as it is [19]', async () => {
  const server = await serve(reset, 200);
  assert.equal((await resilientFetch(quick())(server.origin)).status, 200);

  const bad = await serve(reset);
  const thrown: unknown[] = [];
  const get = resilientFetch({
    ...quick(),
    fetch: (input, init) =>
      fetch(input, init).catch((error) => {
        thrown.push(error);
        throw error;
      }),
  });
  const error = await get(bad.origin).then(
    () => assert.fail(),
    (reason) => reason,
  );
  assert.ok(error instanceof TypeError && error === thrown[2]);
  assert.equal(thrown.length, 3);
  assert.deepEqual(
    attemptsOf(error).map(({ outcome }) => !outcome.ok && outcome.error),
    thrown,
  );
});

test.each(['POST', 'PATCH'])('sends a %s once, whatever becomes of it', async (method) => {
  const unavailable = await serve(503);
  const response = await resilientFetch(quick())(unavailable.origin, { method, body: 'x' });
  assert.deepEqual([response.status, await response.text()], [503, 'status 503']);
  const broken = await serve(reset);
  await assert.rejects(resilientFetch(quick())(broken.origin, { method, body: 'x' }), TypeError);
  assert.deepEqual([unavailable.requests.length, broken.requests.length], [1, 1]);
});

test('sends a POST that hangs once, and rejects with the timeout of its try [49]', async () => {
  const server = await serve(() => {});
  const { clock, random } = quick();
  const call = resilientFetch({ clock, random })(server.origin, { method: 'POST' });
  const rejected = assert.rejects(
    call,
    (error) => error instanceof TimeoutError && error.name === 'resilientFetch.tryTimeout',
  );
  await until(() => server.requests.length === 1);
  await clock.advance(10_000);
  await rejected;
  assert.equal(server.requests.length, 1);
});

test.each([
  ['string', () => 'text'],
  ['Blob', () => new Blob(['text'])],
  ['bytes', () => new TextEncoder().encode('text')],
  ['parameters', () => new URLSearchParams({ text: '' })],
])('sends the same body again: %s', async (_, body) => {
  const server = await serve(503, 503, 200);
  const headers = { 'idempotency-key': 'k', 'content-type': 'text/plain' };
  await resilientFetch(quick())(server.origin, { method: 'POST', headers, body: body() });
  const [first, ...others] = server.requests;
  assert.equal(others.length, 2);
  assert.match(first!.body, /^text=?$/);
  for (const other of others)
    assert.deepEqual([other.method, other.body, other.headers], [first!.method, first!.body, first!.headers]);
});

test('sends bytes as they were when it was called', async () => {
  const server = await serve(503, 200);
  const body = new TextEncoder().encode('text');
  const call = resilientFetch(quick())(server.origin, { method: 'PUT', body });
  body.fill(33);
  await call;
  assert.deepEqual(
    server.requests.map((request) => request.body),
    ['text', 'text'],
  );
});

test('sends a stream once', async () => {
  const server = await serve(503);
  const init = { method: 'PUT', body: new Blob(['text']).stream(), duplex: 'half' };
  const response = await resilientFetch(quick())(server.origin, init);
  assert.equal(response.status, 503);
  assert.deepEqual(
    server.requests.map((request) => request.body),
    ['text'],
  );
});

test('sends a Request again with its body, which is used up as by fetch', async () => {
  const server = await serve(503, reset, 200);
  const request = new Request(server.origin, { method: 'PUT', body: 'text', headers: { 'x-a': 'b' } });
  assert.equal((await resilientFetch(quick())(request)).status, 200);
  assert.deepEqual(
    server.requests.map(({ method, body, headers }) => [method, body, headers['x-a']]),
    Array(3).fill(['PUT', 'text', 'b']),
  );
  assert.equal(request.bodyUsed, true);
  await assert.rejects(resilientFetch(quick())(request), TypeError);
  assert.equal(server.requests.length, 3);
});

test('clones a Request only while another try may follow', async () => {
  const server = await serve(503);
  const request = new Request(server.origin, { method: 'PUT', body: 'text' });
  const sent: unknown[] = [];
  const get = resilientFetch({
    ...quick(),
    fetch: (input, init) => {
      sent.push(input);
      return fetch(input, init);
    },
  });
  await get(request);
  assert.deepEqual(
    sent.map((input) => input === request),
    [false, false, true],
  );
  assert.equal(request.bodyUsed, true);

  sent.length = 0;
  const once = new Request(server.origin, { method: 'POST', body: 'text' });
  await get(once);
  assert.deepEqual(
    sent.map((input) => input === once),
    [true],
  );
});

test('takes a body given beside a Request, and leaves that alone', async () => {
  const server = await serve(503, 200);
  const request = new Request(server.origin, { method: 'PUT', body: 'text' });
  await resilientFetch(quick())(request, { body: 'other' });
  await resilientFetch(quick())(request, { body: '' });
  assert.deepEqual(
    server.requests.map(({ body }) => body),
    ['other', 'other', ''],
  );
  assert.equal(request.bodyUsed, false);
});

test('takes a Request in place of init too', async () => {
  const server = await serve(503, 200);
  const request = new Request('http://host.test/elsewhere', { method: 'PUT', body: 'text', headers: { 'x-a': 'b' } });
  await resilientFetch(quick())(`${server.origin}/here`, request);
  assert.deepEqual(
    server.requests.map(({ method, url, body, headers }) => [method, url, body, headers['x-a']]),
    Array(2).fill(['PUT', '/here', 'text', 'b']),
  );
});

test('takes a URL, and init as fetch does', async () => {
  const server = await serve((request, response) => {
    if (request.url === '/from') response.writeHead(302, { location: '/to' }).end();
    else response.end('x');
  });
  const get = resilientFetch(quick());
  const followed = await get(new URL('/from', server.origin));
  assert.deepEqual([followed.url, followed.redirected], [`${server.origin}/to`, true]);
  const manual = await get(`${server.origin}/from`, { redirect: 'manual' });
  assert.equal(manual.status, 302);
  const head = await get(server.origin, { method: 'HEAD', headers: { 'x-a': 'b' } });
  assert.deepEqual(
    [await head.text(), server.requests.at(-1)?.method, server.requests.at(-1)?.headers['x-a']],
    ['', 'HEAD', 'b'],
  );
});

test.each([
  ['a URL that is none', 'not a url', undefined],
  ['an invalid method', 'http://host.test', { method: 'B AD' }],
  ['a body with GET', 'http://host.test', { body: 'text' }],
  ['a signal that is none', 'http://host.test', { signal: {} as AbortSignal }],
])('rejects with a TypeError for %s, as fetch does, and sends nothing', async (_, input, init) => {
  let calls = 0;
  const get = resilientFetch({ ...quick(), fetch: async () => new Response(`${++calls}`) });
  await assert.rejects(get(input, init), TypeError);
  assert.equal(calls, 0);
});

test('does not try again what fetch throws for another reason than the network', async () => {
  let calls = 0;
  const error = new RangeError('a fault of its own');
  const get = resilientFetch({
    ...quick(),
    fetch: () => {
      calls++;
      throw error;
    },
  });
  await assert.rejects(get('http://host.test'), (reason) => reason === error);
  assert.equal(calls, 1);
});

// ---- Retry-After

test('waits as long as Retry-After says, and adds jitter on top alone [31, 33]', async () => {
  const server = await serve((_, response) => void response.writeHead(503, { 'retry-after': '3' }).end(), 200);
  const clock = new ManualClock();
  let retries = 0;
  const call = resilientFetch({ clock, random: () => 0, onEvent: () => retries++ })(server.origin);
  await until(() => retries === 1);
  await clock.advance(2_999);
  assert.equal(server.requests.length, 1);
  await clock.advance(1);
  assert.equal((await call).status, 200);
});

test("judges a date by the response's own clock [31]", async () => {
  const headers = { date: 'Fri, 20 Nov 2026 12:00:00 GMT', 'retry-after': 'Fri, 20 Nov 2026 12:00:07 GMT' };
  const server = await serve((_, response) => void response.writeHead(429, headers).end());
  const get = resilientFetch({ ...quick(), retry: { maxAttempts: 1 }, throwOnFailure: true });
  await assert.rejects(get(server.origin), (error) => error instanceof HttpError && error.retryAfter === 7_000);
});

test('fails at once when Retry-After asks for more than is allowed, and says for how long [32]', async () => {
  const server = await serve((_, response) => void response.writeHead(429, { 'retry-after': '120' }).end('later'));
  const response = await resilientFetch(quick())(server.origin);
  assert.deepEqual([response.status, await response.text()], [429, 'later']);
  const get = resilientFetch({ ...quick(), throwOnFailure: true });
  await assert.rejects(get(server.origin), (error) => error instanceof HttpError && error.retryAfter === 120_000);
  assert.equal(server.requests.length, 2);
});

test('fails at once also for a Retry-After of more digits than a number holds [31, 32]', async () => {
  const server = await serve((_, response) => void response.writeHead(503, { 'retry-after': '9'.repeat(20) }).end());
  assert.equal((await resilientFetch()(server.origin)).status, 503);
  assert.equal(server.requests.length, 1);
});

test('fails at once when Retry-After asks for more than is left of the whole time [32, 50]', async () => {
  const server = await serve((_, response) => void response.writeHead(503, { 'retry-after': '31' }).end());
  assert.equal((await resilientFetch(quick())(server.origin)).status, 503);
  assert.equal(server.requests.length, 1);
});

test('parseRetryAfter reads headers, or a value by itself, against the time given or the system [31]', () => {
  const now = Date.UTC(2026, 10, 20, 12);
  const at = 'Fri, 20 Nov 2026 12:00:30 GMT';
  assert.equal(parseRetryAfter('120'), 120_000);
  assert.equal(parseRetryAfter(at, { now }), 30_000);
  assert.equal(parseRetryAfter(at, { now, date: 'Fri, 20 Nov 2026 12:00:10 GMT' }), 20_000);
  assert.equal(parseRetryAfter(new Headers({ 'retry-after': at }), { now }), 30_000);
  assert.equal(parseRetryAfter(new Headers({ 'retry-after': at, date: 'Fri, 20 Nov 2026 12:00:20 GMT' })), 10_000);
  const several = new Headers([
    ['retry-after', '5'],
    ['retry-after', at],
  ]);
  assert.equal(parseRetryAfter(several), 5_000);
  assert.equal(parseRetryAfter(new Headers()), undefined);
  assert.equal(parseRetryAfter(null), undefined);
  assert.equal(parseRetryAfter(new Date(Date.now() - 5_000).toUTCString()), 0);
});

// ---- throwOnFailure

test('throws an HttpError when asked to, for whatever fails for good', async () => {
  const get = resilientFetch({ ...quick(), throwOnFailure: true });
  const server = await serve(500, 502, 503);
  const error = await get(`${server.origin}/path?token=secret`).then(
    () => assert.fail(),
    (reason) => reason,
  );
  assert.ok(error instanceof HttpError && error instanceof Error);
  assert.deepEqual([error.status, error.retryable, error.code, error.name], [503, true, 'ERR_HTTP', 'resilientFetch']);
  assert.equal(await error.response.text(), 'status 503');
  assert.equal(error.message, `GET ${server.origin}/path was answered 503`);
  assert.deepEqual(
    attemptsOf(error).map(({ attempt }) => attempt),
    [1, 2, 3],
  );

  const missing = await serve(404);
  await assert.rejects(
    get(missing.origin),
    (reason) => reason instanceof HttpError && reason.status === 404 && !reason.retryable,
  );
  const post = await serve(503);
  await assert.rejects(
    get(post.origin, { method: 'POST' }),
    (reason) => reason instanceof HttpError && reason.status === 503 && !reason.retryable,
  );
  const fine = await serve(204);
  assert.equal((await get(fine.origin)).status, 204);
});

test('an HttpError is known as one in another copy of holdfast', () => {
  const response = new Response(null, { status: 503 });
  const error = new HttpError({ name: 'n', message: 'm', response, retryable: true });
  const foreign = { 'holdfast:kind': 'HttpError', retryable: true, status: 503 };
  assert.ok(foreign instanceof HttpError);
  assert.equal(isTransient(error), true);
  assert.equal(isTransient(foreign), true);
});

// ---- breaker

test('has a breaker for each origin: one that is down is left alone, another is not [55]', async () => {
  const down = await serve(503);
  const up = await serve(200);
  const get = resilientFetch({ ...quick(), breaker: { trip: consecutiveFailures({ count: 3 }), openDuration: 5_000 } });
  assert.equal((await get(`${down.origin}/a`)).status, 503);
  const error = await get(`${down.origin}/b`).then(
    () => assert.fail(),
    (reason) => reason,
  );
  assert.ok(error instanceof CircuitOpenError);
  assert.equal(error.name, `resilientFetch.breaker ${down.origin}`);
  assert.equal(error.retryAfter, 5_000);
  assert.ok(error.cause instanceof HttpError);
  assert.equal(down.requests.length, 3);
  assert.equal((await get(up.origin)).status, 200);
});

test('opens the circuit for as long as Retry-After says [70]', async () => {
  const server = await serve((_, response) => void response.writeHead(429, { 'retry-after': '20' }).end());
  const { clock, random } = quick();
  const get = resilientFetch({
    clock,
    random,
    retry: { maxAttempts: 1 },
    breaker: { trip: consecutiveFailures({ count: 1 }) },
  });
  assert.equal((await get(server.origin)).status, 429);
  await assert.rejects(get(server.origin), (error) => error instanceof CircuitOpenError && error.retryAfter === 20_000);
});

test('what the server says no to for good does not open the circuit', async () => {
  const server = await serve(404);
  const get = resilientFetch({ ...quick(), breaker: { trip: consecutiveFailures({ count: 1 }) } });
  for (let i = 0; i < 5; i++) assert.equal((await get(server.origin)).status, 404);
});

test('counts the failures of what is sent only once too', async () => {
  const server = await serve(503);
  const get = resilientFetch({ ...quick(), breaker: { trip: consecutiveFailures({ count: 2 }) } });
  for (let i = 0; i < 2; i++) assert.equal((await get(server.origin, { method: 'POST' })).status, 503);
  await assert.rejects(get(server.origin), CircuitOpenError);
});

test('goes without a breaker where that is asked for', async () => {
  const server = await serve(503);
  const get = resilientFetch({ ...quick(), breaker: false, retry: { maxAttempts: 1 } });
  for (let i = 0; i < 50; i++) assert.equal((await get(server.origin)).status, 503);
});

// ---- events and options

test('tells what its parts do, and which of them speaks', async () => {
  const server = await serve(503, () => {}, 200);
  const events: string[] = [];
  const { clock, random } = quick();
  const get = resilientFetch({
    clock,
    random,
    name: 'api',
    onEvent: ({ type, name }) => events.push(`${name}: ${type}`),
  });
  const call = get(server.origin);
  await until(() => server.requests.length === 2);
  await clock.advance(10_000);
  await call;
  assert.deepEqual(
    events.filter((event) => !event.endsWith('late')),
    ['api.retry: retry', 'api.tryTimeout: timeout', 'api.retry: retry'],
  );
});

test("an option of a part's own comes before the common one, and undefined is none [7]", async () => {
  const server = await serve(503);
  const events: string[] = [];
  const get = resilientFetch({
    ...quick(),
    timeout: undefined,
    breaker: undefined,
    retry: {
      maxAttempts: 2,
      backoff: undefined,
      clock: undefined,
      name: 'mine',
      onEvent: ({ type, name }) => events.push(`${name}: ${type}`),
    },
    onEvent: ({ type, name }) => assert.fail(`${name}: ${type}`),
  });
  await get(server.origin);
  assert.deepEqual(events, ['mine: retry', 'mine: exhausted']);
});

test.each<[object, ErrorConstructor, RegExp]>([
  [5 as unknown as object, TypeError, /resilientFetch: options must be an object, got 5/],
  [{ timeuot: 1 }, TypeError, /resilientFetch: unknown option "timeuot"; did you mean "timeout"/],
  [{ timeout: -1 }, RangeError, /resilientFetch: timeout must be .*got -1/],
  [{ tryTimeout: Number.NaN }, RangeError, /resilientFetch: tryTimeout must be .*got NaN/],
  [{ tryTimeout: '1' }, TypeError, /resilientFetch: tryTimeout/],
  [{ retry: { maxAttempts: 0 } }, RangeError, /retry: maxAttempts/],
  [{ retry: { attempts: 1 } }, TypeError, /retry: unknown option/],
  [{ retry: 3 }, TypeError, /resilientFetch: retry must be an object/],
  [{ retry: { onEvent: 1 } }, TypeError, /retry: onEvent must be a function/],
  [{ breaker: null }, TypeError, /resilientFetch: breaker must be an object/],
  [{ breaker: true }, TypeError, /resilientFetch: breaker must be an object/],
  [{ clock: { now() {} } }, TypeError, /resilientFetch: clock must be an object with now, coarse, wall, schedule/],
  [{ breaker: { openDuration: -1 } }, RangeError, /circuitBreaker: openDuration/],
  [{ breaker: { trips: 1 } }, TypeError, /circuitBreaker: unknown option/],
  [{ throwOnFailure: 1 }, TypeError, /resilientFetch: throwOnFailure must be a boolean/],
  [{ holdUntil: 'end' }, RangeError, /resilientFetch: holdUntil must be "headers" or "body", got "end"/],
  [{ fetch: {} }, TypeError, /resilientFetch: fetch must be a function/],
  [{ pipeline: {} }, TypeError, /resilientFetch: pipeline/],
  [{ pipeline: { execute() {} }, timeout: 1 }, TypeError, /resilientFetch: pipeline and timeout exclude each other/],
  [
    { pipeline: { execute() {} }, breaker: false },
    TypeError,
    /resilientFetch: pipeline and breaker exclude each other/,
  ],
])('refuses options that are wrong: %j [7]', (options, kind, message) => {
  assert.throws(
    () => resilientFetch(options),
    (error) => error instanceof kind && message.test((error as Error).message),
  );
});
