import type { ServerResponse } from 'node:http';
import type { Milliseconds } from '../../src/core/policy.ts';
import { bodyDelay, busyFor, type Plan } from './plan.ts';
import { type Server, startServer } from './server.ts';

/** One request that came in: who sent it, and when. */
export interface Arrival {
  readonly client: string;
  readonly at: Milliseconds;
}

export interface Upstream extends Server {
  readonly arrivals: readonly Arrival[];
}

/**
 * A server that misbehaves by the plan. A path is `/client/call`: both clients meet the same fates, and a second request
 * for one call is its next try.
 */
export async function startUpstream(plan: Plan, elapsed: () => Milliseconds): Promise<Upstream> {
  const arrivals: Arrival[] = [];
  const tries = new Map<string, number>();

  const server = await startServer((request, response) => {
    const path = request.url ?? '';
    const [, client = '', call = ''] = path.split('/');
    const attempt = tries.get(path) ?? 0;
    tries.set(path, attempt + 1);
    const at = elapsed();
    if (Number(call) >= 0) arrivals.push({ client, at });

    const { kind, delay } = plan.fate(Number(call), attempt, at >= plan.outage.from && at < plan.outage.to);
    if (kind === 'hang') return;
    setTimeout(() => {
      if (kind === 'reset') request.socket.resetAndDestroy();
      else if (kind === 'error') response.writeHead(503).end();
      else if (kind === 'busy') response.writeHead(429, { 'retry-after': String(busyFor) }).end();
      else answer(response, call, kind === 'slow body' ? bodyDelay : 0);
    }, delay);
  });
  return { ...server, arrivals };
}

/** The call's own number, so that an answer to another call is not taken for it. */
function answer(response: ServerResponse, call: string, pause: Milliseconds): void {
  const body = JSON.stringify({ call: Number(call), text: 'All is well upstream. '.repeat(40) });
  const half = body.length / 2;
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': body.length });
  if (pause === 0) {
    response.end(body);
  } else {
    response.write(body.slice(0, half));
    setTimeout(() => response.end(body.slice(half)), pause);
  }
}
