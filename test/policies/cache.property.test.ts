import assert from 'node:assert/strict';
import fc from 'fast-check';
import { test } from 'vitest';
import type { Milliseconds, Task } from '../../src/core/policy.ts';
import { cache } from '../../src/policies/cache.ts';
import { ManualClock } from '../../src/testing/manual-clock.ts';
import { seededRandom } from '../../src/testing/seeded-random.ts';

// Each kind of time has a fraction of its own, so that no two things happen at once.
const whole = (max: number) => fc.integer({ min: 0, max });
const key = fc.constantFrom('a', 'b');
const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('call' as const),
      at: whole(150),
      key,
      takes: whole(30).map((ms) => ms + 0.25),
      aborts: fc.option(
        whole(40).map((ms) => ms + 0.5),
        { freq: 2 },
      ),
      fails: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('set' as const), at: whole(150), key }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('delete' as const), at: whole(150), key }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('tag' as const), at: whole(150), tag: fc.constantFrom('even', 'odd') }),
  },
);
type Step = (typeof step extends fc.Arbitrary<infer S> ? S : never) & { readonly at: Milliseconds };
const rules = fc.record({
  ttl: whole(40).map((ms) => ms + 0.125),
  staleWhileRevalidate: whole(40),
  staleIfError: whole(60),
  errorTtl: fc.oneof(
    fc.constant(0),
    whole(20).map((ms) => ms + 0.0625),
  ),
});
type Rules = typeof rules extends fc.Arbitrary<infer R> ? R : never;

/** What calls got, and which of them had their task run, when. */
interface Story {
  readonly got: (string | undefined)[];
  readonly ran: string[];
}

const tagOf = (value: unknown): string => (Number(String(value).replace(/\D/g, '')) % 2 ? 'odd' : 'even');

/** The slow and obvious way: one thing after another, in the order of time. */
function told(steps: readonly Step[], { ttl, staleWhileRevalidate, staleIfError, errorTtl }: Rules): Story {
  interface Load {
    readonly id: number;
    readonly key: string;
    readonly ends: Milliseconds;
    readonly aside: boolean;
    members: number[];
    invalid: string[];
  }
  const got: Story['got'] = steps.map(() => undefined);
  const ran: string[] = [];
  const values = new Map<string, { value: string; until: Milliseconds }>();
  const noted = new Map<string, string>();
  const failures = new Map<string, { error: string; until: Milliseconds }>();
  const current = new Map<string, Load>();
  let loads: Load[] = [];
  const grace = Math.max(staleWhileRevalidate, staleIfError);

  const left = (key: string, now: Milliseconds): Milliseconds => (values.get(key)?.until ?? -Infinity) - now;
  const failure = (key: string, now: Milliseconds) => {
    const found = failures.get(key);
    return found !== undefined && found.until > now ? found : undefined;
  };
  const give = (i: number, what: string, now: Milliseconds) => void (got[i] = `${what} at ${now}`);
  const keep = (key: string, value: string, now: Milliseconds) => {
    failures.delete(key);
    values.set(key, { value, until: now + ttl });
    noted.set(key, tagOf(value));
  };
  const forget = (key: string) => {
    current.delete(key);
    failures.delete(key);
    values.delete(key);
    noted.delete(key);
  };
  const begin = (id: number, step: Step & { kind: 'call' }, now: Milliseconds, aside: boolean): Load => {
    const load = { id, key: step.key, ends: now + step.takes, aside, members: [], invalid: [] };
    ran.push(`${id} at ${now}`);
    loads.push(load);
    current.set(step.key, load);
    return load;
  };
  const instead = (key: string, error: string, now: Milliseconds): string =>
    staleIfError > 0 && left(key, now) > -staleIfError ? (values.get(key)?.value as string) : error;

  const queue: { at: Milliseconds; run: (now: Milliseconds) => void }[] = [];
  const later = (at: Milliseconds, run: (now: Milliseconds) => void) => {
    queue.push({ at, run });
  };
  const end = (load: Load) => (now: Milliseconds) => {
    if (!loads.includes(load)) return;
    loads = loads.filter((each) => each !== load);
    const step = steps[load.id] as Step & { kind: 'call' };
    const counts = current.get(load.key) === load;
    let outcome = step.fails ? `error ${load.id}` : `load ${load.id}`;
    if (counts && step.fails) {
      if (errorTtl > 0) failures.set(load.key, { error: outcome, until: now + errorTtl });
      outcome = instead(load.key, outcome, now);
    } else if (counts && !load.invalid.includes(tagOf(outcome))) keep(load.key, outcome, now);
    for (const member of load.members) give(member, outcome, now);
    if (counts) current.delete(load.key);
  };
  const leave = (i: number, load: Load) => (now: Milliseconds) => {
    if (!loads.includes(load) || !load.members.includes(i)) return;
    give(i, `abort ${i}`, now);
    load.members = load.members.filter((each) => each !== i);
    if (load.members.length > 0 || load.aside) return;
    loads = loads.filter((each) => each !== load);
    if (current.get(load.key) === load) current.delete(load.key);
  };

  for (const [i, step] of steps.entries()) {
    later(step.at, (now) => {
      if (step.kind === 'tag') {
        for (const load of current.values()) load.invalid.push(step.tag);
        for (const [key, tag] of [...noted]) if (tag === step.tag) forget(key);
        return;
      }
      const { key } = step;
      if (step.kind === 'delete') return forget(key);
      if (step.kind === 'set') {
        current.delete(key);
        return keep(key, `set ${i}`, now);
      }
      const fresh = left(key, now);
      const present = current.get(key);
      if (fresh > 0 || fresh > -staleWhileRevalidate) {
        if (fresh <= 0 && present === undefined && failure(key, now) === undefined) {
          const load = begin(i, step, now, true);
          later(load.ends, end(load));
        }
        return give(i, values.get(key)?.value as string, now);
      }
      if (fresh <= -grace) values.delete(key);
      let load = present?.invalid.length === 0 ? present : undefined;
      const known = failure(key, now);
      if (load === undefined && known !== undefined) return give(i, instead(key, known.error, now), now);
      if (load === undefined) {
        load = begin(i, step, now, false);
        later(load.ends, end(load));
      }
      load.members.push(i);
      if (step.aborts !== null) later(now + step.aborts, leave(i, load));
    });
  }
  while (queue.length > 0) {
    queue.sort((a, b) => a.at - b.at);
    const next = queue.shift();
    next?.run(next.at);
  }
  return { got, ran };
}

