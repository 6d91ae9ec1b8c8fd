import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, test } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
const compiled = join(root, 'node_modules/.cache/process');

// To start a process takes its time on a busy machine.
const patient = { timeout: 30_000 };

beforeAll(() => {
  execFileSync(join(root, 'node_modules/.bin/tsc'), ['--noCheck', '--outDir', compiled], { cwd: root });
  writeFileSync(join(compiled, 'package.json'), '{ "type": "module" }');
}, 30_000);

/** Runs code in a process of its own, which must end by itself, long before the minute of its policies is over. */
function run(code: string): string {
  const names = 'bulkhead, circuitBreaker, fallback, guard, held, pipeline, recovery, retry, systemClock, timeout';
  const { status, signal, stdout, stderr } = spawnSync(
    process.execPath,
    ['--input-type=module', '--eval', `import { ${names} } from './index.js';\n${code}`],
    { cwd: compiled, encoding: 'utf8', timeout: 20_000 },
  );
  assert.deepEqual({ status, signal, stderr }, { status: 0, signal: null, stderr: '' });
  return stdout.trim();
}

test('once its calls are over, however they ended, nothing keeps a process alive [39, 103]', patient, () => {
  const output = run(`
    const minute = { duration: 60_000 };
    const boom = new Error('boom');
    const never = () => new Promise(() => {});
    const fail = () => { throw boom; };
    const settle = (promise) => promise.then(() => 'value', () => 'error');
    const results = [];
    for (const mode of ['aggressive', 'cooperative']) {
      const policy = pipeline(retry({ maxAttempts: 1 }), circuitBreaker(), bulkhead({ maxConcurrent: 2, maxQueued: 9, maxWait: 60_000 }), timeout({ ...minute, mode }));
      results.push(await settle(policy.execute(() => 1)), await settle(policy.execute(async () => 1)));
      results.push(await settle(policy.execute(fail)), await settle(policy.execute(async () => fail())));
      const controller = new AbortController();
      const calls = [never, never, never].map((task) => settle(policy.execute(task, { signal: controller.signal, deadline: performance.now() + 50_000 })));
      controller.abort();
      results.push(...await Promise.all(calls));
    }
    const sleeping = new AbortController();
    const asleep = settle(retry({ backoff: () => 60_000 }).execute(fail, { signal: sleeping.signal }));
    setImmediate(() => sleeping.abort());
    results.push(await asleep, await settle(retry({ maxAttempts: 3, backoff: () => 0 }).execute(fail)));
    results.push(await settle(pipeline(fallback({ value: 1 }), timeout({ duration: 1 })).execute(never)));
    results.push(await settle(timeout(minute).execute(() => held('value', Promise.resolve()))));
    console.log(results.join(' '));
  `);
  const each = 'value value error error error error error';
  assert.equal(output, `${each} ${each} error error value value`);
});

test('a pending deadline holds the process [40]', patient, () => {
  assert.equal(
    run(`timeout({ duration: 100 }).execute(() => new Promise(() => {})).catch(({ code }) => console.log(code));`),
    'ERR_TIMEOUT',
  );
});

test('so does a pending sleep, and a wait in line [40]', patient, () => {
  assert.equal(
    run(`
      retry({ maxAttempts: 2, backoff: () => 50 }).execute(({ attempt }) => { if (attempt === 1) throw 1; return 'slept'; }).then(console.log);
    `),
    'slept',
  );
  assert.equal(
    run(`
      const slots = bulkhead({ maxConcurrent: 1, maxQueued: 1, maxWait: 50 });
      slots.execute(() => new Promise(() => {}));
      slots.execute(() => {}).catch(({ code }) => console.log(code));
    `),
    'ERR_BULKHEAD_FULL',
  );
});

test(
  'a hundred thousand policies make no timer, nor do a hundred thousand calls leave one [39, 103, O11]',
  patient,
  () => {
    const output = run(`
    const alive = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
    const policies = Array.from({ length: 20_000 }, () => [
      retry(), circuitBreaker(), bulkhead({ maxConcurrent: 1 }), timeout({ duration: 1_000 }), fallback({ value: 1 }),
    ]);
    const made = alive();
    await Promise.all(policies.map((row) => pipeline(...row).execute(async () => 1)));
    console.log(made, alive());
  `);
    // The one is the step of the timeouts' queue, which ends by itself: else the process would not.
    assert.equal(output, '0 1');
  },
);

