import assert from 'node:assert/strict';
import { test } from 'vitest';
import { eligible, rollOf } from '../../src/algorithms/eligible.ts';
import type { Endpoint } from '../../src/core/router.ts';
import { seededRandom } from '../../src/testing/seeded-random.ts';
import envoy from '../vectors/traffic-priority-failover-envoy.json' with { type: 'json' };

const random = seededRandom(5);
const rules = { zone: undefined, random };

/** So many of so many are up, for each priority. */
function pool(...levels: { healthy: number; total: number }[]): Endpoint[] {
  return levels.flatMap(({ healthy, total }, priority) =>
    Array.from({ length: total }, (_, i): Endpoint => {
      const target = { name: `${priority}${'abcdefgh'[i]}`, priority };
      return { target, weight: 1, pending: 0, state: i < healthy ? 'up' : 'down' };
    }),
  );
}

const names = (endpoints: readonly Endpoint[]): string => endpoints.map(({ target }) => target.name).join(' ');

test('shares calls among priorities as Envoy does, and goes to all of one that panics', () => {
  for (const { hosts, load, panic } of envoy.cases) {
    const all = pool(...hosts);
    const roll = rollOf(all, 0.5);
    assert.equal(
      roll.panics,
      panic.some((panics, i) => panics && (load[i] as number) > 0),
    );
    const counts = hosts.map(() => 0);
    for (let call = 0; call < 10_000; call++) {
      const got = eligible(roll, rules, new Set());
      const priority = got[0]?.target.priority as number;
      counts[priority] = (counts[priority] as number) + 1;
      const expected = all.filter(
        ({ target, state }) => target.priority === priority && (panic[priority] || state === 'up'),
      );
      assert.equal(names(got), names(expected));
    }
    for (const [i, share] of load.entries()) assert.ok(Math.abs((counts[i] as number) / 100 - share) < 2);
  }
});

test('a retry goes on to the next priority once all of the first have been tried', () => {
  const all = rollOf(pool({ healthy: 2, total: 2 }, { healthy: 1, total: 1 }), 0.5);
  assert.equal(names(eligible(all, rules, new Set())), '0a 0b');
  assert.equal(names(eligible(all, rules, new Set(['0a']))), '0b');
  assert.equal(names(eligible(all, rules, new Set(['0a', '0b']))), '1a');
  assert.equal(names(eligible(all, rules, new Set(['0a', '0b', '1a']))), '0a 0b');
});

test('a retry in panic goes on to the next priority too, and never to the last one tried where there is another', () => {
  const roll = rollOf(pool({ healthy: 0, total: 1 }, { healthy: 0, total: 1 }), 0.5);
  assert.deepEqual([roll.panics, names(roll.open)], [true, '0a 1a']);
  for (let i = 0; i < 20; i++) {
    assert.equal(names(eligible(roll, rules, new Set(['0a']))), '1a');
    assert.equal(names(eligible(roll, rules, new Set(['1a', '0a']))), '1a');
  }
});

test('finds the one that is up also where its share of the calls comes to nothing', () => {
  for (const one of [0, 1]) {
    const levels = [0, 1].map((priority) => ({ healthy: priority === one ? 1 : 0, total: 200 }));
    const all = pool(...levels);
    for (let i = 0; i < 20; i++) {
      const found = eligible(rollOf(all, 0), rules, new Set());
      assert.deepEqual([found.length, found[0]?.state, found[0]?.target.priority], [1, 'up', one]);
    }
  }
});

test('panics below the threshold, and not at it, whatever its product with the number of targets comes to', () => {
  for (const [healthy, total, threshold] of [
    [11, 20, 0.55],
    [7, 25, 0.28],
    [57, 100, 0.57],
  ] as const) {
    assert.equal(rollOf(pool({ healthy, total }), threshold).panics, false);
    assert.equal(rollOf(pool({ healthy: healthy - 1, total }), threshold).panics, true);
    const far = { healthy: 0, total: 1 };
    assert.equal(rollOf(pool({ healthy, total }, far), threshold).levels[0]?.panics, false);
    assert.equal(rollOf(pool({ healthy: healthy - 1, total }, far), threshold).levels[0]?.panics, true);
  }
});

test('finds nobody where none is up and there is no panic', () => {
  const all = pool({ healthy: 0, total: 2 }, { healthy: 0, total: 1 });
  assert.equal(eligible(rollOf(all, 0), rules, new Set()).length, 0);
  assert.ok(eligible(rollOf(all, 0.5), rules, new Set()).length > 0);
});
