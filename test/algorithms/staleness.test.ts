import assert from 'node:assert/strict';
import { test } from 'vitest';
import { staleness, stalenessAmong } from '../../src/algorithms/staleness.ts';
import vectors from '../vectors/traffic-replica-staleness-a.json' with { type: 'json' };

test('tells how far a replica is behind, as MongoDB estimates it', () => {
  let driven = 0;
  for (const each of vectors.cases) {
    const { heartbeatMs, maxStalenessMs } = each;
    if (each.primary) {
      const { primary, secondary } = each as unknown as Record<
        'primary' | 'secondary',
        { updateMs: number; writeMs: number }
      >;
      const behind = staleness(
        { written: secondary.writeMs, seen: secondary.updateMs },
        { written: primary.writeMs, seen: primary.updateMs },
        heartbeatMs,
      );
      assert.equal(behind, each.stalenessMs);
      assert.equal(behind <= maxStalenessMs, each.eligible);
    } else {
      const written = each.secondaryWriteMs as number[];
      const behind = written.map((time) => stalenessAmong(time, Math.max(...written), heartbeatMs));
      assert.deepEqual(behind, each.stalenessMs);
      assert.deepEqual(
        behind.map((time) => time <= maxStalenessMs),
        each.eligible,
      );
    }
    driven++;
  }
  assert.equal(driven, 36);
});
