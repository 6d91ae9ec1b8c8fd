/** Marsaglia's xorshift of 32 bits, from 0 up to, not including, 1. */
export function xorshift(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

/** A source of keys: one for each call. */
export type Keys = () => number;

/** Ranks from 0 on, the chance of rank r being 1 ÷ (r + 1) ** exponent. */
export function zipf(exponent: number, keys: number, random: () => number): Keys {
  const sums = new Float64Array(keys);
  let sum = 0;
  for (let rank = 0; rank < keys; rank++) sums[rank] = sum += (rank + 1) ** -exponent;
  return () => {
    const drawn = random() * sum;
    let low = 0;
    let high = keys - 1;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((sums[middle] as number) > drawn) high = middle;
      else low = middle + 1;
    }
    return low;
  };
}

export function loop(keys: number): Keys {
  let key = -1;
  return () => (key = (key + 1) % keys);
}

/** One access in five is a new key; the others go back from the newest by an exponential distance. */
export function recency(mean: number, random: () => number): Keys {
  let newest = 0;
  return () => {
    if (random() < 0.2) return ++newest;
    return Math.max(0, newest - Math.floor(-mean * Math.log(1 - random())));
  };
}

function scans(): Keys {
  const hot = zipf(0.9, 50_000, xorshift(42));
  let turn = -1;
  let fresh = 50_000;
  return () => (++turn % 250_000 < 200_000 ? hot() : fresh++);
}

function shifts(): Keys {
  const ranks = zipf(0.9, 50_000, xorshift(42));
  let turn = -1;
  return () => (ranks() + 10_000 * Math.floor(++turn / 100_000)) % 50_000;
}

function beside(): Keys {
  const random = xorshift(42);
  const hot = zipf(0.8, 50_000, random);
  const cold = loop(10_000);
  return () => (random() < 0.5 ? hot() : 50_000 + cold());
}

const million = 1_000_000;

/** Each with its number of accesses. */
export const generators: Readonly<Record<string, readonly [accesses: number, keys: () => Keys]>> = {
  ...Object.fromEntries(
    [0.7, 0.8, 0.9, 1, 1.1, 1.2].map((s) => [
      `zipf-${s.toFixed(1)}`,
      [million, () => zipf(s, 100_000, xorshift(42))] as const,
    ]),
  ),
  'zipf-scan': [1_250_000, scans],
  'zipf-shift': [million, shifts],
  'loop-20k': [million, () => loop(20_000)],
  'zipf-loop': [million, beside],
  recency: [million, () => recency(5_000, xorshift(42))],
};
