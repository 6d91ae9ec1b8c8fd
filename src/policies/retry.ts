import { type Backoff, exponential } from '../algorithms/backoff.ts';
import type { Budget } from '../algorithms/budgets.ts';
import { type Attempt, addAttempt, keepAttempts } from '../core/attempts.ts';
import { type Clock, systemClock } from '../core/clock.ts';
import { dispose } from '../core/dispose.ts';
import { emit, type Listener } from '../core/events.ts';
import type { Answer, Guard } from '../core/layer.ts';
import { checked, duration, integer, made, number, objectWith, typed } from '../core/options.ts';
import { classifyGuarded, type Outcome, retryAfterOf, type Verdict } from '../core/outcome.ts';
import { recovery } from '../core/pipeline.ts';
import type { Context, Milliseconds, Policy } from '../core/policy.ts';
import { type Random, systemRandom } from '../core/random.ts';

export interface RetryOptions {
  /** Tries there are at most, the first included: 1 or more, or `Infinity`. Default 3. */
  maxAttempts?: number | undefined;
  /** How long to wait before each further try. Default `exponential()`: 100 × 2 up to 30_000, with full jitter. */
  backoff?: Backoff | undefined;
  /**
   * What is tried again: failures. Given, it is asked about values too, and may answer by a promise. Default: an error
   * is a failure, a value is not; an `AbortError` or one of holdfast's own rejections (the task never ran) is ignored.
   */
  classify?: ((outcome: Outcome, context: Context) => Verdict | PromiseLike<Verdict>) | undefined;
  /** How long after the start of the first try another may start, 0 or more. Default `Infinity`. */
  maxElapsed?: Milliseconds | undefined;
  /** The longest a `retryAfter` may ask to wait, 0 or more: beyond it the call fails at once. Default 60_000. */
  maxRetryAfter?: Milliseconds | undefined;
  /** Bounds retries over all calls that share it. Default none. */
  budget?: Budget | undefined;
  /**
   * Lets go of values that are tried again. Default: by their `Symbol.asyncDispose`, else `Symbol.dispose`, else an
   * unlocked `body` is cancelled.
   */
  dispose?: ((value: unknown) => unknown) | undefined;
  clock?: Clock | undefined;
  random?: Random | undefined;
  /** Carried by events and errors. Default `'retry'`. */
  name?: string | undefined;
  onEvent?: Listener<RetryEvent> | undefined;
}

/** What a retry tells: the try that has just failed, and what was decided. */
export type RetryEvent =
  /** There will be another try, after `delay`. */
  | (Attempt & { readonly type: 'retry'; readonly name: string; readonly delay: Milliseconds })
  /** There will be none: the caller gets the outcome, a failure, or after a failure an error that is none. */
  | (Attempt & { readonly type: 'exhausted'; readonly name: string; readonly delay: undefined });

/** What one execution remembers; the policy itself remembers nothing. */
interface Execution {
  readonly began: Milliseconds;
  readonly attempts: Attempt[];
  retries: number;
  /** On the outcome the caller gets, where it was asked for. */
  verdict: Verdict | undefined;
}

/**
 * Runs the task again when it fails, after a delay, up to `maxAttempts` times. The caller gets the last try's value or
 * error, as it is; `attemptsOf(error)` tells what led there.
 *
 * No try follows an error with `retryable: false`, and no wait starts that would end after the caller's deadline. A
 * `retryAfter` in milliseconds, on an error or a value, is the least to wait.
 *
 * @throws {RangeError} from `execute`, when `backoff` gives NaN
 * @throws {RangeError | TypeError} for options out of range, or unknown
 *
 * @example
 * const users = retry({ maxAttempts: 4, budget: retryBudget() });
 * await users.execute(({ signal }) => loadUsers({ signal }));
 */
