import assert from 'node:assert/strict';
import fc from 'fast-check';
import { test } from 'vitest';
import { boundedLoads } from '../../src/algorithms/bounded-loads.ts';
import { HashRing, type HashRingOptions } from '../../src/algorithms/hash-ring.ts';
import { jumpHash } from '../../src/algorithms/jump-hash.ts';
import { MaglevTable } from '../../src/algorithms/maglev-table.ts';
import { moved, moves } from '../../src/algorithms/moves.ts';
import type { Placement } from '../../src/algorithms/placement.ts';
import { RendezvousHash } from '../../src/algorithms/rendezvous-hash.ts';
import { murmur3 } from '../../src/core/hash.ts';

type Node = { name: string; weight: number };

/** Few hashes: nodes have the same points, and many keys the very hash of a point. */
const coarse = (data: string | Uint8Array): number => murmur3(data) % 4;

const kinds: Record<string, (nodes?: Node[]) => Placement> = {
  ring: (nodes = []) => new HashRing({ nodes, virtualNodes: 20 }),
  'ring with equal points': (nodes = []) => new HashRing({ nodes, virtualNodes: 3, hash: coarse }),
  rendezvous: (nodes = []) => new RendezvousHash({ nodes }),
  maglev: (nodes = []) => new MaglevTable({ nodes, size: 251 }),
  'maglev as Envoy': (nodes = []) => new MaglevTable({ nodes, size: 251, scheme: 'envoy' }),
  ketama: (nodes = []) => new HashRing({ nodes, scheme: 'ketama' }),
};
/** Where a change of one node moves nothing from another to a third. */
const exact = ['ring', 'ring with equal points', 'rendezvous'];
const anyKind = fc.constantFrom(...Object.keys(kinds));
const make = (kind: string, nodes?: Node[]): Placement => (kinds[kind] as (nodes?: Node[]) => Placement)(nodes);

const name = fc.constantFrom(...'abcdefgh', 'é', '');
const weight = fc.constantFrom(0.5, 1, 1.7, 3);
const node = fc.record({ name, weight });
const nodes = fc.uniqueArray(node, { selector: (one) => one.name, maxLength: 8 });
const someNodes = fc.uniqueArray(node, { selector: (one) => one.name, minLength: 1, maxLength: 8 });
const step = fc.oneof(
  fc.record({ does: fc.constant('add' as const), node }),
  fc.record({ does: fc.constant('remove' as const), node }),
  fc.record({ does: fc.constant('reweigh' as const), node }),
);
const key = fc.oneof(fc.string({ unit: 'binary' }), fc.uint8Array({ maxLength: 80 }));
const keys = Array.from({ length: 60 }, (_, i) => `key ${i}`);

/** Does to the placement, and to a list of its nodes, what they allow. */
function apply(
  placement: Placement,
  list: Map<string, Node>,
  { does, node: { ...node } }: { does: string; node: Node },
) {
  if (does === 'remove') assert.equal(placement.remove(node.name), list.delete(node.name));
  else if ((does === 'add') === list.has(node.name)) {
    assert.throws(() => (does === 'add' ? placement.add(node) : placement.reweigh(node.name, node.weight)), RangeError);
  } else {
    list.set(node.name, node);
    if (does === 'add') placement.add(node);
    else placement.reweigh(node.name, node.weight);
  }
}

test('a placement that has changed is the same as one made anew of its nodes', () => {
  fc.assert(
    fc.property(
      anyKind,
      nodes,
      fc.array(step, { maxLength: 12 }),
      fc.array(key, { maxLength: 10 }),
      (kind, first, steps, some) => {
        const placement = make(kind, first);
        const list = new Map(first.map((one) => [one.name, one]));
        for (const each of steps) {
          apply(placement, list, each);
          if (list.size > 0) placement.owner('look up between changes, too');
        }
        assert.deepEqual([...placement], [...list.keys()]);
        assert.equal(placement.size, list.size);
        const anew = make(kind, [...list.values()]);
        for (const one of [...keys, ...some]) assert.deepEqual(placement.owners(one, 3), anew.owners(one, 3));
      },
    ),
  );
});

test('the order in which nodes came does not matter, but to Envoy', () => {
  const free = Object.keys(kinds).filter((kind) => kind !== 'maglev as Envoy');
  fc.assert(
    fc.property(fc.constantFrom(...free), someNodes, (kind, list) => {
      const [one, other] = [make(kind, list), make(kind, [...list].reverse())];
      for (const each of keys) assert.deepEqual(one.owners(each, 8), other.owners(each, 8));
    }),
  );
});

test('owners are distinct nodes, the owner first, and more of them begin with the same', () => {
  fc.assert(
    fc.property(anyKind, someNodes, key, fc.nat(9), (kind, list, one, count) => {
      const placement = make(kind, list);
      const owners = placement.owners(one, count);
      assert.equal(owners.length, Math.min(count, list.length));
      assert.equal(new Set(owners).size, owners.length);
      assert.ok(owners.every((owner) => placement.has(owner)));
      if (count > 0) assert.equal(owners[0], placement.owner(one));
      assert.deepEqual(placement.owners(one, Infinity).slice(0, count), owners);
    }),
  );
});

test('a node that comes takes only what is its own, one that goes leaves only what was, a new weight only the difference', () => {
  fc.assert(
    fc.property(fc.constantFrom(...exact), someNodes, step, (kind, list, { does, node: one }) => {
      const placement = make(kind, list);
      const before = placement.snapshot();
      const old = list.find(({ name }) => name === one.name)?.weight ?? 0;
      const now = does === 'remove' ? 0 : one.weight;
      apply(placement, new Map(list.map((each) => [each.name, each])), {
        does: does === 'add' && old > 0 ? 'reweigh' : does === 'reweigh' && old === 0 ? 'add' : does,
        node: one,
      });
      if (placement.size === 0) return;
      for (const { source, target } of moved(keys, before, placement)) {
        assert.equal(now > old ? target : source, one.name, `${source} to ${target}`);
      }
    }),
  );
});

