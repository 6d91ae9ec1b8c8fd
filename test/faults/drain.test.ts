import assert from 'node:assert/strict';
import { onTestFinished, test } from 'vitest';
import { healthCheck } from '../../src/compositions/health-check.ts';
import { loadBalancer } from '../../src/compositions/load-balancer.ts';
import { timeout } from '../../src/policies/timeout.ts';
import { ask, isReady, load, ServerProcess, until } from './processes.ts';

test('a server that is told to end under load does so without a call that fails, though none is tried again', async () => {
  const [a, b] = await Promise.all([
    ServerProcess.start('a', { slow: 50, settle: 1_000 }),
    ServerProcess.start('b', { slow: 50 }),
  ]);
  const targets = [a, b];
  const checks = healthCheck({ targets, check: isReady, interval: 40, timeout: 5_000, fall: 1, rise: 1 });
  onTestFinished(() => checks[Symbol.dispose]());
  checks.start();
  const nodes = loadBalancer({ targets, health: [checks] });
  const policy = timeout({ duration: 15_000 });
  const calls = load(8, () => policy.execute(nodes.route(ask)));
  await until(async () => (await a.tell()).calls > 10);
  a.signal('SIGTERM');
  await until(() => nodes.endpoints[0]?.state === 'down');
  assert.equal(await a.gone(), 0);
  await calls.more(20);
  await calls.end();
  assert.deepEqual(calls.failures, []);
});
