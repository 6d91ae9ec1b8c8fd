import assert from 'node:assert/strict';
import { onTestFinished, test } from 'vitest';
import { type DnsEvent, type DnsRecord, type DnsTargetsOptions, dnsTargets } from '../../src/adapters/dns.ts';
import { healthCheck } from '../../src/compositions/health-check.ts';
import { loadBalancer } from '../../src/compositions/load-balancer.ts';
import { AbandonedError, TimeoutError } from '../../src/core/errors.ts';
import { onListenerError } from '../../src/core/events.ts';
import { pipeline } from '../../src/core/pipeline.ts';
import { ManualClock } from '../../src/testing/manual-clock.ts';
import { a, type DnsServer, encode, nxdomain, type Question, refused, serveDns, servfail, srv } from './dns-server.ts';
import { idle, until } from './server.ts';

const service: Partial<DnsTargetsOptions> = { hostname: '_http._tcp.users.test', type: 'SRV' };

/** A source that asks a server of the test's own, on a clock that is moved by hand, and the balancer it feeds. */
async function setUp(reply: DnsServer['reply'], options: Partial<DnsTargetsOptions> = {}) {
  const clock = new ManualClock();
  const server = await serveDns(reply);
  const events: DnsEvent[] = [];
  const source = dnsTargets({
    hostname: 'users.test',
    servers: [server.address],
    clock,
    random: () => 0,
    onEvent: (event) => events.push(event),
    ...options,
  });
  const nodes = loadBalancer({ targets: source, clock });
  source.feed(nodes);
  let told = 0;
  return {
    clock,
    server,
    source,
    nodes,
    events,
    names: () => nodes.endpoints.map(({ target }) => target.name),
    /** The end of the next look-up. */
    async end(): Promise<DnsEvent> {
      for (;;) {
        await until(() => events.length > told);
        const event = events[told++]!;
        if (event.type !== 'changed') return event;
      }
    },
    [Symbol.dispose]: () => source[Symbol.dispose](),
  };
}

test('adds what A records name to a balancer, and asks again when the first ttl is over, no sooner', async () => {
  let records = [a('127.0.0.2', 60), a('127.0.0.1', 30)];
  using it = await setUp(() => records, { port: 8080 });
  it.source.start();
  it.source.start();
  await it.source.ready;
  assert.deepEqual(it.names(), ['127.0.0.1:8080', '127.0.0.2:8080']);
  const [first] = it.nodes.endpoints;
  await it.end();
  records = [a('127.0.0.3', 20), a('127.0.0.1', 20)];
  await it.clock.advance(29_999);
  assert.equal(it.server.questions.length, 1);
  await it.clock.advance(1);
  const event = await it.end();
  assert.deepEqual([event.type, event.type === 'resolved' && event.delay], ['resolved', 20_000]);
  assert.deepEqual(it.names(), ['127.0.0.1:8080', '127.0.0.3:8080']);
  assert.equal(it.nodes.endpoints[0], first);
  assert.deepEqual([...it.source], [first?.target, it.nodes.endpoints[1]?.target]);
  assert.equal(it.server.questions.length, 2);
});

test('tells of each look-up what it gave, and before that who came and who went', async () => {
  let records = [a('127.0.0.1', 5)];
  using it = await setUp(() => records, { name: 'users' });
  it.source.start();
  await it.end();
  await it.clock.advance(5_000);
  await it.end();
  records = [a('127.0.0.2', 5)];
  await it.clock.advance(5_000);
  await it.end();
  const who = { name: 'users', hostname: 'users.test' };
  const [one, two] = ['127.0.0.1', '127.0.0.2'].map((host) => ({ name: host, host, priority: 0, weight: 1 }));
  assert.deepEqual(it.events, [
    { type: 'changed', added: [one], removed: [], ...who },
    { type: 'resolved', targets: [one], delay: 5_000, ...who },
    { type: 'resolved', targets: [one], delay: 5_000, ...who },
    { type: 'changed', added: [two], removed: [one], ...who },
    { type: 'resolved', targets: [two], delay: 5_000, ...who },
  ]);
});

test('gives addresses of six parts the name they have in a URL', async () => {
  using it = await setUp(({ type }) => (type === 'AAAA' ? [a('::1', 60), a('2001:db8::a', 60)] : []), {
    type: 'AAAA',
    port: 80,
  });
  it.source.start();
  await it.source.ready;
  assert.deepEqual(it.names(), ['[2001:db8::a]:80', '[::1]:80']);
  assert.equal(new URL(`http://${it.names()[0]}/`).hostname, '[2001:db8::a]');
});

