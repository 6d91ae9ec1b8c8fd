import { pipeline } from '../core/pipeline.ts';
import type { CallOptions, Context, Milliseconds, Policy, Task } from '../core/policy.ts';
import type { Random } from '../core/random.ts';
import { ManualClock } from './manual-clock.ts';
import { seededRandom } from './seeded-random.ts';

/** Within which each call is to be over. */
export const hour: Milliseconds = 3_600_000;

/** How a task gives what it gives. */
export type Way = 'in one go' | 'by a promise' | 'by a thenable';
type Result = { readonly value: unknown } | { readonly error: unknown };

export interface Called {
  /** The context of each run of the task. */
  readonly runs: readonly Context[];
  result: Result | undefined;
  mustGive(expected: Result): void;
}

/** A policy under trial, and what must not be left of its calls. */
export class Trial implements Disposable {
  readonly clock: ManualClock = new ManualClock();
  readonly controller: AbortController = new AbortController();
  private readonly policy: Policy<unknown>;
  private readonly listeners = new Map<unknown, { once?: boolean; signal?: AbortSignal } | undefined>();

  constructor(policy: (clock: ManualClock, random: Random) => Policy<unknown>, seed: number) {
    this.policy = pipeline(policy(this.clock, seededRandom(seed)));
    must(this.clock.pending === 0, 'a policy that is made starts a timer');
    const { signal } = this.controller;
    const { addEventListener, removeEventListener } = signal;
    signal.addEventListener = (type: string, listener: never, options: never) => {
      this.listeners.set(listener, options);
      addEventListener.call(signal, type, listener, options);
    };
    signal.removeEventListener = (type: string, listener: never, options: never) => {
      this.listeners.delete(listener);
      removeEventListener.call(signal, type, listener, options);
    };
  }

  call(task: Task<unknown>, options?: CallOptions): Called {
    const runs: Context[] = [];
    const called: Called = {
      runs,
      result: undefined,
      mustGive(expected) {
        must(same(this.result, expected), `${shown(this.result)} comes of the call, and not ${shown(expected)}`);
      },
    };
    const run: Task<unknown> = (context) => {
      runs.push(context);
      return task(context);
    };
    let promise: Promise<unknown>;
    try {
      promise = this.policy.execute(run, options);
    } catch (error) {
      throw new Error(`execute throws ${String(error)}, and does not reject`);
    }
    promise.then(
      (value) => (called.result = { value }),
      (error) => (called.result = { error }),
    );
    return called;
  }

  pass(duration: Milliseconds = 0): Promise<void> {
    return this.clock.advance(duration);
  }

  /** A permit that did not come back would keep the next call waiting. */
  async mustGoOn(after: string): Promise<void> {
    const next = this.call(() => 'next');
    await this.pass(hour);
    must(next.result !== undefined, `the next call after ${after} is still pending after an hour`);
  }

  async end(): Promise<void> {
    await this.pass(hour);
    await this.pass();
    must(this.clock.pending === 0, `${this.clock.pending} timers are left`);
    const { aborted } = this.controller.signal;
    const left = [...this.listeners.values()].filter((how) => !(how?.once && aborted) && !how?.signal?.aborted);
    must(left.length === 0, `${left.length} listeners are left on the caller's signal`);
  }

  /** Calls off what is still pending when a law has been broken. */
  [Symbol.dispose](): void {
    this.controller.abort();
  }
}

export function give(way: Way, value: unknown): unknown {
  if (way === 'in one go') return value;
  return way === 'by a promise' ? Promise.resolve(value) : thenable(value, true);
}

export function fail(way: Way, error: unknown): unknown {
  if (way === 'in one go') throw error;
  return way === 'by a promise' ? Promise.reject(error) : thenable(error, false);
}

/** A promise of somebody else's making, and a bad one: it settles more than once, of which the first counts. */
function thenable(first: unknown, succeeds: boolean): object {
  const value = (resolve: (value: unknown) => void, reject: (error: unknown) => void): void => {
    if (succeeds) resolve(first);
    else reject(first);
    resolve('second value');
    reject('second error');
    throw 'third error';
  };
  return Object.defineProperty({}, 'then', { value });
}

function same(result: Result | undefined, expected: Result): boolean {
  if (result === undefined) return false;
  if ('value' in expected) return 'value' in result && Object.is(result.value, expected.value);
  return 'error' in result && Object.is(result.error, expected.error);
}

function shown(result: Result | undefined): string {
  if (result === undefined) return 'nothing';
  return 'value' in result ? `the value ${String(result.value)}` : `the error ${String(result.error)}`;
}

export function must(holds: boolean, fault: string): void {
  if (!holds) throw new Error(fault);
}
