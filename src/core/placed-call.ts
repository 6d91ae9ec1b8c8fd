import { isRejection } from './errors.ts';
import type { Verdict } from './outcome.ts';
import type { Context, Milliseconds } from './policy.ts';
import type { Endpoint, Target } from './router.ts';
import { type Host, Visit } from './visit.ts';

/** An endpoint as its balancer keeps it. Users are given this very object, so it has nothing of which they are not told. */
export interface Place<T extends Target> extends Endpoint<T> {
  weight: number;
  pending: number;
  state: Endpoint['state'];
}

/** Who sends calls to endpoints. */
export interface PlacingHost<T extends Target> extends Host {
  told(place: Place<T>, verdict: Verdict, elapsed: Milliseconds, now: Milliseconds, turnedAway: boolean): void;
  /** The last call to an endpoint that is draining has ended. */
  drained(place: Place<T>): void;
}

/** A call to an endpoint. */
export class PlacedCall<T extends Target> extends Visit {
  private readonly place: Place<T>;
  private readonly tried: Set<string> | undefined;
  private readonly places: PlacingHost<T>;

  constructor(
    host: PlacingHost<T>,
    context: Context,
    began: Milliseconds,
    place: Place<T>,
    tried: Set<string> | undefined,
  ) {
    super(host, context, began);
    this.place = place;
    this.tried = tried;
    this.places = host;
    place.pending++;
  }

  protected override judge(verdict: Verdict, elapsed: Milliseconds, now: Milliseconds): void {
    const { outcome } = this;
    // Who has answered need not be avoided by what else the same execution does.
    if (verdict === 'success') this.tried?.delete(this.place.target.name);
    this.places.told(this.place, verdict, elapsed, now, outcome?.ok === false && isRejection(outcome.error));
  }

  protected override leave(): void {
    const { place } = this;
    if (--place.pending === 0 && place.state === 'draining') this.places.drained(place);
  }
}
