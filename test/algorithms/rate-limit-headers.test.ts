import assert from 'node:assert/strict';
import { test } from 'vitest';
import { type RateLimitFields, rateLimitHeaders } from '../../src/algorithms/rate-limit-headers.ts';
import vectors from '../vectors/traffic-ratelimit-headers-a.json' with { type: 'json' };

/** The file's items give times in seconds, and leave out what the field does not have. */
interface Item {
  readonly name: string;
  readonly quota?: number;
  readonly windowS?: number;
  readonly remaining?: number;
  readonly resetS?: number;
}

const cases = vectors.cases as readonly { field: string; value: string; items: readonly Item[] }[];

const policies = (items: readonly Item[]) =>
  items.map(({ name, quota, windowS }) => ({ name, quota: quota as number, window: (windowS as number) * 1_000 }));
const limits = (items: readonly Item[]) =>
  items.map(({ name, remaining, resetS }) => ({
    name,
    remaining: remaining as number,
    reset: (resetS as number) * 1_000,
  }));

const read = (fields: Record<string, string>, now?: number) =>
  rateLimitHeaders.read(new Headers(fields), now === undefined ? {} : { now });

test.each(cases)('reads and writes $field: $value', ({ field, value, items }) => {
  const fields = read({ [field]: value });
  if (field === 'RateLimit-Policy') {
    assert.deepEqual(fields.policies, policies(items));
    assert.deepEqual(rateLimitHeaders.write({ policies: policies(items) }), { [field]: value.replace(',"', ', "') });
  } else {
    assert.equal(field, 'RateLimit');
    assert.deepEqual(fields.limits, limits(items));
    assert.deepEqual(rateLimitHeaders.write({ limits: limits(items) }), { [field]: value });
  }
});

test('has a case for each of the 4 vectors', () => assert.equal(cases.length, 4));

test('Retry-After goes before the reset of a limit, as the vectors say', () => {
  assert.match(vectors.params.precedence, /^Retry-After wins over the reset/);
  const fields = { RateLimit: '"default";r=0;t=5' };
  assert.equal(read({ ...fields, 'Retry-After': '7' }).retryAfter, 7_000);
  assert.equal(
    read({ ...fields, 'Retry-After': 'Fri, 20 Nov 2026 12:00:03 GMT' }, Date.UTC(2026, 10, 20, 12)).retryAfter,
    3_000,
  );
  assert.equal(read({ ...fields, 'Retry-After': 'soon' }).retryAfter, 5_000);
  assert.equal(read(fields).retryAfter, 5_000);
});

test('without Retry-After, asks to wait for the last of the limits that have nothing remaining', () => {
  const retryAfter = (value: string) => read({ RateLimit: value }).retryAfter;
  assert.equal(retryAfter('"a";r=0;t=5, "b";r=0;t=60, "c";r=3;t=600'), 60_000);
  assert.equal(retryAfter('"a";r=1;t=5'), undefined);
  assert.equal(retryAfter('"a";r=0'), undefined);
  assert.equal(retryAfter('"a";r=0;t=0'), 0);
  assert.deepEqual(read({}), { policies: [], limits: [], retryAfter: undefined });
});

test.each<[value: string, names: string[]]>([
  ['"a";q=1', ['a']],
  ['  "a";q=1 \t,\t "b" ;q=1', []],
  ['"a";q=1 \t,\t "b"; q=1', ['a', 'b']],
  ['a;q=1', ['a']],
  ['*a/b:c;q=1', ['*a/b:c']],
  ['"";q=1', ['']],
  ['"say \\"a\\\\b\\"";q=1', ['say "a\\b"']],
  ['"a";q=1;q=2', ['a']],
  ['"a";x;q=1;y=?0;z=1.5;w=60;d=@1;e=%"f%c3%bc";f=tok;g=:YQ==:', ['a']],
  // An item that says nothing of use is left out, and the others count.
  ['"a", "b";q=1', ['b']],
  ['"a";q, "b";q=1', ['b']],
  ['"a";q=-1, "b";q=1', ['b']],
  ['"a";q=1.5, "b";q=1', ['b']],
  ['"a";q="1", "b";q=1', ['b']],
  ['"a";q=1;w=1.0, "b";q=1', ['b']],
  ['1;q=1, "b";q=1', ['b']],
  // What is malformed makes the whole field so.
  ['"a";q=1,', []],
  [',"a";q=1', []],
  ['"a";q=1 "b";q=1', []],
  ['"a;q=1', []],
  ['"a\\b";q=1', []],
  ['"ä";q=1', []],
  ['"a";Q=1', []],
  ['"a";q=', []],
  ['"a";', []],
  ['"a";q=1.', []],
  ['"a";q=1234567890123456', []],
  ['"a";q=01', ['a']],
  ['("a" "b");q=1', []],
  ['limit=100, remaining=50, reset=30', []],
  ['', []],
  [' ', []],
])('reads the policies of %s', (value, names) => {
  assert.deepEqual(
    rateLimitHeaders
      .read({ get: (name) => (name === 'ratelimit-policy' ? value : null) })
      .policies.map(({ name }) => name),
    names,
  );
});

test('reads units and partition keys, and writes them', () => {
  const fields = {
    policies: [{ name: 'p', quota: 65_535, unit: 'content-bytes', window: 10_000, partitionKey: 'sdfjLJUOUH==' }],
    limits: [{ name: 'p', remaining: 1, reset: 10_000, partitionKey: 'QQ==' }],
  };
  const written = {
    'RateLimit-Policy': '"p";q=65535;qu="content-bytes";w=10;pk=:sdfjLJUOUH==:',
    RateLimit: '"p";r=1;t=10;pk=:QQ==:',
  };
  assert.deepEqual(rateLimitHeaders.write(fields), written);
  assert.deepEqual(read(written), { ...fields, retryAfter: undefined });
});

