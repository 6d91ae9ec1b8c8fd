import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import fc from 'fast-check';
import { test } from 'vitest';
import { tokenBucket } from '../../src/algorithms/token-bucket.ts';
import { rateLimit } from '../../src/policies/rate-limit.ts';
import { ManualClock } from '../../src/testing/manual-clock.ts';
import { policyLaws } from '../../src/testing/policy-laws.ts';
import { PlainBucket } from './plain-bucket.ts';

for (const [name, options] of [
  ['a rate limit', {}],
  ['a rate limit with a line', { maxQueued: 3, maxWait: 40 }],
] as const) {
  const policy = (clock: ManualClock) =>
    rateLimit({ meter: tokenBucket({ limit: 1, interval: 10, burst: 2 }), clock, ...options });
  for (const [law, property] of policyLaws({ fc, policy })) {
    test(`${name} ${law} [1, 2, 3, 4, 5, 8, 13, 48]`, () => fc.assert(property));
  }
}

interface Waiting {
  readonly id: number;
  readonly cost: number;
  readonly priority: number;
  readonly arrived: number;
  readonly deadline: number;
}

interface Settings {
  readonly burst: number;
  readonly maxQueued: number;
  readonly maxWait: number;
  readonly ageing: number;
}

/** Powers of two, so that no sum of times or tokens is ever rounded. */
const interval = 8;

/** A rate limit as one would explain it: a bucket, and an unsorted list looked through from end to end. */
class Model {
  now = 0;
  limit = 1;
  burst: number;
  tokens: number;
  waiting: Waiting[] = [];
  readonly log: string[] = [];
  readonly settings: Settings;

  constructor(settings: Settings) {
    this.settings = settings;
    this.burst = this.tokens = settings.burst;
  }

  /** How long until that much is there at once. */
  after(cost: number): number {
    return cost > this.burst ? Infinity : (Math.max(cost - this.tokens, 0) * interval) / this.limit;
  }

  /** Who has the highest priority with his age counted in; of two with the same, who came earlier. */
  before(a: Waiting, b: Waiting): boolean {
    const { ageing } = this.settings;
    if (a.priority === b.priority || ageing === 0) return a.id < b.id;
    if (ageing === Infinity) return a.priority > b.priority;
    const effective = ({ priority, arrived }: Waiting): number => priority + (this.now - arrived) / ageing;
    return effective(a) > effective(b);
  }

  come(one: Waiting): void {
    const { maxQueued, maxWait, ageing } = this.settings;
    if (one.cost > this.burst) return this.tell(one, 'RangeError');
    if (one.cost === 0 || (this.waiting.length === 0 && one.cost <= this.tokens)) return this.letIn(one);
    if (this.waiting.length >= maxQueued) return this.tell(one, 'full');
    const ahead = this.waiting.filter(({ priority }) => priority >= one.priority || ageing === 0);
    const all = this.after(ahead.reduce((sum, { cost }) => sum + cost, one.cost));
    const after = all < Infinity ? all : this.after(one.cost);
    if (after > maxWait || this.now + after >= one.deadline) return this.tell(one, 'expired');
    this.waiting.push(one);
    this.settle();
  }

  letIn(one: Waiting): void {
    this.tokens -= one.cost;
    this.tell(one, `in at ${this.now}`);
  }

  tell({ id }: Waiting, what: string): void {
    this.waiting = this.waiting.filter((one) => one.id !== id);
    this.log.push(`${id} ${what}`);
  }

  leave(id: number, why: string): void {
    this.tell({ id } as Waiting, why);
    this.settle();
  }

  settle(): void {
    const { maxWait } = this.settings;
    for (;;) {
      const first = this.waiting.find((one) => this.waiting.every((other) => other === one || this.before(one, other)));
      if (first === undefined) return;
      const at = this.now + this.after(first.cost);
      if (at === this.now) this.letIn(first);
      else if (at === Infinity || at > first.arrived + maxWait || at >= first.deadline) this.tell(first, 'expired');
      else {
        const late = this.waiting.find(({ arrived }) => arrived + maxWait <= this.now);
        if (late === undefined) return;
        this.tell(late, 'expired');
      }
    }
  }

  pass(time: number): void {
    this.tokens = Math.min(this.burst, this.tokens + ((time - this.now) * this.limit) / interval);
    this.now = time;
  }

  advance(by: number): void {
    const { maxWait } = this.settings;
    const end = this.now + by;
    for (;;) {
      const ready = this.waiting.map(({ cost }) => this.now + this.after(cost)).filter((at) => at > this.now);
      const over = this.waiting.flatMap(({ arrived, deadline }) => [arrived + maxWait, deadline]);
      const next = Math.min(...ready, ...over);
      if (!(next <= end)) break;
      this.pass(next);
      this.settle();
      for (const { id, deadline } of this.waiting) if (deadline <= next) this.leave(id, 'expired');
    }
    this.pass(end);
  }

  update(limit: number, burst: number): void {
    this.limit = limit;
    this.burst = burst;
    this.tokens = Math.min(this.tokens, burst);
    this.settle();
  }
}

const call = fc.record({
  call: fc.integer({ min: 0, max: 5 }),
  within: fc.option(fc.integer({ min: 0, max: 100 })),
  priority: fc.constantFrom(0, 0, 0, 1, 2, -1),
  listens: fc.boolean(),
});
const abort = fc.record({ abort: fc.nat() });
const step = fc.oneof(
  { weight: 6, arbitrary: call },
  { weight: 5, arbitrary: fc.record({ advance: fc.integer({ min: 0, max: 40 }) }) },
  { weight: 2, arbitrary: abort },
  { weight: 1, arbitrary: fc.record({ limit: fc.constantFrom(1, 2, 4), burst: fc.integer({ min: 1, max: 4 }) }) },
);

