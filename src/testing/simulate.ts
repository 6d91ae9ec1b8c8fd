import { shown, duration as time } from '../core/options.ts';
import { pipeline } from '../core/pipeline.ts';
import type { Context, Milliseconds } from '../core/policy.ts';
import type { Target } from '../core/router.ts';
import { Scope } from '../core/scope.ts';
import { EventClock } from './event-clock.ts';
import { seededRandom } from './seeded-random.ts';
import { Server } from './simulated-server.ts';
import {
  checkedSimulation,
  type SimulationClient,
  type SimulationOptions,
  type SimulationResult,
} from './simulation.ts';
import { Tally } from './tally.ts';

/** Who comes at one instant at most: a law that gave nothing but 0 would never let time pass. */
const crowd = 1_000_000;

/**
 * Plays clients, servers and outages on a clock of its own, and says what became of the calls: what would these
 * settings have done? A million calls take seconds, and go the same way every time.
 *
 * A discrete-event simulation of queues (G/G/c/K in Kendall's notation) with policies in front of them. A try that
 * finds no worker free waits in the server's line; if that is full, or the server down, the try fails at once, with an
 * error whose `code` is `ERR_SERVER_FULL` or `ERR_SERVER_DOWN`. Abandoned work is still being served unless aborted: a
 * try whose signal aborts leaves the line, but nothing takes it from a worker, and a deadline that no policy enforces
 * aborts nothing. What policies do takes no time, and neither does the way to the server and back.
 *
 * Each law and each policy has chance of its own, so that another policy changes nothing about who comes when.
 *
 * @example
 * const { offered, served } = await simulate({
 *   duration: 60_000,
 *   servers: [{ name: 'db', workers: 10, service: () => 10 }],
 *   clients: [{ name: 'web', arrivals: (random) => -Math.log(1 - random()), deadline: 200 }],
 * });
 *
 * @throws {RangeError | TypeError} by rejecting: for options out of range, or unknown, and for what a law gives
 */
export async function simulate(options: SimulationOptions): Promise<SimulationResult> {
  const { seed, duration, servers, clients, events } = checkedSimulation(options);
  const clock = new EventClock();
  const chance = seededRandom(seed);
  const tally = new Tally(duration);
  const identity = pipeline();

  const byName = new Map<string, Server>();
  for (const { name, workers, queue = Infinity, service } of servers) {
    const random = seededRandom(drawSeed());
    const takes = (): Milliseconds => drawn(`service of "${name}"`, () => service(random));
    byName.set(name, new Server({ name, workers, queue, takes, clock, tally }));
  }
  const all = [...byName.values()];
  for (const { at, server, set } of events) clock.plan(at, () => byName.get(server)?.set(set));

  const counts = new Map<string, { offered: number; served: number }>();
  for (const client of clients) start(client);
  await clock.advance(duration);

  const { offered, served, late, failed, series } = tally;
  return {
    offered,
    served,
    late,
    failed,
    // Bound: a closure would keep the whole simulation for as long as its result.
    quantile: tally.quantile.bind(tally),
    perServer: Object.fromEntries([...byName].map(([name, { calls, busy }]) => [name, { calls, busy }])),
    perClient: Object.fromEntries(counts),
    series,
  };

  function start({ name, arrivals, deadline = Infinity, policy, router, priority = 0 }: SimulationClient): void {
    // All of them drawn, used or not: the next client's chance is the same whatever this one has.
    const [forArrivals, forPolicy, forRouter, forTries] = [drawSeed(), drawSeed(), drawSeed(), drawSeed()];
    const random = seededRandom(forArrivals);
    const count = { offered: 0, served: 0 };
    counts.set(name, count);
    const among = all.length > 1 && router === undefined ? seededRandom(forTries) : () => 0;
    const pick = (): Server => all[Math.floor(among() * all.length)] as Server;
    const task =
      router?.(clock, seededRandom(forRouter)).route(sendTo) ?? ((context: Context) => send(pick(), context));
    const way = policy?.(clock, seededRandom(forPolicy)) ?? identity;
    const direct = policy === undefined && router === undefined;
    let atOnce = 0;
    next();

    function next(): void {
      const after = drawn(`arrivals of "${name}"`, () => arrivals(random));
      if (after === Infinity) return;
      atOnce = after === 0 ? atOnce + 1 : 0;
      if (atOnce === crowd)
        return stop(new RangeError(`simulate: arrivals of "${name}" must come to an end, got 0 always`));
      clock.plan(after, () => {
        next();
        const due = clock.now() + deadline;
        const call = tally.offer(count, clock.now(), due);
        if (direct) return pick().accept(call, undefined);
        clock.touch();
        const said = deadline < Infinity || priority !== 0 ? { deadline: due, priority } : undefined;
        way.execute(task, said).then(
          () => call.answered(clock.now()),
          () => call.failed(clock.now()),
        );
      });
    }
  }

  function sendTo({ name }: Target, context: Context): Promise<void> {
    const server = byName.get(name);
    if (server !== undefined) return send(server, context);
    stop(new RangeError(`simulate: router must pick a server by its name, got ${shown(name)}`));
    return new Promise(() => {});
  }

  function send(server: Server, context: Context): Promise<void> {
    // A context of somebody's own making is heard by its signal.
    if (!(context instanceof Scope)) return identity.execute((inner) => send(server, inner), context);
    return new Promise((resolve, reject) => {
      const caller = {
        answered() {
          clock.touch();
          resolve();
        },
        failed(_now: Milliseconds, error: unknown) {
          clock.touch();
          reject(error);
        },
      };
      server.accept(caller, context);
    });
  }

  /** What a law gives. A wrong one ends the simulation, and not only the call. */
  function drawn(label: string, law: () => Milliseconds): Milliseconds {
    try {
      const value = law();
      time(`simulate: ${label}`, value);
      return value;
    } catch (error) {
      stop(error);
      return Infinity;
    }
  }

  function stop(error: unknown): void {
    clock.plan(0, () => {
      throw error;
    });
  }

  function drawSeed(): number {
    return Math.floor(chance() * 2 ** 53);
  }
}
