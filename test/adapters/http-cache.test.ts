import assert from 'node:assert/strict';
import type { RequestListener } from 'node:http';
import * as Undici from 'undici';
import { test } from 'vitest';
import { resilientFetch } from '../../src/adapters/fetch.ts';
import { type CachingFetchOptions, cachingFetch } from '../../src/adapters/http-cache.ts';
import { ManualClock } from '../../src/testing/manual-clock.ts';
import { idle, serve, until } from './server.ts';

const second = 1_000;

/** A server that counts what it is asked, and a caching fetch on a clock that is moved by hand. */
async function setUp(headers: Record<string, string> | RequestListener, options: CachingFetchOptions = {}) {
  const clock = new ManualClock();
  let answers = 0;
  const served = await serve((request, response) => {
    answers++;
    // In the time of the test.
    response.setHeader('date', new Date(clock.wall()).toUTCString());
    if (typeof headers === 'function') return headers(request, response);
    response.writeHead(200, headers).end(`answer ${answers}`);
  });
  const events: string[] = [];
  const get = cachingFetch({ clock, onEvent: ({ type }) => events.push(type), ...options });
  return {
    clock,
    served,
    events,
    get,
    /** Reads an answer, and lets it be kept. */
    async text(path = '/', init?: RequestInit): Promise<string> {
      const text = await (await get(served.origin + path, init)).text();
      await idle();
      return text;
    },
    read: () => events.splice(0),
    get sent() {
      return served.requests.length;
    },
  };
}

test('keeps a response for as long as it says, and gives it with its age', async () => {
  const it = await setUp({ 'cache-control': 'public, Max-Age=60', 'x-own': 'x' });
  assert.equal(await it.text(), 'answer 1');
  await it.clock.advance(59 * second);
  const response = await it.get(`${it.served.origin}/#part`);
  assert.equal(response.headers.get('age'), '59');
  assert.equal(response.headers.get('x-own'), 'x');
  assert.equal(response.url, `${it.served.origin}/`);
  assert.deepEqual([response.status, response.ok, response.type, response.redirected], [200, true, 'basic', false]);
  assert.equal(await response.clone().text(), 'answer 1');
  assert.equal(await response.text(), 'answer 1');
  assert.equal(it.sent, 1);
  await it.clock.advance(second);
  assert.equal(await it.text(), 'answer 2');
  assert.equal(await it.text('/other'), 'answer 3');
  assert.deepEqual(
    it.read(),
    ['miss', 'hit', 'stale', 'miss'].filter((type) => type !== 'stale'),
  );
});

test('keeps nothing that must not be kept', async () => {
  for (const headers of [
    { 'cache-control': 'No-Store, max-age=60' },
    { 'cache-control': 'max-age=60', vary: '*' },
    { 'cache-control': 'max-age=0' },
    {},
  ]) {
    const it = await setUp(headers as Record<string, string>);
    assert.equal(await it.text(), 'answer 1');
    assert.equal(await it.text(), 'answer 2', JSON.stringify(headers));
  }
  const it = await setUp({ 'cache-control': 'max-age=60' });
  assert.equal(await it.text('/', { headers: { 'cache-control': 'no-store' } }), 'answer 1');
  assert.equal(await it.text('/', { cache: 'no-store' }), 'answer 2');
  assert.equal(await it.text(), 'answer 3');
  assert.equal(await it.text('/', { headers: { range: 'bytes=0-1' } }), 'answer 4');
  assert.equal(await it.text('/', { redirect: 'manual' }), 'answer 5');
  assert.equal(await it.text(), 'answer 3');
});

test('what is private is kept, unless the cache is shared', async () => {
  const headers = { 'cache-control': 'private, max-age=60' };
  const own = await setUp(headers);
  assert.deepEqual([await own.text(), await own.text()], ['answer 1', 'answer 1']);
  const shared = await setUp(headers, { shared: true });
  assert.deepEqual([await shared.text(), await shared.text()], ['answer 1', 'answer 2']);
});

