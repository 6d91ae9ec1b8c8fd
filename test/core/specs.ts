import { consecutiveFailures } from '../../src/algorithms/trip-rules.ts';
import type { Outcome, Verdict } from '../../src/core/outcome.ts';
import { guard, pipeline, recovery } from '../../src/core/pipeline.ts';
import type { Milliseconds, Policy } from '../../src/core/policy.ts';
import { bulkhead } from '../../src/policies/bulkhead.ts';
import { circuitBreaker } from '../../src/policies/circuit-breaker.ts';
import { fallback } from '../../src/policies/fallback.ts';
import { retry } from '../../src/policies/retry.ts';
import { timeout } from '../../src/policies/timeout.ts';
import { around, guarding, recovering } from './own.ts';
import { apart, type World } from './world.ts';

/** Which outcomes are failures, and whether it takes time to say so. */
type Judges = 'by default' | 'all' | 'values too' | 'later';

/** A policy to be made: of ours, or of the test's own. */
export type Spec =
  | {
      kind: 'retry';
      maxAttempts: number;
      delay: Milliseconds;
      maxElapsed: Milliseconds | undefined;
      judges: Judges;
      budget: number | undefined;
    }
  | { kind: 'timeout'; duration: Milliseconds; mode: 'aggressive' | 'cooperative' }
  | { kind: 'breaker'; failures: number; open: Milliseconds; probes: number; lease: Milliseconds; judges: Judges }
  | {
      kind: 'bulkhead';
      slots: number;
      queue: number;
      maxWait: Milliseconds | undefined;
      releaseOn: 'settle' | 'abandon';
      ageing: Milliseconds;
    }
  | { kind: 'fallback'; gives: 'value' | 'later' | 'throws' | 'rejects'; judges: Judges }
  | ({ kind: 'guard' } & GuardSpec)
  | {
      kind: 'recovery';
      guard: GuardSpec | undefined;
      values: boolean;
      retries: boolean;
      answers: readonly AnswerSpec[];
    }
  | { kind: 'around'; runs: 'once' | 'again on failure' | 'twice'; hands: 'all' | 'nothing'; waits: Milliseconds }
  | { kind: 'pipeline'; row: readonly Spec[] };

export interface GuardSpec {
  /** `count`: one permit for all calls. `permits`: one for each. */
  enters: 'not' | 'count' | 'permits' | 'later';
  leaves: boolean;
  /** Each so-many-th call is turned away. */
  refuses: { every: number; how: 'throws' | 'returns' | 'throws an error of its own' } | undefined;
  waits: Milliseconds;
  holds: boolean;
  watches: { how: 'stop' | 'abort'; after: Milliseconds } | undefined;
  within: Milliseconds | undefined;
}

export interface AnswerSpec {
  says: 'again' | 'instead' | 'nothing' | 'throws';
  delay: Milliseconds;
  /** The answer itself, or what it gives instead, takes that long. */
  later: 'not' | 'answer' | 'instead';
  fails: boolean;
}

/** Makes the policies of a row. `apart` where pipelines are cut: arounds then hand on what they got themselves. */
export function built(world: World, row: readonly Spec[], cut: boolean): Policy<unknown>[] {
  let made = 0;
  const each = (spec: Spec): Policy<unknown>[] => {
    if (spec.kind !== 'pipeline') return [policy(world, spec, made++, cut)];
    const inner = spec.row.flatMap(each);
    // Cut in pieces, its parts are nested like the others.
    return cut ? inner : [pipeline(...inner)];
  };
  return row.flatMap(each);
}

function policy(world: World, spec: Exclude<Spec, { kind: 'pipeline' }>, id: number, cut: boolean): Policy<unknown> {
  const { clock } = world;
  const name = `${spec.kind} ${id}`;
  // A timeout tells of itself in a microtask of its own.
  const where = spec.kind === 'timeout' ? 'beside' : 'inOrder';
  const say = (text: string): void => world.write(`${name}: ${text}`, where);
  const onEvent = (event: { type: string }): void => {
    const told = Object.entries(event).map(
      ([key, value]) => `${key} ${key === 'outcome' ? world.outcome(value as unknown as Outcome) : world.say(value)}`,
    );
    say(told.join(', '));
  };
  const common = { name, clock, onEvent };
  switch (spec.kind) {
    case 'retry': {
      const { maxAttempts, maxElapsed, delay, judges, budget } = spec;
      return retry({
        ...common,
        maxAttempts,
        maxElapsed: maxElapsed && apart(maxElapsed, 10, id),
        backoff: (attempt) => (delay === 0 ? 0 : apart(delay, 11, id, attempt)),
        classify: judge(world, judges, id),
        ...(budget !== undefined && { budget: countedBudget(world, name, budget) }),
      });
    }
    case 'timeout': {
      const { duration, mode } = spec;
      return timeout({
        ...common,
        duration: apart(duration, 12, id),
        mode,
        onLate: (outcome) => say(`onLate ${world.outcome(outcome)}`),
      });
    }
    case 'breaker': {
      const { failures, open, probes, lease, judges } = spec;
      return circuitBreaker({
        ...common,
        trip: consecutiveFailures({ count: failures }),
        openDuration: apart(open, 13, id),
        halfOpenCalls: probes,
        probeLease: apart(lease, 14, id),
        ...(judges !== 'by default' && { classify: (outcome: Outcome) => (outcome.ok ? 'success' : 'failure') }),
      });
    }
    case 'bulkhead': {
      const { slots, queue, maxWait, releaseOn, ageing } = spec;
      const made = bulkhead({
        ...common,
        maxConcurrent: slots,
        maxQueued: queue,
        maxWait: maxWait && apart(maxWait, 15, id),
        releaseOn,
        ageing,
      });
      world.left.push(() => (made.idle ? undefined : `${name}: ${made.running} running, ${made.queued} queued`));
      return made;
    }
    case 'fallback': {
      const { gives, judges } = spec;
      let asked = 0;
      return fallback<unknown>({
        name,
        onEvent,
        classify: judge(world, judges, id),
        with: (outcome, { attempt }) => {
          say(`asked at try ${attempt} about ${world.outcome(outcome)}`);
          const error = world.label(new Error('fallback'), `error of ${name}`);
          if (gives === 'throws') throw error;
          const value = world.value(`value of ${name}`);
          if (gives === 'value') return value;
          return world.wait(apart(20, 16, id, asked++)).then(() => (gives === 'later' ? value : Promise.reject(error)));
        },
      });
    }
    case 'guard':
      return guard(guarding(world, spec, id, name));
    case 'recovery':
      return recovery<unknown, unknown>({
        ...(spec.guard && guarding(world, spec.guard, id, name)),
        ...recovering(world, spec, id, name),
      });
    case 'around':
      return around(world, spec, id, name, cut);
  }
}

function judge(world: World, judges: Judges, id: number) {
  if (judges === 'by default') return undefined;
  let asked = 0;
  return (outcome: Outcome): Verdict | Promise<Verdict> => {
    const n = asked++;
    const failed = !outcome.ok || (judges === 'values too' && n % 2 === 0);
    const verdict = failed ? 'failure' : 'success';
    return judges === 'later' ? world.wait(apart(5, 17, id, n)).then(() => verdict) : verdict;
  };
}

function countedBudget(world: World, name: string, grants: number) {
  return {
    begin: () => world.count(`budget of ${name}`, 1),
    tryRetry: () => grants-- > 0,
    end(retries: number, verdict: string) {
      world.count(`budget of ${name}`, -1);
      world.write(`${name}: budget ended after ${retries}, ${verdict}`);
    },
  };
}
