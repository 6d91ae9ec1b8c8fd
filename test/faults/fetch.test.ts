import assert from 'node:assert/strict';
import { test } from 'vitest';
import { balancedFetch } from '../../src/adapters/balanced-fetch.ts';
import { leastConnections } from '../../src/algorithms/pick.ts';
import { load, ServerProcess, until } from './processes.ts';

test('a balanced fetch answers all through, while origins are killed, stopped, replaced and drained', async () => {
  const servers = await ServerProcess.startAll('abc');
  const [a, b, c] = servers as [ServerProcess, ServerProcess, ServerProcess];
  using get = balancedFetch({
    origins: servers.map(({ name, url }) => ({ name, url })),
    check: { path: '/health', interval: 40, timeout: 1_000, fall: 2, rise: 1 },
    timeout: 15_000,
    tryTimeout: 300,
    retry: { maxAttempts: Infinity, backoff: () => 10 },
    breaker: { openDuration: 200 },
    outlierEjection: { consecutiveFailures: 3, ejection: 200, maxEjectedRatio: 1 },
    // Below one that is up, health is not believed: a busy machine may make all of them late.
    panicThreshold: 0.3,
    pick: leastConnections(),
  });
  get.start();
  const states = (): string => get.endpoints.map(({ state }) => state).join();
  const got = new Set<string>();
  const calls = load(4, async () => {
    const response = await get('/work');
    assert.equal(response.status, 200);
    got.add(await response.text());
  });
  await until(() => got.size === 3);
  await a.kill();
  await calls.more(30);
  b.signal('SIGSTOP');
  await calls.more(30);
  get.remove('a');
  await a.restart();
  get.add({ name: 'a', url: a.url });
  b.signal('SIGCONT');
  await until(() => states() === 'up,up,up');
  got.clear();
  await until(() => got.size === 3);
  await get.drain('c');
  const before = await c.tell();
  assert.equal(before.answered, before.calls);
  await calls.more(30);
  assert.deepEqual(await c.tell(), before);
  await calls.end();
  assert.deepEqual(calls.failures, []);
});
