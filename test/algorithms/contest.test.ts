import assert from 'node:assert/strict';
import { describe, test } from 'vitest';
import { Contest } from '../../src/algorithms/contest.ts';

/** @returns who wins against the first after each epoch of 64 accesses, with these scores of the second */
function winners(contest: Contest, first: number, seconds: readonly number[]): number[] {
  return seconds.map((second) => {
    contest.add(Float64Array.of(first, second), 0, 64);
    return contest.winner(0);
  });
}

const times = (length: number, score: number): number[] => Array.from({ length }, () => score);

describe('a contest', () => {
  test.each([30, 64])('is won by who is ahead in each of five epochs, by %i to 20', (score) => {
    assert.equal(winners(new Contest(2), 20, times(20, score)).indexOf(1), 4);
  });

  test('is not won by a lead that comes and goes', () => {
    const bursts = Array.from({ length: 400 }, (_, i) => (i % 8 < 4 ? 40 : 2));
    assert.deepEqual(winners(new Contest(2), 20, bursts), times(400, 0));
  });

  test('is not won by a lead of less than a hundred and twenty-fifth of what the other scores', () => {
    assert.deepEqual(winners(new Contest(2), 1_000, times(400, 1_007)), times(400, 0));
  });

  test('is won by who was behind for ever once it is ahead by two epochs and a lead', () => {
    const contest = new Contest(2);
    winners(contest, 60, times(1_000, 0));
    assert.equal(winners(contest, 0, times(20, 64)).indexOf(1), 6);
  });

  test('is won by who has the largest of several sure leads', () => {
    const contest = new Contest(3);
    for (let epoch = 0; epoch < 6; epoch++) contest.add(Float64Array.of(20, 30, 25), 0, 64);
    assert.equal(contest.winner(0), 1);
  });

  test('begins at nothing once cleared, as for another current one', () => {
    const contest = new Contest(2);
    winners(contest, 0, times(100, 30));
    contest.clear();
    assert.equal(contest.winner(0), 0);
    assert.equal(winners(contest, 20, times(20, 60)).indexOf(1), 4);
  });

  test('names another as the next one, also where several are equal', () => {
    const contest = new Contest(4);
    for (let current = 0; current < 4; current++) assert.notEqual(contest.next(current), current);
    contest.add(Float64Array.of(30, 10, 30, 30), 0, 64);
    assert.equal(contest.next(0), 3);
    assert.equal(contest.next(3), 2);
  });
});
