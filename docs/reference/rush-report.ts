import type { LineFigures, QuotaFigures, RushFigures } from './rush-figures.ts';
import { loadOf, type RushPlan } from './rush-plan.ts';
import { bold, charts, type Terminal, widthOf, wrap } from './terminal.ts';
import { milliseconds, percent, percentUp, seconds, whole } from './words.ts';

/** What is about to happen in the rush. */
export function rushStory(plan: RushPlan, stream: Terminal): string {
  const { overload, quota, duration } = plan;
  const { capacity, asked } = loadOf(plan);
  const width = widthOf(stream);
  return [
    bold('The rush: servers that are asked for too much', stream),
    ...wrap(
      `For ${seconds(duration)} two servers are asked for ${whole(asked)} calls a second each. ` +
        `Their ${whole(overload.workers)} workers can do ${whole(capacity)}, and what takes longer than ` +
        `${milliseconds(overload.patience)} is of no use. One call in ${whole(overload.criticalEvery)} is critical. ` +
        `"endless" keeps whoever comes waiting in line; "shed" is the same server with holdfast's shed before it.`,
      width,
    ),
    ...wrap(
      `A third server allows each sender ${whole(quota.limit)} requests in any ${seconds(quota.window)}. Two senders want to send ` +
        `${whole(1_000 / quota.interval)} a second: "bare" just does, "limited" has asked what is allowed, and goes through holdfast's rateLimit.`,
      width,
    ),
    '',
    '',
  ].join('\n');
}

/** How the rush went: tables and charts. */
export function rushReport(figures: RushFigures, stream: Terminal): string {
  const { endless, shed, quota, asked, capacity, duration } = figures;
  return [
    bold(`Asked for ${whole(asked)} calls a second, able to do ${whole(capacity)}, for ${seconds(duration)}`, stream),
    ...table<LineFigures>({ endless, shed }, [
      ['critical calls answered in time', ({ critical }) => percent(critical.goodput)],
      ['ordinary calls answered in time', ({ ordinary }) => percent(ordinary.goodput)],
      ['all calls answered in time', ({ all }) => percent(all.goodput)],
      ['told at once, or soon, that not', ({ all }) => percent(all.turnedAway / all.calls)],
      ['work done for who had left', ({ workForNobody }) => percentUp(workForNobody)],
    ]),
    '',
    bold('Calls answered in time, of those made in each quarter second', stream),
    ...charts(
      { endless: endless.inTimeByQuarterSecond, shed: shed.inTimeByQuarterSecond },
      { slot: 250, round: 5, width: widthOf(stream) },
    ),
    '',
    bold(`Allowed ${whole(quota.allowed)} requests a second, with ${whole(quota.wanted)} to send`, stream),
    ...table<QuotaFigures>({ bare: quota.bare, limited: quota.limited }, [
      ['answered', ({ answered }) => whole(answered)],
      ['refused by the server with a 429', ({ refused }) => whole(refused)],
      ['turned away before it was sent', ({ turnedAway }) => whole(turnedAway)],
      ['  who got nothing knew in, p50', ({ waits }) => fraction(waits.p50)],
      ['                           p99', ({ waits }) => fraction(waits.p99)],
    ]),
    '',
    '',
  ].join('\n');
}

function table<Column>(
  columns: Record<string, Column>,
  rows: readonly (readonly [label: string, of: (column: Column) => string])[],
): string[] {
  const line = (label: string, cells: readonly string[]) =>
    label.padEnd(34) + cells.map((cell) => cell.padStart(12)).join('');
  return [line('', Object.keys(columns)), ...rows.map(([label, of]) => line(label, Object.values(columns).map(of)))];
}

/** A tenth of a millisecond is worth telling from none where most is less than one. */
function fraction(time: number): string {
  return `${time.toFixed(1)} ms`;
}
