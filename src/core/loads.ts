import { dispose } from './dispose.ts';
import { RejectedError } from './errors.ts';
import { shown } from './options.ts';
import type { Context } from './policy.ts';
import { nothing } from './promise.ts';
import { nobody, Origin, PlainScope, type Scope } from './scope.ts';
import { SharedWork } from './shared-work.ts';

/** Work that gives the value of a key, for all who wait for that. */
export class Load extends SharedWork {
  /** What it loads is called, and has not yet returned. */
  starting = true;
  /** Nobody may have asked for it; it has a waiter who does not leave. */
  readonly aside: boolean;
  /** Tags that were declared out of date while it ran. */
  readonly invalid: Set<string> = new Set();

  constructor(first: Scope, aside: boolean, over: (work: SharedWork) => void) {
    super(first, over);
    this.aside = aside;
  }
}

/**
 * The loads under way, at most one for each key, and which of them counts: one that was let go of goes on for those who
 * wait for it, and what it gives is for nobody else.
 */
export class Loads<K> {
  private readonly loads: Map<K, Load> = new Map();
  private readonly name: string;

  constructor(name: string) {
    this.name = name;
  }

  has(key: K): boolean {
    return this.loads.has(key);
  }

  /**
   * What the call would wait for: not what may have seen something that was declared out of date before the call.
   *
   * @throws {RejectedError} if that is what makes the call: it would wait for itself
   */
  find(key: K, context: Scope): Load | undefined {
    const load = this.loads.get(key);
    if (load?.starting || load?.isAround(context)) {
      throw new RejectedError({ name: this.name, message: `the load of ${shown(key)} asks for what it loads` });
    }
    return load?.invalid.size === 0 ? load : undefined;
  }

  /** A load that ends when all its callers are gone. It has still to be joined, and to be run. */
  begin(key: K, context: Scope, aside = false): Load {
    const load = new Load(context, aside, (ended) => {
      if (this.loads.get(key) === ended) this.loads.delete(key);
    });
    this.loads.set(key, load);
    return load;
  }

  /** A load that nobody waits for, and nobody ends. It has still to be run. */
  beginAside(key: K, context: Context | undefined): Load {
    const { priority, cost } = context ?? nobody;
    const scope = new PlainScope(new Origin({ priority, cost }, undefined, undefined), -1, 1, undefined);
    const load = this.begin(key, scope, true);
    // What is kept is shared with all who will get it; else there may be nobody who has it.
    load.join(scope).then(dispose, nothing);
    return load;
  }

  counts(key: K, load: Load): boolean {
    return this.loads.get(key) === load;
  }

  letGo(key: K): void {
    this.loads.delete(key);
  }

  letAllGo(): void {
    this.loads.clear();
  }

  /** Declares a tag out of date: loads under way may have seen what it was before. */
  invalidate(tag: string): void {
    for (const load of this.loads.values()) load.invalid.add(tag);
  }
}
