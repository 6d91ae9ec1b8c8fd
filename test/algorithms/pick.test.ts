import assert from 'node:assert/strict';
import { test } from 'vitest';
import { leastConnections, powerOfTwoChoices, roundRobin, uniformRandom } from '../../src/algorithms/pick.ts';
import { consistentHash } from '../../src/algorithms/pick-hash.ts';
import { leastLoaded, peakEwma } from '../../src/algorithms/pick-latency.ts';
import { weightedRoundRobin } from '../../src/algorithms/pick-weighted.ts';
import { subset } from '../../src/algorithms/subset.ts';
import type { Picker } from '../../src/core/router.ts';
import { seededRandom } from '../../src/testing/seeded-random.ts';
import { endpoints, type MutableEndpoint } from './endpoints.ts';

const tried: ReadonlySet<string> = new Set();

/** How often each is picked; `keep` leaves the calls in flight. */
function counts(picker: Picker, all: MutableEndpoint[], picks: number, keep = false, now = 0): number[] {
  const random = seededRandom(1);
  const got = all.map(() => 0);
  for (let i = 0; i < picks; i++) {
    const at = all.indexOf(picker.pick(all, { now, random, tried }) as MutableEndpoint);
    got[at] = (got[at] as number) + 1;
    if (keep) (all[at] as MutableEndpoint).pending++;
  }
  return got;
}

function near(got: number[], expected: number[], within: number): void {
  for (const [i, count] of got.entries())
    assert.ok(Math.abs(count - (expected[i] as number)) <= within, `${got} for ${expected}`);
}

test('every picker picks the only one there is', () => {
  for (const make of [
    uniformRandom,
    roundRobin,
    weightedRoundRobin,
    leastConnections,
    powerOfTwoChoices,
    peakEwma,
    leastLoaded,
    consistentHash,
  ]) {
    assert.deepEqual(counts(make(), endpoints(1), 3), [3]);
  }
});

test('at random each is as likely, whatever its weight', () => {
  near(
    counts(
      uniformRandom(),
      endpoints(4, (i) => ({ weight: i + 1 })),
      8_000,
    ),
    [2_000, 2_000, 2_000, 2_000],
    120,
  );
});

test('round robin goes on behind the last one, also where targets come and go', () => {
  const [a, b, c, d] = endpoints(4) as [MutableEndpoint, MutableEndpoint, MutableEndpoint, MutableEndpoint];
  const picker = roundRobin();
  const pick = (...eligible: MutableEndpoint[]) => picker.pick(eligible, { now: 0, random: () => 0, tried });
  assert.deepEqual([pick(a, b, c), pick(a, b, c)], [a, b]);
  assert.equal(pick(a, b, d, c), d);
  assert.equal(pick(a, b, c), c);
  assert.equal(pick(a, b), a);
  assert.equal(pick(b, c), b);
  // Nor is anybody passed over where the eligible are now these, now those.
  assert.deepEqual([pick(a, b), pick(c, d), pick(a, b), pick(c, d), pick(a, b), pick(c, d)], [a, d, b, c, a, d]);
});

test('weighted turns are as many as the weights say, and come back to where they began', () => {
  const weights = [3, 1, 7, 2];
  const picker = weightedRoundRobin();
  const all = endpoints(4, (i) => ({ weight: weights[i] as number }));
  for (let round = 0; round < 5; round++) assert.deepEqual(counts(picker, all, 13), weights);
});

test('fewest connections share the calls in flight by weight, and ties by chance', () => {
  const all = endpoints(3, (i) => ({ weight: [1, 2, 5][i] as number }));
  assert.deepEqual(counts(leastConnections(), all, 80, true), [10, 20, 50]);
  near(counts(leastConnections(), endpoints(3), 9_000), [3_000, 3_000, 3_000], 150);
});

test('two choices never take the most loaded, and find the least loaded in two of three picks of three', () => {
  const all = endpoints(3, (i) => ({ pending: i }));
  near(counts(powerOfTwoChoices(), all, 9_000), [6_000, 3_000, 0], 150);
});

test('two choices leave the most loaded far behind chance', () => {
  const two = endpoints(1_000);
  counts(powerOfTwoChoices(), two, 10_000, true);
  const one = counts(uniformRandom(), endpoints(1_000), 10_000);
  assert.ok(Math.max(...two.map(({ pending }) => pending)) <= 13);
  assert.ok(Math.max(...one) >= 20);
});

