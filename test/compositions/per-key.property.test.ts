import assert from 'node:assert/strict';
import fc from 'fast-check';
import { test } from 'vitest';
import { perKey } from '../../src/compositions/per-key.ts';
import { guard } from '../../src/core/pipeline.ts';
import type { Policy } from '../../src/core/policy.ts';
import { ManualClock } from '../../src/testing/manual-clock.ts';

test('keeps at most maxKeys policies, and forgets the one asked for least recently', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 5 }), fc.array(fc.nat(8)), (maxKeys, asked) => {
      const keyed = perKey((_: number) => guard({}), { maxKeys });
      const known = new Map<number, Policy>();
      let recent: number[] = [];
      for (const key of asked) {
        const policy = keyed.for(key);
        assert.equal(policy === known.get(key), recent.includes(key));
        known.set(key, policy);
        recent = [...recent.filter((each) => each !== key), key].slice(-maxKeys);
        assert.equal(keyed.size, recent.length);
      }
    }),
  );
});

interface Kept {
  readonly key: number;
  asked: number;
  readonly policy: Policy;
}

test('forgets what is busy only when all that may be looked at is, for a list that says the same at length [104]', async () => {
  const step = fc.oneof(
    { weight: 4, arbitrary: fc.record({ ask: fc.nat(30) }) },
    { weight: 3, arbitrary: fc.record({ toggle: fc.nat(30) }) },
    { weight: 1, arbitrary: fc.record({ jump: fc.integer({ min: -50, max: 150 }) }) },
  );
  const bound = fc.integer({ min: 1, max: 12 });
  const time = fc.constantFrom(0, 100, Infinity);
  fc.assert(
    fc.property(bound, time, fc.array(step, { maxLength: 150 }), (maxKeys, maxIdle, steps) => {
      const clock = new ManualClock();
      const busy = new Set<number>();
      let looks = 0;
      let made = 0;
      const keyed = perKey(
        (key: number) => {
          made++;
          return guard(
            {},
            {
              get idle() {
                looks++;
                return !busy.has(key);
              },
            },
          );
        },
        { maxKeys, maxIdle, clock },
      );
      /** The one asked for least recently first. */
      let line: Kept[] = [];
      let saved = 0;
      for (const each of steps) {
        if ('jump' in each) clock.jump(each.jump);
        else if ('toggle' in each) {
          if (!busy.delete(each.toggle)) busy.add(each.toggle);
        } else {
          const now = clock.now();
          for (let i = 0; i < 2 && line[0] !== undefined; i++) {
            line[0].asked = Math.min(line[0].asked, now);
            if (maxIdle === Infinity || now - line[0].asked < maxIdle) break;
            const old = line.shift() as Kept;
            if (busy.has(old.key)) line.push(old);
          }
          const known = line.find(({ key }) => key === each.ask);
          if (known === undefined) {
            saved = Math.min(saved + 8, line.length);
            if (line.length === maxKeys) {
              const idle = line.slice(0, saved).findIndex(({ key }) => !busy.has(key));
              const passed = idle === -1 ? saved : idle;
              saved -= idle === -1 ? passed : passed + 1;
              const victim = idle === -1 ? line[0] : line[idle];
              line = [...line.slice(passed), ...line.slice(0, passed)].filter((one) => one !== victim);
            }
          }
          const before = made;
          const policy = keyed.for(each.ask);
          assert.equal(known === undefined ? made - before : known.policy, known === undefined ? 1 : policy);
          line = [...line.filter((one) => one !== known), { key: each.ask, asked: now, policy }];
        }
        assert.equal(keyed.size, line.length);
        assert.ok(looks <= 8 * made + 2 * steps.length);
      }
    }),
  );
});