test('a ring with any points is a search for the first point at or above the hash, of equal ones of the first name', () => {
  const options: HashRingOptions[] = [{ virtualNodes: 20 }, { virtualNodes: 3, hash: coarse }, { virtualNodes: 1 }];
  fc.assert(
    fc.property(fc.constantFrom(...options), someNodes, fc.array(fc.nat(2 ** 32 - 1)), (given, list, hashes) => {
      const ring = new HashRing({ ...given, nodes: list });
      // Each node's points are those of a ring of its own.
      const all = list
        .flatMap((one) => [...new HashRing({ ...given, nodes: [one] }).points()])
        .sort(([a, of], [b, other]) => a - b || (of < other ? -1 : 1));
      assert.deepEqual([...ring.points()], all);
      const near = all.flatMap(([point]) => [point, Math.max(0, point - 1), Math.min(2 ** 32 - 1, point + 1)]);
      for (const hash of [0, 2 ** 32 - 1, ...hashes, ...near]) {
        assert.equal(ring.ownerOfPoint(hash), (all.find(([point]) => point >= hash) ?? all[0])?.[1]);
      }
      for (const one of keys) assert.equal(ring.owner(one), ring.ownerOfPoint(ring.hash(one)));
    }),
  );
});

test('moves are the ranges of the hash that change hands, in order, and moved the keys that do', () => {
  fc.assert(
    fc.property(fc.constantFrom('ring', 'ring with equal points', 'ketama'), someNodes, someNodes, (kind, a, b) => {
      const [before, after] = [make(kind, a) as HashRing, make(kind, b) as HashRing];
      const ranges = moves(before, after);
      let end = 0;
      ranges.forEach(({ from, to, source, target }, i) => {
        assert.ok(from >= end && from < to && to <= 2 ** 32);
        for (const hash of [from, to - 1]) {
          assert.deepEqual([before.ownerOfPoint(hash), after.ownerOfPoint(hash)], [source, target]);
        }
        const last = ranges[i - 1];
        if (last?.to === from) assert.notDeepEqual([last.source, last.target], [source, target]);
        end = to;
      });
      const found = new Map([...moved(keys, before, after)].map(({ key, ...rest }) => [key, rest]));
      for (const one of keys) {
        const hash = before.hash(one);
        const range = ranges.find(({ from, to }) => from <= hash && hash < to);
        assert.deepEqual(found.get(one), range && { source: range.source, target: range.target });
      }
    }),
  );
});

test('a snapshot stays as it was, and refuses to change', () => {
  fc.assert(
    fc.property(anyKind, someNodes, fc.array(step, { maxLength: 5 }), (kind, list, steps) => {
      const placement = make(kind, list);
      const snapshot = placement.snapshot();
      const owners = keys.map((one) => placement.owners(one, 3));
      const known = new Map(list.map((one) => [one.name, one]));
      for (const each of steps) apply(placement, known, each);
      assert.deepEqual(
        keys.map((one) => snapshot.owners(one, 3)),
        owners,
      );
      assert.deepEqual([...snapshot], [...list.map(({ name }) => name)]);
      assert.equal(snapshot.snapshot(), snapshot);
      const { name } = list[0] as Node;
      assert.throws(() => snapshot.add('new'), TypeError);
      assert.throws(() => snapshot.remove(name), TypeError);
      assert.throws(() => snapshot.reweigh(name, 2), TypeError);
      assert.ok(snapshot.has(name));
    }),
  );
});

test('one bucket more moves keys into it and nowhere else', () => {
  const keys64 = fc.oneof(fc.bigInt(0n, 2n ** 64n - 1n), fc.maxSafeNat(), fc.string());
  fc.assert(
    fc.property(keys64, fc.integer({ min: 1, max: 100_000 }), (one, buckets) => {
      const [before, after] = [jumpHash(one, buckets), jumpHash(one, buckets + 1)];
      assert.ok(before >= 0 && before < buckets && Number.isInteger(before));
      assert.ok(after === before || after === buckets);
    }),
  );
});

test('with bounded loads no node comes above ⌈(1 + epsilon) × mean⌉, and who has room is asked in the key’s own order', () => {
  fc.assert(
    fc.property(
      anyKind,
      someNodes,
      fc.double({ min: 0.001, max: 2, noNaN: true }),
      fc.array(fc.oneof(fc.nat(5), fc.constant('release' as const)), { maxLength: 60 }),
      (kind, list, epsilon, calls) => {
        const placement = make(kind, list);
        const bounded = boundedLoads(placement, { epsilon });
        const held: string[] = [];
        const loadOf = (name: string): number => held.filter((one) => one === name).length;
        for (const call of calls) {
          if (call === 'release') {
            const name = held.pop();
            if (name === undefined) assert.throws(() => bounded.release('a'), RangeError);
            else bounded.release(name);
            continue;
          }
          const bound = Math.ceil(((1 + epsilon) * (held.length + 1)) / list.length);
          const expected = placement.owners(`hot ${call}`, Infinity).find((name) => loadOf(name) < bound);
          const name = bounded.acquire(`hot ${call}`);
          assert.equal(name, expected);
          held.push(name);
          assert.ok(loadOf(name) <= bound);
        }
      },
    ),
  );
});
