import type { Endpoint, PickCall, Picker } from '../core/router.ts';

/** Of equals none comes before another: where a search for the least begins. */
export function anywhere(call: PickCall, length: number): number {
  return Math.floor(call.random() * length);
}

/** Calls in flight for each unit of weight, with the one to be placed. */
export function loadOf(endpoint: Endpoint): number {
  return (endpoint.pending + 1) / endpoint.weight;
}

/** Picks one of the eligible at random, each as likely as any other, whatever its weight. */
export function uniformRandom(): Picker {
  return { pick: (eligible, call) => eligible[anywhere(call, eligible.length)] as (typeof eligible)[0] };
}

/**
 * Picks one after another, whatever their weights: the one whose last turn is longest ago, at first in the order of the
 * targets. So nobody's turn is passed over because others are eligible from call to call.
 */
export function roundRobin(): Picker {
  const turns = new WeakMap<Endpoint, number>();
  let turn = 0;
  return {
    pick(eligible) {
      let longest = eligible[0] as (typeof eligible)[0];
      let least = turns.get(longest) ?? 0;
      for (let i = 1; i < eligible.length && least > 0; i++) {
        const endpoint = eligible[i] as (typeof eligible)[0];
        const last = turns.get(endpoint) ?? 0;
        if (last >= least) continue;
        longest = endpoint;
        least = last;
      }
      turns.set(longest, ++turn);
      return longest;
    },
  };
}

/**
 * Picks the one with the fewest calls in flight for its weight, among equals at random: looks at all of them. The best
 * where one client makes most of the calls; many that look at the same loads all run to the same target.
 */
export function leastConnections(): Picker {
  return {
    pick(eligible, call) {
      const { length } = eligible;
      let at = length === 1 ? 0 : anywhere(call, length);
      let best = eligible[at] as (typeof eligible)[0];
      let least = loadOf(best);
      for (let i = 1; i < length; i++) {
        if (++at === length) at = 0;
        const endpoint = eligible[at] as (typeof eligible)[0];
        const load = loadOf(endpoint);
        if (load >= least) continue;
        best = endpoint;
        least = load;
      }
      return best;
    },
  };
}

/**
 * Picks two at random, and of these the one with fewer calls in flight for its weight: nearly as even as looking at all
 * of them, at the cost of two looks, and no herd runs to whoever is least loaded.
 *
 * Michael Mitzenmacher, *The Power of Two Choices in Randomized Load Balancing*, IEEE TPDS 12 (10), 2001: with n calls
 * on n targets the longest line is log log n / log 2 + O(1), where one random choice gives log n / log log n.
 */
export function powerOfTwoChoices(): Picker {
  return {
    pick(eligible, call) {
      const { length } = eligible;
      if (length === 1) return eligible[0] as (typeof eligible)[0];
      const first = anywhere(call, length);
      const one = eligible[first] as (typeof eligible)[0];
      const other = eligible[anotherThan(first, call, length)] as (typeof eligible)[0];
      return loadOf(other) < loadOf(one) ? other : one;
    },
  };
}

/** Any but the first, each as likely. Loads are compared where they are used: handed a function, V8 boxes what it gives. */
export function anotherThan(first: number, call: PickCall, length: number): number {
  const second = anywhere(call, length - 1);
  return second >= first ? second + 1 : second;
}
