import assert from 'node:assert/strict';
import { test } from 'vitest';
import { leakyBucket } from '../../src/algorithms/leaky-bucket.ts';
import type { Meter } from '../../src/algorithms/meter.ts';
import { warmUp } from '../../src/algorithms/warm-up.ts';
import guava from '../vectors/traffic-guava-warmup-a.json' with { type: 'json' };
import uber from '../vectors/traffic-leaky-bucket-uber.json' with { type: 'json' };

/** When a caller who comes at `now` and waits for his turn gets it. */
function take(meter: Meter, now: number, cost = 1): number {
  const reservation = meter.reserve(now, cost);
  assert.ok(reservation);
  return reservation.at;
}

test.for(guava.cases)('warmUp lets wait as long as Guava does: rate $rate, cold factor $coldFactor', (each) => {
  const { rate, warmupMs, coldFactor, ops, waits } = each;
  const meter = warmUp({ limit: rate, interval: 1_000, duration: warmupMs, coldFactor });
  const waited: number[] = [];
  let now = 0;
  for (const op of ops.split(' ')) {
    const amount = Number(op.slice(1) || 1);
    if (op.startsWith('s')) now += amount;
    else if (op.startsWith('r')) meter.update(now, { limit: amount });
    else {
      const at = take(meter, now, amount);
      waited.push(Math.round((at - now) / 10) / 100);
      now = at;
    }
  }
  assert.deepEqual(waited, waits);
});

interface UberCase {
  rate?: number;
  fast?: number;
  slow?: number;
  slack?: number | string;
  slackOfFast?: number | string;
  firstThreeGapsMs?: number[];
  print10?: number[];
  takers?: number;
  countAtS?: Record<string, number>;
  countAt3s?: number;
}

test.for(uber.cases as UberCase[])('leakyBucket spaces calls out as uber-go/ratelimit does: %j', (each) => {
  const bucket = (limit = 0, slack?: number | string): Meter =>
    // Where the case is silent it is the default there, 10.
    leakyBucket({ limit, interval: 1_000, burst: 1 + (typeof slack === 'number' ? slack : 10) });
  const gaps = each.firstThreeGapsMs ?? each.print10;
  if (gaps) {
    const meter = bucket(each.rate, each.slack);
    let last = 0;
    for (const gap of gaps) {
      const at = take(meter, last);
      assert.equal(at - last, gap);
      last = at;
    }
  } else if (each.countAtS) {
    const meter = bucket(each.rate, each.slack);
    const taken: number[] = [];
    const takers = Array.from({ length: each.takers ?? 0 }, () => 0);
    while (takers.some((at) => at < 3_000)) {
      // Whoever has waited longest comes again.
      const first = takers.indexOf(Math.min(...takers));
      const at = take(meter, takers[first] as number);
      taken.push(at);
      takers[first] = at;
    }
    for (const [second, count] of Object.entries(each.countAtS))
      assert.equal(taken.filter((at) => at < 1_000 * Number(second)).length, count);
  } else {
    const slow = bucket(each.slow, 0);
    const fast = bucket(each.fast, each.slackOfFast);
    let count = 0;
    for (let now = take(slow, 0); now < 2_000; now = take(slow, now)) {
      assert.equal(take(fast, now), now);
      count++;
    }
    for (let now = take(fast, 2_000); now < 3_000; now = take(fast, now)) count++;
    assert.equal(count, each.countAt3s);
  }
});
