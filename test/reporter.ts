import type { Reporter, TestModule } from 'vitest/node';

/** Ends a run with `N passed, N failed`, alone on the last line: for programs. What failed outside any test counts too. */
export default class Counts implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], errors: readonly unknown[]): void {
    let passed = 0;
    let failed = errors.length;
    for (const module of modules) {
      failed += module.errors().length;
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        if (state === 'passed') passed++;
        else if (state !== 'skipped') failed++;
      }
    }
    process.once('exit', () => console.log(`${passed} passed, ${failed} failed`));
  }
}
