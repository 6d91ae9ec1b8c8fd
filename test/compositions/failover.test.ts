import assert from 'node:assert/strict';
import { test } from 'vitest';
import { type Failover, type FailoverEvent, failover } from '../../src/compositions/failover.ts';
import { attemptsOf } from '../../src/core/attempts.ts';
import { CircuitOpenError, RejectedError, TimeoutError } from '../../src/core/errors.ts';
import type { Health } from '../../src/core/health.ts';
import { held } from '../../src/core/held.ts';
import { pipeline } from '../../src/core/pipeline.ts';
import type { CallOptions } from '../../src/core/policy.ts';
import { retry } from '../../src/policies/retry.ts';
import { timeout } from '../../src/policies/timeout.ts';
import { ManualClock } from '../../src/testing/manual-clock.ts';
import { reported } from '../core/support.ts';

interface Node {
  readonly name: string;
  readonly priority?: number;
}
const [a, b, c]: [Node, Node, Node] = [{ name: 'a' }, { name: 'b' }, { name: 'c' }];

/** Fails at these nodes, and gives the name of any other. */
const failing =
  (...names: string[]) =>
  async ({ name }: Node): Promise<string> => {
    if (names.includes(name)) throw new Error(`${name} failed`);
    return name;
  };

function call(nodes: Failover<Node>, task: (node: Node) => unknown, options?: CallOptions): Promise<unknown> {
  return pipeline().execute(nodes.route(task), options);
}

/** Of nodes that are ill, as the test says. */
function known(...ill: string[]): Health<Node> & { ill: Set<string>; told: string[] } {
  const health = {
    ill: new Set(ill),
    told: [] as string[],
    state: (name: string) => (health.ill.has(name) ? ('down' as const) : ('up' as const)),
    record: (node: Node, verdict: string, elapsed: number) =>
      void health.told.push(`${node.name} ${verdict} ${elapsed}`),
  };
  return health;
}

/** Nodes whose calls end when they are told to. */
function slowly(clock: ManualClock) {
  const log: string[] = [];
  const ends: (() => void)[] = [];
  const task = ({ name }: Node): Promise<string> => {
    log.push(name);
    return new Promise((resolve) => ends.push(() => resolve(name)));
  };
  const end = async (): Promise<void> => {
    for (const each of ends.splice(0)) each();
    await clock.advance(0);
  };
  return { log, task, end };
}

test('sends all calls to the first target, which gets the very object, in the same turn [1]', async () => {
  const nodes = failover({ targets: [a, b] });
  let got: unknown;
  const done = call(nodes, (node) => (got = node));
  assert.equal(got, a);
  assert.equal(await done, a);
  assert.equal(nodes.active, a);
});

test('goes on at the next target when one fails, and stays there until that one fails', async () => {
  const nodes = failover({ targets: [a, b, c] });
  assert.equal(await call(nodes, failing('a')), 'b');
  assert.equal(nodes.active, b);
  assert.equal(await call(nodes, failing()), 'b');
  assert.equal(await call(nodes, failing('b')), 'a');
  assert.equal(nodes.active, a);
});

test('goes back as soon as it can, if it is to', async () => {
  const health = known('a');
  const nodes = failover({ targets: [a, b], health: [health], returning: true });
  assert.equal(await call(nodes, failing()), 'b');
  health.ill.clear();
  assert.equal(nodes.active, a);
  assert.equal(await call(nodes, failing()), 'a');
  // Without a health that says otherwise each call begins with the first.
  assert.equal(await call(nodes, failing('a')), 'b');
  assert.equal(await call(nodes, failing()), 'a');
});

test('stays where it is when the health of the first comes back', async () => {
  const health = known('a');
  const nodes = failover({ targets: [a, b], health: [health] });
  assert.equal(await call(nodes, failing()), 'b');
  health.ill.clear();
  assert.equal(await call(nodes, failing()), 'b');
  health.ill.add('b');
  assert.equal(nodes.active, a);
});

test('sends a call to no target that is not well', async () => {
  const nodes = failover({ targets: [a, b, c], health: [known('b'), known()] });
  assert.equal(await call(nodes, failing('a')), 'c');
  await assert.rejects(call(nodes, failing('a', 'c')), /a failed/);
});

test('takes all targets to be well when none is', async () => {
  const nodes = failover({ targets: [a, b], health: [known('a', 'b')] });
  assert.equal(await call(nodes, failing()), 'a');
  assert.equal(await call(nodes, failing('a')), 'b');
});

