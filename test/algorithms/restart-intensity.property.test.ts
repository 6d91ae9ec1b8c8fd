import assert from 'node:assert/strict';
import fc from 'fast-check';
import { test } from 'vitest';
import { RestartIntensity } from '../../src/algorithms/restart-intensity.ts';

test('allows as many restarts in any stretch of the time as there may be, and no more', () => {
  const deaths = fc.array(fc.nat(20), { maxLength: 60 });
  fc.assert(
    fc.property(deaths, fc.oneof(fc.nat(4), fc.constant(Infinity)), fc.nat(50), (gaps, maxRestarts, within) => {
      const intensity = new RestartIntensity(maxRestarts, within);
      /** All restarts there were. */
      const restarted: number[] = [];
      let now = 0;
      for (const gap of gaps) {
        now += gap;
        const recent = restarted.filter((time) => time >= now - within);
        const expected = recent.length < maxRestarts;
        assert.equal(intensity.restart(now), expected);
        if (expected) restarted.push(now);
      }
    }),
  );
});

test('counts no restart for longer than its time after the clock has stepped back', () => {
  const intensity = new RestartIntensity(1, 100);
  assert.equal(intensity.restart(1_000), true);
  assert.equal(intensity.restart(0), false);
  assert.equal(intensity.restart(100), false);
  assert.equal(intensity.restart(101), true);
});
