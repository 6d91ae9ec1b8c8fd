import { expect, test } from 'vitest';
import { claimsOf } from '../../docs/reference/claims.ts';
import { type Figures, figuresOf, type Happenings } from '../../docs/reference/figures.ts';
import { makePlan } from '../../docs/reference/plan.ts';
import type { Call, Result } from '../../docs/reference/traffic.ts';

const plan = makePlan(1, 10_000);

function calls(client: Call['client'], ...rows: [startedAt: number, waited: number, result: Result][]): Call[] {
  return rows.map(([startedAt, waited, result]) => ({ client, startedAt, waited, result }));
}

const happenings: Happenings = {
  calls: [
    ...calls('bare', [0, 10, 'answered'], [100, 20, 'failed'], [4_000, 3_000, 'failed'], [9_000, 10, 'answered']),
    ...calls('pipeline', [0, 10, 'answered'], [100, 90, 'answered'], [4_000, 1, 'degraded'], [9_000, 10, 'answered']),
  ],
  arrivals: [
    ...[0, 100, 4_000, 9_000].map((at) => ({ client: 'bare', at })),
    ...[0, 100, 150, 9_000, 10_400].map((at) => ({ client: 'pipeline', at })),
  ],
  breaker: [
    { at: 4_050, to: 'open' },
    { at: 4_400, to: 'half-open' },
    { at: 6_200, to: 'closed' },
  ],
};

test('counts as available only what got its own answer, never the older copy', () => {
  const { bare, pipeline } = figuresOf(plan, happenings);
  expect(bare).toMatchObject({ calls: 4, answered: 2, degraded: 0, failed: 2, availability: 0.5 });
  expect(pipeline).toMatchObject({ calls: 4, answered: 3, degraded: 1, failed: 0, availability: 0.75 });
  expect(bare.availabilityOutsideOutage).toBeCloseTo(2 / 3);
  expect(pipeline.availabilityOutsideOutage).toBe(1);
});

test('counts the requests that reached the upstream, in all, in the outage and in each half second', () => {
  const { bare, pipeline } = figuresOf(plan, happenings);
  expect([bare.requests, bare.requestsDuringOutage]).toEqual([4, 1]);
  expect([pipeline.requests, pipeline.requestsDuringOutage]).toEqual([5, 0]);
  expect(pipeline.requestsByHalfSecond).toHaveLength(20);
  expect(pipeline.requestsByHalfSecond[0]).toBe(3);
  expect(pipeline.requestsByHalfSecond[18]).toBe(1);
});

test('tells the waits of those who were answered from those of all', () => {
  const { bare } = figuresOf(plan, happenings);
  expect(bare.waits.answered.p99).toBeCloseTo(10, 1);
  expect(bare.waits.all.p99).toBeGreaterThan(2_990);
});

test('claims are borne out by figures that are better, and refused where they are not', () => {
  const figures = figuresOf(plan, happenings);
  expect(claimsOf(figures).map(({ shown }) => shown)).toEqual([true, true, true, true, true]);
  const swapped: Figures = { ...figures, bare: figures.pipeline, pipeline: figures.bare, breaker: [] };
  expect(claimsOf(swapped).map(({ shown }) => shown)).toEqual([false, false, false, false, false]);
});

test('a circuit that opens again after it closed has not closed for good', () => {
  const breaker = [...happenings.breaker, { at: 9_900, to: 'open' as const }];
  expect(claimsOf(figuresOf(plan, { ...happenings, breaker })).at(-1)?.shown).toBe(false);
});

test('one seed draws one schedule, another seed another', () => {
  const fates = (seed: number) => {
    const { calls, fate } = makePlan(seed, 5_000);
    return Array.from({ length: calls }, (_, call) => fate(call, 0, false));
  };
  expect(fates(7)).toEqual(fates(7));
  expect(fates(7)).not.toEqual(fates(8));
});

test('answers nothing in the outage, and every kind of misfortune comes up outside it', () => {
  const draws = Array.from({ length: plan.calls }, (_, call) => call);
  expect(draws.some((call) => /answer|body/.test(plan.fate(call, 0, true).kind))).toBe(false);
  const kinds = new Set(draws.map((call) => plan.fate(call, 0, false).kind));
  expect([...kinds].sort()).toEqual(['answer', 'busy', 'error', 'hang', 'reset', 'slow body']);
});
