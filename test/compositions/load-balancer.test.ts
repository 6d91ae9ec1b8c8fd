import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import { test } from 'vitest';
import { outlierEjection } from '../../src/algorithms/outlier.ts';
import { leastConnections, roundRobin, uniformRandom } from '../../src/algorithms/pick.ts';
import { consistentHash } from '../../src/algorithms/pick-hash.ts';
import { weightedRoundRobin } from '../../src/algorithms/pick-weighted.ts';
import {
  type LoadBalancerEvent,
  type LoadBalancerOptions,
  loadBalancer,
} from '../../src/compositions/load-balancer.ts';
import type { Clock } from '../../src/core/clock.ts';
import { NoTargetError, RejectedError } from '../../src/core/errors.ts';
import { onListenerError } from '../../src/core/events.ts';
import type { Health } from '../../src/core/health.ts';
import { held } from '../../src/core/held.ts';
import type { Verdict } from '../../src/core/outcome.ts';
import { guard, pipeline } from '../../src/core/pipeline.ts';
import type { Policy } from '../../src/core/policy.ts';
import type { Picker, Target } from '../../src/core/router.ts';
import { hedge } from '../../src/policies/hedge.ts';
import { retry } from '../../src/policies/retry.ts';
import { timeout } from '../../src/policies/timeout.ts';
import { ManualClock } from '../../src/testing/manual-clock.ts';
import { seededRandom } from '../../src/testing/seeded-random.ts';

const abc: readonly Target[] = [{ name: 'a' }, { name: 'b' }, { name: 'c' }];
const identity = pipeline();

function balancer<T extends Target = Target>(options: Partial<LoadBalancerOptions<T>> & { targets: Iterable<T> }) {
  return loadBalancer({ pick: roundRobin(), random: seededRandom(1), ...options });
}

const nameOf = ({ name }: Target): string => name;

async function names(nodes: ReturnType<typeof balancer>, calls: number): Promise<string> {
  const got: string[] = [];
  for (let i = 0; i < calls; i++) got.push(await identity.execute(nodes.route(nameOf)));
  return got.join('');
}

test("hands the task the user's own target, and its own context", async () => {
  const target = { name: 'a', url: 'http://a' };
  const nodes = balancer({ targets: [target] });
  const signal = new AbortController().signal;
  await identity.execute(
    nodes.route((got, context) => {
      assert.equal(got, target);
      assert.equal(context.priority, 3);
    }),
    { priority: 3, signal },
  );
});

test('shows of an endpoint what is said of it, and nothing else', async () => {
  const target = { name: 'a', weight: 2 };
  const nodes = balancer({ targets: [target], slowStart: 1_000, health: [{ state: () => 'up' }] });
  let shown = '';
  const call = identity.execute(
    nodes.route(async () => {
      void nodes.drain('a');
      shown = inspect(nodes.endpoints);
    }),
  );
  await call;
  assert.equal(shown, inspect([{ target, weight: 2, pending: 1, state: 'draining' }]));
});

test('gives what the task gives, at once where it is no promise, and its error as it is [2, 5]', async () => {
  const nodes = balancer({ targets: abc });
  const context = { signal: new AbortController().signal, attempt: 1, deadline: Infinity, priority: 0, cost: 1 };
  assert.equal(nodes.route(() => 0)(context), 0);
  const error = { no: 'error' };
  await assert.rejects(
    async () => nodes.route(() => Promise.reject(error))(context),
    (thrown) => thrown === error,
  );
  await assert.rejects(
    async () =>
      nodes.route(() => {
        throw error;
      })(context),
    (thrown) => thrown === error,
  );
  assert.deepEqual(
    nodes.endpoints.map(({ pending }) => pending),
    [0, 0, 0],
  );
});

test('counts a call as in flight until its task has settled, also after a timeout', async () => {
  const clock = new ManualClock();
  const nodes = balancer({ targets: [{ name: 'a' }], clock });
  let finish = (): void => {};
  const call = timeout({ duration: 100, clock }).execute(
    nodes.route(() => new Promise<void>((resolve) => (finish = resolve))),
  );
  call.catch(() => {});
  const [endpoint] = nodes.endpoints;
  assert.equal(endpoint?.pending, 1);
  await clock.advance(200);
  await assert.rejects(call, { code: 'ERR_TIMEOUT' });
  assert.equal(endpoint?.pending, 1);
  finish();
  await clock.advance(0);
  assert.equal(endpoint?.pending, 0);
});

