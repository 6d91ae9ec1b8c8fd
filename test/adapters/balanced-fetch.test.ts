import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import * as undici from 'undici';
import { test } from 'vitest';
import { type BalancedFetchOptions, balancedFetch, HttpError } from '../../src/adapters/fetch.ts';
import { cachingFetch } from '../../src/adapters/http-cache.ts';
import { roundRobin } from '../../src/algorithms/pick.ts';
import { consistentHash } from '../../src/algorithms/pick-hash.ts';
import { consecutiveFailures } from '../../src/algorithms/trip-rules.ts';
import { attemptsOf } from '../../src/core/attempts.ts';
import { CircuitOpenError, NoTargetError, TimeoutError } from '../../src/core/errors.ts';
import { ManualClock } from '../../src/testing/manual-clock.ts';
import { idle, listeners, serve, until } from './server.ts';

/** Retries without a wait, no timeout unless the clock is moved, and origins one after another. */
const quick = () => ({ clock: new ManualClock(), random: () => 0, pick: roundRobin() });

const reset: RequestListener = (request) => request.socket.destroy();
const hang: RequestListener = () => {};
const busy =
  (seconds: number): RequestListener =>
  (_, response) =>
    response.writeHead(503, { 'retry-after': String(seconds) }).end();

/** An origin that refuses connections. */
async function nobody(): Promise<string> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return `http://127.0.0.1:${port}`;
}

test('sends each further try to an origin that has not been tried', async () => {
  const servers = [await serve(503), await serve(reset), await serve(200)];
  const origins = [...servers.map(({ origin }) => origin), await nobody()];
  const get = balancedFetch({ ...quick(), origins, retry: { maxAttempts: 4 }, outlierEjection: false });
  for (let i = 0; i < 4; i++) {
    const response = await get('/users?x=1', { headers: { accept: 'x/y' } });
    assert.deepEqual([response.status, response.url], [200, `${servers[2]?.origin}/users?x=1`]);
  }
  assert.equal(servers[2]?.requests.length, 4);
  for (const { requests } of servers) assert.ok(requests.length <= 4);
  assert.deepEqual([servers[2]?.requests[0]?.headers.accept], ['x/y']);
});

test('goes on to another origin when a try hangs [49]', async () => {
  const [a, b] = [await serve(hang), await serve(200)];
  const { clock, ...rest } = quick();
  const get = balancedFetch({ clock, ...rest, origins: [a.origin, b.origin], tryTimeout: 1_000 });
  const call = get('/');
  await until(() => a.requests.length === 1);
  await clock.advance(1_000);
  assert.equal((await call).url, `${b.origin}/`);
});

test.each([
  ['/users?x=1#y', '', '/users?x=1'],
  ['users', '', '/users'],
  ['', '', '/'],
  ['?x=1', '/api', '/api/?x=1'],
  ['/users', '/api/', '/api/users'],
  ['/../../x/%2e%2e/users', '/api', '/api/users'],
  ['/a//b/%2F', '/api', '/api/a//b/%2F'],
  ['http://users.test/users', '/api', '/api/users'],
  [new URL('http://users.test/users'), '/api', '/api/users'],
  [new Request('http://users.test:80/users'), '/api', '/api/users'],
])('puts a path behind the URL of the origin: %s', async (input, path, expected) => {
  const { origin, requests } = await serve(200);
  const get = balancedFetch({ ...quick(), origins: [origin + path], base: 'http://users.test' });
  await get(input);
  assert.equal(requests[0]?.url, expected);
});

test.each([
  'http://other.test/users',
  'https://users.test/users',
  '//other.test/users',
  '\\\\other.test/users',
  'data:,x',
  'http://[',
  'http://user:pass@users.test/',
])('sends nothing to where its origins are not: %s', async (input) => {
  const { origin, requests } = await serve(200);
  const get = balancedFetch({ ...quick(), origins: [origin], base: 'http://users.test/' });
  await assert.rejects(get(input), TypeError);
  await assert.rejects(
    get(`${origin}/users`),
    /must be relative, or begin with http:\/\/users.test, got "http:\/\/127/,
  );
  assert.equal(requests.length, 0);
});

