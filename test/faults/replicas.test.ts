import assert from 'node:assert/strict';
import { onTestFinished, test } from 'vitest';
import { healthCheck } from '../../src/compositions/health-check.ts';
import { replicas } from '../../src/compositions/replicas.ts';
import { pipeline } from '../../src/core/pipeline.ts';
import type { Context } from '../../src/core/policy.ts';
import { ask, ServerProcess, until } from './processes.ts';

/** A server, and where it is in the order of writes, as its last check has said. */
interface Node {
  readonly name: string;
  readonly server: ServerProcess;
  at: number;
}

test('when the primary stops, the freshest takes its place, and what the old one still has to write is refused', async () => {
  const storage = await ServerProcess.start('storage');
  const servers = await ServerProcess.startAll('pab', { storage: storage.url });
  const [p, a, b] = servers as [ServerProcess, ServerProcess, ServerProcess];
  await p.tell({ copies: [a.url, b.url] });
  await b.tell({ lags: true });
  const targets = servers.map((server): Node => ({ name: server.name, server, at: 0 }));
  const [primary, ...rest] = targets as [Node, Node, Node];
  const checks = healthCheck({
    targets,
    check: async (node, { signal }) => {
      node.at = Number(await (await fetch(`${node.server.url}/health`, { signal })).text());
    },
    interval: 40,
    timeout: 300,
    fall: 2,
    rise: 1,
  });
  onTestFinished(() => checks[Symbol.dispose]());
  checks.start();
  const db = replicas({ primary, replicas: rest, position: ({ at }) => at, health: [checks] });
  const states = (): string => targets.map(({ name }) => checks.state(name, performance.now())).join();
  const task = async (path: string, { server }: Node, { signal }: Context) =>
    (await fetch(`${server.url}/${path}`, { signal })).status;
  const write = (value: string) => pipeline().execute(db.write.route((node, context) => task(value, node, context)));

  for (const value of ['one', 'two', 'three']) assert.equal(await write(`write/${value}`), 200);
  await until(() => rest[0]?.at === 3);
  const read = db.read({ position: 3 }).route(({ server }, context) => ask(server, context));
  assert.equal(await pipeline().execute(read), 'a');

  p.signal('SIGSTOP');
  const late = write('write/late');
  await until(() => states() === 'down,up,up');
  const first = db.promote();
  assert.equal(first.primary.server, a);
  await b.tell({ lags: false });
  await a.tell({ fence: String(first.fence), copies: [b.url] });
  assert.equal(await write('write/four'), 200);
  p.signal('SIGCONT');
  assert.equal(await late, 409);
  // Whoever has not heard of it gets no further either.
  assert.equal((await fetch(`${p.url}/write/lost`)).status, 409);
  assert.equal((await p.tell()).refused, 2);

  await until(() => states() === 'up,up,up' && rest[1]?.at === 4);
  await a.kill();
  await until(() => states() === 'up,down,up');
  const second = db.promote();
  assert.equal(second.primary.server, b);
  assert.ok(second.fence > first.fence);
  await b.tell({ fence: String(second.fence) });
  assert.equal(await write('write/five'), 200);
  assert.deepEqual((await storage.tell()).writes, ['one', 'two', 'three', 'four', 'five']);
});