test('counts a call as in flight until the body it has handed on is done', async () => {
  const nodes = balancer({ targets: [{ name: 'a' }] });
  let finish = (): void => {};
  const done = new Promise<void>((resolve) => (finish = resolve));
  assert.equal(await identity.execute(nodes.route(() => held('it', done))), 'it');
  assert.equal(nodes.endpoints[0]?.pending, 1);
  finish();
  await done;
  await Promise.resolve();
  assert.equal(nodes.endpoints[0]?.pending, 0);
});

test('takes targets that come, and none that go, while it runs', async () => {
  const nodes = balancer({ targets: abc });
  assert.equal(await names(nodes, 4), 'abca');
  assert.equal(nodes.remove('b'), true);
  assert.equal(nodes.remove('b'), false);
  assert.equal(await names(nodes, 3), 'cac');
  nodes.add({ name: 'd' });
  assert.deepEqual([...(await names(nodes, 6))].sort().join(''), 'aaccdd');
});

test('sends a draining target nothing, and says when it has ended what it had', async () => {
  const clock = new ManualClock();
  const nodes = balancer({ targets: abc, clock });
  let finish = (): void => {};
  void identity.execute(nodes.route(() => new Promise<void>((resolve) => (finish = resolve))));
  let drained = false;
  const draining = nodes.drain('a').then(() => {
    drained = true;
  });
  assert.equal(await names(nodes, 4), 'bcbc');
  await clock.advance(10);
  assert.equal(drained, false);
  assert.equal(nodes.endpoints[0]?.state, 'draining');
  finish();
  await draining;
  await nodes.drain('b');
  assert.equal(await names(nodes, 2), 'cc');
  await assert.rejects(nodes.drain('x'), RangeError);
});

test('says that it was disposed of where that is why there are no targets', async () => {
  const nodes = balancer({ targets: abc });
  for (const { name } of abc) nodes.remove(name);
  await assert.rejects(names(nodes, 1), { message: 'there are no targets' });
  nodes[Symbol.dispose]();
  // What feeds it may go on for a while.
  nodes.add({ name: 'd' });
  const message = 'there are no targets: it was disposed of';
  await assert.rejects(names(nodes, 1), { code: 'ERR_NO_TARGET', message });
});

test('sends no calls to targets that are down or ejected, until they are up again', async () => {
  const states: Record<string, 'up' | 'down' | 'ejected'> = { a: 'down', b: 'up', c: 'ejected' };
  const health: Health = { state: (name) => states[name] ?? 'up' };
  const nodes = balancer({ targets: abc, health: [{ state: () => 'up' }, health] });
  assert.equal(await names(nodes, 3), 'bbb');
  assert.deepEqual(
    nodes.endpoints.map(({ state }) => state),
    ['down', 'up', 'ejected'],
  );
  states.a = 'up';
  assert.deepEqual([...(await names(nodes, 4))].sort().join(''), 'aabb');
});

test('says which targets there are and why none is eligible, and never runs the task', async () => {
  const health: Health = { state: (name) => (name === 'a' ? 'down' : 'ejected') };
  const nodes = balancer({ targets: abc, health: [health] });
  await nodes.drain('c');
  await assert.rejects(names(nodes, 1), (error) => {
    assert.ok(error instanceof NoTargetError && error instanceof RejectedError);
    assert.equal(error.message, 'no target is eligible: a is down, b is ejected, c is draining');
    assert.deepEqual(
      [...error.targets],
      [
        ['a', 'down'],
        ['b', 'ejected'],
        ['c', 'draining'],
      ],
    );
    return true;
  });
  await assert.rejects(names(balancer({ targets: [] }), 1), { code: 'ERR_NO_TARGET', message: 'there are no targets' });
  {
    using gone = balancer({ targets: abc });
    assert.equal(await names(gone, 2), 'ab');
    gone[Symbol.dispose]();
    await assert.rejects(names(gone, 1), NoTargetError);
  }
});

