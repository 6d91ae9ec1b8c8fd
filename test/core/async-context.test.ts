import assert from 'node:assert/strict';
import { AsyncLocalStorage } from 'node:async_hooks';
import { test } from 'vitest';
import { guard, pipeline, recovery } from '../../src/core/pipeline.ts';
import type { Context, Policy } from '../../src/core/policy.ts';
import { bulkhead } from '../../src/policies/bulkhead.ts';
import { fallback } from '../../src/policies/fallback.ts';
import { retry } from '../../src/policies/retry.ts';
import { timeout } from '../../src/policies/timeout.ts';
import { deferred, turn, ways } from './support.ts';

const boom = new Error('boom');
const storage = new AsyncLocalStorage<string>();

/** Runs calls of several callers at once: each must find its own store in every part of its call. */
async function sideBySide(policy: Policy<unknown>, task: (attempt: number) => unknown): Promise<void> {
  for (const [way, call] of Object.entries(ways)) {
    const callers = ['ada', 'grace', 'edsger'].map((caller) =>
      storage.run(caller, async () => {
        let tries = 0;
        await call(policy, ({ attempt }) => {
          tries++;
          assert.equal(storage.getStore(), caller, `${way}, try ${attempt}`);
          return task(attempt);
        }).catch((error: unknown) => assert.equal(error, boom));
        assert.equal(storage.getStore(), caller);
        return tries;
      }),
    );
    await Promise.all(callers);
  }
}

const failing = (attempt: number): Promise<string> => (attempt < 3 ? Promise.reject(boom) : Promise.resolve('value'));
const throwing = (attempt: number): string => {
  if (attempt < 3) throw boom;
  return 'value';
};

test('every try runs in the async context of its caller, whatever lies between two of them [R4, R5, 81]', async () => {
  for (const again of [0, 1, 3]) {
    await sideBySide(retry({ maxAttempts: 3, backoff: () => again }), failing);
    await sideBySide(retry({ maxAttempts: 3, backoff: () => again }), throwing);
    await sideBySide(
      pipeline(guard({ leave() {} }), retry({ maxAttempts: 3, backoff: () => again }), timeout({ duration: 1_000 })),
      failing,
    );
  }
});

test('so it does after a hundred delays of nothing, some of which take a turn [R5, 81]', async () => {
  const policy = recovery({ recover: (_, { attempt }) => (attempt < 100 ? { again: 0 } : undefined) });
  await sideBySide(policy, () => Promise.reject(boom));
});

test('what recoveries, guards and listeners are asked and told, they hear in the context of the caller [R4, R5, 81]', async () => {
  const owner = (context: { readonly priority: number }): string => ['ada', 'grace'][context.priority] as string;
  const seen: string[] = [];
  const note = (what: string, context: { readonly priority: number }): void => {
    assert.equal(storage.getStore(), owner(context), what);
    seen.push(what);
  };
  const policy = pipeline(
    recovery<string>({
      async recover(_, context) {
        note('recover', context);
        await turn();
        return { instead: turn().then(() => 'other') };
      },
    }),
    guard<void>({
      async enter(context) {
        note('enter', context);
        await turn();
      },
      leave: (_, __, context) => note('leave', context),
    }),
  );
  const callers = ['ada', 'grace'].map((caller, priority) =>
    storage.run(caller, () => policy.execute(() => turn().then(() => Promise.reject(boom)), { priority })),
  );
  assert.deepEqual(await Promise.all(callers), ['other', 'other']);
  assert.deepEqual(seen.sort(), ['enter', 'enter', 'leave', 'leave', 'recover', 'recover']);
});

test('who has waited in line runs in his own context, not in that of whoever made room [81, K23]', async () => {
  const slots = bulkhead({ maxConcurrent: 1, maxQueued: 10 });
  for (const policy of [slots, pipeline(retry({ maxAttempts: 1 }), slots, timeout({ duration: 1_000 }))]) {
    await sideBySide(policy, () => turn().then(() => 'value'));
    await sideBySide(policy, () => 'value');
  }
});

test('a fallback answers in the context of its caller [81]', async () => {
  const gate = deferred();
  const answers = ['ada', 'grace'].map((caller) =>
    storage.run(caller, () =>
      fallback({ with: () => storage.getStore() }).execute(async () => {
        await gate.promise;
        throw boom;
      }),
    ),
  );
  storage.run('opener', () => gate.resolve(undefined));
  assert.deepEqual(await Promise.all(answers), ['ada', 'grace']);
});

test('a task in the context of another runs in the async context it was called in [81]', async () => {
  const inner = pipeline(retry({ maxAttempts: 2, backoff: () => 0 }), guard({ leave() {} }));
  const outer = guard({ leave() {} });
  await storage.run('caller', () =>
    outer.execute((context) =>
      storage.run('inside', () =>
        inner.execute(({ attempt }) => {
          assert.equal(storage.getStore(), 'inside');
          return attempt < 2 ? Promise.reject(boom) : 'value';
        }, context),
      ),
    ),
  );
});

test('one timer stops the calls of many callers: a bound task keeps its own context in the next try, too [81]', async () => {
  const policy = pipeline(retry({ maxAttempts: 2, backoff: () => 0 }), timeout({ duration: 5 }));
  const callers = ['ada', 'grace', 'edsger'].map((caller) =>
    storage.run(caller, () => {
      const stores: unknown[] = [];
      const task = ({ attempt }: Context): Promise<unknown> => {
        stores.push(storage.getStore());
        return attempt < 2 ? new Promise(() => {}) : Promise.resolve(stores);
      };
      return policy.execute(AsyncLocalStorage.bind(task));
    }),
  );
  assert.deepEqual(await Promise.all(callers), [
    ['ada', 'ada'],
    ['grace', 'grace'],
    ['edsger', 'edsger'],
  ]);
});
