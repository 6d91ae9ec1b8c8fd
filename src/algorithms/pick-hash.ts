import type { Endpoint, Picker, Target } from '../core/router.ts';
import { HashRing } from './hash-ring.ts';
import { anywhere } from './pick.ts';

/**
 * Picks by the key of `forKey`: calls about one key go to one target, in every process that knows the same targets, and
 * when a target goes only its own keys go elsewhere: to the next on the ring, and back when it is well again. A weight is
 * a share of the keys, up to 1,000; a slow start changes none. A call without a key goes anywhere.
 *
 * The ring is that of `HashRing`.
 */
export function consistentHash(): Picker {
  const ring = new HashRing();
  return {
    pick(eligible, call) {
      if (call.key === undefined) return eligible[anywhere(call, eligible.length)] as (typeof eligible)[0];
      place(ring, eligible);
      // Those on the ring that are not eligible are walked past, as if they were not there.
      for (let count = 1; ; count *= 2) {
        for (const name of ring.owners(call.key, count)) {
          const found = eligible.find(({ target }) => target.name === name);
          if (found !== undefined) return found;
        }
        // Two names of one hash have one point: the second one is never come to.
        if (count >= ring.size) return eligible[0] as (typeof eligible)[0];
      }
    },
  };
}

/** Puts all of them on the ring. Who was there stays: it may only be ill, or just have been tried. */
function place<T extends Target>(ring: HashRing, eligible: readonly Endpoint<T>[]): void {
  for (const { target } of eligible) {
    if (!ring.has(target.name)) ring.add({ name: target.name, weight: target.weight ?? 1 });
  }
  if (ring.size <= 2 * eligible.length + 2) return;
  // Where most are not eligible, they are rather gone for good.
  const names = new Set(eligible.map(({ target }) => target.name));
  for (const name of [...ring]) if (!names.has(name)) ring.remove(name);
}
