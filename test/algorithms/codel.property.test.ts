import assert from 'node:assert/strict';
import fc from 'fast-check';
import { test } from 'vitest';
import { codel } from '../../src/algorithms/codel.ts';
import { follyCodel } from '../../src/algorithms/folly-codel.ts';

interface Packet {
  readonly id: number;
  readonly enqueued: number;
}

/** A queue that drops as section 5 of RFC 8289 describes it, with its loop and its zeros; no packet is the last. */
class RfcQueue {
  readonly queue: Packet[] = [];
  readonly dropped: number[] = [];
  firstAbove = 0;
  dropNext = 0;
  count = 0;
  lastCount = 0;
  dropping = false;
  readonly target: number;
  readonly interval: number;

  constructor(target: number, interval: number) {
    this.target = target;
    this.interval = interval;
  }

  #do(now: number): { packet: Packet | undefined; ok: boolean } {
    const packet = this.queue.shift();
    if (packet === undefined || now - packet.enqueued < this.target) {
      this.firstAbove = 0;
      return { packet, ok: false };
    }
    if (this.firstAbove === 0) {
      this.firstAbove = now + this.interval;
      return { packet, ok: false };
    }
    return { packet, ok: now >= this.firstAbove };
  }

  dequeue(now: number): number | undefined {
    let { packet, ok } = this.#do(now);
    if (this.dropping) {
      if (!ok) this.dropping = false;
      while (now >= this.dropNext && this.dropping) {
        this.dropped.push(packet!.id);
        this.count++;
        ({ packet, ok } = this.#do(now));
        if (!ok) this.dropping = false;
        else this.dropNext += this.interval / Math.sqrt(this.count);
      }
    } else if (ok) {
      this.dropped.push(packet!.id);
      ({ packet } = this.#do(now));
      this.dropping = true;
      const delta = this.count - this.lastCount;
      this.count = delta > 1 && now - this.dropNext < 16 * this.interval ? delta : 1;
      this.dropNext = now + this.interval / Math.sqrt(this.count);
      this.lastCount = this.count;
    }
    return packet?.id;
  }
}

const step = fc.record({ pass: fc.integer({ min: 0, max: 60 }), come: fc.integer({ min: 0, max: 6 }), go: fc.nat(4) });

test('sheds in any history what the queue of RFC 8289 drops', () => {
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 300 }),
      fc.constantFrom([5, 100], [20, 50]),
      (steps, [target, interval]) => {
        const model = new RfcQueue(target!, interval!);
        const detector = codel({ target, interval });
        const queue: Packet[] = [];
        const dropped: number[] = [];
        // Not 0, which stands for no time in the RFC.
        let now = 1;
        let id = 0;
        for (const { pass, come, go } of steps) {
          now += pass;
          for (let i = 0; i < come; i++, id++) for (const to of [queue, model.queue]) to.push({ id, enqueued: now });
          for (let i = 0; i < go; i++) {
            const expected = model.dequeue(now);
            let got = queue.shift();
            while (detector.shouldShed(now, got === undefined ? 0 : now - got.enqueued)) {
              dropped.push(got!.id);
              got = queue.shift();
            }
            assert.equal(got?.id, expected);
          }
          assert.deepEqual(dropped, model.dropped);
        }
      },
    ),
  );
});

test('folly’s variant sheds only where the interval before stayed above target, and waits of more than twice that', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.integer({ min: 0, max: 60 }), fc.integer({ min: 0, max: 30 }))), (calls) => {
      const detector = follyCodel();
      /** Those of each interval, in order: a new one begins with the first call after the last has ended. */
      const intervals: number[][] = [];
      let until = -Infinity;
      let now = 0;
      for (const [pass, delay] of calls) {
        now += pass;
        const begins = intervals.length === 0 || now > until;
        if (begins) {
          if (intervals.length > 0) until = now + 100;
          intervals.push([]);
        }
        const before = intervals.at(-2);
        const overloaded = before !== undefined && Math.min(...before) > 5;
        assert.equal(detector.shouldShed(now, delay), !begins && overloaded && delay > 10);
        assert.equal(detector.overloaded, overloaded);
        intervals.at(-1)?.push(delay);
      }
    }),
  );
});
