import assert from 'node:assert/strict';
import { test } from 'vitest';
import { type HealthCheckEvent, type HealthCheckOptions, healthCheck } from '../../src/compositions/health-check.ts';
import { type HeartbeatOptions, heartbeat } from '../../src/compositions/heartbeat.ts';
import { loadBalancer } from '../../src/compositions/load-balancer.ts';
import { AbandonedError, TimeoutError } from '../../src/core/errors.ts';
import { onListenerError } from '../../src/core/events.ts';
import type { Target } from '../../src/core/router.ts';
import { ManualClock } from '../../src/testing/manual-clock.ts';
import { seededRandom } from '../../src/testing/seeded-random.ts';

const ab: Target[] = [{ name: 'a' }, { name: 'b' }];

test('takes a target down after three failed checks in a row, and up after two passed ones', async () => {
  const clock = new ManualClock();
  let well = true;
  const check = ({ name }: Target): unknown => {
    if (name === 'a' && !well) throw new Error('no');
    return undefined;
  };
  using health = healthCheck({ targets: ab, check, clock, random: seededRandom(1) });
  health.start();
  health.start();
  const states: string[] = [];
  const rounds = async (count: number): Promise<void> => {
    for (let i = 0; i < count; i++) {
      await clock.advance(2_000);
      states.push(`${health.state('a', clock.now())} ${health.state('b', clock.now())}`);
    }
  };
  await rounds(2);
  well = false;
  await rounds(3);
  well = true;
  await rounds(2);
  assert.deepEqual(states, ['up up', 'up up', 'up up', 'up up', 'down up', 'down up', 'up up']);
  assert.equal(health.state('nobody', clock.now()), 'up');
});

test('takes false, a rejection and an answer too late for a failed check, and anything else for a passed one', async () => {
  for (const [answer, state] of [
    [() => false, 'down'],
    [async () => false, 'down'],
    [() => Promise.reject(undefined), 'down'],
    [() => new Promise(() => {}), 'down'],
    [() => 0, 'up'],
    [async () => undefined, 'up'],
  ] as const) {
    const clock = new ManualClock();
    using health = healthCheck({ targets: ab, check: answer, fall: 1, clock });
    health.start();
    await clock.advance(4_000);
    assert.equal(health.state('a', clock.now()), state, String(answer));
  }
});

test('tells who goes down, of what, and who comes up again', async () => {
  const clock = new ManualClock();
  const events: HealthCheckEvent[] = [];
  const refused = new Error('refused');
  let check = (): unknown => Promise.reject(refused);
  using health = healthCheck({
    targets: [{ name: 'a' }],
    check: () => check(),
    name: 'pool',
    onEvent: (event) => void events.push(event),
    clock,
  });
  health.start();
  await clock.advance(20_000);
  assert.deepEqual(events.splice(0), [{ type: 'down', name: 'pool', target: 'a', error: refused }]);
  check = () => true;
  await clock.advance(20_000);
  assert.deepEqual(events.splice(0), [{ type: 'up', name: 'pool', target: 'a' }]);
  check = () => false;
  await clock.advance(20_000);
  assert.deepEqual(events.splice(0), [{ type: 'down', name: 'pool', target: 'a', error: undefined }]);
  check = () => true;
  await clock.advance(20_000);
  check = () => new Promise(() => {});
  await clock.advance(20_000);
  const [, down] = events as [HealthCheckEvent, HealthCheckEvent & { type: 'down' }];
  assert.ok(down.error instanceof TimeoutError && down.error.name === 'pool');
  assert.equal(events.length, 2);
});

test('asks a target every interval, give or take a tenth, each at another time', async () => {
  const clock = new ManualClock();
  const asked = new Map<string, number[]>();
  const targets = Array.from({ length: 20 }, (_, i) => ({ name: `t${i}` }));
  const check = ({ name }: Target): void => {
    asked.set(name, [...(asked.get(name) ?? []), clock.now()]);
  };
  using health = healthCheck({ targets, check, interval: 1_000, clock, random: seededRandom(2) });
  health.start();
  await clock.advance(10_000);
  for (const times of asked.values()) {
    assert.equal(times.length, 10);
    for (let i = 1; i < 10; i++) {
      const gap = (times[i] as number) - (times[i - 1] as number);
      assert.ok(gap >= 900 && gap <= 1_100, `${gap}`);
    }
  }
  const first = [...asked.values()].map(([time]) => time);
  assert.equal(asked.size, 20);
  assert.equal(new Set(first).size, 20);
});

