import { rateLimitHeaders } from '../../src/algorithms/rate-limit-headers.ts';
import { slidingLog } from '../../src/algorithms/sliding-log.ts';
import { tokenBucket } from '../../src/algorithms/token-bucket.ts';
import { RateLimitedError } from '../../src/core/errors.ts';
import type { Milliseconds, Policy } from '../../src/core/policy.ts';
import { rateLimit } from '../../src/policies/rate-limit.ts';
import type { Caller } from './caller.ts';
import type { RushPlan } from './rush-plan.ts';
import { type Server, startServer } from './server.ts';

export type SenderName = 'bare' | 'limited';

/** One call as its sender saw it: refused by the server, or turned away by the sender's own rate limit. */
export interface QuotaCall {
  readonly sender: SenderName;
  /** Until the sender knew, whatever it was. */
  readonly waited: Milliseconds;
  readonly result: 'answered' | 'refused' | 'turned away' | 'failed';
}

/** Allows each path so many requests in any window, answers 429 to the rest, and says in each answer how things stand. */
export function startQuotaServer({ quota: { limit, window } }: RushPlan): Promise<Server> {
  const logs = new Map<string, ReturnType<typeof slidingLog>>();
  return startServer(({ method, url = '' }, response) => {
    const log = logs.get(url) ?? slidingLog({ limit, interval: window });
    logs.set(url, log);
    const now = performance.now();
    // Asking what is allowed is free.
    const allowed = log.tryAcquire(now, method === 'HEAD' ? 0 : 1);
    const reset = log.retryAfter(now);
    const headers = rateLimitHeaders.write({
      policies: [{ name: 'each', quota: limit, window }],
      limits: [{ name: 'each', remaining: log.available(now), reset }],
      retryAfter: allowed ? undefined : reset,
    });
    response.writeHead(allowed ? 200 : 429, headers).end();
  });
}

/**
 * A rate limit to fit what the server says it allows. What is sent evenly may still arrive in clumps, so it keeps to four
 * fifths of that in any window, its burst included.
 */
export async function limitFor({ origin }: Server, { quota: { maxQueued, maxWait } }: RushPlan): Promise<Policy> {
  const { headers } = await fetch(`${origin}/limited`, { method: 'HEAD' });
  const [allowed] = rateLimitHeaders.read(headers).policies;
  if (allowed?.window === undefined) throw new Error('the server does not say what it allows');
  const { quota, window } = allowed;
  return rateLimit({
    meter: tokenBucket({ limit: 0.7 * quota, interval: window, burst: 0.1 * quota }),
    maxQueued,
    maxWait,
  });
}

/** Makes one call, through the rate limit where there is one. */
export async function callQuota(
  ask: Caller,
  { origin }: Server,
  sender: SenderName,
  limit: Policy | undefined,
  elapsed: () => Milliseconds,
): Promise<QuotaCall> {
  const startedAt = elapsed();
  const send = async (): Promise<QuotaCall['result']> => {
    const status = await ask(`${origin}/${sender}`);
    return status === 200 ? 'answered' : status === 429 ? 'refused' : 'failed';
  };
  let result: QuotaCall['result'];
  try {
    result = await (limit === undefined ? send() : limit.execute(send));
  } catch (error) {
    result = error instanceof RateLimitedError ? 'turned away' : 'failed';
  }
  return { sender, waited: elapsed() - startedAt, result };
}
