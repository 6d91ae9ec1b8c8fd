import assert from 'node:assert/strict';
import { test } from 'vitest';
import { aimd } from '../../src/algorithms/aimd.ts';
import { gradient } from '../../src/algorithms/gradient.ts';
import type { Limit } from '../../src/algorithms/limit.ts';
import { vegas } from '../../src/algorithms/vegas.ts';

const makers = { aimd, vegas, gradient };
const random = (): number => 0;

/** So many calls alike. */
function feed(limit: Limit, calls: number, rtt: number, inFlight: number, dropped = false): number {
  for (let i = 0; i < calls; i++) limit.sample(rtt, inFlight, dropped);
  return limit.limit;
}

/** A service with so many places, which makes calls wait beyond them: each call that ends sees the limit in use. */
function saturate(limit: Limit, calls: number, places: number, time: number): number[] {
  const limits: number[] = [];
  for (let i = 0; i < calls; i++)
    limits.push(limit.sample(time * Math.max(1, limit.limit / places), limit.limit, false));
  return limits;
}

test('a limit begins at 20, or at what of its bounds is nearest', () => {
  for (const make of Object.values(makers)) {
    assert.equal(make().limit, 20);
    assert.equal(make({ max: 7 }).limit, 7);
    assert.equal(make({ min: 30 }).limit, 30);
    assert.equal(make({ initial: 5, min: 5, max: 5 }).limit, 5);
  }
});

test('options out of range or unknown are refused at construction, by name', () => {
  const wrong: [object, RegExp][] = [
    [{ initial: 0 }, /initial must be a positive integer/],
    [{ min: 0 }, /min must be/],
    [{ max: Number.NaN }, /max must be/],
    [{ max: Infinity }, /max must be/],
    [{ max: 1.5 }, /max must be/],
    [{ min: 30, max: 20 }, /min must be at most max, 20, got 30/],
    [{ initial: 9, min: 10 }, /initial must be a number from 10 to/],
    [{ initial: 300, max: 299 }, /initial must be a number from 1 to 299/],
    [{ headroom: 0.5 }, /headroom must be/],
    [{ rounds: 1 }, /rounds must be a boolean/],
    [{ limits: 1 }, /unknown option "limits"/],
  ];
  for (const [name, make] of Object.entries(makers)) {
    for (const [options, message] of wrong) {
      assert.throws(
        () => make(options),
        (error: Error) => error.message.startsWith(`${name}: `) && message.test(error.message),
        `${name} ${message}`,
      );
    }
  }
  for (const options of [{ remeasure: 0 }, { random: 1 }, { smoothing: 0 }, { smoothing: 1.1 }]) {
    assert.throws(() => vegas(options as object), /^(Range|Type)Error: vegas: /);
    assert.throws(() => gradient(options as object), /^(Range|Type)Error: gradient: /);
  }
  assert.throws(() => aimd({ backoff: 1.1 }), /aimd: backoff/);
  assert.throws(() => aimd({ timeout: 0 }), /aimd: timeout/);
  assert.throws(() => vegas({ alpha: 3 } as object), /vegas: alpha must be a function/);
  assert.throws(() => gradient({ tolerance: 0.9 }), /gradient: tolerance/);
});

test('a sample that is no time, or no number of calls, is refused, and changes nothing', () => {
  for (const make of Object.values(makers)) {
    const limit = make();
    for (const bad of [Number.NaN, -1, Infinity, -Infinity]) {
      assert.throws(() => limit.sample(bad, 1, false), RangeError);
      assert.throws(() => limit.sample(1, bad, false), RangeError);
    }
    assert.equal(limit.limit, 20);
  }
});

test('a function of a rule that gives NaN is reported, and the limit stays', () => {
  const limit = gradient({ queue: () => Number.NaN });
  assert.throws(() => feed(limit, 100, 10, 20), /cannot become NaN/);
  assert.equal(limit.limit, 20);
});

test('aimd adds one a round while half of it is in use, and not below', () => {
  const limit = aimd();
  assert.equal(feed(limit, 20, 10, 10), 21);
  assert.equal(feed(limit, 10, 10, 10), 21);
  assert.equal(feed(limit, 11, 10, 11), 22);
});

test('aimd is cut once for a round, however much of it is dropped', () => {
  const limit = aimd();
  assert.equal(feed(limit, 20, 10, 20, true), 18);
  const plain = aimd({ rounds: false });
  assert.ok(feed(plain, 20, 10, 20, true) < 5);
});

test('aimd is cut in part where a part of a round is dropped, and whole from three in ten on', () => {
  const after = (drops: number): number => {
    const limit = aimd({ initial: 100 });
    feed(limit, drops, 10, 100, true);
    return feed(limit, 100 - drops, 10, 100);
  };
  assert.deepEqual([0, 3, 15, 29, 30, 31, 100].map(after), [101, 99, 95, 90, 90, 90, 90]);
});

test('aimd takes a call above its timeout for dropped', () => {
  assert.equal(feed(aimd({ timeout: 100 }), 20, 100, 20), 21);
  assert.equal(feed(aimd({ timeout: 100 }), 20, 100.1, 20), 18);
});

