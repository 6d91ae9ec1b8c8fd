import assert from 'node:assert/strict';
import { test } from 'vitest';
import {
  type Backoff,
  constant,
  decorrelated,
  equalJitter,
  exponential,
  fibonacci,
  fullJitter,
  jitter,
  linear,
  noJitter,
} from '../../src/algorithms/backoff.ts';
import { seededRandom } from '../../src/testing/seeded-random.ts';

const half = () => 0.5;

/** The first delays of a backoff, each knowing the one before. */
function delays(backoff: Backoff, count: number, random = half): number[] {
  const given: number[] = [];
  for (let attempt = 1; attempt <= count; attempt++) given.push(backoff(attempt, given.at(-1), random));
  return given;
}

test('a constant backoff waits the same every time', () => {
  assert.deepEqual(delays(constant({ delay: 50 }), 3), [50, 50, 50]);
  assert.deepEqual(delays(constant({ delay: 0 }), 2), [0, 0]);
});

test('a linear backoff adds its increment, which is its beginning unless given', () => {
  assert.deepEqual(delays(linear(), 3), [100, 200, 300]);
  assert.deepEqual(delays(linear({ initial: 10, increment: 5, max: 22 }), 5), [10, 15, 20, 22, 22]);
  assert.deepEqual(delays(linear({ initial: 0, increment: 5 }), 3), [0, 5, 10]);
});

test('an exponential backoff multiplies by its factor, also without jitter [K5]', () => {
  assert.deepEqual(delays(exponential({ factor: 3, jitter: noJitter }), 5), [100, 300, 900, 2_700, 8_100]);
});

test('an exponential backoff begins at 100, doubles up to 30 seconds, and takes any part of that', () => {
  assert.deepEqual(delays(exponential(), 10), [50, 100, 200, 400, 800, 1_600, 3_200, 6_400, 12_800, 15_000]);
});

test('a fibonacci backoff adds up the two before', () => {
  const backoff = fibonacci({ initial: 10, max: 1_000, jitter: noJitter });
  assert.deepEqual(delays(backoff, 12), [10, 10, 20, 30, 50, 80, 130, 210, 340, 550, 890, 1_000]);
  let [before, here] = [0, 1];
  for (let attempt = 1; attempt <= 70; attempt++) {
    assert.equal(fibonacci({ initial: 1, max: Infinity, jitter: noJitter })(attempt, undefined, half), here);
    [before, here] = [here, before + here];
  }
});

test('a decorrelated backoff takes anything from its beginning to three times the delay before [26]', () => {
  const backoff = decorrelated({ initial: 100, max: 1_000 });
  assert.equal(
    backoff(1, undefined, () => 0),
    100,
  );
  assert.equal(backoff(1, undefined, half), 200);
  assert.equal(backoff(2, 200, half), 350);
  assert.equal(backoff(3, 900, half), 1_000);
  assert.equal(backoff(2, 0, half), 100);
  assert.deepEqual(delays(decorrelated({ initial: 2_000, max: 1_000 }), 2), [1_000, 1_000]);
});

test('the cap holds after jitter too [26]', () => {
  const backoff = exponential({ initial: 100, max: 110, jitter: jitter(0.5) });
  assert.equal(
    backoff(1, undefined, () => 0.999),
    110,
  );
  assert.equal(
    backoff(1, undefined, () => 0),
    50,
  );
  assert.equal(
    backoff(9, undefined, () => 0),
    55,
  );
});

test('a million tries on, a delay is finite and at most its cap, even with a factor of 1e308 [24]', () => {
  for (const attempt of [1, 2, 1_024, 1_025, 1_476, 1_477, 1_000_000]) {
    for (const initial of [0, 1, 100]) {
      const max = 30_000;
      const all = [
        exponential({ initial, factor: 1e308, max, jitter: noJitter }),
        exponential({ initial, factor: Infinity, max, jitter: equalJitter }),
        exponential({ initial, max, jitter: jitter(1) }),
        fibonacci({ initial, max, jitter: noJitter }),
        linear({ initial, increment: 1e308, max }),
        decorrelated({ initial, max }),
      ];
      for (const backoff of all) {
        const delay = backoff(attempt, max, () => 0.999);
        assert.ok(delay >= 0 && delay <= max, `attempt ${attempt}: ${delay}`);
      }
    }
  }
});

test('without a cap a delay still is finite [24]', () => {
  assert.equal(exponential({ max: Infinity, jitter: noJitter })(1_000_000, undefined, half), Number.MAX_VALUE);
  assert.equal(
    decorrelated({ max: Infinity })(2, Number.MAX_VALUE, () => 0),
    100,
  );
});

test('a constant delay without end means stop, however it is spread [24]', () => {
  for (const spread of [noJitter, fullJitter, equalJitter, jitter(1)])
    for (const chance of [0, 0.5]) {
      assert.equal(
        constant({ delay: Infinity, jitter: spread })(1, undefined, () => chance),
        Infinity,
      );
    }
});

