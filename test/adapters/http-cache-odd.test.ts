import assert from 'node:assert/strict';
import { test } from 'vitest';
import { balancedFetch, resilientFetch } from '../../src/adapters/fetch.ts';
import { type CachingFetchOptions, cachingFetch } from '../../src/adapters/http-cache.ts';
import { ManualClock } from '../../src/testing/manual-clock.ts';
import { idle, serve, until } from './server.ts';

const url = 'http://host.test/';

/** What somebody else's fetch is asked, and what it is to answer. */
function setUp(answer: (headers: Headers, count: number) => Response, options: CachingFetchOptions = {}) {
  const clock = new ManualClock();
  const asked: Headers[] = [];
  const fetch = async (...of: Parameters<typeof globalThis.fetch>): Promise<Response> => {
    asked.push(new Request(...of).headers);
    return answer(asked.at(-1) as Headers, asked.length);
  };
  const get = cachingFetch({ clock, fetch, ...options });
  return {
    clock,
    asked,
    fetch,
    get,
    async text(init?: RequestInit): Promise<string> {
      const text = await (await get(url, init)).text();
      await idle();
      return text;
    },
  };
}

test('a request that says by integrity what it takes passes as if there were no cache', async () => {
  const server = await serve(
    (_, response) => void response.writeHead(200, { 'cache-control': 'max-age=60' }).end('it'),
  );
  const get = cachingFetch();
  await (await get(server.origin)).text();
  await idle();
  const wrong = { integrity: `sha256-${btoa('x'.repeat(32))}` };
  await assert.rejects(get(server.origin, wrong), TypeError);
  await assert.rejects(get(new Request(server.origin, wrong)), TypeError);
});

test('nothing is sent for only-if-cached, behind neither', async () => {
  const headers = { 'cache-control': 'max-age=0, stale-while-revalidate=60' };
  const it = setUp((_, count) => new Response(`${count}`, { headers }));
  const only = { headers: { 'cache-control': 'only-if-cached' } };
  assert.deepEqual([await it.text(), await it.text(only), it.asked.length], ['1', '1', 1]);
  assert.deepEqual([await it.text(), it.asked.length], ['1', 2]);
});

test('a refusal that is thrown is an answer, and an outage that is thrown is one', async () => {
  let status = 200;
  const cancelled: number[] = [];
  const answer = (): Response => {
    const given = status;
    const body = new ReadableStream({ cancel: () => void cancelled.push(given) });
    const headers = { 'cache-control': 'max-age=0', etag: '"1"' };
    return new Response(given === 200 ? 'it' : body, { status: given, headers });
  };
  const fetch = resilientFetch({ throwOnFailure: true, retry: { maxAttempts: 1 }, fetch: async () => answer() });
  const it = setUp(answer, { fetch, staleIfError: 60_000 });
  assert.equal(await it.text(), 'it');
  status = 503;
  assert.equal(await it.text(), 'it');
  assert.deepEqual(cancelled, [503]);
  status = 410;
  await assert.rejects(it.text(), { status: 410 });
  // It has gone: nothing stands in for it any more.
  status = 503;
  await assert.rejects(it.text(), { status: 503 });
  assert.deepEqual(cancelled, [503]);
});

test('what is thrown at a look behind is let go of', async () => {
  let status = 200;
  let cancelled = 0;
  const fetch = async (): Promise<Response> => {
    const headers = { 'cache-control': 'max-age=0, stale-while-revalidate=60' };
    return new Response(status === 200 ? 'it' : new ReadableStream({ cancel: () => void cancelled++ }), {
      status,
      headers,
    });
  };
  const it = setUp(() => new Response(), { fetch: resilientFetch({ throwOnFailure: true, fetch }) });
  assert.equal(await it.text(), 'it');
  status = 404;
  assert.equal(await it.text(), 'it');
  await until(() => cancelled === 1);
});

test('a 304 without a date is of now: it makes nothing good for longer than its Expires', async () => {
  const at = (clock: ManualClock, seconds: number): string => new Date(clock.wall() + seconds * 1_000).toUTCString();
  const it = setUp((headers, count) => {
    const expires = at(it.clock, 10);
    if (headers.has('if-none-match')) return new Response(null, { status: 304, headers: { expires } });
    return new Response(`${count}`, { headers: { expires, etag: '"1"', date: at(it.clock, 0) } });
  });
  await it.text();
  for (const [seconds, asked] of [
    [100, 2],
    [9, 2],
    [2, 3],
  ] as const) {
    await it.clock.advance(seconds * 1_000);
    assert.equal(await it.text(), '1');
    assert.equal(it.asked.length, asked);
  }
});