test('sends a Request as it is, again too', async () => {
  const [a, b] = [await serve(503), await serve(200)];
  const get = balancedFetch({ ...quick(), origins: [a.origin, b.origin] });
  const init = { method: 'PUT', body: 'text', headers: { 'x-a': '1', 'content-type': 'x/y' } };
  const request = new Request('http://origins.invalid/users', init);
  assert.equal((await get(request)).status, 200);
  for (const { requests } of [a, b]) {
    const { method, url, body, headers } = requests[0] as (typeof requests)[0];
    assert.deepEqual([method, url, body], ['PUT', '/users', 'text']);
    assert.deepEqual([headers['x-a'], headers['content-type']], ['1', 'x/y']);
  }
  // With what is beside it, which goes first.
  await get(new Request('http://origins.invalid/users', init), {
    method: 'POST',
    headers: { 'x-a': '2' },
    body: 'more',
  });
  const { method, body, headers } = [...a.requests, ...b.requests].find(({ method }) => method === 'POST') as never;
  assert.deepEqual([method, body, headers['x-a']], ['POST', 'more', '2']);
});

test.each(['POST', 'PATCH'])('sends a %s to one origin, once, whatever becomes of it', async (method) => {
  for (const answer of [503, reset, busy(1)]) {
    const servers = [await serve(answer), await serve(answer), await serve(answer)];
    const post = balancedFetch({ ...quick(), origins: servers.map(({ origin }) => origin) });
    const ended = await post('/', { method, body: 'x' }).then(
      ({ status }) => status,
      (error) => error.name,
    );
    assert.equal(ended, answer === reset ? 'TypeError' : 503);
    assert.equal(servers.flatMap(({ requests }) => requests).length, 1);
  }
});

test('sends what has an Idempotency-Key to the next origin too', async () => {
  const [a, b] = [await serve(503), await serve(201)];
  const post = balancedFetch({ ...quick(), origins: [a.origin, b.origin] });
  const response = await post('/', { method: 'POST', body: 'x', headers: { 'idempotency-key': 'k' } });
  assert.deepEqual([response.status, b.requests[0]?.body], [201, 'x']);
});

test('does not wait for an origin that asks for it, and leaves that one alone until its time is over', async () => {
  const [a, b] = [await serve(busy(20), 200), await serve(200)];
  const { clock, ...rest } = quick();
  const get = balancedFetch({ clock, ...rest, origins: [a.origin, b.origin], outlierEjection: false });
  for (let i = 0; i < 5; i++) assert.equal((await get('/')).url, `${b.origin}/`);
  assert.equal(a.requests.length, 1);
  await clock.advance(19_999);
  await get('/');
  await get('/');
  assert.equal(a.requests.length, 1);
  await clock.advance(1);
  await get('/');
  await get('/');
  assert.equal(a.requests.length, 2);
});

test('waits where all origins ask for it, for the one that is to be asked next [33]', async () => {
  const [a, b] = [await serve(busy(3), 200), await serve(busy(9), 200)];
  const { clock, ...rest } = quick();
  const get = balancedFetch({ clock, ...rest, origins: [a.origin, b.origin] });
  let url = '';
  const call = get('/').then((response) => (url = response.url));
  await until(() => b.requests.length === 1);
  await idle();
  await clock.advance(2_999);
  await idle();
  assert.deepEqual([url, a.requests.length], ['', 1]);
  await clock.advance(1);
  assert.equal(await call, `${a.origin}/`);
});

test('asks an origin that is to be left alone where there is no other', async () => {
  const [a, b] = [await serve(busy(20), 200), await serve(reset)];
  const get = balancedFetch({ ...quick(), origins: [a.origin, b.origin] });
  assert.equal((await get('/')).url, `${a.origin}/`);
});

