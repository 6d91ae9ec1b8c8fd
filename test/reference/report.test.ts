import { expect, test } from 'vitest';
import { claimsOf } from '../../docs/reference/claims.ts';
import { type Figures, figuresOf } from '../../docs/reference/figures.ts';
import { makePlan } from '../../docs/reference/plan.ts';
import { progressLine } from '../../docs/reference/progress.ts';
import { conclusion, report, story } from '../../docs/reference/report.ts';
import type { Terminal } from '../../docs/reference/terminal.ts';

const plan = makePlan(1, 10_000);
const figures: Figures = figuresOf(plan, {
  calls: (['bare', 'pipeline'] as const).flatMap((client) =>
    Array.from({ length: 1_000 }, (_, call) => ({
      client,
      startedAt: call * 10,
      waited: 12,
      result: client === 'bare' ? ('failed' as const) : ('answered' as const),
    })),
  ),
  arrivals: (['bare', 'pipeline'] as const).flatMap((client) =>
    Array.from({ length: 1_000 }, (_, call) => ({ client, at: call * 10 })),
  ),
  breaker: [
    { at: 3_600, to: 'open' },
    { at: 3_700, to: 'half-open' },
    { at: 3_710, to: 'open' },
    { at: 3_800, to: 'half-open' },
  ],
});

/** All that is printed at the end. */
const all = (stream: Terminal) => report(figures, stream) + conclusion(claimsOf(figures), stream);
const pipe = { isTTY: false, columns: 0, hasColors: () => true };

test('a report has its table, its breaker, its charts and its words', () => {
  const text = all(pipe);
  expect(text).toMatch(/answered by the server.* 0\.0 % +100\.0 %/);
  expect(text).toMatch(/Open from 3\.6 s on: .* 2 single calls .* none was answered\./);
  expect(text).toContain('█');
  expect(text).toContain('NOT SHOWN');
});

test('no line of a report is wider than its terminal', () => {
  for (const columns of [60, 80, 200]) {
    const stream = { ...pipe, columns };
    const lines = (story(plan, stream) + all(stream)).split('\n');
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(columns);
  }
});

test('only a terminal that takes colours gets escapes', () => {
  const sequence = '\u001b[';
  expect(all(pipe)).not.toContain(sequence);
  expect(all({ ...pipe, isTTY: true, hasColors: () => false })).not.toContain(sequence);
  expect(all({ ...pipe, isTTY: true })).toContain(sequence);
});

test('the progress line says how long, what weather, who got how much, and how the circuit stands', () => {
  const calls = [
    { client: 'bare', startedAt: 0, waited: 1, result: 'failed' },
    { client: 'pipeline', startedAt: 0, waited: 1, result: 'answered' },
  ] as const;
  expect(progressLine(plan, 4_000, calls, 'open')).toMatch(
    /4\.0 s +OUTAGE +answered: bare +0\.0 %, pipeline +100\.0 % +circuit open/,
  );
  expect(progressLine(plan, 11_000, [], 'closed')).toContain('waiting');
});
