import { expect, inject, test } from 'vitest';
import { balancedFetch, HttpError, resilientFetch } from '../../src/adapters/fetch.ts';
import { cachingFetch } from '../../src/adapters/http-cache.ts';
import { constant } from '../../src/algorithms/backoff.ts';
import { consecutiveFailures } from '../../src/algorithms/trip-rules.ts';
import { CircuitOpenError, TimeoutError } from '../../src/core/errors.ts';
import { onListenerError } from '../../src/core/events.ts';
import { held } from '../../src/core/held.ts';
import { pipeline } from '../../src/core/pipeline.ts';
import { bulkhead } from '../../src/policies/bulkhead.ts';
import { circuitBreaker } from '../../src/policies/circuit-breaker.ts';
import { fallback } from '../../src/policies/fallback.ts';
import { retry } from '../../src/policies/retry.ts';
import { timeout } from '../../src/policies/timeout.ts';

// What holds in a page and could fail there alone: its own timers, signals, fetch, streams, and no process.

const upstream = inject('upstream');
const soon = constant({ delay: 0 });
const hang = () => new Promise<never>(() => {});

let paths = 0;
/** A path that nobody else asks for. */
const path = (kind: string) => `/${kind}/${paths++}`;
const asked = async (of: string) => Number(await (await fetch(`${upstream}/count${of}`)).text());

test('there is no process here', () => {
  expect(typeof document).toBe('object');
  expect('process' in globalThis && 'emitWarning' in (globalThis.process as object)).toBe(false);
});

test('fetch: a page gets its answer from a server that fails twice', async () => {
  const unsteady = path('unsteady');
  const get = resilientFetch({ retry: { backoff: soon } });
  const response = await get(upstream + unsteady);
  expect(await response.text()).toBe('answer 3');
  expect(await asked(unsteady)).toBe(3);
});

test('fetch: a response that failed for good is returned, or thrown if asked', async () => {
  const options = { retry: { maxAttempts: 2, backoff: soon }, breaker: false } as const;
  const response = await resilientFetch(options)(upstream + path('down'));
  expect(response.status).toBe(503);
  expect(await response.text()).toBe('not now');
  const thrown = resilientFetch({ ...options, throwOnFailure: true })(upstream + path('down'));
  await expect(thrown).rejects.toBeInstanceOf(HttpError);
});

test('fetch: a connection that breaks is tried again, a POST is not', async () => {
  const get = resilientFetch({ retry: { maxAttempts: 3, backoff: soon } });
  await expect(get(upstream + path('reset'))).rejects.toBeInstanceOf(TypeError);
  const sent = path('down');
  expect((await get(upstream + sent, { method: 'POST', body: 'once' })).status).toBe(503);
  expect(await asked(sent)).toBe(1);
});

test('fetch: a server that hangs is given up, and its request cut off', async () => {
  const get = resilientFetch({ timeout: 150, tryTimeout: 40, retry: { maxAttempts: 2, backoff: soon } });
  const hung = path('hang');
  await expect(get(upstream + hung)).rejects.toBeInstanceOf(TimeoutError);
  expect(await asked(hung)).toBe(2);
});

test("fetch: the caller's abort wins, with its reason", async () => {
  const caller = new AbortController();
  const reason = new Error('gone elsewhere');
  const call = resilientFetch()(upstream + path('hang'), { signal: caller.signal });
  setTimeout(() => caller.abort(reason), 20);
  await expect(call).rejects.toBe(reason);
});

test("fetch: held until its body is read, a body that stalls fails with the try's timeout", async () => {
  const get = resilientFetch({ tryTimeout: 60, retry: { maxAttempts: 1 }, holdUntil: 'body' });
  const response = await get(upstream + path('half'));
  await expect(response.text()).rejects.toThrow();
});

test('fetch: held until its body is read, a body that is ended says why, and a HEAD has none', async () => {
  const slots = bulkhead({ maxConcurrent: 1 });
  const get = resilientFetch({ pipeline: slots, holdUntil: 'body' });
  await get(upstream + path('fine'), { method: 'HEAD' });
  expect(slots.running).toBe(0);
  const stalled = resilientFetch({ pipeline: timeout({ duration: 60 }), holdUntil: 'body' });
  const caller = new AbortController();
  const response = await stalled(upstream + path('half'), { signal: caller.signal });
  caller.abort();
  await expect(response.text()).rejects.toHaveProperty('name', 'AbortError');
});

