import assert from 'node:assert/strict';
import fc from 'fast-check';
import { test } from 'vitest';
import { consecutiveFailures } from '../../src/algorithms/trip-rules.ts';
import { isRejection, RejectedError } from '../../src/core/errors.ts';
import { guard, pipeline } from '../../src/core/pipeline.ts';
import type { Policy } from '../../src/core/policy.ts';
import { bulkhead } from '../../src/policies/bulkhead.ts';
import { circuitBreaker } from '../../src/policies/circuit-breaker.ts';
import { ManualClock } from '../../src/testing/manual-clock.ts';

/** A call of one millisecond or more, and how it ends. */
const call = fc.record({ at: fc.nat(60), takes: fc.integer({ min: 1, max: 20 }), fails: fc.boolean() });
const calls = fc.array(call, { maxLength: 40 });
const sizes = { maxConcurrent: fc.integer({ min: 1, max: 4 }), maxQueued: fc.nat(3) };

interface Admission {
  readonly policy: Policy;
  /** What must hold at every instant. */
  check(): void;
  /** What must hold once all is over. */
  end(): void;
}

type Make = (clock: ManualClock) => Admission;

const slots = (maxConcurrent: number, maxQueued = 0, maxWait = Infinity): Make => {
  return (clock) => {
    const policy = bulkhead({ maxConcurrent, maxQueued, maxWait, clock });
    const check = (): void => {
      assert.ok(policy.running >= 0 && policy.running <= maxConcurrent);
      assert.ok(policy.queued >= 0 && policy.queued <= maxQueued);
      // Nobody waits while there is room.
      if (policy.queued > 0) assert.equal(policy.running, maxConcurrent);
    };
    return { policy, check, end: () => assert.deepEqual([policy.running, policy.queued], [0, 0]) };
  };
};

const circuit: Make = (clock) => {
  const policy = circuitBreaker({ trip: consecutiveFailures({ count: 2 }), openDuration: 15, halfOpenCalls: 1, clock });
  // No probe is lost: a circuit that has had its time lets one in.
  const end = (): void => {
    let probed = false;
    if (policy.state !== 'open') policy.execute(() => (probed = true)).catch(() => {});
    assert.equal(probed, policy.state !== 'open');
  };
  return { policy, check: () => {}, end };
};

/** So many calls begun in each ten milliseconds. */
const quota = (limit: number): Make => {
  return (clock) => {
    let entered = 0;
    let left = 0;
    let bucket = -1;
    let used = 0;
    const full = new RejectedError({ name: 'quota', message: 'used up' });
    const policy = guard({
      enter() {
        const now = Math.floor(clock.now() / 10);
        if (now !== bucket) [bucket, used] = [now, 0];
        if (used >= limit) throw full;
        used++;
        entered++;
      },
      leave: () => void left++,
    });
    return { policy, check: () => assert.ok(used <= limit), end: () => assert.equal(left, entered) };
  };
};

/** Walks the calls through policies in this order: which of them ran, and what became of each. */
async function walk(made: readonly Make[], schedule: readonly { at: number; takes: number; fails: boolean }[]) {
  const clock = new ManualClock();
  const admissions = made.map((make) => make(clock));
  const policy = pipeline(...admissions.map((each) => each.policy));
  const ran: number[] = [];
  const results: string[] = schedule.map(() => 'lost');
  const settled = (i: number, how: string): void => {
    assert.equal(results[i], 'lost');
    results[i] = how;
  };
  for (const [i, { at, takes, fails }] of schedule.entries()) {
    const task = (): Promise<unknown> => {
      ran.push(i);
      return new Promise((resolve, reject) =>
        clock.schedule(takes, () => (fails ? reject('failed') : resolve('value'))),
      );
    };
    clock.schedule(at, () =>
      policy.execute(task).then(
        () => settled(i, 'value'),
        (error) => settled(i, isRejection(error) ? 'turned away' : error),
      ),
    );
  }
  while (clock.pending > 0) {
    await clock.advance(1);
    for (const { check } of admissions) check();
  }
  for (const { end } of admissions) end();
  // Turned away or run, once: nothing is lost, and nothing that ran was turned away.
  assert.equal(new Set(ran).size, ran.length);
  for (const [i, { fails }] of schedule.entries()) {
    assert.equal(results[i], !ran.includes(i) ? 'turned away' : fails ? 'failed' : 'value');
  }
  return { ran, results };
}

test('of guards that let in at once, the order changes who turns a call away, and nothing else [114]', async () => {
  const property = fc.asyncProperty(calls, sizes.maxConcurrent, sizes.maxConcurrent, async (schedule, one, other) => {
    for (const [a, b] of [
      [slots(one), slots(other)],
      [slots(one), circuit],
    ] as const) {
      assert.deepEqual(await walk([a, b], schedule), await walk([b, a], schedule));
    }
  });
  await fc.assert(property);
});

test('in whatever order, each call runs once or is turned away, and no permit is lost [114, 75, 76, 58]', async () => {
  const property = fc.asyncProperty(
    calls,
    sizes.maxConcurrent,
    sizes.maxQueued,
    fc.constantFrom(Infinity, 5),
    fc.integer({ min: 1, max: 5 }),
    fc.shuffledSubarray([0, 1, 2, 3], { minLength: 2 }),
    async (schedule, maxConcurrent, maxQueued, maxWait, limit, order) => {
      const made = [slots(maxConcurrent, maxQueued, maxWait), circuit, quota(limit), slots(2, 1)];
      await walk(
        order.map((i) => made[i] as Make),
        schedule,
      );
    },
  );
  await fc.assert(property);
});