test('does in any history what an obvious limit would: order, costs, times, deadlines, changes [87, 89, 91]', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 100 }),
      fc.record({
        burst: fc.integer({ min: 1, max: 4 }),
        maxQueued: fc.constantFrom(0, 2, Infinity),
        maxWait: fc.constantFrom(20, 64, Infinity),
        ageing: fc.constantFrom(0, 10.3, Infinity),
      }),
      fc.boolean(),
      async (steps, { burst, ...settings }, plain) => {
        const clock = new ManualClock();
        const model = new Model({ burst, ...settings });
        const log: string[] = [];
        const meter = plain ? new PlainBucket(1, interval, burst) : tokenBucket({ limit: 1, interval, burst });
        const limit = rateLimit({ meter, clock, ...settings });
        const callers: AbortController[] = [];
        for (const each of steps) {
          if ('call' in each) {
            const id = callers.length;
            const caller = new AbortController();
            callers.push(caller);
            // Off the grid of what else happens: no deadline coincides with anything.
            const deadline = each.within === null ? Infinity : clock.now() + each.within + (id + 1) / 256;
            const given = { cost: each.call, priority: each.priority, deadline };
            limit
              .execute(() => log.push(`${id} in at ${clock.now()}`), { ...given, signal: caller.signal })
              .catch((error) => {
                if (error === 'gone') return;
                const word = error instanceof RangeError ? 'RangeError' : String(error.message ?? error);
                const none = settings.maxQueued === 0 ? 'no permit now' : 'no permit: full';
                log.push(`${id} ${word === none ? 'full' : word.replace('no permit: expired', 'expired')}`);
              });
            model.come({ ...given, id, arrived: clock.now() });
          } else if ('abort' in each) {
            if (callers.length === 0) continue;
            const id = each.abort % callers.length;
            const waits = model.waiting.some((one) => one.id === id);
            callers[id]!.abort(waits ? 'stopped' : 'gone');
            if (waits) model.leave(id, 'stopped');
          } else if ('limit' in each) {
            limit.update(each);
            model.update(each.limit, each.burst);
          } else {
            await clock.advance(each.advance);
            model.advance(each.advance);
          }
          await clock.advance(0);
          assert.equal(limit.queued, model.waiting.length);
          assert.equal(limit.available, model.tokens);
          assert.ok(
            clock.pending <= (limit.queued > 0 ? 1 : 0) + model.waiting.filter((one) => one.deadline < Infinity).length,
          );
        }
        // Who is sent away may hear of it some microtasks before or after who is let in.
        const split = (told: string[]) => [
          told.filter((one) => one.includes('in at')),
          told.filter((one) => !one.includes('in at')).sort(),
        ];
        assert.deepEqual(split(log), split(model.log));
        for (const caller of callers) caller.abort('at the end');
        await clock.advance(0);
        assert.deepEqual([limit.queued, clock.pending], [0, 0]);
        for (const { signal } of callers) assert.equal(getEventListeners(signal, 'abort').length, 0);
      },
    ),
  );
});

const jumpy = fc.oneof(
  { weight: 6, arbitrary: call },
  { weight: 4, arbitrary: fc.record({ advance: fc.integer({ min: 0, max: 40 }) }) },
  { weight: 2, arbitrary: fc.record({ jump: fc.integer({ min: -60, max: 60 }) }) },
  { weight: 2, arbitrary: abort },
);

test('by a clock that jumps both ways, it lets in no more than its bound, loses nobody and leaves nothing behind [86, 88]', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(jumpy, { maxLength: 80 }), fc.integer({ min: 5, max: 9 }), async (steps, burst) => {
      const clock = new ManualClock({ wall: 0 });
      const limit = rateLimit({ meter: tokenBucket({ limit: 1, interval, burst }), maxQueued: Infinity, clock });
      const admitted: { id: number; cost: number; priority: number; forward: number }[] = [];
      const callers: { controller: AbortController; told: number }[] = [];
      let leaps = 0;
      for (const each of steps) {
        if ('call' in each) {
          const id = callers.length;
          const { call: cost, priority } = each;
          const caller = { controller: new AbortController(), told: 0 };
          callers.push(caller);
          const told = (): void => void caller.told++;
          const task = () => admitted.push({ id, cost, priority, forward: clock.wall() + leaps });
          const signal = each.listens ? { signal: caller.controller.signal } : {};
          limit.execute(task, { cost, priority, ...signal }).then(told, told);
        } else if ('abort' in each) callers[each.abort % callers.length]?.controller.abort();
        else if ('jump' in each) {
          clock.jump(each.jump);
          leaps += Math.max(each.jump, 0);
        } else await clock.advance(each.advance);
        await clock.advance(0);
      }
      // As long as all of them need one after another, and as all the steps back together.
      await clock.advance(callers.length * 5 * interval + steps.length * 60);
      // A signal is let go a turn after the last call on it has ended.
      await clock.advance(0);
      assert.ok(callers.every(({ told }) => told === 1));
      assert.deepEqual([limit.queued, limit.idle, clock.pending], [0, true, 0]);
      for (const [i, first] of admitted.entries()) {
        let sum = 0;
        for (const { cost, forward, id, priority } of admitted.slice(i)) {
          sum += cost;
          assert.ok(sum <= burst + (forward - first.forward) / interval + 1e-6);
          // Who costs nothing does not wait.
          if (priority === first.priority && cost > 0 && first.cost > 0) assert.ok(id >= first.id);
        }
      }
      for (const { controller } of callers) assert.equal(getEventListeners(controller.signal, 'abort').length, 0);
    }),
  );
});
