import assert from 'node:assert/strict';
import { runInNewContext } from 'node:vm';
import { test } from 'vitest';
import { emit, onListenerError, reportError } from '../../src/core/events.ts';
import { guard, pipeline } from '../../src/core/pipeline.ts';
import { fallback } from '../../src/policies/fallback.ts';
import { retry } from '../../src/policies/retry.ts';
import { timeout } from '../../src/policies/timeout.ts';
import { ManualClock } from '../../src/testing/manual-clock.ts';
import { reported, turn, watched } from './support.ts';

const boom = new Error('boom');

test('a listener gets the event, and nobody is no listener [102]', () => {
  const heard: unknown[] = [];
  const event = { type: 'it' };
  emit((told: unknown) => heard.push(told), event);
  emit(undefined, event);
  assert.deepEqual(heard, [event]);
  assert.equal(heard[0], event);
});

test('a listener that throws, or rejects, is reported by the one hook and changes nothing [101, K3, K4]', async () => {
  emit(() => {
    throw boom;
  }, {});
  emit(() => Promise.reject(boom), {});
  emit(async () => {
    throw boom;
  }, {});
  await turn();
  assert.deepEqual(reported.splice(0), [boom, boom, boom]);
});

test('what rejects may be a promise of another realm [101]', async () => {
  const foreign = (): Promise<never> => runInNewContext('(error) => Promise.reject(error)')(boom);
  emit(foreign, {});
  const policy = guard({ leave: foreign, late: foreign, watch: foreign });
  assert.equal(await policy.execute(async () => 'value'), 'value');
  await turn();
  assert.deepEqual(reported.splice(0), [boom, boom, boom]);
  const before = onListenerError(() => foreign() as unknown as undefined);
  // A rejection that nobody handles would fail the run.
  reportError('a');
  await turn();
  onListenerError(before);
});

test('the hook in force is given back when another is set [101]', () => {
  const heard: string[] = [];
  const first = (error: unknown): void => void heard.push(`first ${error}`);
  const before = onListenerError(first);
  reportError('a');
  const previous = onListenerError((error) => heard.push(`second ${error}`));
  assert.equal(previous, first);
  reportError('b');
  onListenerError(previous);
  reportError('c');
  onListenerError(before);
  assert.deepEqual(heard, ['first a', 'second b', 'first c']);
});

test('what the hook itself rejects with is dropped [101]', async () => {
  const before = onListenerError(() => Promise.reject(boom) as unknown as undefined);
  // A rejection that nobody handles would fail the run.
  reportError('a');
  await turn();
  onListenerError(before);
});

test('what the hook itself throws is dropped [101]', () => {
  const before = onListenerError(() => {
    throw boom;
  });
  try {
    assert.doesNotThrow(() => reportError('a'));
    assert.doesNotThrow(() =>
      emit(() => {
        throw boom;
      }, {}),
    );
  } finally {
    onListenerError(before);
  }
});

test('a listener cannot change the call it hears of, whatever it does [101, O6]', async () => {
  const clock = new ManualClock();
  for (const onEvent of [
    () => {
      throw boom;
    },
    () => Promise.reject(boom),
  ]) {
    const policy = pipeline(
      fallback({ value: 'other', onEvent }),
      retry({ maxAttempts: 2, backoff: () => 0, onEvent }),
      timeout({ duration: 100, clock, onEvent }),
    );
    const state = watched(policy.execute(() => new Promise(() => {})));
    await clock.advance(300);
    assert.deepEqual(state.now, { value: 'other' });
    // Two timeouts, one retry, its end, one fallback.
    assert.deepEqual(
      reported.splice(0),
      Array.from({ length: 5 }, () => boom),
    );
  }
});

test('a success tells nobody anything, and reads no clock for it [102]', async () => {
  let reads = 0;
  class Counting extends ManualClock {
    override now(): number {
      reads++;
      return super.now();
    }
    override coarse(): number {
      reads++;
      return super.coarse();
    }
  }
  const clock = new Counting();
  const heard: unknown[] = [];
  const onEvent = (event: unknown): void => void heard.push(event);
  const policy = pipeline(fallback({ value: 1, onEvent }), retry({ clock, onEvent }), guard({}));
  await policy.execute(() => 'sync');
  await policy.execute(async () => 'async');
  assert.deepEqual(heard, []);
  assert.equal(reads, 0);
  assert.equal(clock.pending, 0);
});
