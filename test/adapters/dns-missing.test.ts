import assert from 'node:assert/strict';
import { test, vi } from 'vitest';
import { type DnsEvent, dnsTargets } from '../../src/adapters/dns.ts';
import { ManualClock } from '../../src/testing/manual-clock.ts';

vi.mock('dns-packet', () => {
  throw new Error('no such package');
});

test('tells whoever waits for SRV records that dns-packet is missing', async () => {
  const failures: unknown[] = [];
  using hosts = dnsTargets({
    hostname: '_http._tcp.users.test',
    type: 'SRV',
    servers: ['127.0.0.1:9'],
    clock: new ManualClock(),
    onEvent: (event: DnsEvent) => event.type === 'failed' && failures.push(event.error),
  });
  hosts.start();
  const error = await hosts.ready.then(
    () => assert.fail(),
    (reason: unknown) => reason as Error,
  );
  assert.match(error.message, /npm install dns-packet/);
  assert.ok(error.cause instanceof Error);
  assert.deepEqual(failures, [error]);
});