test('prefers those of a lower priority', async () => {
  const nodes = failover({ targets: [{ name: 'far', priority: 1 }, a, b] });
  assert.equal(nodes.active, a);
  assert.equal(await call(nodes, failing('a', 'b')), 'far');
});

test('tries each target once, fails with the last error, and tells of the one before', async () => {
  const nodes = failover({ targets: [a, b] });
  await assert.rejects(call(nodes, failing('a', 'b')), (error) => {
    const [before] = attemptsOf(error);
    assert.equal(String(error), 'Error: b failed');
    return before?.outcome.ok === false && String(before.outcome.error) === 'Error: a failed';
  });
});

test('moves on from a target whose circuit is open, but not from a call that was called off', async () => {
  const nodes = failover({ targets: [a, b] });
  const abort = new DOMException('called off', 'AbortError');
  await assert.rejects(
    call(nodes, () => Promise.reject(abort)),
    (error) => error === abort,
  );
  assert.equal(nodes.active, a);
  const open = (node: Node): string => {
    if (node === a) throw new CircuitOpenError({ name: 'a', message: 'open' });
    return node.name;
  };
  assert.equal(await call(nodes, open), 'b');
});

test('tries nothing again that says it must not be, but moves later calls', async () => {
  const nodes = failover({ targets: [a, b] });
  const error = Object.assign(new Error('half done'), { retryable: false });
  await assert.rejects(
    call(nodes, () => Promise.reject(error)),
    (thrown) => thrown === error,
  );
  assert.equal(nodes.active, b);
});

test('asks classify, also about values, and lets go of those it does not give', async () => {
  const released: string[] = [];
  const nodes = failover({
    targets: [a, b],
    classify: (outcome) => (outcome.ok && (outcome.value as { status: number }).status < 500 ? 'success' : 'failure'),
  });
  const answer = ({ name }: Node, status: number) => ({
    status,
    [Symbol.dispose]: () => void released.push(name),
  });
  const good = await call(nodes, (node) => answer(node, node === a ? 503 : 200));
  assert.equal((good as { status: number }).status, 200);
  assert.deepEqual(released, ['a']);
  const last = await call(nodes, (node) => answer(node, 500));
  assert.equal((last as { status: number }).status, 500);
  assert.deepEqual(released, ['a', 'b']);
});

test('tells healths what became of calls, by their own measure', async () => {
  const clock = new ManualClock();
  const health = known();
  const strict = Object.assign(known(), { classify: () => 'failure' as const });
  const nodes = failover({ targets: [a, b], health: [health, strict], clock });
  const done = call(nodes, async ({ name }) => {
    await new Promise<void>((resolve) => clock.schedule(5, resolve));
    if (name === 'a') throw new RejectedError({ name: 'x', message: 'full' });
  });
  await clock.advance(10);
  await done;
  assert.deepEqual(health.told, ['a ignore 5', 'b success 5']);
  assert.deepEqual(strict.told, ['a failure 5', 'b failure 5']);
});

test('neither moves nor tries again after its caller has gone; a timeout speaks against the target', async () => {
  const clock = new ManualClock();
  const health = known();
  const nodes = failover({ targets: [a, b], health: [health], clock });
  const caller = new AbortController();
  const seen: string[] = [];
  const heeding = nodes.route((node, { signal }) => {
    seen.push(node.name);
    return new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('stopped'))));
  });
  const gone = pipeline().execute(heeding, { signal: caller.signal });
  caller.abort('bye');
  await assert.rejects(gone, (reason) => reason === 'bye');
  assert.deepEqual([seen, nodes.active, health.told], [['a'], a, []]);
  const late = timeout({ duration: 100, clock }).execute(heeding);
  late.catch(() => {});
  await clock.advance(100);
  await assert.rejects(late, TimeoutError);
  assert.deepEqual([seen, nodes.active, health.told], [['a', 'a'], b, ['a failure 100']]);
});

test('a failure from before the last move says nothing of the target that is active now', async () => {
  const nodes = failover({ targets: [a, b] });
  let fail = (): void => {};
  const old = call(nodes, (node) =>
    node === a ? new Promise((_, reject) => (fail = () => reject(new Error('late')))) : node.name,
  );
  await call(nodes, failing('a'));
  await call(nodes, failing('b'));
  assert.equal(nodes.active, a);
  fail();
  assert.equal(await old, 'b');
  assert.equal(nodes.active, a);
});

