import { systemRandom } from '../core/random.ts';
import type { CacheOptions, RemovalReason } from './cache.ts';
import { GhostQueue } from './ghost-queue.ts';
import { KeyHash } from './key-hash.ts';
import { MapQueue } from './map-queue.ts';
import { firstLength, longerBytes } from './slot-arrays.ts';
import { SlotCache } from './slot-cache.ts';

/** What a slot's state says: its queue, and in the lowest bits how often it was used there, up to three times. */
const uses = 3;
const inSmall = 4;
const inMain = 8;

/** Which part of the bound is for the small queue. */
const smallPart = 0.1;

/**
 * A cache of three queues, each first in, first out: a small one for what is new, a main one for what was used more than
 * once there, and a ghost one, of hashes alone, for what left the small one unused.
 *
 * When room is needed and the small queue has its tenth, its end goes to main if it was used more than once, and leaves if
 * not; otherwise the end of main comes to its front again as often as it was used, up to three times, and then leaves. What
 * comes back while its ghost is there goes to main at once. Before one goes from small to a main queue that is full, main
 * lets go of one, so that room is now and then made for two.
 *
 * A hit moves nothing. What is asked for once is gone after a tenth of the time it would have in a list, so that scans do
 * little harm; what is asked for again only after that leaves as well, and comes to stay the second time.
 *
 * ```text
 *          not seen lately            used more than once
 *   new ──────────────────→ [ small ] ──────────────────→ [      main      ] ──→ evicted
 *     ╰──── its ghost is there ──────────────────────────→  ↑______used______╯
 *                               ╰─ unused ──→ evicted, [  ghosts  ]
 * ```
 *
 * Yang, Zhang, Qiu, Yue and Vigfusson, "FIFO queues are all you need for cache eviction", SOSP 2023. There are as many
 * ghosts at most as main has entries. Of text keys with more than 1,024 characters the hashes see the first 512 and the
 * last 512: those that differ between have one ghost.
 *
 * @throws {TypeError | RangeError} for an option that is unknown, missing or out of range
 */
export class S3FifoCache<K, V> extends SlotCache<K, V> {
  private states: Uint8Array = new Uint8Array(firstLength);
  private small: MapQueue = new MapQueue(inSmall);
  private main: MapQueue = new MapQueue(inMain);
  private ghosts: GhostQueue = new GhostQueue();
  private readonly hash: KeyHash;
  private smallBound: number = 0;
  private mainBound: number = 0;
  /** Main has let go of one, so that another may come from small, and small of none as yet. */
  private promoting: boolean = false;
  private moves: number = 0;

  constructor(options: CacheOptions<K, V>) {
    super('S3FifoCache', options);
    this.hash = new KeyHash(options.random ?? systemRandom);
    this.bounded();
  }

  get(key: K): V | undefined {
    let slot = this.slots.get(key);
    if (this.watched) slot = this.heed(key, slot);
    if (slot === undefined) return undefined;
    this.touch(slot);
    return this.values[slot] as V;
  }

  protected touch(slot: number): void {
    const state = this.states[slot] as number;
    if ((state & uses) < uses) this.states[slot] = state + 1;
  }

  protected link(slot: number): void {
    if (this.promoting) {
      while (this.promoting) {
        const surplus = this.fromSmall();
        if (surplus !== 0) this.remove(surplus, 'evicted');
      }
      this.renew(slot);
    }
    const returns = this.ghosts.take(this.hash.of(this.keys[slot]));
    // An entry that was put aside while others made room may have been passed by main meanwhile.
    if (returns && this.weigh !== undefined) this.renew(slot);
    this.enter(slot, returns ? this.main : this.small);
    this.refresh();
  }

  protected unlink(slot: number, reason: RemovalReason): void {
    const queue = this.queueOf(slot);
    queue.leave(slot, this.weightOf(slot));
    this.states[slot] = 0;
    const key = this.keys[slot] as K;
    if (reason === 'evicted' || reason === 'resized') {
      if (queue === this.small) this.ghosts.add(this.hash.of(key), this.mostGhosts());
    } else {
      if (this.slots.has(key)) this.renew(slot);
      this.refresh();
    }
  }

