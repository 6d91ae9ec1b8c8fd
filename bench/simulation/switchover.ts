import { failover } from '../../src/compositions/failover.ts';
import { pipeline } from '../../src/core/pipeline.ts';
import type { Milliseconds, Task } from '../../src/core/policy.ts';
import type { Random } from '../../src/core/random.ts';
import { EventClock } from '../../src/testing/event-clock.ts';
import { seededRandom } from '../../src/testing/seeded-random.ts';
import type { Requirement } from '../requirement.ts';
import { forEachSeed, type Scenario } from './scenario.ts';

export const names = ['a', 'b', 'c'];
export const timeouts = [10, 30, 100, Infinity];
export const answers = ['yes', 'yes', 'yes', 'no', 'throw'] as const;

export interface Call {
  readonly at: Milliseconds;
  readonly takes: Milliseconds;
}

export interface Switch {
  readonly at: Milliseconds;
  readonly to: string;
  readonly timeout: Milliseconds;
  /** What everybody but the active one says to it, and how much later. */
  readonly confirms: { readonly after: Milliseconds; readonly by: (typeof answers)[number] };
}

export interface Schedule {
  readonly calls: readonly Call[];
  readonly returning: boolean;
}

export interface Ends {
  readonly calls: number;
  /** Calls that have come to no end. */
  readonly lost: number;
  readonly failed: number;
  /** Calls that have been begun at two targets, or twice at one, or never. */
  readonly notOnce: number;
}

/** What is known of each call. */
class Log {
  readonly begun: number[];
  private given = 0;
  private failed = 0;

  constructor(calls: number) {
    this.begun = new Array<number>(calls).fill(0);
  }

  /** The call's number is what its task gives. */
  execute(call: number, task: Task<number>): void {
    pipeline()
      .execute(task)
      .then(
        (value) => (value === call ? this.given++ : this.failed++),
        () => this.failed++,
      );
  }

  ends(): Ends {
    const { begun, given, failed } = this;
    const notOnce = begun.filter((count) => count !== 1).length;
    return { calls: begun.length, lost: begun.length - given - failed, failed, notOnce };
  }
}

export interface Switched extends Ends {
  readonly switched: number;
  readonly refused: number;
  /** Times at which calls ran at two targets. */
  readonly mixed: number;
  /** What else went another way than it says. */
  readonly faults: readonly string[];
  /** Timers left. */
  readonly pending: number;
}

/** Calls to one of three targets, while it is switched from one to another and back, each time prepared. */
export async function prepared({
  calls,
  switches,
  returning,
}: Schedule & { switches: readonly Switch[] }): Promise<Switched> {
  const clock = new EventClock();
  const nodes = failover({ targets: names.map((name) => ({ name })), returning, clock });
  const after = (delay: Milliseconds) => new Promise<void>((resolve) => clock.schedule(delay, resolve));
  const log = new Log(calls.length);
  const running: string[] = [];
  const faults: string[] = [];
  let [mixed, switched, refused] = [0, 0, 0];
  for (const [i, { at, takes }] of calls.entries()) {
    const task = nodes.route(async ({ name }) => {
      log.begun[i] = (log.begun[i] as number) + 1;
      running.push(name);
      if (running.some((each) => each !== name)) mixed++;
      await after(takes);
      running.splice(running.indexOf(name), 1);
      return i;
    });
    clock.schedule(at, () => log.execute(i, task));
  }
  for (const { at, to, timeout, confirms } of switches) {
    clock.schedule(at, () => {
      const before = nodes.active.name;
      const confirm = async ({ name }: { name: string }): Promise<boolean> => {
        if (running.length > 0) faults.push('asked while calls run');
        if (name !== before) await after(confirms.after);
        if (confirms.by === 'throw') throw new Error('no');
        return confirms.by === 'yes';
      };
      nodes.switchTo(to, { confirm, timeout }).then(
        () => {
          switched++;
          if (confirms.by !== 'yes' && to !== before) faults.push('switched, though refused');
          if (nodes.active.name !== to) faults.push(`switched to ${to}, active is ${nodes.active.name}`);
        },
        (error) => {
          refused++;
          // Turned away because of another switch, it says nothing of where that one leads.
          if (/another switch/.test(String(error))) return;
          if (nodes.active.name !== before) faults.push(`refused, but ${nodes.active.name} is active`);
        },
      );
    });
  }
  await clock.advance(5_000);
  return { ...log.ends(), switched, refused, mixed, faults, pending: clock.pending };
}

export interface Died extends Ends {
  /** Calls that ran at the target when it died. */
  readonly inFlight: number;
}

/**
 * Calls to a target that dies, while another stands by. Nobody knows whether what was in flight has been done, so that is
 * not tried again; what comes later is refused, and is.
 */