test('of another site, which hides in a page what its responses depend on, each is for requests alike', async () => {
  const seen = { 'cache-control': 'max-age=60', 'last-modified': new Date(0).toUTCString() };
  const it = setUp((headers) =>
    Object.defineProperty(new Response(headers.get('accept'), { headers: seen }), 'type', { value: 'cors' }),
  );
  const [text, json] = ['text/html', 'application/json'].map((accept) => ({ headers: { accept } }));
  assert.deepEqual([await it.text(text), await it.text(json)], ['text/html', 'application/json']);
  assert.deepEqual([await it.text(text), await it.text(json)], ['text/html', 'application/json']);
  assert.equal(await it.text({ headers: { ...text?.headers, 'cache-control': 'max-age=30' } }), 'text/html');
  assert.equal(it.asked.length, 2);
  await it.clock.advance(61_000);
  // With a condition the page would have to ask first whether it may send that.
  assert.equal(await it.text(text), 'text/html');
  assert.equal(it.asked[2]?.has('if-modified-since'), false);
});

test('goes round a balanced fetch, with relative URLs too', async () => {
  const server = await serve((request, response) => {
    response.writeHead(200, { 'cache-control': 'max-age=60' }).end(`${request.method} ${request.url}`);
  });
  const get = cachingFetch({ fetch: balancedFetch({ origins: [server.origin] }) });
  const read = async (...asked: Parameters<typeof fetch>): Promise<string> => {
    const text = await (await get(...asked)).text();
    await idle();
    return text;
  };
  for (let i = 0; i < 2; i++) assert.equal(await read('/users'), 'GET /users');
  assert.equal(await read('http://origins.invalid/users'), 'GET /users');
  assert.equal(server.requests.length, 1);
  assert.equal(await read('/users', { method: 'POST', body: 'x' }), 'POST /users');
  assert.equal(await read('/users'), 'GET /users');
  assert.equal(server.requests.length, 3);
  await assert.rejects(cachingFetch()('/users'), TypeError);
});

test('a response says its status also to what looks behind its face', async () => {
  const status = Object.getOwnPropertyDescriptor(Response.prototype, 'status')?.get as () => number;
  const it = setUp(() => new Response('no', { status: 404, headers: { 'cache-control': 'max-age=60' } }));
  for (let i = 0; i < 2; i++) {
    const response = await it.get(url);
    assert.equal(status.call(response), 404);
    assert.equal(status.call(response.clone()), 404);
    assert.equal(await response.text(), 'no');
    await idle();
  }
  const held = await resilientFetch({ holdUntil: 'body', fetch: it.fetch })(url);
  assert.deepEqual([status.call(held), await held.text()], [404, 'no']);
  const odd = Object.defineProperty(new Response('odd'), 'status', { value: 999 });
  assert.equal((await resilientFetch({ holdUntil: 'body', fetch: async () => odd })(url)).status, 999);
});

test.each([
  ['max-age=0, Max-Age=60', false],
  ['max-age=60, max-age=0', true],
  ['max-age="60"', true],
  ['max-age = 60', true],
  ['max-age=60, of="another, no-store"', true],
  ['max-age=0, of="another, max-age=60"', false],
  ['max-age=60, of="open, no-store', true],
  ['max-age=60, no-cache="set-cookie, x-own"', false],
  [`${'a="'.repeat(4_000)}, max-age=60`, true],
])('of what is said more than once the first counts, and what is quoted is one thing: %.40s', async (says, isFresh) => {
  const it = setUp((_, count) => new Response(`${count}`, { headers: { 'cache-control': says, etag: '"1"' } }));
  assert.deepEqual([await it.text(), await it.text()], ['1', isFresh ? '1' : '2']);
});

test('what a 304 says to depend on more than requests say is kept no longer', async () => {
  const headers = { 'cache-control': 'max-age=10', etag: '"1"' };
  const it = setUp(
    (asked, count) => {
      if (count > 2) return new Response(null, { status: 503 });
      if (asked.has('if-none-match')) return new Response(null, { status: 304, headers: { ...headers, vary: '*' } });
      return new Response('it', { headers });
    },
    { staleIfError: 60_000 },
  );
  await it.text();
  await it.clock.advance(11_000);
  assert.equal(await it.text(), 'it');
  assert.equal((await it.get(url)).status, 503);
});
