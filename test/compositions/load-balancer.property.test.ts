import assert from 'node:assert/strict';
import fc from 'fast-check';
import { test } from 'vitest';
import { leastConnections, powerOfTwoChoices, roundRobin, uniformRandom } from '../../src/algorithms/pick.ts';
import { consistentHash } from '../../src/algorithms/pick-hash.ts';
import { leastLoaded, peakEwma } from '../../src/algorithms/pick-latency.ts';
import { weightedRoundRobin } from '../../src/algorithms/pick-weighted.ts';
import { priorityShares } from '../../src/algorithms/priorities.ts';
import { loadBalancer } from '../../src/compositions/load-balancer.ts';
import { NoTargetError } from '../../src/core/errors.ts';
import type { Health } from '../../src/core/health.ts';
import { pipeline } from '../../src/core/pipeline.ts';
import { retry } from '../../src/policies/retry.ts';
import { timeout } from '../../src/policies/timeout.ts';
import { ManualClock } from '../../src/testing/manual-clock.ts';
import { seededRandom } from '../../src/testing/seeded-random.ts';

const pickers = {
  leastLoaded,
  roundRobin,
  weightedRoundRobin,
  leastConnections,
  powerOfTwoChoices,
  peakEwma,
  consistentHash,
  uniformRandom,
};
const picker = fc.constantFrom(...Object.values(pickers));
const name = fc.constantFrom('a', 'b', 'c', 'd', 'e');

const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant('call' as const), key: fc.option(fc.string()), limit: fc.nat(50) }),
  },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('end' as const), which: fc.nat(), fails: fc.boolean() }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('add' as const), name, weight: fc.integer({ min: 1, max: 9 }) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('remove' as const, 'drain' as const), name }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('health' as const), name, state: fc.constantFrom('up', 'down', 'ejected') }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('wait' as const), time: fc.nat(40) }) },
);

const steps = fc.array(step, { maxLength: 60, size: 'max' });

/** A call at a target, as the model has it. */
interface Running {
  readonly target: { readonly name: string };
  settle(fails: boolean): void;
}

test('sends calls to eligible targets alone, counts them as long as they run, and ends drains with the last', async () => {
  await fc.assert(
    fc.asyncProperty(picker, steps, fc.nat(), fc.boolean(), async (pick, steps, seed, judged) => {
      const clock = new ManualClock();
      const states = new Map<string, 'up' | 'down' | 'ejected'>();
      const health: Health = { state: (name) => states.get(name) ?? 'up' };
      const nodes = loadBalancer<{ name: string; weight?: number }>({
        targets: [{ name: 'a' }, { name: 'b' }],
        pick: pick(),
        // With nobody to judge, nothing is looked at between two changes.
        health: judged ? [health] : [],
        clock,
        random: seededRandom(seed),
      });
      /** Those there are, and which of them drain. */
      const model = new Map<object, { name: string; draining: boolean }>();
      const targetOf = (name: string) => [...model].find(([, of]) => of.name === name);
      for (const { target } of nodes.endpoints) model.set(target, { name: target.name, draining: false });
      const running: Running[] = [];
      const drains: { target: object; done: boolean }[] = [];
      for (const each of steps) {
        if (each.do === 'call') {
          const router = each.key === null ? nodes : nodes.forKey(each.key);
          const eligible = [...model].filter(([, of]) => !of.draining && health.state(of.name, 0) === 'up');
          let ran = false;
          const call = timeout({ duration: each.limit, clock }).execute(
            router.route((target) => {
              ran = true;
              assert.ok(eligible.some(([one]) => one === target));
              return new Promise<void>((resolve, reject) => {
                running.push({ target, settle: (fails) => (fails ? reject(new Error('no')) : resolve()) });
              });
            }),
          );
          call.catch(() => {});
          assert.equal(ran, eligible.length > 0);
          if (!ran) {
            await assert.rejects(call, (error) => {
              assert.ok(error instanceof NoTargetError);
              assert.deepEqual(
                [...error.targets.keys()],
                [...model.values()].map(({ name }) => name),
              );
              return true;
            });
          }
        } else if (each.do === 'end') {
          running.splice(each.which % Math.max(running.length, 1), 1)[0]?.settle(each.fails);
        } else if (each.do === 'add') {
          const target = { name: each.name, weight: each.weight };
          if (targetOf(each.name)) assert.throws(() => nodes.add(target), RangeError);
          else {
            nodes.add(target);
            model.set(target, { name: each.name, draining: false });
          }
        } else if (each.do === 'remove') {
          const found = targetOf(each.name);
          assert.equal(nodes.remove(each.name), found !== undefined);
          if (found) model.delete(found[0]);
        } else if (each.do === 'drain') {
          const found = targetOf(each.name);
          const drained = nodes.drain(each.name);
          if (found) {
            found[1].draining = true;
            const drain = { target: found[0], done: false };
            drains.push(drain);
            void drained.then(() => (drain.done = true));
          } else await assert.rejects(drained, RangeError);
        } else if (each.do === 'health' && judged) states.set(each.name, each.state as 'up');
        else if (each.do === 'wait') await clock.advance(each.time);
        await clock.advance(0);
        const pendingAt = (target: object) => running.filter((call) => call.target === target).length;
        assert.deepEqual(
          nodes.endpoints.map(({ target, pending, state }) => [target, pending, state]),
          [...model].map(([target, { name, draining }]) => [
            target,
            pendingAt(target),
            draining ? 'draining' : health.state(name, 0),
          ]),
        );
        for (const { target, done } of drains) assert.equal(done, pendingAt(target) === 0);
      }
    }),
  );
});

