import assert from 'node:assert/strict';
import fc from 'fast-check';
import { test } from 'vitest';
import { codel } from '../../src/algorithms/codel.ts';
import { follyCodel } from '../../src/algorithms/folly-codel.ts';
import { type OverloadDetector, Place, type ShedOrder, ShedQueue } from '../../src/algorithms/shed-queue.ts';

class Caller extends Place {
  readonly id: number;

  readonly deadline: number;

  constructor(id: number, priority: number, arrived: number, due: number, deadline: number) {
    super(priority, arrived, due);
    this.deadline = deadline;
    this.id = id;
  }
}

/** The line as one would explain it: a list in order of arrival, looked through from end to end. */
class Model {
  waiting: Caller[] = [];
  readonly log: string[] = [];
  readonly maxQueued: number;
  readonly order: ShedOrder;
  readonly detector: OverloadDetector;

  constructor(maxQueued: number, order: ShedOrder, detector: OverloadDetector) {
    this.maxQueued = maxQueued;
    this.order = order;
    this.detector = detector;
  }

  get due(): number {
    return Math.min(...this.waiting.map(({ due }) => due));
  }

  drop(caller: Caller, reason: string): void {
    this.leave(caller);
    this.log.push(`${caller.id} ${reason}`);
  }

  leave(caller: Caller): void {
    this.waiting = this.waiting.filter((one) => one !== caller);
  }

  expire(now: number): void {
    const expired = this.waiting.filter(({ due }) => due <= now);
    for (const caller of expired.sort((a, b) => a.due - b.due)) this.drop(caller, 'expired');
  }

  /** Of the highest, or the lowest, priority: in order of arrival. */
  those(which: 'highest' | 'lowest'): Caller[] {
    const priorities = this.waiting.map(({ priority }) => priority);
    const wanted = which === 'highest' ? Math.max(...priorities) : Math.min(...priorities);
    return this.waiting.filter(({ priority }) => priority === wanted);
  }

  join(caller: Caller, now: number): void {
    if (this.waiting.length >= this.maxQueued) this.expire(now);
    const lowest = this.those('lowest')[0];
    if (this.waiting.length < this.maxQueued) this.waiting.push(caller);
    else if (lowest !== undefined && lowest.priority < caller.priority) {
      this.waiting.push(caller);
      this.drop(lowest, 'full');
    } else this.log.push(`${caller.id} no room`);
  }

  take(now: number): void {
    this.expire(now);
    while (this.waiting.length > 0) {
      const delay = Math.max(...this.waiting.map(({ arrived }) => now - arrived));
      if (this.detector.shouldShed(now, delay)) {
        this.drop(this.those('lowest')[0]!, 'overloaded');
        continue;
      }
      const newest = this.order === 'lifo' || (this.order === 'adaptive' && this.detector.overloaded);
      const next = this.those('highest').at(newest ? -1 : 0)!;
      if (next.deadline > now) {
        this.leave(next);
        this.log.push(`${next.id} in`);
        return;
      }
      this.drop(next, 'expired');
    }
  }
}

const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      priority: fc.constantFrom(0, 0, 1, -1, 0.5, Infinity),
      within: fc.option(fc.integer({ min: 1, max: 200 })),
      enforced: fc.boolean(),
    }),
  },
  { weight: 5, arbitrary: fc.record({ take: fc.integer({ min: 1, max: 3 }) }) },
  { weight: 1, arbitrary: fc.record({ leave: fc.nat() }) },
  { weight: 1, arbitrary: fc.constant('expire' as const) },
  { weight: 4, arbitrary: fc.record({ pass: fc.integer({ min: 0, max: 40 }) }) },
);

test('does in any history what an obvious line would: order, classes, deadlines, who is given up [76]', () => {
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 200 }),
      fc.constantFrom<ShedOrder>('adaptive', 'fifo', 'lifo'),
      fc.constantFrom(codel, follyCodel),
      fc.constantFrom(0, 3, 20, Infinity),
      (steps, order, detector, maxQueued) => {
        const options = { target: 5, interval: 20 };
        const model = new Model(maxQueued, order, detector(options));
        const log: string[] = [];
        const queue = new ShedQueue<Caller>({
          maxQueued,
          order,
          detector: detector(options),
          dropped: ({ id }, reason) => log.push(`${id} ${reason}`),
        });
        let now = 0;
        let id = 0;
        for (const each of steps) {
          if (each === 'expire') {
            queue.expire(now);
            model.expire(now);
          } else if ('priority' in each) {
            // Off the grid of whole milliseconds: no deadline coincides with another.
            const deadline = each.within === null ? Infinity : now + each.within + ++id / 1_024;
            const caller = new Caller(++id, each.priority, now, each.enforced ? Infinity : deadline, deadline);
            if (queue.hasRoom(caller.priority, now)) queue.join(caller);
            else log.push(`${caller.id} no room`);
            model.join(caller, now);
          } else if ('take' in each) {
            for (let i = 0; i < each.take; i++) {
              const taken = queue.take(now);
              if (taken !== undefined) {
                log.push(`${taken.id} in`);
                assert.ok(taken.deadline > now && taken.due > now);
              }
              model.take(now);
            }
          } else if ('leave' in each) {
            const caller = model.waiting[each.leave % model.waiting.length];
            if (caller === undefined) continue;
            queue.leave(caller);
            model.leave(caller);
          } else now += each.pass;
          assert.deepEqual(log, model.log);
          assert.equal(queue.length, model.waiting.length);
          assert.equal(queue.due, model.due);
          assert.ok(queue.length <= maxQueued);
        }
      },
    ),
  );
});