test('never has two checks of one target at once; one that does not heed its signal fails each round', async () => {
  const clock = new ManualClock();
  let running = 0;
  let begun = 0;
  let answer = (): void => {};
  const reasons: unknown[] = [];
  const check = (_: Target, { signal }: { signal: AbortSignal }): Promise<void> => {
    begun++;
    assert.equal(++running, 1);
    signal.addEventListener('abort', () => reasons.push(signal.reason));
    return new Promise((resolve) => {
      answer = () => {
        running--;
        resolve();
      };
    });
  };
  using health = healthCheck({ targets: [{ name: 'a' }], check, interval: 100, timeout: 50, clock, random: () => 0.9 });
  health.start();
  await clock.advance(250);
  assert.equal(health.state('a', clock.now()), 'up');
  await clock.advance(100);
  assert.equal(health.state('a', clock.now()), 'down');
  assert.equal(begun, 1);
  assert.ok(reasons[0] instanceof TimeoutError && reasons[0].duration === 50);
  answer();
  await clock.advance(100);
  assert.equal(begun, 2);
  assert.equal(health.state('a', clock.now()), 'down');
});

test('ticks neither before it is started nor after it is disposed of, and calls off what runs [103]', async () => {
  const clock = new ManualClock();
  let begun = 0;
  let reason: unknown;
  const check = (_: Target, { signal }: { signal: AbortSignal }): Promise<never> => {
    begun++;
    signal.addEventListener('abort', () => {
      reason = signal.reason;
    });
    return new Promise(() => {});
  };
  {
    using health = healthCheck({ targets: ab, check, timeout: 60_000, clock });
    assert.equal(clock.pending, 0);
    health.start();
    await clock.advance(2_000);
  }
  assert.equal(begun, 2);
  assert.equal(clock.pending, 0);
  assert.ok(reason instanceof AbandonedError);
  await clock.advance(10_000);
  assert.equal(begun, 2);
});

test('checks who comes later, and forgets who is gone', async () => {
  const clock = new ManualClock();
  const nodes = loadBalancer({ targets: ab, clock });
  const targets = { [Symbol.iterator]: () => nodes.endpoints.map(({ target }) => target)[Symbol.iterator]() };
  using health = healthCheck({ targets, check: () => false, fall: 1, clock });
  health.start();
  await clock.advance(2_000);
  nodes.add({ name: 'c' });
  nodes.remove('a');
  assert.deepEqual(
    [...'abc'].map((name) => health.state(name, clock.now())),
    ['down', 'down', 'up'],
  );
  await clock.advance(4_000);
  assert.deepEqual(
    [...'abc'].map((name) => health.state(name, clock.now())),
    ['up', 'down', 'down'],
  );
  using once = healthCheck({ targets: ab.values(), check: () => false, fall: 2, clock });
  once.start();
  await clock.advance(4_000);
  assert.equal(once.state('a', clock.now()), 'down');
});

test('refuses to start with targets that are none, and goes on with those it had where later ones are', async () => {
  const clock = new ManualClock();
  const targets = new Set<Target>([{ name: 'a' }]);
  const twin = { name: 'a' };
  let asked = 0;
  const health = healthCheck({ targets, check: () => ++asked < 0, fall: 2, clock });
  targets.add(twin);
  assert.throws(() => health.start(), /healthCheck: targets must have names of their own, got "a" twice/);
  assert.equal(clock.pending, 0);
  targets.delete(twin);
  health.start();
  await clock.advance(2_000);
  const reported: unknown[] = [];
  const before = onListenerError((error) => reported.push(error));
  targets.add(null as unknown as Target);
  await clock.advance(2_000);
  assert.deepEqual([health.state('a', clock.now()), asked, reported.length], ['down', 2, 1]);
  onListenerError(before);
  targets.clear();
  await clock.advance(2_000);
  assert.equal(health.state('a', clock.now()), 'up');
  health[Symbol.dispose]();
  assert.equal(clock.pending, 0);
});

test('asks a target that comes back no second time while its check from before has not ended', async () => {
  const clock = new ManualClock();
  const targets = [...ab];
  const ends: (() => void)[] = [];
  const errors: unknown[] = [];
  using health = healthCheck({
    targets,
    check: () => new Promise<void>((resolve) => ends.push(resolve)),
    timeout: 10_000,
    fall: 1,
    clock,
    random: seededRandom(1),
    onEvent: (event) => event.type === 'down' && errors.push(event.error),
  });
  health.start();
  await clock.advance(2_000);
  targets.length = 0;
  await clock.advance(2_000);
  targets.push(...ab);
  await clock.advance(4_000);
  assert.deepEqual([ends.length, health.state('a', clock.now())], [2, 'down']);
  assert.ok(errors.length === 2 && errors.every((error) => error instanceof AbandonedError));
  for (const end of ends) end();
  await clock.advance(2_000);
  assert.equal(ends.length, 4);
});

