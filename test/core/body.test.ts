import assert from 'node:assert/strict';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { test } from 'vitest';
import { cancelBody, followBody, tellingBody } from '../../src/core/body.ts';
import { listeners, serve, until } from '../adapters/server.ts';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

const begins = (_: unknown, response: { write(chunk: string): void }) => void response.write('begun');

async function followed(url: string, caller: AbortSignal): Promise<Response> {
  const controller = new AbortController();
  const response = await fetch(url, { signal: controller.signal });
  followBody(response, caller, controller);
  return response;
}

test("the caller's abort reaches a body that is being read, with its reason [48]", async () => {
  const server = await serve(begins);
  const caller = new AbortController();
  const reader = (await followed(server.origin, caller.signal)).body!.getReader();
  assert.equal(new TextDecoder().decode((await reader.read()).value), 'begun');
  const reason = new Error('enough');
  caller.abort(reason);
  await assert.rejects(reader.read(), (error) => error === reason);
  await until(() => server.unfinished.size === 0 && listeners(caller.signal) === 0);
});

test('an abort that came before aborts the body at once', async () => {
  const server = await serve(begins);
  const caller = new AbortController();
  caller.abort(new Error('enough'));
  const response = await followed(server.origin, caller.signal);
  await assert.rejects(response.text());
  assert.equal(listeners(caller.signal), 0);
});

test.each(['text', 'json', 'arrayBuffer', 'blob'] as const)(
  'no listener is left once a body was read by %s [48]',
  async (read) => {
    const server = await serve((_, response) => void response.end('1'));
    const { signal } = new AbortController();
    const response = await followed(server.origin, signal);
    assert.equal(listeners(signal), 1);
    await response[read]();
    await until(() => listeners(signal) === 0);
  },
);

test('a response without a body is not followed [48]', async () => {
  const server = await serve(204);
  const { signal } = new AbortController();
  await followed(server.origin, signal);
  assert.equal(listeners(signal), 0);
});

test('a response that nobody reads is forgotten once it is collected [48]', async () => {
  const server = await serve(begins);
  const { signal } = new AbortController();
  await (async () => {
    for (let i = 0; i < 3; i++) await followed(server.origin, signal);
  })();
  assert.equal(listeners(signal), 1);
  await until(() => {
    collect();
    return listeners(signal) === 0;
  });
});

test('the abort still reaches a body of which only what it is piped to is kept [48]', async () => {
  const server = await serve(begins);
  const caller = new AbortController();
  const reader = (await followed(server.origin, caller.signal)).body!.pipeThrough(new TextDecoderStream()).getReader();
  assert.equal((await reader.read()).value, 'begun');
  for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve, collect()));
  caller.abort(new Error('enough'));
  await assert.rejects(reader.read(), (error) => error === caller.signal.reason);
});

test('a telling body is the body, in a response that is the response', async () => {
  const server = await serve(
    (request, response) => {
      if (request.url === '/from') response.writeHead(302, { location: '/to' }).end();
      else response.writeHead(203, 'So So', { 'x-a': 'b', 'content-type': 'text/plain' }).end('whole');
    },
    (_, response) => void response.writeHead(203, 'So So', { 'x-a': 'b', 'content-type': 'text/plain' }).end('whole'),
  );
  const original = await fetch(`${server.origin}/from`);
  const { response, done } = tellingBody(original)!;
  assert.ok(response instanceof Response);
  const copy = response.clone();
  for (const each of [response, copy, copy.clone()]) {
    const { status, statusText, ok, url, redirected, type } = each;
    assert.deepEqual(
      { status, statusText, ok, url, redirected, type },
      { status: 203, statusText: 'So So', ok: true, url: `${server.origin}/to`, redirected: true, type: 'basic' },
    );
    assert.equal(each.headers.get('x-a'), 'b');
    assert.equal(await (await each.blob()).text(), 'whole');
  }
  await done;
});

test('a telling body tells when it is read to its end, and not before', async () => {
  const server = await serve((_, response) => void response.end('whole'));
  const { response, done } = tellingBody(await fetch(server.origin))!;
  let told = false;
  void done.then(() => (told = true));
  const reader = response.body!.getReader();
  await reader.read();
  await until(() => server.unfinished.size === 0);
  assert.equal(told, false);
  assert.equal((await reader.read()).done, true);
  assert.equal(await done.then(() => told), true);
});

test('a telling body tells when it is cancelled, and the connection with it', async () => {
  const server = await serve(begins);
  const { response, done } = tellingBody(await fetch(server.origin))!;
  await response.body!.cancel();
  await done;
  await until(() => server.unfinished.size === 0);
});

test('a telling body tells of its failure, also when nobody reads', async () => {
  const server = await serve((request, response) => {
    response.write('begun');
    setImmediate(() => request.socket.destroy());
  });
  const { response, done } = tellingBody(await fetch(server.origin))!;
  const error = await done.then(
    () => assert.fail('no failure'),
    (failure) => failure,
  );
  await assert.rejects(response.text(), (failure) => failure === error);
});

test('a telling body that is collected lets go of its connection, and tells', async () => {
  const server = await serve(begins);
  let told = false;
  await (async () => {
    void tellingBody(await fetch(server.origin))!.done.then(() => (told = true));
  })();
  await until(() => {
    collect();
    return told && server.unfinished.size === 0;
  });
});

test('a response without a body has nothing to tell', async () => {
  const server = await serve(204);
  assert.equal(tellingBody(await fetch(server.origin)), undefined);
});

test('a telling body passes on a status that no response made by hand may have', async () => {
  const server = await serve((_, response) => void response.writeHead(999, 'Odd').end('whole'));
  const { response } = tellingBody(await fetch(server.origin))!;
  for (const each of [response.clone(), response]) {
    assert.deepEqual([each.status, each.statusText, each.ok, await each.text()], [999, 'Odd', false, 'whole']);
  }
});

test("a body that is no stream, from somebody else's fetch, is left alone", () => {
  const { signal } = new AbortController();
  for (const body of ['text', 5, { pipe() {} }, { cancel: () => undefined }]) {
    const response = { body } as unknown as Response;
    assert.doesNotThrow(() => cancelBody(response));
    assert.doesNotThrow(() => followBody(response, signal, new AbortController()));
  }
});
