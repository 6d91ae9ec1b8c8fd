import assert from 'node:assert/strict';
import { test } from 'vitest';
import { boundedLoads } from '../../src/algorithms/bounded-loads.ts';
import { HashRing } from '../../src/algorithms/hash-ring.ts';
import { jumpHash } from '../../src/algorithms/jump-hash.ts';
import { MaglevTable } from '../../src/algorithms/maglev-table.ts';
import { moved, moves } from '../../src/algorithms/moves.ts';
import type { Placement } from '../../src/algorithms/placement.ts';
import { RendezvousHash } from '../../src/algorithms/rendezvous-hash.ts';

// Names and keys are given, and so is every figure: nothing here is left to chance.
const fleet = (count: number): string[] => Array.from({ length: count }, (_, i) => `10.0.0.${i}:8080`);
const keys = Array.from({ length: 200_000 }, (_, i) => `key-${i}`);

/** The share of each node in the whole ring, counted point by point: as with keys without end. */
function shares(ring: HashRing): Map<string, number> {
  const sizes = new Map([...ring].map((name) => [name, 0]));
  const points = [...ring.points()];
  let from = (points.at(-1)?.[0] as number) - 2 ** 32;
  for (const [point, name] of points) {
    sizes.set(name, (sizes.get(name) as number) + (point - from) / 2 ** 32);
    from = point;
  }
  return sizes;
}

function counts(placement: Placement): Map<string, number> {
  const found = new Map([...placement].map((name) => [name, 0]));
  for (const key of keys) found.set(placement.owner(key), (found.get(placement.owner(key)) as number) + 1);
  return found;
}

test('of 100 nodes the fullest has at most 1.10 times the mean on the default ring', () => {
  const fleets = [fleet(100), fleet(100).map((_, i) => `node-${i}`), fleet(100).map((_, i) => `cache${i}.example.com`)];
  for (const nodes of fleets) {
    const peak = 100 * Math.max(...shares(new HashRing({ nodes })).values());
    assert.ok(peak <= 1.1, String(peak));
  }
});

test('of 100 nodes the fullest has at most 1.05 times the mean on a maglev table: no slot more than its share', () => {
  const { table } = new MaglevTable({ nodes: fleet(100) });
  const slots = new Uint32Array(100);
  for (const node of table) slots[node]!++;
  assert.deepEqual([Math.min(...slots), Math.max(...slots)], [655, 656]);
});

test('rendezvous and maglev meet weights within 2 %', () => {
  const nodes = [1, 2, 3, 4].map((weight) => ({ name: `weighs ${weight}`, weight }));
  for (const placement of [new RendezvousHash({ nodes }), new MaglevTable({ nodes })]) {
    const found = counts(placement);
    for (const { name, weight } of nodes) {
      const ratio = (found.get(name) as number) / ((keys.length * weight) / 10);
      assert.ok(Math.abs(ratio - 1) < 0.02, `${name}: ${ratio}`);
    }
  }
});

test('a ring meets weights as its points allow: within 8 % at 1,280', () => {
  const nodes = [1, 2, 3, 4].map((weight) => ({ name: `weighs ${weight}`, weight }));
  const found = shares(new HashRing({ nodes }));
  for (const { name, weight } of nodes)
    assert.ok(Math.abs((found.get(name) as number) / (weight / 10) - 1) < 0.08, name);
});

test('jump shares keys evenly, and rendezvous as evenly as chance does', () => {
  const buckets = new Uint32Array(20);
  for (const key of keys) buckets[jumpHash(key, 20)]!++;
  const scored = [...counts(new RendezvousHash({ nodes: fleet(20) })).values()];
  // Five standard deviations of 10,000 keys each.
  for (const count of [...buckets, ...scored]) assert.ok(Math.abs(count / 10_000 - 1) < 0.05, String(count));
});

test('one of 100 nodes that goes or comes moves needlessly nothing on ring and rendezvous', () => {
  const some = keys.slice(0, 50_000);
  for (const placement of [new HashRing({ nodes: fleet(100) }), new RendezvousHash({ nodes: fleet(100) })]) {
    const before = placement.snapshot();
    placement.remove('10.0.0.42:8080');
    const gone = [...moved(some, before, placement)];
    assert.equal(gone.length, some.filter((key) => before.owner(key) === '10.0.0.42:8080').length);
    assert.ok(gone.every(({ source }) => source === '10.0.0.42:8080'));
    const without = placement.snapshot();
    placement.add('10.0.0.42:8080');
    assert.deepEqual([...moved(some, before, placement)], []);
    assert.equal([...moved(some, without, placement)].length, gone.length);
  }
});

test('one of 100 nodes that goes moves needlessly 0.6 % on average on maglev, and never above 0.65 %', () => {
  const names = fleet(100);
  const { table } = new MaglevTable({ nodes: names });
  // Every fourth of them, as a table takes its time; all hundred together give the same.
  const needless = Array.from({ length: 25 }, (_, i) => {
    const gone = 4 * i;
    const left = new MaglevTable({ nodes: names.filter((_, node) => node !== gone) }).table;
    let moves = 0;
    for (let slot = 0; slot < table.length; slot++) {
      const now = left[slot] as number;
      // Who comes after the one that is gone has moved up by a place.
      if (table[slot] !== gone && table[slot] !== (now < gone ? now : now + 1)) moves++;
    }
    return moves / table.length;
  });
  const mean = needless.reduce((sum, one) => sum + one, 0) / needless.length;
  assert.ok(mean <= 0.006, String(mean));
  assert.ok(Math.max(...needless) <= 0.0065, String(Math.max(...needless)));
});

test('moves of a ring make up just what the node that came has', () => {
  const ring = new HashRing({ nodes: fleet(100) });
  const before = ring.snapshot();
  ring.add('new');
  let sum = 0;
  for (const { from, to, target } of moves(before, ring)) {
    assert.equal(target, 'new');
    sum += to - from;
  }
  assert.ok(Math.abs(sum / 2 ** 32 - (shares(ring).get('new') as number)) < 1e-9);
});

test('ketama moves a few keys needlessly, as it counts the points of all anew', () => {
  const ring = new HashRing({ nodes: fleet(7), scheme: 'ketama' });
  const before = ring.snapshot();
  ring.remove('10.0.0.3:8080');
  const some = [...moved(keys.slice(0, 20_000), before, ring)];
  const needless = some.filter(({ source }) => source !== '10.0.0.3:8080').length / 20_000;
  assert.ok(needless < 0.03, String(needless));
});

test('bounded loads keep every node at or below ⌈1.25 × mean⌉, keys of any heat', () => {
  const nodes = fleet(20);
  const bounded = boundedLoads(new HashRing({ nodes }), { epsilon: 0.25 });
  const loads = new Map(nodes.map((name) => [name, 0]));
  for (let i = 0; i < 4_000; i++) {
    // Every second call is for one of three keys.
    const name = bounded.acquire(i % 2 ? `key ${i}` : `hot ${i % 3}`);
    loads.set(name, (loads.get(name) as number) + 1);
    assert.ok((loads.get(name) as number) <= Math.ceil((1.25 * (i + 1)) / nodes.length));
  }
});
