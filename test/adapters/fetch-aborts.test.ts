import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { test } from 'vitest';
import { resilientFetch } from '../../src/adapters/fetch.ts';
import { TimeoutError } from '../../src/core/errors.ts';
import { ManualClock } from '../../src/testing/manual-clock.ts';
import { idle, listeners, serve, until } from './server.ts';

const quick = () => ({ clock: new ManualClock(), random: () => 0 });
const reason = new Error('enough');
const isReason = (error: unknown) => error === reason;

const begins = (_: unknown, response: { write(chunk: string): void }) => void response.write('begun');

test("a signal that has aborted sends nothing, and rejects with the signal's reason [1, 13]", async () => {
  const server = await serve(200);
  const signal = AbortSignal.abort(reason);
  await assert.rejects(resilientFetch(quick())(server.origin, { signal }), isReason);
  await assert.rejects(resilientFetch(quick())(new Request(server.origin, { signal })), isReason);
  assert.equal(server.requests.length, 0);
  assert.equal(listeners(signal), 0);
});

test.each(['init', 'Request'])(
  'an abort before the headers rejects with its reason, and frees the connection: %s [15]',
  async (from) => {
    const server = await serve(() => {});
    const caller = new AbortController();
    const { signal } = caller;
    const get = resilientFetch(quick());
    const call = from === 'init' ? get(server.origin, { signal }) : get(new Request(server.origin, { signal }));
    await until(() => server.requests.length === 1);
    caller.abort(reason);
    await assert.rejects(call, isReason);
    await until(() => server.unfinished.size === 0);
    assert.equal(server.requests.length, 1);
  },
);

test('the signal of init takes the place of that of a Request, and null of any', async () => {
  const server = await serve(200);
  const request = () => new Request(server.origin, { signal: AbortSignal.abort(reason) });
  const get = resilientFetch(quick());
  assert.equal((await get(request(), { signal: new AbortController().signal })).status, 200);
  assert.equal((await get(request(), { signal: null })).status, 200);
  await assert.rejects(get(request(), {}), isReason);
});

test('an abort between tries rejects at once, and nothing more is sent [14]', async () => {
  const server = await serve(503);
  const clock = new ManualClock();
  const caller = new AbortController();
  let retries = 0;
  const get = resilientFetch({ clock, random: () => 0.5, onEvent: () => retries++ });
  const call = get(server.origin, { signal: caller.signal });
  await until(() => retries === 1);
  caller.abort(reason);
  await assert.rejects(call, isReason);
  assert.equal(clock.pending, 0);
  assert.equal(server.requests.length, 1);
  await until(() => listeners(caller.signal) === 0);
});

test('an abort after the headers ends the body, as with fetch [48]', async () => {
  const server = await serve(begins);
  const caller = new AbortController();
  const response = await resilientFetch(quick())(server.origin, { signal: caller.signal });
  const reader = response.body!.getReader();
  await reader.read();
  caller.abort(reason);
  await assert.rejects(reader.read(), isReason);
  await until(() => server.unfinished.size === 0);
});

test("an abort after the headers ends the body of a response that failed, and of a Request's own signal too", async () => {
  const server = await serve((_, response) => void response.writeHead(503).write('begun'));
  const caller = new AbortController();
  const request = new Request(server.origin, { signal: caller.signal });
  const response = await resilientFetch({ ...quick(), retry: { maxAttempts: 1 } })(request);
  const reader = response.body!.getReader();
  await reader.read();
  caller.abort(reason);
  await assert.rejects(reader.read(), isReason);
});

test('our timeouts leave the body alone once the headers are there [48, K9]', async () => {
  const answers: ServerResponse[] = [];
  const server = await serve((_, response) => {
    response.write('begun');
    answers.push(response);
  });
  const { clock, random } = quick();
  const get = resilientFetch({ clock, random });
  for (const signal of [null, new AbortController().signal]) {
    const response = await get(server.origin, { signal });
    await clock.advance(3_600_000);
    answers.pop()?.end(', and ended');
    assert.equal(await response.text(), 'begun, and ended');
  }
  assert.equal(clock.pending, 0);
});

test('a try that hangs is given up after its time, its connection freed, and another one made [49, 107]', async () => {
  const server = await serve(() => {}, 200);
  const { clock, random } = quick();
  const call = resilientFetch({ clock, random })(server.origin);
  await until(() => server.requests.length === 1);
  await clock.advance(9_999);
  assert.equal(server.unfinished.size, 1);
  await clock.advance(1);
  assert.equal((await call).status, 200);
  await until(() => server.unfinished.size === 0);
  assert.equal(server.requests.length, 2);
});

test('the whole of a call is given up after its time, in the middle of a try [50]', async () => {
  const server = await serve(() => {});
  const { clock, random } = quick();
  const call = resilientFetch({ clock, random, tryTimeout: Infinity })(server.origin);
  const rejected = assert.rejects(
    call,
    (error) => error instanceof TimeoutError && error.name === 'resilientFetch.timeout' && error.duration === 30_000,
  );
  await until(() => server.requests.length === 1);
  await clock.advance(30_000);
  await rejected;
  await until(() => server.unfinished.size === 0);
});

test('a response that comes when nobody waits for it any more is let go of [46]', async () => {
  let cancelled = 0;
  const answers: ((response: Response) => void)[] = [];
  const { clock, random } = quick();
  // A fetch that does not care for signals.
  const get = resilientFetch({ clock, random, fetch: () => new Promise((resolve) => answers.push(resolve)) });
  const body = () => new ReadableStream({ cancel: () => void cancelled++ });
  const call = get('http://host.test');
  await until(() => answers.length === 1);
  await clock.advance(10_000);
  await until(() => answers.length === 2);
  answers[0]!(new Response(body(), { status: 200 }));
  await until(() => cancelled === 1);
  await clock.advance(10_000);
  await until(() => answers.length === 3);
  answers[1]!(new Response(body(), { status: 503 }));
  await until(() => cancelled === 2);
  const response = new Response(body());
  answers[2]!(response);
  assert.equal(await call, response);
  assert.equal(cancelled, 2);
});

test('ten thousand calls on one signal leave no listener [48]', async () => {
  const { signal } = new AbortController();
  const get = resilientFetch({ ...quick(), fetch: async () => new Response('body') });
  let most = 0;
  for (let i = 0; i < 100; i++) {
    const calls = Array.from({ length: 100 }, async () => (await get('http://host.test', { signal })).text());
    most = Math.max(most, listeners(signal));
    await Promise.all(calls);
  }
  assert.equal(most, 1);
  await until(() => listeners(signal) === 0);
}, 60_000);

test('calls over sockets leave no listener on their signal either [48]', async () => {
  const server = await serve(503, 200);
  const { signal } = new AbortController();
  const get = resilientFetch(quick());
  for (let i = 0; i < 50; i++) {
    await (await get(server.origin, { signal })).text();
    assert.ok(listeners(signal) <= 1);
  }
  await until(() => listeners(signal) === 0);
});

test('no timer and no connection is left behind a call, however it ended [39]', async () => {
  const server = await serve(503, 200);
  const { clock, random } = quick();
  const get = resilientFetch({ clock, random });
  await (await get(server.origin)).text();
  const caller = new AbortController();
  const call = get(server.origin, { signal: caller.signal });
  caller.abort(reason);
  await assert.rejects(call, isReason);
  await assert.rejects(get('http://127.0.0.1:1/'), TypeError);
  await idle();
  assert.equal(clock.pending, 0);
  assert.equal(server.unfinished.size, 0);
});
