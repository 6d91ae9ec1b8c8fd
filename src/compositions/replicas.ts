import { staleness, stalenessAmong } from '../algorithms/staleness.ts';
import { type Clock, systemClock } from '../core/clock.ts';
import { NoTargetError } from '../core/errors.ts';
import { emit, type Listener } from '../core/events.ts';
import { type Health, tell } from '../core/health.ts';
import { checked, duration, iterable, object, objectWith, shown, typed } from '../core/options.ts';
import { classifyGuarded, type Verdict } from '../core/outcome.ts';
import type { Context, Milliseconds } from '../core/policy.ts';
import type { Router, Target } from '../core/router.ts';
import { byName, healths } from '../core/targets.ts';
import { type Host, Visit } from '../core/visit.ts';

export interface ReplicasOptions<T extends Target> {
  /** Where writes go. */
  primary: T;
  /** Where reads go. There may be none. */
  replicas: Iterable<T>;
  /**
   * How far a target is in the order of all writes, as far as is known: asked at each read. With a `maxStaleness` it is the
   * time of the last write it has, in milliseconds of the primary's clock; else any number that grows with each write.
   * `NaN`: not known.
   */
  position: (target: T) => number;
  /** How far behind the primary a replica may be for reads, in milliseconds, 0 or more. Default `Infinity`. */
  maxStaleness?: Milliseconds | undefined;
  /** What says which targets are well: reads go to no replica that is not. Default: none, all are. */
  health?: readonly Health<T>[] | undefined;
  clock?: Clock | undefined;
  /** Carried by events and errors. Default `'replicas'`. */
  name?: string | undefined;
  onEvent?: Listener<ReplicasEvent> | undefined;
}

export type ReplicasEvent =
  /** Writes go to another primary from now on. */
  | {
      readonly type: 'promoted';
      readonly name: string;
      readonly from: string;
      readonly to: string;
      readonly fence: bigint;
    }
  /** A read goes to the primary: no replica is well, fresh enough, and has what its session has written. */
  | { readonly type: 'no-replica'; readonly name: string; readonly primary: string };

export interface Replicas<T extends Target> {
  readonly primary: T;
  /** Sends calls to the primary, whatever its health: there is no other. */
  readonly write: Router<T>;
  /**
   * Sends calls to a replica that is well, and fresh enough, each in turn; to the primary, if none is.
   *
   * @param session where its own last write was: it reads from none that does not have that yet
   * @throws {TypeError} for a session whose position is no number
   */
  read(session?: { position: number }): Router<T>;
  /**
   * Makes the freshest replica that is well the primary; to be called when the primary is gone. The old one takes no further
   * part: it may have writes that nobody else has. What the data are kept in must refuse writes with a lower fence than the
   * highest it has seen: then those which the old primary still gets are refused.
   *
   * @returns the new primary, and its fence: higher than any it has given, and than those of earlier runs of the program as long as
   * the wall clock does not go back: microseconds since 1970, or one more than the last
   * @throws {NoTargetError} where no replica is well and its position known: `targets` says why
   */
  promote(): { primary: T; fence: bigint };
}

/** A call, which healths hear of. */
class ToldCall<T extends Target> extends Visit {
  private readonly target: T;
  private readonly health: readonly Health<T>[];

  constructor(host: Host, context: Context, began: Milliseconds, target: T, health: readonly Health<T>[]) {
    super(host, context, began);
    this.target = target;
    this.health = health;
  }

  protected override judge(verdict: Verdict, elapsed: Milliseconds, now: Milliseconds): void {
    for (const each of this.health) tell(each, this.target, verdict, elapsed, now);
  }

  protected override leave(): void {}
}

/**
 * Sends writes to a primary and reads to its replicas: to none that is further behind than `maxStaleness`, and to none that
 * is behind what the reader itself has written. When the primary is gone, the freshest replica takes its place.
 *
 * How far behind a replica is, is as true as what `position` says: where positions are asked for only now and then, add the
 * time between to what you can bear. While the primary is not well, it is how far behind the freshest replica.
 * (MongoDB, "Max Staleness" specification.)
 *
 * @example
 * const db = replicas({ primary, replicas: [one, two], position: (node) => node.lastWrite, maxStaleness: 1_000 });
 * const session = await pipeline().execute(db.write.route((node) => node.insert(row)));
 * const rows = await pipeline().execute(db.read(session).route((node) => node.select()));
 *
 * @throws {RangeError | TypeError} for two targets of one name, and for options out of range or unknown
 */
