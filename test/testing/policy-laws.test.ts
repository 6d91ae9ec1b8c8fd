import assert from 'node:assert/strict';
import fc from 'fast-check';
import { describe, test } from 'vitest';
import { constant } from '../../src/algorithms/backoff.ts';
import { retryBudget } from '../../src/algorithms/budgets.ts';
import { slowCallRatio } from '../../src/algorithms/trip-rules.ts';
import { perKey } from '../../src/compositions/per-key.ts';
import { shuffleShard } from '../../src/compositions/shuffle-shard.ts';
import type { Outcome } from '../../src/core/outcome.ts';
import { guard, pipeline, recovery } from '../../src/core/pipeline.ts';
import type { CallOptions, Context, Policy } from '../../src/core/policy.ts';
import { bulkhead } from '../../src/policies/bulkhead.ts';
import { circuitBreaker } from '../../src/policies/circuit-breaker.ts';
import { degradation } from '../../src/policies/degradation.ts';
import { fallback } from '../../src/policies/fallback.ts';
import { retry } from '../../src/policies/retry.ts';
import { timeout } from '../../src/policies/timeout.ts';
import { type PolicyLawsOptions, policyLaws } from '../../src/testing/policy-laws.ts';

type Make = PolicyLawsOptions<typeof fc>['policy'];

const good: Record<string, Make> = {
  'an empty pipeline': () => pipeline(),
  'a retry': (clock, random) => retry({ clock, random }),
  'a retry with a budget, a bound and a judge': (clock, random) =>
    retry({
      clock,
      random,
      budget: retryBudget(),
      maxElapsed: 50,
      classify: async ({ ok }) => (ok ? 'success' : 'failure'),
    }),
  'a timeout': (clock) => timeout({ duration: 20, clock }),
  'a cooperative timeout': (clock) => timeout({ duration: 20, mode: 'cooperative', clock }),
  'a circuit breaker': (clock) => circuitBreaker({ clock }),
  'a circuit breaker of slow calls': (clock) =>
    circuitBreaker({ trip: slowCallRatio({ slowerThan: 10, minCalls: 1 }), openDuration: 30, clock }),
  'a bulkhead': (clock) => bulkhead({ maxConcurrent: 1, clock }),
  'a bulkhead with a line': (clock) => bulkhead({ maxConcurrent: 1, maxQueued: 3, maxWait: 40, grace: 1_000, clock }),
  'a fallback': () => fallback({ value: undefined }),
  'a fallback that takes its time': (clock) =>
    fallback({ with: () => new Promise((resolve) => clock.schedule(30, () => resolve('instead'))) }),
  'a policy of a key': (clock) => perKey(() => bulkhead({ maxConcurrent: 2, clock })).for('key'),
  'a flow of a shuffle shard': (clock, random) =>
    shuffleShard({ maxConcurrent: 1, maxQueued: 3, maxWait: 40, clock, random }).for('flow'),
  'optional work': (clock) =>
    degradation({ signals: [{ level: 'reduced', read: () => false }], clock }).when('reduced'),
  'optional work with a value in its place': (clock) =>
    degradation({ clock }).when('reduced', { otherwise: 'instead' }),
  'a pipeline of them': (clock, random) =>
    pipeline(
      fallback({ value: 'instead' }),
      retry({ backoff: constant({ delay: 7 }), clock, random }),
      circuitBreaker({ clock }),
      bulkhead({ maxConcurrent: 2, maxQueued: 1, clock }),
      timeout({ duration: 30, clock }),
    ),
  'a guard of a user': () => guard({ enter: () => 'permit', leave() {}, holds: true }),
  'a recovery of a user': (clock) =>
    recovery({ clock, recover: (_, { attempt }) => (attempt < 3 ? { again: 5 } : undefined) }),
  'a policy of a user in five lines': () => ({ execute: async (task, context) => await task(context as never) }),
};

describe('every policy of ours, and every good one of a user, keeps all laws', () => {
  for (const [name, policy] of Object.entries(good)) {
    for (const [law, property] of policyLaws({ fc, policy })) {
      test(`${name} ${law} [1, 2, 3, 4, 5, 8, 13, 48]`, () => fc.assert(property));
    }
  }
});