test('believes health no more below the panic threshold, but of draining targets', async () => {
  const up = new Set(['a', 'b', 'c']);
  const health: Health = { state: (name) => (up.has(name) ? 'up' : 'down') };
  const nodes = balancer({ targets: [...abc, { name: 'd' }], health: [health], panicThreshold: 0.5 });
  up.delete('a');
  assert.equal(await names(nodes, 3), 'bcb');
  up.delete('b');
  up.delete('c');
  await nodes.drain('d');
  assert.deepEqual([...(await names(nodes, 6))].sort().join(''), 'aabbcc');
});

test('tells pickers and health how each call ended, a timeout further out as a failure at once', async () => {
  const clock = new ManualClock();
  const told: [string, Verdict, number][] = [];
  const pick: Picker = {
    pick: (eligible) => eligible[0] as (typeof eligible)[0],
    settled: (endpoint, verdict, elapsed, now) => {
      assert.equal(now, clock.now());
      told.push([endpoint.target.name, verdict, elapsed]);
    },
  };
  const health: Health = {
    state: () => 'up',
    record: ({ name }, verdict, elapsed) => told.push([`health of ${name}`, verdict, elapsed]),
  };
  const nodes = balancer({ targets: abc, pick, health: [health], clock });
  const after = (delay: number, error?: unknown) =>
    nodes.route(
      () =>
        new Promise<void>((resolve, reject) => {
          clock.schedule(delay, () => (error === undefined ? resolve() : reject(error)));
        }),
    );
  const run = async (policy: Policy, task: ReturnType<typeof after>, signal?: AbortSignal): Promise<void> => {
    policy.execute(task, { ...(signal && { signal }) }).catch(() => {});
    await clock.advance(1_000);
  };
  await run(identity, after(10));
  await run(identity, after(20, new Error('no')));
  await run(identity, after(30, new RejectedError({ name: 'x', message: 'no' })));
  await run(timeout({ duration: 40, clock }), after(500));
  const controller = new AbortController();
  clock.schedule(50, () => controller.abort());
  await run(identity, after(500), controller.signal);
  assert.deepEqual(
    told.filter((_, i) => i % 2 === 0),
    [
      ['a', 'success', 10],
      ['a', 'failure', 20],
      ['a', 'failure', 30],
      ['a', 'failure', 40],
      ['a', 'ignore', 50],
    ],
  );
  assert.deepEqual(
    told.filter((_, i) => i % 2 === 1).map(([name, verdict]) => [name, verdict]),
    // To health a call that was turned away says nothing.
    ['success', 'failure', 'ignore', 'failure', 'ignore'].map((verdict) => ['health of a', verdict]),
  );
});

test("judges by what health takes for a failure, if it says so, and reports a judge's own error", async () => {
  const verdicts: Verdict[] = [];
  const health: Health = {
    state: () => 'up',
    record: (_, verdict) => verdicts.push(verdict),
    classify: (outcome) => (outcome.ok && outcome.value === 503 ? 'failure' : 'success'),
  };
  const nodes = balancer({ targets: abc, health: [health] });
  assert.equal(await identity.execute(nodes.route(() => 503)), 503);
  assert.equal(await identity.execute(nodes.route(async () => held(503, Promise.resolve()))), 503);
  assert.deepEqual(verdicts, ['failure', 'failure']);
});

