import type { Claim } from './claims.ts';
import type { ClientFigures, Figures, Transition } from './figures.ts';
import { ordinary, type Plan } from './plan.ts';
import { bold, charts, type Terminal, widthOf, wrap } from './terminal.ts';
import { milliseconds, percent, percentUp, seconds, whole } from './words.ts';

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
        `resilientFetch inside a fallback. Callers give up after ${seconds(patience)}. ` +
        'Until the tables come, shares are those of all calls so far.',
      widthOf(stream),
    ),
    '',
    '',
  ].join('\n');
}

/** How the calls went: table, breaker and charts. Reports need 60 columns and use at most 100. */
export function report(figures: Figures, stream: Terminal): string {
  const width = widthOf(stream);
  return [
    bold(`${whole(figures.bare.calls)} calls of each client (seed ${figures.seed})`, stream),
    ...table(figures),
    '',
    bold("The pipeline's circuit breaker", stream),
    ...openings(figures.breaker).flatMap((line) => wrap(line, width)),
    '',
    bold('Requests that reached the server, each half second', stream),
    ...charts(
      { bare: figures.bare.requestsByHalfSecond, pipeline: figures.pipeline.requestsByHalfSecond },
      { slot: 500, round: 10, width },
    ),
    '',
    '',
  ].join('\n');
}

/** What a run showed, in words. */
export function conclusion(claims: readonly Claim[], stream: Terminal): string {
  return [
    bold('What this showed', stream),
    ...claims.flatMap(({ text, shown }) => wrap(`${shown ? '' : 'NOT SHOWN: '}${text}`, widthOf(stream), '- ')),
    '',
  ].join('\n');
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
