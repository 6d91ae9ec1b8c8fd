import assert from 'node:assert/strict';
import fc from 'fast-check';
import { test } from 'vitest';
import { type DnsRecord, targetsOf } from '../../src/algorithms/dns-records.ts';

const record: fc.Arbitrary<DnsRecord> = fc.record(
  {
    host: fc.constantFrom('a.test', 'A.test.', 'b.test', '10.0.0.1', '2001:db8::1', '.'),
    port: fc.integer({ min: 1, max: 3 }),
    priority: fc.integer({ min: 0, max: 2 }),
    weight: fc.constantFrom(0, 0, 1, 2, 65_535),
    ttl: fc.constantFrom(0, 1_000, 60_000, NaN, -1),
  },
  { requiredKeys: ['host', 'ttl'] },
);

test('gives each host once, in one order, whatever the order of its records', () => {
  fc.assert(
    fc.property(
      fc
        .array(record, { maxLength: 12 })
        .chain((records) =>
          fc.tuple(
            fc.constant(records),
            fc.shuffledSubarray(records, { minLength: records.length, maxLength: records.length }),
          ),
        ),
      ([records, turned]) => {
        const { targets, ttl } = targetsOf(records, 80);
        assert.deepEqual(targetsOf(turned, 80), { targets, ttl });
        const names = targets.map(({ name }) => name);
        assert.equal(new Set(names).size, names.length);
        const said = records.filter(({ host }) => host !== '.');
        assert.deepEqual(
          new Set(targets.map(({ host, port }) => `${host} ${port}`)),
          new Set(said.map(({ host, port = 80 }) => `${host.toLowerCase().replace(/\.$/, '')} ${port}`)),
        );
        for (const { host, port, priority, weight, name } of targets) {
          assert.ok(weight > 0);
          const mine = said.filter((r) => r.host.toLowerCase().replace(/\.$/, '') === host && (r.port ?? 80) === port);
          assert.equal(priority, Math.min(...mine.map((r) => r.priority ?? 0)));
          const url = new URL(`x://${name}`);
          assert.deepEqual([url.hostname, url.port], [host.includes(':') ? `[${host}]` : host, String(port)]);
        }
        assert.equal(ttl, Math.min(...records.map((r) => (r.ttl > 0 ? r.ttl : 0))));
      },
    ),
  );
});

/** Whom each number from 0 to the sum of weights selects: RFC 2782, with those of weight 0 at the beginning. */
function selected(weights: readonly number[]): Map<number, number> {
  const order = weights.map((_, i) => i).sort((i, j) => Number(weights[i] !== 0) - Number(weights[j] !== 0));
  const sum = weights.reduce((all, weight) => all + weight, 0);
  const times = new Map<number, number>();
  for (let number = 0; number <= sum; number++) {
    let running = 0;
    const found = order.find((i) => (running += weights[i]!) >= number)!;
    times.set(found, (times.get(found) ?? 0) + 1);
  }
  return times;
}

test('shares calls as the running sums of RFC 2782 do, those of weight 0 together', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom<number>(0, 0, 1, 2, 10), { minLength: 1, maxLength: 8 }), (some) => {
      // Without a weight of 0 the RFC gives whoever stands first the number 0 too, one more than its share.
      const weights = [...some, 0, 3];
      const { targets } = targetsOf(
        weights.map((weight, i) => ({ host: `host${i}`, weight, ttl: 0 })),
        undefined,
      );
      const share = (i: number): number => targets.find(({ host }) => host === `host${i}`)!.weight;
      const times = selected(weights);
      const zeros = weights.flatMap((weight, i) => (weight === 0 ? [i] : []));
      const together = (of: (i: number) => number): number => zeros.reduce((sum, i) => sum + of(i), 0);
      assert.ok(Math.abs(together(share) - together((i) => times.get(i) ?? 0)) < 1e-9);
      for (const [i, weight] of weights.entries()) {
        if (weight > 0) assert.equal(share(i), times.get(i));
        else assert.equal(share(i), 1 / zeros.length);
      }
    }),
  );
});