test('fetch: what another site hides is passed on as it is, and nobody waits for it', async () => {
  const slots = bulkhead({ maxConcurrent: 1 });
  for (const get of [
    resilientFetch({ pipeline: slots, holdUntil: 'body' }),
    cachingFetch(),
    balancedFetch({ origins: [upstream], base: upstream }),
  ]) {
    const response = await get(upstream + path('fine'), { mode: 'no-cors' });
    expect([response.type, response.status, slots.running]).toEqual(['opaque', 0, 0]);
  }
});

test('fetch: a Request with a body is sent to the picked origin whole, with keepalive and no-cors too', async () => {
  const get = balancedFetch({ origins: [upstream], base: upstream });
  for (const options of [{}, { keepalive: true }, { mode: 'no-cors' as const }]) {
    const to = path('echo');
    const response = await get(new Request(upstream + to, { method: 'POST', body: 'the body', ...options }));
    if (response.type !== 'opaque') expect(await response.text()).toBe('POST the body');
    expect(await asked(to)).toBe(1);
  }
});

test('http-cache: another site is asked as a page may ask, and hides what its responses depend on', async () => {
  const get = cachingFetch();
  const url = upstream + path('dated');
  const read = async (accept: string) => (await get(url, { headers: { accept } })).text();
  for (let round = 0; round < 2; round++) {
    expect([await read('text/a'), await read('text/b')]).toEqual(['for text/a', 'for text/b']);
  }
});

test('fetch: takes a Request and a URL', async () => {
  const get = resilientFetch();
  expect(await (await get(new URL(path('fine'), upstream))).text()).toBe('answer 1');
  expect(await (await get(new Request(upstream + path('fine')))).text()).toBe('answer 1');
});

test('a pipeline retries, opens its circuit and answers in its stead', async () => {
  const breaker = circuitBreaker({ trip: consecutiveFailures({ count: 3 }) });
  const guarded = pipeline(
    fallback({ value: 'stand-in' }),
    retry({ maxAttempts: 3, backoff: soon }),
    breaker,
    bulkhead({ maxConcurrent: 1 }),
    timeout({ duration: 1_000 }),
  );
  let calls = 0;
  const failing = () => {
    calls++;
    throw new Error('down');
  };
  expect(await guarded.execute(failing)).toBe('stand-in');
  expect(calls).toBe(3);
  expect(breaker.state).toBe('open');
  await expect(breaker.execute(failing)).rejects.toBeInstanceOf(CircuitOpenError);
});

test('a task that never settles is let go, and its signal aborts with the error', async () => {
  let signal: AbortSignal | undefined;
  const call = timeout({ duration: 20 }).execute((context) => {
    signal = context.signal;
    return hang();
  });
  const error = await call.catch((error: unknown) => error);
  expect(error).toBeInstanceOf(TimeoutError);
  expect(signal?.reason).toBe(error);
});

test('who waits in line gets in when the one before has left, and held work keeps its slot', async () => {
  const one = bulkhead({ maxConcurrent: 1, maxQueued: 1 });
  let release = () => {};
  const body = new Promise<void>((resolve) => {
    release = resolve;
  });
  expect(await one.execute(() => held('head', body))).toBe('head');
  const next = one.execute(() => 'next');
  expect([one.running, one.queued]).toEqual([1, 1]);
  release();
  expect(await next).toBe('next');
});

test('a listener that throws is told to the console, and to no window.onerror', async () => {
  const told: unknown[] = [];
  const before = onListenerError((error) => told.push(error));
  const wrong = new Error('wrong');
  const call = retry({
    maxAttempts: 2,
    backoff: soon,
    onEvent: () => {
      throw wrong;
    },
  }).execute(({ attempt }) => {
    if (attempt === 1) throw new Error('down');
    return attempt;
  });
  expect(await call).toBe(2);
  onListenerError(before);
  expect(told).toEqual([wrong]);
});
