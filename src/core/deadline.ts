import type { Clock } from './clock.ts';
import type { Context, Milliseconds } from './policy.ts';
import { unenforced } from './scope.ts';

/** What a call may take of `within`: less where its caller's own deadline comes first, and no timeout sees to that. */
export function timeLeft(context: Context, clock: Clock, within: Milliseconds): Milliseconds {
  const deadline = unenforced(context);
  return deadline === Infinity ? within : Math.min(within, Math.max(deadline - clock.now(), 0));
}
