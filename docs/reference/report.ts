import type { WriteStream } from 'node:tty';
import { plot } from 'simple-ascii-chart';
import type { Claim } from './claims.ts';
import type { ClientFigures, Figures } from './figures.ts';
import { milliseconds, percent, seconds, whole } from './words.ts';

/** The whole report of a run: table, breaker, charts and what it showed. It needs 60 columns and uses at most 100. */
export function report(
  figures: Figures,
  claims: readonly Claim[],
  stream: Pick<WriteStream, 'isTTY' | 'columns' | 'hasColors'>,
): string {
  const width = Math.min(stream.columns || 80, 100);
  // NO_COLOR is seen by hasColors; a pipe or a file has no such method.
  const bold = (text: string) => (stream.isTTY && stream.hasColors() ? `\u001b[1m${text}\u001b[22m` : text);
  return [
    bold(`${whole(figures.bare.calls)} calls, bare and through a pipeline (seed ${figures.seed})`),
    ...table(figures),
    '',
    bold('The circuit breaker'),
    ...wrap(['closed', ...figures.breaker.map(({ at, to }) => `${to} at ${seconds(at)}`)].join(', '), width),
    '',
    bold('Requests that reached the upstream, each half second'),
    ...chart('bare', figures, width),
    ...chart('pipeline', figures, width),
    '',
    bold('What this showed'),
    ...claims.flatMap(({ text, shown }) => wrap(`${shown ? '' : 'NOT SHOWN: '}${text}`, width, '- ')),
    '',
  ].join('\n');
}

function table({ bare, pipeline, outage }: Figures): string[] {
  const row = (label: string, of: (client: ClientFigures) => string) =>
    label.padEnd(34) + of(bare).padStart(12) + of(pipeline).padStart(12);
  return [
    `${''.padEnd(34)}${'bare'.padStart(12)}${'pipeline'.padStart(12)}`,
    row('available (own answer, in time)', (client) => percent(client.availability)),
    row('  before and after the outage', (client) => percent(client.availabilityOutsideOutage)),
    row('degraded (an older copy)', (client) => percent(client.degraded / client.calls)),
    row('failed', (client) => percent(client.failed / client.calls)),
    row('wait of answered callers, p50', (client) => milliseconds(client.waits.answered.p50)),
    row('                          p99', (client) => milliseconds(client.waits.answered.p99)),
    row('wait of all callers,      p50', (client) => milliseconds(client.waits.all.p50)),
    row('                          p99', (client) => milliseconds(client.waits.all.p99)),
    row('requests to the upstream', (client) => whole(client.requests)),
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
