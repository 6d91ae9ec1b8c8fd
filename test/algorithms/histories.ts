import type { Meter, Reservation } from '../../src/algorithms/meter.ts';

/** What a history is made with; meters without a burst leave that one alone. */
export interface Limits {
  readonly limit: number;
  readonly interval: number;
  readonly burst: number;
}

/** The clock moves, forward or back, and then something is asked of the meter. */
export interface Step {
  readonly move: number;
  readonly act: 'acquire' | 'reserve' | 'abort' | 'ask';
  readonly cost: number;
  readonly maxWait: number;
  /** Which of the reservations is aborted. */
  readonly which: number;
}

/** What was admitted, and when by the sum of the clock's forward steps. */
export interface Admission {
  readonly cost: number;
  readonly at: number;
}

interface Reserved extends Admission {
  readonly reservation: Reservation;
  /** To cancel it now is what x/time/rate's rule is not made for. */
  late: boolean;
}

export interface Played {
  readonly now: number;
  /** In order of time, without what was aborted. */
  readonly admitted: Admission[];
  /** The numbers of the clock are this far apart: a reservation's time is rounded to one of them. */
  readonly tick: number;
}

/**
 * Takes a meter through a history, and says what it has admitted. Late cancels can be left out: those of what was reserved
 * before the clock stepped back, or before another was cancelled that was not the latest.
 */
export function play(meter: Meter, start: number, steps: readonly Step[], lateCancels: boolean = true): Played {
  let now = start;
  let furthest = Math.abs(start);
  let elapsed = 0;
  const acquired: Admission[] = [];
  const reserved: Reserved[] = [];
  const all: Admission[] = [];
  const acquire = (cost: number): void => {
    const one = { cost, at: elapsed };
    acquired.push(one);
    all.push(one);
  };
  const late = (): void => {
    for (const one of reserved) one.late = true;
  };
  for (const { move, act, cost, maxWait, which } of steps) {
    const before = now;
    now += move;
    elapsed += Math.max(0, now - before);
    if (now < before) late();
    furthest = Math.max(furthest, Math.abs(now));
    if (act === 'acquire') {
      if (meter.tryAcquire(now, cost)) acquire(cost);
    } else if (act === 'reserve') {
      const reservation = meter.reserve(now, cost, maxWait);
      // Who waits goes by what has passed, whatever the clock says meanwhile.
      if (reservation === undefined) continue;
      const one = { cost, at: elapsed + (reservation.at - now), reservation, late: false };
      reserved.push(one);
      all.push(one);
    } else if (act === 'ask') {
      meter.retryAfter(now, cost);
      meter.available(now);
    } else {
      const one = reserved[which % Math.max(1, reserved.length)];
      // Who has begun has been admitted, and can give nothing back, even if the clock has stepped back since.
      if (one === undefined || (one.late && !lateCancels)) continue;
      if (one.reservation.cancel(now) === 0 && one.at < elapsed) continue;
      reserved.splice(reserved.indexOf(one), 1);
      if (all.at(-1) !== one) late();
      all.splice(all.indexOf(one), 1);
    }
  }
  const admitted = [...acquired, ...reserved].sort((a, b) => a.at - b.at);
  return { now, admitted, tick: 4 * Number.EPSILON * furthest };
}

/** The most by which any stretch of time, from one admission to another, exceeds its bound; below 0 if none does. */
export function excess({ admitted, tick }: Played, bound: (stretch: number) => number): number {
  let most = -Infinity;
  for (const [i, first] of admitted.entries()) {
    let sum = 0;
    for (let j = i; j < admitted.length; j++) {
      const last = admitted[j]!;
      sum += last.cost;
      const allowed = bound(last.at - first.at + tick);
      most = Math.max(most, sum - allowed - 1e-9 * (1 + allowed));
    }
  }
  return most;
}
