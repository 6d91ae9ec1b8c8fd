/** Throws unless an option is what it may be. The label names the factory and the option. */
export type Check = (label: string, value: unknown) => void;

/** Says what was given, short and without running its code. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return `"${value}"`;
  if (typeof value === 'function') return 'a function';
  return typeof value === 'object' && value ? (Array.isArray(value) ? 'an array' : 'an object') : String(value);
}

/** Anything of a type that fits. A value of another type, and an object that is not the right one, is a TypeError. */
export function where<T>(type: string, range: string, fits: (value: T) => boolean): Check {
  return (label, value) => {
    const kind: string = typeof value;
    const right = kind === type;
    if (right && fits(value as T)) return;
    const wrong = right && type !== 'object' ? RangeError : TypeError;
    throw new wrong(`${label} must be ${range}, got ${shown(value)}`);
  };
}

/** `least`, one more … up to `most`, both included. */
export function integer(least: 0 | 1, most: number = Infinity): Check {
  const range = `a ${least ? 'positive' : 'non-negative'} integer ${most < Infinity ? `up to ${most}` : 'or Infinity'}`;
  // Infinity has no remainder: NaN.
  return where<number>('number', range, (n) => n >= least && n <= most && !(n % 1));
}

/** A number from `least` to `most`, both included. */
export function number(least: number, most: number): Check {
  return where<number>('number', `a number from ${least} to ${most}`, (n) => n >= least && n <= most);
}

/** Any number above 0, up to `most`. */
export function positive(most: number): Check {
  return where<number>('number', `a number above 0, up to ${most}`, (n) => n > 0 && n <= most);
}

/** 0 or more milliseconds; `Infinity` included. */
export function duration(label: string, value: unknown): void {
  where<number>('number', 'a number of milliseconds, 0 or more', (n) => n >= 0)(label, value);
}

/** Anything of a type. */
export function typed(type: 'boolean' | 'function' | 'string'): Check {
  return where(type, `a ${type}`, () => true);
}

/** Any object but an array, which is what options are given as by mistake: `new HashRing(['a', 'b'])`. */
export function object(label: string, value: unknown): void {
  where('object', 'an object', (object) => !!object && !Array.isArray(object))(label, value);
}

/** An object with these methods. */
export function objectWith(...methods: string[]): Check {
  return made('an object', ...methods);
}

/** The same, and what it is: what makes one is easily given itself, where its call was meant. */
export function made(what: string, ...methods: string[]): Check {
  return where<Record<string, unknown> | null>('object', `${what} with ${methods.join(', ')}`, (object) =>
    methods.every((method) => typeof object?.[method] === 'function'),
  );
}

/** Anything that can be gone through, but a string: of one URL, say, its letters are never meant. */
export function iterable(label: string, value: unknown): void {
  if (typeof value === 'string' || typeof (Object(value) as Partial<Iterable<unknown>>)[Symbol.iterator] !== 'function')
    throw new TypeError(`${label} must be iterable, such as an array, got ${shown(value)}`);
}

/** One of a few words. */
export function oneOf(...words: string[]): Check {
  return where<string>('string', words.map(shown).join(' or '), (word) => words.includes(word));
}

/**
 * The options themselves, once it is sure that each has a known name and, unless it is `undefined`, passes its check.
 *
 * @throws {TypeError} for anything but an object, and for an unknown name: the message suggests the nearest known one, and
 * lists all by name, for it may be another that is missing
 */
export function checked<O extends object>(
  factory: string,
  options: O,
  checks: { readonly [Name in keyof O]-?: Check },
): O {
  object(`${factory}: options`, options);
  const names = Object.keys(checks) as (keyof O & string)[];
  for (const name of Object.keys(options)) {
    if (Object.hasOwn(checks, name)) continue;
    names.sort((a, b) => distance(name, a) - distance(name, b));
    throw new TypeError(
      `${factory}: unknown option "${name}"; did you mean "${names[0]}"? Known: ${names.sort().join(', ')}`,
    );
  }
  for (const name of names) if (options[name] !== undefined) checks[name](`${factory}: ${name}`, options[name]);
  return options;
}

/** The options of a part, with defaults where they are missing or `undefined`. */
export function filled<O extends object, D extends object>(options: O | undefined, defaults: D): O & D {
  const said = Object.entries(options ?? {}).filter(([, value]) => value !== undefined);
  return { ...defaults, ...Object.fromEntries(said) } as O & D;
}

/** How many letters of each are not in the other; none where one was cut short, as `max` for `maxEntries`. */
function distance(a: string, b: string): number {
  return b.startsWith(a) ? 0 : lacking(a, b) + lacking(b, a);
}

function lacking(a: string, b: string): number {
  return [...a].filter((letter) => !b.includes(letter)).length;
}
