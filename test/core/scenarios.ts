import fc from 'fast-check';
import type { Behaviour, Call, Scenario } from './play.ts';
import type { AnswerSpec, GuardSpec, Spec } from './specs.ts';

const often = <T>(value: T, other: fc.Arbitrary<T>): fc.Arbitrary<T> =>
  fc.oneof({ weight: 2, arbitrary: fc.constant(value) }, other);
const rarely = <T>(value: T, other: fc.Arbitrary<T>): fc.Arbitrary<T> =>
  fc.oneof({ weight: 4, arbitrary: fc.constant(value) }, other);
const length = fc.integer({ min: 1, max: 80 });
const count = fc.integer({ min: 1, max: 3 });

/** What one way of going on within an instant leaves open is left out where all must come in order. */
interface Bounds {
  readonly ordered: boolean;
}

const behaviour = ({ ordered }: Bounds): fc.Arbitrary<Behaviour> =>
  fc.record({
    gives: fc.oneof(
      { weight: 3, arbitrary: fc.constantFrom<Behaviour['gives']>('value', 'error') },
      fc.constantFrom<Behaviour['gives']>('nothing', 'undefined', 'abort error', 'final', 'rejected'),
    ),
    takes: fc.oneof(
      { weight: 2, arbitrary: ordered ? fc.constantFrom<Behaviour['takes']>('no promise', 'no time') : length },
      { weight: 4, arbitrary: length },
      fc.constant<Behaviour['takes']>(Infinity),
    ),
    foreign: rarely(false, fc.constant(true)),
    heeds: often(undefined, ordered ? length : fc.oneof(length, fc.constant(0))),
    holds: rarely(undefined, fc.record({ done: length, fails: fc.boolean() })),
  });

const judges = fc.constantFrom('by default' as const, 'all' as const, 'values too' as const, 'later' as const);

const guarding: fc.Arbitrary<GuardSpec> = fc.record({
  enters: fc.constantFrom('not', 'count', 'permits', 'later'),
  leaves: fc.oneof({ weight: 4, arbitrary: fc.constant(true) }, fc.constant(false)),
  refuses: rarely(
    undefined,
    fc.record({ every: count, how: fc.constantFrom('throws', 'returns', 'throws an error of its own') }),
  ),
  waits: length,
  holds: fc.boolean(),
  watches: rarely(undefined, fc.record({ how: fc.constantFrom('stop', 'abort'), after: length })),
  within: rarely(undefined, length),
});

/** Nothing at all to wait for: a fork, where others go on in the same instant. */
const pause = ({ ordered }: Bounds): fc.Arbitrary<number> => (ordered ? often(0, length) : length);

const answer = (bounds: Bounds): fc.Arbitrary<AnswerSpec> =>
  fc.record({
    says: fc.constantFrom('again', 'instead', 'nothing', 'throws'),
    delay: pause(bounds),
    later: fc.constantFrom('not', 'answer', 'instead'),
    fails: fc.boolean(),
  });

const single = (bounds: Bounds): fc.Arbitrary<Spec> =>
  fc.oneof(
    fc.record({
      kind: fc.constant('retry' as const),
      maxAttempts: fc.integer({ min: 1, max: 4 }),
      delay: pause(bounds),
      maxElapsed: rarely(undefined, length),
      judges,
      budget: rarely(undefined, fc.integer({ min: 0, max: 3 })),
    }),
    fc.record({
      kind: fc.constant('timeout' as const),
      duration: length,
      mode: fc.constantFrom('aggressive' as const, 'cooperative' as const),
    }),
    fc.record({
      kind: fc.constant('breaker' as const),
      failures: count,
      open: length,
      probes: count,
      lease: length,
      judges,
    }),
    fc.record({
      kind: fc.constant('bulkhead' as const),
      slots: count,
      queue: fc.integer({ min: 0, max: 3 }),
      maxWait: often(undefined, length),
      releaseOn: fc.constantFrom('settle' as const, 'abandon' as const),
      ageing: fc.constantFrom(1_000, 0, 10, Infinity),
    }),
    fc.record({
      kind: fc.constant('fallback' as const),
      gives: fc.constantFrom('value' as const, 'later' as const, 'throws' as const, 'rejects' as const),
      judges,
    }),
    guarding.map((guard) => ({ kind: 'guard' as const, ...guard })),
    fc.record({
      kind: fc.constant('recovery' as const),
      guard: fc.option(guarding, { nil: undefined }),
      values: fc.boolean(),
      retries: fc.boolean(),
      answers: fc.array(answer(bounds), { maxLength: 3 }),
    }),
    fc.record({
      kind: fc.constant('around' as const),
      runs: bounds.ordered
        ? fc.constantFrom('once' as const, 'again on failure' as const)
        : fc.constantFrom('once' as const, 'again on failure' as const, 'twice' as const),
      hands: fc.constantFrom('all' as const, 'nothing' as const),
      waits: pause(bounds),
    }),
  );

const row = (bounds: Bounds): fc.Arbitrary<Spec[]> =>
  fc.array(
    fc.oneof(
      { weight: 6, arbitrary: single(bounds) },
      fc.record({ kind: fc.constant('pipeline' as const), row: fc.array(single(bounds), { maxLength: 3 }) }),
    ),
    { minLength: 1, maxLength: 6 },
  );

const call = (bounds: Bounds, at: fc.Arbitrary<number>): fc.Arbitrary<Call> =>
  fc.record({
    at,
    does: fc.array(behaviour(bounds), { minLength: 1, maxLength: 4 }),
    signal: often(undefined, fc.integer({ min: 0, max: 1 })),
    deadline: rarely(undefined, fc.integer({ min: 1, max: 200 })),
    priority: rarely(undefined, fc.integer({ min: -2, max: 2 })),
  });

const aborts = fc.tuple(
  often(undefined, fc.integer({ min: 0, max: 150 })),
  often(undefined, fc.integer({ min: 0, max: 150 })),
);

const scenario = (bounds: Bounds, calls: fc.Arbitrary<Call[]>): fc.Arbitrary<Scenario> =>
  fc.record({ row: row(bounds), calls, aborts });

const alone: Bounds = { ordered: true };
const together: Bounds = { ordered: false };

/** One call. */
export const loners: fc.Arbitrary<Scenario> = scenario(
  alone,
  call(alone, fc.constant(1)).map((one) => [one]),
);

/**
 * Calls through the same policies. One bulkhead at most has a line: where a slot of two of them is handed over in one
 * instant, those who come out of the two lines run a race for what is inside both.
 */
export const crowds: fc.Arbitrary<Scenario> = scenario(
  together,
  fc.array(call(together, fc.integer({ min: 0, max: 150 })), { minLength: 1, maxLength: 6 }),
).map(({ row, ...rest }) => ({ row: withOneLine(row), ...rest }));

function withOneLine(row: readonly Spec[], seen = { line: false }): Spec[] {
  return row.map((spec) => {
    if (spec.kind === 'pipeline') return { ...spec, row: withOneLine(spec.row, seen) };
    if (spec.kind !== 'bulkhead' || spec.queue === 0) return spec;
    const queue = seen.line ? 0 : spec.queue;
    seen.line = true;
    return { ...spec, queue };
  });
}

/** Behind which policies a pipeline is cut; mostly behind each. */
export const cutting: fc.Arbitrary<boolean[]> = fc.oneof(
  { weight: 2, arbitrary: fc.constant<boolean[]>([true]) },
  fc.array(fc.boolean(), { minLength: 1, maxLength: 8 }).filter((cuts) => cuts.includes(true)),
);
