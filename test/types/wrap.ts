/** A wrapped function keeps its signature. Checked by tsc alone, never run. */
import { expectTypeOf } from 'vitest';
import { fallback, retry, wrap } from '../../src/index.ts';

declare function load(id: string, limit?: number): Promise<string[]>;
declare function now(): number;
declare function sum(this: { base: number }, ...more: number[]): number;
declare function same<T>(value: T): Promise<T>;

expectTypeOf(wrap(load, retry())).toEqualTypeOf<(id: string, limit?: number) => Promise<string[]>>();
expectTypeOf(wrap(now, retry())).toEqualTypeOf<() => Promise<number>>();
expectTypeOf(wrap(load, fallback({ value: null }))).toEqualTypeOf<
  (id: string, limit?: number) => Promise<string[] | null>
>();

// `this` is asked for as before.
const method = wrap(sum, retry());
expectTypeOf(method).toEqualTypeOf<(this: { base: number }, ...more: number[]) => Promise<number>>();
const holder = { base: 1, method };
expectTypeOf(holder.method(1, 2)).toEqualTypeOf<Promise<number>>();
// @ts-expect-error: there is no base to add to
void method(1, 2);

// Type parameters live on.
const generic = wrap(same, retry());
expectTypeOf(generic('a')).toEqualTypeOf<Promise<string>>();
expectTypeOf(generic(1)).toEqualTypeOf<Promise<number>>();

// @ts-expect-error: an argument of the wrong type
void wrap(load, retry())(1);
// @ts-expect-error: not a function
wrap('load', retry());
// @ts-expect-error: not a policy
wrap(load, {});