test('may be disposed of by a check that hears that its target is gone', async () => {
  const clock = new ManualClock();
  const targets = [...ab];
  const health = healthCheck({
    targets,
    check: (_, { signal }) => {
      signal.addEventListener('abort', () => health[Symbol.dispose]());
      return new Promise(() => {});
    },
    timeout: 10_000,
    clock,
  });
  health.start();
  await clock.advance(2_000);
  targets.length = 0;
  await clock.advance(2_000);
  assert.equal(clock.pending, 0);
});

test('with nobody to check there is nothing but the round', async () => {
  const clock = new ManualClock();
  const targets: Target[] = [];
  using health = healthCheck({ targets, check: () => false, fall: 1, clock });
  health.start();
  await clock.advance(2_000);
  assert.equal(clock.pending, 1);
  targets.push({ name: 'a' });
  await clock.advance(4_000);
  assert.equal(health.state('a', clock.now()), 'down');
});

test('refuses options of a health check that make no sense [7]', () => {
  const make = (options: object) => () =>
    healthCheck({ targets: ab, check: () => {}, ...options } as HealthCheckOptions<Target>);
  for (const [options, error] of [
    [{ targets: undefined }, TypeError],
    [{ targets: [null] }, TypeError],
    [{ targets: [{}] }, TypeError],
    [{ targets: [...ab, { name: 'a' }] }, RangeError],
    [{ targets: [...ab, { name: 'a' }].values() }, RangeError],
    [{ check: undefined }, TypeError],
    [{ interval: 0 }, RangeError],
    [{ interval: NaN }, RangeError],
    [{ interval: Infinity }, RangeError],
    [{ timeout: 0 }, RangeError],
    [{ rise: 0 }, RangeError],
    [{ fall: 1.5 }, RangeError],
    [{ random: 1 }, TypeError],
    [{ clock: 1 }, TypeError],
    [{ falls: 1 }, TypeError],
  ] as const) {
    assert.throws(make(options), (thrown) => thrown instanceof error && /^healthCheck: /.test(thrown.message));
  }
});

test('sends a heartbeat at once and every interval, once it is started, until it is disposed of [103]', async () => {
  const clock = new ManualClock();
  const sent: number[] = [];
  {
    using beats = heartbeat({ interval: 100, send: () => sent.push(clock.now()), clock });
    await clock.advance(50);
    assert.equal(clock.pending, 0);
    beats.start();
    beats.start();
    await clock.advance(250);
  }
  await clock.advance(1_000);
  assert.deepEqual(sent, [50, 150, 250]);
  assert.equal(clock.pending, 0);
});

test('sends no heartbeat while one is being sent, and goes on after one that failed', async () => {
  const clock = new ManualClock();
  const errors: unknown[] = [];
  const before = onListenerError((error) => errors.push(error));
  try {
    let sent = 0;
    const sends = [
      () => new Promise<void>((resolve) => clock.schedule(250, resolve)),
      () => Promise.reject('rejected'),
      () => {
        throw 'thrown';
      },
      () => {},
    ];
    using beats = heartbeat({ interval: 100, send: () => sends[sent++]?.(), clock });
    beats.start();
    await clock.advance(240);
    assert.equal(sent, 1);
    await clock.advance(360);
    assert.equal(sent, 5);
    assert.deepEqual(errors, ['rejected', 'thrown']);
  } finally {
    onListenerError(before);
  }
});

test('refuses options of a heartbeat that make no sense [7]', () => {
  const make = (options: object) => () => heartbeat({ interval: 1, send: () => {}, ...options } as HeartbeatOptions);
  assert.throws(make({ interval: 0 }), /heartbeat: interval must be a number above 0/);
  assert.throws(make({ interval: undefined }), /heartbeat: interval/);
  assert.throws(make({ send: undefined }), /heartbeat: send must be a function/);
  assert.throws(make({ jitter: 1 }), /unknown option "jitter"/);
});

test('what was disposed of starts nothing any more, whoever starts it [103]', async () => {
  const clock = new ManualClock();
  let asked = 0;
  const health = healthCheck({ targets: ab, check: () => asked++, clock });
  const beats = heartbeat({ interval: 100, send: () => asked++, clock });
  for (const each of [health, beats]) {
    each[Symbol.dispose]();
    each.start();
    each[Symbol.dispose]();
  }
  const within = healthCheck({
    targets: {
      *[Symbol.iterator]() {
        if (asked === 0) within[Symbol.dispose]();
        yield* ab;
      },
    },
    check: () => asked++,
    clock,
  });
  within.start();
  await clock.advance(10_000);
  assert.deepEqual([asked, clock.pending], [0, 0]);
});