test('an increment without end begins where any other does, and is at the cap then [24]', () => {
  const backoff = linear({ initial: 10, increment: Infinity, max: 500 });
  assert.deepEqual(
    [1, 2, 3].map((attempt) => backoff(attempt, undefined, half)),
    [10, 500, 500],
  );
});

test('a beginning of 0 stays 0, however often it is multiplied [24]', () => {
  assert.deepEqual(delays(exponential({ initial: 0, factor: 1e308 }), 4), [0, 0, 0, 0]);
  assert.equal(fibonacci({ initial: 0 })(1_000_000, undefined, half), 0);
});

test('full jitter has its mean at half the delay, and equal jitter at three quarters [27]', () => {
  for (const [kind, share] of [
    [fullJitter, 0.5],
    [equalJitter, 0.75],
    [jitter(0.2), 1],
  ] as const) {
    const random = seededRandom(27);
    let total = 0;
    for (let i = 0; i < 100_000; i++) total += kind(1_000, random);
    const mean = total / 100_000;
    assert.ok(Math.abs(mean - share * 1_000) < share * 10, `${mean}`);
  }
});

test('the same seed gives the same delays [27]', () => {
  const backoff = exponential({ max: 1e9 });
  assert.deepEqual(delays(backoff, 20, seededRandom(5)), delays(exponential({ max: 1e9 }), 20, seededRandom(5)));
  assert.notDeepEqual(delays(backoff, 20, seededRandom(5)), delays(backoff, 20, seededRandom(6)));
});

test('a backoff has no memory: calls in between change nothing [28]', () => {
  const backoff = decorrelated();
  const alone = delays(backoff, 5, seededRandom(1));
  const random = seededRandom(1);
  const given: number[] = [];
  for (let attempt = 1; attempt <= 5; attempt++) {
    given.push(backoff(attempt, given.at(-1), random));
    backoff(attempt, 9_999, half);
  }
  assert.deepEqual(given, alone);
});

test('jitter of a user’s own is capped like ours', () => {
  assert.deepEqual(delays(linear({ initial: 10, max: 25, jitter: (delay) => delay + 7 }), 3), [17, 25, 25]);
});

test('options out of range are refused by name, range and value [7]', () => {
  const bad: [make: () => unknown, error: typeof RangeError | typeof TypeError, message: RegExp][] = [
    [() => constant({ delay: -1 }), RangeError, /^constant: delay must be a number of milliseconds.*got -1$/],
    [() => constant({} as { delay: number }), TypeError, /^constant: delay must be .*got undefined$/],
    [() => constant({ delay: 1, jitter: 1 as never }), TypeError, /^constant: jitter must be a function, got 1$/],
    [() => linear({ initial: NaN }), RangeError, /^linear: initial .*got NaN$/],
    [() => linear({ increment: -5 }), RangeError, /^linear: increment .*got -5$/],
    [() => linear({ max: '1' as never }), TypeError, /^linear: max .*got "1"$/],
    [() => exponential({ initial: -1 }), RangeError, /^exponential: initial .*got -1$/],
    [
      () => exponential({ factor: 0.5 }),
      RangeError,
      /^exponential: factor must be a number from 1 to Infinity, got 0.5$/,
    ],
    [() => exponential({ factor: NaN }), RangeError, /^exponential: factor .*got NaN$/],
    [() => exponential({ max: NaN }), RangeError, /^exponential: max .*got NaN$/],
    [() => exponential({ jitter: true as never }), TypeError, /^exponential: jitter .*got true$/],
    [() => exponential({ exponent: 3 } as never), TypeError, /^exponential: unknown option "exponent"/],
    [() => fibonacci({ initial: -1 }), RangeError, /^fibonacci: initial .*got -1$/],
    [() => fibonacci({ max: -1 }), RangeError, /^fibonacci: max .*got -1$/],
    [() => decorrelated({ initial: -1 }), RangeError, /^decorrelated: initial .*got -1$/],
    [() => decorrelated({ max: NaN }), RangeError, /^decorrelated: max .*got NaN$/],
    [() => jitter(1.5), RangeError, /^jitter: ratio must be a number from 0 to 1, got 1.5$/],
    [() => jitter(NaN), RangeError, /^jitter: ratio .*got NaN$/],
  ];
  for (const [make, name, message] of bad) assert.throws(make, { name: name.name, message });
});

test('an option that is undefined means its default, and options are not changed [7]', () => {
  const options: object = Object.freeze({ initial: undefined, max: undefined, jitter: undefined });
  assert.deepEqual(delays(exponential(options), 3), delays(exponential(), 3));
  assert.deepEqual(delays(fibonacci(options), 3), delays(fibonacci(), 3));
  assert.deepEqual(delays(linear({ ...options, increment: 0 }), 2), [100, 100]);
});
