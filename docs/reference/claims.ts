import type { Figures } from './figures.ts';
import type { RushFigures } from './rush-figures.ts';
import { milliseconds, percent, percentUp, seconds, whole } from './words.ts';

/** One thing a run is there to show, in words, and whether its figures bear it out. */
export interface Claim {
  readonly text: string;
  readonly shown: boolean;
}

export function claimsOf({ bare, pipeline, breaker, outage }: Figures): Claim[] {
  const opened = breaker.find(({ at, to }) => to === 'open' && at >= outage.from && at < outage.to);
  const closed = breaker.filter(({ to }) => to === 'closed').at(-1);
  return [
    {
      text:
        `While the server was merely unsteady, ${percent(pipeline.availabilityOutsideOutage)} of the calls were answered ` +
        `through the pipeline and ${percent(bare.availabilityOutsideOutage)} bare. Over the whole run, outage included: ` +
        `${percent(pipeline.availability)} and ${percent(bare.availability)}.`,
      shown:
        pipeline.availability > bare.availability &&
        pipeline.availabilityOutsideOutage > bare.availabilityOutsideOutage,
    },
    {
      text:
        `Where no answer was to be had, as in the outage, the pipeline served ${whole(pipeline.degraded)} callers an older copy, ` +
        `said so, and left ${whole(pipeline.failed)} with nothing; bare, ${whole(bare.failed)} got nothing.`,
      shown: pipeline.degraded > 0 && pipeline.failed < bare.failed,
    },
    {
      text:
        `Of 100 callers, 99 knew within ${milliseconds(pipeline.waits.all.p99)} through the pipeline, ` +
        `bare within ${milliseconds(bare.waits.all.p99)}: a hanging server takes the bare caller's whole patience. ` +
        `Among the answered alone the 99th waited ${milliseconds(pipeline.waits.answered.p99)} and ` +
        `${milliseconds(bare.waits.answered.p99)}: an answer won by a retry comes later than one that needed none.`,
      shown: pipeline.waits.all.p99 < bare.waits.all.p99,
    },
    {
      text:
        `During the outage ${whole(pipeline.requestsDuringOutage)} requests of the pipeline reached the server, ` +
        `bare ${whole(bare.requestsDuringOutage)}: an open circuit leaves a struggling server alone.`,
      shown: pipeline.requestsDuringOutage < bare.requestsDuringOutage / 2,
    },
    {
      text:
        opened && closed && closed.at >= outage.to
          ? `The circuit opened ${seconds(opened.at - outage.from)} after the outage began, ` +
            `and closed for good ${seconds(closed.at - outage.to)} after it ended.`
          : 'The circuit opened in the outage and closed after it.',
      shown: opened !== undefined && closed !== undefined && closed.at >= outage.to && closed === breaker.at(-1),
    },
  ];
}

export function rushClaimsOf({ endless, shed, quota, asked, capacity }: RushFigures): Claim[] {
  const { bare, limited } = quota;
  return [
    {
      text:
        `Asked for ${(asked / capacity).toFixed(1)} times what it could do, the server with an endless line answered ` +
        `${percent(endless.all.goodput)} of the calls in time, and with shed ${percent(shed.all.goodput)}: ` +
        `${percentUp(endless.workForNobody)} and ${percentUp(shed.workForNobody)} of the work was for callers who had left.`,
      shown: shed.all.inTime > 2 * endless.all.inTime && shed.workForNobody < endless.workForNobody,
    },
    {
      text:
        `Critical calls go first, and are given up last: shed answered ${percent(shed.critical.goodput)} of them in time, ` +
        `and the endless line ${percent(endless.critical.goodput)}.`,
      shown:
        shed.critical.goodput > shed.ordinary.goodput &&
        shed.critical.goodput > 0.5 &&
        shed.critical.inTime > 2 * endless.critical.inTime,
    },
    {
      text:
        `Allowed ${whole(quota.allowed)} requests a second, the bare sender had ${whole(bare.refused)} of its ` +
        `${whole(bare.calls)} refused. Through rateLimit, kept to four fifths of that to be safe, ` +
        `${whole(limited.answered)} were answered and ${whole(limited.refused)} refused; the other ${whole(limited.turnedAway)} were never sent, and half of them ` +
        `knew within ${Math.max(1, Math.ceil(limited.waits.p50))} ms.`,
      shown: bare.refused > 0 && limited.refused === 0 && limited.answered > 0 && limited.waits.p50 < 50,
    },
  ];
}
