import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { test } from 'vitest';
import { Interrupt } from '../../src/core/interrupt.ts';

const never = new Promise<never>(() => {});

function setUp() {
  const [caller, over] = [new AbortController(), new AbortController()];
  return { caller, over, interrupt: new Interrupt(caller.signal, over.signal) };
}

test('gives what the work does, until the signal aborts: then it is not waited for', async () => {
  const { caller, interrupt } = setUp();
  assert.equal(await interrupt.wait(Promise.resolve(1)), 1);
  await assert.rejects(interrupt.wait(Promise.reject('no')), (error) => error === 'no');
  const waiting = interrupt.wait(never);
  caller.abort('enough');
  await assert.rejects(waiting, (reason) => reason === 'enough');
  // Also what had been done already: whoever is to stop begins nothing by it.
  await assert.rejects(interrupt.wait(1), (reason) => reason === 'enough');
  await assert.rejects(interrupt.wait(Promise.reject('unheard')), (reason) => reason === 'enough');
  assert.equal(await new Interrupt(undefined, caller.signal).wait(2), 2);
});

test('has one listener, however much is waited for, and none once it is over', async () => {
  const { caller, over, interrupt } = setUp();
  for (let i = 0; i < 100; i++) await interrupt.wait(i);
  assert.equal(getEventListeners(caller.signal, 'abort').length, 1);
  over.abort();
  assert.equal(getEventListeners(caller.signal, 'abort').length, 0);
});

test('goes through what is given at once or later, and tells it when it goes no further', async () => {
  const { interrupt } = setUp();
  const log: unknown[] = [];
  async function* later() {
    try {
      yield* [1, 2, 3];
    } finally {
      await undefined;
      log.push('closed');
    }
  }
  for await (const each of interrupt.each(new Set(['a', 'b']))) log.push(each);
  for await (const each of interrupt.each(later())) log.push(each);
  for await (const each of interrupt.each(later())) {
    log.push(each);
    break;
  }
  assert.deepEqual(log, ['a', 'b', 1, 2, 3, 'closed', 1, 'closed']);
});

test('what it goes through may fail, or fail to end, and may hang in either once it is stopped', async () => {
  const { caller, interrupt } = setUp();
  const all = async (list: AsyncIterable<number>): Promise<void> => {
    for await (const _ of interrupt.each(list)) throw 'seen';
  };
  const list = (next: () => Promise<IteratorResult<number>>, close: () => Promise<IteratorResult<number>>) => ({
    [Symbol.asyncIterator]: () => ({ next, return: close }),
  });
  const one = async () => ({ done: false as const, value: 1 });
  await assert.rejects(all(list(() => Promise.reject('no next'), one)), (error) => error === 'no next');
  await assert.rejects(all(list(one, () => Promise.reject('no end'))), (error) => error === 'seen');
  const ending = all(list(one, () => never));
  const hanging = new Interrupt(caller.signal, new AbortController().signal);
  const next = (async () => {
    for await (const _ of hanging.each(
      list(
        () => never,
        () => never,
      ),
    ))
      assert.fail();
  })();
  await new Promise(setImmediate);
  caller.abort('enough');
  await assert.rejects(ending, (error) => error === 'seen');
  await assert.rejects(next, (error) => error === 'enough');
});
