import assert from 'node:assert/strict';
import { afterEach, test } from 'vitest';
import { lint } from '../../src/compositions/lint.ts';
import { pipeline } from '../../src/core/pipeline.ts';
import type { Policy } from '../../src/core/policy.ts';
import { bulkhead } from '../../src/policies/bulkhead.ts';
import { circuitBreaker } from '../../src/policies/circuit-breaker.ts';
import { fallback } from '../../src/policies/fallback.ts';
import { retry } from '../../src/policies/retry.ts';
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
