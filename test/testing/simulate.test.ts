import assert from 'node:assert/strict';
import { test } from 'vitest';
import { constant } from '../../src/algorithms/backoff.ts';
import { pipeline } from '../../src/core/pipeline.ts';
import type { Policy, Task } from '../../src/core/policy.ts';
import type { Random } from '../../src/core/random.ts';
import type { Router, Target } from '../../src/core/router.ts';
import { bulkhead } from '../../src/policies/bulkhead.ts';
import { fallback } from '../../src/policies/fallback.ts';
import { retry } from '../../src/policies/retry.ts';
import { timeout } from '../../src/policies/timeout.ts';
import { simulate } from '../../src/testing/simulate.ts';
import type { SimulationClient, SimulationOptions, SimulationServer } from '../../src/testing/simulation.ts';

const exponential = (mean: number) => (random: Random) => -mean * Math.log(1 - random());
const every = (gap: number) => () => gap;
/** Gaps as listed, and then no more. */
const after = (...gaps: number[]) => {
  const left = [...gaps];
  return () => left.shift() ?? Infinity;
};

const server = (options: Partial<SimulationServer> = {}): SimulationServer => ({
  name: 'server',
  workers: 1,
  service: every(100),
  ...options,
});
const client = (options: Partial<SimulationClient> = {}): SimulationClient => ({
  name: 'client',
  arrivals: after(0),
  ...options,
});
/** One server and one client, ten seconds. */
const run = (
  ofServer: Partial<SimulationServer>,
  ofClient: Partial<SimulationClient>,
  more: Partial<SimulationOptions> = {},
) => simulate({ duration: 10_000, servers: [server(ofServer)], clients: [client(ofClient)], ...more });

/** The mean of the latencies, from their quantiles. */
function mean({ quantile }: { quantile(q: number): number }): number {
  const parts = 1_000;
  return Array.from({ length: parts }, (_, i) => quantile((i + 0.5) / parts)).reduce((a, b) => a + b) / parts;
}

/** The chance that a call of M/M/c has to wait (Erlang's C formula). */
function erlangC(c: number, load: number): number {
  let term = 1;
  let sum = 0;
  for (let k = 0; k < c; k++) {
    sum += term;
    term *= load / (k + 1);
  }
  const waiting = (term * c) / (c - load);
  return waiting / (sum + waiting);
}

test.each([
  { workers: 1, load: 0.5 },
  { workers: 1, load: 0.8 },
  { workers: 4, load: 3.2 },
  { workers: 10, load: 9 },
])('takes the mean time that theory says of M/M/$workers at load $load', async ({ workers, load }) => {
  const service = 10;
  const result = await simulate({
    duration: 300_000 * (service / load),
    servers: [server({ workers, service: exponential(service) })],
    clients: [client({ arrivals: exponential(service / load) })],
  });
  const expected = service + (erlangC(workers, load) * service) / (workers - load);
  const found = mean(result);
  assert.ok(Math.abs(found / expected - 1) < 0.05, `${found} instead of ${expected}`);
  assert.ok(Math.abs(result.perServer.server!.busy / (load / workers) - 1) < 0.02);
});

test('refuses as many as theory says of M/M/c/c, where nobody waits', async () => {
  const [workers, load] = [5, 4];
  const result = await run(
    { workers, queue: 0, service: exponential(10) },
    { arrivals: exponential(10 / load) },
    { duration: 1_000_000 },
  );
  let blocked = 1;
  for (let k = 1; k <= workers; k++) blocked = (load * blocked) / (k + load * blocked);
  assert.ok(Math.abs(result.failed / result.offered / blocked - 1) < 0.03);
});

test('serves in the order of arrival, as many at once as there are workers', async () => {
  const result = await run({ workers: 2 }, { arrivals: after(0, 0, 0, 10) });
  assert.deepEqual([0.25, 0.5, 0.75, 1].map(result.quantile), [100, 100, 190, 200]);
  assert.deepEqual([result.offered, result.served, result.late, result.failed], [4, 4, 0, 0]);
});

test('waits in line without a bound, and refuses at once where the line is full', async () => {
  const arrivals = (): (() => number) => after(0, 0, 0, 0);
  assert.equal((await run({}, { arrivals: arrivals() })).served, 4);
  const seen: unknown[] = [];
  const policy = (): Policy => seeing(seen);
  const bounded = await run({ queue: 1 }, { arrivals: arrivals(), policy });
  assert.deepEqual([bounded.served, bounded.failed], [2, 2]);
  assert.deepEqual(seen, ['ERR_SERVER_FULL at 0', 'ERR_SERVER_FULL at 0']);
  assert.equal(bounded.perServer.server?.calls, 4);
});