test('peak EWMA leaves who was slow or has failed, until that is forgotten, and sends the unknown one call', () => {
  const picker = peakEwma();
  const all = endpoints(2) as [MutableEndpoint, MutableEndpoint];
  const [slow, quick] = all;
  picker.settled?.(quick, 'success', 10, 0);
  assert.deepEqual(counts(picker, all, 10), [10, 0]);
  slow.pending = 1;
  assert.deepEqual(counts(picker, all, 10), [0, 10]);
  slow.pending = 0;
  picker.settled?.(slow, 'success', 100, 0);
  assert.deepEqual(counts(picker, all, 10), [0, 10]);
  picker.settled?.(quick, 'failure', 1, 0);
  assert.deepEqual(counts(picker, all, 10), [10, 0]);
  picker.settled?.(quick, 'success', 10, 60_000);
  assert.deepEqual(counts(picker, all, 10, false, 60_000), [10, 0]);
  picker.settled?.(quick, 'ignore', 5, 60_000);
  picker.settled?.(quick, 'ignore', 500, 60_000);
  picker.settled?.(slow, 'success', 400, 60_000);
  assert.deepEqual(counts(picker, all, 10, false, 60_000), [10, 0]);
});

test('the least loaded is as with fewest connections while all are about as quick', () => {
  const all = endpoints(3, (i) => ({ weight: [1, 2, 5][i] as number }));
  const picker = leastLoaded();
  all.forEach((endpoint, i) => {
    picker.settled?.(endpoint, 'success', 10 + i, 0);
  });
  assert.deepEqual(counts(picker, all, 80, true), [10, 20, 50]);
});

test('calls at one that is much slower, or fails, count more to the least loaded', () => {
  for (const verdict of ['success', 'failure'] as const) {
    const all = endpoints(10) as [MutableEndpoint, ...MutableEndpoint[]];
    const picker = leastLoaded({ penalty: 600 });
    for (const endpoint of all) picker.settled?.(endpoint, 'success', 10, 0);
    picker.settled?.(all[0], verdict, verdict === 'failure' ? 1 : 600, 0);
    const [first, ...others] = counts(picker, all, 200, true);
    assert.equal(first, 0);
    near(others, Array(9).fill(22), 1);
    for (const endpoint of all) endpoint.pending = 0;
    // Forgotten after a while, it gets its share.
    for (const endpoint of all.slice(1)) picker.settled?.(endpoint, 'success', 10, 60_000);
    near(counts(picker, all, 200, true, 60_000), Array(10).fill(20), 1);
  }
});

test('who has failed is left alone until its penalty has decayed to what others take, the longer the quicker they are', () => {
  for (const [usual, inFlight, penalty] of [
    [1, 0, 1_000],
    [1, 10, 1_000],
    [10, 0, 1_000],
    [100, 0, 1_000],
    [1, 0, 100],
  ] as const) {
    const all = endpoints(50, (i) => ({ pending: i === 0 ? 0 : inFlight })) as [MutableEndpoint, ...MutableEndpoint[]];
    const [ill, ...others] = all;
    const picker = leastLoaded({ penalty });
    const random = seededRandom(1);
    picker.settled?.(ill, 'failure', 5, 0);
    let now = 0;
    for (let alone = true; alone; now += 100) {
      for (const endpoint of others) picker.settled?.(endpoint, 'success', usual, now);
      for (let i = 0; i < 200 && alone; i++) alone = picker.pick(all, { now, random, tried }) !== ill;
    }
    const expected = 10_000 * Math.log(penalty / (1.5 * usual * (inFlight + 1)));
    assert.ok(Math.abs(now - expected) < 500, `${now} for ${expected}`);
  }
});

test('of very many the least loaded of some is taken, and all of them get calls', () => {
  const all = endpoints(1_000);
  counts(leastLoaded(), all, 10_000, true);
  for (const { pending } of all) assert.ok(pending >= 5 && pending <= 15, `${pending}`);
});

