import assert from 'node:assert/strict';
import fc from 'fast-check';
import { test } from 'vitest';
import { type LoadThroughOptions, loadThrough } from '../../src/compositions/load-through.ts';
import { pipeline } from '../../src/core/pipeline.ts';
import { retry } from '../../src/policies/retry.ts';
import { timeout } from '../../src/policies/timeout.ts';
import { ManualClock } from '../../src/testing/manual-clock.ts';

/** Changes of a key are numbered in the order they are asked for; a row that was deleted keeps the number of that. */
interface Row {
  readonly version: number;
  readonly deleted: boolean;
}

const keys = ['a', 'b'] as const;
type Key = (typeof keys)[number];

const step = fc.record({
  at: fc.integer({ min: 0, max: 150 }),
  what: fc.constantFrom('set', 'set', 'set', 'delete', 'get', 'get', 'get', 'flush', 'forget'),
  key: fc.constantFrom(...keys),
  aborts: fc.option(
    fc.integer({ min: 0, max: 80 }).map((ms) => ms + 0.5),
    { freq: 3 },
  ),
  // Of the call of the source that is made next: how long it takes, and what becomes of it.
  takes: fc.integer({ min: 0, max: 60 }).map((ms) => ms + 0.25),
  fate: fc.constantFrom('ok', 'ok', 'ok', 'fails', 'fails though it took effect'),
});

const setting = fc.record({
  write: fc.constantFrom('behind' as const, 'behind' as const, 'through' as const, 'around' as const),
  many: fc.boolean(),
  maxEntries: fc.constantFrom(1, 2),
  policy: fc.constantFrom('none', 'retry', 'retry and timeout'),
  delay: fc.constantFrom(0, 10, 50),
  maxBuffered: fc.constantFrom(1, 1, 2),
  maxConcurrent: fc.constantFrom(1, 10),
  full: fc.constantFrom('wait' as const, 'through' as const),
  closes: fc.integer({ min: 100, max: 300 }),
});

/** The changes of one key: what was asked for, acknowledged, given up and sent, and what the database has by now. */
class History {
  row: Row = { version: 0, deleted: true };
  asked = 0;
  readonly deletions: number[] = [];
  readonly acknowledged: number[] = [];
  readonly givenUp: Set<number> = new Set();
  readonly running: Set<number> = new Set();
  readonly before: Map<number, number> = new Map();
  sent = 0;

  /** What must have arrived, or be on its way. */
  get due(): number {
    return Math.max(0, ...this.acknowledged.filter((version) => !this.givenUp.has(version)));
  }

  /** A write is sent: which one, and those it took the place of. */
  send(version: number): void {
    if (version > this.sent) this.before.set(version, this.sent);
    this.sent = version;
  }

  /** With a write all those are given up whose place it took. A deletion does not say which of several it is: any. */
  giveUp(version: number | undefined): void {
    const least = version === undefined ? 0 : (this.before.get(version) as number);
    for (let i = version ?? Math.max(...this.deletions); i > least; i--) this.givenUp.add(i);
  }
}