test('gives a retry targets it has not tried, and then any but the last, whatever stands between', async () => {
  const clock = new ManualClock();
  const policies: [string, () => Policy][] = [
    ['retry', () => retry({ maxAttempts: 6, backoff: () => 0, clock })],
    [
      'retry > timeout',
      () => pipeline(retry({ maxAttempts: 6, backoff: () => 0, clock }), timeout({ duration: 9, clock })),
    ],
    [
      'timeout > retry',
      () => pipeline(timeout({ duration: 99, clock }), retry({ maxAttempts: 6, backoff: () => 0, clock })),
    ],
    [
      'retry > hedge',
      () => pipeline(retry({ maxAttempts: 6, backoff: () => 0, clock }), hedge({ maxHedges: 0, delay: 1, clock })),
    ],
    ['hedge', () => hedge({ maxHedges: 5, delay: 10, clock })],
  ];
  const failures = {
    'a rejection': () => Promise.reject(new Error('no')),
    'a throw': () => {
      throw new Error('no');
    },
  };
  for (const [what, make] of policies) {
    for (const [how, fail] of Object.entries(failures)) {
      for (let seed = 1; seed <= 20; seed++) {
        const nodes = balancer({ targets: abc, pick: uniformRandom(), random: seededRandom(seed), clock });
        const policy = make();
        const run = async (options?: { priority: number }): Promise<void> => {
          const tried: string[] = [];
          const task = nodes.route(({ name }) => {
            tried.push(name);
            return fail();
          });
          await assert.rejects(policy.execute(task, options), { message: 'no' });
          assert.equal(tried.length, 6, what);
          assert.equal(new Set(tried.slice(0, 3)).size, 3, `${what}, ${how}: ${tried}`);
          for (let i = 3; i < 6; i++) assert.notEqual(tried[i], tried[i - 1], `${what}, ${how}: ${tried}`);
        };
        await run();
        await run({ priority: 1 });
      }
    }
  }
});

test('gives a hedge another target than the call it is to overtake', async () => {
  const clock = new ManualClock();
  for (let seed = 1; seed <= 20; seed++) {
    const nodes = balancer({ targets: abc, pick: uniformRandom(), random: seededRandom(seed), clock });
    const tried: string[] = [];
    const call = hedge({ maxHedges: 2, delay: 10, clock }).execute(
      nodes.route(({ name }) => {
        tried.push(name);
        return new Promise((resolve) => clock.schedule(100, () => resolve(name)));
      }),
    );
    await clock.advance(200);
    await call;
    assert.equal(new Set(tried).size, 3);
  }
});

test('keeps executions apart, and avoids nobody who has answered', async () => {
  const nodes = balancer({ targets: abc });
  const policy = retry({ maxAttempts: 2, backoff: () => 0 });
  const seen: number[] = [];
  const pick: Picker = {
    pick: (eligible, { tried }) => {
      seen.push(tried.size);
      return eligible[0] as (typeof eligible)[0];
    },
  };
  const counted = balancer({ targets: abc, pick });
  await policy.execute(async (context) => {
    for (let i = 0; i < 3; i++) await identity.execute(counted.route(nameOf), context);
  });
  await Promise.all(Array.from({ length: 9 }, () => policy.execute(counted.route(async () => {}))));
  assert.deepEqual(seen, Array(12).fill(0));
  assert.equal(await names(nodes, 3), 'abc');
});

test('prefers its own zone, and leaves as much of its calls to others as its own cannot take', async () => {
  const targets = [1, 2, 3, 4, 5].flatMap((n) => [
    { name: `near${n}`, zone: 'near' },
    { name: `far${n}`, zone: 'far' },
  ]);
  const down = new Set<string>();
  const health: Health = { state: (name) => (down.has(name) ? 'down' : 'up') };
  const nodes = balancer({ targets, health: [health], zone: 'near', pick: uniformRandom() });
  const nearOf = async (calls: number): Promise<number> => {
    let near = 0;
    for (let i = 0; i < calls; i++) if ((await identity.execute(nodes.route(nameOf))).startsWith('near')) near++;
    return near / calls;
  };
  assert.equal(await nearOf(100), 1);
  down.add('near1'); // 1.4 · 4/5 is more than all of them.
  assert.equal(await nearOf(100), 1);
  for (const name of ['near2', 'near3']) down.add(name);
  const share = await nearOf(2_000); // 1.4 · 2/5
  assert.ok(Math.abs(share - 0.56) < 0.04, `${share}`);
  for (const name of ['near4', 'near5']) down.add(name);
  assert.equal(await nearOf(50), 0);
});

