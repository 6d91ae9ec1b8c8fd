import type { Placement, PlacementKey } from '../algorithms/placement.ts';
import { CallsByKey } from '../core/calls-by-key.ts';
import { NoTargetError, RejectedError } from '../core/errors.ts';
import { checked, integer, iterable, objectWith, typed } from '../core/options.ts';
import type { Context } from '../core/policy.ts';
import type { Router, Target } from '../core/router.ts';
import { byName } from '../core/targets.ts';

export interface ShardingOptions<T extends Target> {
  /** Says which names have which key. */
  placement: Placement;
  /** What those names stand for; there may be more of them. */
  targets: Iterable<T>;
  /** On how many targets each key is. 1 or more. Default 1. */
  replicas?: number | undefined;
}

export interface ReshardOptions<K extends PlacementKey, T extends Target> {
  /** What it is to be. It stays as it is until the reshard is done. */
  to: Placement;
  /** All keys there are as it begins, always in the same order. Those that are made later need not be among them. */
  keys: AsyncIterable<K> | Iterable<K>;
  /**
   * Takes what there is of a key from one target to another, while no call of it runs. It may be asked for a key of which
   * there is nothing, and again for one that was moved already: then it changes nothing.
   */
  move: (key: K, from: T, to: T) => PromiseLike<void>;
  /** How many keys are moved at once. 1 or more. Default 100. */
  batch?: number | undefined;
  /** Where an earlier run has got to, its last `progress.last`: keys up to and with this one are not moved again. */
  after?: K | undefined;
  /** Told after each batch, and at the end. */
  onProgress?: ((progress: ReshardProgress<K>) => void) | undefined;
  /** Stops it, once the batch at hand is done: everything works on as it is then, and another `reshard` resumes it. */
  signal?: AbortSignal | undefined;
}

export interface ReshardProgress<K> {
  /** Keys moved in this run. */
  readonly moved: number;
  /** Keys that stay where they are. */
  readonly kept: number;
  /** The last key that is done. */
  readonly last: K;
}

export interface Sharding<T extends Target> {
  /** Sends calls to the target that has the key; a retry around goes on through its replicas, try by try. */
  forKey(key: PlacementKey): Router<T>;
  /** All targets that have the key, the owner first. */
  owners(key: PlacementKey): readonly T[];
  /**
   * Moves keys to where another placement has them, in bounded batches, while calls go on. Before a key is moved its calls
   * go to its old target, after it to its new one; while it is moved they wait, and it waits for those under way, also for
   * those nobody waits for any more. So each call finds what there is, and no write is lost. Rejects with what `move` fails
   * with, or with the reason of the signal: then it is as if stopped, and `reshard` resumes it.
   *
   * @throws {RejectedError} while another reshard runs, or is unfinished and leads elsewhere
   * @throws {RangeError | TypeError} for options out of range or unknown, a name without a target, an `after` that is no key
   */
  reshard<K extends PlacementKey>(options: ReshardOptions<K, T>): Promise<void>;
}

/** A reshard that is not done. */
interface Shift {
  readonly goal: Placement;
  readonly from: Placement;
  readonly to: Placement;
  /** Keys that are at their new target. */
  readonly moved: Set<string>;
  /** Keys that calls may have made at their old target, and that need not be among those listed. */
  readonly touched: Map<string, PlacementKey>;
  /** All keys listed are moved: but for those left in `touched`, each is at its new target, or not there at all. */
  walked: boolean;
  running: boolean;
}

/**
 * Spreads keys over targets, each on the target, or the few of them, that a placement says.
 *
 * @example
 * const shards = sharding({ placement: new HashRing({ nodes: ['a', 'b'] }), targets: [a, b] });
 * const user = await pipeline().execute(shards.forKey('user-1').route((node) => node.load('user-1')));
 *
 * @throws {NoTargetError} from calls: the placement has no nodes, or names one that is no target
 * @throws {RangeError | TypeError} for no targets, two of one name, and options out of range or unknown
 */
