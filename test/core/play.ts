import { getEventListeners } from 'node:events';
import { attemptsOf } from '../../src/core/attempts.ts';
import { RejectedError } from '../../src/core/errors.ts';
import { held } from '../../src/core/held.ts';
import { pipeline } from '../../src/core/pipeline.ts';
import type { CallOptions, Context, Milliseconds, Policy, Task } from '../../src/core/policy.ts';
import { built, type Spec } from './specs.ts';
import { apart, type Instant, World } from './world.ts';

/** What a task does when it is run. */
export interface Behaviour {
  readonly gives: 'value' | 'nothing' | 'error' | 'undefined' | 'abort error' | 'final' | 'rejected';
  /** After how long; `Infinity` for a task that hangs, until all of them are let go at the end. */
  readonly takes: 'no promise' | 'no time' | Milliseconds;
  /** A promise of somebody else's making. */
  readonly foreign: boolean;
  /** How long after its signal aborts it rejects with the reason. */
  readonly heeds: Milliseconds | undefined;
  /** How long after a value what it holds is done, and how. */
  readonly holds: { readonly done: Milliseconds; readonly fails: boolean } | undefined;
}

export interface Call {
  readonly at: Milliseconds;
  /** What it does at each of its runs, over and over. */
  readonly does: readonly Behaviour[];
  /** Which signal it is called with. */
  readonly signal: number | undefined;
  readonly deadline: Milliseconds | undefined;
  readonly priority: number | undefined;
}

export interface Scenario {
  /** Outermost first. */
  readonly row: readonly Spec[];
  readonly calls: readonly Call[];
  /** When each of the signals aborts. */
  readonly aborts: readonly (Milliseconds | undefined)[];
}

/** When the tasks that hang are let go. */
const horizon = 10_000;

export interface Played {
  readonly log: ReadonlyMap<Milliseconds, Instant>;
  /** Permits, timers and listeners that nobody took back. */
  readonly left: readonly string[];
}

/**
 * Plays a scenario to its end. `cuts` says behind which policies the pipeline is cut: the pieces are nested by hand,
 * each handing its context on.
 */
export async function play({ row, calls, aborts }: Scenario, cuts: readonly boolean[]): Promise<Played> {
  const world = new World();
  const { clock, left } = world;
  const faults: string[] = [];
  const unhandled = (error: unknown): void => void faults.push(`unhandled: ${world.say(error)}`);
  process.on('unhandledRejection', unhandled);

  const signals = aborts.map((at, i) => {
    const controller = new AbortController();
    const reason = world.label({}, `reason ${i}`);
    if (at === 0) controller.abort(reason);
    else if (at !== undefined) world.later(apart(at, 1, i), () => controller.abort(reason));
    return controller.signal;
  });
  const execute = joined(world, row, cuts);
  let settled = 0;
  for (const [id, call] of calls.entries()) {
    world.later(apart(call.at, 2, id), () => {
      const options: { -readonly [K in keyof CallOptions]: CallOptions[K] } = {};
      if (call.signal !== undefined) options.signal = signals[call.signal] as AbortSignal;
      if (call.deadline !== undefined) options.deadline = clock.now() + apart(call.deadline, 3, id);
      if (call.priority !== undefined) options.priority = call.priority;
      const done = (text: string): void => {
        settled++;
        world.write(`call ${id}: ${text}`);
      };
      execute(task(world, id, call), Object.keys(options).length === 0 ? undefined : options).then(
        (value) => done(`value ${world.say(value)}`),
        (error) => {
          const tries = attemptsOf(error).map(({ attempt, delay, reason }) => `${attempt} ${reason} ${delay}`);
          done(`error ${world.say(error)} [${tries}]`);
        },
      );
    });
  }

  await clock.advance(horizon - 1);
  if (settled === calls.length) {
    // Tasks may go on: all but what waits for them is gone by now.
    if (clock.pending !== world.timers) faults.push(`${clock.pending - world.timers} timers beside tasks`);
    for (const [name, n] of world.inside) if (n !== 0 && !world.holders.has(name)) faults.push(`${name}: ${n} inside`);
  }
  await clock.advance(2 * horizon);
  await clock.advance(0);
  process.off('unhandledRejection', unhandled);
  if (settled !== calls.length) faults.push(`${calls.length - settled} calls never settled`);
  if (clock.pending !== 0) faults.push(`${clock.pending} timers`);
  for (const [name, n] of world.inside) if (n !== 0) faults.push(`${name}: ${n} inside at the end`);
  for (const [i, signal] of signals.entries()) {
    const { length } = getEventListeners(signal, 'abort');
    if (length !== 0) faults.push(`${length} listeners on signal ${i}`);
  }
  for (const look of left) faults.push(...([look()].filter((fault) => fault !== undefined) as string[]));
  return { log: world.read(), left: faults };
}

