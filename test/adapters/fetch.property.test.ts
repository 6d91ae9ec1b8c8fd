import assert from 'node:assert/strict';
import fc from 'fast-check';
import { test } from 'vitest';
import { resilientFetch } from '../../src/adapters/fetch.ts';
import { TimeoutError } from '../../src/core/errors.ts';
import { ManualClock } from '../../src/testing/manual-clock.ts';
import { idle, listeners } from './server.ts';

/** What a try meets: an answer with a status and so many seconds of Retry-After, an error of the network, or nothing. */
const step = fc.oneof(
  fc.record({
    status: fc.constantFrom(200, 201, 404, 408, 425, 429, 500, 501, 502, 503, 504),
    wait: fc.option(fc.integer({ min: 0, max: 90 }), { nil: undefined }),
  }),
  fc.constant('error' as const),
  fc.constant('hang' as const),
);
const call = fc.record({
  method: fc.constantFrom('GET', 'PUT', 'DELETE', 'POST', 'PATCH'),
  key: fc.boolean(),
  steps: fc.array(step, { minLength: 1, maxLength: 4 }),
  maxAttempts: fc.integer({ min: 1, max: 4 }),
  abortAt: fc.option(fc.integer({ min: 0, max: 35_000 }), { nil: undefined }),
  throwing: fc.boolean(),
});
const transient = [408, 425, 429, 500, 502, 503, 504];

/** What becomes of a call whose backoff is 0: walked through by hand, in seconds. */
function expected({ method, key, steps, maxAttempts, abortAt }: typeof call extends fc.Arbitrary<infer T> ? T : never) {
  const repeatable = key || !['POST', 'PATCH'].includes(method);
  const abort = (abortAt ?? Infinity) / 1_000;
  let now = 0;
  for (let tries = 1; ; tries++) {
    const met = steps[Math.min(tries, steps.length) - 1];
    const last = !repeatable || tries === maxAttempts;
    if (met === 'hang') {
      const end = Math.min(now + 10, 30);
      if (abort < end) return { tries, outcome: 'reason' };
      if (end === 30 || last) return { tries, outcome: 'timeout' };
      now = end;
    } else {
      if (met === 'error' && last) return { tries, outcome: 'error' };
      const { status = 0, wait = 0 } = met === 'error' ? {} : (met ?? {});
      if (met !== 'error' && (last || !transient.includes(status))) return { tries, outcome: status };
      // What is asked for is more than is allowed, or than is left.
      if (wait > 60 || now + wait > 30) return { tries, outcome: status };
      if (abort < now + wait) return { tries, outcome: 'reason' };
      // All at one instant: who is first is for others to prove.
      if (wait > 0 && now + wait === 30) return undefined;
      now += wait;
    }
    if (now === abort) return undefined;
  }
}

test('goes as a walk by hand goes, and leaves nothing behind [11, 14, 15, 32, 33, 39, 48, 50, K22]', async () => {
  await fc.assert(
    fc.asyncProperty(call, async (given) => {
      const walk = expected(given);
      fc.pre(walk !== undefined && given.abortAt !== 0);
      const { method, key, steps, maxAttempts, abortAt, throwing } = given;
      const clock = new ManualClock();
      const open = new Set<Response>();
      const failure = new TypeError('fetch failed');
      let tries = 0;
      const get = resilientFetch({
        clock,
        random: () => 0,
        breaker: false,
        retry: { maxAttempts },
        throwOnFailure: throwing,
        fetch: (_, init) => {
          const met = steps[Math.min(++tries, steps.length) - 1];
          if (met === 'error') return Promise.reject(failure);
          if (met === 'hang' || met === undefined) {
            const { signal } = init as { signal: AbortSignal };
            return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
          }
          const headers = met.wait === undefined ? {} : { 'retry-after': String(met.wait) };
          const body = new ReadableStream({ cancel: () => void open.delete(response) });
          const response = new Response(body, { status: met.status, headers });
          open.add(response);
          return Promise.resolve(response);
        },
      });
      const caller = new AbortController();
      const reason = new Error('enough');
      let settled: unknown;
      const running = get('http://host.test/', {
        method,
        headers: key ? { 'idempotency-key': 'k' } : {},
        signal: caller.signal,
      }).then(
        (response) => (settled = response),
        (error) => (settled = error),
      );
      await clock.advance(abortAt ?? 31_000);
      caller.abort(reason);
      await clock.advance(100_000);
      await running;

      const { outcome } = walk as { outcome: unknown };
      const response = settled instanceof Response ? settled : (settled as { response?: Response }).response;
      if (outcome === 'reason') assert.equal(settled, reason);
      else if (outcome === 'error') assert.equal(settled, failure);
      else if (outcome === 'timeout') assert.ok(settled instanceof TimeoutError);
      else
        assert.deepEqual([response?.status, settled === response], [outcome, !throwing || (outcome as number) < 400]);
      assert.equal(tries, walk?.tries);
      // Whatever the caller did not get is cancelled, and what he got is not.
      assert.deepEqual([...open], response === undefined ? [] : [response]);
      assert.equal(response?.bodyUsed ?? false, false);
      await response?.body?.cancel();
      await idle();
      assert.deepEqual([clock.pending, listeners(caller.signal)], [0, 0]);
    }),
  );
});
