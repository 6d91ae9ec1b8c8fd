import { setTimeout as sleep } from 'node:timers/promises';
import type { Milliseconds, Policy } from '../../src/core/policy.ts';
import { makeCaller } from './caller.ts';
import { callLine, endlessServer, type LineCall, type LineName, shedServer, type Work } from './overload.ts';
import { callQuota, limitFor, type QuotaCall, type SenderName, startQuotaServer } from './quota.ts';
import type { RushPlan } from './rush-plan.ts';
import type { Server } from './server.ts';

/** Everything that happened in the rush, in no order; it grows while that goes on. */
export interface RushHappenings {
  readonly lines: LineCall[];
  readonly quota: QuotaCall[];
  readonly work: { readonly endless: Work; readonly shed: Work };
}

export interface Rush {
  readonly happenings: RushHappenings;
  readonly elapsed: () => Milliseconds;
  /** Settles once the last call has, and all servers are closed. */
  readonly ended: Promise<void>;
}

/** Asks the servers for too much, all of them at the same moments. */
export async function startRush(plan: RushPlan): Promise<Rush> {
  const [endless, shed, quota] = await Promise.all([endlessServer(plan), shedServer(plan), startQuotaServer(plan)]);
  const servers = [endless, shed, quota];
  const caller = makeCaller();
  const limit = await limitFor(quota, plan);
  const happenings: RushHappenings = { lines: [], quota: [], work: { endless: endless.work, shed: shed.work } };
  const { lines, quota: sent } = happenings;
  const start = performance.now();
  const elapsed = (): Milliseconds => performance.now() - start;

  return { happenings, elapsed, ended: run() };

  async function run(): Promise<void> {
    try {
      await Promise.all([
        every(plan.overload.interval, async (call) => {
          const make = (server: Server, line: LineName) => callLine(plan, caller.ask, server, line, call, elapsed);
          lines.push(...(await Promise.all([make(endless, 'endless'), make(shed, 'shed')])));
        }),
        every(plan.quota.interval, async () => {
          const make = (sender: SenderName, through?: Policy) => callQuota(caller.ask, quota, sender, through, elapsed);
          sent.push(...(await Promise.all([make('bare'), make('limited', limit)])));
        }),
      ]);
    } finally {
      await Promise.all([caller, ...servers].map((part) => part.close()));
    }
  }

  /** On a machine too busy to keep up, calls come later, not all at once. */
  async function every(interval: Milliseconds, make: (call: number) => Promise<void>): Promise<void> {
    const underWay: Promise<void>[] = [];
    const calls = Math.floor(plan.duration / interval);
    let due = 0;
    for (let call = 0; call < calls; call++) {
      due = Math.max(due + interval, elapsed() - interval);
      await sleep(due - elapsed());
      underWay.push(make(call));
    }
    await Promise.all(underWay);
  }
}
