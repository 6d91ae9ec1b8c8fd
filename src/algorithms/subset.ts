import { checked, integer, shown } from '../core/options.ts';

/**
 * Deals each client its own few of many targets, so that it keeps few connections, and each target still gets as many
 * clients as any other. Clients are numbered 0, 1, 2 …; the same number and the same targets, in the same order, give
 * the same subset. All of them where there are no more than `size`.
 *
 * Clients come in rounds: those of one round share out the targets, shuffled for that round, among themselves. Where
 * `size` does not divide their number, those left over differ from round to round. (Beyer et al., *Site Reliability
 * Engineering*, 2016, chapter 20: deterministic subsetting.)
 *
 * @throws {RangeError | TypeError} for targets in no array, and for options out of range, or unknown
 */
export function subset<T>(targets: readonly T[], options: { client: number; size: number }): T[] {
  const checks = { client: integer(0, Number.MAX_SAFE_INTEGER), size: integer(1, Number.MAX_SAFE_INTEGER) };
  const { client, size } = checked('subset', options, checks);
  checks.client('subset: client', client);
  checks.size('subset: size', size);
  if (!Array.isArray(targets)) throw new TypeError(`subset: targets must be an array, got ${shown(targets)}`);
  const shares = Math.floor(targets.length / size);
  if (shares < 1 || targets.length === size) return [...targets];
  const shuffled = [...targets];
  const word = wordsOf(Math.floor(client / shares));
  for (let left = shuffled.length; left > 1; left--) {
    const at = word() % left;
    [shuffled[left - 1], shuffled[at]] = [shuffled[at] as T, shuffled[left - 1] as T];
  }
  const first = (client % shares) * size;
  return shuffled.slice(first, first + size);
}

/** Words of 32 bits that follow from a number alone: SplitMix32, after Steele, Lea and Flood, OOPSLA 2014. */
function wordsOf(seed: number): () => number {
  let state = (seed ^ Math.floor(seed / 2 ** 32)) | 0;
  return () => {
    state = (state + 0x9e3779b9) | 0;
    let word = state ^ (state >>> 16);
    word = Math.imul(word, 0x21f0aaad);
    word = Math.imul(word ^ (word >>> 15), 0x735a2d97);
    return (word ^ (word >>> 15)) >>> 0;
  };
}