export function retry(options: RetryOptions = {}): Policy {
  const standard = exponential();
  const {
    maxAttempts = 3,
    backoff = standard,
    classify = classifyGuarded,
    maxElapsed = Infinity,
    maxRetryAfter = 60_000,
    budget,
    dispose: letGo,
    clock = systemClock,
    random = systemRandom,
    name = 'retry',
    onEvent,
  } = checked('retry', options, {
    maxAttempts: integer(1),
    backoff: typed('function'),
    classify: typed('function'),
    maxElapsed: duration,
    maxRetryAfter: duration,
    budget: made('retryBudget(), or an object', 'begin', 'tryRetry', 'end'),
    dispose: typed('function'),
    clock: objectWith('now', 'coarse', 'schedule'),
    random: typed('function'),
    name: typed('string'),
    onEvent: typed('function'),
  });

  const bracket: Guard<Execution> = {
    enter() {
      budget?.begin(clock.coarse());
      return begun(maxElapsed < Infinity ? clock.now() : 0);
    },
    leave({ retries, verdict }, outcome) {
      const last = verdict ?? (outcome.ok ? 'success' : 'failure');
      budget?.end(retries, outcome.ok || !outcome.abandoned ? last : 'ignore', clock.coarse());
    },
  };
  return recovery<never, Execution>({
    ...(budget !== undefined || maxElapsed < Infinity ? bracket : {}),
    name,
    kind: 'retry',
    clock,
    values: options.classify !== undefined,
    recover(outcome, context, memo = begun(0)) {
      const verdict = classify(outcome, context);
      return typeof verdict === 'string'
        ? answer(verdict, outcome, context, memo as Execution)
        : verdict.then((settled) =>
            // After a stop the budget has been settled, and there is nothing to be told.
            context.signal.aborted ? undefined : answer(settled, outcome, context, memo as Execution),
          );
    },
  });

  function answer(verdict: Verdict, outcome: Outcome, context: Context, execution: Execution): Answer {
    execution.verdict = verdict;
    const { attempts } = execution;
    // What came before an error that is not tried again stays reachable from it.
    if (verdict !== 'failure' && (outcome.ok || attempts.length === 0)) return undefined;
    const tried = decide(verdict, outcome, context, execution);
    const { delay } = tried;
    const again = delay !== undefined;
    addAttempt(attempts, tried);
    if (again) {
      execution.retries++;
      execution.verdict = undefined;
    } else if (!outcome.ok) keepAttempts(outcome.error, attempts);
    if (onEvent) emit(onEvent, { type: again ? 'retry' : 'exhausted', name, ...tried } as RetryEvent);
    if (!again) return undefined;
    if (outcome.ok) dispose(outcome.value, letGo);
    return { again: delay, memo: execution };
  }

  function decide(verdict: Verdict, outcome: Outcome, context: Context, { began, attempts }: Execution): Attempt {
    const { attempt, deadline } = context;
    let at: Milliseconds | undefined;
    const tried = (reason: Attempt['reason'], delay?: Milliseconds): Attempt => ({
      attempt,
      outcome,
      delay,
      reason,
      at,
    });
    if (verdict !== 'failure') return tried('ignored');
    if (!outcome.ok && (Object(outcome.error) as { readonly retryable?: unknown }).retryable === false)
      return tried('not-retryable');
    if (attempt >= maxAttempts) return tried('exhausted');
    const least = retryAfterOf(outcome.ok ? outcome.value : outcome.error);
    if (least > maxRetryAfter) return tried('retry-after-too-long');
    const previous = attempts.at(-1)?.delay;
    const own = backoff(attempt, previous, random) ?? standard(attempt, previous, random);
    if (!(own <= Infinity)) number(-Infinity, Infinity)('retry: the delay given by backoff', own);
    const delay = Math.max(own, least);
    if (own < 0 || delay === Infinity) return tried('stopped');
    if (deadline < Infinity || maxElapsed < Infinity) {
      at = clock.now();
      if (at + delay > began + maxElapsed) return tried('max-elapsed');
      if (at + delay > deadline) return tried('deadline');
    }
    if (budget?.tryRetry(clock.coarse()) === false) return tried('budget');
    return tried(least > own ? 'retry-after' : 'backoff', delay);
  }
}

function begun(began: Milliseconds): Execution {
  return { began, attempts: [], retries: 0, verdict: undefined };
}
