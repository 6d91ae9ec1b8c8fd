import assert from 'node:assert/strict';
import { test } from 'vitest';
import { HttpError, resilientFetch } from '../../src/adapters/fetch.ts';
import { constant } from '../../src/algorithms/backoff.ts';
import { consecutiveFailures } from '../../src/algorithms/trip-rules.ts';
import { TimeoutError } from '../../src/core/errors.ts';
import { onListenerError } from '../../src/core/events.ts';
import { pipeline } from '../../src/core/pipeline.ts';
import type { Policy } from '../../src/core/policy.ts';
import { bulkhead } from '../../src/policies/bulkhead.ts';
import { circuitBreaker } from '../../src/policies/circuit-breaker.ts';
import { coalesce } from '../../src/policies/coalesce.ts';
import { fallback } from '../../src/policies/fallback.ts';
import { retry } from '../../src/policies/retry.ts';
import { timeout } from '../../src/policies/timeout.ts';
import { ManualClock } from '../../src/testing/manual-clock.ts';
import { serve, until } from './server.ts';

const soon = constant({ delay: 0 });
const begins = (_: unknown, response: { write(chunk: string): void }) => void response.write('begun');

test('takes a pipeline of the user’s own, to which a transient response is a failure', async () => {
  const server = await serve(503, 502, 200, 404);
  const seen: unknown[] = [];
  const watched = retry({ backoff: soon, onEvent: ({ outcome }) => seen.push(!outcome.ok && outcome.error) });
  const get = resilientFetch({ pipeline: pipeline(watched, bulkhead({ maxConcurrent: 1 })) });
  assert.equal((await get(server.origin)).status, 200);
  assert.deepEqual(
    seen.map((error) => error instanceof HttpError && [error.status, error.retryable]),
    [
      [503, true],
      [502, true],
    ],
  );
  assert.equal((await get(server.origin)).status, 404);
  assert.equal(seen.length, 2);
});

test('gives what an empty pipeline gives: one try', async () => {
  const server = await serve(503);
  const response = await resilientFetch({ pipeline: pipeline() })(server.origin);
  assert.deepEqual([response.status, await response.text()], [503, 'status 503']);
  assert.equal(server.requests.length, 1);
});

test('gives the response of a fallback, and lets go of the one it replaces', async () => {
  const server = await serve((_, response) => void response.writeHead(503).write('begun'));
  const stale = new Response('stale');
  const get = resilientFetch({ pipeline: fallback({ value: stale }) });
  assert.equal(await get(server.origin), stale);
  await until(() => server.unfinished.size === 0);
});

test('lets go of what a pipeline of the user’s own discards before the next try [K22]', async () => {
  const endless = (_: unknown, response: { writeHead(status: number): { write(chunk: string): void } }) =>
    void response.writeHead(503).write('begun');
  const server = await serve(endless, endless, endless);
  const response = await resilientFetch({ pipeline: retry({ backoff: soon }) })(server.origin);
  assert.equal(response.status, 503);
  await until(() => server.unfinished.size === 1);
  await response.body!.cancel();
  await until(() => server.unfinished.size === 0);
});

test('sends a POST once under any pipeline, and gives what that came to', async () => {
  const again = retry({ maxAttempts: 5, backoff: soon });
  const unavailable = await serve(503);
  const failed = await resilientFetch({ pipeline: again })(unavailable.origin, { method: 'POST' });
  assert.deepEqual([failed.status, await failed.text()], [503, 'status 503']);

  const broken = await serve((request) => void request.socket.destroy());
  let thrown: unknown;
  const get = resilientFetch({
    pipeline: again,
    fetch: (input, init) => fetch(input, init).catch((error) => Promise.reject((thrown = error))),
  });
  await assert.rejects(
    get(broken.origin, { method: 'POST' }),
    (error) => error instanceof TypeError && error === thrown,
  );

  const clock = new ManualClock();
  const hangs = await serve(() => {});
  const call = resilientFetch({ pipeline: pipeline(again, timeout({ duration: 100, clock })) })(hangs.origin, {
    method: 'POST',
  });
  const rejected = assert.rejects(call, (error) => error instanceof TimeoutError);
  await until(() => hangs.requests.length === 1);
  await clock.advance(100);
  await rejected;
  assert.deepEqual(
    [unavailable, broken, hangs].map(({ requests }) => requests.length),
    [1, 1, 1],
  );
});

