import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { beforeAll, test } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));
const work = join(root, 'node_modules/.cache/docs');
const sources: Record<string, string> = {
  holdfast: '../../../src/index.ts',
  'holdfast/dns': '../../../src/adapters/dns.ts',
  'holdfast/fetch': '../../../src/adapters/fetch.ts',
  'holdfast/http-cache': '../../../src/adapters/http-cache.ts',
  'holdfast/testing': '../../../src/testing/testing.ts',
};

interface Block {
  /** Page and line, as an editor finds it. */
  readonly at: string;
  readonly file: string;
  readonly code: string;
  readonly runs: boolean;
}

/** Every block marked `ts` runs; one marked `ts no-run` (it needs what a test has not, or never ends) is only compiled. */
function blocks(page: string): Block[] {
  const text = readFileSync(join(root, page), 'utf8');
  return [...text.matchAll(/^```ts( no-run)?\n([\s\S]*?)^```$/gm)].map((match) => {
    const line = text.slice(0, match.index).split('\n').length + 1;
    const file = `${page.replace(/\W+/g, '-').toLowerCase()}-${line}`;
    // Lines stay where they are, so that the compiler's complaints fit the page.
    const code = (match[2] as string).replace(
      /(?<=from )'(holdfast[^']*)'/g,
      (_, name) => `'${sources[name] ?? name}'`,
    );
    return { at: `${page}:${line}`, file, code, runs: match[1] === undefined };
  });
}

const pages = [
  'README.md',
  ...readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.md') && !path.includes('node_modules'))
    .map((path) => `docs/${path}`),
].filter((page) => existsSync(join(root, page)));
const all = pages.flatMap(blocks);
let complaints = '';

beforeAll(() => {
  rmSync(work, { recursive: true, force: true });
  mkdirSync(work, { recursive: true });
  for (const { file, code } of all) writeFileSync(join(work, `${file}.ts`), code);
  const options = { rootDir: '../../..', outDir: 'out', noEmit: false, noEmitOnError: false, noUnusedLocals: false };
  const settings = { extends: '../../../test/tsconfig.json', compilerOptions: options, include: ['*.ts'], exclude: [] };
  writeFileSync(join(work, 'tsconfig.json'), JSON.stringify(settings));
  complaints = spawnSync(join(root, 'node_modules/.bin/tsc'), ['-p', work], { cwd: work, encoding: 'utf8' }).stdout;
}, 60_000);

/** As GitHub names the headings of a page. */
function anchors(text: string): string[] {
  return [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

test('every link within README and docs leads somewhere', () => {
  const broken = pages.flatMap((page) =>
    [...readFileSync(join(root, page), 'utf8').matchAll(/\]\((?!https:)([^)#\s]*)#?([^)\s]*)\)/g)]
      .filter(([, path = '', anchor = '']) => {
        const target = path === '' ? join(root, page) : join(root, dirname(page), path);
        return !existsSync(target) || (anchor !== '' && !anchors(readFileSync(target, 'utf8')).includes(anchor));
      })
      .map(([link]) => `${page}: ${link}`),
  );
  assert.deepEqual(broken, []);
});

test('every code block of README and docs compiles', () => {
  const at = (_: string, file: string, line: string) => {
    const [page, first] = (all.find((block) => block.file === file)?.at ?? file).split(':');
    return `${page}:${Number(first) + Number(line) - 1}`;
  };
  assert.equal(complaints.replace(/^([\w-]+)\.ts\((\d+),\d+\)/gm, at), '');
});

for (const { at, file } of all.filter(({ runs }) => runs)) {
  test.concurrent(`the example at ${at} runs, and ends by itself`, async () => {
    const out = join(work, 'out/node_modules/.cache/docs', `${file}.js`);
    await promisify(execFile)(process.execPath, [out], { timeout: 20_000 });
  }, 30_000);
}