test('asks whether what is over is still good, by tag or by date, and takes 304 for a yes', async () => {
  for (const [validator, value, condition] of [
    ['etag', '"v1"', 'if-none-match'],
    ['last-modified', 'Wed, 31 Dec 2025 00:00:00 GMT', 'if-modified-since'],
  ] as const) {
    const it = await setUp((request, response) => {
      const same = request.headers[condition] === value;
      const round = same ? 'second' : 'first';
      const headers = { [validator]: value, 'cache-control': 'max-age=10', 'x-round': round };
      response.writeHead(same ? 304 : 200, headers).end(same ? undefined : 'the body');
    });
    assert.equal(await it.text(), 'the body');
    await it.clock.advance(11 * second);
    const response = await it.get(`${it.served.origin}/`);
    assert.equal(response.status, 200);
    assert.equal(await response.text(), 'the body');
    assert.equal(response.headers.get('x-round'), 'second');
    assert.equal(it.sent, 2);
    // It is as good as new.
    await it.clock.advance(9 * second);
    assert.equal(await it.text(), 'the body');
    assert.equal(it.sent, 2);
    assert.deepEqual(it.read(), ['miss', 'validated', 'hit']);
  }
});

test('a 304 about another response is not believed, and one that does not say what it is about is', async () => {
  for (const [tag, sent, after] of [
    ['"other"', 3, 'answer 3'],
    ['W/"v"', 2, 'answer 1'],
    [undefined, 2, 'answer 1'],
  ] as const) {
    const it = await setUp((request, response) => {
      const asks = request.headers['if-none-match'] !== undefined;
      const etag = asks ? tag : '"v"';
      response.writeHead(asks ? 304 : 200, { ...(etag && { etag }), ...(!asks && { 'cache-control': 'max-age=10' }) });
      response.end(asks ? undefined : `answer ${it.sent}`);
    });
    assert.equal(await it.text(), 'answer 1');
    await it.clock.advance(11 * second);
    assert.equal(await it.text(), after);
    assert.equal(await it.text(), after);
    assert.equal(it.sent, sent);
  }
});

test('a 304 brings its headers, each as often as it says, and an age that begins anew', async () => {
  let round = 0;
  const it = await setUp((request, response) => {
    const asks = request.headers['if-none-match'] !== undefined;
    const cookies = [`a=${round}`, `b=${round++}`];
    response.writeHead(asks ? 304 : 200, { etag: '"v"', 'cache-control': 'max-age=10', 'set-cookie': cookies });
    response.end(asks ? undefined : 'it');
  });
  const cookies = async () => (await it.get(`${it.served.origin}/`)).headers.getSetCookie();
  await it.text();
  assert.deepEqual(await cookies(), ['a=0', 'b=0']);
  await it.clock.advance(11 * second);
  assert.deepEqual(await cookies(), ['a=1', 'b=1']);
  assert.deepEqual(await cookies(), ['a=1', 'b=1']);
  const old = await setUp((request, response) => {
    const asks = request.headers['if-none-match'] !== undefined;
    response.writeHead(asks ? 304 : 200, { etag: '"v"', 'cache-control': 'max-age=10', ...(!asks && { age: '9' }) });
    response.end();
  });
  for (const seconds of [0, 2, 9, 2]) {
    await old.clock.advance(seconds * second);
    await old.text();
  }
  assert.deepEqual(old.read(), ['miss', 'validated', 'hit', 'validated']);
});

test('a new answer takes the place of what was asked about', async () => {
  let version = 1;
  const it = await setUp((request, response) => {
    const tag = `"v${version}"`;
    const same = request.headers['if-none-match'] === tag;
    response.writeHead(same ? 304 : 200, { etag: tag, 'cache-control': 'no-cache' }).end(same ? undefined : tag);
  });
  assert.equal(await it.text(), '"v1"');
  assert.equal(await it.text(), '"v1"');
  version = 2;
  assert.equal(await it.text(), '"v2"');
  assert.equal(await it.text(), '"v2"');
  assert.deepEqual(it.read(), ['miss', 'validated', 'validated']);
  assert.equal(it.sent, 4);
});

