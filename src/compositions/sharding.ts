import { KeyShift } from '../algorithms/key-shift.ts';
import type { Placement, PlacementKey } from '../algorithms/placement.ts';
import { CallsByKey } from '../core/calls-by-key.ts';
import { systemClock } from '../core/clock.ts';
import { NoTargetError, RejectedError } from '../core/errors.ts';
import { emit } from '../core/events.ts';
import { Interrupt } from '../core/interrupt.ts';
import { WaitingLine } from '../core/line.ts';
import { checked, integer, iterable, objectWith, typed } from '../core/options.ts';
import { guard } from '../core/pipeline.ts';
import type { Context, Task } from '../core/policy.ts';
import { nothing } from '../core/promise.ts';
import type { Router, Target } from '../core/router.ts';
import { byName } from '../core/targets.ts';

export interface ShardingOptions<T extends Target> {
  /** Says which names have which key. Taken as it is now: what it becomes later counts once keys are moved to where it says. */
  placement: Placement;
  /** What those names stand for; there may be more of them. */
  targets: Iterable<T>;
  /** On how many targets each key is. 1 or more. Default 1. */
  replicas?: number | undefined;
}

export interface ReshardOptions<K extends PlacementKey, T extends Target> {
  /** What it is to be, taken as it is now: what it becomes meanwhile is for another reshard. */
  to: Placement;
  /** All keys there are as it begins, always in the same order. Those that are made later need not be among them. */
  keys: AsyncIterable<K> | Iterable<K>;
  /**
   * Takes what there is of a key from one target to another, while no call of it runs. It may be asked for a key of which
   * there is nothing, and again for one that was moved already: then it changes nothing. With `forget` it only copies.
   */
  move: (key: K, from: T, to: T) => PromiseLike<void>;
  /**
   * Removes what a target has of a key: once all who are to have the key have their copies, from those who are not; and
   * before a move that has failed is tried again, from where it led. Needed with `replicas`. Default: nothing, `move`
   * removes what it has taken.
   */
  forget?: ((key: K, target: T) => PromiseLike<void>) | undefined;
  /** How many keys are moved at once. 1 or more. Default 100. */
  batch?: number | undefined;
  /**
   * Where an earlier run has got to, its last `progress.last`: keys up to and with this one are not moved again. In a new
   * process calls wait until the first batch is done, which may be the one that the earlier was at.
   */
  after?: K | undefined;
  /** Told after each batch, and at the end. What it throws goes to `onListenerError`. */
  onProgress?: ((progress: ReshardProgress<K>) => void) | undefined;
  /**
   * Stops it at once: no more keys are begun, everything works on as it is then, and another `reshard` resumes it. A move
   * under way is not cut off: the calls of its key wait until it has ended, and so does that `reshard`.
   */
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
  const expired = () => new RejectedError({ name: 'sharding', message: 'no time to wait until the key is moved' });
  const calls = new CallsByKey<PlacementKey>(expired);
  const line = new WaitingLine<true>({
    clock: systemClock,
    maxWait: Infinity,
    ageing: 0,
    take: () => (shift?.unsure ? undefined : true),
    expired,
  });
  const gate = guard({ enter: (context) => line.join(context) });
  let placement = given.placement.snapshot();
  let goal: Placement | undefined;
  let shift: KeyShift | undefined;
  /** What is being done to keys; it may go on after the run that has begun it was stopped. */
  let underWay: Promise<unknown> = Promise.resolve();

  return {
    forKey(given) {
      const id = idOf(given);
      // Bytes that change afterwards would be another key, held and placed as neither.
      const key = typeof given === 'string' ? given : new Uint8Array(given);
      const pick = (context: Context): T => {
        const names = namesOf(key, id);
        return targetOf(names[(context.attempt - 1) % names.length] as string);
      };
      return { route: (task) => (context) => call(key, id, (inner) => task(pick(inner), inner), context) };
    },
    owners: (key) => namesOf(key, idOf(key)).map(targetOf),
    reshard,
  };

  function namesOf(key: PlacementKey, id: string): string[] {
    const names = (shift?.placementOf(id) ?? placement).owners(key, replicas);
    if (names.length === 0) throw new NoTargetError({ name: 'sharding', message: 'there are no nodes' });
    return names;
  }

  function call<R>(key: PlacementKey, id: string, task: Task<R>, context: Context): Promise<R> {
    if (shift?.unsure && !calls.isAround(context) && !shift.stays(key))
      return gate.execute((inner) => call(key, id, task, inner), context);
    shift?.touch(id, key);
    return calls.execute(id, key, task, context);
  }

  function targetOf(name: string): T {
    const target = named.get(name);
    if (target !== undefined) return target;
    const targets = new Map([[name, 'no target']]);
    throw new NoTargetError({
      name: 'sharding',
      message: `the placement names "${name}", which is no target`,
      targets,
    });
  }

