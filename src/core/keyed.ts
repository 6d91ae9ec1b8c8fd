import type { Policy } from './policy.ts';

/** A policy for each key: the same key gives the same policy for as long as there is something to remember about it. */
export interface Keyed<Key = string, Added = never> {
  for(key: Key): Policy<Added>;
}
