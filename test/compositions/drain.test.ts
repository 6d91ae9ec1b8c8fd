import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Agent, createServer, get, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished, test } from 'vitest';
import { type DrainOptions, drain } from '../../src/compositions/drain.ts';
import { TimeoutError } from '../../src/core/errors.ts';
import { ManualClock } from '../../src/testing/manual-clock.ts';

/** What happens, with the time. */
function setUp(options: Partial<DrainOptions> = {}) {
  const clock = new ManualClock();
  const log: unknown[] = [];
  let done = (): void => {};
  let fail = (_error: unknown): void => {};
  let signal: AbortSignal | undefined;
  const draining = drain({
    ready: (on) => log.push([clock.now(), 'ready', on]),
    settle: 100,
    finish: (context) => {
      signal = context.signal;
      log.push([clock.now(), 'finish']);
      return new Promise<void>((resolve, reject) => {
        done = resolve;
        fail = reject;
      });
    },
    deadline: 1_000,
    clock,
    ...options,
  }).then(
    ({ clean }) => log.push([clock.now(), 'clean', clean]),
    (error) => log.push([clock.now(), error]),
  );
  return { clock, log, draining, done: () => done(), fail: (error: unknown) => fail(error), signal: () => signal };
}

test('says that it is not ready, goes on until that is known, and finishes', async () => {
  const { clock, log, draining, done, signal } = setUp();
  assert.deepEqual(log, [[0, 'ready', false]]);
  await clock.advance(99);
  assert.equal(log.length, 1);
  await clock.advance(101);
  done();
  await draining;
  assert.deepEqual(log, [
    [0, 'ready', false],
    [100, 'finish'],
    [200, 'clean', true],
  ]);
  assert.deepEqual([signal()?.aborted, clock.pending], [false, 0]);
});

test('is over at the deadline, whatever still runs, and tells it', async () => {
  const { clock, log, signal, fail } = setUp();
  await clock.advance(999);
  assert.equal(log.length, 2);
  await clock.advance(1);
  assert.deepEqual(log.at(-1), [1_000, 'clean', false]);
  assert.ok(signal()?.reason instanceof TimeoutError);
  fail(new Error('nobody hears of it'));
  await clock.advance(0);
  assert.deepEqual([log.length, clock.pending], [3, 0]);
});

test('does not wait unless told to', async () => {
  const { log } = setUp({ settle: 0 });
  assert.deepEqual(log, [
    [0, 'ready', false],
    [0, 'finish'],
  ]);
});

test('passes on what finish and ready fail with', async () => {
  const failing = setUp({ settle: 0 });
  const error = new Error('no end');
  failing.fail(error);
  await failing.draining;
  assert.deepEqual(failing.log.at(-1), [0, error]);
  assert.equal(failing.clock.pending, 0);
  const unready = setUp({
    ready() {
      throw error;
    },
  });
  await unready.draining;
  assert.deepEqual(unready.log, [[0, error]]);
});

test('a promise that ready gives is waited for, and what it fails with passed on', async () => {
  let told = (): void => {};
  const { clock, log, draining, done } = setUp({
    ready: () => new Promise<void>((resolve) => (told = resolve)) as never,
  });
  await clock.advance(500);
  assert.deepEqual(log, []);
  told();
  await clock.advance(100);
  assert.deepEqual(log, [[600, 'finish']]);
  done();
  await draining;
  const error = new Error('no store');
  const unready = setUp({ ready: () => Promise.reject(error) as never });
  await unready.draining;
  assert.deepEqual([unready.log, unready.clock.pending], [[[0, error]], 0]);
  const silent = setUp({ ready: () => new Promise(() => {}) as never });
  await silent.clock.advance(1_000);
  assert.deepEqual(silent.log, [[1_000, 'clean', false]]);
});

test('begins nothing after the deadline, and leaves no timer', async () => {
  // Ready answers so that it would settle until after the deadline, at the deadline, and after it.
  for (const at of [950, 1_000, 1_500]) {
    let told = (): void => {};
    const { clock, log } = setUp({ ready: () => new Promise<void>((resolve) => (told = resolve)) as never });
    await clock.advance(at);
    told();
    await clock.advance(Math.max(0, 1_000 - at));
    assert.deepEqual([log, clock.pending], [[[1_000, 'clean', false]], 0]);
    await clock.advance(1_000);
    assert.deepEqual(log, [[1_000, 'clean', false]]);
  }
});