test('nothing accepted is lost in silence, no write undoes a newer one, no read is older than what was acknowledged [99]', async () => {
  let [arrived, lost, coalesced] = [0, 0, 0];
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 40 }), setting, async (steps, set) => {
      const clock = new ManualClock();
      const histories = new Map(keys.map((key) => [key, new History()]));
      const of = (key: Key): History => histories.get(key) as History;
      const faults: string[] = [];
      const hold = (law: string, holds: boolean): void => void (holds || faults.push(law));
      let calls = 0;
      let calm = false;

      /** A slow database: each call takes its time, and may fail, before or after it took effect. */
      const base = (run: () => void): Promise<void> => {
        const { takes, fate } = steps[calls++ % steps.length] as (typeof steps)[number];
        return new Promise((resolve, reject) => {
          clock.schedule(calm ? 0 : takes, () => {
            if (calm || fate !== 'fails') run();
            if (calm || fate === 'ok') resolve();
            else reject(new Error(fate));
          });
        });
      };
      const load = async (key: Key): Promise<Row> => {
        const { row } = of(key);
        await base(() => {});
        return row;
      };
      const write = (key: Key, version: number | undefined): Promise<void> => {
        const history = of(key);
        const { deletions, running } = history;
        const least = version ?? deletions.find((deletion) => deletion >= history.sent) ?? 0;
        hold('a write was sent after a newer one', least >= history.sent);
        hold(
          'two writes of a key ran at once',
          [...running].every((other) => other === least),
        );
        if (least > history.sent) coalesced += least - history.sent - 1;
        history.send(least);
        running.add(least);
        return base(() => {
          arrived++;
          history.row = { version: version ?? Math.max(...deletions), deleted: version === undefined };
        }).finally(() => running.delete(least));
      };

      const { many, policy, delay, maxBuffered, maxConcurrent, full } = set;
      const again = retry({ maxAttempts: 2, clock, random: () => 0.5 });
      const bound = timeout({ duration: 30, clock });
      const outcome = (key: Key): Promise<Row | Error> => load(key).catch((error: Error) => error);
      const options: LoadThroughOptions<Key, Row> = {
        ...(many ? { loadMany: (asked) => Promise.all(asked.map(outcome)) } : { load }),
        store: (key, { version }) => write(key, version),
        delete: (key) => write(key, undefined),
        write: set.write,
        cache: { maxEntries: set.maxEntries },
        pipeline: policy === 'none' ? pipeline() : policy === 'retry' ? again : pipeline(again, bound),
        clock,
      };
      if (set.write === 'behind') {
        const onFailed = ({ key, value }: { key: Key; value: Row | undefined }): void => {
          lost++;
          of(key).giveUp(value?.version);
        };
        options.behind = { delay, maxBuffered, maxConcurrent, full, onFailed };
      }
      const values = loadThrough(options);

      let open = 0;
      const heard = (promise: Promise<unknown>, then?: (value: unknown) => void): void => {
        open++;
        void promise.then(then, () => {}).then(() => open--);
      };
      for (const { at, what, key, aborts } of steps) {
        clock.schedule(at, () => {
          const controller = new AbortController();
          if (aborts !== null) clock.schedule(aborts, () => controller.abort());
          const { signal } = controller;
          const history = of(key);
          if (what === 'forget') values.forget(key);
          else if (what === 'get') {
            const { due } = history;
            heard(values.get(key, { signal }), (row) => {
              const isOld = (row as Row).version < due && !history.givenUp.has(due);
              hold('a read was older than what had been acknowledged', !isOld);
            });
          } else if (what === 'flush') {
            const waited = [...values.pending.keys()].map((each) => [of(each), of(each).due] as const);
            heard(values.flush({ signal }), () => {
              for (const [{ row, givenUp }, due] of waited) {
                hold('what was flushed has not arrived', row.version >= due || givenUp.has(due));
              }
            });
          } else {
            const version = ++history.asked;
            if (what === 'delete') history.deletions.push(version);
            const change =
              what === 'set'
                ? values.set(key, { version, deleted: false }, { signal })
                : values.delete(key, { signal });
            heard(change, () => {
              history.acknowledged.push(version);
              if (set.write !== 'behind') hold('acknowledged, and not there', history.row.version >= version);
            });
          }
        });
      }
      clock.schedule(set.closes, () => heard(values.close()));
      await clock.advance(60_000);

      assert.deepEqual(faults, []);
      assert.equal(open, 0);
      assert.equal(values.pending.size, 0);
      for (const [key, { row, due }] of histories) assert.ok(row.version >= due, `${key}: ${due} was lost`);
      calm = true;
      const read = Promise.all(keys.map((key) => values.get(key)));
      await clock.advance(1_000);
      assert.deepEqual(
        await read,
        keys.map((key) => of(key).row),
      );
      assert.equal(clock.pending, 0);
    }),
  );
  // All that is tried does happen.
  assert.ok(arrived > 0 && lost > 0 && coalesced > 0, `${arrived} arrived, ${lost} lost, ${coalesced} coalesced`);
});
