import { isRejection } from './errors.ts';
import type { Context, Milliseconds } from './policy.ts';

/** What became of a task. `abandoned`: nobody waits for it any more, so it says nothing about what was called. */
export type Outcome =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly error: unknown; readonly abandoned: boolean };

export type Verdict = 'success' | 'failure' | 'ignore';

/** Judges an outcome. It is never asked about what was abandoned: that is ignored. */
export type Classify = (outcome: Outcome, context: Context) => Verdict;

/** A thrown `AbortError`, whoever made it: the work was called off, it did not fail. */
export function isAbort(error: unknown): boolean {
  return typeof error === 'object' && error !== null && (error as Error).name === 'AbortError';
}

/**
 * The verdict of guards and of retry unless told otherwise: a value is a success, an error a failure; an
 * `AbortError` and holdfast's own rejections (the task never ran) are ignored.
 */
export const classifyGuarded: Classify = (outcome) =>
  outcome.ok ? 'success' : isAbort(outcome.error) || isRejection(outcome.error) ? 'ignore' : 'failure';

/** The verdict of fallback and failover unless told otherwise: a rejection is a failure too, an open circuit is what they are for. */
export const classifyAnswered: Classify = (outcome) =>
  outcome.ok ? 'success' : isAbort(outcome.error) ? 'ignore' : 'failure';

/** The verdict `classify` gives; what was abandoned is ignored before it is asked. */
export function verdictOf(classify: Classify, outcome: Outcome, context: Context): Verdict {
  return !outcome.ok && outcome.abandoned ? 'ignore' : classify(outcome, context);
}

/** How long an error, or a value, asks to be left alone; 0 where it says nothing of the kind. */
export function retryAfterOf(by: unknown): Milliseconds {
  const { retryAfter } = Object(by) as { readonly retryAfter?: unknown };
  return typeof retryAfter === 'number' && retryAfter > 0 ? retryAfter : 0;
}

export const succeeded = (value: unknown): Outcome => ({ ok: true, value });
export const failed = (error: unknown): Outcome => ({ ok: false, error, abandoned: false });