test('says how long to wait, and which origin has answered, with throwOnFailure', async () => {
  const [a, b] = [await serve(busy(20)), await serve(404)];
  const once = { ...quick(), retry: { maxAttempts: 1 }, throwOnFailure: true };
  const one = balancedFetch({ ...once, origins: [a.origin] });
  const answered = (retryAfter: number | undefined) => (error: unknown) =>
    error instanceof HttpError &&
    error.retryAfter === retryAfter &&
    error.message === `GET ${a.origin}/users was answered 503`;
  await assert.rejects(one('/users?x'), answered(20_000));
  const two = balancedFetch({ ...once, origins: [a.origin, b.origin] });
  // Another one can be asked at once.
  await assert.rejects(two('/users?x'), answered(undefined));
  await assert.rejects(two('/users?x'), { message: `GET ${b.origin}/users was answered 404` });
});

test('passes over an origin whose circuit is open, and rejects when all are', async () => {
  const [a, b] = [await serve(503), await serve(200, 503)];
  const { clock, ...rest } = quick();
  const heard: string[] = [];
  const get = balancedFetch({
    clock,
    ...rest,
    origins: [a.origin, b.origin],
    retry: { maxAttempts: 1 },
    breaker: { trip: consecutiveFailures({ count: 1 }) },
    outlierEjection: false,
    onEvent: ({ type, name }) => heard.push(`${name}: ${type}`),
  });
  assert.deepEqual([(await get('/')).status, (await get('/')).status, (await get('/')).status], [503, 200, 503]);
  assert.deepEqual(
    get.endpoints.map(({ state }) => state),
    ['ejected', 'ejected'],
  );
  await assert.rejects(
    get('/'),
    (error) => error instanceof NoTargetError && error.targets.get(a.origin) === 'ejected',
  );
  assert.deepEqual([a.requests.length, b.requests.length], [1, 2]);
  assert.ok(heard.includes(`balancedFetch.breaker ${a.origin}: open`));
  await clock.advance(5_000);
  assert.equal((await get('/')).status, 503);
});

test.each(['GET', 'POST'])('a %s goes on at once from an origin that is being tried out', async (method) => {
  const [a, b] = [await serve(503, hang), await serve(200)];
  const { clock, ...rest } = quick();
  const breaker = { trip: consecutiveFailures({ count: 1 }), openDuration: 1_000 };
  // Without a timeout or a retry around it too.
  const get = balancedFetch({ clock, ...rest, origins: [a.origin, b.origin], breaker, timeout: Infinity });
  await get('/');
  assert.equal(get.endpoints[0]?.state, 'ejected');
  await clock.advance(1_000);
  const probe = get('/').catch(() => {});
  await until(() => a.requests.length === 2);
  for (let i = 0; i < 6; i++) assert.equal((await get('/', { method })).url, `${b.origin}/`);
  await clock.advance(10_000);
  await probe;
  assert.equal(a.requests.length, 2);
});

test('turns calls away when all origins are being tried out', async () => {
  const servers = [await serve(503, hang), await serve(503, hang)];
  const { clock, ...rest } = quick();
  const breaker = { trip: consecutiveFailures({ count: 1 }), openDuration: 1_000 };
  const get = balancedFetch({ clock, ...rest, origins: servers.map(({ origin }) => origin), breaker });
  await get('/').catch(() => {});
  await clock.advance(1_000);
  const probes = [get('/').catch(() => {}), get('/').catch(() => {})];
  await until(() => servers.every(({ requests }) => requests.length === 2));
  await assert.rejects(get('/'), CircuitOpenError);
  await clock.advance(60_000);
  await Promise.all(probes);
});

test('leaves an origin alone that fails call after call, and comes back to it', async () => {
  const [a, b] = [await serve(500, 500, 500, 500, 500, 200), await serve(200)];
  const { clock, ...rest } = quick();
  const get = balancedFetch({ clock, ...rest, origins: [a.origin, b.origin] });
  for (let i = 0; i < 20; i++) assert.equal((await get('/')).url, `${b.origin}/`);
  assert.deepEqual([a.requests.length, get.endpoints[0]?.state], [5, 'ejected']);
  await clock.advance(30_000);
  await get('/');
  await get('/');
  assert.deepEqual([a.requests.length, get.endpoints[0]?.state], [6, 'up']);
});

