import assert from 'node:assert/strict';
import { test } from 'vitest';
import {
  type Backoff,
  decorrelated,
  equalJitter,
  exponential,
  fullJitter,
  type Jitter,
  jitter,
  linear,
  noJitter,
} from '../../src/algorithms/backoff.ts';
import { seededRandom } from '../../src/testing/seeded-random.ts';
import published from '../vectors/backoff.json' with { type: 'json' };

type Row = readonly (string | number | boolean | null)[];

const never = () => 0.5;

/** By the name a table has for it; a constant delay with a cap is a linear one that adds nothing. */
function made(kind: string, initial: number, step: number, max: number | null, jitter: Jitter = noJitter): Backoff {
  const options = { initial, max: max ?? Infinity, jitter };
  if (kind === 'exponential') return exponential({ ...options, factor: step });
  return linear({ ...options, increment: kind === 'constant' ? 0 : step });
}

function near(given: number, expected: number, what: string): void {
  assert.ok(Math.abs(given - expected) <= 1e-9 * Math.max(1, expected), `${what}: ${given}, not ${expected}`);
}

test('Envoy’s delays come out of full jitter [26]', () => {
  for (const [base, max, attempt, integer, delay] of published.envoy.rows as number[][] as [
    number,
    number,
    number,
    number,
    number,
  ][]) {
    const ceiling = exponential({ initial: base, max, jitter: noJitter })(attempt, undefined, never);
    const random = () => (integer % ceiling) / ceiling;
    near(
      exponential({ initial: base, max, jitter: fullJitter })(attempt, undefined, random),
      delay,
      `${base} ${attempt}`,
    );
  }
});

test('Polly’s delays come out of ours, with jitter of a quarter either way [24, 26]', () => {
  for (const row of published.polly.rows as Row[]) {
    const [kind, jittered, attempt, base, max, random, delay] = row as [
      string,
      boolean,
      number,
      number,
      number | null,
      number,
      number,
    ];
    const backoff = made(kind, base, kind === 'exponential' ? 2 : base, max, jittered ? jitter(0.25) : noJitter);
    near(
      backoff(attempt, undefined, () => random),
      delay,
      JSON.stringify(row),
    );
  }
});

test('at the attempts where others overflowed, a jittered delay is above 0 and at most its cap [24]', () => {
  const random = seededRandom(0);
  for (const attempt of [1, 2, 3, 4, 10, 100, 1_000, 1_024, 1_025]) {
    for (const max of [30_000, Infinity]) {
      for (const backoff of [exponential({ initial: 2_000, max }), decorrelated({ initial: 2_000, max })]) {
        const delay = backoff(attempt, undefined, random);
        assert.ok(delay > 0 && delay <= max && delay < Infinity, `${attempt}: ${delay}`);
      }
    }
  }
});

test('Finagle’s delays without jitter are ours [25]', () => {
  for (const row of published.finagle.rows as unknown as [string, number, number, number | null, number[]][]) {
    const [kind, start, step, max, delays] = row;
    const backoff = made(kind, start, step, max);
    assert.deepEqual(
      delays.map((_, i) => backoff(i + 1, undefined, never)),
      delays,
    );
  }
});

test('Finagle’s bounds of jittered delays hold for ours [26]', () => {
  const random = seededRandom(26);
  for (const row of published.finagleBounds.rows as unknown as [string, number, number, [number, number][]][]) {
    const [kind, initial, max, bounds] = row;
    const backoff = exponential({ initial, max, jitter: kind === 'full' ? fullJitter : equalJitter });
    for (let run = 0; run < 200; run++) {
      for (const [i, [least, most]] of bounds.entries()) {
        const delay = backoff(i + 1, undefined, random);
        assert.ok(delay >= least && delay <= most, `${kind}, attempt ${i + 1}: ${delay}`);
      }
    }
  }
});

test('Finagle’s bounds of decorrelated delays hold for ours [26]', () => {
  const random = seededRandom(27);
  for (let run = 0; run < 200; run++) {
    const initial = 1 + random() * 999;
    const max = initial * (1 + random());
    const backoff = decorrelated({ initial, max });
    let previous: number | undefined;
    for (let attempt = 1; attempt <= 10; attempt++) {
      const delay = backoff(attempt, previous, random);
      assert.ok(delay >= initial && delay <= Math.min(max, 3 * (previous ?? initial)));
      previous = delay;
    }
  }
});

test('the delays of the AWS clients are those of an exponential backoff for each kind of error [24, 25]', () => {
  const { max, rows } = published.smithy;
  for (const row of rows as unknown as [string, Record<string, number>, [string, number, number][]][]) {
    const [name, bases, steps] = row;
    for (const [kind, attempt, delay] of steps) {
      const backoff = exponential({ initial: bases[kind], max, jitter: noJitter });
      assert.equal(backoff(attempt, undefined, never), delay, `${name}: ${kind} ${attempt}`);
    }
  }
});

test('gRPC’s ranges are those of full jitter [26]', () => {
  for (const row of published.grpc.rows as number[][] as [number, number, number, number, number][]) {
    const [initial, factor, max, attempt, ceiling] = row;
    const backoff = exponential({ initial, factor, max });
    assert.equal(
      backoff(attempt, undefined, () => 0),
      0,
    );
    near(
      backoff(attempt, undefined, () => 0.75),
      0.75 * ceiling,
      `${attempt}`,
    );
  }
});

test('settings that gRPC refuses are refused [7]', () => {
  for (const [option, value, valid] of published.grpcOptions.rows as [string, unknown, boolean][]) {
    const make = () => exponential({ [option]: value } as object);
    if (valid) make();
    else assert.throws(make, { message: new RegExp(`^exponential: ${option} must be`) });
  }
});