/** Notes the errors of tries, and when they came. */
function seeing(seen: unknown[], clock: { now(): number } = { now: () => 0 }): Policy {
  return {
    execute: async (task: Task<never>, context) => {
      try {
        return await pipeline().execute(task, context);
      } catch (error) {
        seen.push(`${(error as { code: string }).code} at ${clock.now()}`);
        throw error;
      }
    },
  } as Policy;
}

test('counts an answer after the deadline as late, and one that had not come at the end', async () => {
  const late = await run({}, { arrivals: after(0, 0, 0), deadline: 200 });
  assert.deepEqual([late.served, late.late, late.failed], [2, 1, 0]);
  const never = await run({ service: every(Infinity) }, { arrivals: after(0, 9_900), deadline: 200 });
  assert.deepEqual([never.offered, never.served, never.late, never.failed], [2, 0, 1, 0]);
});

test('tells policies of the deadline and the priority, and of nothing where there is none', async () => {
  const seen: unknown[] = [];
  const policy = (): Policy<unknown> => ({ execute: (_task, said) => Promise.resolve(seen.push(said)) });
  await run({}, { arrivals: after(5), deadline: 200, priority: 2, policy });
  await run({}, { policy });
  assert.deepEqual(seen, [{ deadline: 205, priority: 2 }, undefined]);
});

test('lets abandoned work leave the line when it is aborted, and no worker', async () => {
  // The first is with the worker when its caller goes, the second waits; the third comes later.
  const policy: SimulationClient['policy'] = (clock) => timeout({ duration: 50, clock });
  const patient = client({ name: 'patient', arrivals: after(60) });
  const result = await simulate({
    duration: 10_000,
    servers: [server()],
    clients: [client({ arrivals: after(0, 0), policy }), patient],
  });
  assert.deepEqual([result.served, result.failed], [1, 2]);
  assert.equal(result.quantile(1), 140);
  assert.equal(result.perServer.server?.busy, 0.02);
});

test('goes on serving abandoned work of which it is not told', async () => {
  const unheard: Policy = {
    execute: (task, context) => pipeline().execute(task, { ...context, signal: new AbortController().signal }),
  };
  const policy: SimulationClient['policy'] = (clock) => pipeline(timeout({ duration: 50, clock }), unheard);
  const patient = client({ name: 'patient', arrivals: after(60) });
  const result = await simulate({
    duration: 10_000,
    servers: [server()],
    clients: [client({ arrivals: after(0, 0), policy }), patient],
  });
  assert.equal(result.quantile(1), 240);
  assert.equal(result.perServer.server?.busy, 0.03);
});

test('loses what a server has when it goes down, refuses what comes, and serves again when it is up', async () => {
  const seen: unknown[] = [];
  const policy: SimulationClient['policy'] = (clock) => seeing(seen, clock);
  const arrivals = after(0, 0, 60, 60);
  const result = await run(
    {},
    { arrivals, policy },
    {
      events: [
        { at: 50, server: 'server', set: 'down' },
        { at: 100, server: 'server', set: 'up' },
      ],
    },
  );
  assert.deepEqual(seen, ['ERR_SERVER_DOWN at 50', 'ERR_SERVER_DOWN at 50', 'ERR_SERVER_DOWN at 60']);
  assert.deepEqual([result.served, result.failed, result.quantile(1)], [1, 3, 100]);
  assert.equal(result.perServer.server?.busy, 0.015);
});

test('works on nothing while a server hangs, and then goes on where it was', async () => {
  const events = [
    { at: 40, server: 'server', set: 'hang' },
    { at: 1_040, server: 'server', set: 'up' },
  ] as const;
  const result = await run({}, { arrivals: after(0, 10) }, { events });
  assert.deepEqual([0.5, 1].map(result.quantile), [1_100, 1_190]);
});

test('slows down what is left of work begun, and all that comes', async () => {
  const events = [{ at: 40, server: 'server', set: { slower: 3 } }] as const;
  const result = await run({}, { arrivals: after(0, 0) }, { events });
  assert.deepEqual([0.5, 1].map(result.quantile), [40 + 180, 40 + 180 + 300]);
});

test('spreads tries over servers, or sends them where a router says', async () => {
  const servers = ['a', 'b'].map((name) => server({ name, workers: 1_000 }));
  const spread = await simulate({ duration: 10_000, servers, clients: [client({ arrivals: every(1) })] });
  const share = spread.perServer.a!.calls / spread.offered;
  assert.ok(share > 0.48 && share < 0.52, `${share}`);
  const router = (): Router<Target> => ({ route: (task) => (context) => task({ name: 'b' }, context) });
  const routed = await simulate({ duration: 10_000, servers, clients: [client({ arrivals: every(1), router })] });
  assert.deepEqual([routed.perServer.a?.calls, routed.perServer.b?.calls], [0, 10_000]);
});

