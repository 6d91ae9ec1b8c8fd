import { checked, objectWith, typed } from '../core/options.ts';
import type { Context, Policy } from '../core/policy.ts';
import type { Random } from '../core/random.ts';
import type { ManualClock } from './manual-clock.ts';
import { type Called, fail, give, hour, must, Trial, type Way } from './trial.ts';

/** fast-check, as `import fc from 'fast-check'` gives it: it is handed in, so that who needs no laws need not have it. */
export interface FastCheck {
  asyncProperty(...of: never[]): unknown;
  array(...of: never[]): unknown;
  constantFrom(...of: never[]): unknown;
  integer(...of: never[]): unknown;
  record(...of: never[]): unknown;
}

/** What of it is used here, with the types it has. */
interface Generators {
  asyncProperty<T>(of: Arbitrary<T>, check: (given: T) => Promise<void>): unknown;
  array<T>(of: Arbitrary<T>, bounds: { minLength: number; maxLength: number }): Arbitrary<T[]>;
  constantFrom<T>(...values: readonly T[]): Arbitrary<T>;
  integer(bounds?: { min: number; max: number }): Arbitrary<number>;
  record<T>(of: { [K in keyof T]: Arbitrary<T[K]> }): Arbitrary<T>;
}
declare const drawn: unique symbol;
interface Arbitrary<T> {
  readonly [drawn]: T;
}

export interface PolicyLawsOptions<F extends FastCheck> {
  /** The module fast-check. */
  fc: F;
  /**
   * Makes the policy, anew for each history, with this clock and this chance. A first call is to be let in at once, and
   * one that fails to be over, all its tries included, within an hour.
   */
  policy: (clock: ManualClock, random: Random) => Policy<unknown>;
}

/** A law in words, and the property of fast-check that holds a policy to it. */
export type PolicyLaw<F extends FastCheck> = readonly [law: string, property: ReturnType<F['asyncProperty']>];

/**
 * What every policy owes its callers, as properties of fast-check: it passes on values and errors as they are, calls
 * the task at once, heeds the caller's signal at any time, and leaves nothing behind. Policies are tried as they are
 * used, in a pipeline.
 *
 * @throws {TypeError} for options that are missing, unknown or of another type
 *
 * @example
 * for (const [law, property] of policyLaws({ fc, policy: (clock, random) => retry({ clock, random }) })) {
 *   test(law, () => fc.assert(property));
 * }
 */
