import assert from 'node:assert/strict';
import fc from 'fast-check';
import { test } from 'vitest';
import { ExpiryWheel } from '../../src/algorithms/expiry-wheel.ts';

const span = fc.oneof(
  fc.integer({ min: 0, max: 200 }),
  fc.double({ min: 0, max: 5_000, noNaN: true }),
  fc.integer({ min: 0, max: 2 ** 40 }),
  fc.constantFrom(63, 64, 65, 4_095, 4_096, 4_097, 64 ** 3, 64 ** 6, 64 ** 6 + 1, Infinity),
);
const step = fc.oneof(
  { weight: 9, arbitrary: span.filter((by) => by < Infinity) },
  { weight: 1, arbitrary: fc.integer({ min: -5_000, max: -1 }) },
  { weight: 1, arbitrary: fc.constantFrom(Infinity, Number.NaN) },
);
const slot = fc.integer({ min: 1, max: 30 });
const deed = fc.oneof(
  fc.record({ start: slot, ttl: span, ago: fc.constantFrom(0, 0, 0, 7) }),
  fc.record({ renew: slot }),
  fc.record({ stop: slot }),
  fc.record({ step }),
  fc.constant({ grow: true as const }),
);

test('finds what is due at each moment, as a look at all of them does, whatever the clock says', () => {
  fc.assert(
    fc.property(fc.constantFrom(0, 0.25, 1e12, -1e6), fc.array(deed, { maxLength: 60 }), (begin, deeds) => {
      let reading: number = begin;
      let now: number = begin;
      let length = 31;
      const wheel = new ExpiryWheel(length, begin);
      const alive = new Map<number, { since: number; ttl: number }>();
      for (const each of deeds) {
        if ('start' in each) {
          if (now - each.ago + each.ttl <= now) continue;
          wheel.start(each.start, each.ttl, now - each.ago);
          alive.set(each.start, { since: now - each.ago, ttl: each.ttl });
        } else if ('renew' in each) {
          const one = alive.get(each.renew);
          if (one === undefined) continue;
          wheel.renew(each.renew);
          one.since = now;
        } else if ('stop' in each) {
          wheel.stop(each.stop);
          alive.delete(each.stop);
        } else if ('grow' in each) wheel.grow((length += 10));
        else {
          const next = reading + each.step;
          if (Math.abs(next) < Infinity) {
            // The same sum as the wheel's, so that both are rounded alike.
            if (next > reading) now = next + (now - reading);
            reading = next;
          }
          const due = [...wheel.advance(next)];
          const expected = [...alive].filter(([, { since, ttl }]) => since + ttl <= now).map(([at]) => at);
          assert.deepEqual(due.sort(), expected.sort());
          for (const at of due) {
            wheel.stop(at);
            alive.delete(at);
          }
        }
        assert.equal(wheel.now, now);
        for (const [at, { since, ttl }] of alive) {
          assert.equal(wheel.remaining(at), since + ttl - now);
          assert.equal(wheel.age(at), now - since);
        }
      }
    }),
  );
});

test('a year passes in a moment', () => {
  const wheel = new ExpiryWheel(3, 0);
  wheel.start(1, 3.2e10);
  wheel.start(2, 3.2e11);
  for (let year = 1; year < 10; year++) {
    const due = wheel.advance(year * 3.2e10);
    assert.deepEqual(due, year === 1 ? [1] : []);
    due.forEach((slot) => void wheel.stop(slot));
  }
  assert.deepEqual(wheel.advance(3.2e11), [2]);
});
