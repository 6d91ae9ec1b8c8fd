import { dispose } from './dispose.ts';
import { hear, reportError } from './events.ts';
import { bare } from './held.ts';
import type { Answer, Layer } from './layer.ts';
import { type Outcome, succeeded } from './outcome.ts';
import type { Context } from './policy.ts';
import { nothing } from './promise.ts';

/** A guard has its permit back. */
export function giveBack(layer: Layer, permit: unknown, outcome: Outcome, context: Context): void {
  try {
    hear(layer.leave?.(permit, outcome, context));
  } catch (error) {
    reportError(error);
  }
}

/** Disposes a value that nobody gets. */
export function discard(outcome: Outcome): void {
  if (outcome.ok) dispose(bare(outcome.value));
}

/** An answer that comes too late: what it promises is let go of. */
export function decline(answer: Answer<unknown>): void {
  const { instead } = Object(answer) as { instead?: unknown };
  if (instead instanceof Promise) instead.then((value) => discard(succeeded(value)), nothing);
}
