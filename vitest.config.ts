import { defineConfig } from 'vitest/config';

const property = 'test/**/*.property.test.ts';
const simulation = 'test/simulation/**/*.test.ts';
const many = { setupFiles: ['test/setup.ts'], testTimeout: 60_000 };
const { CI, FC_RUNS, FC_SEED } = process.env;

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
      { extends: true, test: { name: 'unit', include: ['test/**/*.test.ts'], exclude: [property, simulation] } },
      { extends: true, test: { name: 'property', include: [property], ...many } },
      { extends: true, test: { name: 'simulation', include: [simulation], ...many } },
    ],
  },
});
