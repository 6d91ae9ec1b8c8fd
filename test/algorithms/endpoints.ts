import type { Endpoint, Target } from '../../src/core/router.ts';

export type MutableEndpoint = { -readonly [Name in keyof Endpoint]: Endpoint[Name] } & { target: Target };

/** So many endpoints: of weight 1, with no calls, and up, but for what is said of them. */
export function endpoints(count: number, of: (i: number) => Partial<Endpoint> = () => ({})): MutableEndpoint[] {
  return Array.from({ length: count }, (_, i) => ({
    target: { name: `t${i}` },
    weight: 1,
    pending: 0,
    state: 'up',
    ...of(i),
  }));
}
