import type { HashRing } from './hash-ring.ts';
import type { Placement, PlacementKey } from './placement.ts';

/** Keys whose hash is from `from` up to, not including, `to`: they go from one node to another. */
export interface Move {
  /** 0 or more. */
  from: number;
  /** Up to 2 ** 32, which is the end of the ring. */
  to: number;
  source: string;
  target: string;
}

/**
 * The parts of a ring that change hands, in order, for moving data by ranges of `ring.hash(key)`. A ring that will be
 * changed is first kept by its `snapshot()`.
 *
 * @throws {RangeError} where the rings do not hash keys alike
 * @throws {NoTargetError} where either has no nodes
 */
export function moves(before: HashRing, after: HashRing): Move[] {
  if (before.hash !== after.hash) throw new RangeError('moves: both rings must hash keys alike');
  const ends = new Set([2 ** 32]);
  for (const ring of [before, after]) for (const [point] of ring.points()) ends.add(point + 1);
  const found: Move[] = [];
  let last: Move | undefined;
  let from = 0;
  for (const to of Float64Array.from(ends).sort()) {
    const source = before.ownerOfPoint(from);
    const target = after.ownerOfPoint(from);
    if (source !== target) {
      if (last?.to === from && last.source === source && last.target === target) last.to = to;
      else found.push((last = { from, to, source, target }));
    }
    from = to;
  }
  return found;
}

/**
 * Those of the keys that change hands, with their old and new owner, under any two placements. They are looked at one by
 * one as they are asked for, so there may be more of them than fit into memory.
 *
 * @throws {NoTargetError} from the iteration, where either has no nodes
 */
export function* moved<Key extends PlacementKey>(
  keys: Iterable<Key>,
  before: Placement,
  after: Placement,
): Generator<{ key: Key; source: string; target: string }> {
  for (const key of keys) {
    const source = before.owner(key);
    const target = after.owner(key);
    if (source !== target) yield { key, source, target };
  }
}
