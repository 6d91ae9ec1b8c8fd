import { Agent, request } from 'node:http';
import type { Milliseconds } from '../../src/core/policy.ts';

/** Asks once, and says with what status it was answered: 0 for not at all, or not within the caller's patience. */
export type Caller = (url: string, headers?: Record<string, string>, patience?: Milliseconds) => Promise<number>;

/** Callers by the hundred: node:http, as `fetch` would take most of the machine's time. */
export function makeCaller(): { ask: Caller; close(): void } {
  const agent = new Agent({ keepAlive: true });
  return {
    ask: (url, headers = {}, patience) =>
      new Promise((settle) => {
        const call = request(url, { agent, headers }, (response) => {
          response.resume().once('end', () => settle(response.statusCode ?? 0));
        });
        const leave = patience === undefined ? undefined : setTimeout(() => call.destroy(), patience);
        call.on('error', () => undefined);
        call.once('close', () => {
          clearTimeout(leave);
          settle(0);
        });
        call.end();
      }),
    close: () => agent.destroy(),
  };
}
