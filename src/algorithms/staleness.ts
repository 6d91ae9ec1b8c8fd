import type { Milliseconds } from '../core/policy.ts';

/** What is known of a copy of the data. */
export interface Copy {
  /** The time of the last write it has, on the clock of whoever takes the writes. */
  readonly written: Milliseconds;
  /** When that was asked, on the asker's clock. */
  readonly seen: Milliseconds;
}

/**
 * How far a replica is behind its primary, at most: by the writes it has, and by what the primary may have written since it
 * was asked, one `interval` between questions. (MongoDB, "Max Staleness" specification.)
 */
export function staleness(replica: Copy, primary: Copy, interval: Milliseconds): Milliseconds {
  return replica.seen - replica.written - (primary.seen - primary.written) + interval;
}

/** The same where no primary is known: how far it is behind the freshest replica. */
export function stalenessAmong(written: Milliseconds, freshest: Milliseconds, interval: Milliseconds): Milliseconds {
  return freshest - written + interval;
}
