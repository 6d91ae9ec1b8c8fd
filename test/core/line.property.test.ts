import assert from 'node:assert/strict';
import fc from 'fast-check';
import { test } from 'vitest';
import { RejectedError } from '../../src/core/errors.ts';
import { WaitingLine } from '../../src/core/line.ts';
import { guard } from '../../src/core/pipeline.ts';
import { ManualClock } from '../../src/testing/manual-clock.ts';

interface Waiting {
  readonly id: number;
  readonly cost: number;
  readonly priority: number;
  readonly arrived: number;
  readonly deadline: number;
}

/** The line as one would explain it: an unsorted list, looked through from end to end. */
class Model {
  now = 0;
  free: number;
  waiting: Waiting[] = [];
  readonly log: string[] = [];
  readonly maxWait: number;
  readonly ageing: number;

  constructor(free: number, maxWait: number, ageing: number) {
    this.free = free;
    this.maxWait = maxWait;
    this.ageing = ageing;
  }

  /** Who has the highest priority with his age counted in; of two with the same, who came earlier. */
  before(a: Waiting, b: Waiting): boolean {
    if (a.priority === b.priority || this.ageing === 0) return a.id < b.id;
    if (this.ageing === Infinity) return a.priority > b.priority;
    const effective = ({ priority, arrived }: Waiting): number => priority + (this.now - arrived) / this.ageing;
    return effective(a) > effective(b);
  }

  first(): Waiting | undefined {
    return this.waiting.find((one) => this.waiting.every((other) => other === one || this.before(one, other)));
  }

  join(one: Waiting): void {
    this.waiting.push(one);
    this.admit();
  }

  leave(id: number, why: string): void {
    this.waiting = this.waiting.filter((one) => one.id !== id);
    this.log.push(`${id} ${why}`);
    this.admit();
  }

  admit(): void {
    for (let first = this.first(); first !== undefined && first.cost <= this.free; first = this.first()) {
      this.waiting = this.waiting.filter((one) => one !== first);
      this.free -= first.cost;
      this.log.push(`${first.id} in`);
    }
  }

  advance(by: number): void {
    const end = this.now + by;
    const due = ({ arrived, deadline }: Waiting): number => Math.min(arrived + this.maxWait, deadline);
    for (;;) {
      const next = Math.min(...this.waiting.map(due));
      if (!(next <= end)) break;
      this.now = next;
      this.leave(this.waiting.find((one) => due(one) === next)!.id, 'expired');
    }
    this.now = end;
  }
}

const cost = fc.integer({ min: 0, max: 6 });
const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      join: cost,
      within: fc.option(fc.integer({ min: 1, max: 300 })),
      priority: fc.constantFrom(0, 0, 0, 1, 2, -1),
    }),
  },
  { weight: 4, arbitrary: fc.record({ release: fc.integer({ min: 1, max: 6 }) }) },
  { weight: 2, arbitrary: fc.record({ stop: fc.nat() }) },
  { weight: 2, arbitrary: fc.record({ advance: fc.integer({ min: 0, max: 120 }) }) },
);

test('does in any history what an obvious line would: order, costs, ages, deadlines [76, 77, 78, 79, 82, 85]', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 120 }),
      fc.constantFrom(0, 10.3, 50.7, Infinity),
      fc.constantFrom(100, Infinity),
      async (steps, ageing, maxWait) => {
        const clock = new ManualClock();
        const model = new Model(3, maxWait, ageing);
        let free = 3;
        const log: string[] = [];
        const take = (asked: number): { cost: number } | undefined => {
          if (asked > free) return undefined;
          free -= asked;
          return { cost: asked };
        };
        const line = new WaitingLine<{ cost: number }>({
          clock,
          maxWait,
          ageing,
          take,
          expired: () => new RejectedError({ name: 'line', message: 'expired' }),
        });
        const policy = guard({ enter: (context) => (line.length === 0 && take(context.cost)) || line.join(context) });
        const callers: AbortController[] = [];
        for (const each of steps) {
          if ('join' in each) {
            const id = callers.length;
            const caller = new AbortController();
            callers.push(caller);
            // Off the grid of whole milliseconds: no deadline coincides with another, or with the end of anybody's maxWait.
            const deadline = each.within === null ? Infinity : clock.now() + each.within + (id + 1) / 256;
            const given = { cost: each.join, priority: each.priority, deadline };
            const stay = (): Promise<never> => {
              log.push(`${id} in`);
              return new Promise(() => {});
            };
            policy
              .execute(stay, { ...given, signal: caller.signal })
              .catch(
                (error) => error === 'gone' || log.push(`${id} ${error instanceof Error ? error.message : error}`),
              );
            model.join({ ...given, id, arrived: clock.now() });
          } else if ('release' in each) {
            free += each.release;
            line.admit();
            model.free += each.release;
            model.admit();
          } else if ('stop' in each) {
            if (callers.length === 0) continue;
            const id = each.stop % callers.length;
            callers[id]!.abort(model.waiting.some((one) => one.id === id) ? 'stopped' : 'gone');
            if (model.waiting.some((one) => one.id === id)) model.leave(id, 'stopped');
          } else {
            await clock.advance(each.advance);
            model.advance(each.advance);
          }
          await clock.advance(0);
          assert.equal(line.length, model.waiting.length);
          assert.equal(free, model.free);
        }
        // Who is sent away may hear of it some microtasks before or after who is let in.
        const split = (told: string[]) => [
          told.filter((one) => one.endsWith('in')),
          told.filter((one) => !one.endsWith('in')).sort(),
        ];
        assert.deepEqual(split(log), split(model.log));
        line.close(() => new RejectedError({ name: 'line', message: 'closed' }));
        assert.equal(clock.pending, 0);
      },
    ),
  );
});
