import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { inject, onTestFinished, test } from 'vitest';
import { outlierEjection } from '../../src/algorithms/outlier.ts';
import { leastConnections, roundRobin } from '../../src/algorithms/pick.ts';
import { healthCheck } from '../../src/compositions/health-check.ts';
import { loadBalancer } from '../../src/compositions/load-balancer.ts';
import { NoTargetError } from '../../src/core/errors.ts';
import { pipeline } from '../../src/core/pipeline.ts';
import { retry } from '../../src/policies/retry.ts';
import { timeout } from '../../src/policies/timeout.ts';
import { ask, isReady, load, ServerProcess, until } from './processes.ts';

/** A client that gives up a call late, and a try of it soon. */
const patient = pipeline(
  timeout({ duration: 15_000 }),
  retry({ maxAttempts: Infinity, backoff: () => 10 }),
  timeout({ duration: 300 }),
);

/** Servers, and a balancer over them that asks them, and learns from the calls they get. */
function balanced(targets: readonly ServerProcess[], panicThreshold: number) {
  const all = new Set(targets);
  const checks = healthCheck({ targets: all, check: isReady, interval: 40, timeout: 1_000, fall: 2, rise: 1 });
  const ejection = outlierEjection<ServerProcess>({ consecutiveFailures: 3, ejection: 200, maxEjectedRatio: 1 });
  // Forgets at once who was slow: so none is left alone for longer than its health says.
  const nodes = loadBalancer({ targets, health: [checks, ejection], panicThreshold, pick: leastConnections() });
  checks.start();
  onTestFinished(() => checks[Symbol.dispose]());
  const states = (): string => nodes.endpoints.map(({ state }) => state).join();
  return { nodes, all, states };
}

test('every call succeeds while one server is well, and those that come back get calls again', async () => {
  const servers = await ServerProcess.startAll('abcd');
  const [a, b, c, d] = servers as [ServerProcess, ServerProcess, ServerProcess, ServerProcess];
  // Below one that is up, health is not believed: a busy machine may make all of them late.
  const { nodes, states } = balanced(servers, 0.2);
  const got = new Map<string, number>();
  const calls = load(4, async () => {
    const name = await patient.execute(nodes.route(ask));
    got.set(name, (got.get(name) ?? 0) + 1);
  });
  await calls.more(30);
  await a.kill();
  await calls.more(30);
  b.signal('SIGSTOP');
  await calls.more(30);
  await c.tell({ slow: 600 });
  await calls.more(80);
  b.signal('SIGCONT');
  await Promise.all([a.restart(), c.tell({ slow: 0 })]);
  await until(() => states() === 'up,up,up,up');
  got.clear();
  await until(() => got.size === 4);
  // And now without the one that was well all the time.
  await d.kill();
  await calls.more(30);
  await calls.end();
  assert.deepEqual(calls.failures, []);
  // Those that were cut off are over too.
  await until(() => nodes.endpoints.every(({ pending }) => pending === 0));
});

test('learnt from calls alone, a server that was killed is ejected, and gets calls again once it is back', async () => {
  const servers = await ServerProcess.startAll('ab');
  const [a] = servers as [ServerProcess];
  const health = [outlierEjection<ServerProcess>({ consecutiveFailures: 2, ejection: 100 })];
  const nodes = loadBalancer({ targets: servers, health, pick: roundRobin() });
  const calls = load(3, () => patient.execute(nodes.route(ask)));
  await calls.more(20);
  await a.kill();
  await until(() => nodes.endpoints[0]?.state === 'ejected');
  await a.restart();
  await until(async () => (await a.tell()).answered > 10);
  await calls.end();
  assert.deepEqual(calls.failures, []);
});

test('servers come and go while calls go on: a removed one gets no more, and a drained one ends what it has', async () => {
  const servers = await ServerProcess.startAll('abc');
  const [a, b] = servers as [ServerProcess, ServerProcess];
  const { nodes, all, states } = balanced(servers, 0.2);
  const calls = load(4, () => patient.execute(nodes.route(ask)));
  await calls.more(30);
  const [removed] = nodes.endpoints;
  assert.ok(nodes.remove('a') && all.delete(a));
  await until(() => removed?.pending === 0);
  const before = await a.tell();
  await calls.more(30);
  assert.deepEqual(await a.tell(), before);

  const late = await ServerProcess.start('d');
  all.add(late);
  nodes.add(late);
  await until(async () => (await late.tell()).answered > 0);

  await b.tell({ slow: 100 });
  await until(() => nodes.endpoints.some(({ target, pending }) => target === b && pending > 0));
  await nodes.drain('b');
  const { calls: taken, answered } = await b.tell();
  assert.equal(answered, taken);
  assert.equal(states(), 'draining,up,up');
  await calls.more(30);
  assert.equal((await b.tell()).calls, taken);
  nodes.remove('b');
  all.delete(b);
  await b.kill();
  await calls.more(30);
  await calls.end();
  assert.deepEqual(calls.failures, []);
});

test('with all of them gone it says which there are and why none is eligible, and goes on with the first that is back', async () => {
  const servers = await ServerProcess.startAll('ab');
  const { nodes, states } = balanced(servers, 0);
  const once = timeout({ duration: 5_000 });
  await once.execute(nodes.route(ask));
  await Promise.all(servers.map((server) => server.kill()));
  await until(() => states() === 'down,down');
  await assert.rejects(once.execute(nodes.route(ask)), (error) => {
    assert.ok(error instanceof NoTargetError);
    assert.equal(error.message, 'no target is eligible: a is down, b is down');
    const each = ['a', 'b'].map((name) => [name, 'down'] as const);
    assert.deepEqual(error.targets, new Map(each));
    return true;
  });
  await servers[1]?.restart();
  await until(() => states() === 'down,up');
  assert.equal(await patient.execute(nodes.route(ask)), 'b');
});

test('calls to servers that never answer end with their timeout, and so does a client that has nothing else to do', async () => {
  const servers = await ServerProcess.startAll('ab');
  const targets = JSON.stringify(servers.map(({ name, url }) => ({ name, url })));
  const run = async (duration: number): Promise<string> => {
    const client = [join(inject('scripts'), 'client.mjs'), targets, String(duration)];
    // One that hangs is ended, and that is a rejection.
    return (await promisify(execFile)(process.execPath, client, { timeout: 20_000 })).stdout.trim();
  };
  for (const server of servers) server.signal('SIGSTOP');
  assert.equal(await run(700), 'no answer');
  for (const server of servers) server.signal('SIGCONT');
  assert.equal(await run(15_000), 'answer');
});
