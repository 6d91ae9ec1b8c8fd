import type { Milliseconds } from '../core/policy.ts';

/**
 * The share of its weight that a target gets `elapsed` after it came (back): it grows with time to the whole of it after
 * `window`, and is never below `least`, so that somebody finds out whether it works. An `aggression` above 1 lets it grow
 * faster at first, one below 1 slower.
 *
 *     max(least, (elapsed / window) ^ (1 / aggression))
 *
 * Envoy, *Slow start mode*. Elapsed times below a second count as one, where the window is longer than that.
 */
export function slowStartShare(
  elapsed: Milliseconds,
  window: Milliseconds,
  aggression: number = 1,
  least: number = 0.1,
): number {
  if (elapsed >= window) return 1;
  return Math.min(1, Math.max(least, (Math.max(elapsed, 1_000) / window) ** (1 / aggression)));
}
