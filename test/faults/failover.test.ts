import assert from 'node:assert/strict';
import { onTestFinished, test } from 'vitest';
import { failover } from '../../src/compositions/failover.ts';
import { healthCheck } from '../../src/compositions/health-check.ts';
import { TimeoutError } from '../../src/core/errors.ts';
import { timeout } from '../../src/policies/timeout.ts';
import { ask, isReady, load, ServerProcess, until } from './processes.ts';

const policy = timeout({ duration: 15_000 });

test('calls go on at the standby when the primary is killed, and come back to it only where they are to', async () => {
  const targets = await ServerProcess.startAll('ab');
  const [a, b] = targets as [ServerProcess, ServerProcess];
  const checks = healthCheck({ targets, check: isReady, interval: 40, timeout: 5_000, fall: 1, rise: 1 });
  onTestFinished(() => checks[Symbol.dispose]());
  checks.start();
  const sticky = failover({ targets, health: [checks] });
  const returning = failover({ targets, health: [checks], returning: true });
  const calls = load(2, () => Promise.all([sticky, returning].map((nodes) => policy.execute(nodes.route(ask)))));
  await calls.more(20);
  assert.deepEqual([sticky.active, returning.active], [a, a]);
  await a.kill();
  await calls.more(20);
  assert.deepEqual([sticky.active, returning.active], [b, b]);
  await a.restart();
  await until(() => returning.active === a);
  await calls.more(20);
  assert.ok((await a.tell()).answered > 0);
  assert.equal(sticky.active, b);
  await b.kill();
  await calls.more(20);
  assert.equal(sticky.active, a);
  await calls.end();
  assert.deepEqual(calls.failures, []);
});

test('a prepared switch between processes loses no call and makes none twice; one that is stopped refuses it by its silence', async () => {
  const targets = await ServerProcess.startAll('ab', { slow: 5 });
  const [a, b] = targets as [ServerProcess, ServerProcess];
  const nodes = failover({ targets });
  let made = 0;
  const calls = load(6, () => {
    made++;
    return policy.execute(nodes.route(ask));
  });
  for (const name of ['b', 'a', 'b', 'a']) {
    await calls.more(20);
    await nodes.switchTo(name, { confirm: isReady });
    assert.equal(nodes.active.name, name);
  }
  b.signal('SIGSTOP');
  await assert.rejects(nodes.switchTo('b', { confirm: isReady, timeout: 300 }), TimeoutError);
  assert.equal(nodes.active, a);
  await calls.more(20);
  b.signal('SIGCONT');
  await nodes.switchTo('b', { confirm: isReady });
  await calls.more(20);
  await calls.end();
  assert.deepEqual(calls.failures, []);
  assert.equal((await a.tell()).calls + (await b.tell()).calls, made);
});
