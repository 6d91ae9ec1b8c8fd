import { hear, reportError } from './events.ts';
import type { Classify, Verdict } from './outcome.ts';
import type { Milliseconds } from './policy.ts';
import type { Target } from './router.ts';

/** Says which targets are well, and may learn it from the calls they get. */
export interface Health<T extends Target = Target> {
  /** `down`: it does not answer. `ejected`: it answers, but so badly that it is left alone for a while. */
  state(name: string, now: Milliseconds): 'up' | 'down' | 'ejected';
  /** A call to the target has ended. */
  record?(target: T, verdict: Verdict, elapsed: Milliseconds, now: Milliseconds): void;
  /** What is a failure to it, where that is not what guards take for one. */
  readonly classify?: Classify | undefined;
}

/** Tells it of a call; what it throws, or a promise it gives rejects with, is reported, and changes nothing. */
export function tell<T extends Target>(
  health: Health<T>,
  target: T,
  verdict: Verdict,
  elapsed: Milliseconds,
  now: Milliseconds,
): void {
  try {
    hear(health.record?.(target, verdict, elapsed, now));
  } catch (error) {
    reportError(error);
  }
}
