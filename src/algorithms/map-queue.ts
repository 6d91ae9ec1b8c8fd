/**
 * A queue of slots, first in, first out, that stand in the order of a `Map` whose values they are, and others between them.
 * It takes no memory of its own: states say who belongs to it, and an iterator goes on from its last one to the next.
 * Who comes in is the newest of the map.
 */
export class MapQueue {
  /** The bit in the states of those that belong to it. */
  readonly mark: number;
  count: number = 0;
  weight: number = 0;
  /** The last one, 0 if not known, and those after it. */
  private end: number = 0;
  private after: Iterator<number> | undefined = undefined;
  private moved: boolean = false;

  constructor(mark: number) {
    this.mark = mark;
  }

  enter(weight: number): void {
    this.count++;
    this.weight += weight;
  }

  leave(slot: number, weight: number): void {
    // An empty queue weighs 0, whatever sums of fractions say.
    this.weight = --this.count === 0 ? 0 : this.weight - weight;
    this.pass(slot);
  }

  /** The slot is no longer where it was: gone, or the newest of the map. */
  pass(slot: number): void {
    if (slot === this.end) this.end = 0;
  }

  /** The one that came in first; there must be one. */
  last(slots: ReadonlyMap<unknown, number>, states: Uint8Array): number {
    if (this.end !== 0) return this.end;
    this.after ??= slots.values();
    this.moved = true;
    let slot: number;
    do slot = this.after.next().value;
    while (((states[slot] as number) & this.mark) === 0);
    this.end = slot;
    return slot;
  }

  /** To be called now and then: an iterator holds on to every table that its `Map` has had since it last moved. */
  refresh(): void {
    if (!this.moved) {
      this.end = 0;
      this.after = undefined;
    }
    this.moved = false;
  }
}