test('refuses a policy that runs a POST a second time beside the first', async () => {
  const server = await serve(200);
  const twice: Policy = {
    async execute(task, options) {
      const context = {
        signal: new AbortController().signal,
        attempt: 1,
        deadline: Infinity,
        priority: 0,
        cost: 1,
        ...options,
      };
      const [first, second] = await Promise.allSettled([task(context), task(context)]);
      assert.equal(second.status, 'rejected');
      if (first.status === 'rejected') throw first.reason;
      return first.value;
    },
  };
  assert.equal((await resilientFetch({ pipeline: twice })(server.origin, { method: 'POST' })).status, 200);
  assert.equal(server.requests.length, 1);
  await resilientFetch({ pipeline: twice })(server.origin, { method: 'PUT' }).catch(() => {});
});

test('a breaker of the user’s own counts what is sent once only', async () => {
  const server = await serve(503);
  const breaker = circuitBreaker({ trip: consecutiveFailures({ count: 2 }) });
  const get = resilientFetch({ pipeline: breaker });
  await get(server.origin, { method: 'POST' });
  await get(server.origin);
  assert.equal(breaker.state, 'open');
});

test('with holdUntil body a bulkhead keeps its slot until the body has been read', async () => {
  const server = await serve((_, response) => void response.end('whole'));
  const slots = bulkhead({ maxConcurrent: 1 });
  const get = resilientFetch({ pipeline: slots, holdUntil: 'body' });
  const response = await get(server.origin);
  assert.equal(slots.running, 1);
  assert.deepEqual([response.url, response.status], [`${server.origin}/`, 200]);
  assert.equal(await response.text(), 'whole');
  await until(() => slots.running === 0);
});

test.each<[string, (response: Response) => unknown]>([
  ['cancelled', (response) => response.body!.cancel()],
  [
    'read by chunks',
    async (response) => {
      for await (const _ of response.body as unknown as AsyncIterable<Uint8Array>);
    },
  ],
  ['read through a clone', (response) => Promise.all([response.clone().text(), response.text()])],
])('with holdUntil body a slot is free once the body was %s', async (_, read) => {
  const server = await serve((_, response) => void response.end('whole'));
  const slots = bulkhead({ maxConcurrent: 1 });
  const response = await resilientFetch({ pipeline: slots, holdUntil: 'body' })(server.origin);
  assert.equal(slots.running, 1);
  await read(response);
  await until(() => slots.running === 0);
});

test('with holdUntil body a response without one frees its slot at once', async () => {
  const server = await serve(204);
  const slots = bulkhead({ maxConcurrent: 1 });
  await resilientFetch({ pipeline: slots, holdUntil: 'body' })(server.origin);
  assert.equal(slots.running, 0);
});

test('with holdUntil body a body that fails is a failure to the breaker', async () => {
  const server = await serve((request, response) => {
    response.write('begun');
    setImmediate(() => request.socket.destroy());
  });
  const breaker = circuitBreaker({ trip: consecutiveFailures({ count: 1 }) });
  const response = await resilientFetch({ pipeline: breaker, holdUntil: 'body' })(server.origin);
  await assert.rejects(response.text());
  await until(() => breaker.state === 'open');
});

