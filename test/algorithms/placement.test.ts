import assert from 'node:assert/strict';
import { test } from 'vitest';
import { boundedLoads } from '../../src/algorithms/bounded-loads.ts';
import { HashRing } from '../../src/algorithms/hash-ring.ts';
import { jumpHash } from '../../src/algorithms/jump-hash.ts';
import { MaglevTable } from '../../src/algorithms/maglev-table.ts';
import { moved, moves } from '../../src/algorithms/moves.ts';
import type { Placement, PlacementNode } from '../../src/algorithms/placement.ts';
import { RendezvousHash } from '../../src/algorithms/rendezvous-hash.ts';
import { slotOf } from '../../src/algorithms/slot-of.ts';
import { NoTargetError } from '../../src/core/errors.ts';
import { murmur3 } from '../../src/core/hash.ts';
import { xxhash64 } from '../../src/core/xxhash.ts';

const kinds: Record<string, (nodes?: Iterable<PlacementNode>) => Placement> = {
  HashRing: (nodes) => new HashRing({ nodes, virtualNodes: 100 }),
  RendezvousHash: (nodes) => new RendezvousHash({ nodes }),
  MaglevTable: (nodes) => new MaglevTable({ nodes, size: 1_009 }),
};
const fleet = (count: number): string[] => Array.from({ length: count }, (_, i) => `node-${i}`);
const keys = Array.from({ length: 20_000 }, (_, i) => `key-${i}`);

test('without nodes there is no owner: NoTargetError says so', () => {
  for (const [name, make] of Object.entries(kinds)) {
    const placement = make();
    for (const each of [placement, placement.snapshot()]) {
      assert.throws(
        () => each.owner('key'),
        (error) => error instanceof NoTargetError && error.name === name,
      );
      assert.deepEqual([each.owners('key', 3), each.size, [...each]], [[], 0, []]);
    }
    placement.add('a');
    assert.equal(placement.owner('key'), 'a');
    assert.deepEqual([placement.remove('a'), placement.remove('a')], [true, false]);
    assert.throws(() => placement.owner('key'), NoTargetError);
    assert.throws(() => boundedLoads(placement, { epsilon: 0.25 }).acquire('key'), NoTargetError);
  }
  const ring = new HashRing();
  assert.throws(() => ring.ownerOfPoint(0), NoTargetError);
  assert.throws(() => moves(ring, new HashRing({ nodes: ['a'] })), NoTargetError);
  assert.throws(() => [...moved(['key'], ring, ring)], NoTargetError);
  assert.deepEqual([[...ring.points()], [...new MaglevTable().table]], [[], []]);
});

test('a name that is there already is refused, and one that is not has no weight to change', () => {
  for (const [name, make] of Object.entries(kinds)) {
    const placement = make(['a', { name: 'b', weight: 2 }]);
    assert.throws(() => placement.add('a'), new RangeError(`${name}: a node named "a" is there already`));
    assert.throws(() => make(['a', { name: 'a' }]), RangeError);
    assert.throws(() => placement.reweigh('c', 1), new RangeError(`${name}: no node is named "c"`));
    assert.deepEqual([...placement], ['a', 'b']);
    assert.deepEqual([placement.has('b'), placement.has('c')], [true, false]);
  }
});

test('what cannot be placed is refused by name', () => {
  const bad: [unknown, string, typeof RangeError | typeof TypeError][] = [
    [{ name: 'a', weight: 0 }, 'weight', RangeError],
    [{ name: 'a', weight: -1 }, 'weight', RangeError],
    [{ name: 'a', weight: Number.NaN }, 'weight', RangeError],
    [{ name: 'a', weight: '1' }, 'weight', TypeError],
    [{ name: 'a', port: 65_536 }, 'port', RangeError],
    [{ weight: 1 }, 'name', TypeError],
    [5, 'name', TypeError],
    [null, 'name', TypeError],
  ];
  for (const [name, make] of Object.entries(kinds)) {
    for (const [node, part, error] of bad) {
      const says = (thrown: unknown) =>
        thrown instanceof error && thrown.message.startsWith(`${name}: ${part} must be`);
      assert.throws(() => make([node as string]), says);
      assert.throws(() => make().add(node as string), says);
    }
    const placement = make(['a']);
    for (const weight of [0, -1, Number.NaN, Infinity]) assert.throws(() => placement.reweigh('a', weight), RangeError);
    for (const nodes of ['abc', 5, {}]) assert.throws(() => make(nodes as unknown as string[]), TypeError);
    for (const count of [-1, 0.5, Number.NaN]) assert.throws(() => placement.owners('key', count), RangeError);
    for (const key of [5, undefined, null, {}]) assert.throws(() => placement.owner(key as string), TypeError);
  }
});

