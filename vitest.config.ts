import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { playwright } from '@vitest/browser-playwright';
import { defineConfig, type TestProjectInlineConfiguration } from 'vitest/config';

const page = 'test/browser/**/*.test.ts';
const property = 'test/**/*.property.test.ts';
const simulation = 'test/simulation/**/*.test.ts';
const faults = 'test/faults/**/*.test.ts';
const many = { setupFiles: ['test/setup.ts'], testTimeout: 60_000 };
const { CI, FC_RUNS, FC_SEED } = process.env;

/** Debian's own: what test tools download for themselves is not to be had everywhere. */
const chromium = (process.env.PATH ?? '')
  .split(delimiter)
  .map((folder) => join(folder, 'chromium'))
  .find((file) => existsSync(file));
if (chromium === undefined) console.warn('There is no chromium on the PATH: the tests of pages are left out.');
const launchOptions = {
  ...(chromium !== undefined && { executablePath: chromium }),
  // Nothing but the tests goes out.
  args: [
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
  ],
};
const browser: TestProjectInlineConfiguration = {
  extends: true,
  test: {
    name: 'browser',
    include: [page],
    globalSetup: ['test/browser/upstream.ts'],
    browser: {
      enabled: true,
      headless: true,
      screenshotFailures: false,
      provider: playwright({ launchOptions }),
      instances: [{ browser: 'chromium' }],
    },
  },
};

export default defineConfig({
  cacheDir: 'node_modules/.cache/vite',
  test: {
    reporters: ['default', './test/reporter.ts'],
    // Property tests run FC_RUNS histories each, from FC_SEED on where one is given: a failure prints both.
    provide: { runs: Number(FC_RUNS ?? 100), seed: FC_SEED === undefined ? undefined : Number(FC_SEED) },
    coverage: {
      enabled: CI === 'true',
      provider: 'v8',
      include: ['src/**/*.ts'],
      reporter: ['text-summary', 'lcovonly'],
      reportsDirectory: 'node_modules/.cache/coverage',
      thresholds: { lines: 95, functions: 95, statements: 95, branches: 90 },
    },
    projects: [
      {
        extends: true,
        test: { name: 'unit', include: ['test/**/*.test.ts'], exclude: [property, simulation, faults, page] },
      },
      { extends: true, test: { name: 'property', include: [property], ...many } },
      { extends: true, test: { name: 'simulation', include: [simulation], ...many } },
      {
        extends: true,
        test: {
          name: 'faults',
          include: [faults],
          globalSetup: ['test/faults/bundle.ts'],
          // Real processes, and real time: the limit is for what hangs, and two at once, for they mostly wait.
          testTimeout: 30_000,
          isolate: false,
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
        },
      },
      // Where all must be shown, a browser that is missing is a failure.
      ...(chromium !== undefined || CI === 'true' ? [browser] : []),
    ],
  },
});
