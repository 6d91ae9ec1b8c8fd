/** How far at least a rate has to fall, after how many rounds that can be told, and how they fade. */
const least = 0.05;
const leastRounds = 4;
const fading = 0.9;

/** Tells from a rate in one round after the other when it has fallen by more than it varies. */
export class Fall {
  /** Faded: how many rounds, the sum of their rates, of the squares of these. */
  private count: number = 0;
  private sum: number = 0;
  private squares: number = 0;

  private readonly deviations: number;

  constructor(deviations: number) {
    this.deviations = deviations;
  }

  /** @param rate of one more round, 0 to 1. @returns whether it is below those before by more than the deviations and 5 % */
  add(rate: number): boolean {
    const { count, sum, squares } = this;
    const mean = sum / count;
    const deviation = Math.sqrt(Math.max(squares / count - mean ** 2, 0));
    this.count = count * fading + 1;
    this.sum = sum * fading + rate;
    this.squares = squares * fading + rate ** 2;
    return count > leastRounds && rate < mean - this.deviations * deviation - least;
  }
}
