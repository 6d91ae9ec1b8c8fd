import assert from 'node:assert/strict';
import fc from 'fast-check';
import { test } from 'vitest';
import { outlierEjection } from '../../src/algorithms/outlier.ts';
import { RiseFall } from '../../src/algorithms/rise-fall.ts';

test('whatever calls come to, and the clock does, one target stays in, no more than the share is out, and none for ever', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 12 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.integer({ min: 1, max: 3 }),
      fc.array(fc.tuple(fc.nat(11), fc.boolean(), fc.constantFrom(0, 1, 10, 1_000, -400)), {
        maxLength: 200,
        size: 'max',
      }),
      (count, maxEjectedRatio, consecutiveFailures, calls) => {
        const options = { interval: 500, minHosts: 2, minCalls: 2, ejection: 300, maxEjection: 1_000 };
        const health = outlierEjection({ ...options, consecutiveFailures, maxEjectedRatio });
        const hosts = Array.from({ length: count }, (_, i) => ({ name: `${i}` }));
        let now = 0;
        for (const { name } of hosts) health.state(name, now);
        for (const [which, fails, waits] of calls) {
          now += waits;
          const host = hosts[which % count] as { name: string };
          health.record?.(host, fails ? 'failure' : 'success', 1, now);
          const out = hosts.filter(({ name }) => health.state(name, now) === 'ejected');
          assert.ok(out.length < count);
          assert.ok(out.length <= 1 || out.length / count <= maxEjectedRatio);
        }
        // The comparison that is still due may eject for the last time.
        now += 1_001;
        for (const { name } of hosts) health.state(name, now);
        now += 1_001;
        for (const { name } of hosts) assert.equal(health.state(name, now), 'up');
      },
    ),
  );
});

test('up and down follow from the last checks alone', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 4 }),
      fc.integer({ min: 1, max: 4 }),
      fc.array(fc.boolean(), { maxLength: 60, size: 'max' }),
      (rise, fall, checks) => {
        const target = new RiseFall(rise, fall);
        let up = true;
        checks.forEach((check, i) => {
          const last = (count: number) => checks.slice(Math.max(0, i + 1 - count), i + 1);
          if (up && i + 1 >= fall && last(fall).every((each) => !each)) up = false;
          else if (!up && i + 1 >= rise && last(rise).every((each) => each)) up = true;
          assert.equal(target.check(check), up);
        });
      },
    ),
  );
});