export function policyLaws<F extends FastCheck>(options: PolicyLawsOptions<F>): readonly PolicyLaw<F>[] {
  const generators = objectWith('asyncProperty', 'array', 'constantFrom', 'integer', 'record');
  const { fc, policy } = checked('policyLaws', options, { fc: generators, policy: typed('function') });
  generators('policyLaws: fc', fc);
  typed('function')('policyLaws: policy', policy);
  const { asyncProperty, array, constantFrom, integer, record } = fc as unknown as Generators;
  const seed = integer();
  const thing = constantFrom<unknown>(undefined, null, 0, -0, Number.NaN, '', false, 'text', Symbol('symbol'), {}, []);
  const way = constantFrom<Way>('in one go', 'by a promise', 'by a thenable');
  const time = integer({ min: 0, max: 100 });

  const law = <T>(
    name: string,
    of: { [K in keyof T]: Arbitrary<T[K]> },
    check: (trial: Trial, given: T) => Promise<void>,
  ) => {
    const property = asyncProperty(record<T & { seed: number }>({ ...of, seed } as never), async (given) => {
      using trial = new Trial(policy, given.seed);
      await check(trial, given);
      await trial.end();
    });
    return [name, property as ReturnType<F['asyncProperty']>] as const;
  };

  return [
    law(
      'calls the task at once, and gives its value as it is',
      { value: thing, way },
      async (trial, { value, way }) => {
        const call = trial.call(() => give(way, value));
        must(call.runs.length === 1, 'the task has not been called when execute returns');
        await trial.pass();
        call.mustGive({ value });
        must(call.runs.length === 1, `the task is called ${call.runs.length} times`);
        must(!call.runs[0]?.signal.aborted, 'the signal of a task that succeeded is aborted');
      },
    ),

    law('gives an error as it is, or something in its stead', { error: thing, way }, async (trial, { error, way }) => {
      const call = trial.call(() => fail(way, error));
      await trial.pass(hour);
      if (call.result !== undefined && 'error' in call.result) call.mustGive({ error });
      else must(call.result !== undefined, 'the call is still pending after an hour');
      await trial.mustGoOn('a failure');
    }),

    law('calls nothing when the signal has been aborted before', { reason: thing }, async (trial, { reason }) => {
      const { controller } = trial;
      controller.abort(reason);
      const call = trial.call(() => 'value', { signal: controller.signal });
      await trial.pass();
      must(call.runs.length === 0, 'the task is called');
      call.mustGive({ error: controller.signal.reason });
    }),

    law(
      'settles with the reason at once when it is aborted, and calls nothing more',
      { reason: thing, at: time, takes: time, fails: constantFrom(true, false), heeds: constantFrom(true, false) },
      async (trial, { reason, at, takes, fails, heeds }) => {
        const { controller, clock } = trial;
        const open = new Set<Context>();
        const call = trial.call(
          (context) =>
            new Promise((resolve, reject) => {
              open.add(context);
              const settle = (by: () => void) => (): void => {
                open.delete(context);
                by();
              };
              clock.schedule(
                takes,
                settle(() => (fails ? reject('error') : resolve('value'))),
              );
              if (heeds)
                context.signal.addEventListener(
                  'abort',
                  settle(() => reject(context.signal.reason)),
                );
            }),
          { signal: controller.signal },
        );
        // Between two milliseconds, where nothing else is likely to be.
        await trial.pass(at + 0.49);
        const before = call.result;
        const runs = call.runs.length;
        const pending = [...open].filter(({ signal }) => !signal.aborted);
        controller.abort(reason);
        await trial.pass();
        if (before !== undefined) return call.mustGive(before);
        call.mustGive({ error: controller.signal.reason });
        for (const { signal } of pending)
          must(Object.is(signal.reason, controller.signal.reason), 'the task is not told of the abort');
        await trial.pass(hour);
        must(call.runs.length === runs, 'the task is called again after the abort');
        await trial.mustGoOn('an abort');
      },
    ),

    law(
      'hands on what the caller says of a call, or a stricter deadline, and leaves it unchanged',
      { priority: integer({ min: -5, max: 5 }), deadline: time },
      async (trial, { priority, deadline }) => {
        const options = Object.freeze({ priority, cost: 1, deadline: deadline + 1 });
        const call = trial.call(() => 'value', options);
        await trial.pass();
        for (const context of call.runs) {
          must(context.priority === priority, `priority ${priority} becomes ${context.priority}`);
          must(context.cost === 1, `cost 1 becomes ${context.cost}`);
          must(context.deadline <= options.deadline, `deadline ${options.deadline} becomes ${context.deadline}`);
          must(context.attempt === 1, `the first try has number ${context.attempt}`);
        }
      },
    ),

    law(
      'keeps calls apart that are made at once',
      { each: array(record({ at: time, takes: time }), { minLength: 2, maxLength: 5 }) },
      async (trial, { each }) => {
        const values = each.map(() => ({}));
        const calls: Called[] = [];
        for (const [i, { at, takes }] of each.entries()) {
          trial.clock.schedule(at, () =>
            calls.push(
              trial.call(() => new Promise((resolve) => trial.clock.schedule(takes, () => resolve(values[i])))),
            ),
          );
        }
        await trial.pass(hour);
        const given = calls.map(({ result }) => result);
        must(!given.includes(undefined), 'a call is still pending after an hour');
        // In the order they were made: by time, then as listed.
        const order = [...each.keys()].sort((a, b) => (each[a]?.at ?? 0) - (each[b]?.at ?? 0));
        for (const [n, result] of given.entries()) {
          const other = result !== undefined && 'value' in result ? values.indexOf(result.value as object) : -1;
          must(other < 0 || other === order[n], 'a call is given the value of another');
        }
      },
    ),

    law('lets its own task call it', { takes: time }, async (trial, { takes }) => {
      let inner: Called | undefined;
      const outer = trial.call(() => {
        inner = trial.call(() => new Promise((resolve) => trial.clock.schedule(takes, () => resolve('inner'))));
        return 'outer';
      });
      await trial.pass(hour);
      outer.mustGive({ value: 'outer' });
      must(inner?.result !== undefined, 'the inner call is still pending after an hour');
    }),
  ];
}
