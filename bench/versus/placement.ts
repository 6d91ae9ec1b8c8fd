import ConsistentHash from 'consistent-hash';
import { HashRing as EffectRing, PrimaryKey } from 'effect';
import Ketama from 'hashring';
import { HashRing } from '../../src/algorithms/hash-ring.ts';
import { nodes, row } from '../algorithms/placement.ts';
import type { Case } from '../runner.ts';
import type { Comparison } from './caches.ts';

const points = 160;

/** By default it keeps the last 5,000 answers; here each is looked up. */
const newKetama = (): Ketama => new Ketama(nodes, 'md5', { 'max cache size': 1 });

function consistentHash(): ConsistentHash {
  const ring = new ConsistentHash({ weight: points, distribution: 'uniform' });
  for (const name of nodes) ring.add(name);
  return ring;
}

const effectNodes = nodes.map((name) => ({ name, length: name.length, [PrimaryKey.symbol]: () => name }));
const effectRing = EffectRing.addMany(
  EffectRing.make<(typeof effectNodes)[number]>({ baseWeight: points }),
  effectNodes,
);

const ketama = new HashRing({ nodes, scheme: 'ketama' });
const ring = new HashRing({ nodes, virtualNodes: points });
const theirs = newKetama();
ring.owner('key');

/** In and out again: two changes, and a look-up after each, so that nothing is put off. */
const changes = (name: string, add: () => void, remove: () => void, ask: () => string): Case => ({
  name,
  each: 2,
  call: () => {
    add();
    const length = ask().length;
    remove();
    return length + ask().length;
  },
});

export const placements: readonly Case[] = [
  row('ketama: holdfast', 'unit.owner(keys[i]).length', ketama),
  row('ketama: hashring', 'unit.get(keys[i]).length', theirs),
  row('ring: holdfast', 'unit.owner(keys[i]).length', ring),
  row('ring: consistent-hash', 'unit.get(keys[i]).length', consistentHash()),
  row('ring: effect', 'unit(keys[i]).length', (key: string) => EffectRing.get(effectRing, key)),
  changes(
    'node: holdfast',
    () => ring.add('new'),
    () => ring.remove('new'),
    () => ring.owner('key'),
  ),
  changes(
    'node: hashring',
    () => theirs.add('new'),
    () => theirs.remove('new'),
    () => theirs.get('key'),
  ),
];

const compared = (name: string, kind: string, peer: string, required: number | undefined): Comparison => ({
  name,
  ours: `${kind}: holdfast`,
  peer,
  theirs: `${kind}: ${peer}`,
  required,
});

export const placementComparisons: readonly Comparison[] = [
  compared('ketama, 100 nodes: owner of a key', 'ketama', 'hashring', 5),
  compared('ring of 100 × 160: owner of a key', 'ring', 'consistent-hash', 1),
  compared('ring of 100 × 160: owner of a key', 'ring', 'effect', 1),
  compared('ring of 100 × 160: a node in or out', 'node', 'hashring', 10),
];
