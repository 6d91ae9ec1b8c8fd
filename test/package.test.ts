import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, test } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));
const tsc = join(root, 'node_modules/.bin/tsc');
// A user's project with holdfast installed, as built.
const user = join(root, 'node_modules/.cache/user');
const installed = join(user, 'node_modules/holdfast');
const entries = [
  'holdfast',
  'holdfast/dns',
  'holdfast/fetch',
  'holdfast/http-cache',
  'holdfast/testing',
  'holdfast/package.json',
];
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

beforeAll(() => {
  rmSync(user, { recursive: true, force: true });
  mkdirSync(installed, { recursive: true });
  copyFileSync(join(root, 'package.json'), join(installed, 'package.json'));
  writeFileSync(join(user, 'package.json'), '{ "type": "module" }');
  execFileSync(tsc, ['--noCheck', '--outDir', join(installed, 'dist')], { cwd: root });
}, 30_000);

test('every entry can be imported, and required', () => {
  const code = `
    for (const entry of ${JSON.stringify(entries.slice(0, -1))}) {
      if ((await import(entry)) !== createRequire(import.meta.url)(entry)) throw new Error(entry);
    }`;
  writeFileSync(join(user, 'load.js'), `import { createRequire } from 'node:module';\n${code}`);
  execFileSync(process.execPath, [join(user, 'load.js')], { stdio: 'pipe' });
  assert.deepEqual(
    Object.keys(manifest.exports).map((path) => path.replace('.', 'holdfast')),
    entries,
  );
});

test.each([
  ['dom', ['es2022,dom', '--types', '']],
  ["node's own types", ['es2022', '--types', 'node', '--typeRoots', join(root, 'node_modules/@types')]],
])(
  'its types need nothing of their user but es2022 and %s',
  (_, library) => {
    const imports = entries
      .slice(0, -1)
      .map((entry, i) => `import * as entry${i} from '${entry}';\nexport { entry${i} };`);
    writeFileSync(join(user, 'use.ts'), imports.join('\n'));
    const strict = ['--ignoreConfig', '--noEmit', '--strict', '--exactOptionalPropertyTypes', '--module', 'nodenext'];
    const { stdout } = spawnSync(tsc, [...strict, '--target', 'es2022', '--lib', ...library, 'use.ts'], {
      cwd: user,
      encoding: 'utf8',
    });
    assert.equal(stdout, '');
  },
  30_000,
);

test('tslib is the only dependency, nothing runs at installation, and no address is locked', () => {
  assert.deepEqual(Object.keys(manifest.dependencies), ['tslib']);
  assert.deepEqual(
    Object.keys(manifest.peerDependencies).filter((name) => !manifest.peerDependenciesMeta[name]?.optional),
    [],
  );
  assert.deepEqual(
    Object.keys(manifest.scripts).filter((name) => /install|prepare$/.test(name)),
    [],
  );
  const locked = Object.values(JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages);
  assert.deepEqual(
    locked.filter(
      (entry) => Object.hasOwn(entry as object, 'resolved') || Object.hasOwn(entry as object, 'hasInstallScript'),
    ),
    [],
  );
});
