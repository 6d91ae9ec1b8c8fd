/**
 * Tells who of several is better than the current one by more than chance, from what each has scored in one epoch after the
 * other. What is past fades by a factor an epoch, and so do the squares of the differences, from which follows what chance
 * can do: `lead > deviations · √Σd² + least · Σ accesses`. A lead in each of a few epochs is enough, however small it is; one
 * that comes and goes with bursts never is.
 */
export class Contest {
  private readonly fading: number;
  private readonly deviations: number;
  private readonly least: number;
  private readonly scores: Float64Array;
  /** Of each against each. */
  private readonly squares: Float64Array;
  /** Faded like the scores. */
  accesses: number = 0;

  constructor(count: number, options: { fading: number; deviations: number; least: number }) {
    this.fading = options.fading;
    this.deviations = options.deviations;
    this.least = options.least;
    this.scores = new Float64Array(count);
    this.squares = new Float64Array(count ** 2);
  }

  add(hits: Float64Array, accesses: number): void {
    const { scores, squares, fading } = this;
    const count = scores.length;
    for (let i = 0; i < count; i++) {
      scores[i] = (scores[i] as number) * fading + (hits[i] as number);
      for (let j = 0; j < count; j++) {
        const difference = (hits[i] as number) - (hits[j] as number);
        squares[i * count + j] = (squares[i * count + j] as number) * fading + difference ** 2;
      }
    }
    this.accesses = this.accesses * fading + accesses;
  }

  /** @returns who is surely better than the current one, or that one itself */
  winner(current: number): number {
    const { scores } = this;
    const best = scores.indexOf(Math.max(...scores));
    const lead = (scores[best] as number) - (scores[current] as number);
    const chance = Math.sqrt(this.squares[best * scores.length + current] as number);
    return lead > this.deviations * chance + this.least * this.accesses ? best : current;
  }

  score(i: number): number {
    return this.scores[i] as number;
  }

  /** @returns who has scored most, this one apart */
  bestBut(current: number): number {
    const { scores } = this;
    return scores.indexOf(Math.max(...scores.filter((_, i) => i !== current)));
  }

  /** Knows from now on what the other does, and nothing else. */
  become(other: Contest): void {
    this.scores.set(other.scores);
    this.squares.set(other.squares);
    this.accesses = other.accesses;
  }

  clear(): void {
    this.scores.fill(0);
    this.squares.fill(0);
    this.accesses = 0;
  }
}
