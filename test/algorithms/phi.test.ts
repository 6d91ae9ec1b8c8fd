import assert from 'node:assert/strict';
import { test } from 'vitest';
import { byPause, fixedTimeout, fleet, judge, setting } from '../../bench/simulation/suspicion.ts';
import { type PhiAccrualOptions, phiAccrual, suspicion } from '../../src/algorithms/phi.ts';
import { seededRandom } from '../../src/testing/seeded-random.ts';

test('suspects nobody it has never heard of', () => {
  const monitor = phiAccrual();
  assert.equal(monitor.phi(1e9), 0);
  assert.equal(monitor.available(1e9), true);
});

test('suspects more and more, never infinitely, and never less than nothing', () => {
  const monitor = phiAccrual();
  for (let now = 0; now <= 20_000; now += 1_000) monitor.heartbeat(now);
  let before = 0;
  for (let now = 20_000; now < 1e15; now = now * 1.5 + 1) {
    const phi = phiAccrual();
    phi.heartbeat(0);
    const value = phi.phi(now);
    assert.ok(value >= before && value < Infinity, `${value} at ${now}`);
    before = value;
  }
  assert.ok(suspicion(0, 1e6, 1) >= 0);
  assert.ok(suspicion(1e300, 0, 1e-300) < Infinity);
  // No step where it goes over to what is beyond all numbers.
  const steps = [30 - 1e-9, 30 + 1e-9].map((y) => Math.cbrt(y / 0.070566) * 0.9);
  assert.ok(Math.abs(suspicion(steps[0] as number, 0, 1) - suspicion(steps[1] as number, 0, 1)) < 1e-6);
});

test('is patient with who beats slowly, or when he likes, and not with who beats like a clock', () => {
  const patience = (interval: number, spread: number): number => {
    const random = seededRandom(1);
    const monitor = phiAccrual();
    let now = 0;
    for (let i = 0; i < 1_000; i++) {
      monitor.heartbeat(now);
      now += interval * (1 + spread * (2 * random() - 1));
    }
    monitor.heartbeat(now);
    for (let waited = 0; ; waited += 10) if (!monitor.available(now + waited)) return waited / interval;
  };
  assert.ok(patience(1_000, 0) < 1.7);
  assert.ok(patience(1_000, 0.5) > 2);
  assert.ok(patience(5_000, 0) < 1.2);
  assert.ok(patience(5_000, 0.5) > 2);
});

test('gets used to a sender that has become slower, and to no outage', () => {
  const monitor = phiAccrual({ maxSamples: 50 });
  let now = 0;
  for (let i = 0; i < 100; i++) monitor.heartbeat((now += 1_000));
  let suspected = 0;
  for (let i = 0; i < 100; i++) {
    now += 3_000;
    if (!monitor.available(now)) suspected++;
    monitor.heartbeat(now);
  }
  assert.ok(suspected > 0 && suspected < 10, `${suspected}`);
  now += 86_400_000;
  monitor.heartbeat(now);
  assert.equal(monitor.available(now + 15_000), false);
});

/** A sender that beats every second, and a process that looks every 100 ms, but for a pause of so long. */
function looking(pause: number, heartbeatFirst: boolean) {
  const monitor = phiAccrual();
  let suspected = 0;
  const look = (now: number): void => {
    if (!monitor.available(now)) suspected++;
  };
  let now = 0;
  for (; now < 60_000; now += 100) {
    if (now % 1_000 === 0) monitor.heartbeat(now);
    look(now);
  }
  now += pause;
  if (heartbeatFirst) monitor.heartbeat(now);
  look(now);
  if (!heartbeatFirst) monitor.heartbeat(now);
  for (const end = now + 10_000; now < end; now += 100) {
    if (now % 1_000 === 0) monitor.heartbeat(now);
    look(now);
  }
  return { monitor, now, suspected };
}

test('forgives a pause of its own process, whoever comes first after it', () => {
  for (const pause of [5_000, 60_000]) {
    for (const first of [true, false]) {
      const { monitor, now, suspected } = looking(pause, first);
      assert.equal(suspected, 0);
      // And it is not less strict after it.
      for (let waited = 0; waited < 2_500; waited += 100) monitor.available(now + waited);
      assert.equal(monitor.available(now + 2_500), false);
    }
  }
});

test('a clock that steps back puts suspicion off by no more than it would take anyway, and leaves no false interval', () => {
  const beating = (steps: boolean) => {
    const monitor = phiAccrual();
    for (let now = 0; now <= 60_000; now += 1_000) monitor.heartbeat(now);
    let at = 60_000;
    if (steps) monitor.phi((at = 5_000));
    return { monitor, at };
  };
  for (const steps of [false, true]) {
    const { monitor, at } = beating(steps);
    assert.equal(monitor.available(at), true);
    assert.equal(monitor.available(at + 2_000), false);
  }
  const { monitor, at } = beating(false);
  monitor.heartbeat(at - 50_000);
  const other = beating(false).monitor;
  assert.equal(monitor.phi(at - 50_000 + 1_300), other.phi(at + 1_300));
});

test('takes a slower pace of looking for what it is', () => {
  const { monitor, now } = looking(0, true);
  let at = now;
  for (let i = 0; i < 30; i++) {
    at += 1_000;
    monitor.available(at);
  }
  assert.equal(monitor.available(at), false);
});

test('refuses options of a monitor that make no sense [7]', () => {
  for (const options of [
    { threshold: 0 },
    { threshold: Infinity },
    { maxSamples: 0 },
    { minDeviation: 0 },
    { acceptablePause: -1 },
    { firstInterval: NaN },
  ]) {
    assert.throws(() => phiAccrual(options), { name: 'RangeError', message: /^phiAccrual: / });
  }
  assert.throws(() => phiAccrual({ pause: 1 } as PhiAccrualOptions), TypeError);
});

test('over a fleet, at equal mean detection time, a tenth of the false suspicions of any one timeout, or fewer', () => {
  for (let seed = 1; seed <= 2; seed++) {
    const senders = fleet({ seed, senders: 24, beats: 1_200 });
    const own = judge(senders, () => phiAccrual(setting));
    // A fixed timeout takes as long for everybody: that long is what it may be.
    const fixed = judge(senders, () => fixedTimeout(own.detection));
    const what = `seed ${seed}: ${own.wrong} wrong against ${fixed.wrong} of ${own.beats} at ${own.detection} ms`;
    assert.ok(own.wrong <= fixed.wrong / 10, what);
    assert.ok(fixed.wrong > 1_000 && fixed.detection >= own.detection, what);
  }
});

test('over a fleet, suspects nobody because it paused for 5 s itself', () => {
  const senders = fleet({ seed: 1, senders: 24, beats: 1_200 });
  assert.equal(
    byPause(senders, () => phiAccrual(setting)),
    0,
  );
  assert.ok(byPause(senders, () => fixedTimeout(2_500)) > 12);
});