test('takes hosts, ports, priorities and weights from SRV records, and 0 for hardly any', async () => {
  using it = await setUp(
    () => [
      srv('Spare.Users.test', 81, 60, 20, 0),
      srv('b.users.test', 80, 60, 10, 60),
      srv('c.users.test', 80, 60, 10, 0),
      srv('d.users.test', 80, 60, 10, 0),
      srv('a.users.test', 80, 60, 10, 20),
    ],
    service,
  );
  it.source.start();
  await it.source.ready;
  assert.deepEqual(
    [...it.source].map(({ name, host, port, priority, weight }) => [name, host, port, priority, weight]),
    [
      ['a.users.test:80', 'a.users.test', 80, 10, 20],
      ['b.users.test:80', 'b.users.test', 80, 10, 60],
      ['c.users.test:80', 'c.users.test', 80, 10, 0.5],
      ['d.users.test:80', 'd.users.test', 80, 10, 0.5],
      ['spare.users.test:81', 'spare.users.test', 81, 20, 1],
    ],
  );
  const called = new Set<string>();
  for (let i = 0; i < 200; i++) await pipeline().execute(it.nodes.route(({ name }) => called.add(name)));
  assert.equal(called.has('spare.users.test:81'), false);
  assert.ok(called.size > 0);
});

test('begins anew with a target whose weight or priority has changed, and leaves the others as they are', async () => {
  let records = [srv('a.test', 80, 10, 0, 1), srv('b.test', 80, 10, 0, 1), srv('c.test', 80, 10, 0, 1)];
  using it = await setUp(() => records, service);
  it.source.start();
  await it.end();
  const before = [...it.nodes.endpoints];
  records = [srv('c.test', 80, 10, 1, 1), srv('b.test', 80, 10, 0, 5), srv('a.test', 80, 10, 0, 1)];
  await it.clock.advance(10_000);
  await it.end();
  assert.deepEqual(
    it.nodes.endpoints.map(({ target: { name, weight, priority } }) => [name, weight, priority]),
    [
      ['a.test:80', 1, 0],
      ['b.test:80', 5, 0],
      ['c.test:80', 1, 1],
    ],
  );
  assert.deepEqual(
    it.nodes.endpoints.map((endpoint) => before.includes(endpoint)),
    [true, false, false],
  );
});

test('counts the ttl of an alias too, with SRV as with A', async () => {
  const alias = (name: string) => ({ type: 'CNAME', name, ttl: 3, data: 'other.test' });
  for (const [options, record] of [
    [{}, a('127.0.0.1', 60, 'other.test')],
    [service, { ...srv('a.test', 80, 60), name: 'other.test' }],
  ] as const) {
    using it = await setUp(({ name }) => [alias(name), record], options);
    it.source.start();
    const event = await it.end();
    assert.equal(event.type === 'resolved' && event.delay, 3_000, options.type);
  }
});

test('keeps a ttl within its bounds, takes one of more than 31 bits for 0, and comes up to a tenth later', async () => {
  for (const [ttl, least, options, record] of [
    [0, 2_000, service, srv],
    [3, 3_000, service, srv],
    [86_400, 60_000, service, srv],
    [2 ** 31, 2_000, service, srv],
    [2 ** 32 - 1, 2_000, service, srv],
    [2 ** 32 - 1, 2_000, {}, (_: string, __: number, ttl: number) => a('127.0.0.1', ttl)],
  ] as const) {
    using it = await setUp(() => [record('a.test', 80, ttl)], {
      ...options,
      minTtl: 2_000,
      maxTtl: 60_000,
      random: () => 0.5,
    });
    it.source.start();
    const event = await it.end();
    assert.equal(event.type === 'resolved' && event.delay, least * 1.05);
    await it.clock.advance(least * 1.05 - 1);
    assert.equal(it.server.questions.length, 1);
    await it.clock.advance(1);
    await it.end();
    assert.equal(it.server.questions.length, 2);
  }
});

