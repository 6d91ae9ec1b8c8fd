import assert from 'node:assert/strict';
import { test } from 'vitest';
import { isTransient } from '../../src/algorithms/transient.ts';
import { CircuitOpenError, TimeoutError } from '../../src/core/errors.ts';
import { HttpError } from '../../src/core/http-error.ts';

const details = { name: 'n', message: 'm' };
const caused = (message: string, cause: unknown) => new TypeError(message, { cause });
const coded = (code: string) => Object.assign(new Error('socket'), { code });

test.each([
  ...[408, 425, 429, 500, 502, 503, 504].map((status) => [status, true] as const),
  ...[200, 204, 301, 304, 400, 401, 403, 404, 409, 410, 418, 422, 501, 505, 507, 511].map((s) => [s, false] as const),
])('finds status %i transient: %s', (status, expected) => {
  assert.equal(isTransient(new Response(null, { status })), expected);
});

test('takes the word of an error that says whether it is retryable', () => {
  assert.equal(isTransient({ retryable: true }), true);
  assert.equal(isTransient(Object.assign(coded('ECONNRESET'), { retryable: false })), false);
  const response = new Response(null, { status: 503 });
  assert.equal(isTransient(new HttpError({ ...details, response, retryable: true })), true);
  assert.equal(isTransient(new HttpError({ ...details, response, retryable: false })), false);
});

test('finds timeouts transient, and rejections of holdfast not: they say themselves when to come back', () => {
  assert.equal(isTransient(new TimeoutError({ ...details, duration: 10 })), true);
  assert.equal(isTransient(new DOMException('too long', 'TimeoutError')), true);
  assert.equal(isTransient(new CircuitOpenError(details)), false);
});

test.each([
  ['Node, refused', caused('fetch failed', coded('ECONNREFUSED'))],
  ['Node, reset', caused('fetch failed', coded('ECONNRESET'))],
  ['Node, closed', caused('fetch failed', coded('UND_ERR_SOCKET'))],
  ['Node, no address', caused('fetch failed', coded('ENOTFOUND'))],
  ['Node, an answer that is no HTTP', caused('fetch failed', coded('HPE_INVALID_CONSTANT'))],
  ['Node, several addresses', caused('fetch failed', Object.assign(new AggregateError([]), { code: 'ETIMEDOUT' }))],
  ['Chromium', new TypeError('Failed to fetch')],
  ['Firefox', new TypeError('NetworkError when attempting to fetch resource.')],
  ['Safari', new TypeError('Load failed')],
  ['Deno, of late', new TypeError('fetch failed')],
  [
    'Bun, of late',
    Object.assign(new TypeError('ECONNRESET: The socket connection was closed'), { code: 'ECONNRESET' }),
  ],
  ['Deno', new TypeError('error sending request for url (http://127.0.0.1:1/)')],
  [
    'Bun',
    Object.assign(new Error('Unable to connect. Is the computer able to access the url?'), {
      code: 'ConnectionRefused',
    }),
  ],
  ['node:http', coded('ECONNRESET')],
])('finds an error of the network transient: %s', (_, error) => {
  assert.equal(isTransient(error), true);
});

test.each([
  [
    'an invalid URL',
    caused('Failed to parse URL from x', Object.assign(new TypeError('Invalid URL'), { code: 'ERR_INVALID_URL' })),
  ],
  ['an invalid method', new TypeError("'B AD' is not a valid HTTP method.")],
  ['a wrong certificate', caused('fetch failed', coded('ERR_TLS_CERT_ALTNAME_INVALID'))],
  ['a fault in the program', new TypeError("Cannot read properties of undefined (reading 'x')")],
  ['an error that only has the words', new Error('Failed to fetch')],
  ['a missing file', coded('ENOENT')],
  ['an abort', new DOMException('This operation was aborted', 'AbortError')],
  ['undefined', undefined],
  ['null', null],
  ['a string', 'fetch failed'],
  ['a number', 503],
])('finds nothing transient in %s', (_, thing) => {
  assert.equal(isTransient(thing), false);
});
