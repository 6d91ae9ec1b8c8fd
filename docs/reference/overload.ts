import type { IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { ShedError } from '../../src/core/errors.ts';
import type { Milliseconds } from '../../src/core/policy.ts';
import { type Shed, shed } from '../../src/policies/shed.ts';
import type { Caller } from './caller.ts';
import type { RushPlan } from './rush-plan.ts';
import { type Server, startServer } from './server.ts';

export type LineName = 'endless' | 'shed';

/** One call as its caller saw it. */
export interface LineCall {
  readonly line: LineName;
  readonly critical: boolean;
  readonly startedAt: Milliseconds;
  readonly result: 'in time' | 'turned away' | 'too late';
}

/** What the workers have done: in all, and for callers who had left by then. */
export interface Work {
  done: number;
  forNobody: number;
}

export interface BusyServer extends Server {
  readonly work: Readonly<Work>;
}

/** What most servers do: whoever comes waits for a worker, as long as it takes. */
export function endlessServer(plan: RushPlan): Promise<BusyServer> {
  return startBusyServer(plan, (work) => work());
}

/** The same workers behind `shed`, which is told what a call is worth, and until when. */
export function shedServer(plan: RushPlan): Promise<BusyServer> {
  const { workers, maxWait } = plan.overload;
  const service: Shed = shed({ maxConcurrent: workers, maxWait });
  return startBusyServer(plan, (work, { headers }) =>
    service.execute(work, {
      priority: Number(headers['x-priority']),
      deadline: performance.now() + Number(headers['x-time-left']),
    }),
  );
}

async function startBusyServer(
  { overload }: RushPlan,
  handle: (work: () => Promise<void>, request: IncomingMessage) => Promise<void>,
): Promise<BusyServer> {
  const work: Work = { done: 0, forNobody: 0 };
  const line: (() => void)[] = [];
  let free = overload.workers;

  const server = await startServer(async (request, response) => {
    try {
      await handle(async () => {
        if (free > 0) free--;
        else await new Promise<void>((turn) => line.push(turn));
        await sleep(overload.work);
        const next = line.shift();
        if (next) next();
        else free++;
        work.done++;
        if (response.destroyed) work.forNobody++;
      }, request);
      response.end();
    } catch (error) {
      response.writeHead(error instanceof ShedError ? 503 : 500).end();
    }
  });
  return {
    ...server,
    work,
    close() {
      line.length = 0;
      return server.close();
    },
  };
}

/** Makes one call, and leaves when the caller's patience is at its end. */
export async function callLine(
  { overload: { patience, criticalEvery } }: RushPlan,
  ask: Caller,
  { origin }: Server,
  line: LineName,
  call: number,
  elapsed: () => Milliseconds,
): Promise<LineCall> {
  const critical = call % criticalEvery === 0;
  const startedAt = elapsed();
  const status = await ask(origin, { 'x-priority': critical ? '1' : '0', 'x-time-left': String(patience) }, patience);
  const inTime = elapsed() - startedAt <= patience;
  return {
    line,
    critical,
    startedAt,
    result: status === 503 ? 'turned away' : status === 200 && inTime ? 'in time' : 'too late',
  };
}
