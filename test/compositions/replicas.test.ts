import assert from 'node:assert/strict';
import fc from 'fast-check';
import { test } from 'vitest';
import { type Replicas, type ReplicasEvent, type ReplicasOptions, replicas } from '../../src/compositions/replicas.ts';
import { NoTargetError } from '../../src/core/errors.ts';
import type { Health } from '../../src/core/health.ts';
import { pipeline } from '../../src/core/pipeline.ts';
import type { Router } from '../../src/core/router.ts';
import { ManualClock } from '../../src/testing/manual-clock.ts';
import { reported } from '../core/support.ts';
import vectors from '../vectors/traffic-replica-staleness-a.json' with { type: 'json' };

interface Node {
  readonly name: string;
  at: number;
}

function call(router: Router<Node>, task: (node: Node) => unknown = ({ name }) => name): Promise<unknown> {
  return pipeline().execute(router.route(task));
}

/** A primary `p` and replicas `a`, `b`, …, at these positions; those in `ill` are down. */
function setUp(primary: number, others: number[], options: Partial<ReplicasOptions<Node>> = {}) {
  const clock = new ManualClock();
  const ill = new Set<string>();
  const told: string[] = [];
  const p: Node = { name: 'p', at: primary };
  const rest = others.map((at, i): Node => ({ name: 'abc'[i] as string, at }));
  const health = {
    state: (name: string) => (ill.has(name) ? ('down' as const) : ('up' as const)),
    record: (node: Node, verdict: string, elapsed: number) => void told.push(`${node.name} ${verdict} ${elapsed}`),
  };
  const nodes: Replicas<Node> = replicas({
    primary: p,
    replicas: rest,
    position: ({ at }) => at,
    health: [health],
    clock,
    ...options,
  });
  return { clock, ill, told, p, rest, nodes };
}

test('sends writes to the primary, and reads to each replica in turn', async () => {
  const { nodes, p } = setUp(5, [5, 4]);
  assert.equal(await call(nodes.write, (node) => node === p), true);
  const read = nodes.read();
  assert.deepEqual([await call(read), await call(read), await call(read)], ['a', 'b', 'a']);
});

test('reads from no replica that is further behind than it may be', async () => {
  const { nodes, rest } = setUp(10_000, [9_000, 8_999], { maxStaleness: 1_000 });
  assert.deepEqual([await call(nodes.read()), await call(nodes.read())], ['a', 'a']);
  (rest[0] as Node).at = 0;
  assert.equal(await call(nodes.read()), 'p');
});

test('measures by the freshest replica while the primary is not well', async () => {
  const { nodes, ill } = setUp(100_000, [9_000, 8_000, 7_999], { maxStaleness: 1_000 });
  ill.add('p');
  assert.deepEqual([await call(nodes.read()), await call(nodes.read())], ['a', 'b']);
});

test('reads what the session has written: from who has it, or from the primary', async () => {
  const { nodes } = setUp(7, [6, 3]);
  assert.deepEqual([await call(nodes.read({ position: 6 })), await call(nodes.read({ position: 6 }))], ['a', 'a']);
  assert.equal(await call(nodes.read({ position: 7 })), 'p');
});

test('reads from no replica that is not well, and from the primary if there is no other, whatever its health', async () => {
  const { nodes, ill } = setUp(5, [5, 5]);
  ill.add('a');
  assert.deepEqual([await call(nodes.read()), await call(nodes.read())], ['b', 'b']);
  ill.add('b').add('p');
  assert.equal(await call(nodes.read()), 'p');
  assert.equal(await call(nodes.write), 'p');
});

test('a replica whose position is not known gets no reads, where that matters', async () => {
  const { nodes } = setUp(5, [Number.NaN], { maxStaleness: 10 });
  assert.equal(await call(nodes.read()), 'p');
});

test('a replica whose position is not known gets reads where that does not matter', async () => {
  const { nodes } = setUp(5, [Number.NaN]);
  assert.equal(await call(nodes.read()), 'a');
  assert.equal(await call(nodes.read({ position: 0 })), 'p');
});

