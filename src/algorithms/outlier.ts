import { emit, type Listener } from '../core/events.ts';
import type { Health } from '../core/health.ts';
import { checked, duration, integer, number, positive, typed } from '../core/options.ts';
import type { Classify, Verdict } from '../core/outcome.ts';
import type { Milliseconds } from '../core/policy.ts';
import type { Target } from '../core/router.ts';

export interface OutlierEjectionOptions {
  /** Failures in a row that eject a target at once. 1 or more, `Infinity` for never. Default 5. */
  consecutiveFailures?: number | undefined;
  /** How often targets are compared. Above 0. Default 10_000. */
  interval?: Milliseconds | undefined;
  /**
   * A target is an outlier whose share of successes is so many standard deviations below the mean of all. 0 or more,
   * `Infinity` for never. Default 1.9.
   */
  successRateFactor?: number | undefined;
  /** A target is an outlier if at least this share of its calls failed. Above 0, up to 1; `Infinity` for never. Default 0.85. */
  failureRatio?: number | undefined;
  /** Targets are compared if there are so many with `minCalls`. 1 or more. Default 5. */
  minHosts?: number | undefined;
  /** Calls in an interval without which a target is not compared. 1 or more. Default 100. */
  minCalls?: number | undefined;
  /** How long a target is out the first time, twice as long the second time, and so on. Above 0. Default 30_000. */
  ejection?: Milliseconds | undefined;
  /** How long it is out at most. Above 0; never less than `ejection`. Default 300_000. */
  maxEjection?: Milliseconds | undefined;
  /** The share of targets that may be out at once: one always may, unless it is the last. From 0 to 1. Default 0.1. */
  maxEjectedRatio?: number | undefined;
  /** What is a failure. Default: an error is, a value is not; an `AbortError` and rejections are ignored. */
  classify?: Classify | undefined;
  /** Carried by events. Default `'outlierEjection'`. */
  name?: string | undefined;
  onEvent?: Listener<OutlierEjectionEvent> | undefined;
}

export type OutlierEjectionEvent =
  /** A target is out for so long: it has failed call after call, or more often than others do, or nearly always. */
  | {
      readonly type: 'ejected';
      readonly name: string;
      readonly target: string;
      readonly why: 'consecutive-failures' | 'success-rate' | 'failure-ratio';
      readonly duration: Milliseconds;
    }
  /** It is in again: noticed when somebody next asks. */
  | { readonly type: 'returned'; readonly name: string; readonly target: string };

const ratio = /* @__PURE__ */ positive(1);

function ratioOrNever(label: string, value: unknown): void {
  if (value !== Infinity) ratio(label, value);
}

/** What is known of a target. */
interface Host {
  readonly name: string;
  /** Calls in this interval. */
  calls: number;
  failures: number;
  /** Failures in a row. */
  row: number;
  /** Until when it is out; `-Infinity` for one that is in. */
  until: Milliseconds;
  /** How long it is out, or was. */
  duration: Milliseconds;
  out: boolean;
  /** How often it was out lately. */
  times: number;
  /** Intervals that have begun since it was last heard of. */
  silent: number;
}

/** Below this share of successes a target is an outlier: so many population standard deviations under the mean. */
export function outlierThreshold(rates: readonly number[], factor: number): number {
  const mean = rates.reduce((sum, rate) => sum + rate, 0) / rates.length;
  const variance = rates.reduce((sum, rate) => sum + (rate - mean) ** 2, 0) / rates.length;
  return mean - factor * Math.sqrt(variance);
}

/**
 * Health learnt from the calls themselves: ejects a target for a while that fails call after call, or far more often than
 * the others do, or nearly always. Nothing ticks: comparisons that are due are made when it is next asked.
 *
 * Each ejection of a target is longer than the one before; each interval that it gets through takes one off the count.
 * No more than `maxEjectedRatio` of those it has heard of lately are out at once, though one always may, and the last one
 * that is in is never ejected. (Envoy, *Outlier detection*; gRPC proposal A50.)
 *
 * @example
 * const nodes = loadBalancer({ targets, health: [outlierEjection({ consecutiveFailures: 3 })] });
 *
 * @throws {RangeError | TypeError} for options out of range, or unknown
 */
