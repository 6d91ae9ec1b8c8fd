import { dispose, share } from '../core/dispose.ts';
import { emit, type Listener } from '../core/events.ts';
import type { Answer } from '../core/layer.ts';
import { checked, typed } from '../core/options.ts';
import { classifyAnswered, type Outcome, type Verdict } from '../core/outcome.ts';
import { recovery } from '../core/pipeline.ts';
import type { Context, Policy } from '../core/policy.ts';

/** What a fallback gives: exactly one of `value` and `with`. */
export type FallbackOptions<Added> = (
  | {
      /** Given in the task's stead, `undefined` too. */
      value: Added;
      with?: undefined;
    }
  | {
      /** Asked for what is given in the task's stead. What it throws or rejects with replaces the failure. */
      with: (outcome: Outcome, context: Context) => Added | PromiseLike<Added>;
      value?: undefined;
    }
) & {
  /**
   * What is answered: failures. Given, it is asked about values too, and may answer by a promise. Default: an error is
   * a failure, also when a policy further in turned the call away; a value is not; an `AbortError` is ignored.
   */
  classify?: ((outcome: Outcome, context: Context) => Verdict | PromiseLike<Verdict>) | undefined;
  /** Carried by events. Default `'fallback'`. */
  name?: string | undefined;
  onEvent?: Listener<FallbackEvent> | undefined;
};

/** A failure is answered: `outcome` is what the caller would have got. */
export interface FallbackEvent {
  readonly type: 'fallback';
  readonly name: string;
  readonly outcome: Outcome;
}

/**
 * Gives something else when the task fails, once per call, and not when the caller has aborted. If that fails too, its
 * error goes on, and `attemptsOf` it tells of the failure before.
 *
 * A value that `classify` calls a failure and that `value` replaces is let go of, as a retry does; `with` is handed it.
 *
 * @throws {RangeError | TypeError} for options that are unknown or contradict each other
 *
 * @example
 * const users = fallback({ value: [] });
 * await users.execute(() => loadUsers());
 */
export function fallback<Added>(options: FallbackOptions<Added>): Policy<Added> {
  const {
    value,
    with: ask,
    classify = classifyAnswered,
    name = 'fallback',
    onEvent,
  } = checked('fallback', options, {
    value() {},
    with: typed('function'),
    classify: typed('function'),
    name: typed('string'),
    onEvent: typed('function'),
  });
  // A value of `undefined` is a value, if nothing else is offered.
  if (ask === undefined ? !('value' in options) : value !== undefined) {
    throw new TypeError('fallback: exactly one of value and with must be given');
  }
  // Later calls get it too: one that is stopped on the way does not let go of it.
  share(value, Infinity);

  return recovery<Added>({
    name,
    kind: 'fallback',
    values: options.classify !== undefined,
    retries: false,
    recover(outcome, context) {
      const verdict = classify(outcome, context);
      return typeof verdict === 'string'
        ? answer(verdict, outcome, context)
        : // A verdict that comes after the call was stopped is on nobody's behalf.
          verdict.then((settled) => (context.signal.aborted ? undefined : answer(settled, outcome, context)));
    },
  });

  function answer(verdict: Verdict, outcome: Outcome, context: Context): Answer<Added> {
    if (verdict !== 'failure') return undefined;
    if (onEvent) emit(onEvent, { type: 'fallback', name, outcome });
    if (ask !== undefined) return { instead: ask(outcome, context) };
    if (outcome.ok) dispose(outcome.value);
    return { instead: value as Added };
  }
}