test('promotes the freshest replica that is well, and has the old primary take no further part', async () => {
  const { nodes, ill, p, rest } = setUp(9, [6, 8, 7]);
  ill.add('b');
  const { primary } = nodes.promote();
  assert.equal(primary, rest[2]);
  assert.equal(nodes.primary, primary);
  assert.equal(await call(nodes.write), 'c');
  ill.clear();
  assert.deepEqual([await call(nodes.read()), await call(nodes.read()), await call(nodes.read())], ['a', 'b', 'a']);
  assert.ok(nodes.primary !== p);
});

test('a fence is above all before it, also when the wall clock stands, and above those of an earlier run', async () => {
  const { nodes, clock } = setUp(9, [6, 8, 7]);
  const first = nodes.promote().fence;
  const second = nodes.promote().fence;
  assert.equal(first, BigInt(clock.wall()) * 1_000n);
  assert.equal(second, first + 1n);
  await clock.advance(1);
  const next = replicas({ primary: { name: 'p' }, replicas: [{ name: 'a' }], position: () => 0, clock });
  assert.ok(next.promote().fence > second);
});

test('with fences, the writes that an old primary still gets are refused', async () => {
  const { nodes, p } = setUp(1, [1]);
  const fences = new Map<Node, bigint>([[p, 0n]]);
  let highest = 0n;
  const written: string[] = [];
  /** What the data are kept in. */
  const store = (row: string, fence: bigint): void => {
    if (fence < highest) throw new Error(`fenced off: ${fence}`);
    highest = fence;
    written.push(row);
  };
  let resume = (): void => {};
  const slow = call(nodes.write, async (node) => {
    await new Promise<void>((resolve) => (resume = resolve));
    store('late', fences.get(node) as bigint);
  });
  const { primary, fence } = nodes.promote();
  fences.set(primary, fence);
  await call(nodes.write, (node) => store('new', fences.get(node) as bigint));
  resume();
  await assert.rejects(slow, /fenced off: 0/);
  assert.deepEqual(written, ['new']);
});

test('a replica whose position is not known is not promoted, and hides no other', async () => {
  const { nodes, rest, ill } = setUp(9, [3, Number.NaN, 5], { maxStaleness: 2 });
  ill.add('p');
  assert.deepEqual([await call(nodes.read()), await call(nodes.read())], ['a', 'c']);
  assert.equal(nodes.promote().primary, rest[2]);
  assert.equal(nodes.promote().primary, rest[0]);
  const none = (error: unknown) =>
    error instanceof NoTargetError && error.targets.get('b') === 'of unknown position' && error.targets.size === 1;
  assert.throws(() => nodes.promote(), none);
});

test('tells of promotions, and of reads that find no replica fit for them', async () => {
  const events: ReplicasEvent[] = [];
  const { nodes, ill, clock } = setUp(9, [6, 8], { name: 'db', onEvent: (event) => void events.push(event) });
  await call(nodes.read());
  assert.deepEqual(events, []);
  await call(nodes.read({ position: 9 }));
  ill.add('a');
  nodes.promote();
  await call(nodes.read());
  const fence = BigInt(clock.wall()) * 1_000n;
  assert.deepEqual(events, [
    { type: 'no-replica', name: 'db', primary: 'p' },
    { type: 'promoted', name: 'db', from: 'p', to: 'b', fence },
    { type: 'no-replica', name: 'db', primary: 'b' },
  ]);
  assert.throws(() => nodes.promote(), { name: 'db', message: 'no replica is well enough to be promoted: a is down' });
});

test('promotes nobody if no replica is well, and says why', () => {
  const { nodes, ill } = setUp(9, [6, 8]);
  ill.add('a').add('b');
  assert.throws(
    () => nodes.promote(),
    (error) =>
      error instanceof NoTargetError &&
      error.targets.get('a') === 'down' &&
      error.targets.size === 2 &&
      nodes.primary.name === 'p',
  );
});

test('tells healths what became of calls', async () => {
  const { nodes, told, clock } = setUp(1, [1]);
  const done = call(nodes.read(), async () => {
    await new Promise<void>((resolve) => clock.schedule(5, resolve));
    throw new Error('no');
  });
  done.catch(() => {});
  await clock.advance(5);
  await call(nodes.write);
  assert.deepEqual(told, ['a failure 5', 'p success 0']);
});

