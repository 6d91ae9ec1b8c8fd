import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import { test, vi } from 'vitest';
import {
  AbandonedError,
  BulkheadFullError,
  CircuitOpenError,
  HoldfastError,
  isRejection,
  NoTargetError,
  RejectedError,
  TimeoutError,
} from '../../src/core/errors.ts';
import { HttpError } from '../../src/core/http-error.ts';

const details = { name: 'users', message: 'not now' };
const response = new Response('no', { status: 503 });
const made = {
  RejectedError: new RejectedError(details),
  CircuitOpenError: new CircuitOpenError(details),
  BulkheadFullError: new BulkheadFullError(details),
  NoTargetError: new NoTargetError({ ...details, targets: new Map([['a', 'down']]) }),
  TimeoutError: new TimeoutError({ ...details, duration: 100 }),
  AbandonedError: new AbandonedError(details),
  HttpError: new HttpError({ ...details, response, retryable: true }),
};

test('an error says in code what it is, and by name who speaks, once when printed [41, 55]', () => {
  const codes = Object.fromEntries(Object.entries(made).map(([kind, error]) => [kind, error.code]));
  assert.deepEqual(codes, {
    RejectedError: 'ERR_REJECTED',
    CircuitOpenError: 'ERR_CIRCUIT_OPEN',
    BulkheadFullError: 'ERR_BULKHEAD_FULL',
    NoTargetError: 'ERR_NO_TARGET',
    TimeoutError: 'ERR_TIMEOUT',
    AbandonedError: 'ERR_ABANDONED',
    HttpError: 'ERR_HTTP',
  });
  for (const error of Object.values(made)) {
    assert.ok(error instanceof Error);
    assert.deepEqual([error.name, error.message, error.retryAfter], ['users', 'not now', undefined]);
    assert.deepEqual(['cause' in error, 'retryAfter' in error], [false, false]);
    assert.equal(String(error), 'users: not now');
    assert.match(inspect(error), /^\[?users: not now\b/);
  }
  assert.equal(made.TimeoutError.duration, 100);
  assert.deepEqual([...made.NoTargetError.targets], [['a', 'down']]);
  assert.equal(new NoTargetError(details).targets.size, 0);
  assert.deepEqual([made.HttpError.status, made.HttpError.response, made.HttpError.retryable], [503, response, true]);
});

test('what is known of the cause, and of how long to wait, goes with it [55]', () => {
  const cause = new Error('down');
  const error = new CircuitOpenError({ ...details, cause, retryAfter: 0 });
  assert.equal(error.cause, cause);
  assert.equal(error.retryAfter, 0);
});

test('instanceof tells the kinds apart, and knows ancestors [41]', () => {
  const kinds = {
    RejectedError,
    CircuitOpenError,
    BulkheadFullError,
    NoTargetError,
    TimeoutError,
    AbandonedError,
    HttpError,
  };
  const ancestors: Record<string, string[]> = {
    CircuitOpenError: ['RejectedError'],
    BulkheadFullError: ['RejectedError'],
    NoTargetError: ['RejectedError'],
  };
  for (const [name, error] of Object.entries(made)) {
    assert.ok(error instanceof HoldfastError);
    for (const [kind, type] of Object.entries(kinds)) {
      assert.equal(error instanceof type, kind === name || (ancestors[name] ?? []).includes(kind), `${name}, ${kind}`);
    }
  }
  for (const other of [undefined, null, 0, 'text', {}, new Error('no'), { 'holdfast:kind': 5 }, Object.create(null)]) {
    for (const type of Object.values(kinds)) assert.equal((other as unknown) instanceof type, false);
  }
});

test('instanceof works across two installs of holdfast [41]', async () => {
  vi.resetModules();
  const copy: typeof import('../../src/core/errors.ts') = await import('../../src/core/errors.ts');
  assert.notEqual(copy.TimeoutError, TimeoutError);
  const error = new copy.CircuitOpenError(details);
  assert.ok(error instanceof CircuitOpenError);
  assert.ok(error instanceof RejectedError);
  assert.equal((error as unknown) instanceof TimeoutError, false);
  assert.ok(made.TimeoutError instanceof copy.TimeoutError);
  assert.ok(isRejection(error));
});

test('a kind of a user’s own is told by its prototype, and is one of ours as well [41]', () => {
  class QuotaError extends RejectedError {}
  const error = new QuotaError(details);
  assert.ok(error instanceof QuotaError);
  assert.ok(error instanceof RejectedError);
  assert.ok(isRejection(error));
  assert.equal((made.RejectedError as unknown) instanceof QuotaError, false);
  assert.equal((made.CircuitOpenError as unknown) instanceof QuotaError, false);
});

test('isRejection tells whether the task never ran, of anything [62]', () => {
  assert.deepEqual(
    Object.entries(made)
      .filter(([, error]) => isRejection(error))
      .map(([name]) => name),
    ['RejectedError', 'CircuitOpenError', 'BulkheadFullError', 'NoTargetError'],
  );
  for (const other of [undefined, null, 0, '', 'RejectedError', {}, () => {}, new Error('no')]) {
    assert.equal(isRejection(other), false);
  }
});

test('an error has no stack unless it is asked for, and leaves the limit of others alone [55]', () => {
  const limit = Error.stackTraceLimit;
  assert.equal(new RejectedError(details).stack?.includes('\n    at '), false);
  assert.equal(new RejectedError({ ...details, captureStack: true }).stack?.includes('\n    at '), true);
  assert.equal(Error.stackTraceLimit, limit);
  assert.ok(new Error('other').stack?.includes('\n    at '));
});

test('two rejections are two errors, though they say the same [55]', () => {
  assert.notEqual(new CircuitOpenError(details), new CircuitOpenError(details));
});