test('tells executions apart whose tasks ask for a target later, and leads each from try to try', async () => {
  const policies: readonly [string, Policy][] = [
    ['empty', identity],
    ['guard', guard({ leave() {} })],
    ['retry', retry({ backoff: () => 0 })],
    ['retry, guard', pipeline(retry({ backoff: () => 0 }), guard({ leave() {} }))],
    ['retry, timeout', pipeline(retry({ backoff: () => 0 }), timeout({ duration: 1_000 }))],
  ];
  for (const [what, policy] of policies) {
    const nodes = balancer({ targets: abc, pick: consistentHash() });
    const tried: string[][] = [[], [], []];
    const calls = tried.map((names) =>
      policy.execute(async (context) => {
        await Promise.resolve();
        const asked = nodes.forKey('key').route(async ({ name }) => {
          names.push(name);
          await Promise.resolve();
          throw new Error(name);
        });
        return asked(context);
      }),
    );
    await Promise.allSettled(calls);
    assert.equal(new Set(tried[0]).size, what.startsWith('retry') ? 3 : 1, what);
    assert.deepEqual(tried[1], tried[0], what);
    assert.deepEqual(tried[2], tried[0], what);
  }
});

test('tries other zones once its own has been tried', async () => {
  const targets = [
    { name: 'near', zone: 'near' },
    { name: 'far', zone: 'far' },
  ];
  const nodes = balancer({ targets, zone: 'near' });
  const tried: string[] = [];
  const task = nodes.route(async ({ name }) => {
    tried.push(name);
    throw new Error('no');
  });
  await assert.rejects(retry({ maxAttempts: 4, backoff: () => 0 }).execute(task));
  assert.deepEqual(tried, ['near', 'far', 'near', 'far']);
});

test('lets who was added, or is well again, begin slowly, and nobody who was there from the start', async () => {
  const clock = new ManualClock();
  let state: 'up' | 'down' = 'up';
  const health: Health = { state: (name) => (name === 'b' ? state : 'up') };
  const nodes = balancer({
    targets: [{ name: 'a', weight: 2 }, { name: 'b' }],
    health: [health],
    slowStart: 60_000,
    clock,
  });
  const weights = (): number[] => nodes.endpoints.map(({ weight }) => weight);
  assert.deepEqual(weights(), [2, 1]);
  nodes.add({ name: 'c', weight: 4 });
  assert.deepEqual(weights(), [2, 1, 0.4]);
  await clock.advance(15_000);
  assert.deepEqual(weights(), [2, 1, 1]);
  state = 'down';
  assert.deepEqual(weights(), [2, 1, 1]);
  await clock.advance(15_000);
  state = 'up';
  assert.deepEqual(weights(), [2, 0.1, 2]);
  await clock.advance(60_000);
  assert.deepEqual(weights(), [2, 1, 4]);
});

test('a clock that steps back begins a slow start anew, and keeps nobody small for longer', async () => {
  const clock = new ManualClock();
  let back = 0;
  const stepping: Clock = {
    now: () => clock.now() - back,
    coarse: () => clock.now() - back,
    wall: () => clock.wall(),
    schedule: (delay, run) => clock.schedule(delay, run),
  };
  const nodes = balancer({ targets: abc, slowStart: 10_000, clock: stepping });
  await clock.advance(100_000);
  nodes.add({ name: 'd' });
  const weight = () => nodes.endpoints[3]?.weight;
  await clock.advance(5_000);
  assert.equal(weight(), 0.5);
  back = 50_000;
  assert.equal(weight(), 0.1);
  await clock.advance(5_000);
  assert.equal(weight(), 0.5);
  await clock.advance(5_000);
  assert.equal(weight(), 1);
});

test('picks by weight where the picker heeds it', async () => {
  const targets = [{ name: 'a', weight: 5 }, { name: 'b' }, { name: 'c' }];
  assert.equal(await names(balancer({ targets, pick: weightedRoundRobin() }), 7), 'aabacaa');
  const busy = balancer({ targets, pick: leastConnections() });
  const never = busy.route(() => new Promise<never>(() => {}));
  for (let i = 0; i < 70; i++) void identity.execute(never);
  assert.deepEqual(
    busy.endpoints.map(({ pending }) => pending),
    [50, 10, 10],
  );
});

