import { checked, duration, positive } from '../core/options.ts';
import type { Verdict } from '../core/outcome.ts';
import type { Milliseconds } from '../core/policy.ts';
import type { Endpoint, Picker } from '../core/router.ts';
import { Ewma } from './ewma.ts';
import { anotherThan, anywhere, loadOf } from './pick.ts';

export interface LatencyOptions {
  /** How long it takes to forget a peak, to 1/e of it. Above 0. Default 10_000. */
  decay?: Milliseconds | undefined;
  /** What a failure counts as, if it took less: who fails fast must not look quick. 0 or more. Default 1_000. */
  penalty?: Milliseconds | undefined;
}

/** More than any latency: of a target that has not answered yet, one call is in flight, and no second one is risked. */
const unheardOf: Milliseconds = 1e12;

/** How many targets are looked at for a pick. */
const mostLooks = 64;
/** How much slower than others a target may look, by chance alone, before that counts. */
const tolerance = 1.5;

/** How long calls take, by endpoint. */
class Latencies {
  private readonly known: WeakMap<Endpoint, Ewma> = new WeakMap();
  private readonly decay: Milliseconds;
  private readonly penalty: Milliseconds;

  constructor(factory: string, options: LatencyOptions) {
    const { decay = 10_000, penalty = 1_000 } = checked(factory, options, {
      decay: positive(Number.MAX_VALUE),
      penalty: duration,
    });
    this.decay = decay;
    this.penalty = penalty;
  }

  of(endpoint: Endpoint): Ewma {
    let latency = this.known.get(endpoint);
    if (latency === undefined) this.known.set(endpoint, (latency = new Ewma(this.decay)));
    return latency;
  }

  learn(endpoint: Endpoint, verdict: Verdict, elapsed: Milliseconds, now: Milliseconds): void {
    const latency = this.of(endpoint);
    if (verdict === 'failure') latency.update(now, Math.max(elapsed, this.penalty));
    // What was given up would have taken longer: that is news only where it is longer than was known.
    else if (verdict === 'success' || elapsed > latency.value(now)) latency.update(now, elapsed);
  }
}

/**
 * Picks two at random, and of these the one whose calls in flight would take less time, each as long as its calls lately
 * took at their worst: a target that gets slow loses its calls at the first answer that shows it, and wins them back as
 * the peak decays.
 *
 * Finagle's *Peak EWMA*, 2015, with two choices (Mitzenmacher, 2001).
 *
 * @throws {RangeError | TypeError} for options out of range, or unknown
 */
export function peakEwma(options: LatencyOptions = {}): Picker {
  const latencies = new Latencies('peakEwma', options);
  const load = (endpoint: Endpoint, now: Milliseconds): number => {
    const latency = latencies.of(endpoint);
    const each = latency.known ? latency.value(now) : endpoint.pending > 0 ? unheardOf : 0;
    return each * loadOf(endpoint);
  };
  return {
    pick(eligible, call) {
      const { length } = eligible;
      if (length === 1) return eligible[0] as (typeof eligible)[0];
      const first = anywhere(call, length);
      const one = eligible[first] as (typeof eligible)[0];
      const other = eligible[anotherThan(first, call, length)] as (typeof eligible)[0];
      return load(other, call.now) < load(one, call.now) ? other : one;
    },
    settled: latencies.learn.bind(latencies),
  };
}

/**
 * Picks the one with the fewest calls in flight for its weight, where those of a target that is clearly slower than the
 * others, or fails, count as many times as it is slower. Looks at 64 targets at most, beginning anywhere.
 *
 * How slow a target is says its peak-sensitive average latency (see `ewma`), in which a failure takes `penalty` at least,
 * against the harmonic mean of all: that of most of them, however slow the few. Within 1.5 times of it all are equal.
 * So one whose calls took `L` is left alone for `decay · ln(L / (1.5 · l · n))` where the others' take `l`, 1 ms at least, and
 * they have `n - 1` in flight each: 65 s after a second's timeout, at most.
 *
 * @throws {RangeError | TypeError} for options out of range, or unknown
 */
export function leastLoaded(options: LatencyOptions = {}): Picker {
  const latencies = new Latencies('leastLoaded', options);
  /** Of those looked at in a pick; 0 where none is known. */
  const values = new Float64Array(mostLooks);
  return {
    pick(eligible, call) {
      const { length } = eligible;
      if (length === 1) return eligible[0] as (typeof eligible)[0];
      const { now } = call;
      const start = anywhere(call, length);
      const looks = Math.min(length, mostLooks);
      let inverses = 0;
      let heard = 0;
      for (let i = 0, at = start; i < looks; i++, at = at + 1 === length ? 0 : at + 1) {
        const latency = latencies.of(eligible[at] as Endpoint);
        const value = latency.value(now);
        values[i] = value;
        if (!latency.known) continue;
        inverses += 1 / Math.max(value, 1);
        heard++;
      }
      const usual = heard > 0 ? (tolerance * heard) / inverses : 1;
      let best = eligible[start] as (typeof eligible)[0];
      let least = Infinity;
      for (let i = 0, at = start; i < looks; i++, at = at + 1 === length ? 0 : at + 1) {
        const endpoint = eligible[at] as (typeof eligible)[0];
        const load = loadOf(endpoint) * Math.max((values[i] as number) / usual, 1);
        if (load >= least) continue;
        best = endpoint;
        least = load;
      }
      return best;
    },
    settled: latencies.learn.bind(latencies),
  };
}
