import type { Milliseconds } from '../../src/core/policy.ts';
import { type Waits, waitsOf } from './figures.ts';
import type { LineCall, LineName, Work } from './overload.ts';
import type { QuotaCall, SenderName } from './quota.ts';
import type { RushHappenings } from './rush.ts';
import { loadOf, type RushPlan } from './rush-plan.ts';

/** How one class of calls fared. */
export interface ClassFigures {
  readonly calls: number;
  readonly inTime: number;
  /** The share of calls that were answered in time. */
  readonly goodput: number;
  /** Told that nothing would come of it, before their patience was at its end. */
  readonly turnedAway: number;
}

/** How one server fared that was asked for too much. */
export interface LineFigures {
  readonly all: ClassFigures;
  readonly critical: ClassFigures;
  readonly ordinary: ClassFigures;
  /** The share of its work that was for callers who had left. */
  readonly workForNobody: number;
  /** Calls answered in time, of those made in each quarter of a second. */
  readonly inTimeByQuarterSecond: readonly number[];
}

/** How one sender fared who had more to send than is allowed. */
export interface QuotaFigures {
  readonly calls: number;
  readonly answered: number;
  /** By the server. */
  readonly refused: number;
  /** By the sender's own rate limit: never sent. */
  readonly turnedAway: number;
  readonly failed: number;
  /** How long those waited who were refused or turned away, until they knew. */
  readonly waits: Waits;
}

/** What the rush came to. Calls are counted for each second. */
export interface RushFigures {
  readonly duration: Milliseconds;
  readonly capacity: number;
  readonly asked: number;
  readonly endless: LineFigures;
  readonly shed: LineFigures;
  readonly quota: {
    readonly allowed: number;
    readonly wanted: number;
    readonly bare: QuotaFigures;
    readonly limited: QuotaFigures;
  };
}

export function rushFiguresOf(plan: RushPlan, { lines, quota, work }: RushHappenings): RushFigures {
  return {
    duration: plan.duration,
    ...loadOf(plan),
    endless: lineFigures('endless', work.endless),
    shed: lineFigures('shed', work.shed),
    quota: {
      allowed: (1_000 * plan.quota.limit) / plan.quota.window,
      wanted: 1_000 / plan.quota.interval,
      bare: quotaFigures('bare'),
      limited: quotaFigures('limited'),
    },
  };

  function lineFigures(name: LineName, { done, forNobody }: Work): LineFigures {
    const own = lines.filter(({ line }) => line === name);
    const last = Math.max(plan.duration - 1, ...own.map(({ startedAt }) => startedAt));
    const inTime = own.filter(({ result }) => result === 'in time');
    return {
      all: classFigures(own),
      critical: classFigures(own.filter(({ critical }) => critical)),
      ordinary: classFigures(own.filter(({ critical }) => !critical)),
      workForNobody: forNobody / done,
      inTimeByQuarterSecond: Array.from(
        { length: Math.floor(last / 250) + 1 },
        (_, slot) => inTime.filter(({ startedAt }) => Math.floor(startedAt / 250) === slot).length,
      ),
    };
  }

  function quotaFigures(name: SenderName): QuotaFigures {
    const own = quota.filter(({ sender }) => sender === name);
    const count = (wanted: QuotaCall['result']) => own.filter(({ result }) => result === wanted).length;
    return {
      calls: own.length,
      answered: count('answered'),
      refused: count('refused'),
      turnedAway: count('turned away'),
      failed: count('failed'),
      waits: waitsOf(own.filter(({ result }) => result === 'refused' || result === 'turned away')),
    };
  }
}

function classFigures(calls: readonly LineCall[]): ClassFigures {
  const count = (wanted: LineCall['result']) => calls.filter(({ result }) => result === wanted).length;
  const inTime = count('in time');
  return { calls: calls.length, inTime, goodput: inTime / calls.length, turnedAway: count('turned away') };
}
