import assert from 'node:assert/strict';
import fc from 'fast-check';
import { test } from 'vitest';
import { httpDate, parseRetryAfter } from '../../src/algorithms/retry-after.ts';

const days = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'] as const;
const seconds = (from: string, to: string) =>
  fc.integer({ min: Date.parse(from) / 1_000, max: Date.parse(to) / 1_000 }).map((second) => second * 1_000);

/** The three forms, put together from what the platform prints. */
function written(at: number): [fixdate: string, rfc850: string, asctime: string] {
  const fixdate = new Date(at).toUTCString();
  const [, day, month, year, time] = fixdate.split(' ') as [string, string, string, string, string];
  const name = days[new Date(at).getUTCDay()] as string;
  return [
    fixdate,
    `${name}, ${day}-${month}-${year.slice(-2)} ${time} GMT`,
    `${name.slice(0, 3)} ${month} ${day.replace(/^0/, ' ')} ${time} ${year}`,
  ];
}

test('reads back any second of any year in each form that holds it [31]', () => {
  fc.assert(
    fc.property(seconds('0001-01-01T00:00:00Z', '9999-12-31T23:59:59Z'), (at) => {
      const [fixdate, , asctime] = written(at);
      assert.equal(httpDate(fixdate, 0), at);
      assert.equal(httpDate(asctime, 0), at);
    }),
  );
});

test('reads back a year of two digits from half a century on either side of now [31]', () => {
  const year = 365.25 * 86_400_000;
  fc.assert(
    fc.property(
      seconds('1970-01-01T00:00:00Z', '2200-01-01T00:00:00Z'),
      fc.integer({ min: -49 * 365 * 86_400, max: 49 * 365 * 86_400 }),
      (now, away) => {
        const at = now + away * 1_000;
        assert.ok(Math.abs(at - now) < 50 * year);
        assert.equal(httpDate(written(at)[1], now), at);
      },
    ),
  );
});

test('gives whole milliseconds of 0 or more, or nothing, for any text at all [31]', () => {
  const piece = fc.constantFrom(
    'Fri',
    'Friday',
    ', ',
    ' ',
    '-',
    ':',
    '20',
    '6',
    'Nov',
    '2026',
    '26',
    '12:00:30',
    'GMT',
    '60',
  );
  const text = fc.oneof(
    fc.string(),
    fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join('')),
  );
  fc.assert(
    fc.property(text, fc.option(text), fc.integer({ min: 0, max: 8e15 }), (value, date, now) => {
      const wait = parseRetryAfter(value, { now, date });
      assert.ok(wait === undefined || wait >= 0);
      assert.equal(wait === undefined || Number.isInteger(wait), true);
    }),
  );
});
