import type { Milliseconds } from '../core/policy.ts';

interface Note {
  readonly took: Milliseconds;
  readonly tags: readonly string[];
}

/** Below so many it is not worth while to look for what has gone. */
const few = 64;

/**
 * What is known of the entries of a cache beside their values: how long they took to load, and which tags they have.
 * The cache does not say when an entry leaves it, so that any cache will do: whenever there are twice as many notes as
 * were in use last time, those of entries that are gone are looked for and dropped.
 */
export class EntryNotes<K> {
  readonly #isThere: (key: K) => boolean;
  readonly #notes: Map<K, Note> = new Map();
  readonly #tagged: Map<string, Set<K>> = new Map();
  #most: number = few;

  constructor(isThere: (key: K) => boolean) {
    this.#isThere = isThere;
  }

  get size(): number {
    return this.#notes.size;
  }

  set(key: K, took: Milliseconds, tags: readonly string[]): void {
    this.delete(key);
    if (this.#notes.size >= this.#most) this.#sweep();
    this.#notes.set(key, { took, tags: [...tags] });
    for (const tag of tags) {
      const keys = this.#tagged.get(tag);
      if (keys === undefined) this.#tagged.set(tag, new Set([key]));
      else keys.add(key);
    }
  }

  /** How long the entry took to load; 0 where nothing is known of it. */
  took(key: K): Milliseconds {
    return this.#notes.get(key)?.took ?? 0;
  }

  /** Keys of entries with this tag, some of which may be gone. */
  tagged(tag: string): K[] {
    return [...(this.#tagged.get(tag) ?? [])];
  }

  delete(key: K): void {
    const note = this.#notes.get(key);
    if (note === undefined) return;
    this.#notes.delete(key);
    for (const tag of note.tags) {
      const keys = this.#tagged.get(tag);
      keys?.delete(key);
      if (keys?.size === 0) this.#tagged.delete(tag);
    }
  }

  clear(): void {
    this.#notes.clear();
    this.#tagged.clear();
    this.#most = few;
  }

  #sweep(): void {
    for (const key of this.#notes.keys()) if (!this.#isThere(key)) this.delete(key);
    this.#most = Math.max(few, 2 * this.#notes.size);
  }
}
