import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';
import type { TestProject } from 'vitest/node';

declare module 'vitest' {
  interface ProvidedContext {
    /** The folder of the scripts that are run as processes of their own. */
    scripts: string;
  }
}

/** Makes plain files of what runs in other processes: not every version of Node runs TypeScript. */
export default async function build(project: TestProject): Promise<void> {
  const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
  const scripts = at('../../node_modules/.cache/faults');
  const bundle = await rolldown({ input: [at('server.ts'), at('client.ts')], platform: 'node' });
  await bundle.write({ dir: scripts, entryFileNames: '[name].mjs', chunkFileNames: '[name].mjs' });
  await bundle.close();
  project.provide('scripts', scripts);
}
