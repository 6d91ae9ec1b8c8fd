import { soon } from './abort.ts';
import { afterMicrotasks } from './clock.ts';
import { shown } from './options.ts';
import type { Scope } from './scope.ts';
import { SharedWork } from './shared-work.ts';

/** Keys that are asked for together. It ends when the last of those who asked is gone. */
class Batch<K> extends SharedWork {
  readonly asked: [key: K, asker: Scope][] = [];
}

/**
 * Gathers the keys that are asked for within one turn of the event loop, and asks for all of them at once: when no
 * microtask is left, so that what follows from an answer by promises alone is gathered too (as in Facebook's
 * DataLoader, 2015).
 */
export class Batches<K> {
  private readonly most: number;
  private readonly load: (keys: readonly K[], scope: Scope) => Promise<unknown>;
  /** Takes more keys. */
  private open: Batch<K> | undefined = undefined;
  /** Of each key that is asked for, the batch it came into last. */
  private readonly batches: Map<K, Batch<K>> = new Map();

  /** `load` is called with up to `most` keys, and gives an array of the result of each, or an `Error`. */
  constructor(most: number, load: (keys: readonly K[], scope: Scope) => Promise<unknown>) {
    this.most = most;
    this.load = load;
  }

  /** Whether a call is made inside the batch of this key, which would wait for itself. */
  isAround(key: K, context: Scope): boolean {
    return this.batches.get(key)?.isAround(context) ?? false;
  }

  async ask(key: K, asker: Scope): Promise<unknown> {
    const batch = this.open ?? this.begin(asker);
    batch.asked.push([key, asker]);
    if (batch.asked.length >= this.most) this.open = undefined;
    this.batches.set(key, batch);
    try {
      const results = (await batch.join(asker)) as Map<K, unknown>;
      const result = results.get(key);
      if (result instanceof Error) throw result;
      return result;
    } finally {
      if (this.batches.get(key) === batch) this.batches.delete(key);
    }
  }

  private begin(first: Scope): Batch<K> {
    const batch = new Batch<K>(first, () => {
      if (this.open === batch) this.open = undefined;
    });
    this.open = batch;
    soon(() => afterMicrotasks(() => this.send(batch)));
    return batch;
  }

  private send(batch: Batch<K>): void {
    if (this.open === batch) this.open = undefined;
    // Who has left meanwhile needs nothing. The last one may be patient, and wait to hear that nothing was begun.
    const keys = new Set(batch.asked.filter(([, asker]) => !asker.ended).map(([key]) => key));
    batch.run((scope) => this.results([...keys], scope as Scope));
  }

  private async results(keys: readonly K[], scope: Scope): Promise<Map<K, unknown>> {
    if (keys.length === 0) throw scope.signal.reason;
    const results = await this.load(keys, scope);
    if (!Array.isArray(results) || results.length !== keys.length) {
      const got = Array.isArray(results) ? `an array of ${results.length}` : shown(results);
      throw new TypeError(
        `loadThrough: loadMany must give an array with a result for each of ${keys.length} keys, got ${got}`,
      );
    }
    return new Map(keys.map((key, i) => [key, results[i]]));
  }
}
