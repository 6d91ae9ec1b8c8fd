/** What a policy adds shows in the type of what a call gives. Checked by tsc alone, never run. */
import { expectTypeOf } from 'vitest';
import {
  type AddedOf,
  bulkhead,
  type CallOptions,
  type Context,
  circuitBreaker,
  fallback,
  guard,
  type Outcome,
  type Policy,
  perKey,
  pipeline,
  recovery,
  retry,
  type Task,
  timeout,
} from '../../src/index.ts';

declare const number: Task<number>;
const four = pipeline(retry(), circuitBreaker(), bulkhead({ maxConcurrent: 1 }), timeout({ duration: 1 }));

// Nothing is added: the task's own type comes out.
expectTypeOf(four).toEqualTypeOf<Policy<never>>();
expectTypeOf(four.execute(number)).toEqualTypeOf<Promise<number>>();
expectTypeOf(pipeline().execute(number)).toEqualTypeOf<Promise<number>>();
expectTypeOf(retry().execute(() => Promise.resolve('a'))).toEqualTypeOf<Promise<string>>();
expectTypeOf(retry().execute(() => undefined)).toEqualTypeOf<Promise<undefined>>();
expectTypeOf<AddedOf<typeof four>>().toEqualTypeOf<never>();

// A fallback's value joins it, wherever it stands and however deep.
const none = fallback({ value: null });
expectTypeOf(none.execute(number)).toEqualTypeOf<Promise<number | null>>();
expectTypeOf(pipeline(none, four).execute(number)).toEqualTypeOf<Promise<number | null>>();
expectTypeOf(pipeline(four, none).execute(number)).toEqualTypeOf<Promise<number | null>>();
expectTypeOf(pipeline(four, pipeline(retry(), none)).execute(number)).toEqualTypeOf<Promise<number | null>>();
expectTypeOf<AddedOf<typeof none>>().toEqualTypeOf<null>();

// Two of them make a union.
const late = fallback({ with: async (outcome: Outcome, context: Context) => [outcome.ok, context.attempt] as const });
expectTypeOf(pipeline(none, late).execute(number)).toEqualTypeOf<Promise<number | null | readonly [boolean, number]>>();
expectTypeOf(fallback({ with: () => 'plain' }).execute(number)).toEqualTypeOf<Promise<number | string>>();

// A fallback of the task's own type adds nothing new.
expectTypeOf(pipeline(fallback({ value: 0 }), four).execute(number)).toEqualTypeOf<Promise<number>>();

// A policy of the user's own, in five lines.
const own: Policy<'cached'> = {
  execute: <T>(task: Task<T>, options?: CallOptions | Context) => four.execute<T | 'cached'>(task, options),
};
expectTypeOf(pipeline(own, none).execute(number)).toEqualTypeOf<Promise<number | 'cached' | null>>();
expectTypeOf(guard({ enter: () => 1, leave: (permit: number) => void permit })).toExtend<Policy<never>>();
expectTypeOf(recovery({ recover: () => ({ instead: 'stale' as const }) }).execute(number)).toEqualTypeOf<
  Promise<number | 'stale'>
>();

// A key picks a policy, which adds what its kind adds.
const byTenant = perKey((tenant: string) => fallback({ value: tenant }));
expectTypeOf(byTenant.for('ada').execute(number)).toEqualTypeOf<Promise<number | string>>();

// A policy that adds may stand where more is allowed, never where less is.
expectTypeOf<Policy<null>>().toExtend<Policy<null | string>>();
expectTypeOf<Policy<null>>().not.toExtend<Policy<never>>();
expectTypeOf<Policy>().toEqualTypeOf<Policy<never>>();

// The context a task gets.
void four.execute((context) => {
  expectTypeOf(context).toEqualTypeOf<Context>();
  expectTypeOf(context.signal).toEqualTypeOf<AbortSignal>();
});
