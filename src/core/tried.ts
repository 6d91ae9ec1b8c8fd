import type { Context } from './policy.ts';
import { memoryOf, remember } from './scope.ts';

/**
 * Names of targets that an execution has tried, and that have not answered well; the last one tried is the last.
 * Calls about a key are remembered with that key alone: one execution makes calls about many, and where one key's calls
 * go must not depend on the others'.
 */
export class Tries {
  /** What calls about a key are remembered by. */
  private readonly keyed: object = {};

  constructor() {
    remember();
  }

  /** What the execution has tried so far; undefined where nothing leads from one try to the next. */
  of(context: Context, key: string | undefined): Set<string> | undefined {
    const memory = memoryOf(context);
    if (memory === undefined) return undefined;
    if (key === undefined) {
      let tried = memory.get(this) as Set<string> | undefined;
      if (tried === undefined) memory.set(this, (tried = new Set()));
      return tried;
    }
    let byKey = memory.get(this.keyed) as Map<string, Set<string>> | undefined;
    if (byKey === undefined) memory.set(this.keyed, (byKey = new Map()));
    return byKey.get(key) ?? new TriedOfKey(byKey, key);
  }
}

/** Is kept for as long as there is something in it: an execution may make calls about any number of keys. */
class TriedOfKey extends Set<string> {
  private readonly home: Map<string, Set<string>>;
  private readonly key: string;

  constructor(home: Map<string, Set<string>>, key: string) {
    super();
    this.home = home;
    this.key = key;
  }

  override add(name: string): this {
    this.home.set(this.key, this);
    return super.add(name);
  }

  override delete(name: string): boolean {
    const was = super.delete(name);
    if (was && this.size === 0) this.home.delete(this.key);
    return was;
  }
}
