import assert from 'node:assert/strict';
import fc from 'fast-check';
import { test } from 'vitest';
import { balancedFetch } from '../../src/adapters/fetch.ts';
import { leastConnections, powerOfTwoChoices, roundRobin } from '../../src/algorithms/pick.ts';
import { leastLoaded, peakEwma } from '../../src/algorithms/pick-latency.ts';
import { consecutiveFailures } from '../../src/algorithms/trip-rules.ts';
import { ManualClock } from '../../src/testing/manual-clock.ts';
import { seededRandom } from '../../src/testing/seeded-random.ts';
import { idle, listeners } from './server.ts';

/** What a try meets: an answer with a status and so many seconds of Retry-After, an error of the network, or nothing. */
const met = fc.oneof(
  fc.record({
    status: fc.constantFrom(200, 404, 429, 503, 503),
    wait: fc.option(fc.integer({ min: 0, max: 65 }), { nil: undefined, freq: 8 }),
  }),
  fc.constant('error' as const),
  fc.constant('hang' as const),
);
type Met = typeof met extends fc.Arbitrary<infer T> ? T : never;

const plan = fc.record({
  origins: fc.integer({ min: 1, max: 4 }),
  calls: fc.array(fc.record({ post: fc.boolean(), abortAfter: fc.integer({ min: 0, max: 40 }) }), {
    minLength: 1,
    maxLength: 4,
  }),
  steps: fc.array(met, { minLength: 1, maxLength: 12 }),
  maxAttempts: fc.integer({ min: 1, max: 5 }),
  pick: fc.constantFrom(roundRobin, leastConnections, powerOfTwoChoices, leastLoaded, peakEwma),
  seed: fc.nat(),
});

interface Tried {
  readonly name: string;
  readonly at: number;
  readonly met: Met;
}

test('goes from origin to origin as a walk by hand does, and leaves nothing behind [11, 15, 32, 33, 39, 48, 50, K22]', async () => {
  await fc.assert(
    fc.asyncProperty(plan, async ({ origins, calls, steps, maxAttempts, pick, seed }) => {
      const clock = new ManualClock();
      const names = Array.from({ length: origins }, (_, i) => `http://${i}.test`);
      const open = new Set<Response>();
      const failure = new TypeError('fetch failed');
      let tried: Tried[] = [];
      let sent = 0;
      const get = balancedFetch({
        clock,
        random: seededRandom(seed),
        origins: names,
        pick: pick(),
        breaker: false,
        outlierEjection: false,
        retry: { maxAttempts, backoff: () => 0 },
        fetch: (input, init) => {
          const step = steps[sent++ % steps.length] as Met;
          tried.push({ name: new URL(String(input)).origin, at: clock.now(), met: step });
          if (step === 'error') return Promise.reject(failure);
          if (step === 'hang') {
            const { signal } = init as { signal: AbortSignal };
            return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
          }
          const headers = step.wait === undefined ? {} : { 'retry-after': String(step.wait) };
          const body = new ReadableStream({ cancel: () => void open.delete(response) });
          const response = new Response(body, { status: step.status, headers });
          open.add(response);
          return Promise.resolve(response);
        },
      });
      const rests = new Map<string, number>();
      for (const { post, abortAfter } of calls) {
        tried = [];
        const began = clock.now();
        const caller = new AbortController();
        let settled: unknown;
        const running = get('/x', { method: post ? 'POST' : 'GET', signal: caller.signal }).then(
          (response) => (settled = response.status),
          (error) => (settled = error === failure ? 'error' : (error as { code: unknown }).code),
        );
        // Half a second off, so that nothing else happens at the same instant.
        await clock.advance(abortAfter * 1_000 + 500);
        caller.abort({ code: 'aborted' });
        await running;
        await idle();
        const walk = { names, tried, rests, began, cut: clock.now(), most: post ? 1 : maxAttempts };
        assert.deepEqual([settled, tried.length], walked(walk));
        // What the caller has got is open, and nothing else is.
        assert.equal(open.size, typeof settled === 'number' ? 1 : 0);
        for (const response of open) await response.body?.cancel();
        open.clear();
        assert.ok(get.endpoints.every(({ pending, state }) => pending === 0 && state === 'up'));
        assert.deepEqual([clock.pending, listeners(caller.signal)], [0, 0]);
        await clock.advance(500);
      }
    }),
  );
});

interface Walk {
  readonly names: readonly string[];
  readonly tried: readonly Tried[];
  /** Until when who is to be left alone. */
  readonly rests: Map<string, number>;
  readonly began: number;
  /** When the caller aborts. */
  readonly cut: number;
  readonly most: number;
}

