import type { Milliseconds } from '../core/policy.ts';
import type { Picker } from '../core/router.ts';

/** Who has asked to be left alone, and until when. */
export class Rests {
  private readonly ends: Map<string, Milliseconds> = new Map();
  private readonly longest: Milliseconds;

  /** @param longest the most that one can be left alone for */
  constructor(longest: Milliseconds) {
    this.longest = longest;
  }

  rest(name: string, duration: Milliseconds, now: Milliseconds): void {
    this.ends.set(name, now + Math.min(duration, this.longest));
  }

  /** How long it is to be left alone yet; 0 where it has not asked for that. */
  left(name: string, now: Milliseconds): Milliseconds {
    let end = this.ends.get(name) ?? now;
    // After a step back of the clock nobody is left alone for longer than the most from then on.
    if (end - now > this.longest) this.ends.set(name, (end = now + this.longest));
    if (end > now) return end - now;
    this.ends.delete(name);
    return 0;
  }

  forget(name: string): void {
    this.ends.delete(name);
  }

  /** The same picker, but for those who are to be left alone: they are picked only where there is nobody else. */
  sparing(picker: Picker): Picker {
    return {
      pick: (eligible, call) => {
        if (this.ends.size === 0) return picker.pick(eligible, call);
        const awake = eligible.filter(({ target }) => this.left(target.name, call.now) === 0);
        return picker.pick(awake.length > 0 ? awake : eligible, call);
      },
      settled: (endpoint, verdict, elapsed, now) => picker.settled?.(endpoint, verdict, elapsed, now),
    };
  }
}