test('vegas and gradient measure without load at once when they begin under load, then at the latest after `remeasure` rounds', () => {
  for (const make of [vegas, gradient]) {
    const limits = saturate(make({ random }), 2_000, 10, 10);
    const low = (i: number) => (limits[i] as number) <= 0.6 * Math.max(...limits.slice(Math.max(0, i - 60), i));
    assert.equal(limits[19], 10, 'half of 20, after the first round');
    const begins = limits.flatMap((_, i) => (i > 60 && low(i) && !low(i - 1) ? [i] : []));
    assert.ok(begins.length >= 3, `measured ${begins.length} times`);
    for (const [i, at] of begins.entries()) if (i > 0) assert.ok(at - (begins[i - 1] as number) < 30 * 20 + 60);
    const never = saturate(make({ random, remeasure: Infinity }), 2_000, 10, 10);
    assert.ok(Math.min(...never) > 10);
  }
});

test('measurements are spread by chance, and the same chance gives the same limits', () => {
  for (const make of [vegas, gradient]) {
    const early = saturate(make({ random: () => 0 }), 2_000, 10, 10);
    const late = saturate(make({ random: () => 0.999 }), 2_000, 10, 10);
    assert.deepEqual(saturate(make({ random: () => 0 }), 2_000, 10, 10), early);
    assert.notDeepEqual(early, late);
  }
});

test('vegas and gradient come to rest a few calls above the places there are, from far above and below', () => {
  for (const make of [vegas, gradient]) {
    for (const initial of [1, 20, 200]) {
      for (const places of [4, 10, 100]) {
        const limits = saturate(make({ random, initial }), 100_000, places, 10).slice(-5_000);
        const usual = [...limits].sort((a, b) => a - b)[2_500] as number;
        assert.ok(usual >= places && usual <= 1.4 * places + 7, `${usual} for ${places}, from ${initial}`);
      }
    }
  }
});

test('under lasting load they do not drift, and without the measurements they do', () => {
  for (const make of [vegas, gradient]) {
    const half = (limits: number[]) => limits.reduce((sum, limit) => sum + limit, 0) / limits.length;
    const limits = saturate(make({ random }), 200_000, 10, 10);
    const [early, late] = [half(limits.slice(50_000, 100_000)), half(limits.slice(150_000))];
    assert.ok(Math.abs(late / early - 1) < 0.02, `${early} became ${late}`);
  }
  const plain = gradient({ remeasure: Infinity, rounds: false, tolerance: 1.5, queue: () => 4 });
  assert.equal(saturate(plain, 200_000, 10, 10).at(-1), 1_000);
});

test('when calls take longer for another reason than load, the limit comes back', () => {
  for (const make of [vegas, gradient]) {
    const limit = make({ random });
    const before = saturate(limit, 20_000, 50, 10).at(-1) as number;
    const after = saturate(limit, 20_000, 50, 40);
    assert.ok(Math.max(...after.slice(-2_000)) > before * 0.9);
  }
});

test('calls that are dropped lower it as slowness does, and those there are without load as well do not', () => {
  for (const make of [vegas, gradient]) {
    const limit = make({ random });
    const before = saturate(limit, 5_000, 10, 10).slice(-500);
    for (let i = 0; i < 1_000; i++) limit.sample(1, limit.limit, true);
    assert.ok(limit.limit <= 5, `${limit.limit} after drops alone`);

    const usual = make({ random });
    let last = 0;
    for (let i = 0; i < 5_000; i++) last = usual.sample(10 * Math.max(1, usual.limit / 10), usual.limit, i % 5 === 0);
    assert.ok(last >= 10 || Math.max(...before) / 2 <= last, `${last} with a fifth dropped all the time`);
  }
});

test('the limit stays within `headroom` times what is in flight, though not below where it began', () => {
  for (const make of Object.values(makers)) {
    const limit = make({ initial: 10, headroom: 3 });
    for (let i = 0; i < 3_000; i++) limit.sample(10, limit.limit, false);
    assert.ok(limit.limit > 30);
    assert.ok(feed(limit, 4_000, 10, 8) <= 24);
    assert.equal(feed(limit, 100, 10, 1), 10);
    const free = make({ initial: 10, headroom: Infinity });
    for (let i = 0; i < 3_000; i++) free.sample(10, free.limit, false);
    const high = free.limit;
    assert.ok(feed(free, 4_000, 10, 1) >= high);
  }
});

test('one call that hangs for a while does not outweigh a round', () => {
  for (const make of [vegas, gradient]) {
    const limit = make({ random });
    feed(limit, 400, 10, 10);
    const before = limit.limit;
    limit.sample(60_000, 20, false);
    assert.ok(feed(limit, 19, 10, 20) >= before - 3);
  }
});

test('calls that take no time at all leave it whole', () => {
  for (const limit of [aimd(), vegas({ random }), gradient({ random })]) assert.ok(feed(limit, 10_000, 0, 20) >= 20);
});