test('hears a signal that a router hands on in a context of its own', async () => {
  const router = (): Router<Target> => ({
    route: (task) => (context) =>
      task({ name: 'server' }, { ...context, signal: context.signal, attempt: 1, priority: 0, cost: 1, deadline: 0 }),
  });
  const policy: SimulationClient['policy'] = (clock) => timeout({ duration: 50, clock });
  const result = await run({}, { arrivals: after(0, 0), router, policy });
  assert.equal(result.perServer.server?.busy, 0.01);
});

test('counts tries at servers, and calls at clients, second by second', async () => {
  const policy: SimulationClient['policy'] = (clock) =>
    retry({ maxAttempts: 3, backoff: constant({ delay: 500 }), clock });
  const events = [
    { at: 0, server: 'server', set: 'down' },
    { at: 900, server: 'server', set: 'up' },
  ] as const;
  const result = await run({}, { arrivals: after(100), policy }, { duration: 2_500, events });
  assert.deepEqual(result.series, [
    { at: 0, calls: 2, served: 0, failed: 0 },
    { at: 1_000, calls: 1, served: 1, failed: 0 },
    { at: 2_000, calls: 0, served: 0, failed: 0 },
  ]);
  assert.deepEqual(result.perClient, { client: { offered: 1, served: 1 } });
});

test('takes a stand-in value for an answer', async () => {
  const policy = (): Policy<unknown> => fallback({ value: 'stale' });
  const result = await run({ queue: 0 }, { arrivals: after(0, 0), policy });
  assert.deepEqual([result.served, result.failed, result.quantile(0.5)], [2, 0, 0]);
});

const busy: SimulationOptions = {
  duration: 20_000,
  servers: [
    server({ workers: 4, queue: 20, service: exponential(20) }),
    server({ name: 'other', service: exponential(10) }),
  ],
  clients: [
    client({ arrivals: exponential(5), deadline: 200 }),
    client({
      name: 'guarded',
      arrivals: exponential(8),
      deadline: 300,
      policy: (clock, random) =>
        pipeline(retry({ clock, random }), bulkhead({ maxConcurrent: 10, clock }), timeout({ duration: 90, clock })),
    }),
  ],
  events: [
    { at: 5_000, server: 'server', set: 'down' },
    { at: 8_000, server: 'server', set: { slower: 2 } },
    { at: 12_000, server: 'server', set: 'hang' },
    { at: 13_000, server: 'server', set: 'up' },
  ],
};

test('goes the same way for one seed, and another for another', async () => {
  const told = async (seed: number): Promise<string> => JSON.stringify(await simulate({ ...busy, seed }));
  assert.equal(await told(7), await told(7));
  assert.notEqual(await told(7), await told(8));
  assert.equal(await told(1), JSON.stringify(await simulate(busy)));
});

test('leaves who comes when as it was, whatever the policy', async () => {
  const [plain, guarded] = busy.clients as SimulationClient[];
  const arrivals = async (policy: SimulationClient['policy']): Promise<unknown> => {
    const seen: number[] = [];
    const noting = {
      ...guarded!,
      policy: (clock: never, random: never) => {
        const inner = pipeline(policy!(clock, random));
        return {
          execute: ((task, context) => {
            seen.push((context as { deadline: number }).deadline);
            return inner.execute(task, context);
          }) as Policy<unknown>['execute'],
        };
      },
    };
    await simulate({ ...busy, clients: [plain!, noting as SimulationClient] });
    return seen;
  };
  assert.deepEqual(await arrivals(() => pipeline()), await arrivals(guarded!.policy));
});

test('accounts for every call: served, late, failed, or under way', async () => {
  for (let seed = 1; seed <= 5; seed++) {
    const { offered, served, late, failed, perClient, series } = await simulate({ ...busy, seed });
    // At most what two servers hold, and what waits for another try.
    const underWay = offered - served - late - failed;
    assert.ok(underWay >= 0 && underWay < 100, `${underWay} under way, seed ${seed}`);
    const each = Object.values(perClient);
    assert.equal(
      each.reduce((sum, one) => sum + one.offered, 0),
      offered,
    );
    assert.equal(
      each.reduce((sum, one) => sum + one.served, 0),
      served,
    );
    assert.equal(
      series.reduce((sum, one) => sum + one.served, 0),
      served,
    );
    assert.equal(
      series.reduce((sum, one) => sum + one.failed, 0),
      failed,
    );
  }
});

