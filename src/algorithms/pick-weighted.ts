import type { Endpoint, Picker, Target } from '../core/router.ts';

/** What turns an endpoint has saved up. */
interface Turns {
  current: number;
}

/**
 * Turns in proportion to weights, as evenly spread as can be: nobody's are bunched together. Each time all get their
 * weight, the one that has most goes, and pays the sum of all weights.
 *
 * nginx, *Upstream: smooth weighted round-robin balancing*, 2012: weights 5, 1, 1 give a a b a c a a.
 */
export class SmoothTurns {
  private readonly turns: WeakMap<Endpoint, Turns> = new WeakMap();

  /** Whose turn it is; the first of equals. */
  next<T extends Target>(eligible: readonly Endpoint<T>[]): Endpoint<T> {
    let total = 0;
    let best = eligible[0] as Endpoint<T>;
    let most: Turns | undefined;
    for (let i = 0; i < eligible.length; i++) {
      const endpoint = eligible[i] as Endpoint<T>;
      const { weight } = endpoint;
      const turns = this.turnsOf(endpoint);
      turns.current += weight;
      total += weight;
      if (most !== undefined && turns.current <= most.current) continue;
      best = endpoint;
      most = turns;
    }
    if (most !== undefined) most.current -= total;
    return best;
  }

  /** What it has saved up; below 0 where it has gone before its turn. */
  current(endpoint: Endpoint): number {
    return this.turnsOf(endpoint).current;
  }

  private turnsOf(endpoint: Endpoint): Turns {
    let turns = this.turns.get(endpoint);
    if (turns === undefined) this.turns.set(endpoint, (turns = { current: 0 }));
    return turns;
  }
}

/** Picks one after another in proportion to their weights, nobody's turns bunched together: nginx's very sequence. */
export function weightedRoundRobin(): Picker {
  const turns = new SmoothTurns();
  return { pick: (eligible) => turns.next(eligible) };
}
