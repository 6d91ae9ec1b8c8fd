import assert from 'node:assert/strict';
import { test } from 'vitest';
import { Circuit, type CircuitRules } from '../../src/algorithms/circuit.ts';
import type { Ticket } from '../../src/algorithms/circuit-states.ts';
import { consecutiveFailures, slowCallRatio } from '../../src/algorithms/trip-rules.ts';

function circuit(rules: Partial<CircuitRules> = {}): { circuit: Circuit; edges: string[] } {
  const edges: string[] = [];
  const whole = {
    trip: consecutiveFailures({ count: 1 }),
    openDuration: 1_000,
    maxOpenDuration: 10_000,
    halfOpenCalls: 1,
    probeLease: 500,
    random: () => 0,
    ...rules,
  };
  return { circuit: new Circuit(whole, ({ type }) => edges.push(type)), edges };
}

test('a closed circuit gives all its calls one ticket, another after each close, and one each where they are timed', () => {
  const { circuit: plain } = circuit();
  const ticket = plain.admit(0);
  assert.equal(plain.admit(7), ticket);
  assert.equal(plain.state, ticket);
  plain.close(8);
  assert.notEqual(plain.admit(9), ticket);

  const { circuit: timed } = circuit({ trip: slowCallRatio({ slowerThan: 5 }) });
  assert.notEqual(timed.admit(0), timed.admit(0));
});

test('a ticket counts once, and only in the state it was given in [58, 59]', () => {
  const { circuit: one, edges } = circuit({ halfOpenCalls: 2 });
  const early = one.admit(0) as Ticket;
  one.open(0);
  assert.equal(one.giveBack(early, 0), false);
  const probe = one.admit(1_000) as Ticket;
  assert.equal(one.giveBack(probe, 1_100), true);
  assert.equal(one.giveBack(probe, 1_100), false);
  one.record(probe, false, undefined, 1_100);
  one.record(early, true, undefined, 1_100);
  assert.deepEqual(edges, ['open', 'half-open']);
});

test('catches up with any length of time in a step or two, and at once with none [56, 60]', () => {
  const { circuit: one, edges } = circuit();
  one.open(0);
  for (let probe = 0, now = 1_000; probe < 10_000; probe++, now += 1_500) assert.ok(one.admit(now));
  assert.equal(edges.length, 20_000);
  const { circuit: instant } = circuit({ openDuration: 0, probeLease: 0 });
  instant.open(0);
  for (let ask = 0; ask < 10; ask++) assert.ok(instant.admit(0));
});
