import { setTimeout as sleep } from 'node:timers/promises';
import type { Milliseconds } from '../../../src/core/policy.ts';
import type { ByHand, ThroughHoldfast } from './clients.ts';
import type { Fleet } from './fleet.ts';
import { handTakes, type Illness, type Plan } from './plan.ts';

/** Something that befell servers, with the times it really happened. */
export interface Trouble {
  readonly what: Illness | 'replaced';
  /** Who should get no calls... */
  readonly servers: readonly string[];
  readonly from: Milliseconds;
  readonly to: Milliseconds;
  /** ...and who should get them again, or for the first time. */
  readonly successors: readonly string[];
  readonly readyAt: Milliseconds;
}

/** Lets the servers meet what is planned, and tells each trouble once it is over. */
export async function runCourse(
  plan: Plan,
  fleet: Fleet,
  clients: { readonly byHand: ByHand; readonly holdfast: ThroughHoldfast },
  elapsed: () => Milliseconds,
  onTrouble: (trouble: Trouble) => void,
): Promise<void> {
  for (const { illness, servers, from, to } of plan.spells) {
    await until(from);
    const began = elapsed();
    for (const name of servers) fleet.strike(name, illness);
    // As long as planned, also when the one before took longer: a process starts slowly on a busy machine.
    await sleep(to - from);
    await Promise.all(servers.map((name) => fleet.cure(name, illness)));
    const ended = elapsed();
    onTrouble({ what: illness, servers, from: began, to: ended, successors: servers, readyAt: ended });
  }
  await roll();

  /** holdfast is told before a process ends, the list that is kept by hand some time after. */
  async function roll(): Promise<void> {
    const { leaver, newcomer, at } = plan.rolling;
    const region = plan.regions.find(({ servers }) => servers.includes(leaver));
    await until(at);
    const server = await fleet.start(newcomer, region?.name ?? '', region?.distance ?? 0);
    const readyAt = elapsed();
    await clients.holdfast.replace(leaver, server);
    const from = elapsed();
    await fleet.retire(leaver);
    await sleep(handTakes);
    clients.byHand.replace(leaver, server);
    onTrouble({ what: 'replaced', servers: [leaver], from, to: elapsed(), successors: [newcomer], readyAt });
  }

  async function until(time: Milliseconds): Promise<void> {
    await sleep(Math.max(0, time - elapsed()));
  }
}
