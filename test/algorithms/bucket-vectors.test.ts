import assert from 'node:assert/strict';
import { test } from 'vitest';
import { gcra } from '../../src/algorithms/gcra.ts';
import type { Meter, Reservation } from '../../src/algorithms/meter.ts';
import { tokenBucket } from '../../src/algorithms/token-bucket.ts';
import governor from '../vectors/traffic-gcra-governor.json' with { type: 'json' };
import throttled from '../vectors/traffic-gcra-throttled.json' with { type: 'json' };
import xtime from '../vectors/traffic-token-bucket-xtime-a.json' with { type: 'json' };

interface Step {
  op: string;
  t: number;
  n?: number;
  ok?: boolean;
  tokensBefore?: number;
  actAt?: number;
  maxWait?: number;
  id?: string;
  ratePerSec?: number;
}

/** What x/time/rate gives back to each cancel of the vectors, worked out by hand: its tests only look at what follows. */
const givenBack: Record<string, number> = { cancelInvalid: 0, cancelLast: 2, cancel1Token: 1 };

for (const [name, make] of Object.entries({ tokenBucket, gcra })) {
  test.for(xtime.cases)(`${name} does what x/time/rate does: $name [86, 87, 88]`, (each) => {
    const tenth = 100;
    const meter: Meter = make({ limit: each.ratePerSec, interval: 1_000, burst: each.burst });
    const reservations = new Map<string | undefined, Reservation | undefined>();
    const ops: Record<string, (step: Step, now: number) => void> = {
      allow({ n, ok, tokensBefore }, now) {
        assert.equal(meter.available(now), tokensBefore);
        assert.equal(meter.tryAcquire(now, n), ok);
      },
      reserve({ n, ok, actAt, maxWait = Infinity, id }, now) {
        const reservation = meter.reserve(now, n, maxWait * tenth);
        assert.equal(reservation !== undefined, ok);
        assert.equal(reservation?.at, actAt === undefined ? undefined : actAt * tenth);
        reservations.set(id, reservation);
      },
      cancel({ id }, now) {
        assert.equal(reservations.get(id)?.cancel(now) ?? 0, givenBack[each.name]);
      },
      setLimit({ ratePerSec }, now) {
        meter.update(now, { limit: ratePerSec });
      },
    };
    for (const step of each.steps as Step[]) ops[step.op]!(step, step.t * tenth);
  });

  test(`${name} does what throttled and redis-cell do, row by row [86, 89, 91]`, () => {
    const { limit, periodPerTokenMs } = throttled.params;
    const meter = make({ limit, interval: limit * periodPerTokenMs });
    for (const { nowMs, cost, remaining, resetAfterMs, retryAfterMs, limited } of throttled.cases) {
      // They say -1 for never and for now.
      const wait = meter.retryAfter(nowMs, cost);
      assert.equal(wait === Infinity || wait === 0 ? -1 : wait, retryAfterMs);
      assert.equal(meter.tryAcquire(nowMs, cost), !limited);
      assert.equal(Math.floor(meter.available(nowMs)), remaining);
      assert.equal(meter.retryAfter(nowMs, limit), resetAfterMs);
    }
  });

  test.for(governor.cases)(`${name} does what governor does at $perSecond a second [86, 90]`, (each) => {
    const meter = make({ limit: each.perSecond, interval: 1_000 });
    for (const [now, ok] of (each.checks ?? []) as [number, boolean][]) assert.equal(meter.tryAcquire(now), ok);
    for (const remaining of each.remainingBurstAfterEach ?? []) {
      assert.equal(meter.tryAcquire(0), true);
      assert.equal(meter.available(0), remaining);
    }
    if (each.thenRefused !== undefined) assert.equal(meter.tryAcquire(0), !each.thenRefused);
  });
}
