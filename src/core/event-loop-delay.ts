import { type Clock, systemClock } from './clock.ts';
import { checked, objectWith } from './options.ts';
import type { Milliseconds } from './policy.ts';

export interface EventLoopDelayOptions {
  clock?: Clock | undefined;
}

/** How long a probe takes if nothing delays it, and how long its result is worth something. */
const probe: Milliseconds = 20;
const worth: Milliseconds = 1_000;

/**
 * Tells how late the event loop runs what is due: near 0 while it is free, and the more the longer it is kept busy by
 * work of this process. Nothing ticks: to ask is to set one timer of 20 ms, unless one is set already, and what is told
 * is by how much the last one was late, or the one set is already. So ask again and again, as a `degradation` does; what
 * is older than a second counts for nothing.
 *
 * @example
 * const delay = eventLoopDelay();
 * degradation({ signals: [{ level: 'reduced', read: delay, raise: 100, lower: 50 }] });
 *
 * @throws {TypeError} for an option that is unknown or of another type
 */
export function eventLoopDelay(options: EventLoopDelayOptions = {}): () => Milliseconds {
  const { clock = systemClock } = checked('eventLoopDelay', options, {
    clock: objectWith('now', 'coarse', 'schedule'),
  });
  let due: Milliseconds | undefined;
  let late = 0;
  let measured = -Infinity;

  return () => {
    const now = clock.now();
    if (due === undefined) {
      due = now + probe;
      clock.schedule(probe, measure);
    }
    const last = Math.abs(now - measured) <= worth ? late : 0;
    return Math.max(last, now - due, 0);
  };

  function measure(): void {
    measured = clock.now();
    late = measured - (due as Milliseconds);
    due = undefined;
  }
}
