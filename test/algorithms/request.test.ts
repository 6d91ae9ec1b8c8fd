import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { test } from 'vitest';
import { prepare } from '../../src/algorithms/request.ts';

const url = 'http://host.test/path?query#hash';
const once = { ...{ duplex: 'half' } };
const repeats = (init?: RequestInit) => prepare(url, init).repeatable;

test.each([
  ['GET', true],
  ['HEAD', true],
  ['OPTIONS', true],
  ['PUT', true],
  ['DELETE', true],
  ['get', true],
  ['put', true],
  ['POST', false],
  ['post', false],
  ['PATCH', false],
  ['REPORT', false],
])('repeats what RFC 9110 calls idempotent: %s is %s', (method, expected) => {
  assert.equal(repeats({ method }), expected);
});

test('repeats whatever carries an Idempotency-Key', () => {
  for (const headers of [
    { 'idempotency-key': '1' },
    new Headers({ 'Idempotency-Key': '1' }),
    [['IDEMPOTENCY-KEY', '1']],
  ]) {
    assert.equal(repeats({ method: 'POST', headers: headers as HeadersInit }), true);
  }
  assert.equal(
    prepare(new Request(url, { method: 'POST', headers: { 'Idempotency-Key': '1' } }), undefined).repeatable,
    true,
  );
  // The headers given beside a request take the place of its own.
  assert.equal(
    prepare(new Request(url, { method: 'POST', headers: { 'Idempotency-Key': '1' } }), { headers: {} }).repeatable,
    false,
  );
});

test.each([
  ['string', 'text'],
  ['empty string', ''],
  ['Blob', new Blob(['text'])],
  ['File', new File(['text'], 'name')],
  ['FormData', new FormData()],
  ['URLSearchParams', new URLSearchParams('a=b')],
  ['ArrayBuffer', new ArrayBuffer(4)],
  ['Uint8Array', new Uint8Array(4)],
  ['Buffer', Buffer.from('text')],
  ['DataView', new DataView(new ArrayBuffer(4))],
])('repeats a body that can be read again: %s', (_, body) => {
  assert.equal(repeats({ method: 'PUT', body }), true);
});

test.each([
  ['ReadableStream', () => new Blob(['text']).stream()],
  ['Node stream', () => Readable.from(['text'])],
  ['async generator', () => (async function* () {})()],
  ['something unknown', () => ({})],
])('sends a body once that it could not read again: %s', (_, make) => {
  const body = make();
  assert.equal(repeats({ method: 'PUT', body: body as BodyInit, ...once }), false);
  if (body instanceof ReadableStream) assert.equal(body.locked, false);
});

test('copies bytes that the caller may change before the last try', () => {
  const body = new Uint8Array([0, 1, 2, 3]).subarray(1, 3);
  const { init } = prepare(url, { method: 'PUT', body });
  body.fill(9);
  assert.deepEqual(init?.body, new Uint8Array([1, 2]));
  const buffer = new Uint8Array([1, 2]).buffer;
  const copy = prepare(url, { method: 'PUT', body: buffer }).init?.body;
  new Uint8Array(buffer).fill(9);
  assert.deepEqual(copy, new Uint8Array([1, 2]));
  // What goes once is passed on as it is.
  assert.equal(prepare(url, { method: 'POST', body }).init?.body, body);
});

test('knows the origin, of schemes without one too, which are not repeated', () => {
  assert.equal(prepare(url, undefined).origin, 'http://host.test');
  assert.equal(prepare(new URL('https://host.test:8443/x'), undefined).origin, 'https://host.test:8443');
  assert.equal(prepare(new Request('http://host.test:80/'), undefined).origin, 'http://host.test');
  const other = prepare('app://host/x', undefined);
  assert.deepEqual([other.origin, other.repeatable], ['app://host', false]);
  assert.equal(prepare('data:,x', undefined).repeatable, false);
});

test.each([
  ['an invalid URL', '/relative', undefined],
  ['credentials in the URL', 'http://me:secret@host.test', undefined],
  ['an invalid method', url, { method: 'B AD' }],
  ['a forbidden method', url, { method: 'CONNECT' }],
  ['an invalid header', url, { headers: { 'b ad': '1' } }],
  ['a body with GET', url, { body: 'text' }],
  [
    'a body with the GET that takes the place of a POST',
    new Request(url, { method: 'POST', body: 'text' }),
    { method: 'GET' },
  ],
  ['an invalid mode', url, { mode: 'none' as RequestMode }],
])('throws the TypeError of fetch for %s', (_, input, init) => {
  assert.throws(() => prepare(input, init), TypeError);
});

test('throws for a request whose body is gone, unless another one is given', async () => {
  const request = new Request(url, { method: 'PUT', body: 'text' });
  await request.text();
  assert.throws(() => prepare(request, undefined), TypeError);
  assert.equal(prepare(request, { body: 'other' }).repeatable, true);
  const locked = new Request(url, { method: 'PUT', body: 'text' });
  locked.body?.getReader();
  assert.throws(() => prepare(locked, { headers: {} }), TypeError);
});

test('leaves the body of a request alone', () => {
  const request = new Request(url, { method: 'PUT', body: 'text' });
  assert.equal(prepare(request, { headers: { a: 'b' } }).repeatable, true);
  assert.deepEqual([request.bodyUsed, request.body?.locked], [false, false]);
});
