import { execFile } from 'node:child_process';
import { beforeAll, expect, test } from 'vitest';
import type { Claim } from '../../docs/reference/claims.ts';
import type { ClientFigures, Figures } from '../../docs/reference/figures.ts';

interface Run {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

function run(file: string, ...args: string[]): Promise<Run> {
  return new Promise((resolve) => {
    const child = execFile(file, args, { timeout: 60_000 }, (_, out, err) => {
      resolve({ code: child.exitCode ?? -1, out, err });
    });
  });
}

let job: Run;
let figures: Figures & { claims: Claim[] };

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