for (const [type, options, records] of [
  ['A', {}, [a('127.0.0.1', 10)]],
  ['SRV', service, [srv('127.0.0.1', 80, 10)]],
] as const) {
  test(`keeps the targets it knows when a look-up for ${type} fails, and asks again after a while, each time a longer one`, async () => {
    let fails = false;
    using it = await setUp(() => (fails ? servfail : records), options);
    it.source.start();
    await it.end();
    const [endpoint] = it.nodes.endpoints;
    fails = true;
    await it.clock.advance(10_000);
    const delays: number[] = [];
    for (let i = 0; i < 8; i++) {
      const event = await it.end();
      if (event.type !== 'failed') assert.fail(event.type);
      assert.match(String(event.error), /SERVFAIL/);
      delays.push(event.delay);
      const { length } = it.server.questions;
      await it.clock.advance(event.delay - 1);
      assert.equal(it.server.questions.length, length);
      await it.clock.advance(1);
    }
    assert.deepEqual(delays, [500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000, 15_000]);
    await it.end();
    fails = false;
    await it.clock.advance(15_000);
    assert.equal((await it.end()).type, 'resolved');
    assert.equal(it.nodes.endpoints[0], endpoint);
    fails = true;
    await it.clock.advance(10_000);
    const event = await it.end();
    assert.equal(event.type === 'failed' && event.delay, 500);
  });

  test(`gives up on a server that is silent when asked for ${type}, and never asks twice at once`, async () => {
    let silent = true;
    using it = await setUp(() => (silent ? undefined : records), { ...options, timeout: 1_000 });
    it.source.start();
    await until(() => it.server.questions.length === 1);
    await it.clock.advance(999);
    assert.deepEqual(it.events, []);
    await it.clock.advance(1);
    const event = await it.end();
    assert.ok(event.type === 'failed' && event.error instanceof TimeoutError);
    assert.deepEqual([event.error.duration, event.error.name, event.delay], [1_000, 'dnsTargets', 500]);
    silent = false;
    await idle();
    const { length } = it.server.questions;
    assert.ok(length <= 2);
    await it.clock.advance(500);
    assert.equal((await it.end()).type, 'resolved');
    assert.equal(it.server.questions.length, length + 1);
    await it.source.ready;
  });

  for (const [why, reply] of [
    ['there is no such name', nxdomain],
    ['the name has none', []],
  ] as const) {
    test(`says so when ${why} for ${type}, and keeps the targets it knows unless told otherwise`, async () => {
      for (const keepWhenEmpty of [undefined, false]) {
        let empty = false;
        using it = await setUp(() => (empty ? reply : records), { ...options, keepWhenEmpty });
        it.source.start();
        await it.end();
        empty = true;
        await it.clock.advance(10_000);
        const event = await it.end();
        assert.deepEqual([event.type, event.type === 'empty' && event.delay], ['empty', 500]);
        assert.equal(it.nodes.endpoints.length, keepWhenEmpty === false ? 0 : 1);
        assert.equal(it.events.filter(({ type }) => type === 'changed').length, keepWhenEmpty === false ? 2 : 1);
        empty = false;
        await it.clock.advance(500);
        await it.end();
        assert.equal(it.nodes.endpoints.length, 1);
      }
    });
  }

  test(`asks again over TCP where an answer for ${type} is too long for a datagram`, async () => {
    const many = Array.from({ length: 60 }, (_, i) =>
      type === 'A' ? a(`127.0.1.${i + 1}`, 60) : srv(`host${i}.users.test`, 80, 60),
    );
    using it = await setUp(() => many, options);
    it.source.start();
    await it.source.ready;
    assert.equal(it.names().length, 60);
    assert.deepEqual(
      it.server.questions.map(({ over }) => over),
      ['udp', 'tcp'],
    );
  });

  test(`asks the next server for ${type} where one refuses, or is not there`, async () => {
    const gone = await serveDns(() => undefined);
    await gone.close();
    const refusing = await serveDns(() => refused);
    const answering = await serveDns(() => records);
    for (const first of [gone, refusing]) {
      using it = await setUp(() => undefined, { ...options, servers: [first.address, answering.address] });
      it.source.start();
      await it.source.ready;
      assert.equal(it.names().length, 1);
    }
    assert.equal(refusing.questions.length, 1);
    assert.equal(answering.questions.length, 2);
  });
}

test('asks each server for SRV in turn, and once more, each for its part of the time', async () => {
  const other = await serveDns(({ over }) => (over === 'udp' ? undefined : []));
  let asked = 0;
  const server = await serveDns(() => (++asked < 2 ? undefined : [srv('a.test', 80, 60)]));
  using it = await setUp(() => undefined, { ...service, servers: [server.address, other.address], timeout: 4_000 });
  it.source.start();
  await until(() => server.questions.length === 1);
  await it.clock.advance(999);
  assert.equal(other.questions.length, 0);
  await it.clock.advance(1);
  await until(() => other.questions.length === 1);
  await it.clock.advance(1_000);
  await it.source.ready;
  assert.equal(server.questions.length, 2);
  assert.deepEqual(it.names(), ['a.test:80']);
  // Its own next look-up alone is left.
  assert.equal(it.clock.pending, 1);
});

