/**
 * Up or down by what consecutive checks say: `fall` failures in a row take it down, `rise` successes in a row bring it up
 * again, and a result of the other kind begins the count anew. Up at first.
 *
 * HAProxy, *Configuration Manual*: rise, fall.
 */
export class RiseFall {
  up = true;
  private readonly rise: number;
  private readonly fall: number;
  /** Results in a row that speak for a change. */
  private against = 0;

  constructor(rise: number, fall: number) {
    this.rise = rise;
    this.fall = fall;
  }

  /** @returns whether it is up now */
  check(passed: boolean): boolean {
    if (passed === this.up) this.against = 0;
    else if (++this.against >= (this.up ? this.fall : this.rise)) {
      this.up = passed;
      this.against = 0;
    }
    return this.up;
  }
}
