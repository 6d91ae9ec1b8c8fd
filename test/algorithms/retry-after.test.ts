import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'vitest';
import { httpDate, parseRetryAfter } from '../../src/algorithms/retry-after.ts';

interface Vectors {
  readonly params: { readonly now: string };
  readonly cases: readonly { readonly value: string; readonly delayMs: number | null }[];
}

const now = Date.UTC(2026, 10, 20, 12);
const wait = (value: string | null | undefined, date?: string) => parseRetryAfter(value, { now, date });

// The copy beside the tests, and the collection it was taken from where that lies next to the project.
const files = ['../vectors', '../../../shared/vectors']
  .map((folder) => new URL(`${folder}/traffic-retry-after-parse-a.json`, import.meta.url))
  .filter((file) => existsSync(file));

for (const file of files) {
  const { params, cases } = JSON.parse(readFileSync(file, 'utf8')) as Vectors;
  test.each(cases)('reads Retry-After as RFC 9110 says: $value is $delayMs ms [31]', ({ value, delayMs }) => {
    assert.equal(parseRetryAfter(value, { now: Date.parse(params.now) }) ?? null, delayMs);
  });
}

test.each([
  ['0', 0],
  ['007', 7_000],
  ['\t120 ', 120_000],
  ['9007199254740991', 9_007_199_254_740_991_000],
  ['9007199254740992', 9_007_199_254_740_991_000],
  ['9'.repeat(400), 9_007_199_254_740_991_000],
  ['', undefined],
  [null, undefined],
  [undefined, undefined],
  ['-1', undefined],
  ['+5', undefined],
  ['1e3', undefined],
  ['5s', undefined],
  ['٥', undefined],
  ['\u00a0120', undefined],
])('takes whole seconds and nothing like them: %j is %s [31]', (value, expected) => {
  assert.equal(wait(value), expected);
});

test.each([
  ['Fri, 20 Nov 2026 12:00:30 GMT', 30_000],
  ['Friday, 20-Nov-26 12:00:30 GMT', 30_000],
  ['Fri Nov 20 12:00:30 2026', 30_000],
  ['Fri Nov 20 11:59:59 2026', 0],
  ['Sunday, 06-Nov-94 08:49:37 GMT', 0],
  // Leap seconds: the one after 23:59:59, and no other.
  ['Thu, 31 Dec 2026 23:59:60 GMT', Date.UTC(2027, 0, 1) - now],
  ['Thu, 31 Dec 2026 23:58:60 GMT', undefined],
  ['Thu, 31 Dec 2026 22:59:60 GMT', undefined],
  ['Thu, 31 Dec 2026 24:00:00 GMT', undefined],
  ['Thu, 31 Dec 2026 12:60:00 GMT', undefined],
  // Days that are in no calendar.
  ['Sun, 29 Feb 2026 12:00:00 GMT', undefined],
  ['Tue, 29 Feb 2028 12:00:00 GMT', Date.UTC(2028, 1, 29, 12) - now],
  ['Mon, 31 Nov 2026 12:00:00 GMT', undefined],
  ['Mon, 00 Dec 2026 12:00:00 GMT', undefined],
  // Near misses of the grammar, which is case-sensitive.
  ['fri, 20 Nov 2026 12:00:30 GMT', undefined],
  ['Fri, 20 nov 2026 12:00:30 GMT', undefined],
  ['Fri, 20 Nov 2026 12:00:30 gmt', undefined],
  ['Fri, 20 Nov 2026 12:00:30 UTC', undefined],
  ['Fri, 20 Nov 2026 12:00:30', undefined],
  ['Fri, 20 Now 2026 12:00:30 GMT', undefined],
  ['Fri,20 Nov 2026 12:00:30 GMT', undefined],
  ['Fri, 20  Nov 2026 12:00:30 GMT', undefined],
  ['Fri, 2 Dec 2026 12:00:30 GMT', undefined],
  ['Foo, 20 Nov 2026 12:00:30 GMT', undefined],
  ['20 Nov 2026 12:00:30 GMT', undefined],
  ['Friday, 20-Nov-2026 12:00:30 GMT', undefined],
  ['Fri, 20-Nov-26 12:00:30 GMT', undefined],
  ['Fri Nov 20 12:00:30 2026 GMT', undefined],
  ['Fri Nov 6 12:00:30 2026', undefined],
  ['Fri Nov 06 12:00:30 2026', 0],
  ['Fri Nov  6 12:00:30 2026', 0],
  ['2026-11-20T12:00:30Z', undefined],
])('takes the three forms of a date, on days that exist: %s is %s [31]', (value, expected) => {
  assert.equal(wait(value), expected);
});

