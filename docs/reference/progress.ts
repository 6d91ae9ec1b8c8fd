import { clearLine, cursorTo } from 'node:readline';
import type { WriteStream } from 'node:tty';
import type { Milliseconds } from '../../src/core/policy.ts';
import type { ClientName } from './clients.ts';
import type { LineName } from './overload.ts';
import type { Plan } from './plan.ts';
import type { SenderName } from './quota.ts';
import type { RushHappenings } from './rush.ts';
import type { Call } from './traffic.ts';
import { percent, seconds, whole } from './words.ts';

/** Says how things stand: ten times a second on one line of a terminal, every two seconds on a new line elsewhere. */
export function startProgress(stream: WriteStream, line: () => string): { stop(): void } {
  const inPlace = stream.isTTY === true;
  const timer = setInterval(show, inPlace ? 100 : 2_000);
  return {
    stop() {
      clearInterval(timer);
      if (inPlace) rewind();
      else stream.write('\n');
    },
  };

  function show(): void {
    if (inPlace) {
      rewind();
      // A line that fills the last column would scroll.
      stream.write(line().slice(0, (stream.columns || 80) - 1));
    } else {
      stream.write(`${line()}\n`);
    }
  }

  function rewind(): void {
    cursorTo(stream, 0);
    clearLine(stream, 0);
  }
}

/** The line itself in the first act, from what has happened so far. */
export function progressLine(plan: Plan, now: number, calls: readonly Call[], circuit: string): string {
  const weather =
    now >= plan.outage.from && now < plan.outage.to ? 'OUTAGE' : now < plan.duration ? 'unsteady' : 'waiting';
  return `${seconds(now).padStart(6)}  ${weather.padEnd(8)}  answered: bare ${share('bare')}, pipeline ${share('pipeline')}  circuit ${circuit}`;

  function share(client: ClientName): string {
    const own = calls.filter((call) => call.client === client);
    const answered = own.filter((call) => call.result === 'answered');
    return percent(own.length === 0 ? 1 : answered.length / own.length).padStart(7);
  }
}

/** The same in the rush. */
export function rushLine(now: Milliseconds, { lines, quota }: RushHappenings): string {
  return (
    `${seconds(now).padStart(6)}  in time: endless ${share('endless')}, shed ${share('shed')}` +
    `  429s: bare ${refused('bare')}, limited ${refused('limited')}`
  );

  function share(name: LineName): string {
    const own = lines.filter(({ line }) => line === name);
    const inTime = own.filter(({ result }) => result === 'in time');
    return percent(own.length === 0 ? 1 : inTime.length / own.length).padStart(7);
  }

  function refused(name: SenderName): string {
    return whole(quota.filter(({ sender, result }) => sender === name && result === 'refused').length);
  }
}
