import assert from 'node:assert/strict';
import { test } from 'vitest';
import { HashRing } from '../../src/algorithms/hash-ring.ts';
import { digestsOf } from '../../src/algorithms/ketama.ts';
import counts from '../vectors/traffic-ketama-equal-weight-digest-counts-a.json' with { type: 'json' };
import weighted from '../vectors/traffic-ketama-libmemcached-weighted-a.json' with { type: 'json' };
import pylibmc from '../vectors/traffic-ketama-pylibmc-default-port-a.json' with { type: 'json' };
import python from '../vectors/traffic-ketama-python-weights1to5-a.json' with { type: 'json' };
import spy from '../vectors/traffic-ketama-spymemcached-a.json' with { type: 'json' };

const named = (server: { host: string; port: number; weight: number }) => ({ name: server.host, ...server });

test(`ketama puts keys where libmemcached does, point by point: ${weighted.cases.length} keys`, () => {
  const ring = new HashRing({ scheme: 'ketama', nodes: weighted.params.servers.map(named) });
  const points = [...ring.points()];
  assert.equal(points.length, weighted.params.ringSize);
  for (const { key, hash, point, host } of weighted.cases) {
    assert.equal(ring.hash(key), hash, key);
    assert.deepEqual(points.find(([one]) => one >= hash) ?? points[0], [point, host], key);
    assert.equal(ring.owner(key), host, key);
  }
});

test('a hash above the last point belongs to the first', () => {
  const ring = new HashRing({ scheme: 'ketama', nodes: weighted.params.servers.map(named) });
  const points = [...ring.points()];
  // The key that the notes of the file name.
  assert.equal(ring.hash('VDEAAAAA'), 4_294_758_837);
  assert.ok((points.at(-1)?.[0] as number) < 4_294_758_837);
  assert.equal(ring.owner('VDEAAAAA'), points[0]?.[1]);
});

test(`ketama-spy puts keys where spymemcached does: ${spy.cases.length} keys`, () => {
  const ring = new HashRing({ scheme: 'ketama-spy', nodes: spy.params.servers.map(named) });
  assert.equal([...ring.points()].length, spy.params.ringSize);
  for (const { key, hash, host } of spy.cases) assert.deepEqual([ring.hash(key), ring.owner(key)], [hash, host], key);
});

test(`ketama puts keys where Python's ketama does: ${python.cases.length} keys`, () => {
  const nodes = Object.entries(python.params.nodes).map(([name, weight]) => ({ name, weight }));
  const ring = new HashRing({ scheme: 'ketama', nodes });
  assert.deepEqual(
    python.cases.map(([key]) => [key, ring.owner(String(key))]),
    python.cases,
  );
});

test(`ketama takes the port from the name, and 11211 for none: ${pylibmc.cases.length} keys of pylibmc`, () => {
  const ring = new HashRing({ scheme: 'ketama', nodes: pylibmc.params.nodes });
  assert.deepEqual(
    pylibmc.cases.map(([key]) => [key, ring.owner(String(key))]),
    pylibmc.cases,
  );
  const apart = pylibmc.params.nodes.map((name) => ({ name: name.replace(/:.*/, ''), port: portOf(name) }));
  const ports = new HashRing({ scheme: 'ketama', nodes: apart });
  for (const [key, node] of pylibmc.cases as [number, string][]) {
    assert.equal(ports.owner(String(key)), node.replace(/:.*/, ''));
  }
});

function portOf(name: string): number {
  return Number(name.split(':')[1] ?? 11_211);
}

const servers = (count: number): string[] => Array.from({ length: count }, (_, i) => `10.0.${i >> 8}.${i & 255}`);

test(`ketama gives equal servers as many points as libmemcached: ${counts.cases.length} sizes, all up to 60`, () => {
  const points = (count: number): number =>
    [...new HashRing({ scheme: 'ketama', nodes: servers(count) }).points()].length / count;
  for (const { nServers, float32Digests } of counts.cases) assert.equal(points(nServers), 4 * float32Digests);
  for (let n = 1; n <= 60; n++) assert.equal(points(n), 4 * digestsOf(1, n, 160, n), String(n));
});

test('ketama counts digests in single precision for every pool of equal servers up to 2,000, and doubles are wrong at 343', () => {
  const { fround } = Math;
  let others = 0;
  for (let n = 1; n <= 2_000; n++) {
    const digests = Math.floor(fround(fround(fround(1 / n) * 40) * n) + 1e-10);
    assert.equal(digestsOf(1, n, 160, n), digests, String(n));
    // Of any weight, if it is that of all.
    assert.equal(digestsOf(3, 3 * n, 160, n), digests, String(n));
    const inDoubles = Math.floor((1 / n) * 40 * n);
    if (inDoubles !== digests) others++;
    const listed = counts.cases.find(({ nServers }) => nServers === n);
    if (listed !== undefined) assert.deepEqual([digests, inDoubles], [listed.float32Digests, listed.float64Digests]);
  }
  assert.equal(others, 343);
});

test('the colons of a bare IPv6 address are no port; those after brackets are', () => {
  const points = (...nodes: ({ name: string; port: number } | string)[]) =>
    [...new HashRing({ scheme: 'ketama', nodes }).points()].map(([point]) => point);
  assert.deepEqual(points('fe80::1'), points({ name: 'fe80::1', port: 11_211 }));
  assert.deepEqual(points('[fe80::1]:80'), points({ name: '[fe80::1]', port: 80 }));
});