test('sends calls about one key to one target, and a retry of them to the next', async () => {
  const nodes = balancer({ targets: abc, pick: consistentHash() });
  const fails = retry({ maxAttempts: 3, backoff: () => 0 });
  const routes = new Set<string>();
  for (let i = 0; i < 50; i++) {
    const key = `key ${i}`;
    const [owner] = await Promise.all([1, 2, 3].map(() => identity.execute(nodes.forKey(key).route(nameOf))));
    for (let j = 0; j < 3; j++) assert.equal(await identity.execute(nodes.forKey(key).route(nameOf)), owner);
    const tried: string[] = [];
    const task = nodes.forKey(key).route(async ({ name }) => {
      tried.push(name);
      throw new Error('no');
    });
    await assert.rejects(fails.execute(task));
    assert.equal(tried[0], owner);
    assert.equal(new Set(tried).size, 3);
    routes.add(tried.join(''));
  }
  assert.equal(routes.size, 6);
});

test('ejects a target by what calls come to, and takes it back', async () => {
  const clock = new ManualClock();
  const nodes = balancer({ targets: abc, health: [outlierEjection({ consecutiveFailures: 2 })], clock });
  let ill = 'b';
  const got: string[] = [];
  const call = () =>
    identity
      .execute(
        nodes.route(async ({ name }) => {
          got.push(name);
          if (name === ill) throw new Error('no');
        }),
      )
      .catch(() => {});
  for (let i = 0; i < 9; i++) await call();
  assert.equal(got.join(''), 'abcabcaca');
  assert.equal(nodes.endpoints[1]?.state, 'ejected');
  ill = '';
  await clock.advance(30_000);
  got.length = 0;
  for (let i = 0; i < 3; i++) await call();
  assert.equal(got.sort().join(''), 'abc');
});

test('refuses options and targets that make no sense [7]', () => {
  const make = (options: object) => () => loadBalancer({ targets: abc, ...options } as LoadBalancerOptions<Target>);
  for (const [options, error, message] of [
    [{ targets: undefined }, TypeError, /targets must be iterable/],
    [{ targets: 5 }, TypeError, /targets must be iterable/],
    [{ targets: [{ name: 'a' }, { name: 'a' }] }, RangeError, /targets must have names of their own, got "a" twice/],
    [{ targets: [{ name: 5 }] }, TypeError, /target.name must be a string/],
    [{ targets: [null] }, TypeError, /target must be an object/],
    // What is too much to be added up too.
    ...[0, -1, NaN, Infinity, 2 ** 33, Number.MAX_VALUE].map(
      (weight) => [{ targets: [{ name: 'a', weight }] }, RangeError, /weight must/] as const,
    ),
    [{ targets: [{ name: 'a', priority: NaN }] }, RangeError, /target.priority must be a number/],
    [{ targets: [{ name: 'a', priority: '1' }] }, TypeError, /target.priority must be a number/],
    [{ pick: {} }, TypeError, /pick must be a picker such as roundRobin\(\), or an object with pick, got an object/],
    [{ pick: roundRobin }, TypeError, /pick must be a picker such as roundRobin\(\), .*, got a function/],
    [{ health: {} }, TypeError, /health must be an array/],
    [{ health: [{}] }, TypeError, /health must be an array of which each must be an object with state/],
    [{ slowStart: -1 }, RangeError, /slowStart/],
    [{ panicThreshold: 1.5 }, RangeError, /panicThreshold/],
    [{ panicThreshold: NaN }, RangeError, /panicThreshold/],
    [{ zone: 5 }, TypeError, /zone/],
    [{ random: 5 }, TypeError, /random/],
    [{ name: 5 }, TypeError, /name/],
    [{ onEvent: {} }, TypeError, /onEvent/],
    [{ clock: {} }, TypeError, /clock/],
    [{ target: [] }, TypeError, /unknown option "target"; did you mean "targets"/],
  ] as const) {
    assert.throws(make(options), (thrown) => thrown instanceof error && message.test(thrown.message));
  }
  const nodes = balancer({ targets: abc });
  assert.throws(() => nodes.add({ name: 'a' }), RangeError);
  assert.equal(nodes.endpoints.length, 3);
  for (const key of [undefined, null, 5])
    assert.throws(() => nodes.forKey(key as unknown as string), /loadBalancer: key must be a string/);
});

