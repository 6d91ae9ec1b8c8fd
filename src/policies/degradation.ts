import { Levels, type Threshold } from '../algorithms/levels.ts';
import { type Clock, systemClock } from '../core/clock.ts';
import { share } from '../core/dispose.ts';
import { ShedError } from '../core/errors.ts';
import { emit, hear, type Listener, reportError } from '../core/events.ts';
import { checked, duration, number, objectWith, oneOf, shown, typed } from '../core/options.ts';
import { guard, pipeline, recovery } from '../core/pipeline.ts';
import type { Milliseconds, Policy } from '../core/policy.ts';

/** Something that is read to tell how much there is to bear: an open circuit, a line, a delay, a gauge of your own. */
export interface LoadSignal<Level extends string = string> {
  /** The level this signal calls for; any but the first. */
  level: Level;
  /** What it is now; true counts as 1 and false as 0. What it throws, and NaN, are reported, and call for nothing. */
  read: () => number | boolean;
  /** The reading that calls for the level, or any above. Default 1. */
  raise?: number | undefined;
  /** The least reading that still calls for it once it does: `raise` or less. Default `raise`. */
  lower?: number | undefined;
}

export interface DegradationOptions<Level extends string = string> {
  /** Names of the levels, the best first: two or more. Default `['normal', 'reduced', 'minimal']`. */
  levels?: readonly Level[] | undefined;
  /** What moves the level. It is the worst that any of them calls for. Default none: it is moved by hand. */
  signals?: readonly LoadSignal<NoInfer<Level>>[] | undefined;
  /** How long a level stays what it is before it gets better by a step. 0 or more. Default 5_000. */
  minStay?: Milliseconds | undefined;
  /** How long a reading of the signals lasts. 0 or more. Default 100; 0 reads them whenever the level is asked for. */
  interval?: Milliseconds | undefined;
  clock?: Clock | undefined;
  /** Carried by events and errors. Default `'degradation'`. */
  name?: string | undefined;
  onEvent?: Listener<DegradationEvent<NoInfer<Level>>> | undefined;
}

export type DegradationEvent<Level extends string = string> =
  /** The level has changed. */
  | {
      readonly type: 'level';
      readonly name: string;
      readonly level: Level;
      readonly previous: Level;
      readonly by: 'signals' | 'hand';
    }
  /** A task was not run at this level. */
  | { readonly type: 'rejected'; readonly name: string; readonly level: Level };

export interface Degradation<Level extends string = string> {
  /** As of now: the signals are read, unless they have been within the last `interval`. */
  readonly level: Level;
  /**
   * Moves the level by hand, and keeps it there whatever the signals call for, until `auto()`.
   *
   * @throws {RangeError | TypeError} for anything but one of the levels
   */
  set(level: Level): void;
  /** Leaves the level to the signals again. It moves on from what it is. */
  auto(): void;
  /**
   * A policy for optional work, that steps aside at this level and any worse: with a `ShedError`, or `otherwise` in place
   * of the task's value.
   *
   * @throws {RangeError | TypeError} for anything but a level below the first
   */
  when<Added = never>(level: Level, options?: { otherwise: Added }): Policy<Added>;
}

/**
 * Names how much of its work a program does now: all of it, less, or only what it must. Signals of load move the level,
 * or somebody does by hand; policies made by `when` leave optional work out while it is bad.
 *
 * It gets worse at once and better step by step, `minStay` apart. Nothing ticks: signals are read when a policy of it is
 * called or its level read. (Klein, Maggio, Årzén, Hernández-Rodriguez: Brownout, ICSE 2014.)
 *
 * @example
 * const service = degradation({ signals: [{ level: 'reduced', read: () => breaker.state === 'open' }] });
 * const related = service.when('reduced', { otherwise: [] });
 * const page = { product, related: await related.execute(() => loadRelated(product)) };
 *
 * @throws {ShedError} from `execute` of what `when` gives, if there is nothing to give otherwise
 * @throws {RangeError | TypeError} for options out of range, or unknown
 */