test('must-revalidate is asked about when it is over, not before, and never given after', async () => {
  let down = false;
  const it = await setUp(
    (_, response) => {
      if (down) response.writeHead(503).end('down');
      else response.writeHead(200, { 'cache-control': 'max-age=10, must-revalidate', etag: '"a"' }).end('up');
    },
    { staleIfError: 1e9 },
  );
  assert.equal(await it.text(), 'up');
  assert.equal(await it.text(), 'up');
  assert.equal(it.sent, 1);
  await it.clock.advance(11 * second);
  down = true;
  assert.equal(await it.text(), 'down');
  assert.equal(await it.text('/', { headers: { 'cache-control': 'max-stale' } }), 'down');
});

test('keeps one response for each kind of request that Vary tells apart, and never gives one person’s to another', async () => {
  const it = await setUp((request, response) => {
    response.writeHead(200, { 'cache-control': 'max-age=60', vary: 'Accept-Language' });
    response.end(`${request.headers['accept-language']} ${request.headers.authorization}`);
  });
  const ask = (language: string, authorization: string) =>
    it.text('/', { headers: { 'accept-language': language, authorization } });
  for (let round = 0; round < 2; round++) {
    assert.equal(await ask('de', 'ada'), 'de ada');
    assert.equal(await ask('en', 'ada'), 'en ada');
    assert.equal(await ask('de', 'grace'), 'de grace');
  }
  assert.equal(it.sent, 3);
  for (let i = 0; i < 20; i++) await ask(`l${i}`, 'ada');
  assert.equal(await ask('l19', 'ada'), 'l19 ada');
  assert.equal(it.sent, 23);
});

test('stale-while-revalidate gives what there is, and asks behind, once', async () => {
  const it = await setUp({ 'cache-control': 'max-age=10, stale-while-revalidate=30' });
  assert.equal(await it.text(), 'answer 1');
  await it.clock.advance(15 * second);
  const controller = new AbortController();
  const both = await Promise.all(
    [1, 2].map(() => it.get(`${it.served.origin}/`, { signal: controller.signal }).then((each) => each.text())),
  );
  controller.abort();
  assert.deepEqual(both, ['answer 1', 'answer 1']);
  await until(() => it.sent === 2 && it.served.unfinished.size === 0);
  await idle();
  assert.equal(await it.text(), 'answer 2');
  assert.equal(it.sent, 2);
  await it.clock.advance(41 * second);
  assert.equal(await it.text(), 'answer 3');
});

test('what is over stands in for an error, where response or option allow it, for so long', async () => {
  let down: 503 | 404 | 'cut' | undefined;
  const answer: RequestListener = (request, response) => {
    if (down === 'cut') request.socket.destroy();
    else if (down) response.writeHead(down).end('down');
    else response.writeHead(200, { 'cache-control': `max-age=10${request.url}` }).end('up');
  };
  for (const [path, options] of [
    ['/,stale-if-error=20', {}],
    ['/', { staleIfError: 20 * second }],
  ] as const) {
    for (const state of [503, 'cut'] as const) {
      down = undefined;
      const it = await setUp((request, response) => {
        answer(Object.assign(request, { url: request.url?.slice(1) }), response);
      }, options);
      assert.equal(await it.text(path), 'up');
      await it.clock.advance(29 * second);
      down = state;
      assert.equal(await it.text(path), 'up');
      assert.deepEqual(it.read(), ['miss', 'stale']);
      await it.clock.advance(1 * second);
      if (state === 'cut') await assert.rejects(it.text(path), TypeError);
      else assert.equal(await it.text(path), 'down');
    }
  }
  down = undefined;
  const it = await setUp((_, response) => answer(Object.assign(_, { url: '' }), response), { staleIfError: 1e9 });
  assert.equal(await it.text(), 'up');
  await it.clock.advance(11 * second);
  // That is an answer. So is whatever a caller wants to have from the server itself.
  down = 503;
  assert.equal(await it.text('/', { cache: 'reload' }), 'down');
  down = 404;
  assert.equal(await it.text(), 'down');
});