test('routes within the bound as MongoDB would', async () => {
  for (const each of vectors.cases) {
    // The estimate's heartbeat is the age of what is known: here positions are asked for at once.
    const maxStaleness = each.maxStalenessMs - each.heartbeatMs;
    if (each.primary) {
      const { primary, secondary } = each as unknown as Record<
        'primary' | 'secondary',
        { updateMs: number; writeMs: number }
      >;
      // Both as seen at one time.
      const written = secondary.writeMs + primary.updateMs - secondary.updateMs;
      const { nodes } = setUp(primary.writeMs, [written], { maxStaleness });
      assert.equal(await call(nodes.read()), each.eligible ? 'a' : 'p');
    } else {
      const { nodes, ill } = setUp(0, each.secondaryWriteMs as number[], { maxStaleness });
      ill.add('p');
      const got = new Set([await call(nodes.read()), await call(nodes.read()), await call(nodes.read())]);
      assert.deepEqual(
        ['a', 'b', 'c'].map((name) => got.has(name)),
        each.eligible,
      );
    }
  }
});

test('no read is further behind than it may be, nor behind its own session', async () => {
  const step = fc.record({
    write: fc.nat(3),
    catchUp: fc.record({ who: fc.nat(2), by: fc.nat(10) }),
    session: fc.option(fc.nat(20), { nil: undefined }),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), fc.nat(10), async (steps, maxStaleness) => {
      const { nodes, p, rest } = setUp(0, [0, 0, 0], { maxStaleness });
      for (const { write, catchUp, session } of steps) {
        p.at += write;
        const node = rest[catchUp.who] as Node;
        node.at = Math.min(p.at, node.at + catchUp.by);
        const position = session === undefined ? undefined : Math.max(p.at - session, 0);
        await call(nodes.read(position === undefined ? undefined : { position }), ({ at }) => {
          assert.ok(p.at - at <= maxStaleness);
          assert.ok(at >= (position ?? 0));
        });
      }
    }),
  );
});

test('takes no options but good ones [7]', () => {
  const primary = { name: 'p' };
  const position = (): number => 0;
  const bad: [options: unknown, error: RegExp][] = [
    [{ replicas: [], position }, /replicas: primary and replicas must be objects with a name, got undefined/],
    [{ primary, position }, /replicas: replicas must be iterable, such as an array, got undefined/],
    [{ primary, replicas: [primary], position }, /names of their own, got "p" twice/],
    [{ primary, replicas: [] }, /replicas: position must be a function/],
    [{ primary, replicas: [], position, maxStaleness: -1 }, /replicas: maxStaleness must be/],
    [{ primary, replicas: [], position, health: {} }, /replicas: health must be an array/],
    [{ primary, replicas: [], position, clock: 1 }, /replicas: clock must be/],
    [{ primary, replica: [], position }, /did you mean "replicas"/],
  ];
  for (const [options, error] of bad) assert.throws(() => replicas(options as ReplicasOptions<Node>), error);
  const nodes = replicas({ primary, replicas: [], position });
  for (const [session, error] of [
    [5, /session must be an object/],
    [{}, /session.position must be a number, got undefined/],
    [{ position: '5' }, /session.position must be a number, got "5"/],
  ] as const)
    assert.throws(() => nodes.read(session as unknown as { position: number }), error);
});

test('a health that fails when it is told changes no call, and is reported [101]', async () => {
  const fails = (): never => {
    throw new Error('no');
  };
  const health: Health[] = [
    { state: () => 'up', record: fails },
    { state: () => 'up', record: async () => fails() },
  ];
  const nodes = replicas({ primary: { name: 'p' }, replicas: [{ name: 'a' }], position: () => 0, health });
  assert.equal(await pipeline().execute(nodes.read().route(async ({ name }) => name)), 'a');
  await new Promise(setImmediate);
  assert.equal(reported.splice(0).length, 2);
});

test('reads from all that are fit in turn, also where every second read is fit for one alone', async () => {
  const at: Record<string, number> = { p: 9, a: 5, b: 9, c: 5 };
  const nodes = replicas({
    primary: { name: 'p' },
    replicas: [{ name: 'a' }, { name: 'b' }, { name: 'c' }],
    position: ({ name }) => at[name] as number,
  });
  const got: string[] = [];
  for (let i = 0; i < 6; i++) {
    await pipeline().execute(nodes.read({ position: 9 }).route(({ name }) => assert.equal(name, 'b')));
    got.push(await pipeline().execute(nodes.read().route(({ name }) => name)));
  }
  assert.deepEqual(got, ['a', 'c', 'a', 'c', 'a', 'c']);
});
