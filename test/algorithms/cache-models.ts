/**
 * What a cache of one kind holds, slow and obvious: each search goes through a list. `use` is a hit or a newer value,
 * `insert` a miss that is put in. Keys come out of `ranked` as a cache iterates: who is to leave next is last.
 */
export interface CacheModel {
  bound: number;
  has(key: number): boolean;
  use(key: number): void;
  insert(key: number): void;
  delete(key: number): void;
  /** Down to the bound. */
  shrink(): void;
  ranked(): number[];
}

/** One list, who leaves next at its end. */
class List implements CacheModel {
  bound: number;
  readonly moves: boolean;
  keys: number[] = [];

  constructor(bound: number, moves: boolean) {
    this.bound = bound;
    this.moves = moves;
  }

  has(key: number): boolean {
    return this.keys.includes(key);
  }

  use(key: number): void {
    if (!this.moves) return;
    this.delete(key);
    this.keys.unshift(key);
  }

  insert(key: number): void {
    while (this.keys.length >= this.bound) this.keys.pop();
    this.keys.unshift(key);
  }

  delete(key: number): void {
    this.keys = this.keys.filter((other) => other !== key);
  }

  shrink(): void {
    while (this.keys.length > this.bound) this.keys.pop();
  }

  ranked(): number[] {
    return this.keys;
  }
}

/** Sorted anew by count and then by last use, whenever somebody asks. */
class Lfu implements CacheModel {
  bound: number;
  readonly ageing: boolean;
  age = 0;
  time = 0;
  entries: { key: number; uses: number; last: number }[] = [];

  constructor(bound: number, ageing: boolean) {
    this.bound = bound;
    this.ageing = ageing;
  }

  has(key: number): boolean {
    return this.entries.some((entry) => entry.key === key);
  }

  use(key: number): void {
    for (const entry of this.entries.filter((entry) => entry.key === key)) {
      entry.uses++;
      entry.last = ++this.time;
    }
  }

  insert(key: number): void {
    while (this.entries.length >= this.bound) this.evict();
    this.entries.push({ key, uses: this.age + 1, last: ++this.time });
  }

  delete(key: number): void {
    this.entries = this.entries.filter((entry) => entry.key !== key);
  }

  shrink(): void {
    while (this.entries.length > this.bound) this.evict();
  }

  evict(): void {
    this.ranked();
    const victim = this.entries.pop();
    if (victim !== undefined && this.ageing) this.age = victim.uses;
  }

  ranked(): number[] {
    return this.entries.sort((a, b) => b.uses - a.uses || b.last - a.last).map(({ key }) => key);
  }
}

/** The newest first; the hand is where the next look is, `undefined` before the oldest. */
class Sieve implements CacheModel {
  bound: number;
  entries: { readonly key: number; visited: boolean }[] = [];
  hand: number | undefined = undefined;

  constructor(bound: number) {
    this.bound = bound;
  }

  has(key: number): boolean {
    return this.entries.some((entry) => entry.key === key);
  }

  use(key: number): void {
    for (const entry of this.entries) if (entry.key === key) entry.visited = true;
  }

  insert(key: number): void {
    while (this.entries.length >= this.bound) this.delete(this.sift());
    this.entries.unshift({ key, visited: false });
  }

  delete(key: number): void {
    const at = this.entries.findIndex((entry) => entry.key === key);
    if (key === this.hand) this.hand = this.entries[at - 1]?.key;
    this.entries.splice(at, 1);
  }

  shrink(): void {
    while (this.entries.length > this.bound) this.delete(this.sift());
  }

  sift(): number {
    for (;;) {
      let at = this.entries.findIndex((entry) => entry.key === this.hand);
      if (at < 0) at = this.entries.length - 1;
      const entry = this.entries[at] as { key: number; visited: boolean };
      this.hand = entry.key;
      if (!entry.visited) return entry.key;
      entry.visited = false;
      this.hand = this.entries[at - 1]?.key;
    }
  }