export function degradation<const Level extends string = 'normal' | 'reduced' | 'minimal'>(
  options: DegradationOptions<Level> = {},
): Degradation<Level> {
  const {
    levels: given = ['normal', 'reduced', 'minimal'] as unknown as readonly Level[],
    signals: watched = [],
    minStay = 5_000,
    interval = 100,
    clock = systemClock,
    name = 'degradation',
    onEvent,
  } = checked('degradation', options, {
    levels: checkLevels,
    signals: checkArray,
    minStay: duration,
    interval: duration,
    clock: objectWith('now', 'coarse', 'schedule'),
    name: typed('string'),
    onEvent: typed('function'),
  });
  const levels = [...given];
  const signals = watched.map((signal, i) => signalOf(signal, i, levels));
  const state = new Levels(signals, minStay, clock.coarse());
  /** Those that gave no number when they were last read: each is reported once, until it works again. */
  const broken = new Set<unknown>();
  let byHand = false;
  let read = -Infinity;
  /** A signal that asks for the level itself gets the one at hand. */
  let reading = false;

  return {
    get level() {
      return levels[present()] as Level;
    },
    set(level) {
      oneOf(...levels)(`${name}: level`, level);
      byHand = true;
      move(() => state.set(levels.indexOf(level), clock.coarse()));
    },
    auto() {
      byHand = false;
      read = -Infinity;
    },
    when<Added = never>(level: Level, instead?: { otherwise: Added }): Policy<Added> {
      oneOf(...levels.slice(1))(`${name}: level`, level);
      const least = levels.indexOf(level);
      const answers = instead !== undefined && 'otherwise' in checked(`${name}: when`, instead, { otherwise() {} });
      /** Seen by nobody, as there is a value in its place: one will do. */
      const aside = answers ? new ShedError({ name, message: 'stepped aside' }) : undefined;
      const gate = guard({
        name,
        kind: 'degradation',
        enter() {
          const now = present();
          if (now < least) return;
          const word = levels[now] as Level;
          if (onEvent) emit(onEvent, { type: 'rejected', name, level: word });
          return aside ?? new ShedError({ name, message: `stepped aside: the level is ${word}` });
        },
      });
      if (aside === undefined) return gate;
      // Later calls get it too: one that is stopped on the way does not let go of it.
      share(instead?.otherwise, Infinity);
      const answer = recovery<Added>({
        name,
        kind: 'degradation',
        retries: false,
        recover: (outcome) =>
          !outcome.ok && outcome.error === aside && instead ? { instead: instead.otherwise } : undefined,
      });
      return pipeline(answer, gate) as Policy<Added>;
    },
  };

  function present(): number {
    const now = clock.coarse();
    if (!byHand && !reading && !(now >= read && now - read < interval)) {
      read = now;
      reading = true;
      const readings = signals.map(readingOf);
      reading = false;
      // One of them may have set the level by hand.
      if (!byHand) move(() => state.update(readings, now));
    }
    return state.level;
  }

  function move(change: () => void): void {
    const before = state.level;
    change();
    const now = state.level;
    if (now === before || onEvent === undefined) return;
    const [level, previous] = [levels[now] as Level, levels[before] as Level];
    emit(onEvent, { type: 'level', name, level, previous, by: byHand ? 'hand' : 'signals' });
  }

  function readingOf(signal: Signal): number {
    let error: unknown;
    try {
      const value: unknown = signal.read();
      const amount = typeof value === 'boolean' ? Number(value) : value;
      if (typeof amount === 'number' && !Number.isNaN(amount)) {
        broken.delete(signal);
        return amount;
      }
      hear(value);
      error = new TypeError(`${name}: a signal for ${levels[signal.level]} must give a number, got ${shown(value)}`);
    } catch (thrown) {
      error = thrown;
    }
    if (!broken.has(signal)) reportError(error);
    broken.add(signal);
    return NaN;
  }
}

interface Signal extends Threshold {
  readonly read: () => unknown;
}

function signalOf(signal: LoadSignal, i: number, levels: readonly string[]): Signal {
  const label = `degradation: signals[${i}]`;
  const isLevel = oneOf(...levels.slice(1));
  const isRead = typed('function');
  const isNumber = number(-Infinity, Infinity);
  const {
    level,
    read,
    raise = 1,
  } = checked(label, signal, { level: isLevel, read: isRead, raise: isNumber, lower: isNumber });
  const { lower = raise } = signal;
  isLevel(`${label}: level`, level);
  isRead(`${label}: read`, read);
  number(-Infinity, raise)(`${label}: lower`, lower);
  return { level: levels.indexOf(level), read, raise, lower };
}

function checkLevels(label: string, value: unknown): void {
  checkArray(label, value);
  const levels = value as readonly unknown[];
  for (const level of levels) typed('string')(`${label}[${levels.indexOf(level)}]`, level);
  if (levels.length < 2 || new Set(levels).size < levels.length)
    throw new RangeError(`${label} must be two or more different names, got ${levels.map(shown).join(', ') || 'none'}`);
}

function checkArray(label: string, value: unknown): void {
  if (!Array.isArray(value)) throw new TypeError(`${label} must be an array, got ${shown(value)}`);
}
