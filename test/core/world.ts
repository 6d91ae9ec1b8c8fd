import type { Outcome } from '../../src/core/outcome.ts';
import type { Milliseconds } from '../../src/core/policy.ts';
import { ManualClock } from '../../src/testing/manual-clock.ts';

/**
 * A length of time that no other sum of such lengths equals, so that no two things are due at once: whole milliseconds
 * are made unequal by twenty bits behind the point, of which sums are exact.
 */
export function apart(length: Milliseconds, ...of: readonly number[]): Milliseconds {
  let hash = 0x9e3779b9;
  for (const part of of) {
    hash = Math.imul(hash ^ part, 0x85ebca6b);
    hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
    hash ^= hash >>> 16;
  }
  return length + ((hash >>> 12) | 1) / 2 ** 20;
}

/** What happened at one time. */
export interface Instant {
  readonly inOrder: string[];
  /** Part of the instant, but before or after the rest of it. */
  readonly beside: string[];
}

/** One clock with all that is written down on it, and what keeps count. */
export class World {
  readonly clock = new ManualClock();
  readonly log = new Map<Milliseconds, Instant>();
  /** What was entered and not left, by guard. */
  readonly inside = new Map<string, number>();
  /** Those among them whose permits stay while the work goes on. */
  readonly holders = new Set<string>();
  /** Faults that are seen only at the end. */
  readonly left: (() => string | undefined)[] = [];
  /** Timers of the tasks and of the test's own policies. */
  timers = 0;
  private readonly labels = new Map<unknown, string>();
  private readonly unsaid: (() => void)[] = [];

  write(entry: string, where: keyof Instant = 'inOrder'): void {
    const now = this.clock.now();
    let instant = this.log.get(now);
    if (instant === undefined) this.log.set(now, (instant = { inOrder: [], beside: [] }));
    instant[where].push(entry);
  }

  /** Beside the rest, in words found at the end: an error may still be given its cause in this very instant. */
  writeLate(entry: () => string): void {
    this.write('', 'beside');
    const { beside } = this.log.get(this.clock.now()) as Instant;
    const at = beside.length - 1;
    this.unsaid.push(() => {
      beside[at] = entry();
    });
  }

  /** What was written, with all its words. */
  read(): ReadonlyMap<Milliseconds, Instant> {
    for (const say of this.unsaid.splice(0)) say();
    return this.log;
  }

  later(delay: Milliseconds, run: () => void): void {
    this.timers++;
    this.clock.schedule(delay, () => {
      this.timers--;
      run();
    });
  }

  wait(delay: Milliseconds): Promise<void> {
    return new Promise((resolve) => this.later(delay, resolve));
  }

  /** What is known by its label is that very thing. */
  label<T>(thing: T, label: string): T {
    this.labels.set(thing, label);
    return thing;
  }

  /** A value that says when it is let go of. */
  value(label: string): Disposable {
    return this.label({ [Symbol.dispose]: () => this.write(`${label} disposed`) }, label);
  }

  say(thing: unknown): string {
    const label = this.labels.get(thing);
    if (label !== undefined) return label;
    if (!(thing instanceof Error)) return String(thing);
    return `${thing.name}(${thing.message}${thing.cause === undefined ? '' : `, cause: ${this.say(thing.cause)}`})`;
  }

  outcome(outcome: Outcome): string {
    if (outcome.ok) return `value ${this.say(outcome.value)}`;
    return `${outcome.abandoned ? 'abandoned' : 'error'} ${this.say(outcome.error)}`;
  }

  /** Entered by `by` 1, left by -1. */
  count(guard: string, by: number): void {
    this.inside.set(guard, (this.inside.get(guard) ?? 0) + by);
  }
}
