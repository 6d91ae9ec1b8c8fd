import { setTimeout as sleep } from 'node:timers/promises';
import type { Milliseconds } from '../../src/core/policy.ts';
import type { Client, ClientName } from './clients.ts';
import type { Plan } from './plan.ts';

/** What a caller got: the upstream's own answer, an older copy in its stead, or nothing. */
export type Result = 'answered' | 'degraded' | 'failed';

/** One call as its caller saw it. */
export interface Call<Name extends string = ClientName> {
  readonly client: Name;
  readonly startedAt: Milliseconds;
  /** Until the caller knew, whatever it was. */
  readonly waited: Milliseconds;
  readonly result: Result;
}

/** A few calls of each client ahead of the rest, which would else pay for what a first call loads. */
export async function warmUp(clients: Readonly<Record<string, Client>>): Promise<void> {
  for (let call = -20; call < 0; call++) {
    await Promise.all(Object.values(clients).map((client) => client(call, AbortSignal.timeout(10_000))));
  }
}

/**
 * Makes the planned calls, each by every client at the same moment, and never waits for one call before it makes the
 * next. Settles when the last call has.
 */
export async function sendTraffic<Name extends string>(
  plan: Pick<Plan, 'calls' | 'interval' | 'patience'>,
  clients: Readonly<Record<Name, Client>>,
  elapsed: () => Milliseconds,
  onCall: (call: Call<Name>) => void,
): Promise<void> {
  const underWay: Promise<void>[] = [];
  let due = 0;
  for (let call = 0; call < plan.calls; call++) {
    // On a machine too busy to keep up, calls come later, not all at once.
    due = Math.max(due + plan.interval, elapsed() - plan.interval);
    await sleep(due - elapsed());
    for (const client of Object.keys(clients) as Name[]) underWay.push(make(client, call));
  }
  await Promise.all(underWay);

  async function make(client: Name, call: number): Promise<void> {
    const startedAt = elapsed();
    let result: Result = 'failed';
    try {
      result = (await clients[client](call, AbortSignal.timeout(plan.patience))) ? 'answered' : 'degraded';
    } catch {
      // A caller who got nothing knows only that.
    }
    onCall({ client, startedAt, waited: elapsed() - startedAt, result });
  }
}
