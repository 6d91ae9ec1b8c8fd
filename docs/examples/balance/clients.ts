import { type Balancing, balancedFetch } from '../../../src/adapters/balanced-fetch.ts';
import { exponential } from '../../../src/algorithms/backoff.ts';
import { retryBudget } from '../../../src/algorithms/budgets.ts';
import { leastLoaded } from '../../../src/algorithms/pick-latency.ts';
import type { Milliseconds } from '../../../src/core/policy.ts';
import type { Client } from '../../reference/clients.ts';
import type { Server } from './fleet.ts';

export type ClientName = 'byHand' | 'holdfast';

/** One request of a call, as its sender saw it. */
export interface Try {
  readonly client: ClientName;
  readonly server: string;
  readonly at: Milliseconds;
  /** Until there was an answer, or none was waited for any more. */
  readonly waited: Milliseconds;
  readonly answered: boolean;
}

/** `fetch` that tells of each request of a call how it went; checks of health are none. */
export function telling(
  client: ClientName,
  nameOf: (origin: string) => string,
  elapsed: () => Milliseconds,
  onTry: (made: Try) => void,
): typeof fetch {
  return async (input, init) => {
    const { origin, pathname } = new URL(input instanceof Request ? input.url : input);
    const at = elapsed();
    let answered = false;
    try {
      const response = await fetch(input, init);
      answered = response.ok;
      return response;
    } finally {
      if (pathname.startsWith('/call/'))
        onTry({ client, server: nameOf(origin), at, waited: elapsed() - at, answered });
    }
  };
}

/** An answer is good if it belongs to this call. */
async function read(response: Response, path: string): Promise<void> {
  const text = await response.text();
  if (!response.ok) throw new Error(`answered ${response.status}`);
  if (!path.startsWith(text)) throw new Error(`asked for ${path}, got ${text}`);
}

type Path = (call: number) => string;

export interface ByHand {
  readonly call: Client;
  replace(leaver: string, newcomer: Server): void;
}

/** What is soon written by hand: one server after another, and one more chance for what fails. */
export function byHand(servers: readonly Server[], get: typeof fetch, path: Path): ByHand {
  const list = [...servers];
  let next = 0;
  return {
    async call(call, signal) {
      for (let attempt = 1; ; attempt++) {
        const { url } = list[next++ % list.length] as Server;
        try {
          const response = await get(`${url}${path(call)}`, {
            signal: AbortSignal.any([signal, AbortSignal.timeout(1_000)]),
          });
          await read(response, path(call));
          return true;
        } catch (error) {
          if (attempt === 2) throw error;
        }
      }
    },
    replace(leaver, newcomer) {
      list[list.findIndex(({ name }) => name === leaver)] = newcomer;
    },
  };
}

export interface ThroughHoldfast extends Disposable {
  readonly call: Client;
  readonly endpoints: Balancing['endpoints'];
  /** Resolves once nothing is under way at the leaver any more. */
  replace(leaver: string, newcomer: Server): Promise<void>;
}

/** The same through holdfast. All of it is quicker here than most would set it: a whole bad day passes in seconds. */
export function throughHoldfast(
  servers: readonly Server[],
  zone: string,
  get: typeof fetch,
  path: Path,
): ThroughHoldfast {
  const balanced = balancedFetch({
    origins: servers,
    zone,
    pick: leastLoaded({ decay: 500 }),
    check: { path: '/health', interval: 200, timeout: 250, rise: 2, fall: 2 },
    outlierEjection: { consecutiveFailures: 3, ejection: 500, maxEjectedRatio: 0.5 },
    timeout: 1_800,
    retry: { maxAttempts: 4, backoff: exponential({ initial: 10, max: 100 }), budget: retryBudget() },
    tryTimeout: 400,
    // It would be one more to say who is ill, where two are shown.
    breaker: false,
    fetch: get,
  });
  balanced.start();
  return {
    async call(call, signal) {
      await read(await balanced(path(call), { signal }), path(call));
      return true;
    },
    get endpoints() {
      return balanced.endpoints;
    },
    async replace(leaver, newcomer) {
      balanced.add(newcomer);
      await balanced.drain(leaver);
      balanced.remove(leaver);
    },
    [Symbol.dispose]: () => balanced[Symbol.dispose](),
  };
}
