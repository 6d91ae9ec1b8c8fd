import assert from 'node:assert/strict';
import { test } from 'vitest';
import { ewma } from '../../src/algorithms/ewma.ts';
import { outlierThreshold } from '../../src/algorithms/outlier.ts';
import { phiAccrual, Samples, suspicion } from '../../src/algorithms/phi.ts';
import { powerOfTwoChoices } from '../../src/algorithms/pick.ts';
import { SmoothTurns } from '../../src/algorithms/pick-weighted.ts';
import { RiseFall } from '../../src/algorithms/rise-fall.ts';
import { slowStartShare } from '../../src/algorithms/slow-start.ts';
import ofEwma from '../vectors/traffic-ewma-peak-derived-a.json' with { type: 'json' };
import ofRiseFall from '../vectors/traffic-health-rise-fall-a.json' with { type: 'json' };
import ofChoices from '../vectors/traffic-least-request-p2c-envoy.json' with { type: 'json' };
import ofOutliers from '../vectors/traffic-outlier-success-rate.json' with { type: 'json' };
import ofPhi from '../vectors/traffic-phi-accrual-a.json' with { type: 'json' };
import ofHistory from '../vectors/traffic-phi-accrual-history-a.json' with { type: 'json' };
import ofSlowStart from '../vectors/traffic-slow-start-envoy-a.json' with { type: 'json' };
import ofTurns from '../vectors/traffic-swrr-nginx.json' with { type: 'json' };
import { endpoints } from './endpoints.ts';

test("smooth turns are nginx's, and so is what each endpoint has saved up", () => {
  const { weights, sequence } = ofTurns.params;
  const all = endpoints(weights.length, (i) => ({ weight: weights[i] as number }));
  const turns = new SmoothTurns();
  const current = () => all.map((endpoint) => turns.current(endpoint));
  let picked = '';
  for (const { before, pick, after } of ofTurns.cases) {
    assert.deepEqual(
      current().map((saved, i) => saved + (weights[i] as number)),
      before,
    );
    const next = turns.next(all);
    assert.equal(all.indexOf(next), pick);
    assert.deepEqual(current(), after);
    picked += ` ${'abc'[pick]}`;
  }
  assert.equal(picked.trim(), sequence);
  assert.equal(ofTurns.cases.length, 7);
});

test('of two choices the one with fewer calls is taken, the first on a tie, as in Envoy', () => {
  const picker = powerOfTwoChoices();
  for (const { active, randoms, pick } of ofChoices.cases) {
    const all = endpoints(active.length, (i) => ({ pending: active[i] as number }));
    // Envoy takes a whole number modulo the number of hosts, here it is a share of them.
    const shares = randoms.map((random) => (random % active.length) / active.length);
    const call = { now: 0, random: () => shares.shift() as number, tried: new Set<string>() };
    assert.equal(all.indexOf(picker.pick(all, call)), pick);
  }
  assert.equal(ofChoices.cases.length, 2);
});

test("a peak-sensitive average has Finagle's costs", () => {
  const cost = ewma({ decay: 10_000 });
  for (const [now, sample, after] of ofEwma.cases as [number, number, number][]) {
    assert.ok(Math.abs(cost.update(now, sample) - after) < 1e-6, `at ${now}`);
    assert.equal(cost.value(now).toFixed(6), after.toFixed(6));
  }
  assert.equal(ofEwma.cases.length, 60);
});

test("a slow start grows as Envoy's", () => {
  for (const { windowS, elapsedS, aggression, minWeightPct, factor } of ofSlowStart.cases) {
    const share = slowStartShare(elapsedS * 1_000, windowS * 1_000, aggression, minWeightPct / 100);
    assert.ok(Math.abs(share - factor) < 1e-9, `${share} for ${factor}`);
  }
  assert.equal(ofSlowStart.cases.length, 18);
});

test("an outlier is where Envoy's is", () => {
  for (const { successRates, factor, threshold } of ofOutliers.cases) {
    assert.ok(Math.abs(outlierThreshold(successRates, factor) - threshold) < 1e-9);
  }
  assert.equal(ofOutliers.cases.length, 1);
});

test("checks take down and bring up as HAProxy's", () => {
  for (const { rise, fall, checks, state } of ofRiseFall.cases) {
    const target = new RiseFall(rise, fall);
    const states = [...checks].map((check) => (target.check(check === '+') ? 'U' : 'D'));
    assert.equal(states.join(''), state);
  }
  assert.equal(ofRiseFall.cases.length, 4);
});

test("suspicion is Akka's", () => {
  for (const { elapsed, mean, sd, phi, cdf, tol } of ofPhi.cases) {
    const got = suspicion(elapsed, mean, sd);
    if (phi !== undefined) assert.ok(Math.abs(got - phi) <= tol, `${got} for ${phi}`);
    // Phi is minus the decimal logarithm of what is above the cumulative distribution.
    else assert.ok(Math.abs(1 - 10 ** -got - (cdf as number)) <= tol, `${got} for ${cdf}`);
  }
  assert.equal(ofPhi.cases.length, 10);
});

test("samples and scripts of heartbeats give what Akka's do", () => {
  let driven = 0;
  for (const { samples, max = 1_000, mean, variance, ...script } of ofHistory.cases) {
    if (samples !== undefined) {
      const kept = new Samples(max);
      // A window that is capped forgets what was before.
      for (const sample of max < 1_000 ? [9_999, ...samples] : samples) kept.add(sample);
      if (mean !== undefined) assert.ok(Math.abs(kept.mean - mean) < 1e-6);
      assert.ok(Math.abs(kept.variance - (variance as number)) < 1e-6);
    } else {
      const monitor = phiAccrual({ threshold: script.threshold, acceptablePause: script.acceptablePauseMs });
      let now = 1_000_000;
      script.intervalsMs?.forEach((interval, i) => {
        now += interval;
        const [what, expected] = String(script.calls?.[i]).split(' ');
        if (what === 'hb') monitor.heartbeat(now);
        else assert.equal(String(monitor.available(now)), expected);
      });
    }
    driven++;
  }
  assert.equal(driven, 5);
});
