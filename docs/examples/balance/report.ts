import { bold, charts, type Terminal, widthOf, wrap } from '../../reference/terminal.ts';
import { milliseconds, percent, percentUp, seconds, whole } from '../../reference/words.ts';
import type { ClientFigures, Encounter, Figures, TroubleFigures } from './figures.ts';
import type { Plan } from './plan.ts';

/** What is about to happen. */
export function story({ interval, regions, duration, patience }: Plan, ids: string, stream: Terminal): string {
  const [near, far] = regions.map(({ name, servers }) => `${name} (${servers.join(', ')})`);
  const paragraphs = [
    `Six HTTP servers, each a process of its own, stand in two regions: ${near}, where the callers are, and ` +
      `${far}, ${milliseconds(regions[1]?.distance ?? 0)} away. Within ${seconds(duration)} one of them gets slow, one is killed and started ` +
      'again, one is stopped and goes on, the whole near region answers 503 for a while, and one process is replaced.',
    `Two clients make the same ${whole(1_000 / interval)} calls a second. "by hand" goes through a list in turn, gives each ` +
      'try a second, and each call two of them; "holdfast" is its balancedFetch: it asks servers how they are, ' +
      `leaves out who fails, and tries elsewhere. Callers give up after ${seconds(patience)}. ` +
      'Until the tables come, shares are those of all calls so far.',
    `The processes: ${ids}.`,
  ];
  return [
    bold('Servers that come and go, by hand and through holdfast', stream),
    ...paragraphs.flatMap((text) => wrap(text, widthOf(stream))),
    '',
    '',
  ].join('\n');
}

/** How the calls went: tables and charts. Reports need 60 columns and use at most 100. */
export function report(figures: Figures, stream: Terminal): string {
  const { byHand, holdfast, seed } = figures;
  return [
    bold(`${whole(byHand.calls)} calls of each client (seed ${seed})`, stream),
    ...overall(byHand, holdfast),
    '',
    bold('What befell the servers, and who noticed', stream),
    ...encounters(figures.troubles),
    '',
    bold('Where requests went', stream),
    ...strips(figures, widthOf(stream)),
    '',
    bold('Calls answered, of those made in each half second', stream),
    ...charts(
      { 'by hand': byHand.answeredByHalfSecond, holdfast: holdfast.answeredByHalfSecond },
      { slot: 500, round: 5, width: widthOf(stream) },
    ),
    '',
    '',
  ].join('\n');
}

function overall(byHand: ClientFigures, holdfast: ClientFigures): string[] {
  const row = (label: string, of: (client: ClientFigures) => string) =>
    label.padEnd(34) + of(byHand).padStart(12) + of(holdfast).padStart(12);
  return [
    `${''.padEnd(34)}${'by hand'.padStart(12)}${'holdfast'.padStart(12)}`,
    row('answered', ({ availability }) => percent(availability)),
    row('left with an error', ({ failed, calls }) => percentUp(failed / calls)),
    row('wait of all callers, p50', ({ waits }) => milliseconds(waits.p50)),
    row('                     p99', ({ waits }) => milliseconds(waits.p99)),
    row('requests sent', ({ tries }) => whole(tries)),
    row('  to servers in trouble', ({ triesInTrouble }) => whole(triesInTrouble)),
  ];
}

const label = 18;
const cell = 7;

function encounters(troubles: readonly TroubleFigures[]): string[] {
  const row = (title: string, ...cells: string[]) =>
    title.padEnd(label) + cells.map((text) => text.padStart(cell)).join('');
  const pair = (of: (encounter: Encounter) => string) => (trouble: TroubleFigures) => [
    of(trouble.byHand),
    of(trouble.holdfast),
  ];
  const columns = [
    pair(({ tries }) => whole(tries)),
    pair(({ leftAfter }) => (leftAfter === null ? 'not' : seconds(leftAfter))),
    pair(({ backAfter }) => (backAfter === null ? 'not' : seconds(backAfter))),
  ];
  const heads = ['requests', 'left after', 'back after'].map((head) => head.padStart(2 * cell));
  return [
    ''.padEnd(label) + heads.join(''),
    row('', ...Array.from({ length: 3 }, () => ['hand', 'hold.']).flat()),
    ...troubles.map((trouble) =>
      row(`${trouble.servers.join(' ')} ${trouble.what}`, ...columns.flatMap((column) => column(trouble))),
    ),
  ];
}

const levels = ' ▁▂▃▄▅▆▇█';
const marks = { slow: 's', killed: 'x', hung: 'h', failing: '!', replaced: 'r' };

/** Three lines for each server: its troubles, and what share of each client's requests it got. */
function strips({ byHand, holdfast, troubles, regions, duration }: Figures, width: number): string[] {
  const margin = 14;
  const slots = holdfast.answeredByHalfSecond.length;
  const each = Math.ceil(slots / (width - margin));
  const servers = Object.values(regions).flat();
  const merged = (client: ClientFigures, server: string) =>
    Array.from({ length: Math.ceil(slots / each) }, (_, at) => {
      const shares = (client.shareByHalfSecond[server] ?? []).slice(at * each, (at + 1) * each);
      return shares.reduce((sum, share) => sum + share, 0) / shares.length;
    });
  const most = Math.max(...servers.flatMap((server) => [...merged(byHand, server), ...merged(holdfast, server)]));
  const strip = (shares: readonly number[]) =>
    shares.map((share) => levels[Math.ceil((share / most) * (levels.length - 1))]).join('');
  const illness = (server: string) =>
    Array.from({ length: Math.ceil(slots / each) }, (_, at) => {
      const [from, to] = [at * each * 500, (at + 1) * each * 500];
      const met = troubles.find((one) => one.servers.includes(server) && one.from < to && one.to > from);
      return met === undefined ? '·' : marks[met.what];
    }).join('');
  return [
    ...wrap(
      `Each column is ${seconds(each * 500)} of the ${seconds(duration)}, and █ is ${percentUp(most)} of a client's requests. ` +
        'Marked are servers that are s slow, x killed, h hung, ! failing, r replaced.',
      width,
    ),
    ...servers.flatMap((server) => [
      `${server.padEnd(margin)}${illness(server)}`,
      `${'   by hand'.padEnd(margin)}${strip(merged(byHand, server))}`.trimEnd(),
      `${'   holdfast'.padEnd(margin)}${strip(merged(holdfast, server))}`.trimEnd(),
    ]),
  ];
}
