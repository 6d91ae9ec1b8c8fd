import type { Random } from '../core/random.ts';
import type { SlotFrequencies } from './frequency-sketch.ts';
import { longerBytes, longerLinks } from './slot-arrays.ts';

/** How a `WindowOrder` divides its entries. */
export interface Tactic {
  /** The window's share of all: above 0, to 1. */
  readonly window: number;
  /** By how many uses more than those of who would leave for it an entry is let out of the window into main. */
  readonly margin: number;
}

/** What a slot's mark says: its uses since it was last looked at, up to 15; where it stands; and what its owner adds. */
export const usesMask = 15;
export const windowMark = 16;
const probationMark = 32;
const protectedMark = 48;
const placeMask = 48;
export const ownMark = 64;

/** The first nodes of the lists are their ends, one for each list; slots count from 1. */
const ends = 3;
const protectedShare = 0.8;
/** One in so many of those not admitted is, nevertheless: nobody who knows the sketch can shut out others for ever. */
const luck = 128;
const warm = 5;

/**
 * In which order entries leave: a window for those that come, and a main part that is entered from there by those that
 * are used more often than who would have to leave for them.
 *
 * ```text
 *   new ──→ window ──→ used more than the end of probation?  ──no──→ leaves
 *                        │ yes
 *                        ↓
 *                    probation ←── end unused ── protected (80 % of main)
 *                        └──────── end used ────────→
 * ```
 *
 * Nothing is moved on a use, only counted: an entry is judged when it has come to the end of its list. The window is a
 * queue, but one of more than half of all has a second chance for those used, which makes it as good as the list of an LRU.
 *
 * W-TinyLFU (Einziger, Friedman and Manes, "TinyLFU: a highly efficient cache admission policy", 2017) with CLOCK's
 * laziness (Corbató, "A paging experiment with the Multics system", 1968). No bound is known against the best cache.
 */
export class WindowOrder {
  marks: Uint8Array;
  /** Weights of slots; without them each weighs 1. */
  weights: Float64Array | undefined = undefined;
  private next: Uint32Array;
  private prev: Uint32Array;
  /** The weight of each place's entries, by its mark ÷ 16. */
  private readonly held: Float64Array = new Float64Array(4);
  private readonly frequencies: SlotFrequencies;
  private readonly random: Random;
  private tactic: Tactic;
  private windowMost: number = 0;
  private protectedMost: number = 0;
  /** Whether room was asked for since the last entry came in. */
  private pressed: boolean = false;
  /** How many are still to leave without being compared. */
  stale: number = 0;

  constructor(frequencies: SlotFrequencies, random: Random, tactic: Tactic, bound: number, length: number) {
    this.frequencies = frequencies;
    this.random = random;
    this.tactic = tactic;
    this.marks = new Uint8Array(length);
    this.next = new Uint32Array(length + ends).map((_, node) => (node < ends ? node : 0));
    this.prev = this.next.slice();
    this.divide(tactic, bound);
  }

  /** Entries move over little by little, as others come. */
  divide(tactic: Tactic, bound: number): void {
    this.tactic = tactic;
    const whole = this.weights === undefined;
    this.windowMost = whole ? Math.max(1, Math.round(tactic.window * bound)) : tactic.window * bound;
    this.protectedMost = (bound - this.windowMost) * protectedShare;
  }

  grow(length: number): void {
    this.marks = longerBytes(this.marks, length);
    this.next = longerLinks(this.next, length + ends);
    this.prev = longerLinks(this.prev, length + ends);
  }

  holds(slot: number): boolean {
    return ((this.marks[slot] as number) & placeMask) !== 0;
  }

  /** @param mark what its owner adds to the slot's mark */
  add(slot: number, mark: number): void {
    this.marks[slot] = mark;
    this.push(slot, windowMark);
    if (!this.pressed && (this.held[1] as number) > this.windowMost) this.move(this.last(windowMark), probationMark);
    this.pressed = false;
  }

  remove(slot: number): void {
    this.look(slot);
    this.unlink(slot);
    this.marks[slot] = 0;
  }

  reweighed(slot: number, by: number): void {
    const place = ((this.marks[slot] as number) & placeMask) >> 4;
    this.held[place] = (this.held[place] as number) + by;
  }

