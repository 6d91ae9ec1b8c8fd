import type { Milliseconds } from '../../../src/core/policy.ts';
import type { Endpoint } from '../../../src/core/router.ts';
import type { Call } from '../../reference/traffic.ts';
import { percent, seconds } from '../../reference/words.ts';
import type { ClientName } from './clients.ts';
import { handTakes, type Plan } from './plan.ts';

/** The line that says how things stand: what goes on, how many were answered, and whom holdfast leaves out. */
export function progressLine(
  plan: Plan,
  now: Milliseconds,
  calls: readonly Call<ClientName>[],
  endpoints: readonly Pick<Endpoint, 'target' | 'state'>[],
): string {
  return `${seconds(now).padStart(6)}  ${happening().padEnd(16)}  by hand ${answered('byHand')}, holdfast ${answered('holdfast')}  ${states()}`;

  function happening(): string {
    const spell = plan.spells.find(({ from, to }) => now >= from && now < to);
    if (spell !== undefined) return `${spell.servers.join(' ')} ${spell.illness}`;
    const { leaver, newcomer, at } = plan.rolling;
    return now >= at && now < at + 2 * handTakes ? `${newcomer} for ${leaver}` : 'all well';
  }

  function answered(client: ClientName): string {
    const own = calls.filter((call) => call.client === client);
    const good = own.filter((call) => call.result === 'answered');
    return percent(own.length === 0 ? 1 : good.length / own.length).padStart(7);
  }

  function states(): string {
    const groups = (['down', 'ejected', 'draining'] as const).flatMap((state) => {
      const names = endpoints.filter((endpoint) => endpoint.state === state).map(({ target }) => target.name);
      return names.length === 0 ? [] : [`${state} ${names.join(' ')}`];
    });
    return groups.length === 0 ? 'all up' : groups.join(', ');
  }
}