/** Policies with a fault, the law that it breaks, and what is said of it. */
const bad: [fault: RegExp, law: string, policy: Make][] = [
  [
    /has not been called when execute returns/,
    'calls the task at once',
    around(async (task) => (await null) ?? task()),
  ],
  [
    /null comes of the call, and not the value/,
    'calls the task at once',
    around(async (task) => (await task()) ?? null),
  ],
  [/is called 2 times/, 'calls the task at once', around((task) => task().then(() => task()))],
  [
    /comes of the call, and not the error/,
    'gives an error as it is',
    around((task) => task().catch((cause) => Promise.reject(new Error('wrapped', { cause })))),
  ],
  [
    /still pending after an hour/,
    'gives an error as it is',
    around((task) => task().catch(() => new Promise(() => {}))),
  ],
  [
    /is not told of the abort/,
    'settles with the reason at once',
    around((task) => task({ signal: new AbortController().signal })),
  ],
  [/priority -?\d becomes 7/, 'hands on what the caller says', around((task) => task({ priority: 7 }))],
  [/deadline \d+ becomes Infinity/, 'hands on what the caller says', around((task) => task({ deadline: Infinity }))],
  [/is given the value of another/, 'keeps calls apart', sharing],
  [/next call after a failure is still pending/, 'gives an error as it is', losing(({ ok }) => !ok)],
  [
    /next call after an abort is still pending/,
    'settles with the reason at once',
    losing((outcome) => !outcome.ok && outcome.abandoned),
  ],
  [/inner call is still pending/, 'lets its own task call it', hanging],
  [
    /1 timers are left/,
    'calls the task at once',
    (clock) => guard({ enter: () => void clock.schedule(1e9, () => {}) }),
  ],
  [
    /that is made starts a timer/,
    'calls the task at once',
    (clock) => (clock.schedule(1, () => {}) && pipeline()) as Policy,
  ],
];

describe('a fault is found, and said', () => {
  for (const [fault, law, policy] of bad) {
    test(`${law}: ${fault.source}`, async () => {
      const [, property] = policyLaws({ fc, policy }).find(([name]) => name.startsWith(law))!;
      const { failed, errorInstance } = await fc.check(property);
      assert.ok(failed);
      assert.match((errorInstance as Error).message, fault);
    });
  }
});

/** A policy by hand; what it does not hand on is as the caller said it. */
function around(execute: (task: (context?: CallOptions) => Promise<unknown>) => Promise<unknown>): Make {
  return () => ({ execute: (task) => execute(async (context) => task(context as Context)) as Promise<never> });
}

/** One at a time, the others in line; what ends so keeps its place for ever. */
function losing(lost: (outcome: Outcome) => boolean): Make {
  return () => {
    let busy = false;
    const line: (() => void)[] = [];
    return guard({
      enter() {
        if (busy) return new Promise<void>((resolve) => line.push(resolve));
        busy = true;
        return undefined;
      },
      leave(_, outcome) {
        if (lost(outcome)) return;
        const next = line.shift();
        if (next) next();
        else busy = false;
      },
    });
  };
}

/** Who comes while another is inside gets what that one gets. */
function sharing(): Policy {
  let shared: Promise<unknown> | undefined;
  return {
    execute: (task, context) =>
      (shared ??= Promise.resolve(task(context as Context)).finally(() => (shared = undefined))) as Promise<never>,
  };
}

/** Who comes while another is inside waits for ever. */
function hanging(): Policy {
  let inside = false;
  return {
    async execute(task, context) {
      if (inside) return new Promise(() => {});
      inside = true;
      try {
        return await task(context as Context);
      } finally {
        inside = false;
      }
    },
  };
}

test('says what it lacks, before any law is tried [7]', () => {
  const policy = () => retry();
  assert.throws(
    () => policyLaws({ policy } as never),
    /^TypeError: policyLaws: fc must be an object with asyncProperty, /,
  );
  assert.throws(() => policyLaws({ fc } as never), /^TypeError: policyLaws: policy must be a function, got undefined$/);
  assert.throws(
    () => policyLaws({ fc, policies: policy } as never),
    /unknown option "policies"; did you mean "policy"\?/,
  );
});