test('asks for SRV over IPv6 as well', async () => {
  const server = await serveDns(
    ({ over }) => (over === 'udp' ? Array(60).fill(srv('a.test', 80, 60)) : [srv('b.test', 80, 60)]),
    '::1',
  );
  using it = await setUp(() => undefined, { ...service, servers: [server.address] });
  it.source.start();
  await it.source.ready;
  assert.deepEqual(it.names(), ['b.test:80']);
});

test('hears no datagram that is not the answer to its question', async () => {
  const answer = [srv('right.test', 80, 60)];
  const wrong = [srv('wrong.test', 80, 60)];
  using it = await setUp((question) => {
    const { send, id } = question;
    const not = (other: Partial<Question>) => send(encode({ ...question, ...other }, wrong));
    send(new Uint8Array(3));
    send(new Uint8Array(600).fill(255));
    not({ id: (id + 1) % 65_536 });
    not({ name: '_http._tcp.others.test' });
    not({ type: 'TXT' });
    const asked = encode(question, wrong);
    asked[2] = (asked[2] ?? 0) & 0x7f;
    send(asked);
    send(encode({ ...question, name: question.name.toUpperCase() }, answer));
    return undefined;
  }, service);
  it.source.start();
  await it.source.ready;
  assert.deepEqual(it.names(), ['right.test:80']);
});

test('fails when a connection breaks off in the middle of an answer, or has none in it', async () => {
  for (const cut of [1, 2, 40, Infinity]) {
    let fails = true;
    using it = await setUp((question) => {
      const many = Array.from({ length: 60 }, (_, i) => srv(`host${i}.test`, 80, 60));
      if (question.over === 'udp' || !fails) return many;
      question.end(new Uint8Array(cut === Infinity ? 500 : cut).fill(1));
      return undefined;
    }, service);
    it.source.start();
    const event = await it.end();
    assert.ok(event.type === 'failed' && /broke off/.test(String(event.error)), String(cut));
    fails = false;
    await it.clock.advance(event.delay);
    assert.equal((await it.end()).type, 'resolved');
    assert.equal(it.names().length, 60);
  }
});

test('ends the calls at a target that went as they would', async () => {
  let records = [a('127.0.0.1', 10)];
  using it = await setUp(() => records);
  it.source.start();
  await it.source.ready;
  let finish = (_: string): void => {};
  const call = pipeline().execute(
    it.nodes.route(
      () =>
        new Promise<string>((resolve) => {
          finish = resolve;
        }),
    ),
  );
  await it.end();
  records = [a('127.0.0.2', 10)];
  await it.clock.advance(10_000);
  await it.end();
  assert.equal(await pipeline().execute(it.nodes.route(({ name }) => name)), '127.0.0.2');
  finish('done');
  assert.equal(await call, 'done');
});

test('leaves a record alone that says that there is no such service', async () => {
  using it = await setUp(() => [srv('.', 0, 60)], service);
  it.source.start();
  assert.equal((await it.end()).type, 'empty');
});

test('asks nothing before it is started or after it is disposed of, and leaves no timer behind [103]', async () => {
  for (const options of [{}, service]) {
    const it = await setUp(() => undefined, options);
    await it.clock.advance(60_000);
    assert.equal(it.clock.pending, 0);
    it.source.start();
    await until(() => it.server.questions.length === 1);
    it.source[Symbol.dispose]();
    await idle();
    await it.clock.advance(60_000);
    assert.equal(it.clock.pending, 0);
    assert.deepEqual(it.events, []);
    await assert.rejects(it.source.ready, AbandonedError);
    it.source.start();
    await idle();
    assert.equal(it.server.questions.length, 1);
  }
  const it = await setUp(() => [a('127.0.0.1', 60)]);
  it.source.start();
  await it.end();
  it.source[Symbol.dispose]();
  assert.equal(it.clock.pending, 0);
  await it.source.ready;
  assert.deepEqual(it.names(), ['127.0.0.1']);
});

