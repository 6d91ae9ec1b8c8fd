import { type Check, object, shown, where } from './options.ts';
import type { CallOptions, Context } from './policy.ts';

const some: Check = /* @__PURE__ */ where<number>('number', 'a number', (n) => n >= -Infinity);
const cost: Check = /* @__PURE__ */ where<number>('number', 'a number, 0 or more', (n) => n >= 0);

/** @throws {TypeError | RangeError} for what a caller may not say about a call */
export function checked(options: CallOptions | Context): CallOptions {
  object('execute: options', options);
  const { signal } = options;
  // The one method that is called when nobody would hear of it.
  if (signal !== undefined && typeof signal?.removeEventListener !== 'function') {
    throw new TypeError(`execute: signal must be an AbortSignal, got ${shown(signal)}`);
  }
  if (options.deadline !== undefined) some('execute: deadline', options.deadline);
  if (options.priority !== undefined) some('execute: priority', options.priority);
  if (options.cost !== undefined) cost('execute: cost', options.cost);
  return options;
}
