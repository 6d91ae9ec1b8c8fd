import { type Backoff, exponential } from '../algorithms/backoff.ts';
import { RestartIntensity } from '../algorithms/restart-intensity.ts';
import { type Clock, systemClock } from '../core/clock.ts';
import { AbandonedError } from '../core/errors.ts';
import { emit, type Listener, reportError } from '../core/events.ts';
import { checked, duration, integer, objectWith, shown, typed } from '../core/options.ts';
import type { Milliseconds } from '../core/policy.ts';
import { nothing } from '../core/promise.ts';
import { systemRandom } from '../core/random.ts';

export interface SuperviseOptions {
  /**
   * Starts what is supervised. The promise is its life: rejected, it has died, and is started again; fulfilled, it has done
   * its work. The signal, one for each life, aborts when it is to end.
   */
  start: (context: { signal: AbortSignal }) => PromiseLike<unknown>;
  /**
   * How long to wait before it is started again, by the number of its deaths since it has lived longer than `within`.
   * Default `exponential()`.
   */
  backoff?: Backoff | undefined;
  /** How many restarts there may be in `within`: one more death, and it is given up. 0 or more. Default 3. */
  maxRestarts?: number | undefined;
  /** 0 or more. Default 5_000. */
  within?: Milliseconds | undefined;
  clock?: Clock | undefined;
  /** Carried by events and errors. Default `'supervise'`. */
  name?: string | undefined;
  onEvent?: Listener<SuperviseEvent> | undefined;
}

export type SuperviseEvent =
  /** It has died of `error`, and is started again after `delay`: for the how many-th time. */
  | {
      readonly type: 'restart';
      readonly name: string;
      readonly error: unknown;
      readonly restarts: number;
      readonly delay: Milliseconds;
    }
  /** It has died of `error`, and is not started again. */
  | { readonly type: 'given-up'; readonly name: string; readonly error: unknown; readonly restarts: number };

export interface Supervised extends Disposable {
  /** Starts it. A second call does nothing, nor does one after it was disposed of. */
  start(): void;
  /** How often it was started again. */
  readonly restarts: number;
  /**
   * Resolves once it has done its work, or was disposed of and has ended. Rejects with what it died of last, when it is given
   * up. In case nobody looks here, `onListenerError` is told too: of an `Error` that says who was given up and when, and has
   * what it died of as its `cause`.
   */
  readonly ended: Promise<void>;
}

/**
 * Starts something that is to live on, such as a worker, a process or a connection, and starts it again when it dies, after
 * a backoff. What dies more than `maxRestarts` times within `within` is given up: starting it yet again is not going to help.
 * (Erlang/OTP, supervisor: maximum restart intensity; its defaults there are 1 in 5 s, in Elixir 3 in 5 s.)
 *
 * To dispose of it aborts the signal, and starts nothing any more.
 *
 * @example
 * const worker = supervise({
 *   start: async ({ signal }) => {
 *     const child = spawn('worker', { signal });
 *     const [code] = await once(child, 'exit');
 *     if (code !== 0) throw new Error(`worker: exit code ${code}`);
 *   },
 * });
 * worker.start();
 *
 * @throws {RangeError | TypeError} for options out of range, or unknown
 */
export function supervise(options: SuperviseOptions): Supervised {
  const {
    start,
    backoff = exponential(),
    maxRestarts = 3,
    within = 5_000,
    clock = systemClock,
    name = 'supervise',
    onEvent,
  } = checked('supervise', options, {
    start: typed('function'),
    backoff: typed('function'),
    maxRestarts: integer(0),
    within: duration,
    clock: objectWith('now', 'schedule'),
    name: typed('string'),
    onEvent: typed('function'),
  });
  typed('function')('supervise: start', start);
  const intensity = new RestartIntensity(maxRestarts, within);
  /** Of the latest life: what listens to that of one that has died is let go of with it. */
  let life = new AbortController();
  let state: 'new' | 'running' | 'waiting' | 'ended' = 'new';
  let timer: { cancel(): void } | undefined;
  let begun = 0;
  /** Deaths since it has lived for long. */
  let deaths = 0;
  let previous: Milliseconds | undefined;
  let restarts = 0;
  let end = nothing as () => void;
  let fail = nothing as (error: unknown) => void;
  const ended = new Promise<void>((resolve, reject) => {
    end = resolve;
    fail = reject;
  });
  ended.catch(nothing);

  return {
    start() {
      if (state === 'new') run();
    },
    get restarts() {
      return restarts;
    },
    ended,
    [Symbol.dispose]() {
      const { aborted } = life.signal;
      if (aborted || state === 'ended') return;
      life.abort(new AbandonedError({ name, message: 'disposed of' }));
      timer?.cancel();
      if (state !== 'running') over(end);
    },
  };

  function run(): void {
    state = 'running';
    begun = clock.now();
    life = new AbortController();
    const { signal } = life;
    // In an async function, so that what it throws is a death too.
    (async () => start({ signal }))().then(() => over(end), died);
  }

  function died(error: unknown): void {
    if (life.signal.aborted) return over(end);
    const now = clock.now();
    if (now - begun > within) {
      deaths = 0;
      previous = undefined;
    }
    deaths++;
    const often = !intensity.restart(now);
    const delay = often ? Infinity : delayOf(deaths);
    // The backoff is the user's, and may dispose of it.
    if (life.signal.aborted) return over(end);
    if (!(delay >= 0 && delay < Infinity)) {
      reportError(givenUp(often, error));
      over(() => fail(error));
      return emit(onEvent, { type: 'given-up', name, error, restarts });
    }
    previous = delay;
    state = 'waiting';
    timer = clock.schedule(delay, () => {
      restarts++;
      run();
    });
    emit(onEvent, { type: 'restart', name, error, restarts: restarts + 1, delay });
  }

  /** Says who and of what in its message: a process warning shows no cause. */
  function givenUp(often: boolean, error: unknown): Error {
    const count = often ? maxRestarts : restarts;
    const after = `${count} ${count === 1 ? 'restart' : 'restarts'}${often ? ` within ${within} ms` : ', by its backoff'}`;
    const last = error instanceof Error ? error.message : shown(error);
    return new Error(`${name}: given up after ${after}: ${last}`, { cause: error });
  }

  function delayOf(number: number): Milliseconds {
    try {
      return backoff(number, previous, systemRandom);
    } catch (error) {
      reportError(error);
      return Infinity;
    }
  }

  function over(told: () => void): void {
    state = 'ended';
    told();
  }
}
