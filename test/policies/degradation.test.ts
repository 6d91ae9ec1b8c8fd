import assert from 'node:assert/strict';
import { expectTypeOf, test } from 'vitest';
import { consecutiveFailures } from '../../src/algorithms/trip-rules.ts';
import { ShedError } from '../../src/core/errors.ts';
import { pipeline } from '../../src/core/pipeline.ts';
import type { Policy } from '../../src/core/policy.ts';
import { bulkhead } from '../../src/policies/bulkhead.ts';
import { circuitBreaker } from '../../src/policies/circuit-breaker.ts';
import { type Degradation, type DegradationEvent, degradation } from '../../src/policies/degradation.ts';
import { fallback } from '../../src/policies/fallback.ts';
import { hedge } from '../../src/policies/hedge.ts';
import { retry } from '../../src/policies/retry.ts';
import { timeout } from '../../src/policies/timeout.ts';
import { ManualClock } from '../../src/testing/manual-clock.ts';
import { deferred, reported, turn, watched } from '../core/support.ts';

test('is moved by hand, and says so', () => {
  const events: DegradationEvent[] = [];
  const service = degradation({ name: 'shop', onEvent: (event) => events.push(event) });
  assert.equal(service.level, 'normal');
  service.set('minimal');
  service.set('minimal');
  assert.equal(service.level, 'minimal');
  assert.deepEqual(events, [{ type: 'level', name: 'shop', level: 'minimal', previous: 'normal', by: 'hand' }]);
});

test('optional work steps aside at its level and any worse, with a clear error', async () => {
  const events: DegradationEvent[] = [];
  const service = degradation({ onEvent: (event) => events.push(event) });
  const optional = service.when('reduced');
  let runs = 0;
  assert.equal(await optional.execute(() => ++runs), 1);
  for (const level of ['reduced', 'minimal'] as const) {
    service.set(level);
    await assert.rejects(
      optional.execute(() => ++runs),
      (error: ShedError) => {
        assert.ok(error instanceof ShedError);
        assert.deepEqual(
          [error.code, String(error)],
          ['ERR_SHED', `degradation: stepped aside: the level is ${level}`],
        );
        return true;
      },
    );
    assert.deepEqual(events.at(-1), { type: 'rejected', name: 'degradation', level });
  }
  service.set('reduced');
  assert.equal(await service.when('minimal').execute(() => 'more needed'), 'more needed');
  service.set('normal');
  assert.equal(await optional.execute(() => ++runs), 2);
});

test('or with a value in its place, whatever it is, and only for that', async () => {
  const service = degradation({});
  const optional = service.when('reduced', { otherwise: [] as string[] });
  expectTypeOf(optional).toEqualTypeOf<Policy<string[]>>();
  expectTypeOf(service.when('reduced')).toEqualTypeOf<Policy>();
  const broken = new Error('broken');
  await assert.rejects(
    optional.execute(() => Promise.reject(broken)),
    broken,
  );
  service.set('minimal');
  assert.deepEqual(await optional.execute(() => ['related']), []);
  for (const otherwise of [undefined, null, 0, false, ''])
    assert.equal(await service.when('minimal', { otherwise }).execute(() => 1 as unknown), otherwise);
  assert.equal(await service.when('minimal', { otherwise: Promise.resolve('late') }).execute(() => 'task'), 'late');
});

test('stands in a pipeline: a retry does not try again, its number shows through, a fallback answers', async () => {
  const service = degradation();
  const aside = service.when('reduced', { otherwise: 'aside' });
  const failing = pipeline(retry({ maxAttempts: 2, backoff: () => 0 }), aside);
  const attempts: number[] = [];
  await assert.rejects(
    failing.execute(({ attempt }) => {
      attempts.push(attempt);
      throw new Error('down');
    }),
  );
  assert.deepEqual(attempts, [1, 2]);
  service.set('reduced');
  assert.equal(await failing.execute(() => 'task'), 'aside');
  const answered = pipeline(fallback({ with: () => 'made when needed' }), retry(), service.when('reduced'));
  assert.equal(await answered.execute(() => 'task'), 'made when needed');
});