/** What the policy makes of it. */
async function played(steps: readonly Step[], rules: Rules): Promise<Story> {
  const clock = new ManualClock();
  const kept = cache({ ...rules, clock, tags: (value) => [tagOf(value)] });
  const got: Story['got'] = steps.map(() => undefined);
  const ran: string[] = [];
  for (const [i, step] of steps.entries()) {
    clock.schedule(step.at, () => {
      if (step.kind === 'tag') return kept.invalidateTag(step.tag);
      if (step.kind === 'delete') return kept.delete(step.key);
      if (step.kind === 'set') return kept.set(step.key, `set ${i}`);
      const controller = new AbortController();
      if (step.aborts !== null) clock.schedule(step.aborts, () => controller.abort(`abort ${i}`));
      const task: Task<string> = ({ signal }) => {
        ran.push(`${i} at ${clock.now()}`);
        return new Promise((resolve, reject) => {
          clock.schedule(step.takes, () => (step.fails ? reject(`error ${i}`) : resolve(`load ${i}`)));
          signal.addEventListener('abort', () => reject(signal.reason));
        });
      };
      const told = (what: unknown) => void (got[i] = `${what} at ${clock.now()}`);
      kept.for(step.key).execute(task, { signal: controller.signal }).then(told, told);
    });
  }
  await clock.advance(1_000);
  assert.equal(clock.pending, 0);
  return { got, ran };
}

const inOrder = (steps: Step[]): Step[] => {
  // One thing at a time: two whole numbers alike would leave open which was first where a timer stands between.
  const taken = new Map(steps.map((each) => [each.at, each]));
  return [...taken.values()].sort((a, b) => a.at - b.at);
};

test('any calls, changes, failures and aborts: what each gets, which tasks run, and when, is what a plain list says [99]', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 30 }).map(inOrder), rules, async (steps, rules) => {
      assert.deepEqual(await played(steps, rules), told(steps, rules));
    }),
  );
});

test('in a small store, on a clock that jumps: nobody gets what is older than he may', async () => {
  const act = fc.record({
    kind: fc.constantFrom('advance', 'jump', 'set', 'delete', 'call', 'call', 'call', 'fail'),
    by: fc.integer({ min: -60, max: 120 }),
    key: fc.constantFrom('a', 'b', 'c', 'd'),
  });
  const limits = fc.record({
    ttl: whole(60),
    jitter: fc.constantFrom(0, 0.5),
    staleWhileRevalidate: whole(30),
    staleIfError: whole(60),
    errorTtl: fc.constantFrom(0, 20),
    refreshAhead: fc.constantFrom(0, 1),
    store: fc.constantFrom({ maxEntries: 2 }, { maxEntries: 100 }),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(act, { maxLength: 40 }), limits, fc.integer(), async (acts, limits, seed) => {
      const clock = new ManualClock();
      const kept = cache<string>({ ...limits, clock, random: seededRandom(seed) });
      /** Time that has gone by: steps back are none. */
      let gone = 0;
      let made = 0;
      const running = new Set<string>();
      for (const { kind, by, key } of acts) {
        if (kind === 'advance') {
          await clock.advance(Math.abs(by));
          gone += Math.abs(by);
        } else if (kind === 'jump') {
          clock.jump(by);
          gone += Math.max(by, 0);
          // A clock is read now and then.
          kept.store.has(key);
        } else if (kind === 'set') kept.set(key, gone);
        else if (kind === 'delete') kept.delete(key);
        else {
          const load = async () => {
            assert.ok(!running.has(key));
            running.add(key);
            made++;
            await undefined;
            running.delete(key);
            if (kind === 'fail') throw 'failed';
            return gone;
          };
          const [first, second] = await Promise.allSettled([1, 2].map(() => kept.for(key).execute(load)));
          for (const each of [first, second]) {
            if (each?.status !== 'fulfilled') continue;
            const { ttl, staleWhileRevalidate, staleIfError, errorTtl } = limits;
            const grace =
              kind === 'fail' || errorTtl > 0 ? Math.max(staleWhileRevalidate, staleIfError) : staleWhileRevalidate;
            const age = gone - (each.value as number);
            assert.ok(age === 0 || age < ttl + grace, `${age} ms old`);
          }
          await clock.advance(0);
        }
        assert.ok(kept.store.size <= limits.store.maxEntries);
      }
      assert.ok(made <= acts.length);
      assert.equal(clock.pending, 0);
    }),
  );
});