export async function unprepared({ calls, returning, dies }: Schedule & { dies: Milliseconds }): Promise<Died> {
  const clock = new EventClock();
  const nodes = failover({ targets: [{ name: 'a' }, { name: 'b' }], returning, clock });
  const log = new Log(calls.length);
  const running = new Set<() => void>();
  let dead = false;
  let inFlight = 0;
  clock.schedule(dies, () => {
    dead = true;
    inFlight = running.size;
    for (const fail of running) fail();
  });
  for (const [i, { at, takes }] of calls.entries()) {
    const task = nodes.route(({ name }) => {
      if (name === 'a' && dead) throw new Error('refused');
      log.begun[i] = (log.begun[i] as number) + 1;
      return new Promise<number>((resolve, reject) => {
        const fail = (): void => reject(Object.assign(new Error('dead'), { retryable: false }));
        if (name === 'a') running.add(fail);
        clock.schedule(takes, () => {
          running.delete(fail);
          resolve(i);
        });
      });
    });
    clock.schedule(at, () => log.execute(i, task));
  }
  await clock.advance(5_000);
  return { ...log.ends(), inFlight };
}

/** Times are drawn from few, so that things fall due together. */
function drawn(random: Random): { schedule: Schedule; switches: Switch[]; dies: Milliseconds } {
  const below = (count: number): number => Math.floor(random() * count);
  const time = (): Milliseconds => 5 * below(13);
  const of = <T>(values: readonly T[]): T => values[below(values.length)] as T;
  const many = <T>(most: number, make: () => T): T[] => Array.from({ length: below(most + 1) }, make);
  return {
    schedule: { calls: many(20, () => ({ at: time(), takes: time() })), returning: random() < 0.5 },
    switches: many(5, () => ({
      at: time(),
      to: of(names),
      timeout: of(timeouts),
      confirms: { after: time(), by: of(answers) },
    })),
    dies: time(),
  };
}

const schedules = 10_000;

export const switchover: Scenario = {
  name: 'switchover',
  title: 'Switching over, prepared and not',
  about: `For each seed ${schedules.toLocaleString('en')} random schedules, which makes a hundred thousand: up to 20 calls come within 60 ms, and take up to 60
ms each. Either \`switchTo\` is called up to five times meanwhile, for any of three targets, with confirmations that are
given, refused or late; or the active one of two just dies, and what it was doing must not be tried again.`,
  async run(seeds, progress) {
    const sums = { prepared: new Map<string, number>(), unprepared: new Map<string, number>() };
    const add = (to: Map<string, number>, counts: object): void => {
      for (const [name, count] of Object.entries(counts)) to.set(name, (to.get(name) ?? 0) + Number(count));
    };
    await forEachSeed(seeds, `${schedules} schedules`, progress, async (seed) => {
      const random = seededRandom(seed);
      for (let i = 0; i < schedules; i++) {
        const { schedule, switches, dies } = drawn(random);
        const { faults, ...counts } = await prepared({ ...schedule, switches });
        add(sums.prepared, { ...counts, faults: faults.length });
        add(sums.unprepared, await unprepared({ ...schedule, dies }));
      }
    });
    const count = (way: keyof typeof sums, name: string): number => sums[way].get(name) ?? Number.NaN;
    const shown = (way: keyof typeof sums, name: string): string => count(way, name).toLocaleString('en');
    const none = (what: string, way: keyof typeof sums, ...names: string[]): Requirement => ({
      what: `${way}: ${what}`,
      value: names.reduce((sum, name) => sum + count(way, name), 0),
      unit: 'calls',
      atMost: 0,
    });
    const cells = (way: keyof typeof sums): string[] =>
      ['calls', 'lost', 'failed', 'notOnce'].map((name) => shown(way, name));
    return {
      header: ['', 'calls', 'without an end', 'failed', 'not begun exactly once'],
      rows: [
        [
          `prepared: ${shown('prepared', 'switched')} switches, ${shown('prepared', 'refused')} refused`,
          ...cells('prepared'),
        ],
        [`unprepared: ${shown('unprepared', 'inFlight')} calls in flight at a death`, ...cells('unprepared')],
      ],
      figures: [
        none('lost', 'prepared', 'lost'),
        none('begun twice, or never', 'prepared', 'notOnce'),
        none('failed', 'prepared', 'failed'),
        none('at two targets at once, asked too early, or not as confirmed', 'prepared', 'mixed', 'faults', 'pending'),
        {
          what: 'unprepared: failed, of those in flight',
          value: (100 * count('unprepared', 'failed')) / count('unprepared', 'inFlight'),
          unit: '%',
          atMost: 100,
        },
        none('without an end, or begun twice', 'unprepared', 'lost', 'notOnce'),
      ],
      charts: [],
    };
  },
};