  /** What leaves first, second and so on if nothing comes. */
  ranked(): number[] {
    const rest = new Sieve(0);
    rest.entries = this.entries.map((entry) => ({ ...entry }));
    rest.hand = this.hand;
    const order: number[] = [];
    while (rest.entries.length > 0) {
      const key = rest.sift();
      rest.delete(key);
      order.unshift(key);
    }
    return order;
  }
}

/** The newest of each queue first. A key leaves `small` for `main` or for `ghosts`, and `main` for good. */
class S3Fifo implements CacheModel {
  bound: number;
  small: { readonly key: number; uses: number }[] = [];
  main: { readonly key: number; uses: number }[] = [];
  ghosts: number[] = [];
  /** The last one that left made room in main for the end of small: its turn is not over. */
  promoting = false;

  constructor(bound: number) {
    this.bound = bound;
  }

  get size(): number {
    return this.small.length + this.main.length;
  }

  get mostSmall(): number {
    return Math.max(1, Math.floor(this.bound / 10));
  }

  get mostMain(): number {
    return this.bound - this.mostSmall;
  }

  has(key: number): boolean {
    return [...this.small, ...this.main].some((entry) => entry.key === key);
  }

  use(key: number): void {
    for (const entry of [...this.small, ...this.main]) if (entry.key === key) entry.uses = Math.min(3, entry.uses + 1);
  }

  insert(key: number): void {
    while (this.size >= this.bound) this.evict();
    while (this.promoting) this.evictSmall();
    const back = this.ghosts.includes(key);
    this.ghosts = this.ghosts.filter((ghost) => ghost !== key);
    (back ? this.main : this.small).unshift({ key, uses: 0 });
  }

  delete(key: number): void {
    this.small = this.small.filter((entry) => entry.key !== key);
    this.main = this.main.filter((entry) => entry.key !== key);
  }

  shrink(): void {
    while (this.size > this.bound) this.evict();
  }

  evict(): number | undefined {
    const small = this.promoting || this.small.length >= this.mostSmall || this.main.length === 0;
    return (small ? this.evictSmall() : undefined) ?? this.evictMain();
  }

  evictSmall(): number | undefined {
    let room = this.promoting;
    this.promoting = false;
    for (;;) {
      const entry = this.small.at(-1);
      if (entry === undefined) return undefined;
      if (entry.uses <= 1) {
        this.small.pop();
        this.ghosts.unshift(entry.key);
        this.ghosts.length = Math.min(this.ghosts.length, this.mostMain);
        return entry.key;
      }
      if (this.main.length > 0 && this.main.length >= this.mostMain && !room) {
        this.promoting = true;
        return this.evictMain();
      }
      room = false;
      this.small.pop();
      this.main.unshift({ key: entry.key, uses: 0 });
    }
  }

  evictMain(): number {
    for (;;) {
      const { key, uses } = this.main.pop() as { key: number; uses: number };
      if (uses === 0) return key;
      this.main.unshift({ key, uses: uses - 1 });
    }
  }

  /** What leaves first, second and so on if nothing comes. */
  ranked(): number[] {
    const rest = new S3Fifo(this.bound);
    rest.small = this.small.map((entry) => ({ ...entry }));
    rest.main = this.main.map((entry) => ({ ...entry }));
    rest.promoting = this.promoting;
    const order: number[] = [];
    while (rest.size > 0) order.unshift(rest.evict() as number);
    return order;
  }
}

export const models = {
  LruCache: (bound: number): CacheModel => new List(bound, true),
  FifoCache: (bound: number): CacheModel => new List(bound, false),
  LfuCache: (bound: number): CacheModel => new Lfu(bound, true),
  'LfuCache without ageing': (bound: number): CacheModel => new Lfu(bound, false),
  SieveCache: (bound: number): CacheModel => new Sieve(bound),
  S3FifoCache: (bound: number): CacheModel => new S3Fifo(bound),
};