test('says nothing about limits for a response that comes from a cache', () => {
  const fields = { RateLimit: '"a";r=0;t=5', 'RateLimit-Policy': '"a";q=1' };
  assert.equal(read({ ...fields, age: '0' }).limits.length, 1);
  for (const age of ['5, 7', '5,0', ' 5']) assert.equal(read({ ...fields, age }).limits.length, 0);
  for (const age of ['0, 5', 'soon', '']) assert.equal(read({ ...fields, age }).limits.length, 1);
  assert.deepEqual(read({ ...fields, age: '3' }), {
    policies: [{ name: 'a', quota: 1 }],
    limits: [],
    retryAfter: undefined,
  });
});

test('takes a field that is sent several times as one', () => {
  const headers = new Headers();
  headers.append('RateLimit', '"a";r=0;t=5');
  headers.append('RateLimit', '"b";r=2');
  assert.deepEqual(
    rateLimitHeaders.read(headers).limits.map(({ name }) => name),
    ['a', 'b'],
  );
});

test('writes what a meter says as it is: rounded so that nobody is told too much, or to come too early', () => {
  const { write } = rateLimitHeaders;
  assert.deepEqual(write({ limits: [{ name: 'a', remaining: 2.9, reset: 1_001 }] }), { RateLimit: '"a";r=2;t=2' });
  assert.deepEqual(write({ limits: [{ name: 'a', remaining: -3, reset: Infinity }] }), { RateLimit: '"a";r=0' });
  assert.deepEqual(write({ limits: [{ name: 'a', remaining: Infinity }] }), { RateLimit: '"a";r=999999999999999' });
  assert.deepEqual(write({ retryAfter: 1_000.000_000_1 }), { 'Retry-After': '1' });
  assert.deepEqual(write({ retryAfter: 1_000.01 }), { 'Retry-After': '2' });
  assert.deepEqual(write({ retryAfter: 0 }), { 'Retry-After': '0' });
  assert.deepEqual(write({ retryAfter: Infinity }), {});
  assert.deepEqual(write({ policies: [], limits: [], retryAfter: undefined }), {});
});

test('never asks to come again before there is anything', () => {
  const limits = [
    { name: 'minute', remaining: 0, reset: 30_000 },
    { name: 'day', remaining: 7, reset: 3_600_000 },
  ];
  assert.equal(rateLimitHeaders.write({ limits, retryAfter: 10_000 })['Retry-After'], '30');
  assert.equal(rateLimitHeaders.write({ limits, retryAfter: 40_000 })['Retry-After'], '40');
});

test.each<[fields: object, error: new () => Error, message: RegExp]>([
  [{ policies: [{ name: 'a', quota: -1 }] }, RangeError, /^rateLimitHeaders: quota must be .*, got -1$/],
  [{ policies: [{ name: 'a', quota: Number.NaN }] }, RangeError, /quota .* got NaN$/],
  [{ policies: [{ name: 'a' }] }, TypeError, /quota .* got undefined$/],
  [{ policies: [{ name: 'a', quota: 1, window: -1 }] }, RangeError, /^rateLimitHeaders: window must be .*, got -1$/],
  [{ policies: [{ quota: 1 }] }, TypeError, /^rateLimitHeaders: name must be a string, got undefined$/],
  [{ policies: [{ name: 'ä', quota: 1 }] }, RangeError, /^rateLimitHeaders: name must be printable ASCII, got "ä"$/],
  [{ policies: [{ name: 'a\r\nSet-Cookie: b', quota: 1 }] }, RangeError, /^rateLimitHeaders: name must be printable/],
  [{ policies: [{ name: 'a', quota: 1, partitionKey: ':' }] }, RangeError, /partitionKey must be base64, got ":"$/],
  [{ limits: [{ name: 'a', remaining: Number.NaN }] }, RangeError, /^rateLimitHeaders: remaining must be .*, got NaN$/],
  [
    { limits: [{ name: 'a', remaining: 1, reset: Number.NaN }] },
    RangeError,
    /^rateLimitHeaders: reset must be .* NaN$/,
  ],
  [{ retryAfter: '1' }, TypeError, /^rateLimitHeaders: retryAfter must be .*, got "1"$/],
])('refuses to write %o', (fields, error, message) => {
  assert.throws(
    () => rateLimitHeaders.write(fields as RateLimitFields),
    (thrown) => thrown instanceof error && message.test(thrown.message),
  );
});

test('reads a long field in no time, whatever a hostile server sends', () => {
  const length = 200_000;
  const longs = ['"', '\\"', ' ', ',', ';', '"a",', '"a";a', ';a=1', '1', '%', '\t', '"a" '].map((text) =>
    `"${text}`.concat(text.repeat(length / text.length)),
  );
  for (const value of [...longs, ...longs.map((text) => text.slice(1))]) {
    const { policies } = rateLimitHeaders.read({ get: (name) => (name === 'ratelimit-policy' ? value : null) });
    assert.equal(policies.length, 0);
  }
  const many = '"a";r=0;t=1'.concat(', "a";r=0;t=2'.repeat(length));
  assert.equal(rateLimitHeaders.read({ get: (name) => (name === 'ratelimit' ? many : null) }).retryAfter, 2_000);
});