export function replicas<T extends Target>(options: ReplicasOptions<T>): Replicas<T> {
  const {
    primary: first,
    replicas: others,
    position,
    maxStaleness = Infinity,
    health = [],
    clock = systemClock,
    name = 'replicas',
    onEvent,
  } = checked('replicas', options, {
    primary: object,
    replicas: iterable,
    position: typed('function'),
    maxStaleness: duration,
    health: healths,
    clock: objectWith('now', 'wall'),
    name: typed('string'),
    onEvent: typed('function'),
  });
  iterable('replicas: replicas', others);
  typed('function')('replicas: position', position);
  let [primary, ...standbys] = byName('replicas: primary and replicas', [first, ...others]).values() as unknown as [
    T,
    ...T[],
  ];
  const host = { clock, classify: health.find(({ classify }) => classify !== undefined)?.classify ?? classifyGuarded };
  /** When each was last read from, in reads. */
  const turns = new WeakMap<T, number>();
  let turn = 0;
  let fence = 0n;

  return {
    get primary() {
      return primary;
    },
    write: routerTo(() => primary),
    read(session) {
      if (session !== undefined) {
        object('replicas: session', session);
        // Taken for no position, it would read what is older than the session's own writes.
        if (typeof session.position !== 'number')
          throw new TypeError(`replicas: session.position must be a number, got ${shown(session.position)}`);
      }
      return routerTo((now) => reader(now, session?.position ?? -Infinity));
    },
    promote() {
      const now = clock.now();
      const fit = standbys.filter((target) => stateOf(target, now) === 'up' && !Number.isNaN(position(target)));
      const [freshest] = fit.sort((a, b) => position(b) - position(a));
      if (freshest === undefined) throw noReplica(now);
      const time = BigInt(Math.floor(clock.wall() * 1_000));
      fence = time > fence ? time : fence + 1n;
      const from = primary.name;
      primary = freshest;
      standbys = standbys.filter((target) => target !== freshest);
      emit(onEvent, { type: 'promoted', name, from, to: primary.name, fence });
      return { primary, fence };
    },
  };

  function routerTo(choose: (now: Milliseconds) => T): Router<T> {
    return {
      route: (task) => (context) => {
        const now = clock.now();
        const target = choose(now);
        return new ToldCall(host, context, now, target, health).run(task, target);
      },
    };
  }

  function reader(now: Milliseconds, least: number): T {
    const well = standbys.filter((target) => stateOf(target, now) === 'up');
    const behind = lag(well, now);
    const fit = well.filter(
      (target) => (least === -Infinity || position(target) >= least) && behind(target) <= maxStaleness,
    );
    const [first, ...others] = fit;
    if (first === undefined) {
      emit(onEvent, { type: 'no-replica', name, primary: primary.name });
      return primary;
    }
    const lastOf = (target: T): number => turns.get(target) ?? 0;
    const target = others.reduce((longest, other) => (lastOf(other) < lastOf(longest) ? other : longest), first);
    turns.set(target, ++turn);
    return target;
  }

  function lag(well: readonly T[], now: Milliseconds): (target: T) => Milliseconds {
    if (maxStaleness === Infinity) return () => 0;
    const copy = (target: T) => ({ written: position(target), seen: now });
    if (stateOf(primary, now) === 'up') {
      const newest = copy(primary);
      return (target) => staleness(copy(target), newest, 0);
    }
    const freshest = Math.max(...well.map(position).filter((at) => !Number.isNaN(at)));
    return (target) => stalenessAmong(position(target), freshest, 0);
  }

  function noReplica(now: Milliseconds): NoTargetError {
    const states = new Map<string, string>();
    for (const target of standbys) {
      const state = stateOf(target, now);
      states.set(target.name, state === 'up' ? 'of unknown position' : state);
    }
    const each = [...states].map(([name, state]) => `${name} is ${state}`);
    const message = `no replica is well enough to be promoted: ${each.join(', ') || 'there are none'}`;
    return new NoTargetError({ name, message, targets: states });
  }

  function stateOf(target: T, now: Milliseconds): 'up' | 'down' | 'ejected' {
    return health.map((each) => each.state(target.name, now)).find((state) => state !== 'up') ?? 'up';
  }
}