test('an open circuit, a full line and a gauge move it', async () => {
  const clock = new ManualClock();
  const breaker = circuitBreaker({ trip: consecutiveFailures({ count: 1 }), openDuration: 1_000, clock });
  const pool = bulkhead({ maxConcurrent: 1, maxQueued: 10 });
  let cpu = 0.5;
  const service = degradation({
    signals: [
      { level: 'reduced', read: () => breaker.state === 'open' },
      { level: 'reduced', read: () => pool.queued, raise: 2, lower: 1 },
      { level: 'minimal', read: () => cpu, raise: 0.9, lower: 0.7 },
    ],
    minStay: 0,
    interval: 0,
    clock,
  });
  assert.equal(service.level, 'normal');
  breaker.open();
  assert.equal(service.level, 'reduced');
  await clock.advance(1_000);
  assert.equal(service.level, 'normal');

  const task = deferred();
  const calls = [1, 2, 3].map(() => pool.execute(() => task.promise));
  assert.equal(service.level, 'reduced');
  cpu = 0.9;
  assert.equal(service.level, 'minimal');
  cpu = 0.7;
  assert.equal(service.level, 'minimal');
  cpu = 0.69;
  assert.equal(service.level, 'reduced');
  task.resolve(undefined);
  await Promise.all(calls);
  assert.equal(service.level, 'normal');
});

test('gets worse at once, and better a step at a time', async () => {
  const clock = new ManualClock();
  const events: string[] = [];
  let load = 0;
  const service = degradation({
    signals: [{ level: 'minimal', read: () => load }],
    clock,
    onEvent: (event) => event.type === 'level' && events.push(`${event.previous} to ${event.level}, ${clock.now()}`),
  });
  const at = async (advance: number): Promise<string> => {
    await clock.advance(advance);
    return service.level;
  };
  load = 1;
  assert.equal(await at(100), 'minimal');
  load = 0;
  assert.equal(await at(4_900), 'minimal');
  assert.equal(await at(100), 'reduced');
  assert.equal(await at(4_900), 'reduced');
  assert.equal(await at(100), 'normal');
  assert.deepEqual(events, ['normal to minimal, 100', 'minimal to reduced, 5100', 'reduced to normal, 10100']);
  assert.equal(clock.pending, 0);
});

test('reads its signals when it is asked, once in each interval, and ticks not at all [103]', async () => {
  const clock = new ManualClock();
  let reads = 0;
  const service = degradation({ signals: [{ level: 'reduced', read: () => ++reads < 0 }], clock });
  await clock.advance(60_000);
  assert.deepEqual([reads, clock.pending], [0, 0]);
  const optional = service.when('reduced');
  for (let i = 0; i < 10; i++) await optional.execute(() => service.level);
  assert.equal(reads, 1);
  await clock.advance(99);
  assert.equal(service.level, 'normal');
  assert.equal(reads, 1);
  await clock.advance(1);
  assert.equal(service.level, 'normal');
  assert.equal(reads, 2);
  clock.jump(-1);
  assert.equal(service.level, 'normal');
  assert.equal(reads, 3);
});

test('by hand it stays, whatever the signals call for, until they have their say again', async () => {
  const clock = new ManualClock();
  let load = 1;
  const shop = degradation({ signals: [{ level: 'minimal', read: () => load }], minStay: 1_000, clock });
  shop.set('normal');
  await clock.advance(60_000);
  assert.equal(shop.level, 'normal');
  shop.auto();
  assert.equal(shop.level, 'minimal');
  load = 0;
  shop.set('normal');
  load = 1;
  shop.auto();
  assert.equal(shop.level, 'minimal');
  load = 0;
  shop.set('reduced');
  await clock.advance(1_000);
  assert.equal(shop.level, 'reduced');
  shop.auto();
  assert.equal(shop.level, 'normal');
});

test('a signal may ask for the level, or set it by hand, while it is read', () => {
  const asked: string[] = [];
  const read = () => {
    asked.push(service.level);
    return true;
  };
  const signals = [
    { level: 'reduced', read },
    { level: 'minimal', read },
  ] as const;
  const service = degradation({ interval: 0, signals });
  assert.equal(service.level, 'minimal');
  assert.deepEqual(asked, ['normal', 'normal']);

  const events: DegradationEvent[] = [];
  const byHand = (): number => {
    held.set('reduced');
    return 1;
  };
  const held: Degradation<'normal' | 'reduced' | 'minimal'> = degradation({
    signals: [{ level: 'minimal', read: byHand }],
    onEvent: (event) => events.push(event),
  });
  assert.equal(held.level, 'reduced');
  assert.equal(held.level, 'reduced');
  assert.deepEqual(
    events.map((event) => [event.level, 'by' in event && event.by]),
    [['reduced', 'hand']],
  );
});