test('looks up by what is given in place of DNS, and never twice at once, though it heeds no signal', async () => {
  const clock = new ManualClock();
  const asked: { hostname: string; type: string; signal: AbortSignal }[] = [];
  let answer = (_: readonly DnsRecord[]): void => {};
  const events: string[] = [];
  using source = dnsTargets({
    hostname: 'users',
    port: 80,
    resolve: (question) => {
      asked.push(question);
      return new Promise((resolve) => {
        answer = resolve;
      });
    },
    timeout: 1_000,
    clock,
    random: () => 0,
    onEvent: ({ type }) => events.push(type),
  });
  source.start();
  await clock.advance(1_000 + 500 + 1_000);
  assert.deepEqual(events, ['failed', 'failed', 'failed']);
  assert.equal(asked.length, 1);
  assert.ok(asked[0]?.signal.reason instanceof TimeoutError);
  assert.deepEqual([asked[0].hostname, asked[0].type], ['users', 'A']);
  // Too late.
  answer([{ host: '10.0.0.1', ttl: 1_000 }]);
  await clock.advance(2_000);
  assert.deepEqual([...source], []);
  assert.equal(asked.length, 2);
  answer([{ host: '10.0.0.2', ttl: 1_000 }]);
  await source.ready;
  assert.deepEqual(
    [...source].map(({ name }) => name),
    ['10.0.0.2:80'],
  );
});

test('takes what is no record for a failure, and what throws', async () => {
  const answers = [
    () => assert.fail('no'),
    () => undefined,
    () => [{}],
    () => [{ host: 'a', ttl: 1, weight: -1 }],
    () => [{ host: 'a', ttl: 1, priority: NaN }],
    () => [{ host: 'a', ttl: 1, weight: null }],
    () => [{ host: 'a', ttl: 1, port: 70_000 }],
    () => [{ host: 'a', ttl: 1, port: '80' }],
    () => [{ host: '[::1]', ttl: 1 }],
  ] as unknown as (() => DnsRecord[])[];
  const clock = new ManualClock();
  const events: string[] = [];
  using source = dnsTargets({
    hostname: 'users',
    resolve: () => (answers.shift() ?? (() => [{ host: 'a', ttl: NaN }]))(),
    clock,
    onEvent: ({ type }) => events.push(type),
  });
  const failures = answers.length;
  source.start();
  await clock.advance(300_000);
  assert.deepEqual(events.slice(0, failures + 2), [...Array(failures).fill('failed'), 'changed', 'resolved']);
});

test('takes no host that would make another URL of the one it is put into', async () => {
  for (const host of ['evil.test/admin?', 'me@evil.test', 'evil.test#', 'a b', 'a\0b', 'a\\b', 'é.test']) {
    using it = await setUp(() => [srv(host, 80, 60), srv('a.test', 80, 60)], service);
    it.source.start();
    const event = await it.end();
    assert.match(event.type === 'failed' ? String(event.error) : '', /must have a host, a name or an address/, host);
    assert.deepEqual(it.names(), []);
  }
});

test('takes as many records as there may be, without a look at each for each', async () => {
  const clock = new ManualClock();
  const many = 20_000;
  let round = 0;
  using source = dnsTargets({
    hostname: 'users',
    resolve: () => Array.from({ length: many }, (_, i) => ({ host: `h${i + round * many}`, weight: 0, ttl: 1_000 })),
    clock,
    random: () => 0,
  });
  source.start();
  await source.ready;
  round++;
  await clock.advance(1_000);
  // Square in their number this would take most of a minute, and the test's own limit end it.
  assert.deepEqual([[...source].length, [...source][0]?.name], [many, `h${many}`]);
});

test('is over for good when it is disposed of by whoever hears that a look-up was given up', async () => {
  const clock = new ManualClock();
  let asked = 0;
  const source = dnsTargets({
    hostname: 'users',
    resolve: ({ signal }) =>
      new Promise((_, reject) => {
        asked++;
        signal.addEventListener('abort', () => {
          source[Symbol.dispose]();
          reject(signal.reason);
        });
      }),
    timeout: 1_000,
    clock,
  });
  source.start();
  await clock.advance(1_000);
  assert.equal(clock.pending, 0);
  await clock.advance(60_000);
  assert.equal(asked, 1);
});

test('can be disposed of at every turn of a look-up', async () => {
  const many = Array.from({ length: 60 }, () => srv('a.test', 80, 60));
  for (const options of [{}, service]) {
    for (let turns = 0; turns < 40; turns++) {
      // A socket that is used once it is closed throws where nobody can catch it.
      const it = await setUp(({ over, type }) => (type === 'SRV' && over === 'udp' ? many : []), options);
      it.source.start();
      let left = turns;
      const step = (): void => {
        if (left-- > 0) process.nextTick(step);
        else it.source[Symbol.dispose]();
      };
      step();
      await idle();
      assert.equal(it.clock.pending, 0);
    }
  }
});