test('options out of range are refused by name', () => {
  const refused = (make: () => unknown, error: typeof RangeError | typeof TypeError, text: RegExp) =>
    assert.throws(make, (thrown) => thrown instanceof error && text.test(thrown.message));
  refused(() => new HashRing({ virtualNodes: 0 }), RangeError, /HashRing: virtualNodes must be a positive integer/);
  refused(() => new HashRing({ virtualNodes: 4, scheme: 'ketama' }), RangeError, /virtualNodes must be 8 or more/);
  refused(() => new HashRing({ scheme: 'md5' as 'ketama' }), RangeError, /scheme must be "murmur3" or "ketama"/);
  refused(() => new HashRing({ scheme: 'ketama', hash: () => 1 }), TypeError, /exclude each other/);
  refused(() => new HashRing({ vnodes: 1 } as object), TypeError, /unknown option "vnodes"/);
  refused(() => new HashRing({ nodes: [{ name: 'a', weight: 1e6 }] }), RangeError, /virtualNodes × weight/);
  refused(() => new HashRing({ nodes: ['a'] }).reweigh('a', 1e6), RangeError, /virtualNodes × weight/);
  refused(() => new HashRing({ nodes: ['a'] }).ownerOfPoint(-1), RangeError, /point must be/);
  refused(() => new RendezvousHash({ seed: -1 }), RangeError, /RendezvousHash: seed must be/);
  refused(() => new MaglevTable({ size: 10 }), RangeError, /MaglevTable: size must be a prime, got 10/);
  refused(() => new MaglevTable({ size: 1 }), RangeError, /a prime/);
  refused(() => new MaglevTable({ size: 2, nodes: fleet(3) }), RangeError, /at least the number of nodes, 3, got 2/);
  refused(() => jumpHash(1, 0), RangeError, /jumpHash: buckets must be a positive integer/);
  refused(() => jumpHash(1, 2 ** 31), RangeError, /buckets/);
  refused(() => jumpHash(1, 1.5), RangeError, /buckets/);
  refused(() => jumpHash(-1, 3), RangeError, /jumpHash: key/);
  refused(() => jumpHash(1.5, 3), RangeError, /jumpHash: key/);
  refused(() => jumpHash(2n ** 64n, 3), RangeError, /64 bits/);
  refused(() => jumpHash(-1n, 3), RangeError, /64 bits/);
  const placement = new RendezvousHash({ nodes: ['a'] });
  refused(() => boundedLoads(placement, { epsilon: 0 }), RangeError, /boundedLoads: epsilon must be a number above 0/);
  refused(() => boundedLoads(placement, {} as { epsilon: number }), TypeError, /boundedLoads: epsilon/);
  refused(() => boundedLoads({} as Placement, { epsilon: 1 }), TypeError, /boundedLoads: placement/);
  refused(() => boundedLoads(placement, { epsilon: 1 }).release('a'), RangeError, /nothing is counted for "a"/);
  const other = new HashRing({ nodes: ['a'], scheme: 'ketama' });
  refused(() => moves(new HashRing({ nodes: ['a'] }), other), RangeError, /must hash keys alike/);
  refused(() => slotOf(5 as unknown as string), TypeError, /./);
});

test('keys and names may be any text, and keys bytes', () => {
  const odd = ['', 'é', '漢字', '\ud800', 'x'.repeat(10_000), '\0', '__proto__'];
  for (const make of Object.values(kinds)) {
    const placement = make(odd);
    assert.deepEqual([...placement], odd);
    for (const key of odd) assert.equal(placement.owner(key), placement.owner(Buffer.from(key)));
  }
});

test('of equal points the first name has the keys, whoever came first, and the next when it goes', () => {
  // All names have the same points.
  const options = { virtualNodes: 5, hash: () => 7 };
  for (const nodes of [
    ['b', 'a', 'c'],
    ['c', 'b', 'a'],
  ]) {
    const ring = new HashRing({ ...options, nodes });
    assert.deepEqual(ring.owners('key', 3), ['a', 'b', 'c']);
    ring.remove('a');
    assert.equal(ring.owner('key'), 'b');
    ring.add('a');
    assert.deepEqual(ring.owners('key', 3), ['a', 'b', 'c']);
  }
});

test('a ring whose hash throws while a node comes has that node all the same, once the hash works', () => {
  let broken = false;
  const hash = (data: string | Uint8Array): number => {
    if (broken) throw new Error('no');
    return murmur3(data);
  };
  const ring = new HashRing({ nodes: ['a', 'b'], hash, virtualNodes: 50 });
  ring.owner('key');
  broken = true;
  assert.throws(() => ring.add('c'), /no/);
  broken = false;
  assert.deepEqual([...ring.points()], [...new HashRing({ nodes: ['a', 'b', 'c'], hash, virtualNodes: 50 }).points()]);
});

test('a string jumps by its xxhash64', () => {
  for (const key of keys.slice(0, 200)) assert.equal(jumpHash(key, 1_000), jumpHash(xxhash64(key), 1_000));
  assert.equal(jumpHash(2 ** 53 - 1, 1_000), jumpHash(2n ** 53n - 1n, 1_000));
});

test('another seed places keys in another way', () => {
  const one = new RendezvousHash({ nodes: fleet(10) });
  const other = new RendezvousHash({ nodes: fleet(10), seed: 1 });
  const same = keys.filter((key) => one.owner(key) === other.owner(key)).length / keys.length;
  assert.ok(Math.abs(same - 0.1) < 0.01, String(same));
});

test('with bounded loads, what a node that was removed still holds counts until it is released', () => {
  const ring = new HashRing({ nodes: ['a', 'b'] });
  const bounded = boundedLoads(ring, { epsilon: 0.5 });
  const held = Array.from({ length: 8 }, (_, i) => bounded.acquire(`key ${i}`));
  ring.remove('a');
  assert.equal(bounded.acquire('key'), 'b');
  for (const name of held) bounded.release(name);
  bounded.release('b');
  assert.throws(() => bounded.release('b'), RangeError);
});