test('a signal that throws, or gives no number, is reported once and calls for nothing', async () => {
  const clock = new ManualClock();
  const broken = new Error('broken');
  let given: () => unknown = () => 1;
  const service = degradation({
    signals: [
      { level: 'minimal', read: () => given() as number },
      { level: 'reduced', read: () => true },
    ],
    minStay: 0,
    interval: 0,
    clock,
  });
  assert.equal(service.level, 'minimal');
  const failing: (() => unknown)[] = [
    () => {
      throw broken;
    },
    () => Number.NaN,
    () => 'high',
    () => undefined,
    () => Promise.reject(broken),
  ];
  for (const fails of failing) {
    given = () => 1;
    assert.equal(service.level, 'minimal');
    given = fails;
    for (let i = 0; i < 3; i++) assert.equal(service.level, 'reduced');
    await clock.advance(0);
    const errors = reported.splice(0);
    if (fails === failing[0]) assert.deepEqual(errors, [broken]);
    // A promise is no number, and its rejections are the signal's own.
    else assert.match(String(errors[0]), /^TypeError: degradation: a signal for minimal must give a number, got /);
    assert.equal(errors.length, fails === failing[4] ? 4 : 1);
  }
  given = () => Infinity;
  assert.equal(service.level, 'minimal');
});

test('levels have the names they are given', () => {
  const site = degradation({ levels: ['full', 'no images', 'text'], signals: [{ level: 'text', read: () => 1 }] });
  expectTypeOf(site.level).toEqualTypeOf<'full' | 'no images' | 'text'>();
  assert.equal(site.level, 'text');
  // @ts-expect-error no such level
  assert.throws(() => site.set('minimal'), /^RangeError: degradation: level must be "full" or "no images" or "text"/);
  assert.throws(() => site.when('full'), /^RangeError: degradation: level must be "no images" or "text", got "full"$/);
  // @ts-expect-error no such level
  assert.throws(() => degradation({ signals: [{ level: 'text', read: () => 1 }] }), RangeError);
});

test('says which option is out of range or unknown [7]', () => {
  const read = (): number => 1;
  const wrong: [options: object, message: RegExp][] = [
    [{ levels: ['one'] }, /^RangeError: degradation: levels must be two or more different names, got "one"$/],
    [{ levels: ['a', 'a'] }, /^RangeError: degradation: levels must be two or more different names, got "a", "a"$/],
    [{ levels: [1, 2] }, /^TypeError: degradation: levels\[0\] must be a string, got 1$/],
    [{ levels: 'normal' }, /^TypeError: degradation: levels must be an array, got "normal"$/],
    [{ signals: {} }, /^TypeError: degradation: signals must be an array, got an object$/],
    [{ signals: [{ level: 'normal', read }] }, /^RangeError: degradation: signals\[0\]: level must be "reduced" or/],
    [{ signals: [{ read }] }, /^TypeError: degradation: signals\[0\]: level must be "reduced" or "minimal", got undef/],
    [{ signals: [{ level: 'reduced' }] }, /^TypeError: degradation: signals\[0\]: read must be a function, got undef/],
    [
      { signals: [{ level: 'reduced', read, raise: NaN }] },
      /^RangeError: degradation: signals\[0\]: raise must be a numb/,
    ],
    [
      { signals: [{ level: 'reduced', read, lower: 2 }] },
      /^RangeError: degradation: signals\[0\]: lower must be a number from -Infinity to 1, got 2$/,
    ],
    [
      { signals: [{ level: 'reduced', read, above: 2 }] },
      /^TypeError: degradation: signals\[0\]: unknown option "above"/,
    ],
    [{ minStay: -1 }, /^RangeError: degradation: minStay must be/],
    [{ interval: NaN }, /^RangeError: degradation: interval must be/],
    [{ level: 'minimal' }, /^TypeError: degradation: unknown option "level"; did you mean "levels"/],
  ];
  for (const [options, message] of wrong) assert.throws(() => degradation(options), message);
  assert.throws(
    () => degradation().when('reduced', { other: 1 } as never),
    /^TypeError: degradation: when: unknown option "other"; did you mean "otherwise"/,
  );
});

test('what is given otherwise is not let go of by a call that is stopped with it on its way [15]', async () => {
  const service = degradation();
  service.set('reduced');
  const seen = new Set<string>();
  for (let moment = 0; moment < 5; moment++) {
    let disposed = 0;
    const standIn = { [Symbol.dispose]: () => disposed++ };
    const policy = pipeline(timeout({ duration: 1_000 }), hedge(), service.when('reduced', { otherwise: standIn }));
    const controller = new AbortController();
    const { signal } = controller;
    const result = watched(policy.execute(() => 'optional', { signal }));
    for (let i = 0; i < moment; i++) await undefined;
    controller.abort();
    await turn();
    seen.add(Object.keys(result.now as object)[0] as string);
    assert.equal(disposed, 0);
  }
  assert.deepEqual([...seen].sort(), ['error', 'value']);
});
