import assert from 'node:assert/strict';
import fc from 'fast-check';
import { test } from 'vitest';
import { CallWindow } from '../../src/algorithms/windows.ts';

type Step = { record: boolean } | { move: number } | { restart: number };

/** Whole milliseconds: there the arithmetic of both sides is exact. */
const steps = (span: number): fc.Arbitrary<Step[]> =>
  fc.array(
    fc.oneof(
      { weight: 6, arbitrary: fc.record({ record: fc.boolean() }) },
      { weight: 6, arbitrary: fc.record({ move: fc.integer({ min: 0, max: Math.ceil(span / 4) }) }) },
      { weight: 2, arbitrary: fc.record({ move: fc.integer({ min: -2 * span, max: 3 * span }) }) },
      { weight: 1, arbitrary: fc.record({ restart: fc.integer({ min: -1e6, max: 1e6 }) }) },
    ),
    { maxLength: 80 },
  );

/** Every call, each with the bucket it came in. */
class NaiveWindow {
  #calls: { readonly bucket: number; readonly marked: boolean }[] = [];
  /** The sum of the clock's steps forward. */
  time = 0;
  #origin = 0;
  readonly #duration: number;

  constructor(duration: number) {
    this.#duration = duration;
  }

  #bucket(): number {
    return Math.floor(((this.time - this.#origin) * 10) / this.#duration);
  }

  inside(): readonly { readonly marked: boolean }[] {
    this.#calls = this.#calls.filter(({ bucket }) => this.#bucket() - bucket < 10);
    if (this.#calls.length === 0) this.#origin = this.time;
    return this.#calls;
  }

  record(marked: boolean): void {
    this.inside();
    this.#calls.push({ bucket: this.#bucket(), marked });
  }
}

test('a time window equals a list of all calls filtered by the age of their bucket, whatever the clock does [65, 66, 72]', () => {
  fc.assert(
    fc.property(
      fc
        .integer({ min: 1, max: 2_000 })
        .chain((duration) => fc.tuple(fc.constant(duration), fc.integer(), steps(duration))),
      ([duration, start, history]) => {
        let window = new CallWindow({ duration: duration });
        const naive = new NaiveWindow(duration);
        let now = start;
        for (const step of history) {
          if ('move' in step) {
            now += step.move;
            naive.time += Math.max(step.move, 0);
            window.advance(now);
          } else if ('record' in step) {
            window.record(step.record, now);
            naive.record(step.record);
          } else {
            const saved = JSON.stringify(window.snapshot(now)) as string | undefined;
            now = step.restart;
            window = new CallWindow({ duration: duration });
            window.restore(saved === undefined ? undefined : JSON.parse(saved), now);
          }
          const inside = naive.inside();
          assert.deepEqual(
            [window.calls, window.marked],
            [inside.length, inside.filter(({ marked }) => marked).length],
          );
        }
      },
    ),
  );
});

test('a time window counts every call younger than nine tenths of it, and none as old as itself [63, 65]', () => {
  fc.assert(
    fc.property(
      fc
        .integer({ min: 1, max: 2_000 })
        .chain((duration) => fc.tuple(fc.constant(duration), fc.integer(), steps(duration))),
      ([duration, start, history]) => {
        const window = new CallWindow({ duration: duration });
        const times: number[] = [];
        let now = start;
        let time = 0;
        for (const step of history) {
          if ('record' in step) {
            window.record(true, now);
            times.push(time);
          } else if ('move' in step) {
            now += step.move;
            time += Math.max(step.move, 0);
          }
          window.advance(now);
          const ages = times.map((then) => time - then);
          assert.ok(window.calls >= ages.filter((age) => 10 * age <= 9 * duration).length);
          assert.ok(window.calls <= ages.filter((age) => age < duration).length);
          assert.equal(window.marked, window.calls);
        }
      },
    ),
  );
});

test('a count window equals the end of a list of all calls [64, 65, 72]', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 20 }),
      fc.array(fc.oneof(fc.boolean(), fc.constant('restart'))),
      (size, history) => {
        let window = new CallWindow({ calls: size });
        const all: boolean[] = [];
        for (const step of history) {
          if (typeof step === 'boolean') {
            window.record(step, 0);
            all.push(step);
          } else {
            const saved = JSON.stringify(window.snapshot(5)) as string | undefined;
            window = new CallWindow({ calls: size });
            window.restore(saved === undefined ? undefined : JSON.parse(saved), 9);
          }
          const last = all.slice(-size);
          assert.deepEqual([window.calls, window.marked], [last.length, last.filter((marked) => marked).length]);
        }
      },
    ),
  );
});
