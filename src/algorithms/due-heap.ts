import type { Milliseconds } from '../core/policy.ts';

/** What lies in a heap by the time it is due, and knows where. */
export interface Due {
  readonly due: Milliseconds;
  /** Its place in the heap; -1 outside. The heap's own. */
  at: number;
}

/**
 * Finds what is due first among many that come and go: a binary heap whose members know their place (Williams, 1964).
 * Coming and going take time in proportion to the logarithm of their number.
 */
export class DueHeap<D extends Due> {
  readonly #heap: D[] = [];

  get first(): D | undefined {
    return this.#heap[0];
  }

  add(one: D): void {
    this.#rise(one, this.#heap.length);
  }

  /** Nothing happens if it is not in here. */
  remove(one: D): void {
    const { at } = one;
    if (at < 0) return;
    one.at = -1;
    const last = this.#heap.pop() as D;
    if (last === one) return;
    this.#sink(last, at);
    this.#rise(last, last.at);
  }

  #rise(one: D, from: number): void {
    const heap = this.#heap;
    let at = from;
    while (at > 0) {
      const above = heap[(at - 1) >> 1] as D;
      if (above.due <= one.due) break;
      heap[at] = above;
      above.at = at;
      at = (at - 1) >> 1;
    }
    heap[at] = one;
    one.at = at;
  }

  #sink(one: D, from: number): void {
    const heap = this.#heap;
    let at = from;
    for (let below = 2 * at + 1; below < heap.length; below = 2 * at + 1) {
      if (below + 1 < heap.length && (heap[below + 1] as D).due < (heap[below] as D).due) below++;
      const next = heap[below] as D;
      if (one.due <= next.due) break;
      heap[at] = next;
      next.at = at;
      at = below;
    }
    heap[at] = one;
    one.at = at;
  }
}
