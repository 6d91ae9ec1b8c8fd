import { object, shown, typed } from '../core/options.ts';
import type { Target } from '../core/router.ts';

/** One of several that can all answer the same. */
export interface Origin extends Target {
  /** With http or https; what is asked of it is put behind its path, where it has one. */
  readonly url: string | URL;
}

/** An origin as it is given: its URL alone will do. Default name: that URL, without a slash at its end. */
export type OriginOption = string | URL | (Omit<Origin, 'name'> & { readonly name?: string });

/** @throws {RangeError | TypeError} for one that is none */
export function originOf(label: string, option: OriginOption): Origin {
  const given = typeof option === 'string' || option instanceof URL ? { url: option } : option;
  object(label, given);
  const { url, name, zone } = given as Partial<Origin>;
  httpUrl(`${label}: url`, url);
  if (name !== undefined) typed('string')(`${label}: name`, name);
  if (zone !== undefined) typed('string')(`${label}: zone`, zone);
  return name === undefined ? { ...given, name: at(given, '') } : (given as Origin);
}

/** Where a path, which begins with a slash, is at an origin. */
export function at({ url }: Pick<Origin, 'url'>, path: string): string {
  const { origin, pathname } = new URL(url);
  return origin + pathname.replace(/\/$/, '') + path;
}

/** The URL of a server, or of what begins at a path there. */
export function httpUrl(label: string, value: unknown): void {
  const url = String(value);
  const { protocol = '', username, password, search, hash }: Partial<URL> = URL.canParse(url) ? new URL(url) : {};
  if (!/^https?:$/.test(protocol) || username || password || search || hash)
    throw new RangeError(
      `${label} must be a URL with http or https, without user, query or fragment, got ${shown(url)}`,
    );
}
