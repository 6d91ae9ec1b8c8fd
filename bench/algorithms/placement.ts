import { HashRing } from '../../src/algorithms/hash-ring.ts';
import { jumpHash } from '../../src/algorithms/jump-hash.ts';
import { MaglevTable } from '../../src/algorithms/maglev-table.ts';
import { RendezvousHash } from '../../src/algorithms/rendezvous-hash.ts';
import { murmur3 } from '../../src/core/hash.ts';
import type { Case } from '../runner.ts';

export const nodes = Array.from({ length: 100 }, (_, i) => `10.0.0.${i}:8080`);
/** Few enough to stay in the processor's cache, beside what is asked: what is measured is the look-up, not the memory. */
const keys = Array.from({ length: 1_024 }, (_, i) => `user-${100_000_000 + i * 7_919}-x`);
const numbers = Float64Array.from(keys, (key) => murmur3(key) * 2 ** 20 + murmur3(key, 1));
const points = 160;

/** As in the paper, with 64 bits at a time. */
function jumpByBigInt(key: bigint, buckets: number): number {
  let bucket = 0n;
  let next = 0n;
  while (next < buckets) {
    bucket = next;
    key = BigInt.asUintN(64, key * 2_862_933_555_777_941_757n + 1n);
    next = BigInt(Math.floor((Number(bucket) + 1) * (2 ** 31 / (Number(key >> 33n) + 1))));
  }
  return Number(bucket);
}

const hashing = 'murmur3 of a key';
const byBigInt = 'jump by BigInt, 100 buckets';
const sorting = '16,000 doubles sorted';
const building = 'ring of 100 × 160 built';

/** Many at once, in a loop of its own: to wait for one would take longer than the call. */
export function row(name: string, asked: string, unit: unknown, given: Partial<Case> = {}): Case {
  const loop = `let sum = 0; for (let i = 0; i < keys.length; i++) sum += ${asked}; return sum;`;
  const call = new Function('unit', 'keys', 'numbers', `return () => { ${loop} } // ${name}`)(unit, keys, numbers);
  return { name, call: call as () => number, each: keys.length, ...given };
}

const small = new HashRing({ nodes, virtualNodes: points });
const doubles = Float64Array.from({ length: nodes.length * points }, Math.random);
let turn = 0;

/** Whoever asks a ring that is new makes it. */
const built = (): string => new HashRing({ nodes, virtualNodes: points }).owner('key');

export const placing: readonly Case[] = [
  row(hashing, 'unit(keys[i])', murmur3),
  row('ring of 160 points a node: owner', 'unit.owner(keys[i]).length', small, { per: hashing, required: 1.3 }),
  row(
    'ring of 1,000 points a node: owner',
    'unit.owner(keys[i]).length',
    new HashRing({ nodes, virtualNodes: 1_000 }),
    {
      per: hashing,
      required: 1.45,
    },
  ),
  row('maglev of 65,537: owner', 'unit.owner(keys[i]).length', new MaglevTable({ nodes }), {
    per: hashing,
    required: 1.3,
  }),
  row('ketama: owner', 'unit.owner(keys[i]).length', new HashRing({ nodes, scheme: 'ketama' }), { per: hashing }),
  row('rendezvous: owner', 'unit.owner(keys[i]).length', new RendezvousHash({ nodes }), { per: hashing }),
  row(byBigInt, 'unit(BigInt(numbers[i]), 100)', jumpByBigInt),
  row('jump, 100 buckets', 'unit(numbers[i], 100)', jumpHash, { per: byBigInt, required: 0.125 }),
  { name: sorting, call: () => doubles.slice().sort(), each: 1 },
  { name: building, call: built, each: 1, per: sorting, required: 0.5 },
  {
    name: 'one node in and out of it',
    each: 2,
    per: building,
    call: () => {
      small.add(`new ${turn++ % 100}`);
      small.remove(`new ${(turn - 1) % 100}`);
      return small.owner('key');
    },
  },
];