  async function reshard<K extends PlacementKey>(options: ReshardOptions<K, T>): Promise<void> {
    const {
      to,
      keys,
      move,
      forget,
      batch = 100,
      after,
      onProgress,
      signal,
    } = checked('reshard', options, {
      to: placing,
      keys: walkable,
      move: typed('function'),
      forget: typed('function'),
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
    if (shift !== undefined && goal !== to)
      throw new RejectedError({ name: 'sharding', message: 'an unfinished reshard leads elsewhere' });
    signal?.throwIfAborted();
    goal = to;
    // Where an earlier process has got to is known only once its keys are gone through, and those it was at are done again.
    shift ??= new KeyShift(placement, to.snapshot(), replicas, calls.keys, after !== undefined);
    const now = shift;
    now.running = true;
    const stop = new AbortController();
    const interrupt = new Interrupt(signal, stop.signal);
    signal?.addEventListener('abort', () => calls.giveUp(), { signal: stop.signal });
    try {
      await interrupt.wait(underWay);
      await walk(now);
      now.walked = true;
      // What may have been made at old targets meanwhile.
      await inBatches([...now.touched], ([id, key]) => moveOne(now, key as K, id));
      await inBatches([...now.left], ([id, key]) => clear(now, key as K, id));
      placement = now.to;
      shift = undefined;
    } finally {
      now.running = false;
      line.admit();
      stop.abort();
    }

    async function inBatches<Each>(all: Each[], work: (each: Each) => Promise<void>): Promise<void> {
      for (let at = 0; at < all.length; at += batch) await done(all.slice(at, at + batch).map(work));
    }

    /** Waits for all of them, also when one fails. */
    async function done(works: Iterable<Promise<void>>): Promise<void> {
      const begun = [...works];
      underWay = Promise.allSettled(begun);
      await interrupt.wait(underWay);
      await Promise.all(begun);
    }

    async function walk(now: KeyShift): Promise<void> {
      let skipped: Set<string> | undefined = after === undefined ? undefined : new Set();
      let moved = 0;
      let kept = 0;
      let last: K | undefined;
      const moves = new Map<string, Promise<void>>();
      const settle = async (): Promise<void> => {
        await done(moves.values());
        moved += moves.size;
        moves.clear();
        now.unsure = false;
        line.admit();
        if (last !== undefined) emit(onProgress, { moved, kept, last });
        signal?.throwIfAborted();
      };
      try {
        for await (const key of interrupt.each(keys)) {
          const id = idOf(key);
          const stays = now.stays(key);
          if (skipped !== undefined) {
            if (!stays && !now.touched.has(id)) skipped.add(id);
            if (id !== idOf(after as K)) continue;
            for (const each of skipped) now.hasComeOver(each);
            skipped = undefined;
            continue;
          }
          if (moves.size >= batch || moves.has(id)) await settle();
          last = key;
          if (stays) kept++;
          else {
            const moving = moveOne(now, key, id);
            // It may fail while the next key is waited for; that is heard of once the batch is full.
            moving.catch(nothing);
            moves.set(id, moving);
          }
        }
        if (skipped !== undefined) {
          // Then nothing is moved, nor known to be.
          if (now.unsure) shift = undefined;
          throw new RangeError('reshard: after must be one of keys');
        }
        await settle();
      } finally {
        underWay = Promise.allSettled(moves.values());
        await interrupt.wait(underWay).catch(nothing);
      }
    }

    async function moveOne(now: KeyShift, key: K, id: string): Promise<void> {
      if (now.isOver(id)) return;
      await calls.hold(id, key, signal, async () => {
        const heirs = now.heirs(key).map(targetOf);
        // What a move that failed has left there may have been removed from the old target since.
        if (now.tried.has(id)) for (const heir of heirs) await forget?.(key, heir);
        now.tried.add(id);
        for (const heir of heirs) await move(key, targetOf(now.from.owner(key)), heir);
        now.hasComeOver(id);
        // Before calls go to the new targets: a copy that an old one still has was then the last there was, if the process ends.
        if (forget !== undefined) now.left.set(id, key);
        await clear(now, key, id);
      });
      if (!now.isOver(id)) signal?.throwIfAborted();
    }

    async function clear(now: KeyShift, key: K, id: string): Promise<void> {
      for (const name of now.leavers(key)) {
        const leaver = named.get(name);
        if (leaver !== undefined) await forget?.(key, leaver);
      }
      now.left.delete(id);
    }
  }
}

/** Tells keys apart. Bytes are never taken for text, though they may be placed alike. */
function idOf(key: PlacementKey): string {
  keyed('sharding: key', key);
  return typeof key === 'string' ? `"${key}` : key.join();
}

const placing = (label: string, value: unknown): void => objectWith('owner', 'owners', 'snapshot')(label, value);

function keyed(label: string, value: unknown): void {
  if (!(value instanceof Uint8Array)) typed('string')(label, value);
}

function walkable(label: string, value: unknown): void {
  if (typeof (Object(value) as Partial<AsyncIterable<unknown>>)[Symbol.asyncIterator] !== 'function')
    iterable(label, value);
}
