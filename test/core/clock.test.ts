import assert from 'node:assert/strict';
import { test } from 'vitest';
import { nextTurn, systemClock } from '../../src/core/clock.ts';
import { systemRandom } from '../../src/core/random.ts';
import { turn } from './support.ts';

test('the clock of the system never goes back, and knows the date [52]', () => {
  let last = systemClock.now();
  for (let i = 0; i < 1_000; i++) {
    const now = systemClock.now();
    assert.ok(now >= last);
    last = now;
  }
  assert.ok(Math.abs(systemClock.wall() - Date.now()) < 10_000);
});

test('the coarse time is read once a turn of the event loop, and never runs ahead [102]', async () => {
  const first = systemClock.coarse();
  // Time passes, in one turn.
  while (systemClock.now() < first + 2);
  assert.equal(systemClock.coarse(), first);
  await Promise.resolve();
  assert.equal(systemClock.coarse(), first);
  await turn();
  await turn();
  const later = systemClock.coarse();
  assert.ok(later >= first + 2);
  assert.ok(later <= systemClock.now());
});

test('a timer runs once, and never before its time [29, 52]', async () => {
  for (const delay of [0, 0.4, 1, 1.5, 3]) {
    for (let i = 0; i < 10; i++) {
      const due = systemClock.now() + delay;
      let runs = 0;
      await new Promise<void>((resolve) => {
        systemClock.schedule(delay, () => {
          runs++;
          resolve();
        });
      });
      assert.ok(systemClock.now() >= due);
      assert.equal(runs, 1);
    }
  }
});

test('a cancelled timer does not run, and to cancel it twice, or after it ran, does nothing [14]', async () => {
  const log: string[] = [];
  const cancelled = systemClock.schedule(0, () => log.push('cancelled'));
  cancelled.cancel();
  cancelled.cancel();
  await new Promise<void>((resolve) => {
    const ran = systemClock.schedule(1, () => {
      log.push('ran');
      ran.cancel();
      resolve();
    });
  });
  assert.deepEqual(log, ['ran']);
});

test('a delay above 31 bits, or without end, does not fire at once [29, 51, K6, O9]', async () => {
  const log: number[] = [];
  const timers = [2 ** 31 - 1, 2 ** 31, 2 ** 53, Infinity].map((delay) =>
    systemClock.schedule(delay, () => log.push(delay)),
  );
  await new Promise<void>((resolve) => systemClock.schedule(5, resolve));
  for (const timer of timers) timer.cancel();
  assert.deepEqual(log, []);
});

test('the next turn comes after all the microtasks of this one [53]', async () => {
  const log: string[] = [];
  const turned = new Promise<void>((resolve) =>
    nextTurn(() => {
      log.push('turn');
      resolve();
    }),
  );
  let chain = Promise.resolve();
  for (let i = 0; i < 5; i++) chain = chain.then(() => void log.push('microtask'));
  await turned;
  assert.deepEqual(log, [...Array.from({ length: 5 }, () => 'microtask'), 'turn']);
});

test('the chance of the system is from 0 up to, not including, 1 [26]', () => {
  for (let i = 0; i < 1_000; i++) {
    const chance = systemRandom();
    assert.ok(chance >= 0 && chance < 1);
  }
});
