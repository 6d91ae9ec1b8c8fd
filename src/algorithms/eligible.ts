import type { Random } from '../core/random.ts';
import type { Endpoint } from '../core/router.ts';
import { priorityShares } from './priorities.ts';

/** How much more than its share a zone can take, so that it keeps all its calls while that much less of it is up. */
const overprovision = 1.4;

/** What the eligible are chosen by. */
export interface EligibleRules {
  /** Whose targets are preferred. */
  readonly zone: string | undefined;
  readonly random: Random;
}

/** Those of one priority. */
interface Level<E extends Endpoint> {
  /** All but the draining. */
  readonly all: readonly E[];
  readonly up: readonly E[];
  /** Whether so few are up that calls go to all of them. */
  readonly panics: boolean;
}

/** Who is there. It holds until somebody comes, goes, or changes state: most calls find it as the one before left it. */
export interface Roll<E extends Endpoint> extends Level<E> {
  /** All that calls may go to: who is up, and where so few are up that it panics, all. */
  readonly open: readonly E[];
  /** By priority, each with its percent of the calls; none where all are of one priority. */
  readonly levels: readonly (Level<E> & { readonly load: number })[];
}

/** @param panicThreshold below this share of targets that are up, all are eligible: from 0 to 1, 0 is never */
export function rollOf<E extends Endpoint>(endpoints: Iterable<E>, panicThreshold: number): Roll<E> {
  const all = [...endpoints].filter(({ state }) => state !== 'draining');
  const up = all.filter(({ state }) => state === 'up');
  const byPriority = new Map<number, E[]>();
  for (const endpoint of all) {
    const those = byPriority.get(priorityOf(endpoint));
    if (those === undefined) byPriority.set(priorityOf(endpoint), [endpoint]);
    else those.push(endpoint);
  }
  if (byPriority.size < 2) {
    const panics = up.length / all.length < panicThreshold;
    return { all, up, open: panics ? all : up, panics, levels: [] };
  }
  const priorities = [...byPriority].sort(([a], [b]) => a - b);
  const members = priorities.map(([, those]) => ({ all: those, up: those.filter(({ state }) => state === 'up') }));
  const counts = members.map((level) => ({ healthy: level.up.length, total: level.all.length }));
  const { load, panic } = priorityShares(counts, panicThreshold);
  const levels = members.map((level, i) => ({ ...level, load: load[i] as number, panics: panic[i] as boolean }));
  const inPanic = new Set(levels.flatMap((level) => (level.panics && level.load > 0 ? level.all : [])));
  const open = inPanic.size === 0 ? up : all.filter((endpoint) => endpoint.state === 'up' || inPanic.has(endpoint));
  return { all, up, open, panics: inPanic.size > 0, levels };
}

/**
 * Those a call may go to, of all there are: those that are up, of the first priority and of the own zone as long as enough
 * of it is, and not tried yet by this execution. Once all are, all but the last one tried. None only where none is up and
 * there is no panic.
 *
 * Priorities, panic threshold and overprovisioning factor as in Envoy.
 */
export function eligible<E extends Endpoint>(
  roll: Roll<E>,
  rules: EligibleRules,
  tried: ReadonlySet<string>,
): readonly E[] {
  const level = roll.levels.length === 0 ? roll : drawn(roll, rules.random);
  const healthy = level.panics ? level.all : level.up;
  const near =
    level.panics || rules.zone === undefined ? healthy : preferred(level.all, level.up, rules.zone, rules.random);
  // Where next to nobody is up, percents may lead to a priority with none, while another has some.
  if (tried.size === 0) return near.length > 0 ? near : roll.open;
  return untried(near, tried) ?? untried(healthy, tried) ?? untried(roll.open, tried) ?? allButLast(roll.open, tried);
}

function priorityOf({ target }: Endpoint): number {
  return target.priority ?? 0;
}

/** Those of one priority, drawn by what share of the calls it gets. */
function drawn<E extends Endpoint>({ levels }: Roll<E>, random: Random): Level<E> {
  let left = random() * 100;
  let chosen = 0;
  while (left >= (levels[chosen]?.load as number)) left -= levels[chosen++]?.load as number;
  return levels[chosen] as Level<E>;
}

/** Those of the zone, as long as enough of it is up for this call; else those of other zones. */
function preferred<E extends Endpoint>(
  all: readonly E[],
  up: readonly E[],
  zone: string,
  random: Random,
): readonly E[] {
  const isNear = ({ target }: E): boolean => target.zone === zone;
  const near = up.filter(isNear);
  if (near.length === up.length) return up;
  // Where nobody is in the zone, that is no number, and more than nothing.
  const share = (overprovision * near.length) / all.filter(isNear).length;
  return share >= 1 || random() < share ? near : up.filter((endpoint) => !isNear(endpoint));
}

function untried<E extends Endpoint>(endpoints: readonly E[], tried: ReadonlySet<string>): readonly E[] | undefined {
  const rest = endpoints.filter(({ target }) => !tried.has(target.name));
  return rest.length > 0 ? rest : undefined;
}

/** The last one tried is the last in the set. Where it is the only one, it is tried again. */
function allButLast<E extends Endpoint>(endpoints: readonly E[], tried: ReadonlySet<string>): readonly E[] {
  const last = [...tried].at(-1);
  return endpoints.length === 1 ? endpoints : endpoints.filter(({ target }) => target.name !== last);
}
