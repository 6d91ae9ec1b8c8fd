import { md5 } from '../core/md5.ts';
import type { PlacedNode } from './placed-nodes.ts';

/** The hash of a key on a ketama ring: the first four bytes of its MD5, the lowest first. */
export function ketamaHash(key: string | Uint8Array): number {
  return (md5(key)[0] as number) >>> 0;
}

/**
 * The points of a ketama ring (Richard Jones, 2007), to the bit as libmemcached has them: each node's share of all is
 * counted in single precision, rounded at every step, and each of its digests gives four points.
 *
 * ```text
 *   digests = ⌊ weight ÷ all weights × points ÷ 4 × nodes ⌋        MD5 of 10.0.1.1-0, 10.0.1.1-1, 10.0.1.1-2 …
 * ```
 *
 * In double precision the digests are others at 343 of the first 2,000 numbers of equal nodes.
 *
 * @returns `point, node, point, node, …`, a node as its place among the nodes
 */
export function ketamaPairs(
  nodes: readonly PlacedNode[],
  points: number,
  label: (node: PlacedNode) => string,
): Uint32Array {
  // Whole numbers have the same sum in any order; of others it is rounded, so it is taken in one.
  const total = Float64Array.from(nodes, ({ weight }) => weight)
    .sort()
    .reduce((sum, weight) => sum + weight, 0);
  const pairs: number[] = [];
  nodes.forEach((node, i) => {
    const begin = label(node);
    const digests = digestsOf(node.weight, total, points, nodes.length);
    for (let k = 0; k < digests; k++) {
      for (const word of md5(`${begin}-${k}`)) pairs.push(word >>> 0, i);
    }
  });
  return Uint32Array.from(pairs);
}

/** How many digests a node has. */
export function digestsOf(weight: number, total: number, points: number, nodes: number): number {
  const { fround } = Math;
  const share = fround(fround(weight) / fround(total));
  return Math.floor(fround(fround(fround(share * points) / 4) * nodes) + 1e-10);
}

/** As libmemcached writes a node: the port is left out where it is memcached's own. */
export function libmemcachedLabel(node: PlacedNode): string {
  const { host, port } = addressOf(node);
  return port === 11_211 ? host : `${host}:${port}`;
}

/** As spymemcached does: a slash where Java has a host name, and always the port. */
export function spymemcachedLabel(node: PlacedNode): string {
  const { host, port } = addressOf(node);
  return `/${host}:${port}`;
}

/** A port in the name counts where none is given. The colons of a bare IPv6 address are none. */
function addressOf({ name, port }: PlacedNode): { host: string; port: number } {
  const [, host = name, digits = '11211'] = /^([^:]*|\[.*\]):(\d+)$/.exec(name) ?? [];
  return port === undefined ? { host, port: Number(digits) } : { host: name, port };
}