test('runs dry in the end: nothing is under way once nobody comes any more', async () => {
  const few = (client: SimulationClient): SimulationClient => {
    let left = 1_000;
    return { ...client, arrivals: (random) => (left-- > 0 ? client.arrivals(random) : Infinity) };
  };
  const { offered, served, late, failed } = await simulate({
    ...busy,
    duration: 60_000,
    clients: [...busy.clients].map(few),
  });
  assert.equal(offered, 2_000);
  assert.equal(served + late + failed, offered);
});

test('says NaN of the latency where no call was served', async () => {
  const result = await simulate({ duration: 1_000, servers: [server()], clients: [] });
  assert.ok(Number.isNaN(result.quantile(0.5)));
  assert.deepEqual([result.offered, result.perServer], [0, { server: { calls: 0, busy: 0 } }]);
  for (const q of [-0.1, 1.1, Number.NaN]) assert.throws(() => result.quantile(q), RangeError);
});

test('ends where a law of arrivals lets no time pass', async () => {
  // Nothing is asked of the server: its line is full.
  const full = { workers: 1, queue: 0, service: every(Infinity) };
  await assert.rejects(
    run(full, { arrivals: every(0) }),
    /simulate: arrivals of "\w+" must come to an end, got 0 always/,
  );
});

test('ends with what a law throws, or with an error of its own where it gives no time', async () => {
  const boom = new Error('boom');
  const throwing = (): never => {
    throw boom;
  };
  for (const [ofServer, ofClient] of [
    [{}, { arrivals: throwing }],
    [{ service: throwing }, {}],
    [{ service: throwing }, { policy: () => retry() }],
  ] as const) {
    await assert.rejects(run(ofServer, ofClient), boom);
  }
  for (const wrong of [Number.NaN, -1, '1' as never]) {
    await assert.rejects(
      run({}, { arrivals: () => wrong }),
      /simulate: arrivals of "client" must be a number of milliseconds, 0 or more/,
    );
    await assert.rejects(
      run({ service: () => wrong }, {}),
      /simulate: service of "server" must be a number of milliseconds, 0 or more/,
    );
  }
  const router = (): Router<Target> => ({ route: (task) => (context) => task({ name: 'none' }, context) });
  await assert.rejects(run({}, { router }), {
    name: 'RangeError',
    message: /router must pick a server by its name, got "none"/,
  });
});

test.each<[string, unknown]>([
  ['duration', { duration: 0 }],
  ['duration', { duration: Number.NaN }],
  ['duration', { duration: Infinity }],
  ['duration', { duration: undefined }],
  ['seed', { seed: 1.5 }],
  ['servers', { servers: [] }],
  ['servers', { servers: 5 }],
  ['clients', { clients: undefined }],
  ['server: name', { servers: [server({ name: 5 as never })] }],
  ['server: name', { servers: [server(), server()] }],
  ['server: workers', { servers: [server({ workers: 0 })] }],
  ['server: workers', { servers: [server({ workers: undefined as never })] }],
  ['server: queue', { servers: [server({ queue: -1 })] }],
  ['server: service', { servers: [server({ service: 10 as never })] }],
  ['client: name', { clients: [client(), client()] }],
  ['client: arrivals', { clients: [{ name: 'client' }] }],
  ['client: deadline', { clients: [client({ deadline: -1 })] }],
  ['client: policy', { clients: [client({ policy: {} as never })] }],
  ['client: priority', { clients: [client({ priority: Number.NaN })] }],
  ['event: at', { events: [{ at: Number.NaN, server: 'server', set: 'up' }] }],
  ['event: server', { events: [{ at: 0, server: 'none', set: 'up' }] }],
  ['event: set', { events: [{ at: 0, server: 'server', set: 'off' }] }],
  ['slower', { events: [{ at: 0, server: 'server', set: { slower: 0 } }] }],
  ['slower', { events: [{ at: 0, server: 'server', set: {} }] }],
  ['unknown option "server"', { server: [] }],
  ['unknown option "queu"', { servers: [{ ...server(), queu: 5 }] }],
])('refuses a wrong %s', async (name, wrong) => {
  await assert.rejects(
    simulate({ duration: 1_000, servers: [server()], clients: [client()], ...(wrong as object) }),
    (error: Error) => (error instanceof RangeError || error instanceof TypeError) && error.message.includes(name),
  );
});

test('keeps names apart that mean something elsewhere', async () => {
  const name = '__proto__';
  const result = await run({ name }, { name });
  assert.deepEqual(Object.keys(result.perServer), [name]);
  assert.deepEqual(Object.keys(result.perClient), [name]);
});
