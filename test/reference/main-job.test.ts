import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { beforeAll, expect, test } from 'vitest';
import type { Claim } from '../../docs/reference/claims.ts';
import type { ClientFigures, Figures } from '../../docs/reference/figures.ts';
import type { RushFigures } from '../../docs/reference/rush-figures.ts';
import { type Run, run } from './run.ts';

let job: Run;
let figures: Figures & { rush: RushFigures; claims: Claim[] };

/** As it was compiled by `npm start`. */
const compiled = 'node_modules/.cache/reference/docs/reference/main.js';

beforeAll(async () => {
  job = await run('npm', 'start', '--silent', '--', '--json', '--seed', '7', '--seconds', '9');
  if (!job.out.startsWith('{')) throw new Error(`the main job did not run:\n${job.out}${job.err}`);
  figures = JSON.parse(job.out);
}, 90_000);

test('the main job ends by itself, with exit code 0, and has said how it went', () => {
  expect(job.code).toBe(0);
  expect(job.err).toMatch(/circuit/);
  expect(job.err).toMatch(/in time: endless/);
});

test('when nobody reads along any more it ends, without a word', async () => {
  const child = spawn('node', [compiled], { stdio: ['ignore', 'pipe', 'pipe'] });
  let err = '';
  child.stderr.on('data', (text) => {
    err += text;
  });
  child.stdout.once('data', () => child.stdout.destroy());
  expect(await once(child, 'close')).toEqual([141, null]);
  expect(err).toBe('');
});

test('--json prints the figures of both clients, and nothing else', () => {
  expect(figures).toMatchObject({ seed: 7, duration: 9_000, outage: { from: 3_600, to: 5_400 } });
  for (const client of [figures.bare, figures.pipeline]) {
    expect(client.calls).toBe(450);
    expect(client.answered + client.degraded + client.failed).toBe(client.calls);
    expect(client.availability).toBe(client.answered / client.calls);
    expect(client.waits.all.p99).toBeGreaterThanOrEqual(client.waits.all.p50);
    expect(client.requestsByHalfSecond).toHaveLength(18);
    expect(client.requests).toBeGreaterThanOrEqual(client.requestsDuringOutage);
  }
  expect(figures.bare.requests).toBe(450);
  expect(figures.bare.degraded).toBe(0);
});

test('the pipeline answers more calls than bare fetch, and spares the upstream in its outage', () => {
  const better = (of: (client: ClientFigures) => number) => of(figures.pipeline) - of(figures.bare);
  expect(better((client) => client.availability)).toBeGreaterThan(0);
  expect(better((client) => client.availabilityOutsideOutage)).toBeGreaterThan(0);
  expect(better((client) => client.failed)).toBeLessThan(0);
  expect(better((client) => client.requestsDuringOutage)).toBeLessThan(0);
  expect(figures.claims.every(({ shown }) => shown)).toBe(true);
});

test('the breaker opens in the outage and is closed in the end', () => {
  expect(figures.breaker.map(({ to }) => to)).toContain('open');
  expect(figures.breaker.at(-1)?.to).toBe('closed');
});

test('in the rush, shed answers more in time than an endless line, and critical calls first', () => {
  const { endless, shed, asked, capacity } = figures.rush;
  expect(asked / capacity).toBe(2.5);
  for (const { all, critical, ordinary, inTimeByQuarterSecond } of [endless, shed]) {
    expect([all.calls, critical.calls, ordinary.calls]).toEqual([400, 80, 320]);
    expect(all.inTime).toBe(critical.inTime + ordinary.inTime);
    expect(inTimeByQuarterSecond.length).toBeGreaterThanOrEqual(16);
  }
  expect(shed.all.inTime).toBeGreaterThan(2 * endless.all.inTime);
  expect(shed.critical.goodput).toBeGreaterThan(shed.ordinary.goodput);
});

test('within its rate limit no sender is refused, and without one many are', () => {
  const { bare, limited } = figures.rush.quota;
  for (const { calls, answered, refused, turnedAway, failed } of [bare, limited]) {
    expect(calls).toBe(400);
    expect([answered + refused + turnedAway, failed]).toEqual([calls, 0]);
  }
  expect([bare.turnedAway, limited.refused]).toEqual([0, 0]);
  expect(bare.refused).toBeGreaterThan(0);
});

test('options it does not know, or cannot take, end it with code 2 and the help', async () => {
  for (const args of [
    ['--sed', '1'],
    ['--seed', 'one'],
    ['--seconds', '0'],
    ['--seconds', '1e9'],
  ]) {
    const { code, out, err } = await run(process.execPath, compiled, ...args);
    expect([code, out]).toEqual([2, '']);
    expect(err).toContain('--seed N');
  }
});

test('--help says what it does', async () => {
  const { code, out } = await run(process.execPath, compiled, '--help');
  expect([code, out.includes('--json')]).toEqual([0, true]);
});
