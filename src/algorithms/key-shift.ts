import type { Placement, PlacementKey } from './placement.ts';

/** Keys on their way from one placement to another: who has each of them meanwhile. A key's id tells it from others. */
export class KeyShift {
  readonly from: Placement;
  readonly to: Placement;
  /** Keys that calls may have made at their old targets, and that need not be among those listed. */
  readonly touched: Map<string, PlacementKey>;
  /** Keys that somebody has begun to move, and that have not come over. */
  readonly tried: Set<string> = new Set();
  /** Keys that have moved, and that those who had them are still to forget. */
  readonly left: Map<string, PlacementKey> = new Map();
  /** All keys listed are moved: but for those left in `touched`, each is at its new targets, or not there at all. */
  walked = false;
  /** Which keys have moved is not known yet. */
  unsure: boolean;
  running = false;
  private readonly replicas: number;
  /** Keys that are at their new targets. */
  private readonly moved: Set<string> = new Set();

  constructor(
    from: Placement,
    to: Placement,
    replicas: number,
    touched: Iterable<[string, PlacementKey]>,
    unsure: boolean,
  ) {
    this.from = from;
    this.to = to;
    this.replicas = replicas;
    this.touched = new Map(touched);
    this.unsure = unsure;
  }

  /** Where a key is now. */
  placementOf(id: string): Placement {
    return this.isOver(id) ? this.to : this.from;
  }

  /** Whether a key is at its new targets, if it is anywhere: it has moved there, or was made there. */
  isOver(id: string): boolean {
    return this.moved.has(id) || (this.walked && !this.touched.has(id));
  }

  /** The names that are to get a key they have not. */
  heirs(key: PlacementKey): string[] {
    return without(this.to.owners(key, this.replicas), this.from.owners(key, this.replicas));
  }

  /** The names that are to have a key no more. */
  leavers(key: PlacementKey): string[] {
    return without(this.from.owners(key, this.replicas), this.to.owners(key, this.replicas));
  }

  /** Whether it is the same names that are to have a key. */
  stays(key: PlacementKey): boolean {
    return this.heirs(key).length === 0 && this.leavers(key).length === 0;
  }

  /** A call may make the key where it is now. */
  touch(id: string, key: PlacementKey): void {
    if (!this.walked && !this.moved.has(id) && !this.stays(key)) this.touched.set(id, key);
  }

  hasComeOver(id: string): void {
    this.moved.add(id);
    this.tried.delete(id);
    this.touched.delete(id);
  }
}

function without(names: string[], others: string[]): string[] {
  return names.filter((name) => !others.includes(name));
}