test('a timer that cannot be told to let go, as in browsers, breaks nothing [40]', patient, () => {
  const output = run(`
    // As in a browser: numbers for timers, and no immediates.
    const { setTimeout: set, clearTimeout: clear } = globalThis;
    const timers = new Map();
    let last = 0;
    globalThis.setTimeout = (run, delay) => { const id = ++last; timers.set(id, set(() => { timers.delete(id); run(); }, delay)); return id; };
    globalThis.clearTimeout = (id) => { clear(timers.get(id)); timers.delete(id); };
    delete globalThis.setImmediate;
    const policy = pipeline(retry({ maxAttempts: 2, backoff: () => 1 }), circuitBreaker(), timeout({ duration: 20 }));
    console.log(await policy.execute(() => 'in time'), await policy.execute(() => new Promise(() => {})).catch(({ code }) => code));
    const controller = new AbortController();
    await policy.execute(async () => 1, { signal: controller.signal });
    console.log(await policy.execute(({ attempt }) => { if (attempt === 1) throw 1; return 'again'; }));
  `);
  assert.deepEqual(output.split('\n'), ['in time ERR_TIMEOUT', 'again']);
});

test('what comes late, or fails with nobody to hear it, never ends a process [46, 101]', patient, () => {
  const output = run(`
    const boom = new Error('boom');
    const later = (run) => new Promise((resolve) => setTimeout(resolve, 20)).then(run);
    const fail = () => { throw boom; };
    const policies = [guard({}), guard({ leave() {} }), guard({ holds: true }), timeout({ duration: 5 }), retry({ maxAttempts: 2, backoff: () => 0 }),
      pipeline(retry({ maxAttempts: 2, backoff: () => 0 }), timeout({ duration: 5 })), pipeline(guard({}), { execute: (task, context) => task(context) }, timeout({ duration: 5 }))];
    const settled = [];
    for (const policy of policies) {
      for (const task of [() => later(fail), () => later(() => held('value', Promise.reject(boom))), () => ({ then: (_, no) => later(() => no(boom)) })]) {
        const controller = new AbortController();
        settled.push(policy.execute(task, { signal: controller.signal }), policy.execute(task));
        setTimeout(() => controller.abort('gone'), 10);
      }
    }
    console.log((await Promise.allSettled(settled)).length);
    await later(() => {});
  `);
  assert.equal(output, '42');
});

test(
  'fake timers that are gone before they have run leave no timeout and no clock behind that stands still [39, 52]',
  patient,
  () => {
    const output = run(`
    const { setTimeout: real, setImmediate: next } = globalThis;
    const limited = timeout({ duration: 20 });
    let before;
    for (let i = 0; i < 2; i++) {
      // As the fake timers of test runners do, when a test is over before they are moved on.
      globalThis.setTimeout = () => ({ unref() {} });
      globalThis.setImmediate = () => ({ unref() {} });
      await limited.execute(async () => 1);
      before = systemClock.coarse();
      Object.assign(globalThis, { setTimeout: real, setImmediate: next });
      console.log(await Promise.race([limited.execute(() => new Promise(() => {})).catch(({ code }) => code), new Promise((resolve) => real(resolve, 2_000, 'never'))]));
      console.log(systemClock.coarse() > before);
    }
    process.exit();
  `);
    assert.deepEqual(output.split('\n'), ['ERR_TIMEOUT', 'true', 'ERR_TIMEOUT', 'true']);
  },
);

test('where the depth of stacks cannot be set, errors come all the same', patient, () => {
  const output = run(`
    Object.freeze(Error);
    console.log(await timeout({ duration: 5 }).execute(() => new Promise(() => {})).catch(({ code }) => code));
    const breaker = circuitBreaker();
    breaker.open();
    console.log(await breaker.execute(() => 'in').catch(({ code }) => code));
  `);
  assert.deepEqual(output.split('\n'), ['ERR_TIMEOUT', 'ERR_CIRCUIT_OPEN']);
});
