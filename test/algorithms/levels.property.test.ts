import assert from 'node:assert/strict';
import fc from 'fast-check';
import { test } from 'vitest';
import { Levels } from '../../src/algorithms/levels.ts';

const thresholds = [
  { level: 1, raise: 4, lower: 2 },
  { level: 2, raise: 6, lower: 6 },
  { level: 3, raise: 8, lower: -Infinity },
];
const minStay = 100;

test('is never better than called for, nor left before its time, nor by two steps', () => {
  const reading = fc.oneof({ weight: 9, arbitrary: fc.nat(9) }, { weight: 1, arbitrary: fc.constant(Number.NaN) });
  const step = fc.record({ readings: fc.tuple(reading, reading, reading), by: fc.integer({ min: -60, max: 120 }) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      let now = 0;
      const levels = new Levels(thresholds, minStay, now);
      /** All readings so far, by signal. */
      const history: number[][] = [[], [], []];
      /** How long the level has been what it is, steps back left out. */
      let stayed = 0;
      let kept = 0;
      for (const { readings, by } of steps) {
        now += by;
        const before = levels.level;
        levels.update(readings, now);
        stayed += Math.max(by, 0);
        kept = Math.max(kept + by, 0);
        let wanted = 0;
        for (const [i, { level, raise, lower }] of thresholds.entries()) {
          const all = history[i] as number[];
          all.push(readings[i] as number);
          // Since it was last below the lower threshold, or said nothing, it has been at the upper one.
          const since = all.slice(all.map((each) => each >= lower).lastIndexOf(false) + 1);
          if (since.some((each) => each >= raise)) wanted = Math.max(wanted, level);
        }
        if (wanted > before) assert.equal(levels.level, wanted);
        else if (wanted < before && kept >= minStay) assert.equal(levels.level, before - 1);
        else assert.equal(levels.level, before);
        if (levels.level < before) assert.ok(stayed >= minStay);
        if (levels.level !== before) stayed = kept = 0;
      }
    }),
  );
});