export function outlierEjection<T extends Target>(options: OutlierEjectionOptions = {}): Health<T> {
  const {
    consecutiveFailures = 5,
    interval = 10_000,
    successRateFactor = 1.9,
    failureRatio = 0.85,
    minHosts = 5,
    minCalls = 100,
    ejection = 30_000,
    maxEjection = 300_000,
    maxEjectedRatio = 0.1,
    classify,
    name = 'outlierEjection',
    onEvent,
  } = checked('outlierEjection', options, {
    consecutiveFailures: integer(1),
    interval: positive(Number.MAX_VALUE),
    successRateFactor: number(0, Infinity),
    failureRatio: ratioOrNever,
    minHosts: integer(1),
    minCalls: integer(1),
    ejection: positive(Number.MAX_VALUE),
    maxEjection: duration,
    maxEjectedRatio: number(0, 1),
    classify: typed('function'),
    name: typed('string'),
    onEvent: typed('function'),
  });
  const hosts = new Map<string, Host>();
  /** When the interval ends. */
  let due: Milliseconds | undefined;

  return {
    classify,
    state(target, now) {
      catchUp(now);
      return isOut(hostOf(target), now) ? 'ejected' : 'up';
    },
    record(target, verdict, _elapsed, now) {
      catchUp(now);
      count(hostOf(target.name), verdict, now);
    },
  };

  function count(host: Host, verdict: Verdict, now: Milliseconds): void {
    // What still comes of calls from before tells nothing new.
    if (verdict === 'ignore' || isOut(host, now)) return;
    host.calls++;
    if (verdict === 'success') {
      host.row = 0;
      return;
    }
    host.failures++;
    if (++host.row >= consecutiveFailures) eject(host, 'consecutive-failures', now);
  }

  /** Makes the comparison that is due: one, however long nobody has asked. */
  function catchUp(now: Milliseconds): void {
    due ??= now + interval;
    // A clock that steps back must not put comparisons off.
    due = Math.min(due, now + interval);
    if (now < due) return;
    const passed = 1 + Math.floor((now - due) / interval);
    due += passed * interval;
    compare(now);
    for (const host of hosts.values()) {
      host.calls = host.failures = 0;
      const through = Math.min(passed, Math.floor((now - host.until) / interval));
      if (through > 0) host.times = Math.max(0, host.times - through);
      // One that nobody sends calls to, or asks about, any more does not count as a target.
      host.silent++;
      if (isGone(host) && !isOut(host, now)) hosts.delete(host.name);
    }
  }

  function compare(now: Milliseconds): void {
    const heard = [...hosts.values()].filter((host) => host.calls >= minCalls && !isOut(host, now));
    if (heard.length < minHosts) return;
    const threshold = outlierThreshold(heard.map(successRate), successRateFactor);
    for (const host of heard) {
      if (host.failures / host.calls >= failureRatio) eject(host, 'failure-ratio', now);
      else if (successRate(host) < threshold) eject(host, 'success-rate', now);
    }
  }

  function eject(host: Host, why: (OutlierEjectionEvent & { type: 'ejected' })['why'], now: Milliseconds): void {
    let out = 0;
    let all = 0;
    for (const each of hosts.values()) {
      const isOutNow = isOut(each, now);
      // One that was removed while it was out takes nobody's place.
      if (isGone(each)) continue;
      all++;
      if (isOutNow) out++;
    }
    if ((out > 0 && (out + 1) / all > maxEjectedRatio) || out + 1 >= all) return;
    host.times++;
    host.row = 0;
    const duration = Math.min(ejection * host.times, Math.max(ejection, maxEjection));
    host.duration = duration;
    host.until = now + duration;
    host.out = true;
    emit(onEvent, { type: 'ejected', name, target: host.name, why, duration });
  }

  function isOut(host: Host, now: Milliseconds): boolean {
    // After a step back of the clock it is out as long as if it had been ejected now. Small ones are usual: who asks by a
    // coarse clock is a little behind who tells.
    host.until = Math.min(host.until, now + host.duration);
    // Who has returned stays in, also where the clock then steps back to before that: others may be out by now.
    if (!host.out) return false;
    if (host.until > now) return true;
    host.out = false;
    emit(onEvent, { type: 'returned', name, target: host.name });
    return false;
  }

  function hostOf(target: string): Host {
    let host = hosts.get(target);
    if (host === undefined) {
      host = {
        name: target,
        calls: 0,
        failures: 0,
        row: 0,
        until: -Infinity,
        duration: 0,
        out: false,
        times: 0,
        silent: 0,
      };
      hosts.set(target, host);
    }
    host.silent = 0;
    return host;
  }
}

/** Nobody has asked about it for long. */
function isGone({ silent }: Host): boolean {
  return silent > 2;
}

function successRate({ calls, failures }: Host): number {
  return 1 - failures / calls;
}