test('a retry outside shows through: its number is what the task sees', async () => {
  const clock = new ManualClock();
  const nodes = failover({ targets: [a, b] });
  const seen: string[] = [];
  const done = retry({ maxAttempts: 2, clock }).execute(
    nodes.route(({ name }, { attempt }) => {
      seen.push(`${name}${attempt}`);
      throw new Error('no');
    }),
  );
  done.catch(() => {});
  await clock.advance(1_000);
  await assert.rejects(done, /no/);
  assert.deepEqual(seen, ['a1', 'b1', 'b2', 'a2']);
});

test('a prepared switch holds calls, waits for those under way, has everybody confirm, and lets them go to the new', async () => {
  const clock = new ManualClock();
  const nodes = failover({ targets: [a, b, c], health: [known('c')], clock });
  const { log, task, end } = slowly(clock);
  const asked: string[] = [];
  const first = call(nodes, task);
  const done = nodes.switchTo('b', { confirm: ({ name }) => void asked.push(name) });
  const second = call(nodes, task);
  await clock.advance(0);
  assert.deepEqual([log, asked, nodes.active], [['a'], [], a]);
  await end();
  await done;
  assert.deepEqual([await first, asked, nodes.active], ['a', ['a', 'b'], b]);
  await clock.advance(0);
  await end();
  assert.equal(await second, 'b');
  assert.deepEqual(log, ['a', 'b']);
  // It is the preferred one from now on: that is where a failure elsewhere leads back.
  assert.equal(await call(nodes, failing('b')), 'a');
  assert.equal(await call(nodes, failing('a')), 'b');
});

test('a switch waits for work that its caller has given up, and for what is held', async () => {
  const clock = new ManualClock();
  const nodes = failover({ targets: [a, b], clock });
  const { task, end } = slowly(clock);
  const caller = new AbortController();
  call(nodes, task, { signal: caller.signal }).catch(() => {});
  let close = (): void => {};
  assert.equal(await call(nodes, ({ name }) => held(name, new Promise<void>((resolve) => (close = resolve)))), 'a');
  caller.abort();
  const done = nodes.switchTo('b');
  await clock.advance(0);
  await end();
  assert.equal(nodes.active, a);
  close();
  await done;
  assert.equal(nodes.active, b);
});

test('a call made inside one that is under way is not held: it would wait for itself', async () => {
  const clock = new ManualClock();
  const nodes = failover({ targets: [a, b], clock });
  let go = (): void => {};
  const outer = pipeline().execute(
    nodes.route(async (_, context) => {
      await new Promise<void>((resolve) => (go = resolve));
      return pipeline().execute(
        nodes.route(({ name }) => name),
        context,
      );
    }),
  );
  const done = nodes.switchTo('b');
  go();
  assert.equal(await outer, 'a');
  await done;
});

test('a refusal leaves the old target active, gives it what was held, and tells who has agreed', async () => {
  const clock = new ManualClock();
  const nodes = failover({ targets: [a, b], clock });
  const reason = new Error('not caught up');
  let signal = new AbortController().signal;
  const refused = nodes.switchTo('b', {
    confirm(node, context) {
      signal = context.signal;
      if (node === b) throw reason;
    },
  });
  const waiting = call(nodes, failing());
  await assert.rejects(refused, (error) => error === reason);
  assert.deepEqual([await waiting, nodes.active, signal.reason], ['a', a, reason]);
  await assert.rejects(nodes.switchTo('b', { confirm: () => false }), RejectedError);
  assert.equal(nodes.active, a);
  await nodes.switchTo('b', { confirm: () => true });
  assert.equal(nodes.active, b);
});

test('a switch that takes too long leaves the old target active, whatever comes of it later', async () => {
  const clock = new ManualClock();
  const nodes = failover({ targets: [a, b], clock });
  const { task, end } = slowly(clock);
  const under = call(nodes, task);
  const asked: string[] = [];
  const late = nodes.switchTo('b', { timeout: 100, confirm: ({ name }) => void asked.push(name) });
  late.catch(() => {});
  const held = call(nodes, failing());
  await clock.advance(100);
  await assert.rejects(late, (error) => error instanceof TimeoutError && error.duration === 100);
  assert.equal(await held, 'a');
  await end();
  assert.deepEqual([await under, asked, nodes.active], ['a', [], a]);
  const hanging = nodes.switchTo('b', { confirm: () => new Promise(() => {}) });
  hanging.catch(() => {});
  await clock.advance(10_000);
  await assert.rejects(hanging, TimeoutError);
  assert.equal(nodes.active, a);
});

