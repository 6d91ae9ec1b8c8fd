/** Of what the other scores, a lead counts from this share on; and it has to be so many times what chance can do. */
const least = 0.008;
const deviations = 2.1;
/** So many epochs' accesses are the most that one can be behind. */
const most = 2;

/**
 * Tells who of several is better than the current one by more than chance, from what each scores in one epoch after the
 * other.
 *
 * A lead is a sum of differences that does not fall below a bound, so that what was long ago can be overruled:
 * `lead ← max(lead + d − least · score, −most · accesses)`. What chance can do follows from the squares of the differences
 * since it became a lead: it is sure when `lead > deviations · √Σd²`. So a lead in each of five epochs is enough, however
 * small it is; one that comes and goes with bursts is not.
 *
 * Page, "Continuous inspection schemes", 1954 (a sum that does not fall below a bound); de la Peña, Lai and Shao,
 * "Self-normalized processes", 2009 (a sum against the root of its squares).
 */
export class Contest {
  /** Of each over the current one. */
  private readonly leads: Float64Array;
  private readonly squares: Float64Array;

  constructor(count: number) {
    this.leads = new Float64Array(count);
    this.squares = new Float64Array(count);
  }

  add(scores: Float64Array, current: number, accesses: number): void {
    const { leads, squares } = this;
    const score = scores[current] as number;
    for (let i = 0; i < leads.length; i++) {
      const difference = (scores[i] as number) - score;
      const lead = Math.max((leads[i] as number) + difference - least * score, -most * accesses);
      leads[i] = lead;
      squares[i] = lead > 0 ? (squares[i] as number) + difference ** 2 : 0;
    }
  }

  /** @returns who is surely better than the current one, or that one itself */
  winner(current: number): number {
    const { leads, squares } = this;
    let best = current;
    let largest = 0;
    for (let i = 0; i < leads.length; i++) {
      const lead = leads[i] as number;
      if (lead <= largest || lead <= deviations * Math.sqrt(squares[i] as number)) continue;
      best = i;
      largest = lead;
    }
    return best;
  }

  /** @returns who comes nearest to the current one, or is before it: of several the last */
  next(current: number): number {
    const { leads } = this;
    let best = current === 0 ? 1 : 0;
    for (let i = best + 1; i < leads.length; i++) {
      if (i !== current && (leads[i] as number) >= (leads[best] as number)) best = i;
    }
    return best;
  }

  /** Begins anew, as for another current one. */
  clear(): void {
    this.leads.fill(0);
    this.squares.fill(0);
  }
}