test('what one balancer does not take is reported, and keeps no others from it, nor from those fed later', async () => {
  const reported: unknown[] = [];
  const before = onListenerError((error) => reported.push(error));
  onTestFinished(() => void onListenerError(before));
  using source = dnsTargets({
    hostname: 'users',
    resolve: () => ['a', 'b', 'c'].map((host) => ({ host, ttl: 1_000 })),
    clock: new ManualClock(),
  });
  const failure = new Error('not that one');
  const taken: string[][] = [[], []];
  const set = (names: string[] | undefined) => ({
    add({ name }: { name: string }): void {
      if (name === 'a') throw failure;
      names?.push(name);
    },
    remove: () => false,
  });
  source.feed(set(taken[0]));
  source.start();
  await source.ready;
  source.feed(set(taken[1]));
  assert.deepEqual(
    [taken, reported],
    [
      [
        ['b', 'c'],
        ['b', 'c'],
      ],
      [failure, failure],
    ],
  );
});

test('feeds several balancers, also such as come later, and lends health checks its targets', async () => {
  let records = [a('127.0.0.1', 10)];
  using it = await setUp(() => records);
  it.source.start();
  await it.end();
  const checked: string[] = [];
  using health = healthCheck({
    targets: it.source,
    check: ({ name }) => checked.push(name),
    interval: 10_000,
    clock: it.clock,
    random: () => 0,
  });
  health.start();
  const late = loadBalancer({ targets: it.source, health: [health], clock: it.clock });
  it.source.feed(late);
  assert.deepEqual(
    late.endpoints.map(({ target }) => target),
    [...it.source],
  );
  records = [a('127.0.0.2', 10)];
  await it.clock.advance(9_999);
  await it.clock.advance(1);
  await it.end();
  assert.deepEqual([it.names(), late.endpoints.map(({ target }) => target.name)], [['127.0.0.2'], ['127.0.0.2']]);
  await it.clock.advance(10_000);
  assert.deepEqual([...new Set(checked)], ['127.0.0.1', '127.0.0.2']);
});

test('refuses options out of range, unknown or missing, and those that exclude each other', () => {
  const hostname = 'users.test';
  const resolve = () => [];
  for (const [options, message] of [
    [{}, /dnsTargets: hostname must be a string, got undefined/],
    ...['', '.', 'a..b', ' ', 'a b', 'ü.test', `${'x'.repeat(64)}.test`, 'abc.'.repeat(64)].map(
      (hostname) => [{ hostname }, /dnsTargets: hostname must have labels of 1 to 63 ASCII characters/] as const,
    ),
    [{ hostname, type: 'MX' }, /dnsTargets: type must be "A" or "AAAA" or "SRV", got "MX"/],
    [{ hostname, port: 0 }, /dnsTargets: port must be a positive integer up to 65535, got 0/],
    [{ hostname, port: 80, type: 'SRV' }, /dnsTargets: port and type "SRV" exclude each other/],
    [{ hostname, servers: [] }, /dnsTargets: servers must be an array of one address or more/],
    [{ hostname, servers: ['dns.test'] }, /dnsTargets: servers must be addresses, got "dns.test"/],
    ...['127.0.0.1:0', '127.0.0.1:70000', '[::1]:0', '127.0.0.1:-1'].map(
      (server) => [{ hostname, servers: [server] }, /dnsTargets: servers must be addresses, got "/] as const,
    ),
    [{ hostname, servers: ['127.0.0.1'], resolve }, /dnsTargets: resolve and servers exclude each other/],
    [{ hostname, timeout: 0 }, /dnsTargets: timeout must be a number above 0/],
    [{ hostname, minTtl: NaN }, /dnsTargets: minTtl must be a number above 0/],
    [{ hostname, minTtl: 10, maxTtl: 5 }, /dnsTargets: maxTtl must be minTtl or more, got 5/],
    [{ hostname, ttl: 5 }, /dnsTargets: unknown option "ttl"/],
  ] as const)
    assert.throws(() => dnsTargets(options as unknown as DnsTargetsOptions), { message });
  dnsTargets({ hostname, minTtl: 600_000 });
  dnsTargets({ hostname: `${'x'.repeat(63)}.test.` });
});