test('tells by one listener who is left out, by checks and by failures, and who came and went', async () => {
  const [a, b] = [
    await serve(({ url }, response) => response.writeHead(url === '/health' ? 500 : 200).end()),
    await serve(200, 500),
  ];
  const { clock, ...rest } = quick();
  const told: string[] = [];
  const reasons: string[] = [];
  const get = balancedFetch({
    clock,
    ...rest,
    name: 'users',
    origins: [
      { name: 'a', url: a.origin },
      { name: 'b', url: b.origin },
    ],
    check: { path: '/health', fall: 1 },
    outlierEjection: { consecutiveFailures: 1 },
    retry: { maxAttempts: 1 },
    onEvent(event) {
      told.push([event.name, event.type, ...('target' in event ? [event.target] : [])].join(' '));
      if (event.type === 'down') reasons.push(String(event.error));
    },
  });
  get.start();
  await clock.advance(0);
  await until(() => clock.pending === 1);
  await get('/');
  assert.deepEqual(told.sort(), ['users.check down a', 'users.outlierEjection ejected b', 'users.retry exhausted']);
  assert.deepEqual(reasons, [`users.check: GET ${a.origin}/health was answered 500`]);
  told.length = 0;
  get.remove('b');
  await assert.rejects(get('/'), { name: 'users.balancer', message: 'no target is eligible: a is down' });
  assert.deepEqual(told, ['users.balancer removed b', 'users.balancer no-target']);
  get[Symbol.dispose]();

  const own: string[] = [];
  const other = balancedFetch({
    ...quick(),
    origins: [b.origin, a.origin],
    outlierEjection: { consecutiveFailures: 1, onEvent: ({ type }) => own.push(type) },
    onEvent: ({ type }) => own.push(`common ${type}`),
  });
  await other('/');
  assert.deepEqual(own, ['ejected', 'common retry']);
});

test('checks its origins, those too that come later, until it is disposed of', async () => {
  const well: RequestListener = ({ url }, response) => response.writeHead(url === '/api/health' ? 204 : 200).end();
  const ill: RequestListener = ({ url }, response) =>
    response.writeHead(url === '/api/health' ? 302 : 200, { location: '/' }).end();
  const [a, b] = [await serve(well), await serve(ill)];
  const { clock, ...rest } = quick();
  const get = balancedFetch({
    clock,
    ...rest,
    origins: [`${a.origin}/api`],
    check: { path: '/health', interval: 1_000, timeout: 500, fall: 2, rise: 2 },
  });
  await clock.advance(10_000);
  assert.equal(a.requests.length, 0);
  get.start();
  const states: string[] = [];
  for (let round = 0; round < 4; round++) {
    await clock.advance(round === 0 ? 0 : 1_000);
    // Until the checks are done: what is left is the timer of the next round.
    await until(() => clock.pending === 1);
    states.push(get.endpoints.map(({ state }) => state).join());
    if (round === 0) get.add({ name: 'b', url: `${b.origin}/api` });
  }
  assert.deepEqual(states, ['up', 'up,up', 'up,down', 'up,down']);
  assert.deepEqual([a.requests.length, b.requests.length], [4, 3]);
  assert.ok([...a.requests, ...b.requests].every(({ url }) => url === '/api/health'));
  for (let i = 0; i < 3; i++) assert.equal((await get('/')).url, `${a.origin}/api/`);
  get[Symbol.dispose]();
  assert.equal(clock.pending, 0);
  await assert.rejects(get('/'), NoTargetError);
});

test('counts a call until its headers are there, or its body has been read', async () => {
  const [held, plain] = [await serve(200), await serve(200)];
  const body = balancedFetch({ ...quick(), origins: [held.origin], holdUntil: 'body' });
  const headers = balancedFetch({ ...quick(), origins: [plain.origin] });
  const pending = () => [body.endpoints[0]?.pending, headers.endpoints[0]?.pending];
  const calls = [body('/'), headers('/')];
  await until(() => held.requests.length + plain.requests.length === 2);
  const [one, two] = await Promise.all(calls);
  assert.deepEqual(pending(), [1, 0]);
  assert.deepEqual([await one?.text(), await two?.text()], ['status 200', 'status 200']);
  await idle();
  assert.deepEqual(pending(), [0, 0]);
});

