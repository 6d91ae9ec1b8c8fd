import type { Milliseconds } from '../../../src/core/policy.ts';
import { type Waits, waitsOf } from '../../reference/figures.ts';
import type { Call } from '../../reference/traffic.ts';
import type { ClientName, Try } from './clients.ts';
import type { Trouble } from './course.ts';
import type { Plan } from './plan.ts';

/** How one client got over one trouble. */
export interface Encounter {
  /** Requests that were sent to those in trouble, or were under way there and lost. */
  readonly tries: number;
  /** From its beginning to the last request sent there; null if they went on to its end, or nearly. */
  readonly leftAfter: Milliseconds | null;
  /** Until each of the successors had answered; null for never. */
  readonly backAfter: Milliseconds | null;
  /** The share of requests that went to others in its second half. */
  readonly elsewhere: number;
  /** The share of the calls made meanwhile that were answered. */
  readonly availability: number;
}

export interface TroubleFigures extends Trouble {
  readonly byHand: Encounter;
  readonly holdfast: Encounter;
}

/** How one client fared. Ratios are from 0 to 1, times in milliseconds. */
export interface ClientFigures {
  readonly calls: number;
  readonly answered: number;
  readonly failed: number;
  /** The share of calls that were answered. */
  readonly availability: number;
  /** How long callers waited until they knew. */
  readonly waits: Waits;
  readonly tries: number;
  /** Requests to servers in trouble. */
  readonly triesInTrouble: number;
  /** Of the requests sent in each half second, the share of each server. */
  readonly shareByHalfSecond: Readonly<Record<string, readonly number[]>>;
  readonly answeredByHalfSecond: readonly number[];
}

/** What a run came to; `--json` prints it. */
export interface Figures {
  readonly seed: number;
  readonly duration: Milliseconds;
  /** Servers of each region, the caller's own first, newcomers included. */
  readonly regions: Readonly<Record<string, readonly string[]>>;
  readonly byHand: ClientFigures;
  readonly holdfast: ClientFigures;
  readonly troubles: readonly TroubleFigures[];
}

/** Everything that happened, in no order. */
export interface Happenings {
  readonly calls: readonly Call<ClientName>[];
  readonly tries: readonly Try[];
  readonly troubles: readonly Trouble[];
}

const halfSecond: Milliseconds = 500;

export function figuresOf(plan: Plan, { calls, tries, troubles }: Happenings): Figures {
  const { seed, duration, rolling } = plan;
  const regions = Object.fromEntries(
    plan.regions.map(({ name, servers }) => [
      name,
      servers.includes(rolling.leaver) ? [...servers, rolling.newcomer] : servers,
    ]),
  );
  const slots = Math.ceil(duration / halfSecond);
  return {
    seed,
    duration,
    regions,
    byHand: figuresOfClient('byHand'),
    holdfast: figuresOfClient('holdfast'),
    troubles: troubles.map((trouble) => ({
      ...trouble,
      byHand: encounter(trouble, 'byHand'),
      holdfast: encounter(trouble, 'holdfast'),
    })),
  };

  function figuresOfClient(client: ClientName): ClientFigures {
    const own = calls.filter((call) => call.client === client);
    const answered = own.filter(isAnswered);
    const sent = tries.filter((made) => made.client === client);
    const sentInSlot = bySlot(sent.map(({ at }) => at));
    return {
      calls: own.length,
      answered: answered.length,
      failed: own.length - answered.length,
      availability: answered.length / own.length,
      waits: waitsOf(own),
      tries: sent.length,
      triesInTrouble: sent.filter((made) => troubles.some((trouble) => isIn(made, trouble))).length,
      shareByHalfSecond: Object.fromEntries(
        Object.values(regions)
          .flat()
          .map((server) => {
            const there = bySlot(sent.filter((made) => made.server === server).map(({ at }) => at));
            return [server, there.map((count, slot) => count / Math.max(1, sentInSlot[slot] as number))];
          }),
      ),
      answeredByHalfSecond: bySlot(answered.map(({ startedAt }) => startedAt)),
    };
  }

  function encounter(trouble: Trouble, client: ClientName): Encounter {
    const { servers, from, to, successors, readyAt } = trouble;
    const own = tries.filter((made) => made.client === client);
    const there = own.filter((made) => isIn(made, trouble));
    const last = Math.max(from, ...there.map(({ at }) => at));
    const firsts = successors.map((server) =>
      Math.min(...own.filter((made) => made.server === server && made.answered && made.at >= readyAt).map(endOf)),
    );
    const later = own.filter(({ at }) => at >= (from + to) / 2 && at < to);
    const meanwhile = calls.filter((call) => call.client === client && call.startedAt >= from && call.startedAt < to);
    return {
      tries: there.length,
      leftAfter: last > to - (to - from) / 5 ? null : last - from,
      backAfter: finite(Math.max(...firsts) - readyAt),
      elsewhere: later.filter(({ server }) => !servers.includes(server)).length / later.length,
      availability: meanwhile.filter(isAnswered).length / meanwhile.length,
    };
  }

  function bySlot(times: readonly Milliseconds[]): number[] {
    const counts = Array.from({ length: slots }, () => 0);
    for (const time of times) {
      const slot = Math.floor(time / halfSecond);
      if (slot < slots) counts[slot] = (counts[slot] as number) + 1;
    }
    return counts;
  }
}

function isIn(made: Try, { servers, from, to }: Trouble): boolean {
  const lost = !made.answered && made.at < from && endOf(made) >= from;
  return servers.includes(made.server) && ((made.at >= from && made.at < to) || lost);
}

function endOf({ at, waited }: Try): Milliseconds {
  return at + waited;
}

function isAnswered({ result }: Call<ClientName>): boolean {
  return result === 'answered';
}

function finite(time: Milliseconds): Milliseconds | null {
  return Number.isFinite(time) ? time : null;
}
