import { failed, type Outcome } from './outcome.ts';
import type { Milliseconds } from './policy.ts';

/** Where a delay came from: `backoff`, or `retry-after` where the hint that came with the outcome was longer. */
export type DelayReason = 'backoff' | 'retry-after';

/**
 * Why there was no further try.
 *
 * - `exhausted`: this was the last of `maxAttempts`
 * - `ignored`: the outcome is none that is tried again
 * - `not-retryable`: the error says `retryable: false`
 * - `retry-after-too-long`: the hint is above `maxRetryAfter`
 * - `stopped`: the backoff gave a negative number or `Infinity`
 * - `max-elapsed`, `deadline`: the wait would have ended after it
 * - `budget`: the budget had nothing left
 */
export type StopReason =
  | 'exhausted'
  | 'ignored'
  | 'not-retryable'
  | 'retry-after-too-long'
  | 'stopped'
  | 'max-elapsed'
  | 'deadline'
  | 'budget';

/** What one try of a call gave, and what was decided then. */
export interface Attempt {
  /** 1 for the first try. */
  readonly attempt: number;
  readonly outcome: Outcome;
  /** How long it was to be until the next try; `undefined` after the last one. */
  readonly delay: Milliseconds | undefined;
  /** Why that long, or why there was no further try; `replaced`: another error came instead, the one that was asked about. */
  readonly reason: DelayReason | StopReason | 'replaced';
  /** When it was decided, on the clock's monotonic scale; `undefined` where no clock was read. */
  readonly at: Milliseconds | undefined;
}

/** By error, beside it: users' errors may be frozen, or shared by many calls, and are never touched. */
const histories = new WeakMap<object, readonly Attempt[]>();

/** An attempt's number says how many there were; a retry without end is to live in bounded memory. */
const kept = 100;

/**
 * What led to an error: the tries of the retry it came out of, in order, or what was the error before a fallback, or a
 * function given as an option, failed too. The last hundred are kept.
 *
 * Empty for an error without such a past, and for anything but an object: a string that was thrown cannot be kept. An
 * error object thrown by several calls tells of the latest.
 */
export function attemptsOf(error: unknown): readonly Attempt[] {
  return histories.get(error as object) ?? [];
}

/** Adds to a history that nobody has been given yet, and forgets the oldest beyond the bound. */
export function addAttempt(attempts: Attempt[], attempt: Attempt): void {
  if (attempts.push(attempt) > kept) attempts.shift();
}

/** Makes a history reachable from the error that a caller gets. */
export function keepAttempts(error: unknown, attempts: readonly Attempt[]): void {
  if (Object(error) === error) histories.set(error as object, attempts);
}

/** Keeps the error that was there before, and its own history, reachable from the one that goes on in its stead. */
export function remember(error: unknown, original: unknown): void {
  if (error === original) return;
  const attempts = [...attemptsOf(original)];
  const last = attempts.at(-1);
  if (last === undefined || last.outcome.ok || last.outcome.error !== original) {
    const outcome: Outcome = { ok: false, error: original, abandoned: false };
    addAttempt(attempts, { attempt: last?.attempt ?? 1, outcome, delay: undefined, reason: 'replaced', at: undefined });
  }
  keepAttempts(error, attempts);
}

/** A recovery failed itself: its error goes on, and what it was asked about stays reachable from it. */
export function worse(error: unknown, outcome: Outcome): Outcome {
  if (!outcome.ok) remember(error, outcome.error);
  return failed(error);
}