export function sharding<T extends Target>(options: ShardingOptions<T>): Sharding<T> {
  const {
    targets,
    replicas = 1,
    ...given
  } = checked('sharding', options, {
    placement: placing,
    targets: iterable,
    replicas: integer(1, 2 ** 32),
  });
  placing('sharding: placement', given.placement);
  const named = byName('sharding: targets', targets);
  const calls = new CallsByKey<PlacementKey>(
    () => new RejectedError({ name: 'sharding', message: 'no time to wait until the key is moved' }),
  );
  let { placement } = given;
  let shift: Shift | undefined;

  return {
    forKey(key) {
      const id = idOf(key);
      const pick = (context: Context): T => {
        const names = namesOf(key, id);
        return targetOf(names[(context.attempt - 1) % names.length] as string);
      };
      return {
        route: (task) => (context) => {
          touch(id, key);
          return calls.execute(id, key, (inner) => task(pick(inner), inner), context);
        },
      };
    },
    owners: (key) => namesOf(key, idOf(key)).map(targetOf),
    reshard,
  };

  function namesOf(key: PlacementKey, id: string): string[] {
    const names = placementOf(id).owners(key, replicas);
    if (names.length === 0) throw new NoTargetError({ name: 'sharding', message: 'there are no nodes' });
    return names;
  }

  function placementOf(id: string): Placement {
    if (shift === undefined) return placement;
    const { moved, walked, touched, from, to } = shift;
    return moved.has(id) || (walked && !touched.has(id)) ? to : from;
  }

  function touch(id: string, key: PlacementKey): void {
    if (shift === undefined || shift.walked || shift.moved.has(id)) return;
    if (journey(shift, key).length > 0) shift.touched.set(id, key);
  }

  function targetOf(name: string): T {
    const target = named.get(name);
    if (target !== undefined) return target;
    throw new NoTargetError({ name: 'sharding', message: `${name} is no target` });
  }

  async function reshard<K extends PlacementKey>(options: ReshardOptions<K, T>): Promise<void> {
    const {
      to,
      keys,
      move,
      batch = 100,
      after,
      onProgress,
      signal,
    } = checked('reshard', options, {
      to: placing,
      keys: walkable,
      move: typed('function'),
      batch: integer(1),
      after: keyed,
      onProgress: typed('function'),
      signal: objectWith('addEventListener'),
    });
    placing('reshard: to', to);
    walkable('reshard: keys', keys);
    typed('function')('reshard: move', move);
    for (const name of to) if (!named.has(name)) throw new RangeError(`reshard: to has no target "${name}"`);
    if (shift?.running) throw new RejectedError({ name: 'sharding', message: 'another reshard runs' });
    if (shift !== undefined && shift.goal !== to)
      throw new RejectedError({ name: 'sharding', message: 'an unfinished reshard leads elsewhere' });
    signal?.throwIfAborted();
    const now = (shift ??= begin(to));
    now.running = true;
    const stop = new AbortController();
    const stopped = new Promise<boolean>((resolve) => {
      signal?.addEventListener('abort', () => resolve(true), { signal: stop.signal });
    });
    try {
      await walk(now);
      now.walked = true;
      // What may have been made at old targets meanwhile.
      for (let left = [...now.touched]; left.length > 0; left = left.slice(batch)) {
        await all(left.slice(0, batch).map(([id, key]) => moveOne(now, key as K, id)));
        signal?.throwIfAborted();
      }
      placement = to;
      shift = undefined;
    } finally {
      now.running = false;
      stop.abort();
    }

    async function walk(now: Shift): Promise<void> {
      let skipped: Set<string> | undefined = after === undefined ? undefined : new Set();
      let moved = 0;
      let kept = 0;
      let last: K | undefined;
      const moves = new Map<string, Promise<void>>();
      const settle = async (): Promise<void> => {
        await all(moves.values());
        moved += moves.size;
        moves.clear();
        if (last !== undefined) onProgress?.({ moved, kept, last });
        signal?.throwIfAborted();
      };
      try {
        for await (const key of keys) {
          const id = idOf(key);
          const stays = journey(now, key).length === 0;
          if (skipped !== undefined) {
            if (!stays && !now.touched.has(id)) skipped.add(id);
            if (id !== idOf(after as K)) continue;
            for (const each of skipped) now.moved.add(each);
            skipped = undefined;
            continue;
          }
          if (moves.size >= batch || moves.has(id)) await settle();
          last = key;
          if (stays) kept++;
          else moves.set(id, moveOne(now, key, id));
        }
        if (skipped !== undefined) throw new RangeError('reshard: after must be one of keys');
        await settle();
      } finally {
        await Promise.allSettled(moves.values());
      }
    }

    async function moveOne(now: Shift, key: K, id: string): Promise<void> {
      if (now.moved.has(id)) return;
      await calls.hold(id, key, stopped, async () => {
        const [from] = now.from.owners(key, 1).map(targetOf) as [T];
        for (const name of journey(now, key)) await move(key, from, targetOf(name));
        now.moved.add(id);
        now.touched.delete(id);
      });
      if (!now.moved.has(id)) signal?.throwIfAborted();
    }
  }

  function begin(to: Placement): Shift {
    return {
      goal: to,
      from: placement.snapshot(),
      to: to.snapshot(),
      moved: new Set(),
      touched: new Map(calls.keys),
      walked: false,
      running: false,
    };
  }

  /** The names that are to get a key they have not. */
  function journey({ from, to }: Shift, key: PlacementKey): string[] {
    const before = from.owners(key, replicas);
    return to.owners(key, replicas).filter((name) => !before.includes(name));
  }
}

/** Tells keys apart. Bytes are never taken for text, though they may be placed alike. */
function idOf(key: PlacementKey): string {
  keyed('sharding: key', key);
  return typeof key === 'string' ? `"${key}` : key.join();
}

/** Waits for all of them, also when one fails. */
async function all(works: Iterable<Promise<void>>): Promise<void> {
  const begun = [...works];
  await Promise.allSettled(begun);
  await Promise.all(begun);
}

const placing = (label: string, value: unknown): void => objectWith('owner', 'owners', 'snapshot')(label, value);

function keyed(label: string, value: unknown): void {
  if (!(value instanceof Uint8Array)) typed('string')(label, value);
}

function walkable(label: string, value: unknown): void {
  if (typeof (Object(value) as Partial<AsyncIterable<unknown>>)[Symbol.asyncIterator] !== 'function')
    iterable(label, value);
}