test.each([
  ['20-Nov-76 12:00:00', 2076],
  ['20-Nov-76 12:00:01', 1976],
  ['21-Nov-76 00:00:00', 1976],
  ['31-Dec-75 23:59:60', 2075],
  ['01-Jan-77 00:00:00', 1977],
  ['01-Jan-99 00:00:00', 1999],
  ['01-Jan-00 00:00:00', 2000],
])(
  'puts a year of two digits into the past where it would be more than fifty years ahead: %s is in %i [31]',
  (date, year) => {
    const at = httpDate(`Friday, ${date} GMT`, now);
    const [day, time] = date.split(' ') as [string, string];
    const leap = time.endsWith(':60');
    const expected =
      Date.parse(`${day.slice(0, 7)}${year} ${leap ? '23:59:59' : time} GMT`.replaceAll('-', ' ')) + (leap ? 1_000 : 0);
    assert.equal(at, expected);
  },
);

test('looks across the turn of a century for a year of two digits [31]', () => {
  const eve = Date.UTC(2099, 11, 31, 23, 59);
  assert.equal(parseRetryAfter('Friday, 01-Jan-00 00:00:00 GMT', { now: eve }), 60_000);
  assert.equal(httpDate('Friday, 31-Dec-99 23:59:00 GMT', eve), eve);
});

test('reads years below 100 as they stand where they have four digits [31]', () => {
  assert.equal(httpDate('Mon, 01 Jan 0050 00:00:00 GMT', now), Date.parse('0050-01-01T00:00:00Z'));
});

test('takes the first of several fields, and does not look for a better one [31]', () => {
  assert.equal(wait('120, 30'), 120_000);
  assert.equal(wait('120 ,30'), 120_000);
  assert.equal(wait('Fri, 20 Nov 2026 12:00:30 GMT, 7'), 30_000);
  assert.equal(wait('Fri Nov 20 12:00:30 2026, Fri, 20 Nov 2026 12:00:40 GMT'), 30_000);
  assert.equal(wait('Friday, 20-Nov-26 12:00:30 GMT,Fri, 20 Nov 2026 12:00:40 GMT'), 30_000);
  assert.equal(wait('soon, 120'), undefined);
  assert.equal(wait(', 120'), undefined);
  assert.equal(wait('1.5, 120'), undefined);
});

test("judges a date against the response's own Date, so that a clock that is off does not matter [31]", () => {
  const at = 'Fri, 20 Nov 2026 12:00:30 GMT';
  assert.equal(wait(at, 'Fri, 20 Nov 2026 12:00:10 GMT'), 20_000);
  assert.equal(wait(at, 'Thu, 19 Nov 2026 12:00:30 GMT'), 86_400_000);
  assert.equal(wait(at, 'Fri, 20 Nov 2026 13:00:00 GMT'), 0);
  assert.equal(wait(at, 'Fri, 20 Nov 2026 12:00:20 GMT, Fri, 20 Nov 2026 12:00:25 GMT'), 10_000);
  // A Date that is none is not there.
  assert.equal(wait(at, 'yesterday'), 30_000);
  assert.equal(wait(at, '60'), 30_000);
  // Seconds need no date.
  assert.equal(wait('120', 'Thu, 19 Nov 2026 12:00:30 GMT'), 120_000);
});

test('reads a field of any length in one go: blanks without end cost no time [31]', () => {
  // At the square of their length these would not end in time.
  for (const blank of [' ', '\t', 'a, ', '5 ']) {
    assert.equal(parseRetryAfter(`x${blank.repeat(1_000_000)}x`), undefined);
  }
  assert.equal(parseRetryAfter(`${' '.repeat(1_000_000)}5${' '.repeat(1_000_000)}, 7`), 5_000);
});
