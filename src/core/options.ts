/** Says what an option was, short and without running its code. */
function shown(value: unknown): string {
  return typeof value === 'string'
    ? JSON.stringify(value)
    : typeof value === 'object' && value
      ? 'an object'
      : String(value);
}

function check(label: string, value: unknown, fits: (value: number) => boolean, range: string): number {
  const type = typeof value !== 'number';
  if (type || !fits(value)) throw new (type ? TypeError : RangeError)(`${label} must be ${range}, got ${shown(value)}`);
  return value;
}

/** 1, 2, 3 … or `Infinity`. */
export function positiveInteger(label: string, value: unknown): number {
  return check(
    label,
    value,
    (n) => n >= 1 && (Number.isInteger(n) || n === Infinity),
    'a positive integer or Infinity',
  );
}

/** 0, 1, 2 … or `Infinity`. */
export function wholeNumber(label: string, value: unknown): number {
  return check(
    label,
    value,
    (n) => n >= 0 && (Number.isInteger(n) || n === Infinity),
    'a whole number (0 or more) or Infinity',
  );
}

/** Any number above 0; `Infinity` included. */
export function positiveNumber(label: string, value: unknown): number {
  return check(label, value, (n) => n > 0, 'a number above 0');
}

/** 0 or more milliseconds; `Infinity` included. */
export function duration(label: string, value: unknown): number {
  return check(label, value, (n) => n >= 0, 'a number of milliseconds, 0 or more, or Infinity');
}

/** A number from `min` to `max`, both included. */
export function numberBetween(label: string, value: unknown, min: number, max: number): number {
  return check(label, value, (n) => n >= min && n <= max, `a number from ${min} to ${max}`);
}

/** A function; `undefined` passes where the option may be left out. */
export function optionalFunction<F>(label: string, value: F): F {
  if (value !== undefined && typeof value !== 'function')
    throw new TypeError(`${label} must be a function, got ${shown(value)}`);
  return value;
}

/** An object with these methods; `undefined` passes where the option may be left out. */
export function optionalObject<O extends object | undefined>(label: string, value: O, methods: readonly string[]): O {
  for (const method of value === undefined ? [] : methods) {
    if (typeof (value as Record<string, unknown> | null)?.[method] !== 'function') {
      throw new TypeError(`${label} must be an object with ${methods.join(', ')}, got ${shown(value)}`);
    }
  }
  return value;
}

/** One of a few words. */
export function oneOf<const W extends string>(label: string, value: unknown, words: readonly W[]): W {
  if (!words.includes(value as W)) {
    const wrong = typeof value === 'string' ? RangeError : TypeError;
    throw new wrong(`${label} must be ${words.map(shown).join(' or ')}, got ${shown(value)}`);
  }
  return value as W;
}

/**
 * The options themselves, once it is sure that each has a known name.
 *
 * @throws {TypeError} for anything but an object, and for an unknown name: the message suggests the nearest known one
 */
export function known<O extends object>(factory: string, options: O, names: readonly (keyof O & string)[]): O {
  if (typeof options !== 'object' || options === null) {
    throw new TypeError(`${factory}: options must be an object, got ${shown(options)}`);
  }
  for (const name of Object.keys(options)) {
    if (!names.includes(name as keyof O & string)) {
      const nearest = [...names].sort((a, b) => distance(name, a) - distance(name, b))[0];
      throw new TypeError(
        `${factory}: unknown option ${shown(name)}; did you mean ${shown(nearest)}? Known are: ${names.join(', ')}`,
      );
    }
  }
  return options;
}

/** How many letters must be put in, left out or changed (Levenshtein, 1965), case aside. */
function distance(from: string, to: string): number {
  let row = [...Array(to.length + 1).keys()];
  for (const [i, letter] of [...from.toLowerCase()].entries()) {
    const next = [i + 1];
    for (let j = 0; j < to.length; j++) {
      const change = (row[j] as number) + (letter === to[j]?.toLowerCase() ? 0 : 1);
      next.push(Math.min(change, (row[j + 1] as number) + 1, (next[j] as number) + 1));
    }
    row = next;
  }
  return row[to.length] as number;
}
