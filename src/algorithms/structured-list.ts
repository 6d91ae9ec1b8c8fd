import { shown, typed } from '../core/options.ts';

/** A value of a structured field. Bytes and texts for display are left in the form in which they are sent. */
export interface BareItem {
  readonly type: 'integer' | 'decimal' | 'string' | 'token' | 'bytes' | 'boolean' | 'date' | 'display';
  readonly value: string;
}

export interface ListItem extends BareItem {
  /** By key. Of several with one key the last counts. */
  readonly parameters: ReadonlyMap<string, BareItem>;
}

/** What each type looks like; the group is its value. Nothing in them can be read in two ways, so they take linear time. */
const forms: Readonly<Record<BareItem['type'], RegExp>> = {
  integer: /(-?\d{1,15})(?![\d.])/y,
  decimal: /(-?\d{1,12}\.\d{1,3})(?!\d)/y,
  string: /"((?:[ !#-[\]-~]|\\["\\])*)"/y,
  token: /([A-Za-z*][\w!#$%&'*+.^`|~:/-]*)/y,
  bytes: /:([A-Za-z\d+/]*={0,2}):/y,
  boolean: /\?([01])/y,
  date: /@(-?\d{1,15})(?![\d.])/y,
  display: /%"((?:[ !#$&-~]|%[\da-f]{2})*)"/y,
};

const key = /([a-z*][a-z\d_.*-]*)/y;

/**
 * The members of a list as HTTP's structured fields write them: `"a";q=1, "b"`. `undefined` where anything in it is
 * malformed: such a field is ignored as a whole. So is one with an inner list, of which no field read here may have any.
 *
 * Source: RFC 9651, section 4.2.1.
 */
export function parseList(text: string): ListItem[] | undefined {
  const items: ListItem[] = [];
  let at = 0;
  skip(/ */y);
  if (at === text.length) return items;
  for (;;) {
    const item = bareItem();
    if (item === undefined) return undefined;
    const parameters = new Map<string, BareItem>();
    while (skip(/; */y)) {
      const name = read(key);
      const value =
        name === undefined ? undefined : skip(/=/y) ? bareItem() : ({ type: 'boolean', value: '1' } as const);
      if (name === undefined || value === undefined) return undefined;
      parameters.set(name, value);
    }
    items.push({ ...item, parameters });
    skip(/[ \t]*/y);
    if (at === text.length) return items;
    if (!skip(/,[ \t]*/y)) return undefined;
  }

  function bareItem(): BareItem | undefined {
    for (const type of Object.keys(forms) as BareItem['type'][]) {
      const value = read(forms[type]);
      if (value !== undefined) return { type, value: type === 'string' ? value.replace(/\\(.)/g, '$1') : value };
    }
    return undefined;
  }

  function read(form: RegExp): string | undefined {
    form.lastIndex = at;
    const match = form.exec(text);
    if (match === null) return undefined;
    at = form.lastIndex;
    return match[1] ?? '';
  }

  function skip(what: RegExp): boolean {
    return read(what) !== undefined;
  }
}

/** @throws {TypeError | RangeError} for what no string of a structured field can hold */
export function quoted(label: string, text: string): string {
  typed('string')(label, text);
  if (!/^[ -~]*$/.test(text)) throw new RangeError(`${label} must be printable ASCII, got ${shown(text)}`);
  return `"${text.replace(/["\\]/g, '\\$&')}"`;
}
