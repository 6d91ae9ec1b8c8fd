import { RejectedError } from '../../src/core/errors.ts';
import type { Answer, Call, Guard, Recovery } from '../../src/core/layer.ts';
import type { Outcome } from '../../src/core/outcome.ts';
import type { CallOptions, Context, Policy, Task } from '../../src/core/policy.ts';
import type { GuardSpec, Spec } from './specs.ts';
import { apart, type World } from './world.ts';

// Policies of the test's own making, as a user may make them.

/** A guard. */
export function guarding(world: World, spec: GuardSpec, id: number, name: string): Guard<unknown> {
  const { enters, leaves, refuses, waits, holds, watches, within } = spec;
  const say = (text: string, where?: 'beside'): void => world.write(`${name}: ${text}`, where);
  if (holds) world.holders.add(name);
  let entered = 0;
  const given = (n: number): unknown => {
    if (refuses !== undefined && n % refuses.every === refuses.every - 1) {
      const refusal =
        refuses.how === 'throws an error of its own'
          ? new Error('refused')
          : new RejectedError({ name, message: 'refused' });
      world.label(refusal, `refusal ${n} of ${name}`);
      if (refuses.how === 'returns') return refusal;
      throw refusal;
    }
    if (leaves) world.count(name, 1);
    return enters === 'count' ? name : world.label({}, `permit ${n}`);
  };
  return {
    name,
    clock: world.clock,
    holds,
    ...(within !== undefined && { within: apart(within, 20, id) }),
    ...(enters !== 'not' && {
      enter({ attempt, deadline, priority }: Context) {
        const n = entered++;
        say(`enter ${n}, try ${attempt}, deadline ${deadline}, priority ${priority}`);
        return enters === 'later' ? world.wait(apart(waits, 21, id, n)).then(() => given(n)) : given(n);
      },
    }),
    ...(leaves && {
      leave(permit: unknown, outcome: Outcome, { attempt, deadline }: Context) {
        if (enters !== 'not') world.count(name, -1);
        const left = `leave ${world.say(permit)}, ${world.outcome(outcome)}, try ${attempt}, deadline ${deadline}`;
        // One that holds waits for a frame further in that has just been ended to say so: in this instant, but later.
        say(left, holds ? 'beside' : undefined);
      },
    }),
    ...(watches && {
      watch(call: Call) {
        const n = entered;
        world.later(apart(watches.after, 22, id, n), () =>
          call[watches.how](world.label(new Error('watched'), `${watches.how} of ${name}`)),
        );
      },
      // What an around inside still gives is heard as late before or after the caller has his answer, in this instant.
      late: (outcome: Outcome) => world.writeLate(() => `${name}: late ${world.outcome(outcome)}`),
    }),
  };
}

/** What a recovery answers. */
export function recovering(
  world: World,
  { answers, values, retries }: Spec & { kind: 'recovery' },
  id: number,
  name: string,
): Recovery<unknown> {
  let asked = 0;
  return {
    name,
    clock: world.clock,
    values,
    retries,
    recover(outcome, { attempt, deadline }, memo) {
      const nth = typeof memo === 'number' ? memo : 0;
      const n = asked++;
      world.write(
        `${name}: asked at try ${attempt}, deadline ${deadline}, memo ${world.say(memo)}, about ${world.outcome(outcome)}`,
      );
      const { says, delay, later, fails } = answers[nth] ?? { says: 'nothing', delay: 0, later: 'not', fails: false };
      const answer = (): Answer<unknown> => {
        if (says === 'throws') throw world.label(new Error(name), `error of ${name}`);
        if (says === 'nothing') return undefined;
        if (says === 'again') return { again: delay === 0 ? 0 : apart(delay, 31, id, n), memo: nth + 1 };
        const value = world.value(`value ${n} of ${name}`);
        if (later !== 'instead') return { instead: value };
        return {
          instead: world
            .wait(apart(15, 32, id, n))
            .then(() => (fails ? Promise.reject(world.label(new Error(name), `rejection of ${name}`)) : value)),
        };
      };
      return later === 'answer' ? world.wait(apart(10, 33, id, n)).then(answer) : answer();
    },
  };
}

/** A policy that runs round what is inside it. Cut in pieces, it hands on what it got itself, as pipelines see to otherwise. */
export function around(world: World, spec: Spec & { kind: 'around' }, id: number, name: string, cut: boolean): Policy {
  const { runs, hands, waits } = spec;
  let entered = 0;
  return {
    async execute<T>(task: Task<T>, options?: CallOptions | Context) {
      const n = entered++;
      const run = async (): Promise<T> => await task((hands === 'nothing' && !cut ? undefined : options) as Context);
      const say = (text: string): void => world.write(`${name}: ${text} ${n}`, 'beside');
      say('in');
      try {
        if (waits > 0) await world.wait(apart(waits, 41, id, n));
        let first = run();
        if (runs === 'twice') {
          // Both are seen to their end: whether a run that is left over still hears of a stop is open.
          const second = world.wait(apart(waits, 42, id, n)).then(run);
          await Promise.allSettled([first, second]);
          first = Promise.any([first, second]);
        }
        if (runs === 'again on failure')
          first = first.catch(() => (waits > 0 ? world.wait(apart(waits, 43, id, n)).then(run) : run()));
        const value = await first;
        say(`gives value ${world.say(value)}`);
        return value;
      } catch (error) {
        world.writeLate(() => `${name}: gives error ${world.say(error)} ${n}`);
        throw error;
      }
    },
  };
}
