import assert from 'node:assert/strict';
import { test } from 'vitest';
import { aimd } from '../../src/algorithms/aimd.ts';
import { gradient } from '../../src/algorithms/gradient.ts';
import { vegas } from '../../src/algorithms/vegas.ts';
import ofAimd from '../vectors/traffic-limit-aimd.json' with { type: 'json' };
import ofGradient from '../vectors/traffic-limit-gradient2-a.json' with { type: 'json' };
import ofVegas from '../vectors/traffic-limit-vegas-a.json' with { type: 'json' };

/** Each rule as Netflix has it: a step after every call, and by what is seen under load. */
const plain = { rounds: false, headroom: Infinity } as const;

test("aimd's plain rule gives Netflix's limits", () => {
  let driven = 0;
  for (const { initial, inflight, drop, limit, max } of ofAimd.cases) {
    const rule = aimd({ ...plain, initial, max });
    if (drop !== undefined) assert.equal(rule.sample(10, inflight ?? 0, drop), limit);
    assert.equal(rule.limit, limit);
    driven++;
  }
  assert.equal(driven, 4);
});

test("vegas' plain rule gives Netflix's limits", () => {
  const decreases: Record<string, (limit: number) => number> = { halve: (limit) => limit / 2 };
  let driven = 0;
  for (const { name, alpha, beta, smoothing, initial, max, decrease = '', steps } of ofVegas.cases) {
    const rule = vegas({
      ...plain,
      remeasure: Infinity,
      alpha: alpha === undefined ? undefined : () => alpha,
      beta: beta === undefined ? undefined : () => beta,
      decrease: decreases[decrease],
      smoothing,
      initial,
      max,
    });
    assert.equal(decrease === '', decreases[decrease] === undefined, name);
    for (const [rtt, inFlight, limit] of steps as [number, number, number][]) {
      assert.equal(rule.sample(rtt, inFlight, false), limit, name);
      driven++;
    }
  }
  assert.equal(driven, 7);
});

test("gradient's plain rule gives the limits that follow from Netflix's", () => {
  const { min, max, smoothing, queue, tolerance } = ofGradient.params;
  let driven = 0;
  for (const { name, initial, rttMs, inflight, limits } of ofGradient.cases) {
    const rule = gradient({
      ...plain,
      remeasure: Infinity,
      initial,
      min,
      max,
      smoothing,
      tolerance,
      queue: () => queue,
    });
    assert.deepEqual(
      rttMs.map((rtt) => rule.sample(rtt, inflight, false)),
      limits,
      name,
    );
    driven += limits.length;
  }
  assert.equal(driven, 400);
});
