import fc from 'fast-check';
import { inject } from 'vitest';

declare module 'vitest' {
  interface ProvidedContext {
    runs: number;
    seed: number | undefined;
  }
}

const seed = inject('seed');
fc.configureGlobal({ numRuns: inject('runs'), ...(seed === undefined ? {} : { seed }) });