test('a request may ask for more, or for less, than what is fresh', async () => {
  const it = await setUp({ 'cache-control': 'max-age=60' });
  const ask = (directive: string) => it.text('/', { headers: { 'cache-control': directive } });
  assert.equal((await it.get(`${it.served.origin}/`, { headers: { 'cache-control': 'only-if-cached' } })).status, 504);
  assert.equal(await it.text(), 'answer 1');
  await it.clock.advance(30 * second);
  assert.equal(await ask('max-age=40'), 'answer 1');
  assert.equal(await ask('max-age=20'), 'answer 2');
  await it.clock.advance(30 * second);
  assert.equal(await ask('min-fresh=20'), 'answer 2');
  assert.equal(await ask('no-cache'), 'answer 3');
  assert.equal(await it.text('/', { cache: 'reload' }), 'answer 4');
  await it.clock.advance(80 * second);
  assert.equal(await ask('max-stale=30'), 'answer 4');
  assert.equal(await ask('max-stale=30, only-if-cached'), 'answer 4');
  assert.equal(await it.text('/', { cache: 'force-cache' }), 'answer 4');
  assert.equal(await ask('max-stale=10'), 'answer 5');
});

test('a change forgets its URL, and what is under way to it, where it succeeds', async () => {
  let hold: (() => void) | undefined;
  let status = 201;
  const it = await setUp((request, response) => {
    if (request.method === 'POST') response.writeHead(status, { location: '/made' }).end();
    else {
      const number = it.sent;
      const answer = () => response.writeHead(200, { 'cache-control': 'max-age=60' }).end(`answer ${number}`);
      if (request.url === '/slow') hold = answer;
      else answer();
    }
  });
  const post = (path: string) => it.text(path, { method: 'POST', body: 'x' });
  assert.equal(await it.text('/a'), 'answer 1');
  assert.equal(await it.text('/made'), 'answer 2');
  status = 500;
  await post('/a');
  assert.equal(await it.text('/a'), 'answer 1');
  status = 201;
  await post('/a');
  assert.equal(await it.text('/a'), 'answer 5');
  assert.equal(await it.text('/made'), 'answer 6');
  const slow = it.text('/slow');
  await until(() => hold !== undefined);
  await post('/slow');
  hold?.();
  assert.equal(await slow, 'answer 7');
  const again = it.text('/slow');
  await until(() => it.sent === 9);
  hold?.();
  assert.equal(await again, 'answer 9');
});

test('a change that points nowhere is a change all the same', async () => {
  const it = await setUp((request, response) => {
    const place = request.method === 'POST' ? { location: 'http://[' } : {};
    response.writeHead(200, { 'cache-control': 'max-age=60', ...place }).end(`answer ${it.sent}`);
  });
  assert.equal(await it.text(), 'answer 1');
  assert.equal(await it.text('/', { method: 'POST' }), 'answer 2');
  assert.equal(await it.text(), 'answer 3');
});

test('a body that breaks off, or is too long, is not kept', async () => {
  let broken = true;
  const it = await setUp(
    (_, response) => {
      response.writeHead(200, { 'cache-control': 'max-age=60', 'content-length': '2000' });
      if (broken) response.write('x', () => response.destroy());
      else response.end('x'.repeat(2_000));
    },
    { maxWeight: 10_000 },
  );
  await assert.rejects(it.text());
  broken = false;
  assert.equal((await it.text()).length, 2_000);
  await it.text();
  assert.equal(it.sent, 2);
  for (let i = 0; i < 10; i++) await it.text(`/${i}`);
  assert.equal(it.sent, 12);
  // There is room for four.
  for (let i = 0; i < 10; i++) await it.text(`/${i}`);
  assert.ok(it.sent >= 12 + 6, `${it.sent} requests`);
  const small = await setUp({ 'cache-control': 'max-age=60' }, { maxWeight: 100 });
  assert.deepEqual([await small.text(), await small.text()], ['answer 1', 'answer 2']);
});

