import { iterable, objectWith, shown } from './options.ts';
import type { Target } from './router.ts';

/**
 * Targets by name, in the order given.
 *
 * @throws {TypeError} for anything but objects with a name
 * @throws {RangeError} where there are none, or two of one name
 */
export function byName<T extends Target>(label: string, targets: Iterable<T>): Map<string, T> {
  iterable(label, targets);
  const named = new Map<string, T>();
  for (const target of targets) {
    const name: unknown = target?.name;
    if (typeof name !== 'string') throw new TypeError(`${label} must be objects with a name, got ${shown(target)}`);
    if (named.has(name)) throw new RangeError(`${label} must have names of their own, got "${name}" twice`);
    named.set(name, target);
  }
  if (named.size === 0) throw new RangeError(`${label} must be one or more, got none`);
  return named;
}

/** A list of what says which targets are well. */
export function healths(label: string, value: unknown): void {
  if (!Array.isArray(value)) throw new TypeError(`${label} must be an array, got ${shown(value)}`);
  for (const each of value) objectWith('state')(label, each);
}
