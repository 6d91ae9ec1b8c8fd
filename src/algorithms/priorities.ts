/** The hosts of one priority. */
export interface PriorityLevel {
  readonly healthy: number;
  readonly total: number;
}

export interface PriorityShares {
  /** Whole percent of the calls for each level, 100 together; all 0 where there are no hosts at all. */
  readonly load: number[];
  /** Of each level, whether its health is not believed any more, so that its calls go to all its hosts. */
  readonly panic: boolean[];
}

/** How much more than its share a level can take: it keeps all its calls while 1 / 1.4, or 71 %, of it is healthy. */
const overprovision = 140;

/**
 * What part of the calls each level of priority gets, the first one preferred. A level can take 1.4 times the share of it
 * that is healthy, at most all calls; the next one gets what is left. Where all together can take less than everything, each
 * gets in proportion to what it can, and those below `panicThreshold` panic.
 *
 * (Envoy, "Priority levels" and "Panic threshold", whose whole percent this keeps.)
 *
 * @param panicThreshold from 0 to 1, the healthy share below which a level panics
 */
export function priorityShares(levels: readonly PriorityLevel[], panicThreshold = 0.5): PriorityShares {
  const able = levels.map(({ healthy, total }) =>
    total === 0 ? 0 : Math.min(100, Math.floor((overprovision * healthy) / total)),
  );
  const together = Math.min(100, sum(able));
  // A quotient is the very number that is written for it, a product is not: 0.57 · 100 is less than 57.
  const ill = levels.map(({ healthy, total }) => healthy / total < panicThreshold);
  if (together === 0) return { load: inProportion(levels), panic: ill };
  let left = 100;
  const load = able.map((health) => {
    const share = Math.min(left, Math.floor((health * 100) / together));
    left -= share;
    return share;
  });
  // What rounding has left goes to the first that can take anything.
  const first = able.findIndex((health) => health > 0);
  load[first] = (load[first] as number) + left;
  return { load, panic: ill.map((panics) => panics && together < 100) };
}

/** Nobody is healthy: calls go to all levels, in proportion to the hosts there are. */
function inProportion(levels: readonly PriorityLevel[]): number[] {
  const hosts = sum(levels.map(({ total }) => total));
  const load = levels.map(({ total }) => Math.floor((100 * total) / Math.max(hosts, 1)));
  const first = levels.findIndex(({ total }) => total > 0);
  if (first >= 0) load[first] = (load[first] as number) + 100 - sum(load);
  return load;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((all, each) => all + each, 0);
}