test('a body is read at its reader’s pace, and no further: one let go of frees its connection', async () => {
  const it = await setUp((_, response) => {
    response.writeHead(200, { 'cache-control': 'max-age=60' }).write('a beginning without an end');
  });
  const response = await it.get(`${it.served.origin}/`);
  const reader = response.body?.getReader();
  const { value } = (await reader?.read()) ?? {};
  value?.fill(0);
  await reader?.cancel();
  await until(() => it.served.unfinished.size === 0);
  const unread = await it.get(`${it.served.origin}/`);
  await unread.body?.cancel();
  await until(() => it.served.unfinished.size === 0);
  assert.deepEqual(it.read(), ['miss', 'miss']);
});

test('what a reader does to what it has read changes nothing of what is kept', async () => {
  const it = await setUp({ 'cache-control': 'max-age=60' });
  for (let i = 0; i < 2; i++) {
    const { body, headers } = await it.get(`${it.served.origin}/`);
    headers.set('cache-control', 'no-store');
    for await (const part of body as unknown as AsyncIterable<Uint8Array>) part.fill(0);
  }
  assert.equal(await it.text(), 'answer 1');
});

test('a body that turns out too long is passed on whole, and one that is fetched behind is let go of', async () => {
  let long = true;
  const it = await setUp(
    (_, response) => {
      response.writeHead(200, { 'cache-control': 'max-age=1, stale-while-revalidate=60' });
      response.write('x'.repeat(long ? 6_000 : 10), () => long || response.end());
      if (long) response.write('x'.repeat(6_000), () => it.sent === 1 && response.end());
    },
    { maxWeight: 10_000 },
  );
  assert.equal((await it.text()).length, 12_000);
  long = false;
  assert.equal((await it.text()).length, 10);
  await it.clock.advance(5 * second);
  long = true;
  assert.equal((await it.text()).length, 10);
  await until(() => it.sent === 3 && it.served.unfinished.size === 0);
  assert.deepEqual(it.read(), ['miss', 'miss', 'stale']);
});

test('a URL and what a request says count as much as what was answered', async () => {
  const it = await setUp({ 'cache-control': 'max-age=60' }, { maxWeight: 5_000 });
  for (const [path, headers] of [
    [`/?${'a'.repeat(5_000)}`, {}],
    ['/', { 'x-long': 'a'.repeat(5_000) }],
  ] as const) {
    assert.notEqual(await it.text(path, { headers }), await it.text(path, { headers }));
  }
});

test('where a redirect led is not kept for the URL that led there', async () => {
  const it = await setUp((request, response) => {
    if (request.url === '/from') response.writeHead(302, { location: '/to' }).end();
    else response.writeHead(200, { 'cache-control': 'max-age=60' }).end('there');
  });
  assert.equal(await it.text('/from'), 'there');
  assert.equal(await it.text('/from'), 'there');
  assert.equal(it.sent, 4);
});

test('goes round a resilient fetch, and takes requests as they come', async () => {
  let calls = 0;
  const it = await setUp(
    (_, response) => {
      if (++calls === 1) response.writeHead(503).end();
      else response.writeHead(200, { 'cache-control': 'max-age=60' }).end('it');
    },
    { fetch: resilientFetch({ random: () => 0 }) },
  );
  const request = new Request(`${it.served.origin}/`, { headers: { 'x-a': 'b' } });
  assert.equal(await (await it.get(request)).text(), 'it');
  await idle();
  assert.equal(await (await it.get(new URL(it.served.origin))).text(), 'it');
  assert.equal(it.sent, 2);
  await assert.rejects(it.get(request, { signal: AbortSignal.abort('gone') }), (error) => error === 'gone');
  await assert.rejects(it.get('http://'), TypeError);
  const body = new Request(`${it.served.origin}/`, { method: 'POST', body: 'sent' });
  await it.get(body);
  assert.equal(it.served.requests.at(-1)?.body, 'sent');
  assert.equal(await it.text(), 'it');
  assert.equal(it.sent, 4);
});