test('calls about one key go to one target, those of an ill one to the next, and nobody else moves', () => {
  const picker = consistentHash();
  const all = endpoints(10);
  const pick = (key: string, eligible: MutableEndpoint[], by = picker) =>
    by.pick(eligible, { key, now: 0, random: () => 0, tried });
  const keys = Array.from({ length: 1_000 }, (_, i) => `key ${i}`);
  const owners = keys.map((key) => pick(key, all));
  assert.equal(new Set(owners).size, 10);
  for (const ill of [[3], [3, 4], [0, 1, 2, 3, 4, 5, 6, 7]]) {
    const well = all.filter((_, i) => !ill.includes(i));
    const fresh = consistentHash();
    keys.forEach((key, i) => {
      const owner = owners[i] as MutableEndpoint;
      const now = pick(key, well);
      if (well.includes(owner)) assert.equal(now, owner);
      // As if they had never been there.
      assert.equal(now, pick(key, well, fresh));
    });
  }
  for (const [i, key] of keys.entries()) assert.equal(pick(key, all), owners[i]);
});

test('keys are shared by weight, and a call without a key goes anywhere', () => {
  const picker = consistentHash();
  const all = endpoints(2, (i) => ({ target: { name: `t${i}`, weight: 1 + 2 * i } }));
  const got = [0, 0];
  for (let i = 0; i < 2_000; i++) {
    const at = all.indexOf(picker.pick(all, { key: `${i}`, now: 0, random: () => 0, tried }) as MutableEndpoint);
    got[at] = (got[at] as number) + 1;
  }
  near(got, [500, 1_500], 200);
  near(counts(picker, all, 2_000), [1_000, 1_000], 100);
});

test('a target with another weight than before has another share of the keys, and one too heavy is refused', () => {
  const picker = consistentHash();
  const pick = (key: string, ...weights: number[]): string => {
    const all = endpoints(weights.length, (i) => ({ target: { name: `t${i}`, weight: weights[i] as number } }));
    return picker.pick(all, { key, now: 0, random: () => 0, tried }).target.name;
  };
  const keys = Array.from({ length: 1_000 }, (_, i) => `key ${i}`);
  const shareOf = (...weights: number[]) => keys.filter((key) => pick(key, ...weights) === 't0').length;
  near([shareOf(1, 1), shareOf(9, 1), shareOf(1, 9), shareOf(1, 1)], [500, 900, 100, 500], 60);
  for (const [i, weights] of [
    [1, 820],
    [820, 1],
    [1, 1, 820],
  ].entries()) {
    for (let again = 0; again < 2; again++)
      assert.throws(
        () => pick(`${i}`, ...weights),
        /consistentHash: weight must be a number above 0, up to 819, got 820/,
      );
  }
  assert.equal(pick('key', 0.1, 819), 't1');
});

test('an option of a picker that makes no sense is refused [7]', () => {
  for (const make of [peakEwma, leastLoaded]) {
    assert.throws(() => make({ decay: 0 }), RangeError);
    assert.throws(() => make({ penalty: -1 }), RangeError);
    assert.throws(() => make({ tau: 1 } as object), TypeError);
  }
});

test('each client of a round gets targets of its own, so that each target has as many clients', () => {
  const targets = Array.from({ length: 300 }, (_, i) => i);
  const clients = new Map<number, number>();
  for (let client = 0; client < 300; client++) {
    const own = subset(targets, { client, size: 30 });
    assert.deepEqual(own, subset(targets, { client, size: 30 }));
    assert.equal(new Set(own).size, 30);
    for (const target of own) clients.set(target, (clients.get(target) ?? 0) + 1);
  }
  assert.equal(clients.size, 300);
  for (const count of clients.values()) assert.equal(count, 30);
});

test('a subset of no fewer than all is all of them, and one that divides badly leaves out others each round', () => {
  assert.deepEqual(subset(['a', 'b'], { client: 7, size: 2 }), ['a', 'b']);
  assert.deepEqual(subset([], { client: 0, size: 5 }), []);
  const left = new Set<number>();
  for (let client = 0; client < 90; client += 3) {
    const got = [0, 1, 2].flatMap((i) => subset([...Array(10).keys()], { client: client + i, size: 3 }));
    assert.equal(new Set(got).size, 9);
    for (let target = 0; target < 10; target++) if (!got.includes(target)) left.add(target);
  }
  assert.ok(left.size > 7);
  assert.throws(() => subset([1], { client: -1, size: 1 }), RangeError);
  assert.throws(
    () => subset(new Set([1, 2]) as unknown as number[], { client: 0, size: 1 }),
    /targets must be an array/,
  );
  assert.throws(() => subset([1], { client: 0, size: 0 }), RangeError);
});
