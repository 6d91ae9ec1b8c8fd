import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'vitest';
import { onListenerError } from '../../src/core/events.ts';
import type { Answer, Guard } from '../../src/core/layer.ts';
import type { Outcome } from '../../src/core/outcome.ts';
import { guard, pipeline, recovery } from '../../src/core/pipeline.ts';
import type { Policy, Task } from '../../src/core/policy.ts';

/** What user code threw where it must not change the call. Whatever a test does not take out of here fails it. */
export const reported: unknown[] = [];

let before: (error: unknown) => void;
beforeEach(() => {
  before = onListenerError((error) => reported.push(error));
});
afterEach(() => {
  onListenerError(before);
  assert.deepEqual(reported.splice(0), []);
});

/** Runs a task under a policy. */
export type Caller = <T, Added>(policy: Policy<Added>, task: Task<T>) => Promise<T | Added>;

/** Ways to call a policy between which nobody may see a difference. */
export const ways: Record<string, Caller> = {
  alone: (policy, task) => policy.execute(task),
  'with a signal': (policy, task) => policy.execute(task, { signal: new AbortController().signal }),
  'in the context of another': (policy, task) => guard({}).execute((context) => policy.execute(task, context)),
};

/** One test for each way to call a policy. */
export function inEachWay(name: string, body: (call: Caller) => void | Promise<void>): void {
  for (const [way, call] of Object.entries(ways)) test(`${way}: ${name}`, () => body(call));
}

/** Ways to give one and the same. */
export const givings: Record<string, { value<T>(value: T): Task<T>; error(error: unknown): Task<never> }> = {
  'in one go': {
    value: (value) => () => value,
    error: (error) => () => {
      throw error;
    },
  },
  'by a promise': {
    value: (value) => async () => value,
    error: (error) => async () => {
      throw error;
    },
  },
  'by a promise, later': {
    value: (value) => () => turn().then(() => value),
    error: (error) => () =>
      turn().then(() => {
        throw error;
      }),
  },
  'by a thenable': {
    value: (value) => () => thenable((resolve) => resolve(value)),
    error: (error) => () => thenable((_, reject) => reject(error)),
  },
};

/** A promise of somebody else's making. */
export function thenable<T>(
  run: (resolve: (value: T) => void, reject: (error: unknown) => void) => void,
): PromiseLike<T> {
  // biome-ignore lint/suspicious/noThenProperty: it is what is tested
  return { then: run as PromiseLike<T>['then'] };
}

/** A turn of the event loop: all that promises alone bring about has happened. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** A promise that is settled by hand; a task may return it. */
export interface Deferred<T> {
  readonly promise: Promise<T>;
  resolve(value: T): void;
  reject(error: unknown): void;
}

export function deferred<T = unknown>(): Deferred<T> {
  let resolve!: (value: T) => void;
  let reject!: (error: unknown) => void;
  const promise = new Promise<T>((ok, bad) => {
    resolve = ok;
    reject = bad;
  });
  return { promise, resolve, reject };
}

/** What has become of a promise so far: `pending`, or what it gave. */
export function watched(promise: Promise<unknown>): { now: unknown } {
  const state: { now: unknown } = { now: 'pending' };
  promise.then(
    (value) => (state.now = { value }),
    (error) => (state.now = { error }),
  );
  return state;
}

/** An outcome in a few words. */
export function shown(outcome: Outcome): string {
  if (outcome.ok) return `value ${String(outcome.value)}`;
  const { error } = outcome;
  return `${outcome.abandoned ? 'abandoned' : 'error'} ${error instanceof Error ? error.message : String(error)}`;
}

/** Policies that write down what happens to them. */
export function scribe() {
  const log: string[] = [];
  return {
    log,
    /** Gives what was written, and starts anew. */
    read: (): string[] => log.splice(0),
    guard(name: string, more: Partial<Guard<string>> = {}): Policy {
      return guard<string>({
        name,
        enter() {
          log.push(`${name} in`);
          return name;
        },
        leave: (permit, outcome) => log.push(`${permit} out: ${shown(outcome)}`),
        ...more,
      });
    },
    /** Gives these answers in turn, and then none. */
    recovery(name: string, ...answers: readonly (Answer<unknown> | PromiseLike<Answer<unknown>>)[]): Policy<unknown> {
      const left = [...answers];
      return recovery<unknown>({
        name,
        recover(outcome, context) {
          log.push(`${name} asked, try ${context.attempt}: ${shown(outcome)}`);
          return left.shift();
        },
      });
    },
    /** Hands on the context, nothing, or part of it. */
    around(name: string, handed: 'context' | 'nothing' | object = 'context'): Policy {
      return {
        async execute(task, context) {
          log.push(`${name} in`);
          const given = handed === 'context' ? context : handed === 'nothing' ? undefined : handed;
          try {
            return await task(given as never);
          } finally {
            log.push(`${name} out`);
          }
        },
      };
    },
    task<T>(name: string, task: Task<T>): Task<T> {
      return (context) => {
        log.push(`${name}, try ${context.attempt}`);
        return task(context);
      };
    },
  };
}

/** The same row of policies in frames of every form, which must not be seen: with somebody who watches, or who holds. */
export function* shapes(...row: readonly Policy<unknown>[]): Generator<Policy<unknown>> {
  yield pipeline(...row);
  yield pipeline(...row, guard({ holds: true }));
  yield pipeline(guard({ watch() {} }), ...row, guard({ watch() {} }));
  for (let i = 0; i <= row.length; i++) yield pipeline(...row.slice(0, i), guard({ watch() {} }), ...row.slice(i));
}