test('a held call can be called off, and one without the time to wait is turned away', async () => {
  const clock = new ManualClock();
  const nodes = failover({ targets: [a, b], clock });
  const { log, task, end } = slowly(clock);
  const first = call(nodes, task);
  const done = nodes.switchTo('b');
  const caller = new AbortController();
  const gone = call(nodes, task, { signal: caller.signal });
  const short = call(nodes, task, { deadline: 50 });
  short.catch(() => {});
  caller.abort('bye');
  await assert.rejects(gone, (reason) => reason === 'bye');
  await clock.advance(50);
  await assert.rejects(short, RejectedError);
  await end();
  await Promise.all([first, done]);
  assert.deepEqual(log, ['a']);
});

test('lets go of a value that is to be tried again when its caller leaves while it is held', async () => {
  const clock = new ManualClock();
  const nodes = failover({ targets: [a, b], clock, classify: ({ ok }) => (ok ? 'failure' : 'success') });
  const { task, end } = slowly(clock);
  const gone: string[] = [];
  const { signal, abort } = ((each) => ({ signal: each.signal, abort: () => each.abort('left') }))(
    new AbortController(),
  );
  const values = async (node: Node) => {
    const name = await task(node);
    return { name, [Symbol.dispose]: () => void gone.push(name) };
  };
  const [leaves, stays] = [call(nodes, values, { signal }), call(nodes, values)];
  const switching = nodes.switchTo('b', {
    confirm: () => new Promise((resolve) => clock.schedule(100, () => resolve(1))),
  });
  await end();
  assert.deepEqual(gone, []);
  abort();
  await assert.rejects(leaves, (error) => error === 'left');
  assert.deepEqual(gone, ['a']);
  await clock.advance(100);
  await switching;
  await end();
  assert.equal(((await stays) as Node).name, 'b');
  assert.deepEqual(gone, ['a', 'a']);
});

test('a failure during a switch moves nothing, but the call goes on where it is then right', async () => {
  const clock = new ManualClock();
  const nodes = failover({ targets: [a, b], clock });
  let fail = (): void => {};
  const first = call(nodes, (node) =>
    node === a ? new Promise((_, reject) => (fail = () => reject(new Error('a failed')))) : node.name,
  );
  const refused = nodes.switchTo('b', { confirm: () => false });
  refused.catch(() => {});
  fail();
  await assert.rejects(refused, RejectedError);
  assert.equal(nodes.active, a);
  assert.equal(await first, 'b');
});

test('no switch leads to a target that is ill, nor to one that falls ill meanwhile: its calls would go elsewhere', async () => {
  const health = known('b');
  const nodes = failover({ targets: [a, b, c], health: [health] });
  const asked: string[] = [];
  const confirm = ({ name }: Node) => void asked.push(name);
  await assert.rejects(nodes.switchTo('b', { confirm }), (error) => {
    return error instanceof RejectedError && error.message === 'b is not well';
  });
  assert.deepEqual([asked, nodes.active], [[], a]);
  health.ill.clear();
  await assert.rejects(nodes.switchTo('b', { confirm: () => void health.ill.add('b') }), /b is not well/);
  assert.equal(nodes.active, a);
  // If none is well, all are taken to be.
  for (const { name } of [a, b, c]) health.ill.add(name);
  await nodes.switchTo('b', { confirm });
  assert.equal(nodes.active, b);
});

test('tells of each switch and why, of a refusal, and of panic and its end', async () => {
  const health = known();
  const events: FailoverEvent[] = [];
  const clock = new ManualClock();
  const onEvent = (event: FailoverEvent) => events.push(event);
  const told = () => events.splice(0).map(({ name, type, ...rest }) => [name, type, ...Object.values(rest)]);
  const nodes = failover({ targets: [a, b], health: [health], returning: true, name: 'db', onEvent, clock });
  assert.equal(await call(nodes, failing('a')), 'b');
  const failure = (events[0] as { error?: Error }).error;
  assert.equal(failure?.message, 'a failed');
  assert.deepEqual(told(), [['db', 'switch', 'a', 'b', 'failure', failure]]);
  await call(nodes, failing());
  assert.deepEqual(told(), [['db', 'switch', 'b', 'a', 'return', undefined]]);
  health.ill.add('a');
  await call(nodes, failing());
  assert.deepEqual(told(), [['db', 'switch', 'a', 'b', 'health', undefined]]);
  health.ill.add('b');
  await call(nodes, failing());
  await call(nodes, failing());
  assert.deepEqual(told(), [
    ['db', 'panic'],
    ['db', 'switch', 'b', 'a', 'return', undefined],
  ]);
  health.ill.clear();
  await call(nodes, failing());
  assert.deepEqual(told(), [['db', 'panic-over']]);
  const refusal = nodes.switchTo('b', { confirm: () => false });
  await assert.rejects(refusal, { name: 'db', message: 'a does not confirm' });
  const [refused] = events as [FailoverEvent & { type: 'refused' }];
  assert.deepEqual(told(), [['db', 'refused', 'a', 'b', refused.error]]);
  await nodes.switchTo('b');
  assert.deepEqual(told(), [['db', 'switch', 'a', 'b', 'prepared', undefined]]);
});

