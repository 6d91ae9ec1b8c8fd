import assert from 'node:assert/strict';
import fc from 'fast-check';
import { test } from 'vitest';
import { priorityShares } from '../../src/algorithms/priorities.ts';
import envoy from '../vectors/traffic-priority-failover-envoy.json' with { type: 'json' };
import table from '../vectors/traffic-priority-failover-table.json' with { type: 'json' };

for (const { hosts, load, panic } of envoy.cases) {
  test(`shares calls as Envoy does: ${hosts.map(({ healthy, total }) => `${healthy}/${total}`).join(', ')}`, () => {
    assert.deepEqual(priorityShares(hosts), { load, panic });
  });
}

for (const { healthyPct, trafficPct } of table.cases) {
  test(`shares calls as in Envoy's table: ${healthyPct.join(' % and ')} % healthy`, () => {
    const levels = healthyPct.map((healthy) => ({ healthy, total: 100 }));
    assert.deepEqual(priorityShares(levels).load, trafficPct);
  });
}

test('gives calls to all hosts alike where none is healthy, and to nobody where there is none', () => {
  assert.deepEqual(
    priorityShares([
      { healthy: 0, total: 1 },
      { healthy: 0, total: 0 },
      { healthy: 0, total: 2 },
    ]),
    { load: [34, 0, 66], panic: [true, false, true] },
  );
  assert.deepEqual(priorityShares([{ healthy: 0, total: 0 }]), { load: [0], panic: [false] });
  assert.deepEqual(priorityShares([]), { load: [], panic: [] });
});

test('shares out all calls, to those that can take some, the first as much as it can', () => {
  const level = fc.nat(30).chain((total) => fc.record({ healthy: fc.nat(total), total: fc.constant(total) }));
  fc.assert(
    fc.property(fc.array(level, { minLength: 1, maxLength: 5 }), (levels) => {
      const { load, panic } = priorityShares(levels);
      const hosts = levels.reduce((sum, { total }) => sum + total, 0);
      const healthy = levels.reduce((sum, each) => sum + each.healthy, 0);
      assert.equal(
        load.reduce((sum, share) => sum + share, 0),
        hosts > 0 ? 100 : 0,
      );
      for (const [i, each] of levels.entries()) {
        if (healthy > 0 && each.healthy === 0) assert.equal(load[i], 0);
        if (panic[i]) assert.ok(each.healthy < each.total / 2);
      }
      const [first] = levels;
      if (first && first.total > 0 && first.healthy / first.total >= 0.715) assert.deepEqual(load[0], 100);
    }),
  );
});
