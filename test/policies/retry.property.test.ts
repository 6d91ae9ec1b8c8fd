import assert from 'node:assert/strict';
import fc from 'fast-check';
import { test } from 'vitest';
import { attemptsOf } from '../../src/core/attempts.ts';
import { RejectedError } from '../../src/core/errors.ts';
import { retry } from '../../src/policies/retry.ts';
import { ManualClock } from '../../src/testing/manual-clock.ts';

interface Try {
  readonly kind: 'value' | 'bad value' | 'error' | 'final' | 'rejected';
  readonly takes: number;
  readonly hint: number | undefined;
  /** What the backoff says after it. */
  readonly delay: number;
}

interface Case {
  readonly tries: readonly Try[];
  readonly maxAttempts: number;
  readonly maxElapsed: number;
  readonly maxRetryAfter: number;
  readonly deadline: number;
  readonly grants: number;
  readonly judges: 'not at all' | 'at once' | 'later';
  /** Between two milliseconds, so that it is never in the same instant as anything else. */
  readonly abort: number;
}

const short = fc.integer({ min: 0, max: 60 });
const often = <T>(value: T, other: fc.Arbitrary<T>) => fc.oneof({ weight: 2, arbitrary: fc.constant(value) }, other);
const cases: fc.Arbitrary<Case> = fc.record({
  tries: fc.array(
    fc.record({
      kind: fc.oneof(
        { weight: 6, arbitrary: fc.constant<Try['kind']>('error') },
        fc.constantFrom<Try['kind']>('value', 'bad value', 'final', 'rejected'),
      ),
      takes: short,
      hint: fc.option(short, { nil: undefined }),
      delay: fc.oneof({ weight: 9, arbitrary: short }, fc.constantFrom(-1, Infinity)),
    }),
    { minLength: 1, maxLength: 8 },
  ),
  maxAttempts: fc.oneof(fc.integer({ min: 1, max: 8 }), fc.constant(Infinity)),
  maxElapsed: often(Infinity, fc.integer({ min: 0, max: 200 })),
  maxRetryAfter: often(60_000, short),
  deadline: often(Infinity, fc.integer({ min: 0, max: 200 })),
  grants: often(Infinity, fc.integer({ min: 0, max: 4 })),
  judges: fc.constantFrom('not at all', 'at once', 'later'),
  abort: often(Infinity, fc.integer({ min: 0, max: 200 })).map((at) => at + 0.5),
});

interface Course {
  readonly starts: number[];
  end: number;
  result: string;
  /** Reasons in the history of the error the caller gets, and what the budget is told at the end. */
  reasons: string[];
  ended: string;
}

/** What is to happen, worked out one try after the other. */
function expected(given: Case): Course {
  const { tries, maxAttempts, maxElapsed, maxRetryAfter, deadline, abort } = given;
  const course: Course = { starts: [], end: 0, result: '', reasons: [], ended: '' };
  let { grants } = given;
  let now = 0;
  for (let n = 1; ; n++) {
    course.starts.push(now);
    const { kind, takes, hint = 0, delay } = tries[(n - 1) % tries.length] as Try;
    const stop = (verdict: string, reason?: string): Course => {
      course.end = now;
      course.result = `${kind} ${n}`;
      if (reason !== undefined) course.reasons.push(reason);
      if (kind === 'value' || kind === 'bad value') course.reasons = [];
      course.ended = `${n - 1} ${verdict}`;
      return course;
    };
    const aborted = (): Course => {
      course.end = abort;
      course.result = 'aborted';
      course.reasons = [];
      course.ended = `${n - 1} ignore`;
      return course;
    };
    if (abort < now + takes) return aborted();
    now += takes;
    if (kind === 'value' || (kind === 'bad value' && given.judges === 'not at all')) return stop('success');
    if (kind === 'rejected') return stop('ignore', n > 1 ? 'ignored' : undefined);
    if (kind === 'final') return stop('failure', 'not-retryable');
    if (n >= maxAttempts) return stop('failure', 'exhausted');
    if (hint > maxRetryAfter) return stop('failure', 'retry-after-too-long');
    const wait = Math.max(delay, hint);
    if (delay < 0 || wait === Infinity) return stop('failure', 'stopped');
    if (now + wait > maxElapsed) return stop('failure', 'max-elapsed');
    if (now + wait > deadline) return stop('failure', 'deadline');
    if (grants-- <= 0) return stop('failure', 'budget');
    course.reasons.push(hint > delay ? 'retry-after' : 'backoff');
    if (abort < now + wait) {
      n++;
      return aborted();
    }
    now += wait;
  }
}

/** What does happen. */
async function happened(given: Case): Promise<Course> {
  const clock = new ManualClock();
  const controller = new AbortController();
  const { tries, maxAttempts, maxElapsed, maxRetryAfter, deadline, abort, judges } = given;
  let { grants } = given;
  const course: Course = { starts: [], end: -1, result: '', reasons: [], ended: '' };
  const verdict = (outcome: { ok: boolean; value?: unknown; error?: unknown }) =>
    String(outcome.value).startsWith('value')
      ? 'success'
      : outcome.error instanceof RejectedError
        ? 'ignore'
        : 'failure';
  const policy = retry({
    clock,
    maxAttempts,
    maxElapsed,
    maxRetryAfter,
    backoff: (attempt) => (tries[(attempt - 1) % tries.length] as Try).delay,
    ...(judges === 'at once' && { classify: verdict }),
    ...(judges === 'later' && { classify: async (outcome) => verdict(outcome) }),
    budget: {
      begin() {},
      tryRetry: () => grants-- > 0,
      end(retries, verdict) {
        assert.equal(course.ended, '', 'ended twice');
        course.ended = `${retries} ${verdict}`;
      },
    },
  });
  const task = ({ attempt }: { attempt: number }) => {
    course.starts.push(clock.now());
    const { kind, takes, hint } = tries[(attempt - 1) % tries.length] as Try;
    const what = `${kind} ${attempt}`;
    return new Promise((resolve, reject) => {
      const give = () => {
        const more = { ...(hint !== undefined && { retryAfter: hint }), ...(kind === 'final' && { retryable: false }) };
        if (kind === 'value') resolve(what);
        else if (kind === 'bad value') resolve(Object.assign(Object(what), more));
        else if (kind === 'rejected') reject(new RejectedError({ name: 'inner', message: what, retryAfter: hint }));
        else reject(Object.assign(new Error(what), more));
      };
      clock.schedule(takes, give);
    });
  };
  clock.schedule(abort, () => controller.abort('aborted'));
  const settled = policy.execute(task, { signal: controller.signal, deadline }).then(
    (value) => {
      course.end = clock.now();
      course.result = String(value);
    },
    (error) => {
      course.end = clock.now();
      course.result = error instanceof Error ? error.message : error;
      course.reasons = attemptsOf(error).map(({ reason }) => reason);
    },
  );
  for (let turns = 0; course.end < 0 && turns < 2_000; turns++) await clock.advance(10);
  await settled;
  await clock.advance(1_000);
  return course;
}

test('tries, waits, ends and history are those of the obvious model, whatever happens when [11, 14, 15, 17, 20, 22, 30, 32, 33, 34, 36]', async () => {
  await fc.assert(
    fc.asyncProperty(
      // A course without end is one that nobody could wait for.
      cases.filter(
        (given) =>
          given.maxAttempts <= 8 ||
          given.grants <= 4 ||
          (given.maxElapsed <= 200 && given.tries.every(({ takes }) => takes > 0)),
      ),
      async (given) => {
        assert.deepEqual(await happened(given), expected(given));
      },
    ),
  );
});
