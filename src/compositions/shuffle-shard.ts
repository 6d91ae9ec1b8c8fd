import { FairQueues } from '../algorithms/fair-queues.ts';
import { Semaphore } from '../algorithms/semaphore.ts';
import { bitsToDeal, dealHand } from '../algorithms/shuffle-shard.ts';
import { type Clock, systemClock } from '../core/clock.ts';
import { ShedError } from '../core/errors.ts';
import { emit, type Listener } from '../core/events.ts';
import { murmur3 } from '../core/hash.ts';
import type { Keyed } from '../core/keyed.ts';
import { WaitingLine, type WaitingLineOptions } from '../core/line.ts';
import { checked, duration, integer, objectWith, typed } from '../core/options.ts';
import { guard } from '../core/pipeline.ts';
import type { Milliseconds } from '../core/policy.ts';
import { type Random, systemRandom } from '../core/random.ts';

export interface ShuffleShardOptions {
  /** Slots: calls of cost 1 that may run at once, of all flows together. 1 or more. */
  maxConcurrent: number;
  /** Queues for all flows together: 1 to 67_108_864. Default 64. */
  queues?: number | undefined;
  /**
   * Queues that each flow may wait in: 1 or more, and at most `queues`. `queues` to this power is the number of hashes it
   * takes, and may be 2 to the 60. Default 8, or `queues` if these are fewer.
   */
  handSize?: number | undefined;
  /** Calls that may wait in each queue. 1 or more. Default 50. */
  maxQueued?: number | undefined;
  /** How long a call may wait for a slot. 0 or more. Default `Infinity`: as long as its caller does. */
  maxWait?: Milliseconds | undefined;
  clock?: Clock | undefined;
  /** Chance, for the seed by which hands are dealt. */
  random?: Random | undefined;
  /** Carried by events and errors. Default `'shuffleShard'`. */
  name?: string | undefined;
  onEvent?: Listener<ShuffleShardEvent> | undefined;
}

/** What a shuffle shard tells, once it is so. `key` is the call's flow. */
export type ShuffleShardEvent =
  /** A call waits. */
  | {
      readonly type: 'queued';
      readonly name: string;
      readonly key: string;
      readonly running: number;
      readonly queued: number;
    }
  /** A call was turned away: all the queues of its flow are full, or no slot came free in time. */
  | {
      readonly type: 'rejected';
      readonly name: string;
      readonly key: string;
      readonly reason: 'full' | 'expired';
      readonly running: number;
      readonly queued: number;
    };

/** A policy for each flow, that shares its slots with those of all others. */
export interface ShuffleShard extends Keyed {
  /** Slots taken: the costs of the calls that run, added up. */
  readonly running: number;
  /** Calls that wait, in all queues. */
  readonly queued: number;
  /** Nobody runs or waits. */
  readonly idle: boolean;
}

/** A line that says when somebody has left it unserved. */
class Queue extends WaitingLine<number> {
  readonly #left: () => void;

  constructor(options: WaitingLineOptions<number>, left: () => void) {
    super(options);
    this.#left = left;
  }

  override leave(...of: Parameters<WaitingLine<number>['leave']>): void {
    super.leave(...of);
    this.#left();
  }
}

/**
 * Runs at most `maxConcurrent` tasks at once, and shares the slots fairly among flows: tenants, users, whatever the key
 * names. One that sends a hundred times what it should waits for itself, and hardly anybody else does.
 *
 * A flow has a hand of `handSize` queues, dealt by the hash of its key, and its calls join the shortest of these. Queues
 * are served in turn, by cost. So a noisy flow fills its own hand and no more, and another flow suffers only if all its
 * queues are in that hand: with 8 out of 64, one in 4.4 thousand million. While slots are free, nobody waits.
 *
 * Within a queue it is first come, first served. A call that costs more than there are slots is a `RangeError`. A slot is
 * held until the task itself has settled.
 *
 * (Colm MacCárthaigh, Shuffle Sharding, 2014; Kubernetes API Priority and Fairness, KEP-1040, without the lending among
 * priority levels; queues are served by start-time fair queueing, Goyal, Vin and Cheng, 1996.)
 *
 * @example
 * const tenants = shuffleShard({ maxConcurrent: 20, maxWait: 1_000 });
 * const report = await tenants.for('tenant-1').execute(() => db.query('select * from reports'));
 *
 * @throws {ShedError} from `execute`: all queues of the flow are full, or no slot came free in time
 * @throws {RangeError | TypeError} for options out of range, or unknown
 */