test('an abort ends the call with its reason, speaks against no origin, and tries none again [15, 48]', async () => {
  const [a, b] = [await serve(hang), await serve(200)];
  const get = balancedFetch({ ...quick(), origins: [a.origin, b.origin], outlierEjection: { consecutiveFailures: 1 } });
  const caller = new AbortController();
  const reason = new Error('enough');
  const call = get('/', { signal: caller.signal });
  await until(() => a.requests.length === 1);
  assert.equal(get.endpoints[0]?.pending, 1);
  caller.abort(reason);
  await assert.rejects(call, (error) => error === reason);
  await until(() => a.unfinished.size === 0);
  await idle();
  const [first] = get.endpoints;
  assert.deepEqual([b.requests.length, first?.pending, first?.state, listeners(caller.signal)], [0, 0, 'up', 0]);
  await assert.rejects(get('/', { signal: AbortSignal.abort(reason) }), (error) => error === reason);
  assert.deepEqual([a.requests.length, b.requests.length], [1, 0]);
});

test('an abort reaches a body that is still being read', async () => {
  const endless: RequestListener = (_, response) => void response.writeHead(200).write('begun');
  const server = await serve(endless);
  const get = balancedFetch({ ...quick(), origins: [server.origin] });
  const caller = new AbortController();
  const response = await get('/', { signal: caller.signal });
  const text = response.text();
  caller.abort(new Error('enough'));
  await assert.rejects(text, /enough/);
  await until(() => server.unfinished.size === 0);
});

test('a timeout of the whole ends the call, and speaks against the origin [50]', async () => {
  const [a, b] = [await serve(hang), await serve(200)];
  const { clock, ...rest } = quick();
  const get = balancedFetch({
    clock,
    ...rest,
    origins: [a.origin, b.origin],
    timeout: 1_000,
    tryTimeout: Infinity,
    outlierEjection: { consecutiveFailures: 1 },
  });
  const call = get('/');
  await until(() => a.requests.length === 1);
  const ended = assert.rejects(
    call,
    (error) => error instanceof TimeoutError && error.name === 'balancedFetch.timeout',
  );
  await clock.advance(1_000);
  await ended;
  await idle();
  assert.deepEqual([get.endpoints[0]?.state, get.endpoints[0]?.pending, clock.pending], ['ejected', 0, 0]);
});

test('cancels the bodies of tries that nobody gets [K22]', async () => {
  const endless: RequestListener = (_, response) => void response.writeHead(503).write('begun');
  const [a, b] = [await serve(endless), await serve(200)];
  const get = balancedFetch({ ...quick(), origins: [a.origin, b.origin] });
  assert.equal(await (await get('/')).text(), 'status 200');
  await until(() => a.unfinished.size === 0);
});

test('sends requests about one key to one origin, and to another when that is gone', async () => {
  const servers = [await serve(200), await serve(200), await serve(200)];
  const asked: string[] = [];
  const get = balancedFetch({
    ...quick(),
    origins: servers.map(({ origin }) => origin),
    pick: consistentHash(),
    base: 'https://users.test',
    key: ({ method, url, headers }) => {
      asked.push(`${method} ${url}`);
      return headers.get('x-user') ?? undefined;
    },
  });
  const urls = new Map<string, Set<string>>();
  for (let i = 0; i < 60; i++) {
    const user = `user ${i % 20}`;
    const { url } = await get(`/${i}`, { headers: { 'x-user': user } });
    urls.set(user, (urls.get(user) ?? new Set()).add(new URL(url).origin));
  }
  assert.ok([...urls.values()].every((origins) => origins.size === 1));
  assert.equal(new Set([...urls.values()].flatMap((origins) => [...origins])).size, 3);
  assert.equal(asked[7], 'GET https://users.test/7');
  const [first] = urls.get('user 0') as Set<string>;
  get.remove(first as string);
  assert.notEqual(new URL((await get('/', { headers: { 'x-user': 'user 0' } })).url).origin, first);
  assert.equal((await get('/')).status, 200);
});

test('rejects with what key throws, and for a key that is none', async () => {
  const failure = new Error('no key');
  const origins = ['http://a.test'];
  const throwing = balancedFetch({
    ...quick(),
    origins,
    key: () => {
      throw failure;
    },
  });
  await assert.rejects(throwing('/'), (error) => error === failure);
  const wrong = balancedFetch({ ...quick(), origins, key: () => 7 as never });
  await assert.rejects(wrong('/'), /balancedFetch: what key gives must be a string, got 7/);
});