test('one switch at a time, to a target there is; to the active one there is nothing to do', async () => {
  const clock = new ManualClock();
  const nodes = failover({ targets: [a, b], clock });
  const { task, end } = slowly(clock);
  const first = call(nodes, task);
  const done = nodes.switchTo('b');
  await assert.rejects(nodes.switchTo('b'), RejectedError);
  await end();
  await Promise.all([first, done]);
  await nodes.switchTo('b', { confirm: () => false });
  await assert.rejects(nodes.switchTo('z'), RangeError);
  await assert.rejects(nodes.switchTo('a', { timeout: Number.NaN }), RangeError);
  await assert.rejects(nodes.switchTo('a', { confrim: () => true } as object), TypeError);
  assert.equal(nodes.active, b);
});

test('a switch that a listener asks for waits for the call that was told of', async () => {
  const clock = new ManualClock();
  const health = known();
  let switching: Promise<void> | undefined;
  const nodes: Failover<Node> = failover({
    targets: [a, b, c],
    health: [health],
    clock,
    onEvent: ({ type }) => {
      if (type === 'switch') switching ??= nodes.switchTo('c');
    },
  });
  const { log, task, end } = slowly(clock);
  health.ill.add('a');
  const calls = [call(nodes, task), call(nodes, task)];
  await clock.advance(0);
  assert.deepEqual([log, nodes.active], [['b'], b]);
  await end();
  assert.deepEqual([log, nodes.active], [['b', 'c'], c]);
  await end();
  await Promise.all([switching, ...calls]);
});

test('a switch holds where failover returns, too', async () => {
  const nodes = failover({ targets: [a, b], returning: true });
  await nodes.switchTo('b');
  assert.equal(await call(nodes, failing()), 'b');
});

test('takes no options but good ones [7]', () => {
  const bad: [options: unknown, error: RegExp][] = [
    [undefined, /options must be an object/],
    [{}, /failover: targets must be iterable, such as an array, got undefined/],
    [{ targets: [] }, /failover: targets must be one or more, got none/],
    [{ targets: [a, { name: 'a' }] }, /names of their own, got "a" twice/],
    [{ targets: [a, null] }, /objects with a name, got null/],
    [{ targets: [a, { name: 'b', priority: NaN }] }, /failover: target.priority must be a number/],
    [{ targets: [a], health: [{}] }, /failover: health must be an object with state/],
    [{ targets: [a], health: 1 }, /failover: health must be/],
    [{ targets: [a], returning: 1 }, /failover: returning must be a boolean/],
    [{ targets: [a], classify: 1 }, /failover: classify must be a function/],
    [{ targets: [a], clock: {} }, /failover: clock must be an object with now/],
    [{ targets: [a], name: 1 }, /failover: name must be a string/],
    [{ targets: [a], onEvent: 1 }, /failover: onEvent must be a function/],
    [{ targets: [a], heatlh: [] }, /did you mean "health"/],
  ];
  for (const [options, error] of bad) assert.throws(() => failover(options as { targets: Node[] }), error);
});

test('a health that fails when it is told changes no call, keeps nothing from the others, and is reported [101]', async () => {
  const heard = known();
  const fails = (): never => {
    throw new Error('no');
  };
  const health: Health[] = [
    { state: () => 'up', record: fails },
    { state: () => 'up', record: async () => fails() },
    { state: () => 'up', record: () => {}, classify: fails },
    heard,
  ];
  const nodes = failover({ targets: [a, b], health });
  assert.equal(await call(nodes, async () => 'done'), 'done');
  await new Promise(setImmediate);
  assert.equal(reported.splice(0).length, 3);
  assert.deepEqual(
    heard.told.map((each) => each.slice(0, 9)),
    ['a success'],
  );
});
