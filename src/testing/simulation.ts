import type { Clock } from '../core/clock.ts';
import { type Check, checked, duration, integer, iterable, number, oneOf, positive, typed } from '../core/options.ts';
import type { Milliseconds, Policy } from '../core/policy.ts';
import type { Random } from '../core/random.ts';
import type { Router, Target } from '../core/router.ts';

export interface SimulationOptions {
  /** All chance comes from it: a whole number, 0 or more. The same seed gives the same run. Default 1. */
  seed?: number | undefined;
  /** How long calls come and are served: above 0, up to 24 days. What is under way then is left so. */
  duration: Milliseconds;
  /** One or more. */
  servers: Iterable<SimulationServer>;
  clients: Iterable<SimulationClient>;
  /** What happens to servers. Default nothing: they are up. */
  events?: Iterable<SimulationEvent> | undefined;
}

/** Workers that serve one line, first come, first served. */
export interface SimulationServer {
  name: string;
  /** Calls it works on at once, 1 or more. */
  workers: number;
  /** Calls that may wait for a worker, 0 or more. Default `Infinity`. */
  queue?: number | undefined;
  /** How long the next call takes a worker: 0 or more; `Infinity` for one that is never answered. */
  service: (random: Random) => Milliseconds;
}

/** Where calls come from, one after another, whether or not those before have been answered. */
export interface SimulationClient {
  name: string;
  /** How long after the start, and then after the call before, the next one comes: 0 or more, `Infinity` for no more. */
  arrivals: (random: Random) => Milliseconds;
  /** How long after it came a call's answer is in time; policies see its end as the call's deadline. Default `Infinity`. */
  deadline?: Milliseconds | undefined;
  /** Makes the policy all its calls go through, with the simulation's clock and chance of its own. Default none. */
  policy?: ((clock: Clock, random: Random) => Policy<unknown>) | undefined;
  /** Makes what picks the server of each try, by a target's name. Default: each server is as likely. */
  router?: ((clock: Clock, random: Random) => Router<Target>) | undefined;
  /** As policies see it. Default 0. */
  priority?: number | undefined;
}

export interface SimulationEvent {
  at: Milliseconds;
  server: string;
  /**
   * `down`: what it has is lost, and what comes is refused. `hang`: it takes what comes, and works on nothing. `slower`:
   * work takes so many times as long, also what is left of work begun. `up`: as at first; work that hung goes on.
   */
  set: 'down' | 'hang' | 'up' | { slower: number };
}

/** What became of the calls. Those in none of `served`, `late` and `failed` were under way at the end. */
export interface SimulationResult {
  /** Calls that clients made. */
  readonly offered: number;
  /** Answered in time. A value that a policy gives instead is an answer, too. */
  readonly served: number;
  /** Answered after their deadline, or unanswered at the end though it had passed. */
  readonly late: number;
  /** Ended in an error. */
  readonly failed: number;
  /** What a share `q` of the calls served took at most, by nearest rank; NaN when none was served. */
  quantile(q: number): Milliseconds;
  /** Tries that came to the server, refused ones too, and the share of its workers' time in which they had work. */
  readonly perServer: Record<string, { calls: number; busy: number }>;
  readonly perClient: Record<string, { offered: number; served: number }>;
  /** Second by second. */
  readonly series: SimulationSecond[];
}

export interface SimulationSecond {
  /** When it begins. */
  at: Milliseconds;
  /** Tries that came to the servers, refused ones too. */
  calls: number;
  /** Calls that were answered in time. */
  served: number;
  /** Calls that ended in an error. */
  failed: number;
}

/** 24 days: the result has an entry for each second. */
const longest: Milliseconds = 24 * 86_400_000;

/** The options themselves, each of them in order, with what they contain in arrays. */
export function checkedSimulation(options: SimulationOptions): {
  seed: number;
  duration: Milliseconds;
  servers: readonly SimulationServer[];
  clients: readonly SimulationClient[];
  events: readonly SimulationEvent[];
} {
  const given = whole('simulate', options, ['seed', 'events'], {
    seed: integer(0, Number.MAX_SAFE_INTEGER),
    duration: positive(longest),
    servers: iterable,
    clients: iterable,
    events: iterable,
  });
  const servers = [...given.servers];
  const clients = [...given.clients];
  const events = [...(given.events ?? [])];
  for (const server of servers) {
    whole('simulate: server', server, ['queue'], {
      name: typed('string'),
      workers: integer(1, 2 ** 31),
      queue: integer(0),
      service: typed('function'),
    });
  }
  for (const client of clients) {
    whole('simulate: client', client, ['deadline', 'policy', 'router', 'priority'], {
      name: typed('string'),
      arrivals: typed('function'),
      deadline: duration,
      policy: typed('function'),
      router: typed('function'),
      priority: number(-Infinity, Infinity),
    });
  }
  const names = namesOf('server', servers);
  namesOf('client', clients);
  if (names.length === 0) throw new RangeError('simulate: servers must be one or more, got none');
  for (const event of events) {
    whole('simulate: event', event, [], { at: duration, server: oneOf(...names), set: state });
  }
  return { seed: given.seed ?? 1, duration: given.duration, servers, clients, events };
}

/** As `checked`, and nothing may be left out but what is named. */
function whole<O extends object>(
  factory: string,
  options: O,
  optional: readonly (keyof O)[],
  checks: { readonly [Name in keyof O]-?: Check },
): O {
  checked(factory, options, checks);
  for (const name of Object.keys(checks) as (keyof O & string)[]) {
    if (!optional.includes(name)) checks[name](`${factory}: ${name}`, options[name]);
  }
  return options;
}

function namesOf(kind: string, named: readonly { readonly name: string }[]): string[] {
  const names = new Set<string>();
  for (const { name } of named) {
    if (names.has(name)) throw new RangeError(`simulate: ${kind}: name must be another for each, got "${name}" twice`);
    names.add(name);
  }
  return [...names];
}

function state(label: string, value: unknown): void {
  if (typeof value === 'object' && value !== null) {
    whole(label, value as { slower: number }, [], { slower: positive(Number.MAX_VALUE) });
  } else oneOf('down', 'hang', 'up')(label, value);
}
