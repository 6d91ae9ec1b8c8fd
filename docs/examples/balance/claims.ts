import type { Claim } from '../../reference/claims.ts';
import { milliseconds, percent, percentUp, seconds, whole } from '../../reference/words.ts';
import type { Trouble } from './course.ts';
import type { ClientFigures, Figures, TroubleFigures } from './figures.ts';

export function claimsOf({ byHand, holdfast, troubles, regions, duration }: Figures): Claim[] {
  const slow = met('slow');
  const failing = met('failing');
  const replaced = met('replaced');
  const out = [met('killed'), met('hung'), failing];
  const left = ({ servers, holdfast: { leftAfter } }: TroubleFigures) =>
    `${servers.join(', ')} ${leftAfter === null ? 'never' : `after ${seconds(leftAfter)}`}`;
  const [, away = []] = Object.values(regions);
  const stayed = shareOf(holdfast, away, failing.to + 1_000, duration);
  return [
    {
      text:
        `Of ${whole(holdfast.calls)} calls each, ${percent(holdfast.availability)} were answered through holdfast, ` +
        `and ${percent(byHand.availability)} by hand.`,
      shown: holdfast.availability >= 0.995 && holdfast.availability > byHand.availability,
    },
    {
      text:
        `Half of the callers knew within ${milliseconds(holdfast.waits.p50)}, by hand ${milliseconds(byHand.waits.p50)}: calls stay ` +
        `in their own region. And 99 of 100 within ${milliseconds(holdfast.waits.p99)}, by hand ${milliseconds(byHand.waits.p99)}: ` +
        'few wait for a server that is slow or hangs.',
      shown: holdfast.waits.p50 < byHand.waits.p50 && holdfast.waits.p99 < byHand.waits.p99,
    },
    {
      text:
        `Of their requests, ${whole(holdfast.triesInTrouble)} through holdfast and ${whole(byHand.triesInTrouble)} by hand met a server ` +
        `in trouble. The slow one got ${whole(slow.holdfast.tries)} and ${whole(slow.byHand.tries)}: it is not ill, but others are quicker.`,
      shown: holdfast.triesInTrouble < byHand.triesInTrouble / 2 && slow.holdfast.tries < slow.byHand.tries,
    },
    {
      text:
        `Through holdfast, servers that were killed, hung or failed got their last request soon: ${out.map(left).join('; ')}. ` +
        `By hand they got ${whole(sum(out.map((each) => each.byHand.tries)))} of them. Each answered again later.`,
      shown: out.every(({ holdfast: { leftAfter, backAfter } }) => leftAfter !== null && backAfter !== null),
    },
    {
      text:
        `When the own region failed, ${percent(failing.holdfast.availability)} of the calls were answered through holdfast, and ` +
        `${percent(failing.byHand.availability)} by hand: the other region soon got ${percent(failing.holdfast.elsewhere)} of the requests, ` +
        `and ${percentUp(stayed)} from a second after the own one was well again.`,
      shown:
        failing.holdfast.availability >= 0.99 &&
        failing.holdfast.availability > failing.byHand.availability &&
        failing.holdfast.elsewhere > 0.9 &&
        stayed < 0.1,
    },
    {
      text:
        `When ${replaced.servers.join()} was replaced, ${whole(replaced.holdfast.tries)} requests of holdfast were lost there, or sent after it had gone; ` +
        `by hand ${whole(replaced.byHand.tries)}. ${replaced.successors.join()} took its calls.`,
      shown: replaced.holdfast.tries === 0 && replaced.holdfast.backAfter !== null,
    },
  ];

  function met(what: Trouble['what']): TroubleFigures {
    const trouble = troubles.find((each) => each.what === what);
    if (trouble === undefined) throw new RangeError(`no server was ${what}`);
    return trouble;
  }
}

/** What share of its requests a client sent to some servers between two times, to whole half seconds. */
function shareOf({ shareByHalfSecond }: ClientFigures, servers: readonly string[], from: number, to: number): number {
  const shares = servers.map((server) =>
    (shareByHalfSecond[server] ?? []).slice(Math.ceil(from / 500), Math.floor(to / 500)),
  );
  const slots = Math.max(0, ...shares.map(({ length }) => length));
  return sum(shares.flat()) / Math.max(1, slots);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
