import { expect, test } from 'vitest';
import { rushClaimsOf } from '../../docs/reference/claims.ts';
import type { LineCall, LineName } from '../../docs/reference/overload.ts';
import { rushLine } from '../../docs/reference/progress.ts';
import type { QuotaCall, SenderName } from '../../docs/reference/quota.ts';
import type { RushHappenings } from '../../docs/reference/rush.ts';
import { type RushFigures, rushFiguresOf } from '../../docs/reference/rush-figures.ts';
import { rushPlan } from '../../docs/reference/rush-plan.ts';
import { rushReport, rushStory } from '../../docs/reference/rush-report.ts';

function lines(line: LineName, critical: boolean, ...results: LineCall['result'][]): LineCall[] {
  return results.map((result, call) => ({ line, critical, startedAt: 300 * call, result }));
}

function quota(sender: SenderName, ...rows: [result: QuotaCall['result'], waited: number][]): QuotaCall[] {
  return rows.map(([result, waited]) => ({ sender, result, waited }));
}

const happenings: RushHappenings = {
  lines: [
    ...lines('endless', true, 'in time', 'too late', 'too late', 'too late'),
    ...lines('endless', false, 'too late', 'too late'),
    ...lines('shed', true, 'in time', 'in time', 'in time', 'in time'),
    ...lines('shed', false, 'in time', 'turned away'),
  ],
  quota: [
    ...quota('bare', ['answered', 3], ['refused', 2], ['refused', 2], ['failed', 900]),
    ...quota('limited', ['answered', 40], ['turned away', 0.1], ['turned away', 0.1], ['answered', 3]),
  ],
  work: { endless: { done: 4, forNobody: 3 }, shed: { done: 5, forNobody: 0 } },
};
const figures = rushFiguresOf(rushPlan, happenings);
const pipe = { isTTY: false, columns: 80, hasColors: () => false };

test('counts what was answered in time, by class and by when it was asked', () => {
  expect(figures.endless).toMatchObject({
    all: { calls: 6, inTime: 1, turnedAway: 0 },
    critical: { calls: 4, inTime: 1, goodput: 0.25 },
    ordinary: { calls: 2, inTime: 0, goodput: 0 },
    workForNobody: 0.75,
  });
  expect(figures.shed).toMatchObject({
    all: { calls: 6, inTime: 5, turnedAway: 1 },
    critical: { goodput: 1 },
    ordinary: { goodput: 0.5 },
    workForNobody: 0,
  });
  expect(figures.shed.inTimeByQuarterSecond.slice(0, 4)).toEqual([2, 1, 1, 1]);
  expect(figures.shed.inTimeByQuarterSecond).toHaveLength(16);
});

test('tells who was refused by the server from who turned himself away, and how soon either knew', () => {
  const { bare, limited } = figures.quota;
  expect(bare).toMatchObject({ calls: 4, answered: 1, refused: 2, turnedAway: 0, failed: 1 });
  expect(limited).toMatchObject({ calls: 4, answered: 2, refused: 0, turnedAway: 2, failed: 0 });
  expect(bare.waits.p99).toBeCloseTo(2, 1);
  expect(limited.waits.p99).toBeCloseTo(0.1, 1);
});

test('the rush asks for two and a half times what can be done, and for twice what is allowed', () => {
  expect([figures.asked / figures.capacity, figures.quota.wanted / figures.quota.allowed]).toEqual([2.5, 2]);
});

test('claims of the rush are borne out by figures that are better, and refused where they are not', () => {
  expect(rushClaimsOf(figures).map(({ shown }) => shown)).toEqual([true, true, true]);
  const { bare, limited } = figures.quota;
  const swapped: RushFigures = {
    ...figures,
    endless: figures.shed,
    shed: figures.endless,
    quota: { ...figures.quota, bare: limited, limited: bare },
  };
  expect(rushClaimsOf(swapped).map(({ shown }) => shown)).toEqual([false, false, false]);
});

test('a rate limit that let one request too many through has not shown what it is there to show', () => {
  const limited = { ...figures.quota.limited, refused: 1 };
  expect(rushClaimsOf({ ...figures, quota: { ...figures.quota, limited } }).at(-1)?.shown).toBe(false);
});

test('the report of the rush has its tables and charts, and none of its lines is wider than the terminal', () => {
  expect(rushReport(figures, pipe)).toMatch(/critical calls answered in time +25\.0 % +100\.0 %/);
  expect(rushReport(figures, pipe)).toMatch(/refused by the server with a 429 +2 +0\n/);
  expect(rushReport(figures, pipe)).toContain('█');
  for (const columns of [60, 80, 200]) {
    const stream = { ...pipe, columns };
    const all = (rushStory(rushPlan, stream) + rushReport(figures, stream)).split('\n');
    expect(Math.max(...all.map((line) => line.length))).toBeLessThanOrEqual(columns);
  }
});

test('the progress line of the rush says who answered how much in time, and who was refused how often', () => {
  const line = rushLine(2_000, happenings);
  expect(line).toMatch(/2\.0 s +in time: endless +16\.6 %, shed +83\.3 % +429s: bare 2, limited 0/);
  expect(line.length).toBeLessThan(80);
});
