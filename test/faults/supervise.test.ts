import assert from 'node:assert/strict';
import { onTestFinished, test } from 'vitest';
import { supervise } from '../../src/compositions/supervise.ts';
import { onListenerError } from '../../src/core/events.ts';
import { type Orders, ServerProcess, until } from './processes.ts';

/** A server that is started again when it ends in another way than by itself. */
function supervised(orders: Partial<Orders> = {}) {
  const server = ServerProcess.of('a', orders);
  const delays: number[] = [];
  const worker = supervise({
    start: async ({ signal }) => {
      await server.restart();
      signal.addEventListener('abort', () => server.signal('SIGTERM'));
      const end = await server.gone();
      if (end !== 0) throw new Error(`ended by ${end}`);
    },
    backoff: (number) => delays[delays.push(10 * number) - 1] as number,
    maxRestarts: 2,
    within: 600_000,
  });
  onTestFinished(() => worker[Symbol.dispose]());
  return { server, worker, delays };
}

/** Waits for another process than the one at this address, and for its answer. */
async function another(server: ServerProcess, than: string): Promise<void> {
  await until(() => server.url !== than);
  assert.equal(await (await fetch(`${server.url}/work`)).text(), 'a');
}

test('a process that is killed is started again, ever later, and given up when that happens too often', async () => {
  const reported: unknown[] = [];
  const before = onListenerError((error) => reported.push(error));
  onTestFinished(() => void onListenerError(before));
  const { server, worker, delays } = supervised();
  worker.start();
  let url = '';
  for (const restarts of [0, 1, 2]) {
    await another(server, url);
    assert.equal(worker.restarts, restarts);
    ({ url } = server);
    server.signal('SIGKILL');
  }
  await assert.rejects(worker.ended, /ended by SIGKILL/);
  assert.deepEqual(delays, [10, 20]);
  assert.equal(reported.length, 1);
  await assert.rejects(fetch(url));
});

test('a process that is told to end is waited for, and not started again', async () => {
  const { server, worker } = supervised();
  worker.start();
  await another(server, '');
  worker[Symbol.dispose]();
  await worker.ended;
  assert.equal(await server.gone(), 0);
  assert.equal(worker.restarts, 0);
});