test('follows a redirect at the origin that gave it', async () => {
  const away: RequestListener = ({ url }, response) =>
    url === '/old' ? response.writeHead(302, { location: '/new' }).end() : response.end('here');
  const [a, b] = [await serve(away), await serve(away)];
  const get = balancedFetch({ ...quick(), origins: [a.origin, b.origin] });
  const response = await get('/old');
  assert.deepEqual([response.url, response.redirected], [`${a.origin}/new`, true]);
  assert.deepEqual([a.requests.length, b.requests.length], [2, 0]);
});

test('origins come, are drained, and go', async () => {
  const [a, b] = [await serve(hang), await serve(200)];
  const { clock, ...rest } = quick();
  const get = balancedFetch({ clock, ...rest, origins: [], slowStart: 10_000 });
  await assert.rejects(get('/'), (error) => error instanceof NoTargetError && error.targets.size === 0);
  get.add(a.origin);
  assert.equal(get.endpoints[0]?.weight, 0.1);
  assert.throws(() => get.add(new URL(a.origin)), RangeError);
  const caller = new AbortController();
  const call = get('/', { signal: caller.signal }).catch(() => {});
  await until(() => a.requests.length === 1);
  get.add({ url: b.origin, weight: 4, zone: 'z' });
  let drained = false;
  const draining = get.drain(a.origin).then(() => (drained = true));
  for (let i = 0; i < 3; i++) assert.equal((await get('/')).url, `${b.origin}/`);
  assert.deepEqual([get.endpoints[0]?.state, drained], ['draining', false]);
  caller.abort();
  await Promise.all([call, draining]);
  assert.deepEqual([get.remove(a.origin), get.remove(a.origin)], [true, false]);
  assert.deepEqual(
    get.endpoints.map(({ target }) => target),
    [{ name: b.origin, url: b.origin, weight: 4, zone: 'z' }],
  );
});

test('prefers its own zone, and heeds whoever else says who is well', async () => {
  const [a, b] = [await serve(200), await serve(200)];
  const down = new Set<string>();
  const get = balancedFetch({
    ...quick(),
    origins: [
      { name: 'a', url: a.origin, zone: 'near' },
      { name: 'b', url: b.origin, zone: 'far' },
    ],
    zone: 'near',
    health: [{ state: (name) => (down.has(name) ? 'down' : 'up') }],
  });
  for (let i = 0; i < 3; i++) assert.equal((await get('/')).url, `${a.origin}/`);
  down.add('a');
  assert.equal((await get('/')).url, `${b.origin}/`);
  down.add('b');
  await assert.rejects(get('/'), /no target is eligible: a is down, b is down/);
});

test('believes no health below the panic threshold', async () => {
  const server = await serve(200);
  const options = { ...quick(), origins: [server.origin], health: [{ state: () => 'down' as const }] };
  await assert.rejects(balancedFetch(options)('/'), NoTargetError);
  assert.equal((await balancedFetch({ ...options, panicThreshold: 0.5 })('/')).status, 200);
});

test('tells what each try gave, when none gave anything', async () => {
  const origins = [await nobody(), await nobody(), await nobody()];
  const error = await balancedFetch({ ...quick(), origins })('/').catch((reason) => reason);
  assert.ok(error instanceof TypeError);
  assert.deepEqual(
    attemptsOf(error).map(({ outcome }) => outcome.ok || (outcome.error as TypeError).name),
    ['TypeError', 'TypeError', 'TypeError'],
  );
});

test('sends by another implementation, with its own requests', async () => {
  const [a, b] = [await serve(503), await serve(200)];
  const get = balancedFetch({ ...quick(), origins: [a.origin, b.origin], fetch: undici.fetch });
  const request = new undici.Request('http://origins.invalid/users', { method: 'PUT', body: 'text' });
  const response: undici.Response = await get(request, { dispatcher: new undici.Agent() });
  assert.deepEqual([response.status, b.requests[0]?.url, b.requests[0]?.body], [200, '/users', 'text']);
});

