/**
 * Counts slots, of which one caller may take several at once (Dijkstra's semaphore, 1965, with weights). Nobody waits
 * here: whoever gets none waits in a line of his own.
 */
export class Semaphore {
  /** Slots that are taken stay taken: after lowering, none is given out until enough have come back. */
  limit: number;
  /** Above `limit` only after that was lowered, until enough of them are released. */
  taken = 0;

  constructor(limit: number) {
    this.limit = limit;
  }

  tryAcquire(cost: number): boolean {
    if (this.taken + cost > this.limit) return false;
    this.taken += cost;
    return true;
  }

  /** Gives back what `tryAcquire` took. */
  release(cost: number): void {
    this.taken -= cost;
  }
}