test('with priorities, zones, panic and slow start together, calls go to who is up, or to all where it panics', async () => {
  const place = fc.record({ zone: fc.constantFrom('near', 'far'), priority: fc.nat(2) });
  await fc.assert(
    fc.asyncProperty(
      picker,
      steps,
      fc.array(place, { minLength: 5, maxLength: 5 }),
      // Above 71 % one priority alone panics sooner than one of several.
      fc.constantFrom(0, 0.3, 0.7),
      fc.constantFrom(0, 30, 5_000),
      fc.nat(),
      async (pick, steps, where, panicThreshold, slowStart, seed) => {
        const clock = new ManualClock();
        const states = new Map<string, 'up' | 'down' | 'ejected'>();
        const health: Health = { state: (name) => states.get(name) ?? 'up' };
        const told: string[] = [];
        const targetOf = (name: string, weight?: number) => ({
          name,
          ...(where['abcde'.indexOf(name)] as (typeof where)[0]),
          ...(weight && { weight }),
        });
        const nodes = loadBalancer({
          targets: [targetOf('a'), targetOf('b')],
          pick: pick(),
          health: [health],
          panicThreshold,
          slowStart,
          zone: 'near',
          clock,
          random: seededRandom(seed),
          onEvent: ({ type }) => told.push(type),
        });
        /** Those a call may go to, and whether there is panic. */
        const mayGet = (): { names: Set<string>; panics: boolean } => {
          const all = nodes.endpoints.filter(({ state }) => state !== 'draining');
          const levels = [0, 1, 2].map((priority) => all.filter(({ target }) => target.priority === priority));
          const up = levels.map((level) => level.filter(({ state }) => state === 'up'));
          const counts = levels.map((level, i) => ({ healthy: up[i]?.length as number, total: level.length }));
          const { load, panic } = priorityShares(counts, panicThreshold);
          const getting = levels.flatMap((level, i) => ((load[i] as number) > 0 && panic[i] ? level : []));
          const names = [...up.flat(), ...getting].map(({ target }) => target.name);
          return { names: new Set(names), panics: getting.length > 0 };
        };
        let panics = false;
        const again = retry({ maxAttempts: 3, backoff: () => 0, clock });
        for (const each of steps) {
          if (each.do === 'call') {
            const { names, panics: now } = mayGet();
            const tried: string[] = [];
            const router = each.key === null ? nodes : nodes.forKey(each.key);
            const task = router.route(async ({ name }) => {
              tried.push(name);
              throw new Error('no');
            });
            const error: unknown = await again.execute(task).catch((error) => error);
            assert.equal(error instanceof NoTargetError, names.size === 0);
            assert.equal(tried.length, names.size === 0 ? 0 : 3);
            for (const name of tried) assert.ok(names.has(name), `${name} of ${[...names]}`);
            if (names.size > 1) assert.notEqual(tried[1], tried[0]);
            if (now !== panics) assert.equal(told.at(names.size === 0 ? -2 : -1), now ? 'panic' : 'panic-over');
            panics = now;
          } else if (each.do === 'add') {
            if (!nodes.endpoints.some(({ target }) => target.name === each.name))
              nodes.add(targetOf(each.name, each.weight));
          } else if (each.do === 'remove') nodes.remove(each.name);
          else if (each.do === 'drain') nodes.drain(each.name).catch(() => {});
          else if (each.do === 'health') states.set(each.name, each.state as 'up');
          else if (each.do === 'wait') await clock.advance(each.time);
          for (const { weight, target, pending } of nodes.endpoints) {
            const whole = target.weight ?? 1;
            assert.ok(weight > 0.0999 * whole && weight <= whole);
            assert.equal(pending, 0);
          }
        }
        // Once told of, not again before it is over.
        const turns = told.filter((type) => type.startsWith('panic'));
        turns.forEach((type, i) => {
          assert.equal(type, i % 2 === 0 ? 'panic' : 'panic-over');
        });
      },
    ),
  );
});

