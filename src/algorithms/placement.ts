/** What is placed: text, hashed as UTF-8, or bytes. */
export type PlacementKey = string | Uint8Array;

/** Where keys go: a name of its own and, where nodes differ, what share of the keys it takes. */
export type PlacementNode =
  | string
  | {
      name: string;
      /** Its share of the keys in proportion to the others': any number above 0. Default 1. */
      weight?: number;
      /** Part of what the ketama schemes hash; the others leave it unread. Default 11211. */
      port?: number;
    };

/** Says which node has which key, the same in every process that knows the same nodes. Iterates their names, as added. */
export interface Placement extends Iterable<string> {
  /** @throws {NoTargetError} where there are no nodes */
  owner(key: PlacementKey): string;
  /** As many distinct nodes, the owner first; fewer where there are fewer. More of them begin with the same. */
  owners(key: PlacementKey, count: number): string[];
  /** @throws {RangeError} for a name that is there already */
  add(node: PlacementNode): void;
  /** @returns whether it was there */
  remove(name: string): boolean;
  /** @throws {RangeError} for a name that is not there */
  reweigh(name: string, weight: number): void;
  has(name: string): boolean;
  readonly size: number;
  /** What it is now, for good: a change of the original does not reach it, and its own are a TypeError. */
  snapshot(): Placement;
}
