import { shown } from './options.ts';
import type { CallOptions, Context } from './policy.ts';

/** @throws {TypeError | RangeError} for what a caller may not say about a call */
export function checked(options: CallOptions | Context): CallOptions {
  if (typeof options !== 'object' || options === null) {
    throw new TypeError(`execute: options must be an object, got ${shown(options)}`);
  }
  const { signal } = options;
  if (signal !== undefined && typeof signal?.addEventListener !== 'function') {
    throw new TypeError(`execute: signal must be an AbortSignal, got ${shown(signal)}`);
  }
  for (const name of ['deadline', 'priority', 'cost'] as const) {
    const value = options[name];
    if (value === undefined) continue;
    if (typeof value !== 'number') throw new TypeError(`execute: ${name} must be a number, got ${shown(value)}`);
    if (Number.isNaN(value) || (name === 'cost' && value < 0)) {
      throw new RangeError(`execute: ${name} must be a number${name === 'cost' ? ', 0 or more' : ''}, got ${value}`);
    }
  }
  return options;
}