test('takes no options but good ones [7]', async () => {
  const [ready, finish] = [() => {}, async () => {}];
  const bad: [options: unknown, error: RegExp][] = [
    [{ finish, deadline: 1 }, /drain: ready must be a function/],
    [{ ready, deadline: 1 }, /drain: finish must be a function/],
    [{ ready, finish }, /drain: deadline must be a number of milliseconds, 0 or more, got undefined/],
    [{ ready, finish, deadline: Number.NaN }, /drain: deadline must be/],
    [{ ready, finish, deadline: 10, settle: -1 }, /drain: settle must be/],
    [{ ready, finish, deadline: 10, settle: 10 }, /drain: settle must be less than deadline, 10, got 10/],
    [{ ready, finish, deadline: 10, clock: 1 }, /drain: clock must be/],
    [{ ready, finish, deadlien: 10 }, /did you mean "deadline"/],
  ];
  for (const [options, error] of bad) await assert.rejects(drain(options as DrainOptions), error);
});

/** An HTTP server whose answers end when they are told to, and what its clients got. */
async function serve() {
  const pending: ServerResponse[] = [];
  const state = { ready: true };
  const server: Server = createServer((_, response) => {
    // As the page shows it.
    if (!state.ready) response.setHeader('connection', 'close');
    pending.push(response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const agent = new Agent({ keepAlive: true });
  onTestFinished(() => {
    agent.destroy();
    server.closeAllConnections();
    server.close();
  });
  const ask = async (): Promise<string> => {
    const [response] = (await once(get({ port, host: '127.0.0.1', agent }), 'response')) as [IncomingMessage];
    let body = '';
    for await (const chunk of response) body += chunk;
    return body;
  };
  const arrived = async (count: number): Promise<void> => {
    while (pending.length < count) await once(server, 'request');
  };
  /** As the page shows it. */
  const finish = ({ signal }: { signal: AbortSignal }): Promise<void> =>
    new Promise((resolve) => {
      // Connections that are kept alive count as open, so those that have become idle are closed now and then.
      const idle = setInterval(() => server.closeIdleConnections(), 50);
      server.close(() => {
        clearInterval(idle);
        resolve();
      });
      signal.addEventListener('abort', () => server.closeAllConnections());
    });
  return { server, pending, ask, arrived, finish, agent, state };
}

test('an HTTP server answers all it has accepted, also while it settles, and then nobody', async () => {
  const clock = new ManualClock();
  const { server, pending, ask, arrived, finish } = await serve();
  const early = [ask(), ask()];
  await arrived(2);
  let ready = true;
  const draining = drain({ ready: (on) => (ready = on), settle: 100, finish, deadline: 5_000, clock });
  assert.equal(ready, false);
  const late = ask();
  await arrived(3);
  await clock.advance(100);
  assert.equal(server.listening, false);
  await assert.rejects(ask(), /ECONNREFUSED/);
  for (const response of pending) response.end('answered');
  assert.deepEqual(await Promise.all([...early, late]), ['answered', 'answered', 'answered']);
  assert.deepEqual(await draining, { clean: true });
});

test('an HTTP server that cannot finish is cut off at the deadline', async () => {
  const clock = new ManualClock();
  const { ask, arrived, finish } = await serve();
  const hanging = ask();
  hanging.catch(() => {});
  await arrived(1);
  const draining = drain({ ready: () => {}, finish, deadline: 1_000, clock });
  await clock.advance(1_000);
  assert.deepEqual(await draining, { clean: false });
  await assert.rejects(hanging, /socket hang up|ECONNRESET/);
});

test('connections that are kept alive are used to the end, and none is left when the server stops', async () => {
  const clock = new ManualClock();
  const { server, pending, ask, arrived, finish, agent, state } = await serve();
  const ready = (on: boolean) => {
    state.ready = on;
  };
  const open = () => Object.values(agent.freeSockets).flat().length;
  const answered = async (count: number): Promise<string> => {
    const answer = ask();
    await arrived(count);
    pending.at(-1)?.end('answered');
    return answer;
  };
  assert.equal(await answered(1), 'answered');
  await new Promise(setImmediate);
  assert.equal(open(), 1);
  const draining = drain({ ready, settle: 100, finish, deadline: 5_000, clock });
  // The same connection, and the last answer on it says so: nobody is cut off who sends at the moment it is closed.
  assert.equal(await answered(2), 'answered');
  await new Promise(setImmediate);
  assert.equal(open(), 0);
  assert.equal(await answered(3), 'answered');
  await clock.advance(100);
  assert.deepEqual(await draining, { clean: true });
  assert.equal(server.listening, false);
  await assert.rejects(ask(), /ECONNREFUSED/);
});
