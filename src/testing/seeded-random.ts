import type { Random } from '../core/random.ts';

/**
 * Chance that repeats: the same seed gives the same numbers, on every machine and in every run. Two generators share
 * nothing. For tests and simulations, not for secrets.
 *
 * sfc32 (Chris Doty-Humphrey, PractRand, 2010), seeded as there: the seed in two words, the counter at 1, twelve rounds
 * thrown away. Each number takes two rounds, for 53 random bits.
 *
 * @throws {RangeError} for a seed that is not a safe integer
 */
export function seededRandom(seed: number): Random {
  if (!Number.isSafeInteger(seed)) throw new RangeError(`seededRandom: seed must be a safe integer, got ${seed}`);
  let a = 0;
  let b = seed | 0;
  let c = Math.floor(seed / 2 ** 32) | 0;
  let counter = 1;
  for (let round = 0; round < 12; round++) word();
  return () => ((word() >>> 5) * 2 ** 26 + (word() >>> 6)) / 2 ** 53;

  function word(): number {
    const result = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + result) | 0;
    return result;
  }
}
