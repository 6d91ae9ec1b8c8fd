import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { beforeAll, expect, test } from 'vitest';
import { claimsOf } from '../../docs/examples/balance/claims.ts';
import type { ClientName, Try } from '../../docs/examples/balance/clients.ts';
import { type ClientFigures, type Figures, figuresOf } from '../../docs/examples/balance/figures.ts';
import { makePlan } from '../../docs/examples/balance/plan.ts';
import { progressLine } from '../../docs/examples/balance/progress.ts';
import { report, story } from '../../docs/examples/balance/report.ts';
import type { Claim } from '../../docs/reference/claims.ts';
import { conclusion } from '../../docs/reference/report.ts';
import type { Terminal } from '../../docs/reference/terminal.ts';
import { type Run, run } from '../reference/run.ts';

let example: Run;
let figures: Figures & { claims: Claim[] };

/** As it was compiled by `npm run example:balance`. */
const compiled = 'node_modules/.cache/examples/docs/examples/balance/main.js';

beforeAll(async () => {
  example = await run('npm', 'run', 'example:balance', '--silent', '--', '--json', '--seed', '7', '--seconds', '10');
  if (!example.out.startsWith('{')) throw new Error(`the example did not run:\n${example.out}${example.err}`);
  figures = JSON.parse(example.out);
}, 90_000);

test('the example ends by itself and all its servers with it, with exit code 0, and has said how it went', () => {
  // `run` is over only once nobody is left who could write where the program wrote.
  expect(example.code).toBe(0);
  expect(example.err).toMatch(/n1 is \d+/);
  expect(example.err).toMatch(/by hand .* holdfast .* (up|down|ejected|draining)/);
  expect(figures.claims.map(({ shown }) => shown)).toEqual(figures.claims.map(() => true));
});

test('--json prints the figures of both clients, who made the same calls', () => {
  expect(figures).toMatchObject({ seed: 7, duration: 10_000, regions: { north: { length: 4 }, south: { length: 3 } } });
  for (const client of [figures.byHand, figures.holdfast]) {
    expect(client.calls).toBe(500);
    expect(client.answered + client.failed).toBe(client.calls);
    expect(client.availability).toBe(client.answered / client.calls);
    expect(client.tries).toBeGreaterThanOrEqual(client.calls);
    expect(client.waits.p99).toBeGreaterThanOrEqual(client.waits.p50);
    expect(client.answeredByHalfSecond).toHaveLength(20);
    expect(Object.keys(client.shareByHalfSecond)).toEqual(Object.values(figures.regions).flat());
  }
});

test('whatever befalls servers, holdfast leaves them and comes back, and answers more calls than a list by hand', () => {
  const better = (of: (client: ClientFigures) => number) => of(figures.holdfast) - of(figures.byHand);
  expect(better(({ availability }) => availability)).toBeGreaterThan(0);
  expect(better(({ triesInTrouble }) => triesInTrouble)).toBeLessThan(0);
  expect(figures.troubles.map(({ what }) => what)).toEqual(['slow', 'killed', 'hung', 'failing', 'replaced']);
  for (const { what, holdfast } of figures.troubles) {
    expect(holdfast.backAfter, what).not.toBeNull();
    if (what !== 'slow') expect(holdfast.leftAfter, what).not.toBeNull();
  }
});

test.each(['SIGINT', 'SIGTERM'] as const)(
  '%s ends the example, and its servers',
  async (signal) => {
    const child: ChildProcess = spawn(process.execPath, [compiled, '--json'], { stdio: ['ignore', 'pipe', 'pipe'] });
    let told = '';
    for await (const part of child.stderr ?? []) {
      told += part;
      if (told.includes('n1 is')) child.kill(signal);
    }
    // Standard error has ended: nobody holds it any more, the servers neither.
    if (child.exitCode === null) await once(child, 'exit');
    expect(child.exitCode).toBe(signal === 'SIGINT' ? 130 : 143);
  },
  30_000,
);

test('options it does not know, or cannot take, end it with code 2 and the help', async () => {
  const { code, out, err } = await run(process.execPath, compiled, '--seconds', '9');
  expect([code, out]).toEqual([2, '']);
  expect(err).toContain('10 to 30');
});

const plan = makePlan(1, 10_000);
const trouble = { servers: ['n1'], from: 1_000, to: 2_000, successors: ['n1'], readyAt: 2_000 };