test('with holdUntil body timeouts go on, and end the body', async () => {
  const server = await serve(begins);
  const clock = new ManualClock();
  const get = resilientFetch({ clock, random: () => 0, holdUntil: 'body' });
  const response = await get(server.origin);
  const reader = response.body!.getReader();
  await reader.read();
  const rejected = assert.rejects(
    reader.read(),
    (error) => error instanceof TimeoutError && error.name === 'resilientFetch.tryTimeout',
  );
  await clock.advance(9_999);
  assert.equal(server.unfinished.size, 1);
  await clock.advance(1);
  await rejected;
  await until(() => server.unfinished.size === 0);
  assert.equal(server.requests.length, 1);
  assert.equal(clock.pending, 0);
});

test("with holdUntil body the caller's abort ends the body, and frees the slot", async () => {
  const server = await serve(begins);
  const slots = bulkhead({ maxConcurrent: 1 });
  const caller = new AbortController();
  const get = resilientFetch({ pipeline: slots, holdUntil: 'body' });
  const reader = (await get(server.origin, { signal: caller.signal })).body!.getReader();
  await reader.read();
  const reason = new Error('enough');
  caller.abort(reason);
  await assert.rejects(reader.read(), (error) => error === reason);
  await until(() => slots.running === 0 && server.unfinished.size === 0);
});

test.each(['headers', 'body'] as const)(
  'callers who share a run get one and the same response, held until %s',
  async (holdUntil) => {
    const server = await serve((_, response) => void response.end('whole'));
    const slots = bulkhead({ maxConcurrent: 1 });
    const get = resilientFetch({ pipeline: pipeline(coalesce().for('it'), slots), holdUntil });
    const caller = new AbortController();
    const left = assert.rejects(get(server.origin, { signal: caller.signal }), (error) => error === 'left');
    const running = [1, 2, 3].map(() => get(server.origin));
    caller.abort('left');
    const responses = await Promise.all(running);
    await left;
    assert.equal(new Set(responses).size, 1);
    // Who wants it for himself takes a clone of it before somebody reads it.
    assert.deepEqual(await Promise.all(responses.map((each) => each.clone().text())), ['whole', 'whole', 'whole']);
    assert.equal(await responses[0]?.text(), 'whole');
    await until(() => slots.running === 0);
    assert.equal(server.requests.length, 1);
  },
);

/** Sends, and lets the caller leave so many turns after the response has come. */
function leaving(turns: number, caller: AbortController): typeof fetch {
  const leave = async (): Promise<void> => {
    for (let turn = 0; turn < turns; turn++) await undefined;
    caller.abort();
  };
  return async (...asked) => {
    const response = await fetch(...asked);
    void leave();
    return response;
  };
}

test.each(['headers', 'body'] as const)(
  'who leaves just as the response comes leaves it to the others, held until %s',
  async (holdUntil) => {
    const server = await serve((_, response) => void response.end('whole'));
    for (let turns = 0; turns < 16; turns++) {
      const caller = new AbortController();
      const get = resilientFetch({ pipeline: coalesce().for('it'), holdUntil, fetch: leaving(turns, caller) });
      const left = get(server.origin, { signal: caller.signal }).then(
        () => false,
        () => true,
      );
      const response = await get(server.origin);
      // If he had got it, its body is his too.
      if ((await left) || holdUntil === 'body') assert.equal(await response.text(), 'whole');
    }
  },
);

test.each(['headers', 'body'] as const)(
  'what comes just as its caller leaves is let go of in silence, held until %s',
  async (holdUntil) => {
    const server = await serve(begins);
    const reported: unknown[] = [];
    const before = onListenerError((error) => reported.push(error));
    for (const policy of [
      bulkhead({ maxConcurrent: 1 }),
      coalesce().for('it'),
      pipeline(retry(), timeout({ duration: 1e9 })),
    ]) {
      for (let turns = 0; turns < 12; turns++) {
        const caller = new AbortController();
        const get = resilientFetch({ pipeline: policy, holdUntil, fetch: leaving(turns, caller) });
        await get(server.origin, { signal: caller.signal }).catch(() => {});
        await until(() => server.unfinished.size === 0);
      }
    }
    onListenerError(before);
    assert.deepEqual(reported, []);
  },
);
