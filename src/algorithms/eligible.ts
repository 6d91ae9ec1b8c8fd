import type { Random } from '../core/random.ts';
import type { Endpoint } from '../core/router.ts';

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

/**
 * Those a call may go to, of all there are: those that are up, of the own zone as long as enough of it is, and not tried
 * yet by this execution. Once all are, all but the last one tried. None only where none is up and there is no panic.
 *
 * Panic threshold and overprovisioning factor as in Envoy.
 */
export function eligible<E extends Endpoint>(
  endpoints: Iterable<E>,
  rules: EligibleRules,
  tried: ReadonlySet<string>,
): readonly E[] {
  const all: E[] = [];
  const up: E[] = [];
  for (const endpoint of endpoints) {
    if (endpoint.state === 'draining') continue;
    all.push(endpoint);
    if (endpoint.state === 'up') up.push(endpoint);
  }
  const panics = up.length < rules.panicThreshold * all.length;
  const healthy = panics ? all : up;
  const near = panics || rules.zone === undefined ? healthy : preferred(all, up, rules.zone, rules.random);
  if (tried.size === 0) return near;
  return untried(near, tried) ?? untried(healthy, tried) ?? allButLast(healthy, tried);
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
