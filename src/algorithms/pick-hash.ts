import { positive } from '../core/options.ts';
import type { Endpoint, Picker, Target } from '../core/router.ts';
import { HashRing } from './hash-ring.ts';
import { anywhere } from './pick.ts';

/** After how many calls about a key those are taken off the ring that none of them could go to. */
const lap = 128;
/** To change a ring by so many nodes, one by one, takes as long as to make it anew. */
const many = 5;

/** More points than that a node cannot have on the ring. */
const share = /* @__PURE__ */ positive(819);

/** A node of the ring. */
interface Seat {
  readonly name: string;
  weight: number;
  /** The last lap in which it was eligible. */
  lap: number;
}

/**
 * Picks by the key of `forKey`: calls about one key go to one target, in every process that knows the same targets, and
 * when a target goes only its own keys go elsewhere: to the next on the ring, and back when it is well again. A weight is
 * a share of the keys, up to 819; a slow start changes none. A call without a key goes anywhere.
 *
 * The ring is that of `HashRing`, and takes some 25 kB for each unit of weight.
 *
 * @throws {RangeError} from calls about a key, while a weight is above that
 */
export function consistentHash(): Picker {
  let ring = new HashRing();
  const seats = new Map<string, Seat>();
  let picks = 0;
  return {
    pick(eligible, call) {
      if (call.key === undefined) return eligible[anywhere(call, eligible.length)] as (typeof eligible)[0];
      place(eligible);
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

  /** Puts all of them on the ring. Who was there stays for a while: it may only be ill, have been tried, or not be drawn. */
  function place<T extends Target>(eligible: readonly Endpoint<T>[]): void {
    const now = Math.floor(picks++ / lap);
    const fresh: Seat[] = [];
    for (const { target } of eligible) {
      const { name, weight = 1 } = target;
      const seat = seats.get(name);
      if (seat?.weight !== weight) share('consistentHash: weight', weight);
      if (seat === undefined) {
        fresh.push({ name, weight, lap: now });
        continue;
      }
      if (seat.weight !== weight) {
        // It was removed, and added with another weight.
        ring.reweigh(name, weight);
        seat.weight = weight;
      }
      seat.lap = now;
    }
    for (const seat of fresh) seats.set(seat.name, seat);
    change(fresh, (seat) => ring.add(seat));
    if (picks % lap !== 0 || seats.size <= 2 * eligible.length + 2) return;
    // Where most are not eligible, those who were not for long are rather gone for good.
    const gone = [...seats.values()].filter((seat) => seat.lap < now);
    for (const { name } of gone) seats.delete(name);
    change(gone, ({ name }) => ring.remove(name));
  }

  function change(of: readonly Seat[], one: (seat: Seat) => void): void {
    if (of.length < many) for (const seat of of) one(seat);
    else ring = new HashRing({ nodes: seats.values() });
  }
}