/** The row as pipelines, one inside the other. */
function joined(world: World, row: readonly Spec[], cuts: readonly boolean[]): Policy<unknown>['execute'] {
  const pieces: Policy<unknown>[][] = [[]];
  const flat = cuts.includes(true);
  for (const [i, policy] of built(world, row, flat).entries()) {
    pieces.at(-1)?.push(policy);
    if (cuts[i % cuts.length]) pieces.push([]);
  }
  const pipelines = pieces.filter((piece, i) => i === 0 || piece.length > 0).map((piece) => pipeline(...piece));
  const nested = (i: number, task: Task<unknown>, options: CallOptions | Context | undefined): Promise<unknown> =>
    (pipelines[i] as Policy<unknown>).execute(
      i === pipelines.length - 1 ? task : (context) => nested(i + 1, task, context),
      options,
    );
  return ((task, options) => nested(0, task as Task<unknown>, options)) as Policy<unknown>['execute'];
}

function task(world: World, id: number, { does }: Call): Task<unknown> {
  let runs = 0;
  return (context) => {
    const n = runs++;
    const name = `${id}.${n}`;
    const { gives, takes, foreign, heeds, holds } = does[n % does.length] as Behaviour;
    world.write(`task ${name}: try ${context.attempt}, deadline ${context.deadline}, priority ${context.priority}`);

    const give = (): unknown => {
      const error = errors[gives];
      if (error !== undefined) throw error(world, `error ${name}`);
      const value = gives === 'nothing' ? undefined : world.value(`value ${name}`);
      if (holds === undefined) return value;
      const done = world.wait(apart(holds.done, 5, id, n)).then(() => {
        world.write(`task ${name}: done`);
        if (holds.fails) throw world.label(new Error('body'), `body ${name}`);
      });
      return held(value, done);
    };
    if (takes === 'no promise') return give();
    let settled = false;
    const promise = new Promise<unknown>((resolve, reject) => {
      const settle = (): void => {
        settled = true;
        try {
          resolve(give());
        } catch (error) {
          reject(error);
        }
      };
      if (takes === 'no time') return settle();
      const left = takes === Infinity ? Math.max(horizon - world.clock.now(), 0) : takes;
      world.later(apart(left, 6, id, n), settle);
      if (heeds === undefined) return;
      const { signal } = context;
      const heed = (): void => {
        // What is done hears no more: whether the signal of a call that goes on without its task still aborts is open.
        if (settled) return;
        world.write(`task ${name}: aborted by ${world.say(signal.reason)}`);
        const stop = (): void => {
          settled = true;
          reject(signal.reason);
        };
        if (heeds === 0) stop();
        else world.later(apart(heeds, 7, id, n), stop);
      };
      if (signal.aborted) heed();
      else signal.addEventListener('abort', heed);
    });
    // biome-ignore lint/suspicious/noThenProperty: a promise of somebody else's making
    return foreign ? { then: promise.then.bind(promise) } : promise;
  };
}

const errors: Partial<Record<Behaviour['gives'], (world: World, label: string) => unknown>> = {
  error: (world, label) => world.label(new Error(label), label),
  undefined: () => undefined,
  'abort error': (world, label) => world.label(new DOMException(label, 'AbortError'), label),
  final: (world, label) => world.label(Object.assign(new Error(label), { retryable: false }), label),
  rejected: (world, label) => world.label(new RejectedError({ name: 'task', message: label }), label),
};