test('refuses a picker that picks anything else', async () => {
  const other = balancer({ targets: abc }).endpoints[0];
  const pick = { pick: () => other } as unknown as Picker;
  await assert.rejects(names(balancer({ targets: abc, pick }), 1), /pick must give one of the eligible/);
});

test('sends calls about one key to its target also where one execution makes many at once', async () => {
  const targets = Array.from({ length: 5 }, (_, i) => ({ name: `t${i}` }));
  const nodes = balancer({ targets, pick: consistentHash() });
  const keys = Array.from({ length: 50 }, (_, i) => `key ${i}`);
  const alone = await Promise.all(keys.map((key) => identity.execute(nodes.forKey(key).route(nameOf))));
  const together = await identity.execute((context) =>
    Promise.all(
      keys.map((key) =>
        identity.execute(
          nodes.forKey(key).route(async ({ name }) => name),
          context,
        ),
      ),
    ),
  );
  assert.deepEqual(together, alone);
  const [first, second] = await identity.execute(async (context) => {
    const tried: string[] = [];
    const fails = nodes.forKey('key 0').route(async ({ name }) => {
      tried.push(name);
      throw new Error('no');
    });
    for (let i = 0; i < 2; i++) await assert.rejects(identity.execute(fails, context));
    return tried;
  });
  assert.equal(first, alone[0]);
  assert.notEqual(second, first);
});

test('remembers no more targets for an execution than there are, however many come and go [37]', async () => {
  let most = 0;
  const pick: Picker = {
    pick: (eligible, { tried }) => {
      most = Math.max(most, tried.size);
      return eligible[0] as (typeof eligible)[0];
    },
  };
  for (const routerOf of [
    (nodes: ReturnType<typeof balancer>) => nodes,
    (nodes: ReturnType<typeof balancer>) => nodes.forKey('key'),
  ]) {
    const nodes = balancer({ targets: abc, pick });
    let made = 0;
    const task = routerOf(nodes).route(async ({ name }) => {
      nodes.remove(name);
      nodes.add({ name: `new ${made++}` });
      throw new Error('no');
    });
    await assert.rejects(retry({ maxAttempts: 1_000, backoff: () => 0 }).execute(task), { message: 'no' });
    assert.equal(made, 1_000);
  }
  assert.ok(most <= 3, `${most}`);
});

test('a picker or a health that fails when it is told keeps nothing from the others, and is reported [101]', async () => {
  const reported: unknown[] = [];
  const before = onListenerError((error) => reported.push((error as Error).message));
  const told: string[] = [];
  const fails = (message: string) => () => {
    throw new Error(message);
  };
  const rejects = (message: string) => async (): Promise<void> => {
    throw new Error(message);
  };
  for (const settled of [fails('picker throws'), rejects('picker rejects')]) {
    const pick: Picker = { pick: (eligible) => eligible[0] as (typeof eligible)[0], settled };
    const health: Health[] = [
      { state: () => 'up', record: fails('health throws') },
      { state: () => 'up', record: rejects('health rejects') },
      { state: () => 'up', record: ({ name }) => told.push(name) },
    ];
    assert.equal(await identity.execute(balancer({ targets: abc, pick, health }).route(nameOf)), 'a');
  }
  await new Promise(setImmediate);
  onListenerError(before);
  assert.deepEqual(told, ['a', 'a']);
  assert.deepEqual(reported.sort(), [
    'health rejects',
    'health rejects',
    'health throws',
    'health throws',
    'picker rejects',
    'picker throws',
  ]);
});

test('a target that is drained by who is asked about it stays so', async () => {
  const health: Health = {
    state: (name) => {
      if (name === 'a') void nodes.drain('a');
      return name === 'a' ? 'down' : 'up';
    },
  };
  const nodes = balancer({ targets: abc, health: [health] });
  assert.equal(await names(nodes, 2), 'bc');
  assert.equal(nodes.endpoints[0]?.state, 'draining');
});