  /** So many of these, which are all, leave without being compared, if they are not used again: as if main were empty. */
  renew(slots: Iterable<number>, count: number): void {
    this.stale = count;
    const { marks, next, prev, held } = this;
    for (const slot of slots) {
      const mark = (marks[slot] as number) & ~usesMask;
      marks[slot] = (mark & placeMask) === protectedMark ? mark - protectedMark + probationMark : mark;
    }
    const [from, to] = [endOf(protectedMark), endOf(probationMark)];
    const first = next[from] as number;
    if (first === from) return;
    const last = prev[from] as number;
    const before = prev[to] as number;
    next[before] = first;
    prev[first] = before;
    next[last] = to;
    prev[to] = last;
    next[from] = from;
    prev[from] = from;
    held[2] = (held[2] as number) + (held[3] as number);
    held[3] = 0;
  }

  /** Who is to leave next. The order must not be empty. */
  victim(): number {
    if (this.stale > 0) {
      this.stale--;
      const end = this.mainEnd();
      if (end !== 0) return end;
    }
    this.pressed = true;
    for (let i = 0; i < 4 && this.above(); i++) this.move(this.windowEnd(), probationMark);
    if ((this.held[1] as number) < this.windowMost) return this.mainEnd() || this.windowEnd();
    const candidate = this.windowEnd();
    const end = this.mainEnd();
    if (candidate === 0 || end === 0) return candidate || end;
    if (!this.admits(candidate, end)) return candidate;
    this.move(candidate, probationMark);
    return end;
  }

  /** All, those first that seem to stay longest. */
  ranked(count: number): Uint32Array {
    const order = new Uint32Array(count);
    let at = 0;
    for (const end of [protectedMark, windowMark, probationMark].map(endOf)) {
      for (let node = this.next[end] as number; node !== end; node = this.next[node] as number)
        order[at++] = node - ends + 1;
    }
    return order;
  }

  /** Halves what was counted of each of these, which are all, and not told yet: none that was used becomes unused by it. */
  age(slots: Iterable<number>): void {
    const { marks } = this;
    for (const slot of slots) {
      const mark = marks[slot] as number;
      marks[slot] = (mark & ~usesMask) | (((mark & usesMask) + 1) >> 1);
    }
  }

  private admits(candidate: number, end: number): boolean {
    const frequency = this.frequencies.of(candidate);
    if (frequency > this.frequencies.of(end) + this.tactic.margin) return true;
    return frequency > warm && this.random() < 1 / luck;
  }

  /** Whether the window is above its share even without its end. */
  private above(): boolean {
    const end = this.last(windowMark);
    return end !== 0 && (this.held[1] as number) - this.weightOf(end) >= this.windowMost;
  }

  private windowEnd(): number {
    for (;;) {
      const slot = this.last(windowMark);
      if (slot === 0 || !this.look(slot) || this.tactic.window <= 0.5) return slot;
      this.move(slot, windowMark);
    }
  }

  private mainEnd(): number {
    for (;;) {
      const slot = this.last(probationMark);
      if (slot === 0) {
        if (this.last(protectedMark) === 0) return 0;
        this.demote();
      } else if (this.look(slot)) {
        this.move(slot, protectedMark);
        while ((this.held[3] as number) > this.protectedMost && this.last(protectedMark) !== 0) this.demote();
      } else return slot;
    }
  }

  private demote(): void {
    const slot = this.last(protectedMark);
    this.move(slot, this.look(slot) ? protectedMark : probationMark);
  }

  /** Tells what was counted. @returns whether the slot was used since the last time */
  private look(slot: number): boolean {
    const mark = this.marks[slot] as number;
    const uses = mark & usesMask;
    if (uses === 0) return false;
    this.marks[slot] = mark - uses;
    this.frequencies.used(slot, uses);
    return true;
  }

  private last(place: number): number {
    const node = this.prev[endOf(place)] as number;
    return node < ends ? 0 : node - ends + 1;
  }

  private move(slot: number, place: number): void {
    this.unlink(slot);
    this.push(slot, place);
  }

  private push(slot: number, place: number): void {
    const { next, prev } = this;
    const node = slot + ends - 1;
    const end = endOf(place);
    const first = next[end] as number;
    next[node] = first;
    prev[node] = end;
    prev[first] = node;
    next[end] = node;
    this.marks[slot] = ((this.marks[slot] as number) & ~placeMask) | place;
    this.held[place >> 4] = (this.held[place >> 4] as number) + this.weightOf(slot);
  }

  private unlink(slot: number): void {
    const { next, prev } = this;
    const node = slot + ends - 1;
    const before = prev[node] as number;
    const after = next[node] as number;
    next[before] = after;
    prev[after] = before;
    const place = ((this.marks[slot] as number) & placeMask) >> 4;
    this.held[place] = (this.held[place] as number) - this.weightOf(slot);
  }

  private weightOf(slot: number): number {
    return this.weights === undefined ? 1 : (this.weights[slot] as number);
  }
}

function endOf(place: number): number {
  return (place >> 4) - 1;
}
