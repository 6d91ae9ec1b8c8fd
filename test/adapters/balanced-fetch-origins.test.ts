import assert from 'node:assert/strict';
import type { RequestListener } from 'node:http';
import { test } from 'vitest';
import { type BalancedFetchOptions, balancedFetch } from '../../src/adapters/fetch.ts';
import { roundRobin } from '../../src/algorithms/pick.ts';
import { consecutiveFailures } from '../../src/algorithms/trip-rules.ts';
import { NoTargetError } from '../../src/core/errors.ts';
import { ManualClock } from '../../src/testing/manual-clock.ts';
import { serve, until } from './server.ts';

/** Retries without a wait, no timeout unless the clock is moved, and origins one after another. */
const quick = () => ({ clock: new ManualClock(), random: () => 0, pick: roundRobin() });

const busy: RequestListener = (_, response) => response.writeHead(503, { 'retry-after': '60' }).end();
const hang: RequestListener = () => {};

test.each([
  ['?', '/users?x=1'],
  ['/?', '/users?x=1'],
  ['#', '/users?x=1'],
  ['/api?', '/api/users?x=1'],
  ['/api/#', '/api/users?x=1'],
  [' ', '/users?x=1'],
  ['/ ', '/users?x=1'],
  ['\\api\\', '/api/users?x=1'],
  ['/api/../v1/%2e/', '/v1/users?x=1'],
])('puts a path behind the path of an origin, whatever that ends in: %s', async (ending, expected) => {
  const { origin, requests } = await serve(200);
  for (const url of [origin + ending, new URL(origin + ending)]) {
    const get = balancedFetch({ ...quick(), origins: [url] });
    await get('/users?x=1');
    assert.equal(get.endpoints[0]?.target.name, origin + expected.replace('/users?x=1', ''));
  }
  assert.deepEqual(
    requests.map(({ url }) => url),
    [expected, expected],
  );
});

const places: [string, Partial<BalancedFetchOptions>, { zone?: string; priority?: number }][] = [
  ['zone', { zone: 'near' }, { zone: 'near' }],
  ['priority', {}, { priority: -1 }],
];
test.each(places)(
  'leaves an origin alone that asks for it, also where the others are of another %s',
  async (_, options, first) => {
    const [a, b] = [await serve(busy), await serve(200)];
    const origins = [
      { ...first, url: a.origin },
      { url: b.origin, zone: 'far' },
    ];
    const { clock, ...rest } = quick();
    const get = balancedFetch({ clock, ...rest, ...options, origins, outlierEjection: false });
    for (let i = 0; i < 5; i++) assert.equal((await get('/')).url, `${b.origin}/`);
    assert.equal((await get('/', { method: 'POST', body: 'x' })).url, `${b.origin}/`);
    assert.deepEqual([a.requests.length, b.requests.length], [1, 6]);
    await clock.advance(60_000);
    await get('/');
    assert.equal(a.requests.length, 2);
  },
);

test('asks an origin that is to be left alone where the other is being tried out', async () => {
  const [a, b] = [await serve(busy, 200), await serve(503, hang)];
  const { clock, ...rest } = quick();
  const get = balancedFetch({
    clock,
    ...rest,
    zone: 'near',
    origins: [{ url: a.origin, zone: 'near' }, { url: b.origin }],
    retry: { maxAttempts: 1 },
    breaker: { trip: consecutiveFailures({ count: 1 }), openDuration: 1_000, maxOpenDuration: 1_000 },
    outlierEjection: false,
  });
  assert.deepEqual([(await get('/')).status, (await get('/')).status], [503, 503]);
  await clock.advance(1_000);
  const probe = get('/').catch(() => {});
  await until(() => b.requests.length === 2);
  assert.equal((await get('/')).url, `${a.origin}/`);
  await clock.advance(60_000);
  await probe;
});

test('says that there are no targets when all go while an origin is spared', async () => {
  const [a, b] = [await serve(busy), await serve(200)];
  const origins = [{ url: a.origin, zone: 'near' }, { url: b.origin }];
  const get = balancedFetch({ ...quick(), origins, zone: 'near' });
  await get('/');
  const call = get('/');
  get[Symbol.dispose]();
  await assert.rejects(
    call,
    (error) => error instanceof NoTargetError && error.message === 'there are no targets: it was disposed of',
  );
});

test('does not hold against an origin what was asked of it before it had gone and come back', async () => {
  let answer = (): void => {};
  const late: RequestListener = (request, response) => {
    answer = () => busy(request, response);
  };
  const [a, b] = [await serve(late, 200), await serve(200)];
  const get = balancedFetch({ ...quick(), origins: [a.origin, b.origin] });
  const call = get('/');
  await until(() => a.requests.length === 1);
  get.remove(a.origin);
  answer();
  assert.equal((await call).url, `${b.origin}/`);
  get.add(a.origin);
  await Promise.all([get('/'), get('/')]);
  assert.equal(a.requests.length, 2);
});

test('refuses a Request that cannot be sent on, and speaks of that against no origin', async () => {
  const { origin, requests } = await serve(200);
  const breaker = { trip: consecutiveFailures({ count: 1 }) };
  const put = balancedFetch({ ...quick(), origins: [origin], breaker });
  const request = new Request('http://origins.invalid/', { method: 'PUT', body: 'text', keepalive: true });
  const refused = /^TypeError: balancedFetch: a Request with keepalive or no-cors cannot have a body, give it by init/;
  await assert.rejects(put(request), refused);
  await assert.rejects(put('/', request), refused);
  const hidden = new Request('http://origins.invalid/', { method: 'POST', body: 'text', mode: 'no-cors' });
  await assert.rejects(put(hidden), refused);
  assert.deepEqual([requests.length, request.bodyUsed, put.endpoints[0]?.state], [0, false, 'up']);
  assert.equal((await put('/', { method: 'PUT', body: 'text', keepalive: true })).status, 200);
  assert.equal((await put(new Request('http://origins.invalid/', { keepalive: true }))).status, 200);
});

test.each<[string, object]>([
  ['balancedFetch: origins: zone must be a string, got 7', { origins: [{ url: 'http://a.test', zone: 7 }] }],
  ['balancedFetch: check: unknown option "intervall"; did you mean "interval"', { check: { path: '/', intervall: 1 } }],
  ['balancedFetch: check: unknown option "onEvent"', { check: { path: '/', onEvent: () => {} } }],
  ['balancedFetch: check: path must be a string, got 7', { check: { path: 7 } }],
  ['healthCheck: rise must be a positive integer', { check: { path: '/', rise: 1.5 } }],
  ['circuitBreaker: name must be a string, got 7', { breaker: { name: 7 } }],
])('tells a wrong option of a part when it is made: %s', (message, options) => {
  const wrong = { origins: [], ...options } as BalancedFetchOptions;
  assert.throws(
    () => balancedFetch(wrong),
    (error) => error instanceof Error && error.message.startsWith(message),
  );
});
