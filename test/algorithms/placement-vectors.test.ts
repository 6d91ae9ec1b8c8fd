import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'vitest';
import { boundedLoads } from '../../src/algorithms/bounded-loads.ts';
import { HashRing } from '../../src/algorithms/hash-ring.ts';
import { jumpHash } from '../../src/algorithms/jump-hash.ts';
import { MaglevTable } from '../../src/algorithms/maglev-table.ts';
import { slotOf } from '../../src/algorithms/slot-of.ts';
import capacities from '../vectors/traffic-bounded-load-capacity-a.json' with { type: 'json' };
import jumps from '../vectors/traffic-jump-hash-a.json' with { type: 'json' };
import large from '../vectors/traffic-maglev-large-a.json' with { type: 'json' };
import tables from '../vectors/traffic-maglev-tables.json' with { type: 'json' };
import slots from '../vectors/traffic-redis-cluster-slots-a.json' with { type: 'json' };

test(`jumpHash gives what its authors' does: ${jumps.cases.length} cases`, () => {
  for (const { key, buckets, bucket } of jumps.cases) {
    assert.equal(jumpHash(BigInt(key), buckets), bucket, `${key} of ${buckets}`);
    // The same number, where a number can say it.
    if (Number.isSafeInteger(Number(key))) assert.equal(jumpHash(Number(key), buckets), bucket, key);
  }
});

test(`slotOf gives the slots of Redis Cluster, of strings and bytes: ${slots.cases.length} cases`, () => {
  let driven = 0;
  for (const { key, slot, crc16 } of slots.cases) {
    const expected = slot ?? Number(crc16) % 16_384;
    assert.deepEqual([slotOf(key), slotOf(Buffer.from(key))], [expected, expected], key);
    driven++;
  }
  assert.equal(driven, slots.cases.length);
});

test('a maglev table of the scheme envoy is what Envoy fills', () => {
  const left: string[] = [];
  for (const { scheme, backends, weights, M, table, entries } of tables.cases) {
    if (!scheme.startsWith('envoy')) {
      left.push(scheme);
      continue;
    }
    const nodes = backends.map((name, i) => ({ name, weight: weights?.[i] ?? 1 }));
    const filled = new MaglevTable({ scheme: 'envoy', size: M, nodes }).table;
    assert.deepEqual([...filled], table, scheme);
    entries?.forEach((count, node) => {
      assert.equal(filled.filter((one) => one === node).length, count);
    });
  }
  // Keyed by SipHash, which is not here.
  assert.deepEqual(left, ['go-maglev']);
});

test(`large maglev tables, too, and what changes when one goes: ${large.cases.length} tables`, () => {
  for (const each of large.cases) {
    const nodes = Array.from({ length: each.n }, (_, i) => `backend-${i}`);
    const maglev = new MaglevTable({ scheme: 'envoy', size: each.M, nodes });
    const table = [...maglev.table];
    assert.equal(createHash('sha256').update(table.join(',')).digest('hex'), each.sha256OfCommaJoinedIndexes);
    assert.deepEqual(table.slice(0, 20), each.first20);
    const counts = nodes.map((_, node) => table.filter((one) => one === node).length);
    assert.deepEqual([Math.min(...counts), Math.max(...counts)], [each.minEntries, each.maxEntries]);
    assert.equal(counts[nodes.indexOf(each.removed)], each.slotsOwnedByRemoved);
    assert.ok(maglev.remove(each.removed));
    const names = [...maglev];
    const changed = [...maglev.table].filter((node, slot) => names[node] !== nodes[table[slot] as number]);
    assert.equal(changed.length, each.slotsChanged);
  }
});

test(`bounded loads let each node have ⌈load ÷ nodes × factor⌉, and none more: ${capacities.cases.length} cases`, () => {
  for (const { partitions, members, load, capacity } of capacities.cases) {
    const placement = new HashRing({ virtualNodes: 1, nodes: Array.from({ length: members }, (_, i) => `${i}`) });
    const bounded = boundedLoads(placement, { epsilon: load - 1 });
    // A key that all ask for fills one node as far as it may be, and then the next.
    let most = 0;
    const counts = new Map<string, number>();
    for (let i = 0; i < partitions; i++) {
      const name = bounded.acquire('hot');
      counts.set(name, (counts.get(name) ?? 0) + 1);
      most = Math.max(most, counts.get(name) ?? 0);
    }
    assert.equal(most, capacity, `${partitions} on ${members}`);
  }
});
