import { checked, objectWith, positive, shown } from '../core/options.ts';
import type { Placement, PlacementKey } from './placement.ts';

export interface BoundedLoadsOptions {
  /** How far a node's load may be above the mean: above 0, up to 1,000. 0.25 is 25 %. */
  epsilon: number;
}

export interface BoundedLoads {
  /**
   * The first of the key's owners that has room, and counts one more for it.
   *
   * @throws {NoTargetError} where there are no nodes
   */
  acquire(key: PlacementKey): string;
  /** @throws {RangeError} for a node that nothing is counted for */
  release(name: string): void;
}

/**
 * Keeps hot keys from filling a node: where the owner of a key has as much as it may, the next of the key's owners takes it.
 * What is counted is the caller's: calls in flight, connections, keys.
 *
 * ```text
 *   room for ⌈ (1 + epsilon) × (all that is counted + 1) ÷ nodes ⌉        asked of each, weights aside
 * ```
 *
 * So at every `acquire` no node comes above ⌈(1 + epsilon) × mean⌉. The less epsilon, the more keys are away from home;
 * a `release` lowers the bound and moves nothing. What a node that was removed still holds counts until it is released.
 * (Mirrokni, Thorup and Zadimoghaddam, "Consistent hashing with bounded loads", 2018.)
 *
 * @throws {TypeError | RangeError} for a placement that is none, and an option that is unknown, missing or out of range
 */
export function boundedLoads(placement: Placement, options: BoundedLoadsOptions): BoundedLoads {
  objectWith('owner', 'owners')('boundedLoads: placement', placement);
  const { epsilon } = checked('boundedLoads', options, { epsilon: positive(1_000) });
  positive(1_000)('boundedLoads: epsilon', epsilon);
  const loads = new Map<string, number>();
  let total = 0;

  return {
    acquire(key) {
      // Asked first and alone: most often it has room.
      let name = placement.owner(key);
      const room = capacity(total + 1, placement.size, epsilon);
      // A key's owners are in an order of its own: to go on to the next node's name would push the load of one hot node
      // from neighbour to neighbour.
      for (let asked = 4; loadOf(name) >= room && asked < 64 * placement.size; asked *= 8) {
        // In the end anybody: a node may own nothing, for want of weight, and yet has room.
        const names = asked < 8 * placement.size ? placement.owners(key, asked) : [...placement];
        name = names.find((one) => loadOf(one) < room) ?? name;
      }
      loads.set(name, loadOf(name) + 1);
      total++;
      return name;
    },
    release(name) {
      const load = loadOf(name);
      if (load === 0) throw new RangeError(`boundedLoads: nothing is counted for ${shown(name)}`);
      if (load === 1) loads.delete(name);
      else loads.set(name, load - 1);
      total--;
    },
  };

  function loadOf(name: string): number {
    return loads.get(name) ?? 0;
  }
}

/** What a node may have of a load, with nothing added where the product is a whole number but for its rounding. */
export function capacity(load: number, nodes: number, epsilon: number): number {
  return Math.ceil(((1 + epsilon) * load * (1 - 1e-12)) / nodes);
}
