/**
 * Says which of many queues is served next, so that each has its share however long it is. Knows how many wait in each,
 * not who.
 *
 * Each call is stamped with the virtual time at which its turn begins: when the one before it in its queue has had its
 * turn, which takes as long as that call costs, and not before now. The earliest stamp goes first, and is what virtual
 * time now is; so a queue that was empty starts level with the others and has saved up nothing.
 *
 * Start-time fair queueing (Pawan Goyal, Harrick M. Vin, Haichen Cheng, SIGCOMM 1996), with its bound: over any stretch
 * in which two queues are never empty, what they are served, in costs added up, differs by no more than the two largest
 * costs, one of each. Joining and leaving take constant time, serving time in proportion to the queues in use.
 */
export class FairQueues {
  /** How many wait, in all. */
  length = 0;
  readonly #lengths: Uint32Array;
  /** When the turn of whoever is first begins. */
  readonly #starts: Float64Array;
  /** Those in which somebody waits, and nobody has been served since they were empty. They go first among equals. */
  readonly #fresh = new Set<number>();
  /** The others in which somebody waits. */
  readonly #continuing = new Set<number>();
  #now = 0;

  constructor(queues: number) {
    this.#lengths = new Uint32Array(queues);
    this.#starts = new Float64Array(queues);
  }

  lengthOf(queue: number): number {
    return this.#lengths[queue] as number;
  }

  /** The shortest queue of a hand, the first among equals. */
  shortest(hand: readonly number[]): number {
    return hand.reduce((best, queue) => (this.lengthOf(queue) < this.lengthOf(best) ? queue : best));
  }

  join(queue: number): void {
    if (this.#lengths[queue] === 0) {
      this.#fresh.add(queue);
      this.#starts[queue] = Math.max(this.#starts[queue] as number, this.#now);
    }
    this.#lengths[queue] = this.lengthOf(queue) + 1;
    this.length++;
  }

  /** Somebody has left, unserved. */
  leave(queue: number): void {
    this.#lengths[queue] = this.lengthOf(queue) - 1;
    this.length--;
    if (this.#lengths[queue] > 0) return;
    this.#fresh.delete(queue);
    this.#continuing.delete(queue);
  }

  /** The queue whose turn it is; `undefined` if nobody waits. */
  next(): number | undefined {
    let next: number | undefined;
    let earliest = Infinity;
    for (const queues of [this.#fresh, this.#continuing]) {
      for (const queue of queues) {
        const start = this.#starts[queue] as number;
        if (start >= earliest) continue;
        earliest = start;
        next = queue;
      }
    }
    return next;
  }

  /** Whoever is first in this queue has been served. */
  serve(queue: number, cost: number): void {
    const start = this.#starts[queue] as number;
    this.#now = Math.max(this.#now, start);
    this.#starts[queue] = start + cost;
    this.#fresh.delete(queue);
    this.#continuing.add(queue);
    this.leave(queue);
  }
}