test('a retry comes to as many targets as it can before it comes to one again, and never twice in a row', async () => {
  await fc.assert(
    fc.asyncProperty(
      picker,
      fc.integer({ min: 1, max: 6 }),
      fc.integer({ min: 1, max: 9 }),
      fc.nat(),
      fc.boolean(),
      async (pick, count, tries, seed, limited) => {
        const targets = Array.from({ length: count }, (_, i) => ({ name: `${i}` }));
        const nodes = loadBalancer({ targets, pick: pick(), random: seededRandom(seed) });
        const again = retry({ maxAttempts: tries, backoff: () => 0 });
        const policy = limited ? pipeline(timeout({ duration: 60_000 }), again, timeout({ duration: 60_000 })) : again;
        const runs = Array.from({ length: 3 }, async () => {
          const tried: string[] = [];
          const task = nodes.forKey('it').route(async ({ name }) => {
            tried.push(name);
            throw new Error('no');
          });
          await assert.rejects(policy.execute(task), { message: 'no' });
          assert.equal(tried.length, tries);
          assert.equal(new Set(tried).size, Math.min(tries, count));
          assert.equal(new Set(tried.slice(0, count)).size, Math.min(tries, count));
          if (count > 1) for (let i = 1; i < tries; i++) assert.notEqual(tried[i], tried[i - 1]);
        });
        await Promise.all(runs);
      },
    ),
  );
});

test('calls about a key of any letters, and of no letters, go to one of any names, whoever comes to know them when', async () => {
  // Halves of letters too.
  const text = fc.array(fc.nat(0xffff), { maxLength: 8 }).map((units) => String.fromCharCode(...units));
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(text, { minLength: 1, maxLength: 4 }),
      fc.array(text, { maxLength: 8 }),
      async (some, keys) => {
        const targets = some.map((name) => ({ name }));
        const one = loadBalancer({ targets, pick: consistentHash() });
        const other = loadBalancer({ targets: [...targets].reverse(), pick: consistentHash() });
        for (const key of keys) {
          const [first, second] = await Promise.all(
            [one, other].map((nodes) => pipeline().execute(nodes.forKey(key).route(({ name }) => name))),
          );
          assert.ok(some.includes(first as string));
          assert.equal(second, first);
        }
      },
    ),
  );
});
