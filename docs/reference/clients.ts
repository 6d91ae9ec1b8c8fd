import { type ResilientFetchEvent, resilientFetch } from '../../src/adapters/fetch.ts';
import { exponential } from '../../src/algorithms/backoff.ts';
import { retryBudget } from '../../src/algorithms/budgets.ts';
import { consecutiveFailures } from '../../src/algorithms/trip-rules.ts';
import type { Listener } from '../../src/core/events.ts';
import { fallback } from '../../src/policies/fallback.ts';

export type ClientName = 'bare' | 'pipeline';

/** Makes one call. `true`: the upstream's own answer; `false`: an older copy; a rejection: nothing. */
export type Client = (call: number, signal: AbortSignal) => Promise<boolean>;

interface Body {
  readonly call: number;
}

/** What most programs do: fetch, and hope. */
export function bareClient(origin: string): Client {
  return async (call, signal) => {
    await read(await fetch(`${origin}/bare/${call}`, { signal }), call);
    return true;
  };
}

/** The same through holdfast. When all else fails, callers get the last good body, and are told that it is not theirs. */
export function pipelineClient(origin: string, onEvent: Listener<ResilientFetchEvent>): Client {
  const get = resilientFetch({
    timeout: 2_500,
    tryTimeout: 300,
    retry: { maxAttempts: 4, backoff: exponential({ initial: 50, max: 400 }), budget: retryBudget() },
    breaker: {
      trip: consecutiveFailures({ count: 8 }),
      openDuration: 150,
    },
    onEvent,
  });
  let copy: Body | undefined;
  const lastResort = fallback({
    with: () => {
      if (copy === undefined) throw new Error('no copy yet');
      return copy;
    },
  });
  return async (call, signal) => {
    const body = await lastResort.execute(
      async (context) => {
        copy = await read(await get(`${origin}/pipeline/${call}`, { signal: context.signal }), call);
        return copy;
      },
      { signal },
    );
    return body.call === call;
  };
}

/** An answer is good if it is whole and belongs to this call. */
async function read(response: Response, call: number): Promise<Body> {
  if (!response.ok) throw new Error(`the upstream answered ${response.status}`);
  const body = (await response.json()) as Body;
  if (body.call !== call) throw new Error(`asked for call ${call}, got ${body.call}`);
  return body;
}
