import assert from 'node:assert/strict';
import fc from 'fast-check';
import { test } from 'vitest';
import { rateLimitHeaders } from '../../src/algorithms/rate-limit-headers.ts';

const name = fc.string({ unit: fc.integer({ min: 32, max: 126 }).map((code) => String.fromCharCode(code)) });
const count = fc.integer({ min: 0, max: 999_999_999_999_999 });
const time = fc.integer({ min: 0, max: 1e9 }).map((seconds) => seconds * 1_000);
const partitionKey = fc.uint8Array().map((bytes) => Buffer.from(bytes).toString('base64'));

const policy = fc.record(
  { name, quota: count, window: time, unit: name, partitionKey },
  { requiredKeys: ['name', 'quota'], noNullPrototype: true },
);
const limit = fc.record(
  { name, remaining: count, reset: time, partitionKey },
  { requiredKeys: ['name', 'remaining'], noNullPrototype: true },
);

test('reads back what it has written', () => {
  fc.assert(
    fc.property(
      fc.array(policy),
      fc.array(limit),
      fc.option(time, { nil: undefined }),
      (policies, limits, retryAfter) => {
        const fields = rateLimitHeaders.write({ policies, limits, retryAfter });
        const read = rateLimitHeaders.read(new Headers(fields));
        assert.deepEqual([read.policies, read.limits], [policies, limits]);
        const resets = limits.filter(({ remaining }) => remaining === 0).map(({ reset = -1 }) => reset);
        const longest = Math.max(retryAfter ?? -1, ...resets);
        assert.equal(read.retryAfter, longest < 0 ? undefined : longest);
      },
    ),
  );
});

test('reads anything without throwing, and only what it can write again', () => {
  const piece = fc.constantFrom(
    '"a"',
    'a',
    ';',
    'q',
    'r',
    '=',
    '1',
    '-1',
    ',',
    ' ',
    '\\',
    '"',
    '(',
    ')',
    ':',
    '?1',
    '%"',
    '@',
  );
  const field = fc.oneof(
    fc.string(),
    fc.array(piece, { maxLength: 20 }).map((pieces) => pieces.join('')),
  );
  fc.assert(
    fc.property(field, (value) => {
      const { policies, limits } = rateLimitHeaders.read({ get: (name) => (name === 'age' ? null : value) });
      const again = rateLimitHeaders.read(new Headers(rateLimitHeaders.write({ policies, limits })));
      assert.deepEqual([again.policies, again.limits], [policies, limits]);
    }),
  );
});
