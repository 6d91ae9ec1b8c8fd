import { isRejection } from './errors.ts';
import type { Verdict } from './outcome.ts';
import type { Context, Milliseconds } from './policy.ts';
import type { Endpoint, Target } from './router.ts';
import { type Host, Visit } from './visit.ts';

/** An endpoint, and who waits for it to be drained. */
export class Place<T extends Target> implements Endpoint<T> {
  readonly target: T;
  weight: number;
  pending = 0;
  state: Endpoint['state'] = 'up';
  /** When it came, or came back; `-Infinity` if it was there from the start. */
  since: Milliseconds;
  drained: (() => void)[] = [];

  constructor(target: T, since: Milliseconds) {
    this.target = target;
    this.weight = target.weight ?? 1;
    this.since = since;
  }
}

/** A call to an endpoint. */
export class PlacedCall<T extends Target> extends Visit {
  private readonly place: Place<T>;
  private readonly tried: Set<string> | undefined;
  private readonly told: (
    place: Place<T>,
    verdict: Verdict,
    elapsed: Milliseconds,
    now: Milliseconds,
    turnedAway: boolean,
  ) => void;

  constructor(
    host: Host & { readonly told: PlacedCall<T>['told'] },
    context: Context,
    began: Milliseconds,
    place: Place<T>,
    tried: Set<string> | undefined,
  ) {
    super(host, context, began);
    this.place = place;
    this.tried = tried;
    this.told = host.told;
    place.pending++;
  }

  protected override judge(verdict: Verdict, elapsed: Milliseconds, now: Milliseconds): void {
    const { outcome } = this;
    // Who has answered need not be avoided by what else the same execution does.
    if (verdict === 'success') this.tried?.delete(this.place.target.name);
    this.told(this.place, verdict, elapsed, now, outcome?.ok === false && isRejection(outcome.error));
  }

  protected override leave(): void {
    const { place } = this;
    if (--place.pending > 0) return;
    for (const drained of place.drained.splice(0)) drained();
  }
}
