/** Throws unless an option is what it may be. The label names the factory and the option. */
export type Check = (label: string, value: unknown) => void;

/** Says what an option was, short and without running its code. */
function shown(value: unknown): string {
  if (typeof value === 'string') return `"${value}"`;
  return typeof value === 'object' && value ? 'an object' : String(value);
}

function check(label: string, value: unknown, type: string, fits: boolean, range: string): void {
  if (fits) return;
  const wrong = typeof value === type ? RangeError : TypeError;
  throw new wrong(`${label} must be ${range}, got ${shown(value)}`);
}

function checkNumber(label: string, value: unknown, fits: (value: number) => boolean, range: string): void {
  check(label, value, 'number', typeof value === 'number' && fits(value), range);
}

/** `least`, one more … up to `most`, both included. */
export function integer(least: 0 | 1, most: number = Infinity): Check {
  const range = `a ${least ? 'positive' : 'non-negative'} integer up to ${most}`;
  // Infinity has no remainder: NaN.
  return (label, value) => checkNumber(label, value, (n) => n >= least && n <= most && !(n % 1), range);
}

/** A number from `least` to `most`, both included. */
export function number(least: number, most: number): Check {
  return (label, value) =>
    checkNumber(label, value, (n) => n >= least && n <= most, `a number from ${least} to ${most}`);
}

/** Any number above 0, up to `most`. */
export function positive(most: number): Check {
  return (label, value) => checkNumber(label, value, (n) => n > 0 && n <= most, `a number above 0, up to ${most}`);
}

/** 0 or more milliseconds; `Infinity` included. */
export function duration(label: string, value: unknown): void {
  checkNumber(label, value, (n) => n >= 0, 'a number of milliseconds, 0 or more');
}

/** Anything of a type. */
export function typed(type: 'boolean' | 'function' | 'string'): Check {
  return (label, value) => {
    const actual: string = typeof value;
    check(label, value, '', actual === type, `a ${type}`);
  };
}

/** Any object. */
export function object(label: string, value: unknown): void {
  check(label, value, '', typeof value === 'object' && value !== null, 'an object');
}

/** An object with these methods. */
export function objectWith(...methods: string[]): Check {
  const fits = (value: Record<string, unknown> | null): boolean =>
    methods.every((method) => typeof value?.[method] === 'function');
  return (label, value) =>
    check(label, value, '', fits(value as Record<string, unknown> | null), `an object with ${methods.join(', ')}`);
}

/** One of a few words. */
export function oneOf(...words: string[]): Check {
  return (label, value) =>
    check(label, value, 'string', words.includes(value as string), words.map(shown).join(' or '));
}

/**
 * The options themselves, once it is sure that each has a known name and, unless it is `undefined`, passes its check.
 *
 * @throws {TypeError} for anything but an object, and for an unknown name: the message suggests the nearest known one
 */
export function checked<O extends object>(
  factory: string,
  options: O,
  checks: { readonly [Name in keyof O]-?: Check },
): O {
  object(`${factory}: options`, options);
  const names = Object.keys(checks) as (keyof O & string)[];
  for (const name of Object.keys(options)) {
    if (names.includes(name as keyof O & string)) continue;
    const [nearest] = names.sort((a, b) => distance(name, a) - distance(name, b));
    throw new TypeError(`${factory}: unknown option "${name}"; did you mean "${nearest}"?`);
  }
  for (const name of names) if (options[name] !== undefined) checks[name](`${factory}: ${name}`, options[name]);
  return options;
}

/** How many letters must be put in, left out or changed (Levenshtein, 1965). */
function distance(from: string, to: string): number {
  let row = [...`${to} `].map((_, at) => at);
  for (const letter of from) {
    let left = Infinity;
    row = row.map((above, at) => {
      const change = at > 0 ? (row[at - 1] as number) + (letter === to[at - 1] ? 0 : 1) : Infinity;
      return (left = Math.min(left + 1, above + 1, change));
    });
  }
  return row[to.length] as number;
}
