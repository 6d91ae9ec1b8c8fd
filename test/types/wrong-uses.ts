/** What must not compile. Checked by tsc alone, never run. */
import {
  bulkhead,
  type CallOptions,
  type Context,
  circuitBreaker,
  consecutiveFailures,
  exponential,
  failureRatio,
  fallback,
  type Policy,
  perKey,
  pipeline,
  retry,
  retryBudget,
  type Task,
  timeout,
} from '../../src/index.ts';

// A policy that adds in silence: `execute` says so, the policy does not.
const silent = {
  execute: async <T>(task: Task<T>, options?: CallOptions | Context): Promise<T | undefined> => {
    return retry().execute(task, options);
  },
};
// @ts-expect-error: undefined is added, and not declared
pipeline(silent);
// @ts-expect-error: wherever it stands
pipeline(retry(), silent, timeout({ duration: 1 }));
// @ts-expect-error: nor does it pass as a policy that adds nothing
export const policy: Policy = silent;
// @ts-expect-error: a fallback's value cannot be forgotten
export const forgotten: Policy = fallback({ value: null });
// @ts-expect-error: not a policy
pipeline(retry);
// @ts-expect-error: policies are arguments of their own
pipeline([retry()]);

// What an option may be.
// @ts-expect-error: a number
retry({ maxAttempts: '3' });
// @ts-expect-error: a backoff, not a length of time
retry({ backoff: 100 });
// @ts-expect-error: one of three verdicts
retry({ classify: () => 'retry' });
// @ts-expect-error: a verdict at once: only recoveries may take their time
circuitBreaker({ classify: async () => 'success' });
// @ts-expect-error: a trip rule
circuitBreaker({ trip: 0.5 });
// @ts-expect-error: one of two modes
timeout({ duration: 1, mode: 'polite' });
// @ts-expect-error: one of two ends
bulkhead({ maxConcurrent: 1, releaseOn: 'never' });
// @ts-expect-error: a window of time or of calls, not both
failureRatio({ window: { duration: 1, calls: 1 } });

// What must be given.
// @ts-expect-error: the duration
timeout({});
// @ts-expect-error: the options
timeout();
// @ts-expect-error: how many
bulkhead({ maxQueued: 1 });
// @ts-expect-error: a value or a function
fallback({});
// @ts-expect-error: one of them
fallback({ value: 1, with: () => 1 });

// Unknown options.
// @ts-expect-error: maxAttempts
retry({ attempts: 3 });
// @ts-expect-error: duration
timeout({ duration: 1, ms: 1 });
// @ts-expect-error: openDuration
circuitBreaker({ resetTimeout: 1 });
// @ts-expect-error: maxConcurrent
bulkhead({ maxConcurrent: 1, size: 1 });
// @ts-expect-error: count
consecutiveFailures({ failures: 1 });
// @ts-expect-error: factor
exponential({ exponent: 3 });
// @ts-expect-error: ratio
retryBudget({ share: 0.2 });
// @ts-expect-error: maxKeys
perKey((_: string) => retry(), { max: 1 });

// A call.
// @ts-expect-error: the attempt is counted, not given
void retry().execute(() => 1, { attempt: 2 });
// @ts-expect-error: a context is read-only
void retry().execute((context) => (context.attempt = 2));
// @ts-expect-error: a task, not a promise of one
void retry().execute(Promise.resolve(1));
// @ts-expect-error: a key of the keys' type
perKey((_: string) => retry()).for(1);