test('tells of targets that come, go and are drained, of panic and its end, and of calls turned away', async () => {
  const events: LoadBalancerEvent[] = [];
  const down = new Set<string>();
  const health: Health = { state: (name) => (down.has(name) ? 'down' : 'up') };
  const nodes = balancer({
    targets: abc,
    health: [health],
    panicThreshold: 0.5,
    name: 'nodes',
    onEvent: (event) => events.push(event),
  });
  const name = 'nodes';
  const told = () => events.splice(0);
  nodes.add({ name: 'd' });
  assert.throws(() => nodes.add({ name: 'd' }));
  nodes.remove('d');
  nodes.remove('d');
  assert.deepEqual(told(), [
    { type: 'added', name, target: 'd' },
    { type: 'removed', name, target: 'd' },
  ]);
  let finish = (): void => {};
  const call = identity.execute(nodes.route(() => new Promise<void>((resolve) => (finish = resolve))));
  const drained = [nodes.drain('a'), nodes.drain('a')];
  assert.deepEqual(told(), []);
  finish();
  await Promise.all([call, ...drained]);
  await nodes.drain('a');
  assert.deepEqual(told(), [{ type: 'drained', name, target: 'a' }]);
  down.add('b').add('c');
  await names(nodes, 2);
  down.delete('b');
  await names(nodes, 2);
  assert.deepEqual(told(), [
    { type: 'panic', name, up: 0, targets: 2 },
    { type: 'panic-over', name, up: 1, targets: 2 },
  ]);
  await nodes.drain('b');
  await nodes.drain('c');
  told();
  await assert.rejects(names(nodes, 1), (error) => {
    assert.ok(error instanceof NoTargetError);
    assert.equal(error.name, 'nodes');
    assert.deepEqual(told(), [{ type: 'no-target', name, targets: error.targets }]);
    return true;
  });
});

test('panics for those of a priority that gets calls, and says so', async () => {
  const events: string[] = [];
  const down = new Set<string>();
  const nodes = balancer({
    targets: [
      { name: 'a' },
      { name: 'b', zone: 'near' },
      { name: 'c', priority: 1 },
      { name: 'd', priority: 1, zone: 'near' },
    ],
    zone: 'near',
    health: [{ state: (name) => (down.has(name) ? 'down' : 'up') }],
    panicThreshold: 0.9,
    onEvent: ({ type }) => events.push(type),
  });
  down.add('c').add('d');
  assert.equal(await names(nodes, 2), 'bb');
  assert.deepEqual(events, []);
  down.add('b');
  // The first priority alone can take 70 %, and the second nothing.
  assert.deepEqual([...(await names(nodes, 4))].sort().join(''), 'aabb');
  assert.deepEqual(events, ['panic']);
});

test('goes on whatever a listener does in an event', async () => {
  const down = new Set<string>();
  const nodes = balancer({
    targets: abc,
    health: [{ state: (name) => (down.has(name) ? 'down' : 'up') }],
    panicThreshold: 0.5,
    onEvent: ({ type }) => {
      if (type === 'panic') nodes.add({ name: 'd' });
      if (type === 'added') nodes.remove('a');
      if (type === 'removed') void nodes.drain('c');
      if (type === 'drained') nodes[Symbol.dispose]();
      if (type === 'no-target') nodes.add({ name: 'e' });
    },
  });
  down.add('a').add('b');
  for (let i = 0; i < 2; i++)
    await assert.rejects(names(nodes, 1), { message: 'there are no targets: it was disposed of' });
});

test('sends a call to nobody who was drained or removed when the call itself told of a panic', async () => {
  const events: string[] = [];
  let ill = 'b';
  const nodes = balancer({
    targets: [...abc, { name: 'd' }],
    health: [{ state: (name) => (ill.includes(name) ? 'down' : 'up') }],
    panicThreshold: 0.8,
    onEvent: ({ type }) => {
      events.push(type);
      if (type !== 'panic') return;
      void nodes.drain('a');
      nodes.remove('b');
      nodes.remove('c');
    },
  });
  assert.equal(await names(nodes, 1), 'd');
  ill = '';
  assert.equal(await names(nodes, 1), 'd');
  assert.deepEqual(events, ['panic', 'drained', 'removed', 'removed', 'panic-over']);
});
