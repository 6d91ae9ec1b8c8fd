import { reportError } from './events.ts';

/** What may be let go of, in one way or another. */
interface Disposed extends Partial<AsyncDisposable>, Partial<Disposable> {
  /** Of a `Response`: holds a connection until it has been read or cancelled. */
  readonly body?: { readonly locked?: boolean; cancel?(): PromiseLike<void> } | null;
}

/** Of values that several callers got: how many besides the first have not let go of it. */
const others = new WeakMap<object, number>();

/** So many callers get this value: it is let go of when the last of them does. */
export function share(value: unknown, callers: number): void {
  if (callers < 2 || Object(value) !== value) return;
  others.set(value as object, (others.get(value as object) ?? 0) + callers - 1);
}

/**
 * Lets go of a value that nobody gets: by its `Symbol.asyncDispose`, else its `Symbol.dispose`, else an unlocked `body`
 * is cancelled; or by `by`, if that is given. What fails, now or later, goes to `onListenerError`.
 */
export function dispose(value: unknown, by?: (value: unknown) => unknown): void {
  const left = others.get(value as object);
  if (left) others.set(value as object, left - 1);
  else if (by !== undefined || Object(value) === value) release(value as Disposed, by).catch(reportError);
}

/** Lets go of a value now, whoever else has got it, and would let go of it again: for who has shared it out and wants it back. */
export function reclaim(value: unknown): void {
  others.delete(value as object);
  dispose(value);
  share(value, Infinity);
}

/** Async, so that whatever throws becomes its rejection. */
async function release(value: Disposed, by: ((value: unknown) => unknown) | undefined): Promise<void> {
  // `await using` would bring half a kilobyte of helpers into every program.
  if (by !== undefined) await by(value);
  else if (value[Symbol.asyncDispose]) await value[Symbol.asyncDispose]?.();
  else if (value[Symbol.dispose]) value[Symbol.dispose]?.();
  else if (value.body?.locked === false) await value.body.cancel?.();
}
