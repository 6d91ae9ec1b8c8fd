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

/** Picks one after another, in the order of the targets, whatever their weights. */
export function roundRobin(): Picker {
  let last: Endpoint | undefined;
  let place = 0;
  return {
    pick(eligible) {
      const at = (eligible as readonly (Endpoint | undefined)[]).indexOf(last);
      // Where the last one is gone, the one behind it has moved up to its place.
      if (at >= 0) place = at + 1;
      if (place >= eligible.length) place = 0;
      const picked = eligible[place] as (typeof eligible)[0];
      last = picked;
      return picked;
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