test('a wall clock that is set back prolongs no life, and one that is set forth ends it', async () => {
  const it = await setUp({ 'cache-control': 'max-age=60' });
  assert.equal(await it.text(), 'answer 1');
  it.clock.jumpWall(-3_600 * second);
  await it.clock.advance(59 * second);
  assert.equal(await it.text(), 'answer 1');
  await it.clock.advance(second);
  assert.equal(await it.text(), 'answer 2');
  it.clock.jumpWall(7_200 * second);
  assert.equal(await it.text(), 'answer 3');
  it.clock.jumpWall(-7_200 * second);
  await it.clock.advance(60 * second);
  assert.equal(await it.text(), 'answer 4');
});

test('what is shared is never given when it is over where s-maxage or proxy-revalidate say so', async () => {
  const given = async (says: string, shared: boolean): Promise<number> => {
    let fails = false;
    const it = await setUp(
      (_, response) => response.writeHead(fails ? 503 : 200, { 'cache-control': says, etag: '"1"' }).end('it'),
      { shared, staleIfError: 3_600 * second },
    );
    await it.text();
    fails = true;
    await it.clock.advance(2 * second);
    return (await it.get(`${it.served.origin}/`)).status;
  };
  assert.equal(await given('s-maxage=1', true), 503);
  assert.equal(await given('max-age=1, proxy-revalidate', true), 503);
  assert.equal(await given('s-maxage=1, stale-if-error=60', true), 200);
  assert.equal(await given('max-age=1', true), 200);
  assert.equal(await given('max-age=1, s-maxage=1, proxy-revalidate', false), 200);
});

test('takes what a request says of itself wherever it says it, whoever made it', async () => {
  const it = await setUp((request, response) =>
    response.writeHead(200, { 'cache-control': 'max-age=60' }).end(`for ${request.headers.authorization}`),
  );
  const url = `${it.served.origin}/`;
  const read = async (...asked: Parameters<typeof fetch>): Promise<string> => {
    const text = await (await it.get(...asked)).text();
    await idle();
    return text;
  };
  for (const authorization of ['Ada', 'Grace']) {
    // Behind getters, in what can be read once, and of another class than the platform's.
    assert.equal(await read(url, new Request(url, { headers: { authorization } })), `for ${authorization}`);
    assert.equal(await read(url, Object.create({ headers: { authorization } })), `for ${authorization}`);
    const once = new Map([['authorization', authorization]]).entries();
    assert.equal(await read(url, { headers: once as never }), `for ${authorization}`);
    const foreign = new Undici.Request(url, { headers: { authorization } });
    assert.equal(await read(foreign as never), `for ${authorization}`);
  }
  assert.deepEqual([it.sent, it.read().length], [2, 8]);
});

test('a body that is not shown as a stream is not taken for none', async () => {
  const fetch = async () =>
    Object.defineProperty(Response.json(1, { headers: { 'cache-control': 'max-age=60' } }), 'body', {
      value: undefined,
    });
  const get = cachingFetch({ fetch });
  for (let i = 0; i < 2; i++) assert.equal(await (await get('http://example.com/')).json(), 1);
});

test('options are checked at construction [7]', () => {
  assert.throws(() => cachingFetch({ maxWeight: 0 }), RangeError);
  assert.throws(() => cachingFetch({ staleIfError: -1 }), RangeError);
  assert.throws(() => cachingFetch({ fetch: 1 } as never), TypeError);
  assert.throws(() => cachingFetch({ stale: 1 } as never), /unknown option "stale"/);
});
