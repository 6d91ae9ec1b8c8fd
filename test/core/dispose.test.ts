import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'vitest';
import { dispose, share } from '../../src/core/dispose.ts';
import { onListenerError } from '../../src/core/events.ts';

let reported: unknown[];
let before: (error: unknown) => void;

beforeEach(() => {
  reported = [];
  before = onListenerError((error) => reported.push(error));
});

afterEach(() => {
  onListenerError(before);
});

/** Enough turns for a rejection to be heard of. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

test('takes the async way out where a value has both, and calls it at once [K22]', () => {
  const calls: string[] = [];
  dispose({
    async [Symbol.asyncDispose]() {
      calls.push('async');
    },
    [Symbol.dispose]() {
      calls.push('sync');
    },
    body: { locked: false, cancel: async () => calls.push('body') },
  });
  assert.deepEqual(calls, ['async']);
});

test('takes the sync way out where there is no async one [K22]', () => {
  const calls: string[] = [];
  dispose({ [Symbol.dispose]: () => calls.push('sync') });
  assert.deepEqual(calls, ['sync']);
});

test('keeps the value as `this` while it disposes it', () => {
  class Handle {
    open = true;
    [Symbol.dispose]() {
      this.open = false;
    }
  }
  const handle = new Handle();
  dispose(handle);
  assert.equal(handle.open, false);
});

test('cancels the unread body of a Response [K22]', async () => {
  let cancelled = 0;
  const response = new Response(new ReadableStream({ cancel: () => void cancelled++ }));
  dispose(response);
  await settled();
  assert.equal(cancelled, 1);
  assert.deepEqual(reported, []);
});

test('leaves a body alone that somebody reads, and one that is none', async () => {
  let cancelled = 0;
  const response = new Response(new ReadableStream({ cancel: () => void cancelled++ }));
  response.body?.getReader();
  dispose(response);
  dispose(new Response(null));
  dispose({ body: 'text' });
  dispose({ body: { cancel: () => cancelled++ } });
  dispose({ body: { locked: false } });
  await settled();
  assert.equal(cancelled, 0);
  assert.deepEqual(reported, []);
});

test('does nothing to what cannot be disposed', async () => {
  for (const value of [undefined, null, 0, '', false, 1n, Symbol('s'), {}, [], () => {}, Object.freeze({})])
    dispose(value);
  await settled();
  assert.deepEqual(reported, []);
});

test('reports what a disposal throws or rejects with, and throws nothing [101]', async () => {
  const bad = (error: string) => () => {
    throw error;
  };
  dispose({ [Symbol.dispose]: bad('sync') });
  dispose({ [Symbol.asyncDispose]: bad('async, at once') });
  dispose({ [Symbol.asyncDispose]: async () => bad('async, later')() });
  dispose({ body: { locked: false, cancel: async () => bad('body')() } });
  dispose(Object.defineProperty({}, 'body', { get: bad('getter') }));
  dispose(1, bad('by'));
  dispose(1, async () => bad('by, later')());
  await settled();
  assert.deepEqual(reported.map(String).sort(), [
    'async, at once',
    'async, later',
    'body',
    'by',
    'by, later',
    'getter',
    'sync',
  ]);
});

test('hands any value to the way out it was given, and only to that', () => {
  const disposed: unknown[] = [];
  const value = { [Symbol.dispose]: () => disposed.push('own') };
  dispose(value, (each) => disposed.push(each));
  dispose(7, (each) => disposed.push(each));
  assert.deepEqual(disposed, [value, 7]);
});

test('what several got is let go of when the last of them has done so', () => {
  let calls = 0;
  const value = { [Symbol.dispose]: () => calls++ };
  share(value, 2);
  share(value, 2);
  for (const disposed of [0, 0, 1, 2]) {
    dispose(value);
    assert.equal(calls, disposed);
  }
  share(value, 2);
  let own = 0;
  for (const disposed of [0, 1]) {
    dispose(value, () => own++);
    assert.equal(own, disposed);
  }
  for (const nothing of [undefined, 'text', 0]) {
    share(nothing, 2);
    dispose(nothing, () => own++);
  }
  assert.equal(own, 4);
});
