import assert from 'node:assert/strict';
import { test } from 'vitest';
import { type DnsEvent, type DnsTargetsOptions, dnsTargets } from '../../src/adapters/dns.ts';
import { loadBalancer } from '../../src/compositions/load-balancer.ts';
import { ManualClock } from '../../src/testing/manual-clock.ts';
import { a, type DnsServer, serveDns } from './dns-server.ts';
import { until } from './server.ts';

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
  const nodes = loadBalancer({ targets: [], clock });
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
  await it.source.ready;
  assert.deepEqual(it.names(), ['127.0.0.1:8080', '127.0.0.2:8080']);
  const [first] = it.nodes.endpoints;
  records = [a('127.0.0.3', 20), a('127.0.0.1', 20)];
  await it.end();
  await it.clock.advance(29_999);
  assert.equal(it.server.questions.length, 1);
  await it.clock.advance(1);
  const event = await it.end();
  assert.deepEqual([event.type, event.type === 'resolved' && event.delay], ['resolved', 20_000]);
  assert.deepEqual(it.names(), ['127.0.0.1:8080', '127.0.0.3:8080']);
  assert.equal(it.nodes.endpoints[0], first);
  assert.equal(it.server.questions.length, 2);
});