  /** Once for as many as there are that have come, or gone unasked. */
  private refresh(): void {
    if (++this.moves < this.slots.size) return;
    this.moves = 0;
    this.small.refresh();
    this.main.refresh();
  }

  protected victim(): number {
    const { small, main } = this;
    if (this.promoting || small.weight >= this.smallBound || main.count === 0) {
      const slot = this.fromSmall();
      if (slot !== 0) return slot;
    }
    return this.fromMain();
  }

  /** @returns 0 if all have gone over to main */
  private fromSmall(): number {
    const { small, main, states } = this;
    let room = this.promoting;
    this.promoting = false;
    while (small.count > 0) {
      const slot = small.last(this.slots, states);
      if (((states[slot] as number) & uses) <= 1) return slot;
      if (!room && main.count > 0 && main.weight >= this.mainBound) {
        this.promoting = true;
        return this.fromMain();
      }
      room = false;
      small.leave(slot, this.weightOf(slot));
      this.renew(slot);
      this.enter(slot, main);
    }
    return 0;
  }

  private fromMain(): number {
    const { main, states } = this;
    for (;;) {
      const slot = main.last(this.slots, states);
      const state = states[slot] as number;
      if ((state & uses) === 0) return slot;
      states[slot] = state - 1;
      main.pass(slot);
      this.renew(slot);
    }
  }

  private queueOf(slot: number): MapQueue {
    return ((this.states[slot] as number) & inSmall) === 0 ? this.main : this.small;
  }

  private enter(slot: number, queue: MapQueue): void {
    this.states[slot] = queue.mark;
    queue.enter(this.weightOf(slot));
  }

  /** Makes it the newest of the `Map`. */
  private renew(slot: number): void {
    const key = this.keys[slot] as K;
    this.slots.delete(key);
    this.slots.set(key, slot);
  }

  private mostGhosts(): number {
    return this.weigh === undefined ? this.mainBound : Math.ceil((1 - smallPart) * (this.slots.size + 1));
  }

  protected override bounded(): void {
    if (this.weigh === undefined) {
      this.smallBound = Math.max(1, Math.floor(smallPart * this.maxEntries));
      this.mainBound = this.maxEntries - this.smallBound;
    } else {
      this.smallBound = smallPart * this.maxWeight;
      this.mainBound = this.maxWeight - this.smallBound;
    }
  }

  protected override reweighed(slot: number, by: number): void {
    this.queueOf(slot).weight += by;
  }

  /** Lets all entries leave a copy. */
  protected ranked(): Uint32Array {
    const copy = new S3FifoCache<number, undefined>({ maxWeight: 1, weigh: () => 1 });
    // Without end: sums of fractions are not exact, and none is to leave before it is asked for.
    copy.maxWeight = Infinity;
    copy.smallBound = this.smallBound;
    copy.mainBound = this.mainBound;
    for (const slot of this.slots.values()) {
      const copied = copy.insert(slot, undefined, this.weightOf(slot));
      copy.small.leave(copied, this.weightOf(slot));
      copy.enter(copied, this.queueOf(slot) === this.small ? copy.small : copy.main);
      copy.states[copied] = this.states[slot] as number;
    }
    copy.promoting = this.promoting;
    const order = new Uint32Array(this.slots.size);
    for (let i = order.length - 1; i >= 0; i--) {
      const slot = copy.victim();
      order[i] = copy.keys[slot] as number;
      copy.remove(slot, 'deleted');
    }
    return order;
  }

  protected override grow(length: number): void {
    super.grow(length);
    this.states = longerBytes(this.states, length);
  }

  protected override reset(): void {
    super.reset();
    this.states = new Uint8Array(firstLength);
    this.small = new MapQueue(inSmall);
    this.main = new MapQueue(inMain);
    this.ghosts = new GhostQueue();
    this.promoting = false;
    this.moves = 0;
  }
}