export function shuffleShard(options: ShuffleShardOptions): ShuffleShard {
  const {
    maxConcurrent,
    queues = 64,
    handSize = Math.min(8, queues),
    maxQueued = 50,
    maxWait = Infinity,
    clock = systemClock,
    random = systemRandom,
    name = 'shuffleShard',
    onEvent,
  } = checked('shuffleShard', options, {
    maxConcurrent: integer(1),
    queues: integer(1, 2 ** 26),
    handSize: integer(1),
    maxQueued: integer(1),
    maxWait: duration,
    clock: objectWith('now', 'coarse', 'schedule'),
    random: typed('function'),
    name: typed('string'),
    onEvent: typed('function'),
  });
  integer(1)('shuffleShard: maxConcurrent', maxConcurrent);
  integer(1, queues)('shuffleShard: handSize', handSize);
  const bits = bitsToDeal(queues, handSize);
  if (bits > 60)
    throw new RangeError(`shuffleShard: ${handSize} of ${queues} queues take a hash of ${bits} bits, at most 60`);

  const slots = new Semaphore(maxConcurrent);
  /** Calls that run, those that take no slot too. */
  let calls = 0;
  const waiting = new FairQueues(queues);
  const lines = new Map<number, Queue>();
  /** The queue whose turn it is, while it is being served. */
  let turn: number | undefined;
  const seeds = [random() * 2 ** 32, random() * 2 ** 32] as const;
  /** What a line gives to whoever waited in vain. The flow it does not know makes an error of it. */
  const late = new ShedError({ name, message: 'expired' });

  return {
    for(key) {
      typed('string')(`${name}: key`, key);
      const hand = dealHand(murmur3(key, seeds[0]), murmur3(key, seeds[1]), queues, handSize);
      return guard<number>({
        name,
        kind: 'shuffleShard',
        holds: true,
        enter(context) {
          const { cost } = context;
          if (!(cost % 1 === 0 && cost <= maxConcurrent))
            throw new RangeError(`${name}: cost must be a whole number up to ${maxConcurrent}, got ${cost}`);
          if (waiting.length === 0 && acquire(cost)) return cost;
          const queue = waiting.shortest(hand);
          if (waiting.lengthOf(queue) >= maxQueued) return rejected(key, 'full');
          const joined = lineOf(queue).join(context);
          if (joined === late) return rejected(key, 'expired');
          waiting.join(queue);
          if (onEvent) emit(onEvent, { type: 'queued', name, key, running: slots.taken, queued: waiting.length });
          serve();
          return (joined as Promise<number | ShedError>).then((given) =>
            given === late ? rejected(key, 'expired') : given,
          );
        },
        leave(cost) {
          calls--;
          slots.release(cost);
          if (waiting.length > 0) serve();
        },
      });
    },
    get running() {
      return slots.taken;
    },
    get queued() {
      return waiting.length;
    },
    get idle() {
      return calls + waiting.length === 0;
    },
  };

  function acquire(cost: number): boolean {
    if (!slots.tryAcquire(cost)) return false;
    calls++;
    return true;
  }

  /** A line lasts for as long as somebody is in it. */
  function lineOf(queue: number): Queue {
    let line = lines.get(queue);
    if (line === undefined) {
      const take = (cost: number): number | undefined => {
        if (turn !== queue || !acquire(cost)) return undefined;
        turn = undefined;
        gone(queue, cost);
        return cost;
      };
      const left = (): void => {
        gone(queue);
        serve();
      };
      line = new Queue({ clock, maxWait, ageing: 0, take, expired: () => late }, left);
      lines.set(queue, line);
    }
    return line;
  }

  /** Whoever was first in a queue has a slot, or somebody has left without one. */
  function gone(queue: number, cost?: number): void {
    if (cost === undefined) waiting.leave(queue);
    else waiting.serve(queue, cost);
    if (waiting.lengthOf(queue) === 0) lines.delete(queue);
  }

  /** Gives out the slots there are. If whoever is next needs more, all wait: heavy calls are not starved by light ones. */
  function serve(): void {
    do {
      turn = waiting.next();
      if (turn !== undefined) lines.get(turn)?.admit();
    } while (turn === undefined && waiting.length > 0);
    turn = undefined;
  }

  function rejected(key: string, reason: 'full' | 'expired'): ShedError {
    if (onEvent) emit(onEvent, { type: 'rejected', name, key, reason, running: slots.taken, queued: waiting.length });
    return new ShedError({ name, message: `no slot: ${reason}` });
  }
}
