import type { Random } from '../core/random.ts';
import type { Endpoint } from '../core/router.ts';
import { priorityShares } from './priorities.ts';

/** How much more than its share a zone can take, so that it keeps all its calls while that much less of it is up. */
const overprovision = 1.4;

/** What the eligible are chosen by. */
export interface EligibleRules {
  /** Below this share of targets that are up, all are eligible but the draining: from 0 to 1, 0 is never. */
  readonly panicThreshold: number;
  /** Whose targets are preferred. */
  readonly zone: string | undefined;
  readonly random: Random;
}

/** Who is there. It holds until somebody comes, goes, or changes state: most calls find it as the one before left it. */
export interface Roll<E extends Endpoint> {
  /** All but the draining. */
  readonly all: readonly E[];
  readonly up: readonly E[];
  /** Whether all are of one priority. */
  readonly equals: boolean;
}

export function rollOf<E extends Endpoint>(endpoints: Iterable<E>): Roll<E> {
  const all = [...endpoints].filter(({ state }) => state !== 'draining');
  const up = all.filter(({ state }) => state === 'up');
  return { all, up, equals: all.every((endpoint) => priorityOf(endpoint) === priorityOf(all[0] as E)) };
}

/**
 * Those a call may go to, of all there are: those that are up, of the first priority and of the own zone as long as enough
 * of it is, and not tried yet by this execution. Once all are, all but the last one tried. None only where none is up and
 * there is no panic.
 *
 * Priorities, panic threshold and overprovisioning factor as in Envoy.
 */
export function eligible<E extends Endpoint>(
  { all, up, equals }: Roll<E>,
  rules: EligibleRules,
  tried: ReadonlySet<string>,
): readonly E[] {
  const level = equals ? { all, up, panics: up.length < rules.panicThreshold * all.length } : drawn(all, rules);
  const healthy = level.panics ? level.all : level.up;
  const near =
    level.panics || rules.zone === undefined ? healthy : preferred(level.all, level.up, rules.zone, rules.random);
  if (tried.size === 0) return near;
  return (
    untried(near, tried) ??
    untried(healthy, tried) ??
    untried(up, tried) ??
    allButLast(level.panics ? level.all : up, tried)
  );
}

function priorityOf({ target }: Endpoint): number {
  return target.priority ?? 0;
}

/** Those of one priority, drawn by what share of the calls it gets. */
function drawn<E extends Endpoint>(all: readonly E[], { panicThreshold, random }: EligibleRules) {
  const priorities = [...new Set(all.map(priorityOf))].sort((a, b) => a - b);
  const levels = priorities.map((priority) => {
    const members = all.filter((endpoint) => priorityOf(endpoint) === priority);
    return { all: members, up: members.filter(({ state }) => state === 'up') };
  });
  const counts = levels.map((level) => ({ healthy: level.up.length, total: level.all.length }));
  const { load, panic } = priorityShares(counts, panicThreshold);
  let left = random() * 100;
  let chosen = 0;
  while (left >= (load[chosen] as number)) left -= load[chosen++] as number;
  return { ...(levels[chosen] as (typeof levels)[number]), panics: panic[chosen] as boolean };
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
