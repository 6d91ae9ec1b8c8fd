import assert from 'node:assert/strict';
import fc from 'fast-check';
import { test } from 'vitest';
import { refreshedTargets, type TargetSourceEvent } from '../../src/compositions/refreshed-targets.ts';
import type { Target } from '../../src/core/router.ts';
import { ManualClock } from '../../src/testing/manual-clock.ts';
import { seededRandom } from '../../src/testing/seeded-random.ts';

/** What a look-up comes to, and after how long, also longer than it may: it heeds no signal. */
interface Look {
  readonly after: number;
  readonly gives: readonly string[] | 'error';
  readonly ttl: number;
}

const timeout = 1_000;
const look: fc.Arbitrary<Look> = fc.record({
  after: fc.constantFrom(0, 1, 500, 999, 1_500, 7_000),
  gives: fc.oneof(
    fc.constant<'error'>('error'),
    fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'd', 'a 2', 'b 2'), { selector: (text) => text[0], maxLength: 4 }),
  ),
  ttl: fc.constantFrom(0, 3_000, 40_000, 1e9, NaN),
});

test('holds what the last look-up in time gave, looks up when that is over, and never twice at once', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(look, { minLength: 1, maxLength: 12 }),
      fc.boolean(),
      fc.integer(),
      async (looks, keepWhenEmpty, seed) => {
        const clock = new ManualClock();
        const told: { at: number; event: TargetSourceEvent<Target> }[] = [];
        const begun: number[] = [];
        let under = 0;
        /** The slow and obvious one: name and weight of each that is known. */
        let known: readonly string[] = [];
        const held = new Map<string, Target>();
        const set = {
          add(target: Target): void {
            assert.ok(!held.has(target.name));
            held.set(target.name, target);
          },
          remove: (name: string): boolean => held.delete(name),
        };
        using source = refreshedTargets<Target>({
          name: 'source',
          look: () =>
            new Promise((resolve, reject) => {
              assert.equal(++under, 1);
              begun.push(clock.now());
              const { after, gives, ttl } = looks[begun.length - 1] ?? { after: 0, gives: 'error', ttl: 0 };
              clock.schedule(after, () => {
                under--;
                if (gives === 'error') return reject(new Error('no'));
                if (after < timeout && (gives.length > 0 || !keepWhenEmpty)) known = gives;
                resolve({ targets: gives.map((text) => targetOf(text)), ttl: ttl >= 0 ? ttl : 0 });
              });
            }),
          same: (one, other) => one.weight === other.weight,
          timeout,
          minTtl: 2_000,
          maxTtl: 60_000,
          keepWhenEmpty,
          clock,
          random: seededRandom(seed),
          hopeless: () => false,
          tell: (event) => told.push({ at: clock.now(), event }),
        });
        source.feed(set);
        source.start();
        while (begun.length <= looks.length) {
          const before = new Map(held);
          const seen = told.length;
          await clock.advance(500);
          assert.deepEqual([...held.values()].map(textOf).sort(), [...known].sort());
          assert.deepEqual([...source].sort(byName), [...held.values()].sort(byName));
          // Who stays the same is the same object.
          for (const [name, target] of before)
            if (textOf(target) === textOf(held.get(name))) assert.equal(held.get(name), target);
          for (const { event } of told.slice(seen)) {
            if (event.type !== 'changed') continue;
            assert.ok(event.added.length + event.removed.length > 0);
          }
        }
        const ends = told.filter(({ event }) => event.type !== 'changed');
        for (const { at, event } of ends) {
          if (event.type === 'changed') continue;
          // Either one begins then, or the last is still under way and has failed once more.
          const due = at + event.delay;
          if (due < clock.now())
            assert.ok(begun.includes(due) || ends.some((end) => end.at === due && end.event.type === 'failed'));
          if (event.type === 'resolved') assert.ok(event.delay >= 2_000 && event.delay <= 66_000);
          else assert.ok(event.delay >= 500 && event.delay <= 30_000);
        }
        source[Symbol.dispose]();
        await clock.advance(10_000);
        assert.equal(clock.pending, 0);
      },
    ),
  );
});

function targetOf(text: string): Target {
  const [name = '', weight = '1'] = text.split(' ');
  return { name, weight: Number(weight) };
}

function textOf(target: Target | undefined): string {
  return target === undefined ? '' : target.name + (target.weight === 1 ? '' : ` ${target.weight}`);
}

function byName(a: Target, b: Target): number {
  return a.name < b.name ? -1 : 1;
}
