import { checked, duration, integer, positive } from '../core/options.ts';
import type { Milliseconds } from '../core/policy.ts';

export interface PhiAccrualOptions {
  /** Suspicion from which the sender counts as gone. Above 0. Default 8. */
  threshold?: number | undefined;
  /** Intervals between heartbeats that are remembered. 1 or more. Default 1_000. */
  maxSamples?: number | undefined;
  /** The least standard deviation, so that a sender that beats like a clock may be late for once. Above 0. Default 100. */
  minDeviation?: Milliseconds | undefined;
  /** How much later than usual a heartbeat may come before suspicion begins. 0 or more. Default 0. */
  acceptablePause?: Milliseconds | undefined;
  /** What is taken for the usual interval before any is known. Above 0. Default 1_000. */
  firstInterval?: Milliseconds | undefined;
}

/** Says how suspicious the silence of a sender is. */
export interface PhiAccrual {
  /** A heartbeat has come. */
  heartbeat(now: Milliseconds): void;
  /** How suspicious the silence is: 1 is wrong once in ten times, 2 once in a hundred, and so on. 0 before the first heartbeat. */
  phi(now: Milliseconds): number;
  /** Whether suspicion is below the threshold. */
  available(now: Milliseconds): boolean;
}

/** Looks at a steady pace before a gap between two of them is taken for a pause of this process. */
const enoughLooks = 16;

/**
 * How suspicious it is that nothing has come for so long, where intervals have this mean and deviation: minus the decimal
 * logarithm of the chance that it comes still. The normal distribution by its logistic approximation (as in Akka), whose
 * tail is thinner from three deviations on: 10.8 for 9.0 at six. Taken in logarithms, so that nothing overflows.
 */
export function suspicion(elapsed: Milliseconds, mean: Milliseconds, deviation: Milliseconds): number {
  const x = Math.min((elapsed - mean) / deviation, 1e100);
  const y = x * (1.5976 + 0.070566 * x * x);
  // log(1 + e^y), which is y where e^y is beyond all numbers.
  return (y > 30 ? y : Math.log1p(Math.exp(y))) / Math.LN10;
}

/** Mean and population variance of the last few samples. */
export class Samples {
  private readonly values: number[] = [];
  private readonly most: number;
  private at = 0;
  private sum = 0;
  private squares = 0;

  constructor(most: number) {
    this.most = most;
  }

  get size(): number {
    return this.values.length;
  }

  get mean(): number {
    return this.sum / this.values.length;
  }

  get variance(): number {
    // Rounding may leave less than nothing of equal samples.
    return Math.max(0, this.squares / this.values.length - this.mean ** 2);
  }

  add(value: number): void {
    const old = this.values.length < this.most ? 0 : (this.values[this.at] as number);
    this.values[this.at] = value;
    this.at = (this.at + 1) % this.most;
    this.sum += value - old;
    this.squares += value * value - old * old;
  }
}

/**
 * Suspects a sender the more the longer its heartbeat is overdue, by how regularly it has come so far: one setting serves
 * quick senders and slow ones. (Hayashibara, Défago, Yared, Katayama, *The φ Accrual Failure Detector*, SRDS 2004.)
 *
 * A pause of this very process is no silence of the sender: where nobody has asked for much longer than usual, after
 * asking at a steady pace, that gap does not count, unless another one came a little before it: then it is a new pace. An
 * interval in which the sender was suspected counts as just long enough for that: it adapts to a slower sender, and no
 * outage makes it patient.
 *
 * @throws {RangeError | TypeError} for options out of range, or unknown
 */
export function phiAccrual(options: PhiAccrualOptions = {}): PhiAccrual {
  const {
    threshold = 8,
    maxSamples = 1_000,
    minDeviation = 100,
    acceptablePause = 0,
    firstInterval = 1_000,
  } = checked('phiAccrual', options, {
    threshold: positive(Number.MAX_VALUE),
    maxSamples: integer(1, 1e9),
    minDeviation: positive(Number.MAX_VALUE),
    acceptablePause: duration,
    firstInterval: positive(Number.MAX_VALUE),
  });
  const intervals = new Samples(maxSamples);
  // As if two had come before the first: one earlier than usual, one later.
  intervals.add(firstInterval * 0.75);
  intervals.add(firstInterval * 1.25);
  /** How many deviations late a heartbeat is when its sender is suspected: the approximation's cubic part alone. */
  const reach = Math.cbrt((threshold * Math.LN10) / 0.070566);
  // What is shorter than the deviation makes nobody suspicious.
  const pace = new Pace(minDeviation);
  let last: Milliseconds | undefined;

  return {
    heartbeat(now) {
      if (last !== undefined) {
        forgive(pace.pause(now, false));
        // A clock that has stepped back tells no interval.
        if (now >= last) intervals.add(Math.min(now - last, usual() + reach * deviation()));
      }
      last = now;
    },
    phi,
    available: (now) => phi(now) < threshold,
  };

  function phi(now: Milliseconds): number {
    forgive(pace.pause(now, true));
    // Of a heartbeat that is yet to come, after a step back of the clock, the silence begins now.
    if (last !== undefined) last = Math.min(last, now);
    return last === undefined ? 0 : suspicion(now - last, usual(), deviation());
  }

  function forgive(pause: Milliseconds): void {
    if (last !== undefined) last += pause;
  }

  function usual(): Milliseconds {
    return intervals.mean + acceptablePause;
  }

  function deviation(): Milliseconds {
    return Math.max(Math.sqrt(intervals.variance), minDeviation);
  }
}

/** How often somebody asks. */
class Pace {
  /** Who asks again sooner than this has asked once. */
  private readonly grain: Milliseconds;
  private gaps: Samples = new Samples(2 * enoughLooks);
  private last: Milliseconds | undefined;
  /** Looks since the last pause. */
  private steady = 0;

  constructor(grain: Milliseconds) {
    this.grain = grain;
  }

  /** How much too long ago the last look is; 0 unless all of this process has paused. */
  pause(now: Milliseconds, looks: boolean): Milliseconds {
    const { gaps, last } = this;
    if (last === undefined) {
      if (looks) this.last = now;
      return 0;
    }
    const gap = now - last;
    if (gap < 0) this.last = now;
    if (gap < this.grain) return 0;
    const { mean } = gaps;
    const paused = gaps.size >= enoughLooks && gap > Math.max(2 * mean, mean + 8 * Math.sqrt(gaps.variance));
    if (!paused && !looks) return 0;
    this.last = now;
    if (!paused) {
      gaps.add(gap);
      this.steady++;
      return 0;
    }
    // Two soon after one another are a new pace: taken for pauses again and again, they would forgive any silence.
    if (this.steady < enoughLooks) this.gaps = new Samples(2 * enoughLooks);
    const forgiven = this.steady < enoughLooks ? 0 : gap - mean;
    this.steady = 0;
    return forgiven;
  }
}