test('stands where fetch stood, also behind what wants absolute URLs', async () => {
  const [a, b] = [
    await serve(503),
    await serve((_, response) => response.setHeader('cache-control', 'max-age=60').end('kept')),
  ];
  const balanced: typeof fetch = balancedFetch({
    ...quick(),
    origins: [a.origin, b.origin],
    base: 'http://users.test',
  });
  const get = cachingFetch({ fetch: balanced });
  const texts = [await (await get('http://users.test/7')).text(), await (await get('http://users.test/7')).text()];
  assert.deepEqual([texts, b.requests.length], [['kept', 'kept'], 1]);
});

const a = 'http://a.test';
test.each<[RegExp, unknown]>([
  [/balancedFetch: origins must be iterable, such as an array, got undefined/, {}],
  [/balancedFetch: origins must be iterable, such as an array, got 7/, { origins: 7 }],
  [/balancedFetch: origins must be iterable, such as an array, got "http:\/\/a.test"/, { origins: a }],
  [/balancedFetch: origins must be an object, got 7/, { origins: [7] }],
  [/balancedFetch: origins: url must be a URL with http or https, .*, got "a.test"/, { origins: ['a.test'] }],
  [/balancedFetch: origins: url must be a URL .*, got "ftp:/, { origins: ['ftp://a.test'] }],
  [/balancedFetch: origins: url must be .* without user, query or fragment/, { origins: ['http://u:p@a.test'] }],
  [/balancedFetch: origins: url must be .* without user, query or fragment/, { origins: [`${a}/?x=1`] }],
  [/balancedFetch: origins: url must be a URL .*, got "undefined"/, { origins: [{ name: 'a' }] }],
  [/balancedFetch: origins: name must be a string, got 7/, { origins: [{ name: 7, url: a }] }],
  [/targets must have names of their own, got "http:\/\/a.test" twice/, { origins: [a, `${a}/`] }],
  [/target.weight must be a number above 0/, { origins: [{ url: a, weight: 0 }] }],
  [/balancedFetch: base must be a URL/, { origins: [a], base: '/' }],
  [/balancedFetch: base must have no path, got "http:\/\/a.test\/x"/, { origins: [a], base: `${a}/x` }],
  [
    /balancedFetch: pick must be a picker such as roundRobin\(\), or an object with pick/,
    { origins: [a], pick: 'random' },
  ],
  [/balancedFetch: key must be a function/, { origins: [a], key: 'x' }],
  [/balancedFetch: check must be an object, got 7/, { origins: [a], check: 7 }],
  [/balancedFetch: check.path must be a string, got undefined/, { origins: [a], check: {} }],
  [/balancedFetch: check.path must begin with \/, got "health"/, { origins: [a], check: 'health' }],
  [/healthCheck: interval must be a number above 0/, { origins: [a], check: { path: '/', interval: 0 } }],
  [/balancedFetch: outlierEjection must be an object, got true/, { origins: [a], outlierEjection: true }],
  [/outlierEjection: minCalls/, { origins: [a], outlierEjection: { minCalls: 0 } }],
  [/balancedFetch: health/, { origins: [a], health: {} }],
  [/balancedFetch: slowStart must be a number of milliseconds/, { origins: [a], slowStart: NaN }],
  [/balancedFetch: panicThreshold must be a number from 0 to 1/, { origins: [a], panicThreshold: 50 }],
  [/balancedFetch: zone must be a string/, { origins: [a], zone: 1 }],
  [/balancedFetch: tryTimeout must be a number of milliseconds/, { origins: [a], tryTimeout: -1 }],
  [/balancedFetch: unknown option "orgins"; did you mean "origins"/, { orgins: [a] }],
  [/balancedFetch: options must be an object/, undefined],
  [/balancedFetch: options must be an object, got an array/, [a]],
])('a wrong option is told when it is made: %s', (message, options) => {
  assert.throws(
    () => balancedFetch(options as BalancedFetchOptions),
    (error) => {
      assert.ok(error instanceof TypeError || error instanceof RangeError);
      assert.match(error.message, message);
      return true;
    },
  );
});