function made(client: ClientName, server: string, ...rows: [at: number, waited: number, answered: boolean][]): Try[] {
  return rows.map(([at, waited, answered]) => ({ client, server, at, waited, answered }));
}

const happened = figuresOf(plan, {
  calls: (['byHand', 'holdfast'] as const).flatMap((client) =>
    [500, 1_200, 1_600, 2_500].map((startedAt) => ({
      client,
      startedAt,
      waited: 12,
      result: client === 'byHand' && startedAt === 1_600 ? ('failed' as const) : ('answered' as const),
    })),
  ),
  tries: [
    ...made('byHand', 'n1', [500, 10, true], [1_200, 300, false], [1_900, 10, false]),
    ...made('byHand', 'n2', [1_600, 10, true]),
    ...made('holdfast', 'n1', [900, 200, false], [1_200, 10, false], [2_500, 10, true]),
    ...made('holdfast', 'n2', [990, 20, true], [1_300, 10, true], [1_600, 10, true]),
  ],
  troubles: (['slow', 'killed', 'hung', 'failing', 'replaced'] as const).map((what) => ({ ...trouble, what })),
});

test('a trouble is met by requests sent there meanwhile, and by those under way that are lost', () => {
  const [met] = happened.troubles;
  expect(met?.byHand).toEqual({ tries: 2, leftAfter: null, backAfter: null, elsewhere: 0.5, availability: 0.5 });
  expect(met?.holdfast).toEqual({ tries: 2, leftAfter: 200, backAfter: 510, elsewhere: 1, availability: 1 });
});

test('shares are those of the requests of each half second', () => {
  const { shareByHalfSecond } = happened.holdfast;
  expect([shareByHalfSecond.n1?.slice(0, 6), shareByHalfSecond.n2?.[1]]).toEqual([[0, 0.5, 0.5, 0, 0, 1], 0.5]);
});

test('claims are refused where a list by hand did better', () => {
  const troubles = happened.troubles.map(({ byHand, holdfast, ...rest }) => ({
    ...rest,
    byHand: holdfast,
    holdfast: byHand,
  }));
  const swapped = { ...happened, byHand: happened.holdfast, holdfast: happened.byHand, troubles };
  expect(claimsOf(swapped).map(({ shown }) => shown)).toEqual([false, false, false, false, false, false]);
});

test('one seed draws one schedule, and troubles come one after another', () => {
  const drawn = (seed: number) => {
    const { spells, rolling, work, calls } = makePlan(seed, 10_000);
    return { spells, rolling, works: Array.from({ length: calls }, (_, call) => work(call)) };
  };
  expect(drawn(7)).toEqual(drawn(7));
  expect(drawn(7)).not.toEqual(drawn(8));
  for (let seed = 0; seed < 100; seed++) {
    const { spells, rolling } = drawn(seed);
    const times = [...spells.flatMap(({ from, to }) => [from, to]), rolling.at];
    expect(times).toEqual([...times].sort((a, b) => a - b));
  }
});

const pipe: Terminal = { isTTY: false, columns: 0, hasColors: () => true };
const all = (stream: Terminal) =>
  story(plan, 'n1 is 1', stream) + report(happened, stream) + conclusion(claimsOf(happened), stream);

test('a report has its tables, its strips, its charts and its words, and fits its terminal', () => {
  const text = all(pipe);
  expect(text).toMatch(/n1 killed +2 +2 +not +0\.2 s +not +0\.5 s/);
  expect(text).toMatch(/^n1 +··ss/m);
  expect(text).toMatch(/What this showed\n- /);
  for (const columns of [60, 80, 200]) {
    const lines = all({ ...pipe, columns }).split('\n');
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(columns);
  }
});

test('the progress line says what goes on, who got how much, and whom holdfast leaves out', () => {
  const at = (plan.spells[1]?.from ?? 0) + 1;
  const endpoints = (['up', 'down', 'ejected', 'down'] as const).map((state, i) => ({
    target: { name: `n${i}` },
    state,
  }));
  expect(progressLine(plan, at, [], endpoints)).toMatch(/n\d killed .*down n1 n3, ejected n2$/);
  expect(progressLine(plan, 0, [], [])).toMatch(/all well .*all up$/);
  expect(progressLine(plan, plan.rolling.at, [], [])).toMatch(/n4 for n\d/);
});