/** Goes along what was tried, and says how it must end, and after how many tries. */
function walked({ names, tried, rests, began, cut, most }: Walk): [outcome: unknown, tries: number] {
  const deadline = began + 30_000;
  const left = (name: string, now: number): number => Math.max(0, (rests.get(name) ?? 0) - now);
  let now = began;
  for (let tries = 1; ; tries++) {
    const { name, at, met } = tried[tries - 1] as Tried;
    assert.equal(at, now);
    assert.ok(mayGoTo(names, tried.slice(0, tries - 1), (each) => left(each, now) > 0).includes(name));
    const last = tries === most;
    if (met === 'hang') {
      now = Math.min(now + 10_000, deadline);
      if (now > cut) return ['aborted', tries];
      if (last || now === deadline) return ['ERR_TIMEOUT', tries];
    } else if (met === 'error') {
      if (last) return ['error', tries];
    } else {
      const { status, wait } = met;
      if (status === 200 || status === 404) return [status, tries];
      const others = names.filter((each) => each !== name).map((each) => left(each, now));
      if (wait !== undefined) rests.set(name, now + wait * 1_000);
      // Whoever can be asked first, among the others if there are any.
      const least = wait === undefined ? 0 : others.length > 0 ? Math.min(...others) : wait * 1_000;
      if (last || least > 60_000 || now + least > deadline) return [status, tries];
      now += least;
      if (now > cut) return ['aborted', tries];
      if (now === deadline) return ['ERR_TIMEOUT', tried.length];
    }
  }
}

/** Who has not been tried, or else all but the last one; of these, who need not be left alone, if there is anybody. */
function mayGoTo(
  names: readonly string[],
  tried: readonly Tried[],
  rests: (name: string) => boolean,
): readonly string[] {
  const before = tried.map(({ name }) => name);
  const untried = names.filter((name) => !before.includes(name));
  const others = names.filter((name) => names.length === 1 || name !== before.at(-1));
  const eligible = untried.length > 0 ? untried : others;
  const awake = eligible.filter((name) => !rests(name));
  return awake.length > 0 ? awake : eligible;
}

const outage = fc.record({
  origins: fc.integer({ min: 2, max: 4 }),
  /** What those that are not well do from one second to the next. */
  ill: fc.array(fc.constantFrom('well', 'error', 'hang', 'busy'), { minLength: 1, maxLength: 20 }),
  rate: fc.integer({ min: 1, max: 8 }),
  pick: fc.constantFrom(roundRobin, leastConnections, powerOfTwoChoices, leastLoaded, peakEwma),
  seed: fc.nat(),
});

test('no call fails while one origin is well, and no POST is sent twice', async () => {
  await fc.assert(
    fc.asyncProperty(outage, async ({ origins, ill, rate, pick, seed }) => {
      const clock = new ManualClock();
      const names = Array.from({ length: origins }, (_, i) => `http://${i}.test`);
      const sent = new Map<string, number>();
      const get = balancedFetch({
        clock,
        random: seededRandom(seed),
        origins: names,
        pick: pick(),
        tryTimeout: 1_500,
        breaker: { trip: consecutiveFailures({ count: 3 }), openDuration: 2_000 },
        outlierEjection: { consecutiveFailures: 4, ejection: 3_000, maxEjectedRatio: 1 },
        retry: { maxAttempts: origins, backoff: () => 0 },
        fetch: (input, init) => {
          const { signal, method, headers } = init as RequestInit & { signal: AbortSignal };
          const id = `${method} ${new Headers(headers).get('x-id')}`;
          sent.set(id, (sent.get(id) ?? 0) + 1);
          const which = names.indexOf(new URL(String(input)).origin);
          const state = which === 0 ? 'well' : ill[(Math.floor(clock.now() / 1_000) + 7 * which) % ill.length];
          if (state === 'error') return Promise.reject(new TypeError('fetch failed'));
          if (state === 'busy')
            return Promise.resolve(new Response(null, { status: 503, headers: { 'retry-after': '2' } }));
          return new Promise((resolve, reject) => {
            signal.addEventListener('abort', () => reject(signal.reason));
            if (state === 'well') clock.schedule(300, () => resolve(new Response('well')));
          });
        },
      });
      const gets: Promise<number>[] = [];
      const posts: Promise<unknown>[] = [];
      for (let i = 0; i < 12 * rate; i++) {
        const headers = { 'x-id': String(i) };
        gets.push(get('/', { method: 'GET', headers }).then(({ status }) => status));
        posts.push(get('/', { method: 'POST', headers }).catch(() => {}));
        await clock.advance(1_000 / rate);
      }
      await clock.advance(30_000);
      assert.ok((await Promise.all(gets)).every((status) => status === 200));
      await Promise.all(posts);
      for (const [id, times] of sent) assert.ok(times <= (id.startsWith('POST') ? 1 : origins), `${id}: ${times}`);
      assert.ok(get.endpoints.every(({ pending }) => pending === 0));
      assert.equal(clock.pending, 0);
    }),
  );
});
