import assert from 'node:assert/strict';
import { test } from 'vitest';
import { CallWindow } from '../../src/algorithms/windows.ts';

const counts = (window: { calls: number; marked: number }): [number, number] => [window.calls, window.marked];

test('a lone call is counted until it is exactly as old as the window [63]', () => {
  for (const start of [0, 5, 123_456]) {
    const window = new CallWindow({ duration: 10_000 });
    window.record(true, start);
    for (const [age, expected] of [
      [0, 1],
      [9_999, 1],
      [10_000, 0],
      [10_001, 0],
    ] as const) {
      window.advance(start + age);
      assert.deepEqual(counts(window), [expected, expected], `${age} ms old`);
    }
  }
});

test('each bucket leaves at its own boundary, with the calls that came in it [63]', () => {
  const window = new CallWindow({ duration: 1_000 });
  window.record(false, 0);
  window.record(true, 100);
  window.record(true, 199);
  window.record(false, 950);
  for (const [now, calls, marked] of [
    [999, 4, 2],
    [1_000, 3, 2],
    [1_001, 3, 2],
    [1_099, 3, 2],
    [1_100, 1, 0],
    [1_101, 1, 0],
    [1_899, 1, 0],
    [1_900, 0, 0],
    [1_901, 0, 0],
  ] as const) {
    window.advance(now);
    assert.deepEqual(counts(window), [calls, marked], `at ${now}`);
  }
});

test('is empty after an idle time as long as the window, or an hour [63, K16]', () => {
  for (const idle of [5_000, 5_001, 3_600_000]) {
    const window = new CallWindow({ duration: 5_000 });
    window.record(true, 1_000);
    window.record(true, 5_700);
    window.advance(5_700 + idle);
    assert.deepEqual(counts(window), [0, 0]);
    window.record(true, 5_700 + idle);
    assert.deepEqual(counts(window), [1, 1]);
  }
});

test('a step back of the clock takes nothing out and keeps nothing in for longer [66]', () => {
  const window = new CallWindow({ duration: 1_000 });
  window.record(true, 5_000);
  window.record(false, 5_400);
  window.record(true, 1_000);
  assert.deepEqual(counts(window), [3, 2]);
  // The first call was 400 ms old when the clock went back.
  window.advance(1_599);
  assert.deepEqual(counts(window), [3, 2]);
  window.advance(1_600);
  assert.deepEqual(counts(window), [2, 1]);
  window.advance(2_000);
  assert.deepEqual(counts(window), [0, 0]);
});

test('a window of a few microseconds and one without end count too', () => {
  const short = new CallWindow({ duration: 0.005 });
  short.record(true, 0.001);
  short.advance(0.0059);
  assert.deepEqual(counts(short), [1, 1]);
  short.advance(0.0061);
  assert.deepEqual(counts(short), [0, 0]);

  const endless = new CallWindow({ duration: Infinity });
  endless.record(true, 0);
  endless.advance(1e12);
  const copy = new CallWindow({ duration: Infinity });
  copy.restore(JSON.parse(JSON.stringify(endless.snapshot(1e12))), 0);
  assert.deepEqual(
    [counts(endless), counts(copy)],
    [
      [1, 1],
      [1, 1],
    ],
  );
});

test('a count window forgets the first call when one more than it holds has come [64]', () => {
  const window = new CallWindow({ calls: 3 });
  const seen: [number, number][] = [];
  for (const marked of [true, false, true, false, false, false]) {
    window.record(marked, 0);
    seen.push(counts(window));
  }
  assert.deepEqual(seen, [
    [1, 1],
    [2, 1],
    [3, 2],
    [3, 1],
    [3, 1],
    [3, 0],
  ]);
});

test('takes no longer however much time has passed: years of windows of a nanosecond, or an age without end', () => {
  const window = new CallWindow({ duration: 1e-6 });
  window.record(true, 0);
  window.record(true, 1e-7);
  window.record(true, 1e12);
  assert.deepEqual(counts(window), [1, 1]);
  const restored = new CallWindow({ duration: 1_000 });
  restored.restore([1_000, Infinity, ...new Array(20).fill(0)], 0);
  restored.advance(1);
  assert.deepEqual(counts(restored), [0, 0]);
});

test('what is saved of an empty window is nothing', () => {
  assert.equal(new CallWindow({ calls: 3 }).snapshot(7), undefined);
  const window = new CallWindow({ duration: 1_000 });
  window.record(true, 0);
  assert.equal(window.snapshot(1_000), undefined);
});

test('a window takes over nothing but what was saved of a window of its own size [72]', () => {
  const saved = new CallWindow({ duration: 1_000 });
  saved.record(true, 0);
  const bigger = new CallWindow({ duration: 2_000 });
  const count = new CallWindow({ calls: 3 });
  const wrong = [2_000, ...(saved.snapshot(0) as number[]).slice(1)];
  const wrongs = [
    Object.assign([...wrong], { 1: -5 }),
    Object.assign([...wrong], { 2: -5 }),
    [...wrong.slice(0, 21), 'x'],
  ];
  for (const other of [saved.snapshot(0), undefined, null, 'x', 3, {}, [], [2_000], [3, 1], ...wrongs]) {
    bigger.restore(other, 0);
    count.restore(other, 0);
  }
  assert.deepEqual(counts(bigger), [0, 0]);
  assert.deepEqual(counts(count), [0, 0]);
});

test('a count window goes on as if never saved, whatever fraction the clock shows [64, 72]', () => {
  const window = new CallWindow({ calls: 16 });
  for (let i = 0; i < 43; i++) window.record(i % 3 === 0, 0);
  const restored = new CallWindow({ calls: 16 });
  // The sum of this time and a number of calls does not give that number back.
  restored.restore(window.snapshot(0), 262_131.3701048773);
  for (let i = 0; i < 40; i++) {
    window.record(i % 2 === 0, 0);
    restored.record(i % 2 === 0, 262_131.3701048773 + i);
    assert.deepEqual(counts(restored), counts(window));
  }
});
