import assert from 'node:assert/strict';
import { afterEach, test } from 'vitest';
import { tokenBucket } from '../../src/algorithms/token-bucket.ts';
import { lint } from '../../src/compositions/lint.ts';
import { shuffleShard } from '../../src/compositions/shuffle-shard.ts';
import { pipeline } from '../../src/core/pipeline.ts';
import type { Policy } from '../../src/core/policy.ts';
import { bulkhead } from '../../src/policies/bulkhead.ts';
import { circuitBreaker } from '../../src/policies/circuit-breaker.ts';
import { coalesce } from '../../src/policies/coalesce.ts';
import { concurrencyLimit } from '../../src/policies/concurrency-limit.ts';
import { fallback } from '../../src/policies/fallback.ts';
import { hedge } from '../../src/policies/hedge.ts';
import { rateLimit } from '../../src/policies/rate-limit.ts';
import { retry } from '../../src/policies/retry.ts';
import { shed } from '../../src/policies/shed.ts';
import { throttle } from '../../src/policies/throttle.ts';
import { timeout } from '../../src/policies/timeout.ts';

const slots = () => bulkhead({ maxConcurrent: 1 });
const limit = () => timeout({ duration: 1_000 });
const standIn = () => fallback({ value: 0 });
/** What runs round what is inside it, as hedge, coalesce and cache do. */
const around = (kind?: string): Policy & { kind?: string } => ({
  execute: async (task, options) => task(options as never),
  ...(kind !== undefined && { kind }),
});

function broken(...policies: Policy<unknown>[]): string[] {
  return lint(pipeline(...policies)).map(({ rule, outer, inner }) => `${rule}: ${outer} > ${inner}`);
}

const before = process.env.NODE_ENV;
afterEach(() => {
  process.env.NODE_ENV = before;
});

test('is silent about what the guide recommends', () => {
  assert.deepEqual(broken(standIn(), limit(), retry(), circuitBreaker(), slots(), limit()), []);
  assert.deepEqual(broken(limit(), retry(), limit()), []);
  assert.deepEqual(broken(around('cache'), standIn(), retry(), around('hedge'), limit()), []);
  assert.deepEqual(broken(around('coalesce'), circuitBreaker(), slots()), []);
  assert.deepEqual(broken(), []);
  assert.deepEqual(lint(retry()), []);
});

test('names a breaker outside a retry [106]', () => {
  assert.deepEqual(broken(circuitBreaker({ name: 'users' }), retry({ name: 'again' })), [
    'breaker-outside-retry: users > again',
  ]);
});

test('names slots that are held during backoff [108]', () => {
  assert.deepEqual(broken(slots(), retry()), ['slot-during-backoff: bulkhead > retry']);
  assert.deepEqual(broken(retry(), slots()), []);
});

test('names a retry inside a retry [38]', () => {
  assert.deepEqual(broken(retry({ name: 'a' }), limit(), retry({ name: 'b' })), ['retry-inside-retry: a > b']);
});

test('knows every policy by its kind', () => {
  const held = [
    slots(),
    concurrencyLimit({ name: 'concurrencyLimit' }),
    shed({ maxConcurrent: 1 }),
    shuffleShard({ maxConcurrent: 1 }).for('a'),
  ];
  for (const one of held) assert.deepEqual(broken(one, retry()).length, 1);
  const charged = [rateLimit({ meter: tokenBucket({ limit: 1, interval: 1 }) }), throttle(), ...held];
  for (const one of charged) assert.deepEqual(broken(one, coalesce().for('a')).length, 1);
  for (const learner of [retry(), hedge(), circuitBreaker(), throttle(), concurrencyLimit()])
    assert.deepEqual(broken(learner, standIn()).length, 1);
  assert.deepEqual(broken(hedge(), retry()), ['hedge-outside-retry: hedge > retry']);
});

test('names a hedge whose calls all share one run', () => {
  assert.deepEqual(broken(hedge(), coalesce().for('a')), ['hedge-outside-shared: hedge > coalesce']);
  assert.deepEqual(broken(coalesce().for('a'), hedge()), []);
});

test('names a hedge outside a retry [110]', () => {
  assert.deepEqual(broken(around('hedge'), retry()), ['hedge-outside-retry: hedge > retry']);
});

test('names a fallback that blinds what is outside it [111]', () => {
  assert.deepEqual(broken(retry(), circuitBreaker(), standIn()), [
    'fallback-inside: retry > fallback',
    'fallback-inside: circuitBreaker > fallback',
  ]);
  assert.deepEqual(broken(limit(), slots(), standIn()), []);
});

test('names a breaker that hears of no timeout', () => {
  assert.deepEqual(broken(limit(), circuitBreaker()), ['timeout-outside-breaker: timeout > circuitBreaker']);
});

test('names a timeout that never fires, as the one outside is shorter', () => {
  const half = timeout({ name: 'half', duration: 500 });
  assert.deepEqual(broken(half, retry(), circuitBreaker(), limit()), ['timeout-inside-shorter: half > timeout']);
  assert.deepEqual(broken(limit(), retry(), circuitBreaker(), half), []);
  const never = timeout({ duration: Infinity });
  assert.deepEqual(broken(never, limit()), []);
  assert.deepEqual(broken(limit(), never), []);
});

test('leaves a longer timeout alone inside what is shared: there the work goes on for others', () => {
  const half = timeout({ name: 'half', duration: 500 });
  for (const kind of ['cache', 'coalesce']) assert.deepEqual(broken(half, around(kind), limit()), []);
  assert.deepEqual(broken(around('cache'), half, limit()), ['timeout-inside-shorter: half > timeout']);
});

test('names what saves the work where it is charged all the same', () => {
  assert.deepEqual(broken(slots(), around('coalesce')), ['shared-inside-limit: bulkhead > coalesce']);
});

test('names a policy that is given twice', () => {
  const one = slots();
  assert.deepEqual(broken(one, limit(), one), ['same-policy-twice: bulkhead > bulkhead']);
  const own = around();
  assert.deepEqual(broken(own, own), ['same-policy-twice: a policy of your own > a policy of your own']);
});

test('says why, and looks into nested pipelines', () => {
  const [note] = lint(pipeline(pipeline(slots()), pipeline(limit(), retry())));
  assert.match(note?.reason ?? '', /slots belong inside the retry/);
});

test('leaves out what is ignored on purpose, and knows its rules', () => {
  const guarded = pipeline(circuitBreaker(), slots(), retry());
  assert.deepEqual(
    lint(guarded, { ignore: ['breaker-outside-retry'] }).map(({ rule }) => rule),
    ['slot-during-backoff'],
  );
  assert.throws(() => lint(guarded, { ignore: ['no-such-rule'] }), /lint: ignore must be a list of fallback-inside, /);
  assert.throws(() => lint(guarded, { ignored: [] } as never), /unknown option "ignored"; did you mean "ignore"\?/);
  assert.throws(() => lint(undefined as never), TypeError);
});

test('looks at nothing in production', () => {
  process.env.NODE_ENV = 'production';
  assert.deepEqual(broken(slots(), retry()), []);
  assert.deepEqual(lint(undefined as never), []);
});
