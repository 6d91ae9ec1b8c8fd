import assert from 'node:assert/strict';
import { test } from 'vitest';
import { phiAccrual } from '../../src/algorithms/phi.ts';
import { roundRobin } from '../../src/algorithms/pick.ts';
import { loadBalancer } from '../../src/compositions/load-balancer.ts';
import type { Health } from '../../src/core/health.ts';
import { pipeline } from '../../src/core/pipeline.ts';
import { retry } from '../../src/policies/retry.ts';
import { timeout } from '../../src/policies/timeout.ts';
import { ask, load, ServerProcess, until } from './processes.ts';

test('a server whose heart stands still is suspected, and gets calls again once it beats', async () => {
  const targets = await ServerProcess.startAll('ab', { beat: 20 });
  const [a] = targets as [ServerProcess];
  const heard = new Map(targets.map(({ name }) => [name, 0]));
  const monitors = new Map(
    targets.map((server) => {
      const monitor = phiAccrual({ firstInterval: 20, acceptablePause: 100 });
      server.onBeat = () => {
        monitor.heartbeat(performance.now());
        heard.set(server.name, (heard.get(server.name) ?? 0) + 1);
      };
      return [server.name, monitor];
    }),
  );
  const beats: Health = { state: (name, now) => (monitors.get(name)?.available(now) === false ? 'down' : 'up') };
  const nodes = loadBalancer({ targets, health: [beats], panicThreshold: 0.5, pick: roundRobin() });
  const policy = pipeline(
    timeout({ duration: 15_000 }),
    retry({ maxAttempts: Infinity, backoff: () => 10 }),
    timeout({ duration: 300 }),
  );
  const got = new Set<string>();
  const calls = load(2, async () => got.add(await policy.execute(nodes.route(ask))));
  const stateOf = (name: string) => nodes.endpoints.find(({ target }) => target.name === name)?.state;
  // Nobody is suspected who has never been heard of.
  await until(() => got.size === 2 && [...heard.values()].every((beats) => beats > 2));
  a.signal('SIGSTOP');
  await until(() => stateOf('a') === 'down');
  await calls.more(20);
  a.signal('SIGCONT');
  await until(() => stateOf('a') === 'up');
  const before = (await a.tell()).calls;
  await until(async () => (await a.tell()).calls > before);
  await calls.end();
  assert.deepEqual(calls.failures, []);
});
