import assert from 'node:assert/strict';
import { Agent, FormData, Request, Response, fetch as undiciFetch } from 'undici';
import { expectTypeOf, onTestFinished, test } from 'vitest';
import { HttpError, resilientFetch } from '../../src/adapters/fetch.ts';
import { pipeline } from '../../src/core/pipeline.ts';
import { bulkhead } from '../../src/policies/bulkhead.ts';
import { fallback } from '../../src/policies/fallback.ts';
import { ManualClock } from '../../src/testing/manual-clock.ts';
import { listeners, serve, until } from './server.ts';

const quick = () => ({ clock: new ManualClock(), random: () => 0, fetch: undiciFetch });

test("is of undici's own type, and gives its responses", async () => {
  const server = await serve(503, 200);
  const get = resilientFetch(quick());
  expectTypeOf(get).toEqualTypeOf<typeof undiciFetch>();
  const response = await get(server.origin);
  assert.ok(response instanceof Response);
  assert.deepEqual([response.status, await response.text()], [200, 'status 200']);
});

test("takes undici's requests, forms and agents", async () => {
  const server = await serve(503, 200);
  const get = resilientFetch(quick());
  const request = new Request(server.origin, { method: 'PUT', body: 'text' });
  assert.equal((await get(request)).status, 200);
  assert.deepEqual(
    server.requests.map(({ body }) => body),
    ['text', 'text'],
  );

  const dispatcher = new Agent({ pipelining: 1 });
  onTestFinished(() => dispatcher.close());
  const form = new FormData();
  form.set('field', 'value');
  await (await get(server.origin, { method: 'PUT', body: form, dispatcher })).text();
  assert.match(server.requests.at(-1)!.body, /name="field"\s+value/);
});

test("tries again after undici's errors of the network", async () => {
  const server = await serve((request) => void request.socket.destroy(), 200);
  assert.equal((await resilientFetch(quick())(server.origin)).status, 200);
  await assert.rejects(resilientFetch(quick())('http://127.0.0.1:1/'), TypeError);
});

test("ends the body of undici's response with the caller's abort, and leaves no listener", async () => {
  const server = await serve((_, response) => void response.write('begun'), 200);
  const caller = new AbortController();
  const get = resilientFetch(quick());
  const reader = (await get(server.origin, { signal: caller.signal })).body!.getReader();
  await reader.read();
  const reason = new Error('enough');
  caller.abort(reason);
  await assert.rejects(reader.read(), (error) => error === reason);
  const { signal } = new AbortController();
  await (await get(server.origin, { signal })).text();
  await until(() => listeners(signal) === 0);
});

test("holds guards until the body of undici's response has been read", async () => {
  const server = await serve(200);
  const slots = bulkhead({ maxConcurrent: 1 });
  const response = await resilientFetch({ fetch: undiciFetch, pipeline: pipeline(slots), holdUntil: 'body' })(
    server.origin,
  );
  assert.ok(response instanceof Response);
  assert.equal(slots.running, 1);
  assert.equal(await response.text(), 'status 200');
  await until(() => slots.running === 0);
});

test("takes a pipeline that adds undici's responses, and no other", async () => {
  const server = await serve(503);
  const stale = new Response('stale');
  assert.equal(
    await resilientFetch({ fetch: undiciFetch, pipeline: fallback({ value: stale }) })(server.origin),
    stale,
  );
  // @ts-expect-error a number is no response
  resilientFetch({ pipeline: fallback({ value: 1 }) });
  // @ts-expect-error nor is it one for undici
  resilientFetch({ fetch: undiciFetch, pipeline: fallback({ value: 1 }) });
});

test('throws an HttpError with the response of undici', async () => {
  const server = await serve(404);
  const get = resilientFetch({ ...quick(), throwOnFailure: true });
  await assert.rejects(
    get(server.origin),
    (error) => error instanceof HttpError && (error.response as unknown) instanceof Response,
  );
});
