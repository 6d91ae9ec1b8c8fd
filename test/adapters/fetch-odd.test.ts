import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { test } from 'vitest';
import { resilientFetch } from '../../src/adapters/fetch.ts';
import type { Policy } from '../../src/core/policy.ts';
import { bulkhead } from '../../src/policies/bulkhead.ts';
import { serve, until } from './server.ts';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

const quick = () => ({ retry: { backoff: () => 0 } });

test('sends each try to where the URL said when it was called', async () => {
  const server = await serve(503, 503, 200);
  const url = new URL(`${server.origin}/?page=1`);
  const first = resilientFetch(quick())(url);
  url.searchParams.set('page', '2');
  assert.equal((await first).status, 200);
  assert.deepEqual(
    server.requests.map((request) => request.url),
    Array(3).fill('/?page=1'),
  );
});

test.each([
  ['beside a URL', (origin: string) => origin],
  ['beside a Request', (origin: string) => new Request(origin)],
])('sends headers that can be read only once with each try, %s', async (_, input) => {
  const server = await serve(503, 200);
  const headers = new Map([['x-a', 'b']]).entries();
  await resilientFetch(quick())(input(server.origin), { headers: headers as unknown as [string, string][] });
  assert.deepEqual(
    server.requests.map((request) => request.headers['x-a']),
    ['b', 'b'],
  );
});

test('sends a Request without a body as it is, again too: each copy would stay with its signal', async () => {
  const request = new Request('http://host.test/');
  const sent: unknown[] = [];
  const get = resilientFetch({
    ...quick(),
    fetch: async (input) => {
      sent.push(input);
      return new Response(null, { status: 503 });
    },
  });
  await get(request);
  assert.deepEqual(
    sent.map((input) => input === request),
    [true, true, true],
  );
});

test('takes what init has inherited, as fetch does', async () => {
  const server = await serve(503);
  const init = Object.assign(Object.create({ method: 'POST', body: 'text' }), { headers: { 'x-a': 'b' } });
  await resilientFetch(quick())(server.origin, init);
  assert.deepEqual(
    server.requests.map(({ method, body, headers }) => [method, body, headers['x-a']]),
    [['POST', 'text', 'b']],
  );
});

test("with holdUntil body the caller's abort ends the body of a response that failed too [48]", async () => {
  const server = await serve((_, response) => void response.writeHead(503).write('begun'));
  const caller = new AbortController();
  const get = resilientFetch({ retry: { maxAttempts: 1 }, holdUntil: 'body' });
  const response = await get(server.origin, { signal: caller.signal });
  const reason = new Error('enough');
  caller.abort(reason);
  await assert.rejects(response.text(), (error) => error === reason);
  await until(() => server.unfinished.size === 0);
});

test.each<[string, () => unknown, unknown]>([
  ['is no web stream', () => ({ status: 200, headers: new Headers(), body: Readable.from(['text']) }), false],
  ['is in no Response', () => ({ status: 200, headers: new Headers(), body: new Response('text').body }), false],
  [
    'was read',
    async () => {
      const response = new Response('text');
      await response.text();
      return response;
    },
    true,
  ],
])('with holdUntil body a response whose body %s goes through as it is, and holds nothing', async (_, make) => {
  const sent: unknown[] = [];
  const slots = bulkhead({ maxConcurrent: 1 });
  const get = resilientFetch({
    pipeline: slots,
    holdUntil: 'body',
    fetch: async () => {
      sent.push(await make());
      return sent.at(-1) as Response;
    },
  });
  assert.equal(await get('http://host.test/'), sent[0]);
  assert.equal(sent.length, 1);
  assert.equal(slots.running, 0);
});

test.each([
  ['null', undefined],
  ['undefined', 'headers'],
  ['undefined', 'body'],
] as const)('says so where somebody else’s fetch gives %s, once, held until %s', async (given, holdUntil) => {
  let sent = 0;
  const get = resilientFetch({
    ...quick(),
    holdUntil,
    fetch: async () => {
      sent++;
      return (given === 'null' ? null : undefined) as never;
    },
  });
  const { signal } = new AbortController();
  for (const init of [{}, { signal }]) {
    await assert.rejects(get('http://host.test/', init), {
      name: 'TypeError',
      message: `resilientFetch: fetch gave ${given}, not a response`,
    });
  }
  assert.equal(sent, 2);
});

test('with holdUntil body an empty one holds nothing, as nobody reads it', async () => {
  const server = await serve((_, response) => void response.writeHead(201, { 'content-length': 0 }).end());
  const slots = bulkhead({ maxConcurrent: 1 });
  const get = resilientFetch({ pipeline: slots, holdUntil: 'body' });
  const response = await get(server.origin, { method: 'PUT', body: 'text' });
  assert.deepEqual([response.status, slots.running, await response.text()], [201, 0, '']);
});

test('with holdUntil body a HEAD holds nothing, though Chromium shows it a body', async () => {
  const slots = bulkhead({ maxConcurrent: 1 });
  const get = resilientFetch({ pipeline: slots, holdUntil: 'body', fetch: async () => new Response('') });
  await get('http://host.test/', { method: 'HEAD' });
  assert.equal(slots.running, 0);
});

test('with holdUntil body a policy of somebody else’s gets responses too, and what it drops is let go of [K22]', async () => {
  const server = await serve((_, response) => void response.write('begun'));
  const got: unknown[] = [];
  const twice: Policy = {
    async execute<T>(task: Parameters<Policy['execute']>[0]): Promise<T> {
      const { signal } = new AbortController();
      for (const attempt of [1, 2])
        got.push(await task({ signal, attempt, deadline: Infinity, priority: 0, cost: 1 } as never));
      return got[1] as T;
    },
  };
  const response = await resilientFetch({ pipeline: twice, holdUntil: 'body' })(server.origin);
  assert.ok(response instanceof Response);
  assert.ok(got[0] instanceof Response);
  await until(() => server.unfinished.size === 1);
  await response.body?.cancel();
  await until(() => server.unfinished.size === 0);
});

test.each<[string, (response: Response) => unknown]>([
  ['dropped unread', () => {}],
  ['cloned and dropped', (response) => void response.clone()],
  [
    'read in part and dropped',
    async (response) => {
      const reader = response.body!.getReader();
      await reader.read();
      reader.releaseLock();
    },
  ],
])('with holdUntil body a body that was %s frees its slot and its connection once it is collected', async (_, use) => {
  const server = await serve((_, response) => void response.write('begun'));
  const slots = bulkhead({ maxConcurrent: 1 });
  const get = resilientFetch({ pipeline: slots, holdUntil: 'body' });
  const { signal } = new AbortController();
  await get(server.origin, { signal }).then(use);
  assert.equal(slots.running, 1);
  await until(() => {
    collect();
    return slots.running === 0 && server.unfinished.size === 0;
  });
});
