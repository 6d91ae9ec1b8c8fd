import assert from 'node:assert/strict';
import { test } from 'vitest';
import { bitsToDeal, dealHand } from '../../src/algorithms/shuffle-shard.ts';
import { shuffleShard } from '../../src/compositions/shuffle-shard.ts';
import { seededRandom } from '../../src/testing/seeded-random.ts';
import dealing from '../vectors/traffic-shuffle-shard-dealing-a.json' with { type: 'json' };
import isolation from '../vectors/traffic-shuffle-shard-isolation-a.json' with { type: 'json' };
import limits from '../vectors/traffic-shuffle-shard-limits.json' with { type: 'json' };

function deal(hash: bigint, queues: number, handSize: number): number[] {
  return dealHand(Number(hash >> 32n), Number(hash & 0xffff_ffffn), queues, handSize);
}

test(`deals the hands that Kubernetes deals: ${dealing.cases.length} cases`, () => {
  for (const { hash, queues, handSize, hand } of dealing.cases)
    assert.deepEqual(deal(BigInt(hash), queues, handSize), hand, hash);
});

test(`takes no hand that would be dealt unevenly: ${limits.cases.length} cases`, () => {
  for (const { deck, hand, bits, valid } of limits.cases) {
    if (bits !== undefined) assert.equal(bitsToDeal(deck, hand), bits);
    const make = () => shuffleShard({ maxConcurrent: 1, queues: deck, handSize: hand });
    if (valid) make();
    else assert.throws(make, RangeError);
  }
});

/** The rule in whole numbers of any length. */
function slowly(hash: bigint, queues: number, handSize: number): number[] {
  const left = Array.from({ length: queues }, (_, queue) => queue);
  return Array.from({ length: handSize }, () => {
    const [queue] = left.splice(Number(hash % BigInt(left.length)), 1) as [number];
    hash /= BigInt(left.length + 1);
    return queue;
  });
}

test('takes each queue from those that are left, whatever the hash', () => {
  const random = seededRandom(1);
  const word = (): bigint => BigInt(Math.floor(random() * 2 ** 32));
  const hashes = Array.from({ length: 100 }, () => (word() << 32n) | word());
  hashes.push(0n, 2n ** 64n - 1n, 2n ** 32n - 1n, 2n ** 32n);
  for (const hash of hashes) {
    for (const queues of [1, 3, 64, 1_000]) {
      const handSize = Math.min(queues, 6);
      assert.deepEqual(deal(hash, queues, handSize), slowly(hash, queues, handSize), `${hash}`);
    }
    const most = 2n ** 26n;
    const first = Number(hash % most);
    const second = Number((hash / most) % (most - 1n));
    assert.deepEqual(deal(hash, 2 ** 26, 2), [first, second < first ? second : second + 1]);
  }
});

test('deals every hand from as many hashes as any other', () => {
  for (const [queues, handSize] of [
    [40, 3],
    [20, 4],
    [9, 6],
  ] as const) {
    let orders = 1;
    let hashes = 1;
    for (let i = 0; i < handSize; i++) {
      hashes *= queues - i;
      orders *= i + 1;
    }
    const dealt = new Uint32Array(queues ** handSize);
    for (let hash = 0; hash < hashes; hash++) {
      let hand = 0;
      for (const queue of dealHand(0, hash, queues, handSize).sort((a, b) => a - b)) hand = hand * queues + queue;
      dealt[hand] = (dealt[hand] as number) + 1;
    }
    assert.ok(dealt.every((times) => times === 0 || times === orders));
    assert.equal(dealt.filter((times) => times > 0).length, hashes / orders);
  }
});

/** How likely it is that each of the queues of a flow is one of some heavy flow's, if all hands are as likely. */
function swamped(queues: number, handSize: number, heavyFlows: number): number {
  let likely = [1];
  for (let i = 0; i < heavyFlows; i++) {
    const next: number[] = [];
    for (const [taken, chance] of likely.entries()) {
      for (let more = 0; more <= Math.min(handSize, queues - taken); more++) {
        const hands = choose(queues - taken, more) * choose(taken, handSize - more);
        next[taken + more] = (next[taken + more] ?? 0) + (chance * hands) / choose(queues, handSize);
      }
    }
    likely = Array.from(next, (chance) => chance ?? 0);
  }
  return likely.reduce((sum, chance, taken) => sum + (chance * choose(taken, handSize)) / choose(queues, handSize), 0);
}

function choose(n: number, k: number): number {
  let ways = k > n ? 0 : 1;
  for (let i = 0; i < k; i++) ways = (ways * (n - i)) / (i + 1);
  return ways;
}

test(`isolates flows as published: ${isolation.cases.length} cases, and those that are not rare by dealing`, () => {
  const random = seededRandom(2);
  const word = (): number => Math.floor(random() * 2 ** 32);
  let dealt = 0;
  for (const { queues, handSize, heavyFlows, probability } of isolation.cases) {
    assert.ok(Math.abs(swamped(queues, handSize, heavyFlows) / probability - 1) < 1e-9);
    if (probability < 0.01) continue;
    dealt++;
    const trials = 2_000;
    let hits = 0;
    for (let i = 0; i < trials; i++) {
      const heavy = new Set<number>();
      for (let flow = 0; flow < heavyFlows; flow++)
        for (const queue of dealHand(word(), word(), queues, handSize)) heavy.add(queue);
      if (dealHand(word(), word(), queues, handSize).every((queue) => heavy.has(queue))) hits++;
    }
    const deviation = Math.sqrt(trials * probability * (1 - probability));
    assert.ok(Math.abs(hits - trials * probability) < 4 * deviation, `${hits} of ${trials}, ${probability}`);
  }
  assert.equal(dealt, 5);
});
