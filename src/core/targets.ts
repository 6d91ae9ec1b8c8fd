import { iterable, number, objectWith, shown } from './options.ts';
import type { Target } from './router.ts';

/**
 * Targets by name, in the order given. There may be none.
 *
 * @throws {TypeError} for anything but objects with a name
 * @throws {RangeError} where there are two of one name
 */
export function named<T extends Target>(label: string, targets: Iterable<T>): Map<string, T> {
  iterable(label, targets);
  const all = new Map<string, T>();
  for (const target of targets) {
    const name: unknown = target?.name;
    if (typeof name !== 'string') throw new TypeError(`${label} must be objects with a name, got ${shown(target)}`);
    if (all.has(name)) throw new RangeError(`${label} must have names of their own, got "${name}" twice`);
    all.set(name, target);
  }
  return all;
}

/**
 * The same of one target or more.
 *
 * @throws {RangeError} where there is none
 */
export function byName<T extends Target>(label: string, targets: Iterable<T>): Map<string, T> {
  const all = named(label, targets);
  if (all.size === 0) throw new RangeError(`${label} must be one or more, got none`);
  return all;
}

/** Throws for a priority that is no number: it comes neither before another nor after it. */
export function priority(label: string, target: Target): void {
  if (target.priority !== undefined) number(-Infinity, Infinity)(`${label}.priority`, target.priority);
}

/** A list of what says which targets are well. */
export function healths(label: string, value: unknown): void {
  if (!Array.isArray(value)) throw new TypeError(`${label} must be an array, got ${shown(value)}`);
  for (const each of value) objectWith('state')(label, each);
}
