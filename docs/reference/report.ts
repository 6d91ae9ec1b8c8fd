import type { WriteStream } from 'node:tty';
import { plot } from 'simple-ascii-chart';
import type { Claim } from './claims.ts';
import type { ClientFigures, Figures, Transition } from './figures.ts';
import { ordinary, type Plan } from './plan.ts';
import { milliseconds, percent, percentUp, seconds, whole } from './words.ts';

type Terminal = Pick<WriteStream, 'isTTY' | 'columns' | 'hasColors'>;

/** What is about to happen, for somebody who sees it for the first time. */
export function story({ interval, outage, patience }: Plan, stream: Terminal): string {
  const of = (wanted: string) => whole(100 * (ordinary.find(([, kind]) => kind === wanted)?.[0] ?? 0));
  return [
    bold('A server that misbehaves, called bare and through holdfast', stream),
    ...wrap(
      `Of 100 requests the server answers ${of('answer')} as it should, and ${of('slow body')} slowly; ` +
        `${of('error')} get a 503, ${of('busy')} a 429, ${of('reset')} a cut connection, and ${of('hang')} no answer at all. ` +
        `From ${seconds(outage.from)} to ${seconds(outage.to)} nobody gets one: the outage.`,
      widthOf(stream),
    ),
    ...wrap(
      `Two clients make the same ${whole(1_000 / interval)} calls a second: "bare" is fetch, "pipeline" is holdfast's ` +
        `resilientFetch inside a fallback. Callers give up after ${seconds(patience)}.`,
      widthOf(stream),
    ),
    '',
    '',
  ].join('\n');
}

/** The whole report of a run: table, breaker, charts and what it showed. It needs 60 columns and uses at most 100. */
export function report(figures: Figures, claims: readonly Claim[], stream: Terminal): string {
  const width = widthOf(stream);
  return [
    bold(`${whole(figures.bare.calls)} calls of each client (seed ${figures.seed})`, stream),
    ...table(figures),
    '',
    bold("The pipeline's circuit breaker", stream),
    ...openings(figures.breaker).flatMap((line) => wrap(line, width)),
    '',
    bold('Requests that reached the server, each half second', stream),
    ...chart('bare', figures, width),
    '',
    ...chart('pipeline', figures, width),
    '',
    bold('What this showed', stream),
    ...claims.flatMap(({ text, shown }) => wrap(`${shown ? '' : 'NOT SHOWN: '}${text}`, width, '- ')),
    '',
  ].join('\n');
}

function widthOf(stream: Terminal): number {
  return Math.min(stream.columns || 80, 100);
}

/** NO_COLOR is seen by hasColors; a pipe or a file has no such method. */
function bold(text: string, stream: Terminal): string {
  return stream.isTTY && stream.hasColors() ? `\u001b[1m${text}\u001b[22m` : text;
}

/** A line for each time it was open: from when to when, and how many probes it took. */
function openings(transitions: readonly Transition[]): string[] {
  const lines: string[] = [];
  let from: Transition | undefined;
  let probes = 0;
  for (const transition of transitions) {
    if (transition.to === 'half-open') probes++;
    else if (transition.to === 'closed') {
      if (from)
        lines.push(
          `Open from ${seconds(from.at)} to ${seconds(transition.at)}: ${tried(probes, 'the last was answered')}.`,
        );
      from = undefined;
      probes = 0;
    } else from ??= transition;
  }
  if (from) lines.push(`Open from ${seconds(from.at)} on: ${tried(probes, 'none was answered')}.`);
  return lines.length > 0 ? lines : ['Closed all the time.'];
}

function tried(probes: number, end: string): string {
  return `it let ${probes === 1 ? 'one call' : `${whole(probes)} single calls`} through to see, and ${end}`;
}

function table({ bare, pipeline, outage }: Figures): string[] {
  const row = (label: string, of: (client: ClientFigures) => string) =>
    label.padEnd(34) + of(bare).padStart(12) + of(pipeline).padStart(12);
  return [
    `${''.padEnd(34)}${'bare'.padStart(12)}${'pipeline'.padStart(12)}`,
    row('answered by the server, in time', (client) => percent(client.availability)),
    row('  before and after the outage', (client) => percent(client.availabilityOutsideOutage)),
    row('given an older copy instead', (client) => percentUp(client.degraded / client.calls)),
    row('left with an error', (client) => percentUp(client.failed / client.calls)),
    row('wait of those answered, p50', (client) => milliseconds(client.waits.answered.p50)),
    row('                        p99', (client) => milliseconds(client.waits.answered.p99)),
    row('wait of all callers,    p50', (client) => milliseconds(client.waits.all.p50)),
    row('                        p99', (client) => milliseconds(client.waits.all.p99)),
    row('requests to the server', (client) => whole(client.requests)),
    row(`  in the outage (${seconds(outage.from)} to ${seconds(outage.to)})`, (client) =>
      whole(client.requestsDuringOutage),
    ),
  ];
}

/** One chart for each client on one scale, so that they are told apart without colour. */
function chart(name: 'bare' | 'pipeline', figures: Figures, width: number): string[] {
  const margin = 8;
  const { bare, pipeline } = figures;
  const most = 10 * Math.ceil(Math.max(...bare.requestsByHalfSecond, ...pipeline.requestsByHalfSecond) / 10);
  const points = figures[name].requestsByHalfSecond.map((requests, slot): [number, number] => [slot / 2, requests]);
  const step = figures.duration > 10_000 ? 5 : 2;
  const ticks = Array.from({ length: Math.ceil(figures.duration / 1_000 / step) }, (_, tick) => tick * step);
  const drawing = plot(points, {
    title: name,
    width: Math.max(20, Math.min(72, width) - margin),
    height: 6,
    yRange: [0, most],
    fillArea: true,
    customXAxisTicks: ticks,
    customYAxisTicks: [0, most],
    formatter: (value, { axis }) => (axis === 'x' ? `${value} s` : value),
  });
  return drawing
    .split('\n')
    .map((line) => line.trimEnd())
    .filter((line) => line !== '');
}

function wrap(text: string, width: number, bullet = ''): string[] {
  const room = Math.max(20, width - bullet.length);
  const lines = text.match(new RegExp(`.{1,${room}}(?= |$)`, 'g')) ?? [];
  return lines.map((line, index) => (index === 0 ? bullet : ' '.repeat(bullet.length)) + line.trim());
}
